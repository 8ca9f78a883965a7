/* SPDX-License-Identifier: MIT */
/* dgram_rig.h - datagram sockets as the app sees them, and packets of UDP, ICMP and IPv6 made by hand
 *
 * The interface is the tap or tun of tap_rig.h. An app's datagram is what it writes (dg_send) or reads (dg_take), one
 * record each. Packets go in by give(), which makes their checksums; what the stack sends is taken by take_packet(),
 * which checks them, answers address resolution and leaves the link header away.
 */
#ifndef RINGSTACK_DGRAM_RIG_H
#define RINGSTACK_DGRAM_RIG_H

#include "tap_rig.h"

#define ICMP6 58u
#define UDP 17u

/* A packet of the stack: IP header on. */
struct packet {
    uint8_t bytes[FRAME_MOST];
    uint32_t length;
    uint8_t *body; /* behind the IP header, or behind hop-by-hop options too */
    uint32_t body_length;
    uint8_t link[14];
    uint8_t proto;
    uint8_t ttl;
};

static struct packet sent;
static uint8_t dg_bytes[70000];
static struct abi_datagram dg_record;
static uint32_t dg_heap; /* in use before a test opens anything */
static const uint8_t our_ip4[4] = { 10, 0, 0, 1 }, peer_ip4[4] = { 10, 0, 0, 2 };
static const uint8_t our_ip6[16] = { 0xfd, [15] = 1 }, peer_ip6[16] = { 0xfd, [15] = 2 };
static const uint8_t peer_local[16] = { 0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 2 };

/**
 * dg_start() - A stack with an interface of a kind, and loopback
 * @kind: IFACE_*
 */
static inline void dg_start(uint32_t kind)
{
    rig_start(32u << 20, 20000);
    rig_loopback();
    tap_start(kind, 1500, 1u << 16);
    rig_settle();
    tap_drop_all();
    dg_heap = heap_used();
}

/**
 * dg_stop() - Close the stack, which has to have given everything back itself
 */
