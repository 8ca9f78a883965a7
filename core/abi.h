/* SPDX-License-Identifier: MIT */
/* abi.h - everything C shares with JavaScript: layouts, commands, events, codes
 *
 * core/abi_gen.c prints js/abi.ts from this file; a test regenerates and compares. Fixed-width
 * integers only. Places in the arena are u32 offsets from its start; 0 is "none" (the first
 * bytes of an arena are never handed out). In wasm an offset is an address.
 *
 * Who writes a field is said at the field: C (the thread that turns the stack), JS (the thread
 * that holds the public object), producer or consumer (of a ring, either side may be either).
 */
#ifndef RINGSTACK_ABI_H
#define RINGSTACK_ABI_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_MAGIC 0x52534b31u /* "RSK1" */
#define ABI_VERSION 1u

/* A line: producer's and consumer's words stay this far apart, so that they never share a line. */
#define ABI_LINE 64u

/* --- Arena ------------------------------------------------------------------------------------ */

#define ARENA_CTL 64u         /* offset of struct arena_ctl in every arena */
#define ARENA_PAGE_SHIFT 12u  /* the smallest block is one page of 4 KiB */
#define ARENA_ORDERS 19u      /* the largest block is 4 KiB << 18 = 1 GiB */
#define ARENA_MIN (1u << 20)  /* smallest arena, bytes */
#define ARENA_OWNER_SHARED 0u /* owner of what no stack owns */

/* Allocator state; every field but the first four is changed under lock. */
struct arena_ctl {
    uint32_t magic;
    uint32_t version;
    uint32_t size;       /* bytes of the whole arena */
    uint32_t first_page; /* page number of the first page that can be handed out */
    _Atomic uint32_t lock;
    uint32_t free_bytes;
    uint32_t total_bytes; /* free_bytes of the empty arena */
    uint32_t page_map;    /* offset of one byte a page: state and order of the block it heads */
    uint32_t owner_map;   /* offset of one u16 a page: owner of the block it heads */
    uint32_t next_owner;  /* last owner number given out */
    uint32_t heads[ARENA_ORDERS]; /* first free block of each order, or 0 */
};

/* --- Doorbell --------------------------------------------------------------------------------- */

/* One sleeper waits on a bell; anyone may ring it. */
struct bell {
    _Atomic uint32_t seq;      /* rings so far; the word the sleeper waits on */
    _Atomic uint32_t sleeping; /* written by the sleeper: how it wants to be woken, BELL_* */
};
#define BELL_AWAKE 0u /* not at all */
#define BELL_WAIT 1u  /* it waits on seq: Atomics.wait() or waitAsync() */
#define BELL_POST 2u  /* by a posted message, where there is no waitAsync() */

/* --- Rings (theory of operation: core/ring.h) ---------------------------------------------------- */

#define RING_LAYOUT_SIZE 192u

/* Header of a byte ring or a frame ring. */
struct ring {
    /* producer's line */
    _Atomic uint32_t tail;      /* position after the last byte submitted */
    _Atomic uint32_t room_mark; /* producer asks: ring room_bell when head passes this */
    _Atomic uint32_t gen;       /* buffer the producer writes: buf[gen & 1] */
    uint32_t switch_pos;        /* position from which on buf[gen & 1] holds the bytes */
    uint32_t want;              /* room the producer waits for, bytes (0: none) */
    uint32_t refused;           /* frames that did not fit when they came (counter) */
    uint32_t pad0[10];
    /* consumer's line */
    _Atomic uint32_t head;      /* position of the first byte not released */
    _Atomic uint32_t data_mark; /* consumer asks: ring data_bell when tail passes this */
    _Atomic uint32_t cons_gen;  /* the consumer has left all buffers before this one */
    uint32_t bad;               /* bad records dropped (counter) */
    _Atomic uint32_t takes; /* consumer takes frames up to this size, whatever the MTU (0: not) */
    uint32_t pad1[11];
    /* set up before use; buf[] and offered are written by the allocating side (C) alone */
    uint32_t buf[2];          /* offsets of the storage */
    uint32_t size[2];         /* their sizes: powers of two, or 0 */
    _Atomic uint32_t offered; /* generation that buf[]/size[] hold; the producer adopts it */
    _Atomic uint32_t
        data_bell; /* offset of the bell of who consumes, changed when a wire is plugged */
    _Atomic uint32_t room_bell; /* offset of the producer's bell */
    uint32_t pad2[9];
};

