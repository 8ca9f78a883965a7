/* SPDX-License-Identifier: MIT */
/* test_neighbors_hostile.c - ARP and neighbor discovery under floods, forgeries and malformed messages */
#include "neighbor_rig.h"

/* --- Tables that nobody fills for others ---------------------------------------------------------- */

/* ping_from() - An echo request from an address of the link that nobody has */
static void ping_from(int v6, uint32_t number)
{
    uint8_t message[24] = { v6 ? 128 : 8 }, from[16] = { 0xfd };

    if (v6) {
        store32(from + 12, 0x10000 + number);
    } else {
        store32(from, 0x0a000003u + number % 250);
    }
    give(v6 ? 6 : 4, v6 ? ICMP6 : 1, message, sizeof(message), (struct twist){ .from = from });
}

START_TEST(pings_from_made_up_sources_take_nothing_from_others)
{
    uint32_t i, most = 0, before;

    meet(_i);
    before = heap_used();
    for (i = 0; i < 20000; i++) {
        ping_from(_i, i);
        tap_drop_all();
        most = heap_used() > most ? heap_used() : most;
        if (i % 50 == 0) {
            dg_send(&a, hosts[_i], 9, 10);
            ck_assert_uint_gt(next_datagram(_i), 0);
            ck_assert_mem_eq(frame, peer_mac, 6);
            rig_pass(1);
        }
        if (i == 10000) {
            /* A question of ours stays open as long as ever. */
            dg_send(&a, _i ? "fd00::77" : "10.0.0.254", 9, 10);
        }
    }
    rig_pass(1000);
    tap_drop_all();
    ck_assert_uint_lt(most, before + 32 * 1024);
    /* Each reply was dropped for want of an answer. */
    for (i = 0; i < 100; i++) {
        rig_pass(100);
        tap_drop_all();
    }
    ck_assert_uint_eq(ctl->stats.neighbor_drops, 20000 + 1);
    ck_assert_uint_le(heap_used(), before);
}
END_TEST