static inline void dg_stop(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

/**
 * dg_command() - A command that opens a socket
 * @kind: SOCK_UDP, SOCK_ICMP, SOCK_ICMP6
 * @local: address, or NULL
 * @port: local port, or identifier
 * @remote: address, or NULL
 * @remote_port: its port
 *
 * Return: the command
 */
static inline struct cmd_socket dg_command(uint32_t kind, const char *local, uint16_t port,
                                           const char *remote, uint16_t remote_port)
{
    struct cmd_socket cmd = { .cmd.op = CMD_OPEN, .kind = kind, .rx_max = 1u << 18 };

    cmd.tx_max = 1u << 18;
    cmd.ttl = 64;
    cmd.multicast_ttl = 1;
    cmd.flags = DGRAM_BROADCAST | DGRAM_MULTICAST_LOOP;
    if (local) {
        cmd.local = address(local, port);
    }
    cmd.local.port = port;
    if (remote) {
        cmd.remote = address(remote, remote_port);
    }
    return cmd;
}

/**
 * dg_open() - Open a socket
 * @a: to fill in
 * @cmd: command
 *
 * Return: error of the answer
 */
static inline int dg_open(struct app *a, struct cmd_socket cmd)
{
    int err = rig_open(a, cmd);

    if (err == 0) {
        a->listener = 1; /* the rig leaves its rings alone */
        must(atomic_load(&a->pub->flags) == SOCK_OPEN);
    }
    return err;
}

static inline void dg_udp(struct app *a, const char *local, uint16_t port)
{
    ck_assert_int_eq(dg_open(a, dg_command(SOCK_UDP, local, port, NULL, 0)), 0);
}

/**
 * dg_put() - Write a datagram into tx
 * @a: socket
 * @record: its header
 * @data: payload
 * @length: its bytes
 *
 * Return: 1, 0: no room
 */
static inline int dg_put(struct app *a, const struct abi_datagram *record, const void *data,
                         uint32_t length)
{
    uint8_t *to;

    if (frame_reserve(&a->tx, sizeof(*record) + length, &to) != 0) {
        return 0;
    }
    memcpy(to, record, sizeof(*record));
    memcpy(to + sizeof(*record), data, length);
    must(frame_submit(&a->tx, sizeof(*record) + length) == 0);
    if (producer_notify(&a->tx)) {
        rig_cmd(CMD_KICK, a->handle, 0);
    }
    return 1;
}

/**
 * dg_send() - Send a seeded payload and let the stack do it
 * @a: socket
 * @to: address, NULL: the connected end
 * @port: its port
 * @length: of the payload
 */
static inline void dg_send(struct app *a, const char *to, uint16_t port, uint32_t length)
{
    struct abi_datagram record = { 0 };

    if (to) {
        record.remote = address(to, port);
    }
    seeded_fill(9, 0, dg_bytes, length);
    must(dg_put(a, &record, dg_bytes, length));
    rig_settle();
}

/**
 * dg_take() - Read a datagram of rx into dg_record and dg_bytes
 * @a: socket
 *
 * Return: bytes of the payload, -1: there is none
 */
static inline int dg_take(struct app *a)
{
    struct span frame;

    if (a->pub->rx.size[0] == 0 || frame_peek(&a->rx, a->pub->rx.size[0], &frame) != 0) {
        if (a->pub->rx.size[0]) {
            consumer_arm(&a->rx);
        }
        return -1;
    }
    must(frame.length >= sizeof(dg_record));
    memcpy(&dg_record, frame.data, sizeof(dg_record));
    memcpy(dg_bytes, frame.data + sizeof(dg_record), frame.length - sizeof(dg_record));
    frame_release(&a->rx);
    return (int)(frame.length - sizeof(dg_record));
}

/**
 * dg_seeded() - Take a datagram that has to be what dg_send() sends
 * @a: socket
 * @length: of its payload
 *
 * Return: 1 if there was one
 */
static inline int dg_seeded(struct app *a, uint32_t length)
{
    int taken = dg_take(a);

    if (taken < 0) {
        return 0;
    }
    ck_assert_int_eq(taken, (int)length);
    ck_assert_uint_eq(seeded_differs(9, 0, dg_bytes, length), 0);
    return 1;
}

/**
 * dg_member() - Join a group or leave it
 * @op: CMD_JOIN or CMD_LEAVE
 * @a: socket
 * @group: its address
 * @iface: handle, 0: any
 * @source: address, or NULL
 *
 * Return: error of the answer
 */
static inline int dg_member(uint32_t op, struct app *a, const char *group, uint32_t iface,
                            const char *source)
{
    struct cmd_group cmd = { .cmd.op = op, .group = address(group, 0), .iface = iface };

    cmd.cmd.handle = a->handle;
    if (source) {
        cmd.source = address(source, 0);
    }
    return rig_call(&cmd, sizeof(cmd));
}

/* --- Fixtures, and sockets in one line ----------------------------------------------------------- */

/* Not every program has a use for all three. */
static struct app a __attribute__((unused)), b __attribute__((unused)), c __attribute__((unused));

static inline void setup_tap(void)
{
    dg_start(IFACE_TAP);
}

static inline void setup_tun(void)
{
    dg_start(IFACE_TUN);
}

/**
 * link_cases() - Test cases for tests that are to run on both kinds of interface
 * @suite: gets them
 *
 * Return: that of a tap, that of a tun
 */
static inline TCase **link_cases(Suite *suite)
{
    static TCase *both[2];
    uint32_t i;

    both[0] = tcase_create("tap");
    both[1] = tcase_create("tun");
    tcase_add_checked_fixture(both[0], setup_tap, dg_stop);
    tcase_add_checked_fixture(both[1], setup_tun, dg_stop);
    for (i = 0; i < 2; i++) {
        tcase_set_timeout(both[i], 60);
        suite_add_tcase(suite, both[i]);
    }
    return both;
}

static inline int open_at(struct app *app, const char *local, uint16_t port, uint32_t flags)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, local, port, NULL, 0);

    cmd.flags |= flags;
    return dg_open(app, cmd);
}