/* Record of a frame ring: this header, then length bytes, padded to FRAME_ALIGN. */
struct frame {
    uint32_t length; /* bytes of payload, or FRAME_SKIP: the rest up to the wrap is empty */
    uint32_t flags;  /* reserved, 0 */
};
#define FRAME_ALIGN 8u
#define FRAME_HEADER 8u
#define FRAME_SKIP 0xffffffffu

/* --- Addresses ------------------------------------------------------------------------------------- */

#define FAMILY_NONE 0u
#define FAMILY_IPV4 4u
#define FAMILY_IPV6 6u

/* Address, network byte order; IPv4 in the first four bytes. */
struct abi_addr {
    uint8_t bytes[16];
    uint16_t port;  /* host byte order, 0: none */
    uint8_t family; /* FAMILY_* */
    uint8_t prefix; /* prefix length in bits, where one is meant */
    uint32_t zone;  /* interface handle of a link-local address, 0: none */
};

/* --- Sockets ----------------------------------------------------------------------------------------- */

enum sock_kind { SOCK_FREE, SOCK_LISTENER, SOCK_STREAM };

/* Bits of sock.flags and of an EVENT_SOCK, all written by C. */
#define SOCK_OPEN 1u      /* the handshake is done: addresses are valid, rings may be used */
#define SOCK_EOF 2u       /* the peer sent FIN: rx ends at its tail */
#define SOCK_CLOSED 4u    /* nothing moves any more; error says why (0: both sides closed) */
#define SOCK_READABLE 8u  /* event only: bytes came after the consumer found rx empty */
#define SOCK_WRITABLE 16u /* event only: room came after the producer found tx full */
#define SOCK_SENT 32u     /* our FIN is acknowledged: every byte written has arrived */

/* The part of a socket that JS sees. JS reads it while it holds the handle, up to CMD_RELEASE. */
struct sock {
    struct ring tx; /* producer JS, consumer C: bytes stay until acknowledged */
    struct ring rx; /* producer C, consumer JS */
    uint32_t handle;
    uint32_t kind;
    _Atomic uint32_t flags;
    int32_t error;
    struct abi_addr local;
    struct abi_addr remote;
};

/* --- Interfaces ---------------------------------------------------------------------------------------- */

enum iface_kind { IFACE_LOOPBACK = 1, IFACE_TUN, IFACE_TAP };

#define IFACE_MTU_MAX 65520u
#define IFACE_MTU_MIN 576u
#define IFACE_ADDRS 4u /* at most one IPv4 and three IPv6 */
#define ETHERNET_HEADER 14u

/* Bits of cmd_iface.flags. */
#define IFACE_NO_CHECKSUM 1u   /* neither compute nor verify IP and TCP checksums */
#define IFACE_NO_LARGE_SEND 2u /* no frame above the MTU, whatever the other end of a wire takes */

/* The part of an interface that JS sees. */
struct iface {
    struct ring tx; /* producer C; consumer JS or, on a wire, the other stack */
    struct ring rx; /* producer JS; consumer C */
    uint32_t handle;
    uint32_t kind;
    uint32_t mtu;
    uint32_t frame_max;   /* largest frame either way: MTU, and the Ethernet header on a tap */
    uint32_t listening;   /* JS: tx has a consumer; without one frames are dropped and counted */
    uint32_t dropped;     /* C: frames dropped because nobody listens */
    uint32_t tx_packets;  /* C */
    uint32_t rx_packets;  /* C */
    uint64_t tx_bytes;    /* C */
    uint64_t rx_bytes;    /* C */
    uint32_t rx_invalid;  /* C: frames taken from rx that were too short */
    uint32_t rx_oversize; /* JS: frames too long to be put into rx */
    uint32_t rx_copied;   /* C: frames copied because lwIP may keep them (fragments, a full ring) */
    uint32_t tx_blocked;  /* C: frames that had to wait for room in tx */
    uint32_t tx_lost;     /* C: frames lost because neither tx nor memory had room */
    uint32_t port;        /* C: offset of the port of the thread it was handed to, 0: the app */
    struct abi_addr link_local; /* C: the IPv6 link-local address, FAMILY_NONE if there is none */
};

/* --- Ports -------------------------------------------------------------------------------------------- */

/* What C and one thread that holds public objects have in common besides these: commands, events, a
 * bell. The app has the one in stack_ctl; an object that is handed to another thread gets its own
 * (core/channel.c). */
