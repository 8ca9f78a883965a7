/* SPDX-License-Identifier: MIT */
/* device.h - one WireGuard interface: peers, sessions, the messages between them
 *
 * Theory of operation
 *
 * An instance of the module is one device. It does not wait, knows no clock and no socket: every call
 * from JavaScript says what time it is and returns; what is to be sent or delivered is passed to imports
 * (host.h) from inside the call. Their implementation calls nothing here.
 *
 * A peer has one handshake in progress and at most three sessions: `current` seals what is sent, `previous`
 * still opens what is under way, `next` is a session that we answered and that its peer has not used yet.
 * An index that we choose names each of them in messages for us (index.c).
 *
 * Files, lowest first:
 *
 *     index     finds a handshake or a session by our index
 *     cookie    mac1 and mac2, cookies, and the limit of handshakes under load
 *     session   keys in use: begin, promote, expire
 *     icmp      answers to packets that are not sent
 *     send      handshake messages and data out; packets that wait for a session
 *     timers    what is due at a time
 *     receive   messages in
 *     main      the calls of JavaScript
 *
 * Times are ms of a clock that only goes forward, 0 is never. Lengths and indices of a message are read once and
 * checked. A message costs one MAC before anything else is computed for it.
 */
#ifndef RINGSTACK_WIREGUARD_DEVICE_H
#define RINGSTACK_WIREGUARD_DEVICE_H

#include "noise.h"
#include "replay.h"

/* Times of the protocol, ms. */
#define REKEY_AFTER_TIME 120000.0
#define REJECT_AFTER_TIME 180000.0
#define REKEY_TIMEOUT 5000.0
#define KEEPALIVE_TIMEOUT 10000.0
#define REKEY_ATTEMPTS 18 /* 90 s */
#define JITTER 334.0
#define COOKIE_LIFE 120000.0
#define COOKIE_LATENCY 5000.0
/* An initiation of one peer sooner than this after its last one is dropped. */
#define INITIATION_INTERVAL 20.0
#define REKEY_AFTER_MESSAGES ((uint64_t)1 << 60)

#define MAX_PEERS 4096
#define MAX_STAGED 128
/* Packets that wait, of all peers. */
#define MAX_PACKETS 2048
#define HEADER_SIZE 16
#define LARGEST 65535
/* The least MTU of IPv6 (RFC 8200, 5). */
#define LEAST_V6 1280u

enum message { INITIATION = 1, RESPONSE = 2, COOKIE = 3, DATA = 4 };
#define INITIATION_SIZE 148
#define RESPONSE_SIZE 92
#define COOKIE_REPLY_SIZE 64
#define MACS_SIZE 32
#define TIMESTAMP_SIZE 12

/* Why something was dropped; in the order of DROPS in src/core.ts. */
enum drop {
    DROP_MALFORMED,   /* no message, or no IP packet */
    DROP_MAC,         /* mac1 is wrong */
    DROP_INDEX,       /* no handshake or session has this index */
    DROP_UNAUTHENTIC, /* a tag is wrong, or the peer is not known */
    DROP_REPLAY,      /* a counter or a timestamp that was there before */
    DROP_EXPIRED,     /* of a session that is too old */
    DROP_LOAD,        /* a handshake too many */
    DROP_NOT_ALLOWED, /* the peer may not send from this address */
    DROP_NO_PEER,     /* no peer has the destination, its place is not known, or a loop */
    DROP_NO_SESSION,  /* waited for a session that did not come, or too many waited */
    DROP_TOO_LARGE,   /* sealed, it is larger than its transport takes */
    DROPS
};

/* The place of a peer: a transport, and an address if that has any. */
struct endpoint {
    uint16_t transport;
    uint16_t port;
    uint32_t family; /* 4, 6, 0: none */
    uint8_t address[16];
};

struct session;

/* A place in the table of indices. */
struct entry {
    struct entry *next;
    struct peer *peer;
    struct session *session; /* NULL: the handshake of the peer */
    uint32_t index;          /* 0: not in the table */
};

struct session {
    struct entry entry;
    uint8_t send_key[KEY_SIZE];
    uint8_t receive_key[KEY_SIZE];
    double created; /* 0: the place is free */
    uint64_t sent;  /* counter of the next message */
    uint32_t remote_index;
    int is_initiator;
    struct replay replay;
};

enum state { IDLE, SENT_INITIATION, GOT_INITIATION };

struct handshake {
    struct noise noise;
    struct entry entry;
    uint32_t remote_index;
    enum state state;
    uint8_t timestamp[TIMESTAMP_SIZE]; /* the latest of the peer */
    double received;                   /* when its latest initiation came */
    double sent;                       /* when our latest one went */
};

