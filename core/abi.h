/* SPDX-License-Identifier: MIT */
/* abi.h - everything C shares with JavaScript: layouts, commands, events, codes
 *
 * core/abi_gen.c prints js/abi.ts from this file; a test regenerates and compares. Fixed-width
 * integers only. A position in the arena is a u32 offset from its start; 0 is "none" (the first
 * bytes of an arena are never handed out). In wasm an offset is an address.
 *
 * A struct that C extends by a part of its own is called abi_x here, and x is C's.
 *
 * Each field says which side writes it: C (the thread that runs the stack), JS (the thread that holds
 * the public object), producer or consumer (of a ring; C or JS may be either).
 */
#ifndef RINGSTACK_ABI_H
#define RINGSTACK_ABI_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_MAGIC 0x52534b31u /* "RSK1" */
#define ABI_VERSION 1u

/* A cache line: producer's and consumer's words are at least this far apart and never share one. */
#define ABI_LINE 64u

/* --- Arena ------------------------------------------------------------------------------------ */

#define ARENA_CTL 64u        /* offset of struct arena_ctl in every arena */
#define ARENA_PAGE_SHIFT 12u /* the smallest block is one page of 4 KiB */
#define ARENA_ORDERS 19u     /* the largest block is 4 KiB << 18 = 1 GiB */
#define ARENA_UNLOCKED 0u    /* states of arena_ctl.lock */
#define ARENA_LOCKED 1u
#define ARENA_ABANDONED 2u    /* a thread died while it held the lock, so it seems */
#define ARENA_MIN (1u << 20)  /* smallest arena, bytes */
#define ARENA_OWNER_SHARED 0u /* owner of what no stack owns */

/* Allocator state; every field but the first four and next_owner is changed under lock. */
struct arena_ctl {
    uint32_t magic;
    uint32_t version;
    uint32_t size;         /* bytes of the whole arena */
    uint32_t first_page;   /* page number of the first page that can be handed out */
    _Atomic uint32_t lock; /* ARENA_UNLOCKED … */
    uint32_t free_bytes;
    uint32_t total_bytes; /* free_bytes of the empty arena */
    uint32_t page_map;    /* offset of one byte a page: state and order of the block it heads */
    uint32_t owner_map;   /* offset of one u16 a page: owner of the block it heads */
    _Atomic uint32_t next_owner;  /* how many owner numbers were given out */
    uint32_t heads[ARENA_ORDERS]; /* first free block of each order, or 0 */
};

/* --- Doorbell --------------------------------------------------------------------------------- */

/* One sleeper waits on a doorbell; anyone may ring it. */
struct doorbell {
    _Atomic uint32_t seq;      /* rings so far; the word the sleeper waits on */
    _Atomic uint32_t sleeping; /* written by the sleeper: how it wants to be woken, BELL_* */
};
#define DOORBELL_AWAKE 0u /* not at all */
#define DOORBELL_WAIT 1u  /* it waits on seq: Atomics.wait() or waitAsync() */
#define DOORBELL_POST 2u  /* by a posted message, where there is no waitAsync() */

/* --- Rings (theory of operation: core/ring.h) ---------------------------------------------------- */

#define RING_LAYOUT_SIZE 192u