static inline void drop(struct app *app)
{
    app_release(app);
    rig_settle();
}

static inline int connect_to(struct app *app, const char *local, uint16_t port, const char *remote,
                             uint16_t remote_port)
{
    return dg_open(app, dg_command(SOCK_UDP, local, port, remote, remote_port));
}

/* --- Packets ------------------------------------------------------------------------------------ */

/**
 * sum_of() - Checksum of a payload with its pseudo header
 * @ip: IP header, addresses in place
 * @proto: protocol
 * @body: payload
 * @length: its bytes
 *
 * Return: 0 if it is right
 */
static inline uint32_t sum_of(const uint8_t *ip, uint8_t proto, const uint8_t *body,
                              uint32_t length)
{
    uint32_t sum = proto == 1 || proto == 2 ? 0 : proto + length;

    if (ip[0] >> 4 == 6) {
        sum = sum_add(sum, ip + 8, 32);
    } else if (proto != 1 && proto != 2) {
        sum = sum_add(sum, ip + 12, 8);
    }
    return sum_fold(sum_add(sum, body, length));
}

/**
 * put_ip6() - Write an IPv6 header from the peer to the stack
 * @ip: where to
 * @next: next header
 * @length: of what follows
 * @ttl: hop limit
 */
static inline void put_ip6(uint8_t *ip, uint8_t next, uint32_t length, uint8_t ttl)
{
    memset(ip, 0, 40);
    ip[0] = 0x60;
    store16(ip + 4, length);
    ip[6] = next;
    ip[7] = ttl;
    memcpy(ip + 8, peer_ip6, 16);
    memcpy(ip + 24, our_ip6, 16);
}

/* Differences of a packet of give(). */
struct twist {
    const uint8_t *from, *to; /* addresses */
    uint8_t ttl;              /* 0: 64 */
    uint8_t wrong_sum;        /* the checksum of the payload is wrong */
    uint8_t no_sum;           /* it is 0 */
    uint8_t as_it_is;         /* it stays */
    uint16_t cut;             /* bytes the frame is shorter than it says */
};

/**
 * give() - Give the stack a packet
 * @family: 4 or 6
 * @proto: protocol
 * @body: payload, whose checksum is made
 * @length: its bytes
 * @twist: what is to be different
 */
static inline void give(int family, uint8_t proto, const void *body, uint32_t length,
                        struct twist twist)
{
    static uint8_t frame[FRAME_MOST];
    uint8_t *ip = put_link(frame, family == 4 ? 0x0800 : 0x86dd), *at;
    uint32_t header = family == 4 ? 20 : 40, size = family == 4 ? 4 : 16,
             where = proto == UDP ? 6 : 2;

    if (family == 4) {
        put_ip4(ip, proto, length, 1, 0);
        ip[8] = twist.ttl ? twist.ttl : 64;
    } else {
        put_ip6(ip, proto, length, twist.ttl ? twist.ttl : 64);
    }
    at = ip + (family == 4 ? 12 : 8);
    memcpy(at, twist.from ? twist.from : at, size);
    memcpy(at + size, twist.to ? twist.to : at + size, size);
    if (family == 4) {
        store16(ip + 10, 0);
        store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
        if (tap_link && twist.to && (twist.to[0] >= 224 || twist.to[3] == 255)) {
            memset(frame, 0xff, 6);
        }
    } else if (tap_link && twist.to && twist.to[0] == 0xff) {
        memset(frame, 0x33, 2);
        memcpy(frame + 2, twist.to + 12, 4);
    }
    memcpy(ip + header, body, length);
    at = ip + header;
    if (!twist.as_it_is && length >= where + 2) {
        store16(at + where, 0);
        if (!twist.no_sum) {
            uint32_t sum = sum_of(ip, proto, at, length);

            store16(at + where, (sum ? sum : 0xffff) ^ twist.wrong_sum);
        }
    }
    tap_give(frame, tap_link + header + length - twist.cut);
}

