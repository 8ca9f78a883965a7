/* SPDX-License-Identifier: MIT */
/* neighbor_rig.h - messages of ARP and neighbor discovery from the hosts of a link, and questions of the stack */
#ifndef RINGSTACK_NEIGHBOR_RIG_H
#define RINGSTACK_NEIGHBOR_RIG_H

#include "change_rig.h"

static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 3 };
static uint8_t frame[FRAME_MOST];

/* --- Messages ---------------------------------------------------------------------------------------- */

/* give_arp() - A message of ARP from a host of the link */
static inline void give_arp(uint32_t opcode, const uint8_t *mac, const char *from, const char *to)
{
    uint8_t arp[42] = { 0 };
    struct abi_addr source = address(from, 0), target = address(to, 0);

    memset(arp, 0xff, 6);
    memcpy(arp + 6, mac, 6);
    store16(arp + 12, ARP);
    store16(arp + 14, 1);
    store16(arp + 16, 0x0800);
    arp[18] = 6;
    arp[19] = 4;
    store16(arp + 20, opcode);
    memcpy(arp + 22, mac, 6);
    memcpy(arp + 28, source.bytes, 4);
    memcpy(arp + 38, target.bytes, 4);
    tap_give(arp, sizeof(arp));
}

/* give_nd() - A solicitation or advertisement about an address, whose flags and option are given */
static inline void give_nd(uint8_t type, const uint8_t *mac, const char *target, uint8_t flags,
                           const char *from, const char *to)
{
    uint8_t message[32] = { type, 0, 0, 0, flags };
    struct abi_addr about = address(target, 0), source = address(from, 0), dest = address(to, 0);

    memcpy(message + 8, about.bytes, 16);
    message[24] = type == NS ? 1 : 2;
    message[25] = 1;
    memcpy(message + 26, mac ? mac : our_mac, 6);
    give(6, ICMP6, message, mac ? 32 : 24,
         (struct twist){ .ttl = 255, .from = source.bytes, .to = dest.bytes });
}

/* told() - A host of the link says which MAC address 10.0.0.2 or fd00::2 has: an answer, or to all */
static inline void told(int v6, const uint8_t *mac, int answer)
{
    if (v6) {
        give_nd(NA, mac, "fd00::2", answer ? 0x60 : 0x20, "fd00::2",
                answer ? "fd00::1" : "ff02::1");
    } else {
        give_arp(answer ? 2 : 1, mac, "10.0.0.2", answer ? "10.0.0.1" : "10.0.0.2");
    }
}

/* next_question() - The next question of the stack: 1: to all, 2: to one host, 0: there is none */
static inline int next_question(int v6)
{
    rig_settle();
    while (tap_take(frame)) {
        if (v6 ? load16(frame + 12) == 0x86dd && frame[20] == ICMP6 && frame[54] == NS
               : load16(frame + 12) == ARP && frame[21] == 1) {
            return frame[0] & 1 ? 1 : 2;
        }
    }
    return 0;
}

/* next_datagram() - The next datagram of the stack; its length, 0: there is none */
static inline uint32_t next_datagram(int v6)
{
    uint32_t length;

    rig_settle();
    while ((length = tap_take(frame))) {
        if (v6 ? load16(frame + 12) == 0x86dd && frame[20] == UDP
               : load16(frame + 12) == 0x0800 && frame[23] == UDP) {
            return length;
        }
    }
    return 0;
}

static const char *const hosts[] = { "10.0.0.2", "fd00::2" };

/* state() - State of the only neighbor */
static inline uint32_t state(void)
{
    return entry(ROUTE_NEIGHBORS, NULL, 1, 0).metric;
}

/* meet() - The stack learns the MAC address of the peer by asking */
static inline void meet(int v6)
{
    dg_udp(&a, NULL, 7);
    dg_send(&a, hosts[v6], 9, 10);
    ck_assert_int_eq(next_question(v6), 1);
    ck_assert_uint_eq(state(), NEIGHBOR_INCOMPLETE);
    told(v6, peer_mac, 1);
    ck_assert_uint_eq(state(), NEIGHBOR_REACHABLE);
    ck_assert_uint_gt(next_datagram(v6), 0);
    ck_assert_mem_eq(frame, peer_mac, 6);
}

#endif /* RINGSTACK_NEIGHBOR_RIG_H */
