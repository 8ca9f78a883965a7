/* SPDX-License-Identifier: MIT */
/* router_rig.h - a stack that forwards, and the hosts on its two sides
 *
 * Side 0 is 10.0.0.1 and fd00::1, its host 10.0.0.2 and fd00::2; side 1 is 10.0.1.1 and fd00:0:0:1::1, its host .2. On a
 * tap the host answers address resolution.
 */
#ifndef RINGSTACK_ROUTER_RIG_H
#define RINGSTACK_ROUTER_RIG_H

#include "dgram_rig.h"

static struct side {
    struct abi_iface *pub;
    struct producer rx;
    struct consumer tx;
    uint32_t link; /* bytes of the link header */
    uint8_t mac[6], host[6];
} sides[2];

static uint8_t packet[FRAME_MOST]; /* the last one that came out */

static inline int change(uint32_t what, uint32_t handle, uint32_t amount)
{
    struct cmd_change cmd = { .cmd.op = CMD_CHANGE, .amount = amount };

    cmd.cmd.value = what;
    cmd.cmd.handle = handle;
    return rig_call(&cmd, sizeof(cmd));
}

static inline void add_side(uint32_t n, uint32_t kind, uint32_t mtu)
{
    struct cmd_iface cmd = iface_command(kind, mtu, n ? "10.0.1.1/24" : "10.0.0.1/24",
                                         n ? "fd00:0:0:1::1/64" : "fd00::1/64");
    struct side *s = &sides[n];

    cmd.ring_size = 1u << 17;
    memcpy(s->mac, ((uint8_t[6]){ 2, 0, 0, 9, (uint8_t)n, 1 }), 6);
    memcpy(s->host, ((uint8_t[6]){ 2, 0, 0, 9, (uint8_t)n, 2 }), 6);
    memcpy(cmd.mac, s->mac, 6);
    s->pub = rig_iface(cmd);
    s->pub->listening = 1;
    s->link = kind == IFACE_TUN ? 0 : ETHERNET_HEADER;
    producer_init(&s->rx, &s->pub->rx);
    consumer_init(&s->tx, &s->pub->tx);
    ck_assert_int_eq(change(CHANGE_FORWARD, s->pub->handle, 1), 0);
}

/* start() - two sides; bits of kinds: 1: the first is a tap, 2: the second */
static inline void start(int kinds, uint32_t mtu)
{
    rig_start(32u << 20, 1000);
    rig_loopback();
    add_side(0, kinds & 1 ? IFACE_TAP : IFACE_TUN, 1500);
    add_side(1, kinds & 2 ? IFACE_TAP : IFACE_TUN, mtu);
}

