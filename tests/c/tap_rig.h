/* SPDX-License-Identifier: MIT */
/* tap_rig.h - the other end of a tap or tun interface: a peer the test plays frame by frame
 *
 * The peer is 10.0.0.2 and fd00::2 with MAC 02:00:00:00:00:02, the stack 10.0.0.1 and fd00::1.
 * Frames are given one at a time with everything else in the ring poisoned, so that
 * AddressSanitizer sees every read beside a frame.
 */
#ifndef RINGSTACK_TAP_RIG_H
#define RINGSTACK_TAP_RIG_H

#include "stack_rig.h"

uint16_t chksum(const void *data, int len);

#define FRAME_MOST (65520u + ETHERNET_HEADER)
#define TCP_FIN_FLAG 1u
#define TCP_SYN_FLAG 2u
#define TCP_RST_FLAG 4u
#define TCP_PSH_FLAG 8u
#define TCP_ACK_FLAG 16u

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 }, peer_mac[6] = { 2, 0, 0, 0, 0, 2 };
static struct abi_iface *tap;
static struct producer tap_rx;
static struct consumer tap_tx;
static uint32_t tap_link;  /* bytes of the link header: 14, or 0 on a tun */
static uint32_t tap_holds; /* frames wait for the next turn, which takes them as one batch */

/* One side of a TCP connection, the peer's. */
struct peer {
    uint64_t got;      /* bytes that came in order */
    uint64_t got_seed; /* what they must be, 0: anything */
    uint32_t seq, ack; /* next we send, next we expect */
    uint32_t flags;    /* of the last segment that came */
    uint32_t segments;
    uint16_t port, stack_port;
    uint16_t window;
};

/**
 * tap_start() - Add an interface that listens, and take the other end of it
 * @kind: IFACE_TAP or IFACE_TUN
 * @mtu: MTU
 * @ring_size: bytes of each ring
 */
static inline void tap_start(uint32_t kind, uint32_t mtu, uint32_t ring_size)
{
    struct cmd_iface cmd = iface_command(kind, mtu, "10.0.0.1/24", "fd00::1/64");

    cmd.ring_size = ring_size;
    tap = rig_iface(cmd);
    tap_link = kind == IFACE_TAP ? ETHERNET_HEADER : 0;
    tap->listening = 1;
    producer_init(&tap_rx, &tap->rx);
    consumer_init(&tap_tx, &tap->tx);
}

/**
 * tap_give() - Give the stack one frame and, unless tap_holds, let it look at it
 * @bytes: frame
 * @length: its bytes
 */
static inline void tap_give(const void *bytes, uint32_t length)
{
    uint32_t size = tap_rx.ring->size[0];
    char *storage = at(tap_rx.ring->buf[0]), *start = storage + (tap_rx.tail & (size - 1)), *end;
    int is_alone = atomic_load(&tap_rx.ring->head) == tap_rx.tail;
    uint8_t *to;

    must(frame_reserve(&tap_rx, length, &to) == 0);
    memcpy(to, bytes, length);
    must(frame_submit(&tap_rx, length) == 0);
    producer_notify(&tap_rx);
    if (tap_holds) {
        return;
    }
    if (is_alone) {
        end = (char *)to + length;
        ASAN_POISON_MEMORY_REGION(end, (size_t)(storage + size - end));
        ASAN_UNPOISON_MEMORY_REGION(start, FRAME_HEADER); /* of the record, or it skips the end */
    }
    rig_turn();
    ASAN_UNPOISON_MEMORY_REGION(storage, size);
}

/**
 * tap_take() - Take the oldest frame the stack sent
 * @to: room for FRAME_MOST bytes
 *
 * Return: its length, 0: none
 */
static inline uint32_t tap_take(uint8_t *to)
{
    struct span frame;

    if (frame_peek(&tap_tx, FRAME_MOST, &frame) != 0) {
        return 0;
    }
    memcpy(to, frame.data, frame.length);
    frame_release(&tap_tx);
    consumer_notify(&tap_tx);
    consumer_arm(&tap_tx);
    return frame.length;
}

static inline void tap_drop_all(void)
{
    static uint8_t frame[FRAME_MOST];

    while (tap_take(frame)) {
    }
}