/* Header of a byte ring or a frame ring. */
struct ring {
    /* producer's line */
    _Atomic uint32_t tail;           /* position after the last byte submitted */
    _Atomic uint32_t room_threshold; /* producer asks: ring room_doorbell when head passes this */
    _Atomic uint32_t gen;            /* buffer the producer writes: buf[gen & 1] */
    uint32_t switch_pos;             /* position from which on buf[gen & 1] holds the bytes */
    uint32_t want;                   /* room the producer waits for, bytes (0: none) */
    uint32_t pad0[11];
    /* consumer's line */
    _Atomic uint32_t head;           /* position of the first byte not released */
    _Atomic uint32_t data_threshold; /* consumer asks: ring data_doorbell when tail passes this */
    _Atomic uint32_t cons_gen;       /* the consumer has left all buffers before this one */
    uint32_t bad;                    /* bad records dropped (counter) */
    _Atomic uint32_t gso_max_size;   /* consumer: largest frame it accepts above the MTU, 0: none */
    uint32_t pad1[11];
    /* set up before use; buf[] and offered are written by the allocating side (C) alone */
    uint32_t buf[2];                /* offsets of the storage */
    uint32_t size[2];               /* their sizes: powers of two, or 0 */
    _Atomic uint32_t offered;       /* generation that buf[]/size[] hold; the producer adopts it */
    _Atomic uint32_t data_doorbell; /* offset of the consumer's doorbell; changes with a wire */
    _Atomic uint32_t room_doorbell; /* offset of the producer's doorbell */
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

/* Kinds of sockets; each is a row of core/sock/protocol.c. */
enum sock_kind {
    SOCK_TCP_LISTENER,
    SOCK_TCP,
    SOCK_UDP,
    SOCK_ICMP,
    SOCK_ICMP6,
    SOCK_FLOW, /* SYNs that are held, DGRAM_TRANSPARENT (core/sock/flow.c) */
    SOCK_KINDS
};

/* Bits of sock.flags and of an EVENT_SOCK, all written by C. */
#define SOCK_OPEN 1u      /* the handshake is done: addresses are valid, rings may be used */
#define SOCK_EOF 2u       /* the peer sent FIN: rx ends at its tail */
#define SOCK_CLOSED 4u    /* nothing moves any more; error says why (0: both sides closed) */
#define SOCK_READABLE 8u  /* event only: bytes came after the consumer found rx empty */
#define SOCK_WRITABLE 16u /* event only: room came after the producer found tx full */
#define SOCK_SENT 32u     /* our FIN is acknowledged: every byte written has arrived */
#define SOCK_ERROR                                                                                 \
    64u /* event only: a datagram did not arrive; error says why, the socket stays open */

/* The part of a socket that JS sees. JS reads it while it holds the handle, up to CMD_RELEASE. */
struct abi_sock {
    struct ring tx; /* producer JS, consumer C: bytes stay until acknowledged */
    struct ring rx; /* producer C, consumer JS */
    uint32_t handle;
    uint32_t kind;
    _Atomic uint32_t flags;
    int32_t error;
    struct abi_addr local;
    struct abi_addr remote;
    /* Datagram sockets, all written by C. */
    uint32_t rx_datagrams;
    uint32_t tx_datagrams;
    uint32_t rx_dropped; /* rx was full */
    uint32_t tx_dropped; /* could not be sent, or an ICMP error came back */
    uint64_t rx_bytes;   /* payload */
    uint64_t tx_bytes;
    uint32_t path_mtu; /* of the way of the last large datagram, headers included; 0: none yet */
    uint32_t pad;
};

/* Header of a record in the rings of a datagram socket; the payload follows. */
struct abi_datagram {
    struct abi_addr remote; /* received: sender; sent: where to, FAMILY_NONE: the connected end */
    struct abi_addr local;  /* received: where it was sent to; sent: source, FAMILY_NONE: chosen */
    uint32_t iface;         /* handle: it came by, or is to leave by; sent: 0: chosen */
    uint8_t ttl;            /* sent: 0: the socket's */
    uint8_t flags;          /* DATAGRAM_* */
    uint16_t verdict;       /* SOCK_FLOW, sent: VERDICT_* */
    uint8_t link[8];        /* sent, with DATAGRAM_LINK: MAC of the next hop, first six */
};
#define DATAGRAM_LINK 1u

/* The end of a held SYN; the payload of the record is its packet. */
#define VERDICT_ACCEPT 1u /* the listener of the interface takes it */
#define VERDICT_RESET 2u  /* answered by a reset */
#define VERDICT_ICMP 256u /* and a code: answered by a Destination Unreachable */

/* The largest payload: lwIP counts a packet in 16 bits, its IP header included. */
#define UDP_MOST 65507u
#define UDP_MOST_IPV6 65487u
#define ICMP_MOST 65495u

/* --- Interfaces ---------------------------------------------------------------------------------------- */

/* Those from IFACE_TAP on have Ethernet frames. A bridge has no other end: its rings are for JS (core/iface/bridge.c). */
enum iface_kind { IFACE_LOOPBACK = 1, IFACE_TUN, IFACE_TAP, IFACE_BRIDGE };

#define IFACE_MTU_MAX 65520u
/* The last bytes of a tx ring, for small packets only. */
#define IFACE_TX_RESERVE 8192u
#define IFACE_MTU_MIN 576u
#define IFACE_ADDRS 4u /* at most one IPv4 and three IPv6 */
#define ETHERNET_HEADER 14u
#define VLAN_TAG 4u /* of 802.1Q, in front of the EtherType */

/* Bits of cmd_iface.flags. */
#define IFACE_NO_CHECKSUM 1u /* neither compute nor verify IP and TCP checksums */
#define IFACE_NO_GSO 2u      /* send no frame above the MTU, whatever the consumer of tx accepts */

/* Packets from an interface that are for others, by what became of them. */
enum forward_count {
    FORWARD_SENT,
    FORWARD_TTL,      /* their time to live was over */
    FORWARD_NO_ROUTE, /* no interface that forwards leads there */
    FORWARD_TOO_BIG,  /* larger than the MTU of the interface they would leave by */
    FORWARD_REFUSED,  /* from or to an address that is not forwarded */
    FORWARD_FULL,     /* no room in the interface they would leave by */
    FORWARD_COUNTS
};

/* The part of an interface that JS sees. */
struct abi_iface {
    struct ring tx; /* producer C; consumer JS or, on a wire, the other stack */
    struct ring rx; /* producer JS; consumer C */
    uint32_t handle;
    uint32_t kind;
    uint32_t mtu;
    uint32_t frame_max;   /* largest frame either way: MTU, on a tap with header and tag */
    uint32_t listening;   /* JS: tx has a consumer; without one frames are dropped and counted */
    uint32_t dropped;     /* C: frames dropped because tx has no consumer */
    uint32_t tx_packets;  /* C */
    uint32_t rx_packets;  /* C */
    uint64_t tx_bytes;    /* C */
    uint64_t rx_bytes;    /* C */
    uint32_t rx_invalid;  /* C: frames taken from rx that were too short */
    uint32_t rx_oversize; /* JS: frames too long to be put into rx */
    uint32_t rx_copied;   /* C: frames copied because lwIP may keep them (fragments, a full ring) */
    uint32_t tx_blocked;  /* C: frames that had to wait for room in tx */
    uint32_t tx_lost;     /* C: frames lost because neither tx nor memory had room */
    uint32_t channel;     /* C: offset of the channel of the thread it was handed to, 0: the app */
    uint32_t forward[FORWARD_COUNTS]; /* C */
};

/* --- Bridges (theory of operation: core/iface/bridge.c) ---------------------------------------------------- */

/* Frames that a port dropped, by reason. */
enum port_count {
    PORT_MALFORMED, /* too short, or from a group address */
    PORT_RESERVED,  /* for an address that bridges do not forward */
    PORT_FILTERED,  /* for an address at this port, or a probe of the loop guard */
    PORT_SPOOFED,   /* from an address that may not be at this port */
    PORT_STORM,     /* more flooded frames than the limit */
    PORT_LOOPED, /* in or out: the loop guard blocks the port, or the port or its bridge is down */
    PORT_ISOLATED, /* for another isolated port */
    PORT_GUARDED,  /* of a DHCP server or a router, which may not be at this port */
    PORT_FULL,     /* out: tx had no room */
    PORT_TOO_LONG, /* out: longer than the MTU */
    PORT_MOVES,    /* no frames: addresses that came from another port */
    PORT_COUNTS
};

/* The part of a port that JS sees; the bridge itself is one. */
struct abi_port {
    uint32_t blocked;             /* JS: the loop guard blocks it */
    uint32_t table;               /* C, of a bridge: offset of its struct abi_station */
    uint32_t stations;            /* C, of a bridge: how many */
    uint32_t created;             /* C: ms of the clock of abi_station.seen */
    uint32_t counts[PORT_COUNTS]; /* C */
    uint32_t pad;
};

/* An entry of a forwarding table. */
struct abi_station {
    uint8_t mac[6];
    uint8_t port; /* slot of the interface: the low byte of its handle; 0: the entry is empty */
    uint8_t kind; /* STATION_* */
    uint32_t seen;
};
enum station_kind {
    STATION_LEARNED,
    STATION_FIXED, /* of a host */
    STATION_OWN,   /* of the port's interface itself */
};

/* Between C and JS, a frame in the rings of a bridge stands behind this. */
struct abi_port_frame {
    uint32_t
        port; /* handle of an interface. C to JS: the frame came in there, and is a probe of the loop guard, or
                      empty: many frames were flooded. JS to C: it goes out there, */
    uint32_t all; /* 1: or at all other ports */
};

/* --- Channels -------------------------------------------------------------------------------------------- */

/* The commands and events of one thread that holds public objects, and its doorbell. The app's channel
 * is in stack_ctl; an object that is handed to another thread gets its own (core/channel.c). */
struct abi_channel {
    struct ring commands;     /* producer: the thread; consumer: C */
    struct ring events;       /* producer: C; consumer: the thread */
    struct doorbell doorbell; /* of the thread */
    _Atomic uint32_t state;   /* CHANNEL_*; what may follow what: core/channel.c */
    _Atomic uint32_t next; /* thread: index of the channel behind it in ctl.pending, 0: the last */
    uint32_t index;        /* C: its number in ctl.pending */
    uint32_t engine_doorbell; /* C: offset of the doorbell of the engine */
    uint32_t pending_list;    /* C: offset of ctl.pending */
    uint32_t key;             /* C: differs from that of a channel which had this memory before */
    uint32_t next_channel;    /* C: offset of another channel, 0: the last (for JS, after C died) */
    uint32_t pad[7];
};
#define CHANNEL_OFFERED 1u  /* no thread has attached it yet */
#define CHANNEL_ATTACHED 2u /* a thread uses it */
#define CHANNEL_RECALLED 3u /* C asks the thread to release it: the object will go */
#define CHANNEL_RELEASED 4u /* the thread uses neither channel nor object any more */
#define CHANNEL_PENDING 8u  /* or-ed in: it is in ctl.pending; the thread sets it, C clears it */

/* --- Commands: records of channel.commands, JS to C --------------------------------------------------------- */

enum command {
    CMD_IFACE_ADD = 1, /* cmd_iface; answered by EVENT_RESULT */
    CMD_IFACE_REMOVE,  /* cmd; answered */
    CMD_IFACE_WIRE, /* cmd, value: offset of the ring to take frames from, 0: its own; answered */
    CMD_OPEN,       /* cmd_socket; answered at once, what comes of it is an EVENT_SOCK */
    CMD_ACCEPTED,   /* cmd: JS has taken the connection: it leaves the backlog */
    CMD_KICK,       /* cmd: tx has bytes or wants room, or rx has room past its threshold */
    CMD_SHUTDOWN,   /* cmd: FIN after the last byte of tx */
    CMD_DISCARD,    /* cmd: what still comes is thrown away */
    CMD_CLOSE,      /* cmd: a listener stops; connections not yet announced to JS are reset */
    CMD_ABORT,      /* cmd: RST */
    CMD_RELEASE,    /* cmd: JS forgets the handle; C frees what it may */
    CMD_SET_OPTION, /* cmd_option */
    CMD_JOIN,       /* cmd_group: receive what is sent to a group */
    CMD_LEAVE,      /* cmd_group: undo CMD_JOIN */
    CMD_SHARE_SOCK, /* cmd: gives a connection a channel of its own; answered: its key and offset */
    CMD_SHARE_IFACE, /* cmd: the same for a tun or tap interface */
    CMD_RECALL, /* cmd, handle: of an interface, 0: all; takes back what was shared; answered at
                        once; iface.channel and ctl.channels change when a thread releases */
    CMD_SYNC,   /* cmd: answered when all before it is carried out */
    CMD_CHANGE, /* cmd_change, value: CHANGE_*; answered, CHANGE_DETECT within seconds */
    CMD_ROUTE,  /* cmd_route, value: ROUTE_*; answered */
    CMD_BRIDGE, /* cmd_bridge, value: BRIDGE_*; answered */
    CMD_FINISH, /* cmd, value 1: reset all connections; answered: handle is how many are closing */
};

struct cmd {
    uint32_t op;
    uint32_t id; /* echoed in the answer, an EVENT_RESULT; 0: no answer is wanted */
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
    uint32_t pad;
    struct abi_addr addrs[IFACE_ADDRS];
};

struct cmd_socket {
    struct cmd cmd;
    struct abi_addr local;
    struct abi_addr remote;
    uint32_t rx_max;    /* receive buffer: bound of the rx ring and of the window, bytes */
    uint32_t tx_max;    /* send buffer: bound of the tx ring, bytes */
    uint32_t backlog;   /* SOCK_TCP_LISTENER: connections not yet accepted */
    uint32_t nodelay;   /* 0 or 1 */
    uint32_t keepalive; /* ms, 0: off */
    uint32_t kind;      /* SOCK_* */
    /* Datagram sockets. */
    uint32_t
        iface; /* handle of the interface to bind to, 0: none; of a listener: that of a gateway */
    uint32_t flags;         /* DGRAM_* */
    uint32_t ttl;           /* 1..255 */
    uint32_t multicast_ttl; /* 0..255 */
};

/* Bits of cmd_socket.flags. */
#define DGRAM_REUSE 1u          /* other sockets that say so may have the port, too */
#define DGRAM_BROADCAST 2u      /* may send to broadcast addresses */
#define DGRAM_MULTICAST_LOOP 4u /* multicast comes back to members on this stack */
#define DGRAM_DONT_FRAGMENT 8u  /* what is above the MTU is refused */
#define DGRAM_TRANSPARENT                                                                          \
    16u /* receives what is for no address of ours, may send from any; with iface */

struct cmd_group {
    struct cmd cmd;
    struct abi_addr group;
    struct abi_addr source; /* only what it sends, FAMILY_NONE: any host */
    uint32_t iface;         /* handle, 0: the first with an address of the family */
    uint32_t pad;
};

/* Of an interface. */
struct cmd_change {
    struct cmd cmd;
    struct abi_addr address; /* with its prefix */
    uint32_t amount;
    uint32_t pad;
};
enum change {
    CHANGE_ADD, /* address (IPv4: in place of that before); amount: 1: no source (RFC 4862, 5.5.4) */
    CHANGE_REMOVE, /* address */
    CHANGE_DETECT, /* does another host have the address? The answer has in handle and offset, 8 bytes, its MAC
                      and a 1, or zeros: none has */
    CHANGE_UP,      /* amount: 1: up, 0: down */
    CHANGE_MTU,     /* amount: bytes */
    CHANGE_FORWARD, /* amount: 1: packets of others are passed on, 0: dropped */
};

struct cmd_route {
    struct cmd cmd;              /* handle: interface */
    struct abi_addr destination; /* with its prefix */
    struct abi_addr via;         /* next hop, FAMILY_NONE: the destination is on the link */
    uint32_t metric;             /* of routes with one prefix, the lowest is taken */
    uint32_t number;             /* chosen by JS, not 0 */
};
enum route_command {
    ROUTE_ADD,    /* takes the place of the one with its number */
    ROUTE_REMOVE, /* the one with that number, if there is one */
    /* The answer has in offset a block of the arena, which JS frees, and in handle how many struct abi_entry stand
       there. */
    ROUTE_LIST,
    ROUTE_LOOKUP, /* the route to destination */
    ROUTE_NEIGHBORS,
};

/* A route, or a neighbor: its address is the destination, its MAC the first six bytes of via. */
struct abi_entry {
    struct abi_addr destination;
    struct abi_addr via;
    uint32_t metric; /* of a neighbor: its state, NEIGHBOR_* */
    uint32_t number; /* 0: the prefix of an address of the interface */
    uint32_t iface;  /* handle */
    uint32_t pad;
};
/* As lwIP numbers them (RFC 4861, 7.3.2). */
enum neighbor_state {
    NEIGHBOR_INCOMPLETE = 1,
    NEIGHBOR_REACHABLE,
    NEIGHBOR_STALE,
    NEIGHBOR_DELAY,
    NEIGHBOR_PROBE,
};

/* Of a tap, or of the bridge itself. */
struct cmd_bridge {
    struct cmd cmd;
    uint32_t bridge; /* handle */
    uint32_t flags;  /* PORT_IS_* */
    uint32_t storm;  /* flooded frames a second, 1..PORT_STORM_MOST */
    uint32_t most;   /* addresses that may be learned at it; of a bridge: entries of its table */
    uint32_t ageing; /* of a bridge: ms */
    uint32_t mtu;    /* of a bridge: at the most */
    uint8_t mac[8];  /* first six */
};
enum bridge_command {
    BRIDGE_JOIN, /* it becomes a port, a bridge first of itself; the answer has in offset its struct abi_port */
    BRIDGE_LEAVE, /* it is a port no more */
    BRIDGE_FIX,   /* mac is at it, and nowhere else */
    BRIDGE_FLUSH, /* forget what was learned at it */
};
/* Bits of cmd_bridge.flags. */
#define PORT_IS_ISOLATED 1u /* sends nothing to other isolated ports */
#define PORT_IS_GUARDED 2u  /* no DHCP server and no router is there */
#define PORT_IS_FIXED 4u    /* only addresses of BRIDGE_FIX are there */
#define PORT_STORM_MOST 1000000u

/* cmd.value: the value. */
struct cmd_option {
    struct cmd cmd;
    uint32_t option; /* OPTION_* */
    uint32_t pad;
};
enum sock_option {
    OPTION_NODELAY,   /* 1 sends small segments at once (default), 0 is Nagle's algorithm */
    OPTION_KEEPALIVE, /* idle time before the first probe, ms; 0: off */
    OPTION_TTL,
    OPTION_MULTICAST_TTL,
};

/* --- Events: records of channel.events, C to JS ---------------------------------------------------------------- */

enum event_kind {
    EVENT_RESULT = 1, /* handle: of what was made; offset: of its struct; error */
    EVENT_SOCK,       /* bits: SOCK_*; error with SOCK_CLOSED */
    EVENT_ACCEPT,     /* id: listener's handle; handle, offset: the connection's */
};

struct event {
    uint32_t kind;
    uint32_t id;
    uint32_t handle;
    uint32_t offset;
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
    uint32_t udp_invalid;     /* datagrams dropped: length or checksum wrong */
    uint32_t udp_no_socket;   /* datagrams nobody listened for */
    uint32_t icmp_errors;     /* ICMP errors sent */
    uint32_t icmp_limited;    /* ICMP errors not sent: more than the limit */
    uint32_t icmp_ignored;    /* ICMP errors received that are about no packet of ours */
    uint32_t fragment_drops;  /* fragments dropped: wrong, too many, or the others did not come */
    uint32_t
        neighbor_drops; /* packets dropped: the next hop did not say its MAC address, or too many waited */
    uint32_t
        source_drops; /* packets dropped: their source, or our address, is of another interface */
    uint32_t
        syn_drops; /* half-open connections given up, and SYNs not answered: the backlog is full */
    uint32_t
        orphans; /* released connections that were reset: their peer took no bytes for too long */
    uint32_t sockets;    /* slots in use */
    uint32_t heap_bytes; /* in use by the stack in its heap */
    uint32_t ring_bytes; /* storage of socket rings */
    uint32_t turns;
    uint64_t bytes_copied; /* payload and headers, each time they were copied in C */
};

struct stack_ctl {
    uint32_t magic;
    uint32_t version;
    uint32_t size;            /* sizeof(struct stack_ctl), for the handshake */
    uint32_t owner;           /* arena owner number */
    struct doorbell doorbell; /* of the engine */
    uint32_t next_timer;      /* C: ms until the next timer, TIMER_NONE: nothing to time */
    _Atomic uint32_t pending; /* last channel with commands: threads push, C takes all */
    uint32_t channels;        /* C: channels besides the app's */
    uint32_t first_channel;   /* C: offset of the first of them */
    _Atomic uint32_t stop;    /* JS: a worker that turns the stack is to end */
    _Atomic uint32_t posts;   /* C: a sleeper must be woken by postMessage */
    _Atomic uint32_t lock;    /* JS: of the turn (js/sched/turn_lock.ts) */
    uint32_t waker;           /* JS: WAKER_*; C: a doorbell, in place of WAKER_JS */
    double clock, alarm;      /* JS, ms: time of the last turn; when the engine turns by itself */
    uint32_t pad[14];
    struct abi_channel app;
    struct stack_stats stats;
};
#define TIMER_NONE 0xffffffffu
#define WAKER_JS 1u /* the app's thread turns the stack: it wakes a sleeper itself; 0: C does */

/* Results of a turn of the engine (core/loop.c). */
#define TURN_IDLE 0
#define TURN_MORE 1
#define TURN_SOON 2

/* Written by JS, read by stack_init(). */
struct stack_config {
    uint32_t owner;       /* arena owner number of all the stack allocates */
    uint32_t max_sockets; /* 1..65535 */
    uint32_t weak_host;   /* 1: take packets by any interface (core/iface/admit.c) */
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
    ABI_EBADF = -12,    /* the handle is of nothing, or no longer */
    ABI_EMSGSIZE = -13, /* can never fit */
    ABI_EAGAIN = -14,   /* no room now */
    ABI_EPROTO = -15,   /* magic, version or size differ */
    ABI_ENOBUFS = -16,  /* the arena had no memory to go on */
    ABI_EACCES = -17,   /* the socket may not send to broadcast addresses */
};

#define ABI_ASSERT(what) _Static_assert(what, #what)
ABI_ASSERT(sizeof(struct ring) == RING_LAYOUT_SIZE);
ABI_ASSERT(offsetof(struct ring, head) - offsetof(struct ring, tail) >= ABI_LINE);
ABI_ASSERT(offsetof(struct ring, buf) - offsetof(struct ring, head) >= ABI_LINE);
ABI_ASSERT(sizeof(struct frame) == FRAME_HEADER && FRAME_HEADER % FRAME_ALIGN == 0);
ABI_ASSERT(offsetof(struct abi_sock, rx) % ABI_LINE == 0);
ABI_ASSERT(offsetof(struct abi_sock, rx_bytes) % 8 == 0);
ABI_ASSERT(sizeof(struct abi_addr) == 24 && sizeof(struct abi_datagram) == 64);
ABI_ASSERT(offsetof(struct abi_iface, rx) % ABI_LINE == 0);
ABI_ASSERT(offsetof(struct abi_iface, tx_bytes) % 8 == 0 &&
           offsetof(struct abi_iface, rx_bytes) % 8 == 0);
ABI_ASSERT((sizeof(struct abi_channel) | offsetof(struct stack_ctl, app)) % ABI_LINE == 0);
ABI_ASSERT((offsetof(struct stack_ctl, stats) | offsetof(struct stack_ctl, clock)) % 8 == 0);
ABI_ASSERT(offsetof(struct stack_stats, bytes_copied) % 8 == 0);
ABI_ASSERT(sizeof(struct abi_entry) == 64 && sizeof(struct abi_station) == 12);
/* An entry begins as its command goes on. */
ABI_ASSERT(offsetof(struct cmd_route, number) - offsetof(struct cmd_route, destination) ==
           offsetof(struct abi_entry, number));
ABI_ASSERT(sizeof(struct cmd) == 16 && sizeof(struct event) == 24);

#endif /* RINGSTACK_ABI_H */