static inline void stop(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

static inline void frame_in(uint32_t n, const uint8_t *to, uint32_t type, const uint8_t *bytes,
                            uint32_t length)
{
    struct side *s = &sides[n];
    uint8_t *frame;

    must(frame_reserve(&s->rx, s->link + length, &frame) == 0);
    if (s->link) {
        memcpy(frame, to, 6);
        memcpy(frame + 6, s->host, 6);
        store16(frame + 12, type);
    }
    memcpy(frame + s->link, bytes, length);
    must(frame_submit(&s->rx, s->link + length) == 0);
    producer_notify(&s->rx);
    rig_settle();
}

static inline void in(uint32_t n, const uint8_t *ip, uint32_t length)
{
    frame_in(n, sides[n].mac, ip[0] >> 4 == 4 ? 0x0800 : 0x86dd, ip, length);
}

/* resolve() - Answer ARP or a neighbour solicitation; 0: the frame is something else */
static inline int resolve(uint32_t n, const uint8_t *frame, uint32_t length)
{
    const uint8_t *ip = frame + 14;
    uint8_t answer[72] = { 0 };

    if (load16(frame + 12) == 0x0806) {
        memcpy(answer, ip, 28);
        store16(answer + 6, 2);
        memcpy(answer + 8, sides[n].host, 6);
        memcpy(answer + 14, ip + 24, 4);
        memcpy(answer + 18, ip + 8, 10);
        frame_in(n, sides[n].mac, 0x0806, answer, 28);
        return 1;
    }
    if (length < 14 + 64 || ip[6] != ICMP6 || ip[40] < 130 || ip[40] > 143) {
        return 0;
    }
    if (ip[40] == 135) {
        answer[0] = 0x60;
        store16(answer + 4, 32);
        answer[6] = ICMP6;
        answer[7] = 255;
        memcpy(answer + 8, ip + 48, 16);
        memcpy(answer + 24, ip + 8, 16);
        answer[40] = 136;
        answer[44] = 0x60;
        memcpy(answer + 48, ip + 48, 16);
        answer[64] = 2;
        answer[65] = 1;
        memcpy(answer + 66, sides[n].host, 6);
        store16(answer + 42, sum_of(answer, ICMP6, answer + 40, 32));
        in(n, answer, 72);
    }
    return 1;
}

/* out() - The next packet that comes out of a side, its length; 0: none */
static inline uint32_t out(uint32_t n)
{
    static uint8_t frame[FRAME_MOST];
    struct side *s = &sides[n];
    struct span got;

    rig_settle();
    while (frame_peek(&s->tx, FRAME_MOST, &got) == 0) {
        uint32_t length = got.length;

        memcpy(frame, got.data, length);
        frame_release(&s->tx);
        consumer_notify(&s->tx);
        consumer_arm(&s->tx);
        if (!s->link || !resolve(n, frame, length)) {
            memcpy(packet, frame + s->link, length - s->link);
            if (s->link) {
                ck_assert_int_eq(memcmp(frame, s->host, 6), 0);
                ck_assert_int_eq(memcmp(frame + 6, s->mac, 6), 0);
            }
            return length - s->link;
        }
        rig_settle();
    }
    return 0;
}

/* udp() - A UDP packet of seeded payload; its whole length */
static inline uint32_t udp(uint8_t *ip, const char *from, const char *to, uint32_t length,
                           uint8_t ttl)
{
    struct abi_addr source = address(from, 0), target = address(to, 0);
    uint32_t header = source.family == FAMILY_IPV4 ? 20 : 40;
    uint8_t *body = ip + header;

    memset(ip, 0, header + 8);
    seeded_fill(4, 0, body + 8, length);
    store16(body, 1111);
    store16(body + 2, 2222);
    store16(body + 4, 8 + length);
    if (header == 20) {
        ip[0] = 0x45;
        store16(ip + 2, 28 + length);
        store16(ip + 4, 77);
        ip[8] = ttl;
        ip[9] = UDP;
        memcpy(ip + 12, source.bytes, 4);
        memcpy(ip + 16, target.bytes, 4);
        store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
    } else {
        ip[0] = 0x60;
        store16(ip + 4, 8 + length);
        ip[6] = UDP;
        ip[7] = ttl;
        memcpy(ip + 8, source.bytes, 16);
        memcpy(ip + 24, target.bytes, 16);
    }
    store16(body + 6, sum_of(ip, UDP, body, 8 + length));
    return header + 8 + length;
}

/* is_whole() - Whether a packet came out with its payload, its checksums, and one hop less */
static inline int is_whole(uint32_t length, uint32_t payload, uint8_t ttl)
{
    uint32_t header = packet[0] >> 4 == 4 ? 20 : 40;

    return length == header + 8 + payload && packet[header == 20 ? 8 : 7] == ttl - 1 &&
           (header == 40 || sum_fold(sum_add(0, packet, 20)) == 0) &&
           sum_of(packet, UDP, packet + header, 8 + payload) == 0 &&
           seeded_differs(4, 0, packet + header + 8, payload) == 0;
}

static inline uint32_t count(uint32_t n, uint32_t why)
{
    return sides[n].pub->forward[why];
}

static const char *const host0[] = { "10.0.0.2", "fd00::2" };
static const char *const host1[] = { "10.0.1.2", "fd00:0:0:1::2" };
static const char *const far[] = { "192.0.2.7", "2001:db8::7" };

#endif /* RINGSTACK_ROUTER_RIG_H */