struct port {
    struct ring commands;   /* producer: the thread; consumer: C */
    struct ring events;     /* producer: C; consumer: the thread */
    struct bell bell;       /* of the thread */
    _Atomic uint32_t state; /* PORT_*; what may follow what: core/channel.c */
    _Atomic uint32_t next;  /* thread: index of the port behind it in ctl.rung, 0: the last */
    uint32_t index;         /* C: what ctl.rung calls it */
    uint32_t engine_bell;   /* C: offset of the bell of the engine */
    uint32_t rung_list;     /* C: offset of ctl.rung */
    uint32_t key;           /* C: tells a port from what stood in its place before */
    uint32_t next_port;     /* C: offset of another port, 0: the last (for who finds C dead) */
    uint32_t pad[7];
};
#define PORT_OFFERED 1u  /* no thread has attached it yet */
#define PORT_ATTACHED 2u /* a thread uses it */
#define PORT_RECALLED 3u /* C asks the thread to let go: the object is going */
#define PORT_RELEASED 4u /* the thread uses neither port nor object any more */
#define PORT_RUNG 8u     /* a bit beside: set by the thread, cleared by C: it stands in ctl.rung */

/* --- Commands: records of port.commands, JS to C --------------------------------------------------------- */

enum command {
    CMD_IFACE_ADD = 1, /* cmd_iface; answered by EVENT_RESULT */
    CMD_IFACE_REMOVE,  /* cmd; answered */
    CMD_IFACE_WIRE,  /* cmd, value: offset of the ring to take frames from, 0: its own; answered */
    CMD_LISTEN,      /* cmd_socket; answered */
    CMD_CONNECT,     /* cmd_socket; answered at once, the outcome comes as EVENT_SOCK */
    CMD_ACCEPTED,    /* cmd: JS has taken the connection: it no longer counts for the backlog */
    CMD_KICK,        /* cmd: tx has bytes or wants room, or rx has room past its mark */
    CMD_SHUTDOWN,    /* cmd: FIN after the last byte of tx */
    CMD_DISCARD,     /* cmd: what still comes is thrown away */
    CMD_CLOSE,       /* cmd: a listener stops; connections JS was not told of are reset */
    CMD_ABORT,       /* cmd: RST */
    CMD_RELEASE,     /* cmd: JS forgets the handle; C frees what it may */
    CMD_NODELAY,     /* cmd, value: 1 sends small segments at once (default), 0 is Nagle's way */
    CMD_KEEPALIVE,   /* cmd, value: idle time before the first probe, ms; 0: off */
    CMD_SHARE_SOCK,  /* cmd: gives a connection a port of its own; answered: its key and place */
    CMD_SHARE_IFACE, /* cmd: the same for a tun or tap interface */
    CMD_RECALL, /* cmd, handle: of an interface, 0: all; takes back what was shared; answered at
                        once, iface.port and ctl.ports tell when the threads have let go */
    CMD_SYNC,   /* cmd: answered when all before it is carried out */
};

struct cmd {
    uint32_t op;
    uint32_t id; /* echoed in the answer */
    uint32_t handle;
    uint32_t value;
};

struct cmd_iface {
    struct cmd cmd;
    uint32_t kind;
    uint32_t mtu;
    uint32_t flags;
    uint32_t ring_size; /* bytes of each frame ring, a power of two */
    uint8_t mac[8];     /* first six */
    uint32_t addr_count;
    uint32_t gateway_count;
    struct abi_addr addrs[IFACE_ADDRS];
    struct abi_addr gateways[2];
};

struct cmd_socket {
    struct cmd cmd;
    struct abi_addr local;
    struct abi_addr remote;
    uint32_t rx_max;    /* receive buffer: bound of the rx ring and of the window, bytes */
    uint32_t tx_max;    /* send buffer: bound of the tx ring, bytes */
    uint32_t backlog;   /* CMD_LISTEN: connections not yet accepted */
    uint32_t nodelay;   /* 0 or 1 */
    uint32_t keepalive; /* ms, 0: off */
    uint32_t pad;
};

/* --- Events: records of port.events, C to JS ---------------------------------------------------------------- */

enum event_kind {
    EVENT_RESULT = 1, /* handle: of what was made; place: its struct; error */
    EVENT_SOCK,       /* bits: SOCK_*; error with SOCK_CLOSED */
    EVENT_ACCEPT,     /* id: listener's handle; handle, place: the connection's */
};

struct event {
    uint32_t kind;
    uint32_t id;
    uint32_t handle;
    uint32_t place;
    uint32_t bits;
    int32_t error;
};

/* --- Control block of a stack --------------------------------------------------------------------------------- */