static inline void store16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static inline void store32(uint8_t *to, uint32_t value)
{
    store16(to, value >> 16);
    store16(to + 2, value & 0xffff);
}

static inline uint32_t load16(const uint8_t *from)
{
    return (uint32_t)from[0] << 8 | from[1];
}

static inline uint32_t load32(const uint8_t *from)
{
    return load16(from) << 16 | load16(from + 2);
}

/**
 * sum_add() - Add bytes to a checksum
 * @sum: so far
 * @bytes: an even number, except in the last part
 * @length: how many
 *
 * Return: unfolded sum
 */
static inline uint32_t sum_add(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
    uint32_t i;

    for (i = 0; i + 1 < length; i += 2) {
        sum += load16(bytes + i);
    }
    if (length & 1) {
        sum += (uint32_t)bytes[length - 1] << 8;
    }
    return sum;
}

static inline uint32_t sum_fold(uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum & 0xffff;
}

/**
 * put_link() - Write the link header of a frame for the stack
 * @frame: frame
 * @type: EtherType
 *
 * Return: where the packet begins
 */
static inline uint8_t *put_link(uint8_t *frame, uint32_t type)
{
    if (tap_link) {
        memcpy(frame, our_mac, 6);
        memcpy(frame + 6, peer_mac, 6);
        store16(frame + 12, type);
    }
    return frame + tap_link;
}

/**
 * put_ip4() - Write an IPv4 header from the peer to the stack
 * @ip: where to
 * @protocol: of the payload
 * @length: of the payload
 * @id: identification
 * @fragment: flags and offset, as in the header
 */
static inline void put_ip4(uint8_t *ip, uint8_t protocol, uint32_t length, uint32_t id,
                           uint32_t fragment)
{
    static const uint8_t ends[8] = { 10, 0, 0, 2, 10, 0, 0, 1 };

    memset(ip, 0, 20);
    ip[0] = 0x45;
    store16(ip + 2, 20 + length);
    store16(ip + 4, id);
    store16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    memcpy(ip + 12, ends, 8);
    store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
}

/**
 * put_tcp() - Write a TCP segment of the peer
 * @tcp: where to; the data is there already, behind header and options
 * @peer: connection
 * @flags: TCP_*_FLAG
 * @options: options, a multiple of 4 bytes
 * @option_length: their bytes
 * @length: of the data
 *
 * Return: bytes of the segment
 */
static inline uint32_t put_tcp(uint8_t *tcp, const struct peer *peer, uint32_t flags,
                               const uint8_t *options, uint32_t option_length, uint32_t length)
{
    static const uint8_t ends[8] = { 10, 0, 0, 2, 10, 0, 0, 1 };
    uint32_t total = 20 + option_length + length;

    memset(tcp, 0, 20);
    store16(tcp, peer->port);
    store16(tcp + 2, peer->stack_port);
    store32(tcp + 4, peer->seq);
    store32(tcp + 8, flags & TCP_ACK_FLAG ? peer->ack : 0);
    tcp[12] = (uint8_t)((20 + option_length) << 2);
    tcp[13] = (uint8_t)flags;
    store16(tcp + 14, peer->window);
    if (option_length) {
        memcpy(tcp + 20, options, option_length);
    }
    store16(tcp + 16, sum_fold(sum_add(sum_add(6 + total, ends, 8), tcp, total)));
    return total;
}

/**
 * peer_send() - Send a segment and move the peer's sequence number
 * @peer: connection
 * @flags: TCP_*_FLAG
 * @data: bytes, or NULL
 * @length: how many
 */
static inline void peer_send(struct peer *peer, uint32_t flags, const void *data, uint32_t length)
{
    static uint8_t frame[FRAME_MOST];
    uint8_t *ip = put_link(frame, 0x0800);
    uint32_t total;

    if (length) {
        memcpy(ip + 40, data, length);
    }
    total = put_tcp(ip + 20, peer, flags, NULL, 0, length);
    put_ip4(ip, 6, total, peer->seq & 0xffff, 0);
    peer->seq += length + !!(flags & TCP_SYN_FLAG) + !!(flags & TCP_FIN_FLAG);
    tap_give(frame, tap_link + 20 + total);
}