/**
 * give_udp() - Give the stack a datagram with a seeded payload
 * @family: 4 or 6
 * @from: port
 * @to: port
 * @length: of the payload
 * @twist: what is to be different
 */
static inline void give_udp(int family, uint16_t from, uint16_t to, uint32_t length,
                            struct twist twist)
{
    static uint8_t udp[2000];

    store16(udp, from);
    store16(udp + 2, to);
    store16(udp + 4, 8 + length);
    seeded_fill(9, 0, udp + 8, length);
    give(family, UDP, udp, 8 + length, twist);
}

/**
 * answer_neighbor() - Answer a neighbor solicitation, if a packet is one
 *
 * Return: 1 if sent was one
 */
static inline int answer_neighbor(void)
{
    uint8_t reply[32] = { 136, 0, 0, 0, 0x60 };

    if (sent.proto != ICMP6 || sent.body[0] != 135) {
        return 0;
    }
    memcpy(reply + 8, sent.body + 8, 16);
    reply[24] = 2;
    reply[25] = 1;
    memcpy(reply + 26, peer_mac, 6);
    give(6, ICMP6, reply, sizeof(reply),
         (struct twist){ .ttl = 255, .from = sent.body + 8, .to = sent.bytes + 8 });
    return 1;
}

/**
 * next_packet() - Take the oldest packet of the stack into sent
 *
 * Return: 1 if there is one
 */
static inline int next_packet(void)
{
    static uint8_t frame[FRAME_MOST];
    uint32_t length, v6, header;

    do {
        length = tap_take(frame);
        if (length == 0) {
            return 0;
        }
    } while (answer_arp(frame, length) || (tap_link && load16(frame + 12) == 0x0806));
    memcpy(sent.link, frame, tap_link);
    sent.length = length - tap_link;
    memcpy(sent.bytes, frame + tap_link, sent.length);
    v6 = sent.bytes[0] >> 4 == 6;
    header = v6 ? 40 : (sent.bytes[0] & 15u) * 4;
    sent.proto = v6 ? sent.bytes[6] : sent.bytes[9];
    if (v6 && sent.proto == 0) {
        sent.proto = sent.bytes[40];
        header += 8;
    }
    sent.ttl = v6 ? sent.bytes[7] : sent.bytes[8];
    sent.body = sent.bytes + header;
    sent.body_length = sent.length - header;
    if (v6) {
        must(load16(sent.bytes + 4) == sent.length - 40);
    } else {
        must(load16(sent.bytes + 2) == sent.length);
        must(sum_fold(sum_add(0, sent.bytes, header)) == 0);
    }
    return 1;
}

/**
 * take_packet() - Let the stack run and take its oldest packet that is none of address resolution
 *
 * Return: 1 if there is one; its checksum is right, unless it is a fragment
 */
static inline int take_packet(void)
{
    rig_settle();
    while (next_packet()) {
        int fragment =
            sent.proto == 44 || (sent.bytes[0] >> 4 == 4 && load16(sent.bytes + 6) & 0x3fff);

        if (!fragment) {
            must(sum_of(sent.bytes, sent.proto, sent.body, sent.body_length) == 0);
            if (answer_neighbor()) {
                rig_settle();
                continue;
            }
        }
        return 1;
    }
    return 0;
}

/**
 * take_udp() - Take a datagram of the stack with a seeded payload
 * @from: its source port
 * @to: its destination port
 * @length: of its payload
 */
static inline void take_udp(uint32_t from, uint32_t to, uint32_t length)
{
    must(take_packet() && sent.proto == UDP);
    ck_assert_uint_eq(load16(sent.body), from);
    ck_assert_uint_eq(load16(sent.body + 2), to);
    ck_assert_uint_eq(load16(sent.body + 4), 8 + length);
    ck_assert_uint_eq(sent.body_length, 8 + length);
    ck_assert_uint_eq(seeded_differs(9, 0, sent.body + 8, length), 0);
}

#endif /* RINGSTACK_DGRAM_RIG_H */