/* Keys and values by which both sides prove that they receive at their address. */
struct cookie {
    uint8_t mac1_key[HASH_SIZE];
    uint8_t reply_key[HASH_SIZE];
    uint8_t value[COOKIE_SIZE];
    uint8_t mac1[COOKIE_SIZE]; /* of our latest handshake message */
    int is_asked;              /* a reply to that may come */
    double got;                /* 0: there is no value */
};

struct packet {
    struct packet *next;
    uint32_t length;
    uint8_t data[];
};

/* Times at which something is due, 0: nothing. */
struct timers {
    double retransmit;
    double keepalive;
    double rekey; /* data went out and nothing came back */
    double forget;
    double persistent;
    uint32_t attempts;
    int is_another; /* data came while `keepalive` was set */
    int is_last_minute;
};

struct peer {
    uint32_t number;
    uint8_t public_key[KEY_SIZE];
    uint8_t preshared[KEY_SIZE];
    uint8_t shared[KEY_SIZE]; /* secret of both static keys */
    int is_usable;            /* the secret is not all zeros */
    struct endpoint endpoint;
    int has_endpoint;
    uint32_t most; /* bytes of the largest packet, as its transport said last; 0: not yet */
    struct handshake handshake;
    struct cookie cookie;
    struct session *current, *previous, *next;
    struct session sessions[3];
    struct timers timers;
    struct packet *staged, *staged_last;
    uint32_t staged_count;
    double persistent; /* interval, ms; 0: off */
    uint64_t received_bytes, sent_bytes;
    double latest_handshake;
    struct peer *next_free;
};

struct device {
    uint8_t private_key[KEY_SIZE];
    uint8_t public_key[KEY_SIZE];
    int has_key;
    struct cookie own; /* keys of messages for us */
    uint8_t secret[HASH_SIZE];
    double secret_made;
    double tokens, tokens_at; /* handshakes that may come before we are under load */
    double rate;              /* of these, a second */
    double load_until;
    double refusals, refusals_at; /* answers of icmp.c that may be sent now */
    double now;
    double due; /* no timer is due before */
    uint32_t mtu;
    uint32_t peer_count; /* places in peers */
    struct peer *peers[MAX_PEERS];
    struct packet *free_packets;
    uint32_t packets;
    uint32_t drops[DROPS];
    uint32_t sent_initiations, sent_responses, sent_cookies;
};

extern struct device device;

/**
 * drop() - Count what is dropped
 * @reason: why
 */
static inline void drop(enum drop reason)
{
    device.drops[reason]++;
}

/**
 * set_timer() - Set a timer of a peer
 * @timer: it
 * @at: when
 */
static inline void set_timer(double *timer, double at)
{
    *timer = at;
    if (at < device.due) {
        device.due = at;
    }
}

/* ECN (RFC 3168), in the two low bits of the type of service. */
enum { ECN_NONE, ECN_ECT1, ECN_ECT0, ECN_CE };

/* index.c */
void index_add(struct entry *entry);
void index_remove(struct entry *entry);
struct entry *index_find(uint32_t index);

/* cookie.c */
enum verdict { REFUSED, ASK_COOKIE, ACCEPTED };
void cookie_keys(struct cookie *cookie, const uint8_t public_key[KEY_SIZE]);
void cookie_sign(struct peer *peer, uint8_t *message, uint32_t length);
enum verdict cookie_check(const uint8_t *message, uint32_t length, const struct endpoint *from);
void cookie_reply(const uint8_t *message, uint32_t length, const struct endpoint *to);
void cookie_take(struct peer *peer, const uint8_t *message);

/* session.c */
void session_begin(struct peer *peer, int is_initiator);
void session_promote(struct peer *peer);
void session_forget(struct peer *peer);
void handshake_forget(struct peer *peer);
int session_is_usable(const struct session *session);

/* icmp.c */
void refuse(const uint8_t *packet, uint32_t length, uint8_t *reply, uint32_t mtu);

/* send.c */
void send_initiation(struct peer *peer, int is_retry);
void send_response(struct peer *peer);
void send_keepalive(struct peer *peer);
void send_packet(struct peer *peer, uint32_t length);
void send_staged(struct peer *peer);
void drop_staged(struct peer *peer, int is_counted);

/* timers.c */
void timers_sent(struct peer *peer, int is_data);
void timers_received(struct peer *peer, int is_data);
void timers_initiated(struct peer *peer);
void timers_handshake_done(struct peer *peer);
void timers_run(void);

/* receive.c */
void receive_message(const uint8_t *message, uint32_t length, const struct endpoint *from,
                     uint32_t ecn);

#endif /* RINGSTACK_WIREGUARD_DEVICE_H */