/**
 * answer_arp() - Answer an ARP request, if a frame is one
 * @frame: frame of the stack
 * @length: its bytes
 *
 * Return: 1 if it was one
 */
static inline int answer_arp(const uint8_t *frame, uint32_t length)
{
    uint8_t reply[42];

    if (!tap_link || length < 42 || load16(frame + 12) != 0x0806) {
        return 0;
    }
    memcpy(reply, frame, 42);
    memcpy(reply, our_mac, 6);
    memcpy(reply + 6, peer_mac, 6);
    store16(reply + 20, 2);
    memcpy(reply + 22, peer_mac, 6);
    memcpy(reply + 28, frame + 38, 4);
    memcpy(reply + 32, frame + 22, 10);
    tap_give(reply, sizeof(reply));
    return 1;
}

/**
 * take_segment() - Look at a TCP segment of the stack
 * @peer: connection; a SYN sets its stack_port, ack follows what comes in order
 * @frame: frame
 * @length: its bytes
 *
 * Return: 1 if it was for this peer
 */
static inline int take_segment(struct peer *peer, const uint8_t *frame, uint32_t length)
{
    const uint8_t *ip = frame + tap_link, *tcp = ip + 20, *data;
    uint32_t bytes;

    if (length < tap_link + 40 || ip[0] != 0x45 || ip[9] != 6 || load16(tcp + 2) != peer->port) {
        return 0;
    }
    must(sum_fold(sum_add(0, ip, 20)) == 0);
    must(sum_fold(
             sum_add(sum_add(6 + load16(ip + 2) - 20, ip + 12, 8), tcp, load16(ip + 2) - 20)) == 0);
    data = tcp + (tcp[12] >> 4) * 4;
    bytes = load16(ip + 2) - 20 - (uint32_t)(data - tcp);
    peer->flags = tcp[13];
    peer->segments++;
    peer->stack_port = (uint16_t)load16(tcp);
    if (tcp[13] & TCP_SYN_FLAG) {
        peer->ack = load32(tcp + 4) + 1;
    } else if (load32(tcp + 4) == peer->ack) {
        must(!peer->got_seed || !seeded_differs(peer->got_seed, peer->got, data, bytes));
        peer->got += bytes;
        peer->ack += bytes + (tcp[13] & TCP_FIN_FLAG);
    }
    return 1;
}

/**
 * peer_listen() - Answer ARP and take segments until the stack sends no more
 * @peer: connection, or NULL
 *
 * Return: segments that came
 */
static inline uint32_t peer_listen(struct peer *peer)
{
    static uint8_t frame[FRAME_MOST];
    uint32_t length, before = peer ? peer->segments : 0;

    do {
        rig_settle();
        while ((length = tap_take(frame))) {
            if (!answer_arp(frame, length) && peer) {
                take_segment(peer, frame, length);
            }
        }
    } while (!frame_peek(&tap_tx, FRAME_MOST, &(struct span){ 0 }));
    return peer ? peer->segments - before : 0;
}

/**
 * peer_accept() - Answer the SYN of a connection the stack opens
 * @peer: connection whose port the stack connects to
 */
static inline void peer_accept(struct peer *peer)
{
    must(peer_listen(peer) == 1 && peer->flags == TCP_SYN_FLAG);
    peer_send(peer, TCP_SYN_FLAG | TCP_ACK_FLAG, NULL, 0);
    must(peer_listen(peer) >= 1 && (peer->flags & TCP_ACK_FLAG));
}

/**
 * peer_connect() - Open a connection to a listener of the stack
 * @peer: connection
 * @port: the peer's port
 * @stack_port: the listener's port
 */
static inline void peer_connect(struct peer *peer, uint16_t port, uint16_t stack_port)
{
    memset(peer, 0, sizeof(*peer));
    peer->port = port;
    peer->stack_port = stack_port;
    peer->seq = NEAR_WRAP;
    peer->window = 0xffff;
    peer_send(peer, TCP_SYN_FLAG, NULL, 0);
    must(peer_listen(peer) == 1 && peer->flags == (TCP_SYN_FLAG | TCP_ACK_FLAG));
    peer_send(peer, TCP_ACK_FLAG, NULL, 0);
    rig_settle();
}

#endif /* RINGSTACK_TAP_RIG_H */