/* Counters a stack publishes; C writes, anyone reads. */
struct stack_stats {
    uint32_t tcp_rexmit; /* segments sent again */
    uint32_t tcp_rx_segments;
    uint32_t tcp_tx_segments;
    uint32_t checksum_errors; /* IP, TCP and ICMP together */
    uint32_t input_drops;     /* packets lwIP dropped: malformed, not ours, no route back */
    uint32_t no_memory_drops; /* segments dropped for want of memory (the peer sends again) */
    uint32_t sockets;         /* slots in use */
    uint32_t heap_bytes;      /* in use by the stack in its heap */
    uint32_t ring_bytes;      /* storage of socket rings */
    uint32_t turns;
    uint64_t bytes_copied; /* payload and headers, each time they were copied in C */
};

struct stack_ctl {
    uint32_t magic;
    uint32_t version;
    uint32_t size;          /* sizeof(struct stack_ctl), for the handshake */
    uint32_t owner;         /* arena owner number */
    struct bell bell;       /* of the engine */
    uint32_t next_timer;    /* C: ms until the next timer, TIMER_NONE: nothing to time */
    uint32_t more;          /* C: work was left for another turn */
    _Atomic uint32_t rung;  /* threads push, C takes all: index of the last port with commands */
    uint32_t ports;         /* C: ports besides the app's */
    uint32_t first_port;    /* C: offset of the first of them */
    _Atomic uint32_t stop;  /* JS: a worker that turns the stack is to end */
    _Atomic uint32_t posts; /* C: the bell of somebody was rung who wants a posted message */
    uint32_t pad[3];
    struct port app;
    struct stack_stats stats;
};
#define TIMER_NONE 0xffffffffu

/* What a turn of the engine returns. */
#define TURN_IDLE 0
#define TURN_MORE 1
#define TURN_SOON 2

/* Written by JS, read by stack_init(). */
struct stack_config {
    uint32_t owner;       /* arena owner number of all the stack allocates */
    uint32_t max_sockets; /* 1..65535 */
    uint32_t seed[8];     /* from the runtime's crypto: two SipHash keys */
};

/* --- Codes: 0 is success, errors are negative ------------------------------------------------------------------ */

/* ABI_X is reported to the user with the code 'X'. */
enum abi_error {
    ABI_EINVAL = -1,
    ABI_ENOMEM = -2,
    ABI_EMFILE = -3, /* all socket slots or interface numbers are taken */
    ABI_EADDRINUSE = -4,
    ABI_EADDRNOTAVAIL = -5, /* the local address is not one of ours */
    ABI_EHOSTUNREACH = -6,
    ABI_ECONNREFUSED = -7,
    ABI_ECONNRESET = -8,
    ABI_ECONNABORTED = -9,
    ABI_ETIMEDOUT = -10,
    ABI_ENODEV = -11,   /* the interface is gone */
    ABI_EBADF = -12,    /* no such handle */
    ABI_EMSGSIZE = -13, /* can never fit */
    ABI_EAGAIN = -14,   /* no room now */
    ABI_EPROTO = -15,   /* magic, version or size differ */
    ABI_ENOBUFS = -16,  /* the arena had no memory to go on */
};

#define ABI_ASSERT(what) _Static_assert(what, #what)
ABI_ASSERT(sizeof(struct ring) == RING_LAYOUT_SIZE);
ABI_ASSERT(offsetof(struct ring, head) - offsetof(struct ring, tail) >= ABI_LINE);
ABI_ASSERT(offsetof(struct ring, buf) - offsetof(struct ring, head) >= ABI_LINE);
ABI_ASSERT(sizeof(struct frame) == FRAME_HEADER && FRAME_HEADER % FRAME_ALIGN == 0);
ABI_ASSERT(sizeof(struct abi_addr) == 24);
ABI_ASSERT(offsetof(struct sock, rx) % ABI_LINE == 0);
ABI_ASSERT(offsetof(struct iface, rx) % ABI_LINE == 0);
ABI_ASSERT(offsetof(struct iface, tx_bytes) % 8 == 0 && offsetof(struct iface, rx_bytes) % 8 == 0);
ABI_ASSERT(sizeof(struct port) % ABI_LINE == 0);
ABI_ASSERT(offsetof(struct stack_ctl, app) % ABI_LINE == 0);
ABI_ASSERT(offsetof(struct stack_ctl, stats) % 8 == 0);
ABI_ASSERT(offsetof(struct stack_stats, bytes_copied) % 8 == 0);
ABI_ASSERT(sizeof(struct cmd) == 16 && sizeof(struct event) == 24);

#endif /* RINGSTACK_ABI_H */