START_TEST(questions_from_made_up_hosts_leave_hosts_in_use)
{
    uint32_t i, most = 0, before;

    meet(_i);
    before = heap_used();
    for (i = 0; i < 20000; i++) {
        char from[40];

        if (_i) {
            snprintf(from, sizeof(from), "fd00::1:%x", i % 65000);
            give_nd(NS, other_mac, "fd00::1", 0, from, "ff02::1:ff00:1");
        } else {
            snprintf(from, sizeof(from), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
            give_arp(1, other_mac, from, "10.0.0.1");
        }
        tap_drop_all();
        most = heap_used() > most ? heap_used() : most;
        if (i % 500 == 0) {
            dg_send(&a, hosts[_i], 9, 10);
            ck_assert_uint_gt(next_datagram(_i), 0);
            ck_assert_mem_eq(frame, peer_mac, 6);
        }
    }
    ck_assert_uint_lt(most, before + 256 * 96);
}
END_TEST

START_TEST(more_hosts_than_entries_are_all_reached)
{
    uint32_t i, round, got = 0;

    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(add("10.0.0.1/16"), 0);
    tap_drop_all();
    for (round = 0; round < 2; round++) {
        for (i = 0; i < 1000; i++) {
            char to[20];

            snprintf(to, sizeof(to), "10.0.%u.%u", 1 + i / 200, 1 + i % 200);
            dg_send(&a, to, 9, 10);
            got += take_packet() && sent.proto == UDP;
        }
    }
    ck_assert_uint_eq(got, 2000);
}
END_TEST

/* --- Malformed ------------------------------------------------------------------------------------------ */

/* Bytes where an option with a MAC address of 8 bytes is expected; 0xff stands for its type. */
static const struct {
    uint8_t option[8];
    uint8_t length;
} no_mac[] = {
    { { 0 }, 0 },                      /* nothing */
    { { 0xff }, 1 },                   /* half an option header */
    { { 0xff, 0 }, 2 },                /* length 0 */
    { { 0xff, 0 }, 8 },                /* length 0, not at the end */
    { { 0xff, 1 }, 2 },                /* longer than the packet */
    { { 0xff, 2, 0, 0 }, 8 },          /* longer than the packet */
    { { 0xff, 1, 0x33, 0x33, 0 }, 8 }, /* a group */
    { { 14, 1, 0, 0 }, 8 },            /* another option (nonce) */
};

START_TEST(message_without_a_whole_mac_address_changes_nothing)
{
    uint8_t message[64] = { _i & 1 ? NS : NA, 0, 0, 0, 0x20 };
    uint32_t i = (uint32_t)_i >> 1;

    meet(1);
    memcpy(message + 8, _i & 1 ? our_ip6 : peer_ip6, 16);
    memcpy(message + 24, no_mac[i].option, no_mac[i].length);
    if (message[24] == 0xff) {
        message[24] = _i & 1 ? 1 : 2;
    }
    give(6, ICMP6, message, 24u + no_mac[i].length, (struct twist){ .ttl = 255 });
    dg_send(&a, "fd00::2", 9, 10);
    ck_assert_uint_gt(next_datagram(1), 0);
    ck_assert_mem_eq(frame, peer_mac, 6);
}
END_TEST

START_TEST(mac_address_behind_another_option_is_found)
{
    uint8_t message[40] = { NS, [24] = 14, [25] = 1, [32] = 1, [33] = 1 };

    memcpy(message + 8, our_ip6, 16);
    memcpy(message + 34, peer_mac, 6);
    give(6, ICMP6, message, sizeof(message), (struct twist){ .ttl = 255 });
    ck_assert_mem_eq(entry(ROUTE_NEIGHBORS, NULL, 1, 0).via.bytes, peer_mac, 6);
}
END_TEST

START_TEST(messages_from_beyond_the_link_are_dropped)
{
    uint32_t before = ctl->stats.input_drops;
    uint8_t message[32] = { NS, [24] = 1, [25] = 1 };

    memcpy(message + 8, our_ip6, 16);
    memcpy(message + 26, other_mac, 6);
    give(6, ICMP6, message, sizeof(message), (struct twist){ .ttl = 254 });
    message[1] = 1; /* a code nobody knows */
    give(6, ICMP6, message, sizeof(message), (struct twist){ .ttl = 255 });
    message[1] = 0;
    message[8] = 0xff; /* a group */
    give(6, ICMP6, message, sizeof(message), (struct twist){ .ttl = 255 });
    give_nd(NS, other_mac, "fd00::1", 0,
            "::", "ff02::1:ff00:1"); /* from nowhere, with a MAC address */
    give_nd(NA, other_mac, "fd00::2", 0x60, "fd00::2", "ff02::1"); /* an answer to all */
    give_arp(1, (const uint8_t[6]){ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, "10.0.0.2", "10.0.0.1");
    rig_settle();
    ck_assert_uint_eq(ctl->stats.input_drops, before + 6);
    ck_assert_uint_eq(tap_take(frame), 0);
    entry(ROUTE_NEIGHBORS, NULL, 0, 0);
}
END_TEST

START_TEST(redirect_is_not_believed)
{
    uint8_t message[48] = { 137, [40] = 2, [41] = 1 };

    meet(1);
    memcpy(message + 8, peer_local, 16);
    memcpy(message + 24, peer_ip6, 16);
    memcpy(message + 42, other_mac, 6);
    give(6, ICMP6, message, sizeof(message), (struct twist){ .ttl = 255, .from = peer_local });
    dg_send(&a, "fd00::2", 9, 10);
    ck_assert_uint_gt(next_datagram(1), 0);
    ck_assert_mem_eq(frame, peer_mac, 6);
}
END_TEST

START_TEST(garbage_leaves_a_table_that_works)
{
    uint64_t rng = mix64(test_seed + (uint32_t)_i);
    uint32_t i, j;

    dg_udp(&a, NULL, 7);
    for (i = 0; i < 4000; i++) {
        uint8_t bytes[80];
        uint32_t length = rng_below(&rng, sizeof(bytes));

        for (j = 0; j < length; j++) {
            bytes[j] = (uint8_t)(rng_below(&rng, 3) ? rng_below(&rng, 4) : rng_u32(&rng));
        }
        if (i % 2) {
            static const uint8_t types[] = { NS, NA, 133, 134, 137 };

            if (length > 8) {
                bytes[0] = types[rng_below(&rng, 5)];
                bytes[1] = 0;
                memcpy(bytes + 8, rng_below(&rng, 2) ? our_ip6 : peer_ip6,
                       length < 24 ? length - 8 : 16);
            }
            give(6, ICMP6, bytes, length, (struct twist){ .ttl = 255 });
        } else {
            memset(frame, 0xff, 6);
            memcpy(frame + 6, peer_mac, 6);
            store16(frame + 12, ARP);
            memcpy(frame + 14, bytes, length);
            if (length > 8 && rng_below(&rng, 2)) {
                memcpy(frame + 14, (const uint8_t[]){ 0, 1, 8, 0, 6, 4, 0 }, 7);
            }
            tap_give(frame, 14 + length);
        }
        dg_send(&a, rng_below(&rng, 2) ? "10.0.0.9" : "fd00::9", 9, rng_below(&rng, 100));
        rig_pass(rng_below(&rng, 300));
        tap_drop_all();
    }
    for (i = 0; i < 30; i++) {
        rig_pass(1000);
        tap_drop_all();
    }
    dg_send(&a, hosts[_i & 1], 9, 10);
    while (take_packet() && sent.proto != UDP) {
    }
    ck_assert_uint_eq(sent.proto, UDP);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("neighbors_hostile");
    TCase *tc = link_cases(suite)[0];

    tcase_add_loop_test(tc, pings_from_made_up_sources_take_nothing_from_others, 0, 2);
    tcase_add_loop_test(tc, questions_from_made_up_hosts_leave_hosts_in_use, 0, 2);
    tcase_add_test(tc, more_hosts_than_entries_are_all_reached);
    tcase_add_loop_test(tc, message_without_a_whole_mac_address_changes_nothing, 0,
                        2 * (int)(sizeof(no_mac) / sizeof(no_mac[0])));
    tcase_add_test(tc, mac_address_behind_another_option_is_found);
    tcase_add_test(tc, messages_from_beyond_the_link_are_dropped);
    tcase_add_test(tc, redirect_is_not_believed);
    tcase_add_loop_test(tc, garbage_leaves_a_table_that_works, 0, 6);
    return run_suite(suite);
}
