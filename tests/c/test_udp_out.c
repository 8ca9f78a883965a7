/* SPDX-License-Identifier: MIT */
/* test_udp_out.c - UDP datagrams out: fragments, full interfaces, next hops, sources */
#include "dgram_rig.h"

START_TEST(sent_and_connected)
{
    int family = _i ? 6 : 4;
    const char *peer = _i ? "fd00::2" : "10.0.0.2";
    uint32_t length;

    dg_udp(&a, NULL, 7);
    for (length = 0; length < 1400; length += 77) {
        dg_send(&a, peer, 9, length);
        take_udp(7, 9, length);
        ck_assert_mem_eq(sent.bytes + (_i ? 8 : 12), _i ? our_ip6 : our_ip4, _i ? 16 : 4);
        ck_assert_uint_eq(sent.ttl, 64);
    }
    dg_send(&a, NULL, 0, 5);
    dg_send(&a, peer, 0, 5);
    ck_assert_uint_eq(a.pub->tx_dropped, 2);
    ck_assert_int_eq(connect_to(&b, NULL, 8, peer, 9), 0);
    ck_assert_mem_eq(b.pub->local.bytes, _i ? our_ip6 : our_ip4, _i ? 16 : 4);
    dg_send(&b, NULL, 0, 5);
    take_udp(8, 9, 5);
    give_udp(family, 9, 8, 6, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&b, 6), 1);
    give_udp(family, 10, 8, 6, (struct twist){ 0 });
    ck_assert_int_eq(dg_take(&b), -1);
    ck_assert_uint_eq(b.pub->tx_datagrams, 1);
    ck_assert_uint_eq(b.pub->tx_bytes, 5);
}
END_TEST

START_TEST(records_that_are_wrong)
{
    struct abi_datagram record = { .remote = address("10.0.0.2", 9) };
    uint8_t *to;

    dg_udp(&a, NULL, 7);
    record.remote.family = 77;
    must(dg_put(&a, &record, "x", 1));
    record.remote = address("10.0.0.2", 9);
    record.local.family = 5;
    must(dg_put(&a, &record, "x", 1));
    record.local = address("10.0.0.9", 0);
    must(dg_put(&a, &record, "x", 1));
    record.local = address("fd00::1", 0);
    must(dg_put(&a, &record, "x", 1));
    memset(&record.local, 0, sizeof(record.local));
    record.iface = 0x1ffff;
    must(dg_put(&a, &record, "x", 1));
    record.iface = 0;
    record.remote.zone = 77;
    must(dg_put(&a, &record, "x", 1));
    record.remote = address("192.0.2.1", 9);
    must(dg_put(&a, &record, "x", 1));
    must(frame_reserve(&a.tx, 20, &to) == 0);
    memset(to, 2, 20);
    must(frame_submit(&a.tx, 20) == 0);
    rig_settle();
    ck_assert_uint_eq(a.pub->tx_dropped, 8);
    ck_assert_int_eq(take_packet(), 0);
    record.remote = address("10.0.0.2", 9);
    record.local = address("10.0.0.1", 0);
    record.ttl = 3;
    seeded_fill(9, 0, dg_bytes, 1);
    must(dg_put(&a, &record, dg_bytes, 1));
    take_udp(7, 9, 1);
    ck_assert_uint_eq(sent.ttl, 3);
}
END_TEST

START_TEST(to_ourselves_from_ourselves)
{
    const char *own[] = { "10.0.0.1", "127.0.0.1", "fd00::1", "::1" };

    dg_udp(&a, NULL, 7);
    dg_udp(&b, NULL, 8);
    dg_send(&b, own[_i], 7, 33);
    ck_assert_int_eq(dg_seeded(&a, 33), 1);
    ck_assert_mem_eq(dg_record.remote.bytes, address(own[_i], 0).bytes, 16);
    ck_assert_mem_eq(dg_record.local.bytes, address(own[_i], 0).bytes, 16);
    ck_assert_int_eq(connect_to(&c, NULL, 0, own[_i], 7), 0);
    dg_send(&c, NULL, 0, 34);
    ck_assert_int_eq(dg_seeded(&a, 34), 1);
    ck_assert_int_eq(take_packet(), 0);
}
END_TEST

START_TEST(large_datagrams_over_loopback)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    const char *own = _i ? "fd00::1" : "10.0.0.1";
    uint32_t most = _i ? UDP_MOST_IPV6 : UDP_MOST;

    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_udp(&b, NULL, 8);
    dg_send(&b, own, 7, most);
    ck_assert_int_eq(dg_seeded(&a, most), 1);
    dg_send(&b, own, 7, most + 1);
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_uint_eq(b.pub->tx_dropped, 1);
}
END_TEST

/**
 * take_fragments() - Take the fragments of a datagram and put it together
 *
 * Return: bytes of UDP, header included
 */
static uint32_t take_fragments(uint8_t *to)
{
    uint32_t got = 0, more = 1;

    while (more) {
        uint32_t at, v6;
        const uint8_t *data;

        must(take_packet());
        v6 = sent.bytes[0] >> 4 == 6;
        must(sent.length <= 1500);
        if (v6) {
            must(sent.proto == 44 && sent.body[0] == UDP);
            at = load16(sent.body + 2) & 0xfff8;
            more = load16(sent.body + 2) & 1;
            data = sent.body + 8;
        } else {
            at = (load16(sent.bytes + 6) & 0x1fff) * 8;
            more = load16(sent.bytes + 6) & 0x2000;
            data = sent.body;
        }
        must(at == got);
        memcpy(to + at, data, sent.length - (uint32_t)(data - sent.bytes));
        got += sent.length - (uint32_t)(data - sent.bytes);
    }
    return got;
}

START_TEST(fragments_out)
{
    const char *peer = _i ? "fd00::2" : "10.0.0.2";
    static uint8_t udp[70000];
    uint32_t length;

    dg_udp(&a, NULL, 7);
    dg_send(&a, peer, 9, 1); /* the next hop is found first */
    take_udp(7, 9, 1);
    for (length = 1500; length < 20000; length += 3001) {
        dg_send(&a, peer, 9, length);
        ck_assert_uint_eq(take_fragments(udp), 8 + length);
        ck_assert_uint_eq(load16(udp + 4), 8 + length);
        ck_assert_uint_eq(seeded_differs(9, 0, udp + 8, length), 0);
        ck_assert_int_eq(take_packet(), 0);
    }
}
END_TEST

START_TEST(dont_fragment)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);

    cmd.flags |= DGRAM_DONT_FRAGMENT;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_udp(&b, NULL, 8);
    dg_send(&a, "10.0.0.2", 9, 1472);
    take_udp(7, 9, 1472);
    ck_assert_uint_eq(load16(sent.bytes + 6), 0x4000);
    dg_send(&a, "10.0.0.2", 9, 1473);
    dg_send(&a, "fd00::2", 9, 1453);
    ck_assert_uint_eq(a.pub->tx_dropped, 2);
    dg_send(&a, "fd00::2", 9, 1452);
    take_udp(7, 9, 1452);
    /* Others do not have the flag, nor the interface's output that sets it. */
    dg_send(&b, "10.0.0.2", 9, 10);
    take_udp(8, 9, 10);
    ck_assert_uint_eq(load16(sent.bytes + 6), 0);
}
END_TEST

START_TEST(fragments_in)
{
    static uint8_t udp[9000], frame[1600];
    uint8_t ip[60];
    uint32_t at, lost = _i % 2, v6 = _i >= 2, header = v6 ? 48 : 20, length = 8000;

    dg_udp(&a, NULL, 7);
    store16(udp, 9);
    store16(udp + 2, 7);
    store16(udp + 4, 8 + length);
    seeded_fill(9, 0, udp + 8, length);
    if (v6) {
        put_ip6(ip, UDP, 0, 64);
    } else {
        put_ip4(ip, UDP, 0, 0, 0);
    }
    store16(udp + 6, sum_of(ip, UDP, udp, 8 + length));
    for (at = 0; at < 8 + length; at += 1440) {
        uint32_t bytes = 8 + length - at < 1440 ? 8 + length - at : 1440,
                 more = at + bytes < 8 + length;
        uint8_t *packet = put_link(frame, v6 ? 0x86dd : 0x0800);

        if (lost && at == 1440) {
            continue;
        }
        if (v6) {
            put_ip6(packet, 44, 8 + bytes, 64);
            memset(packet + 40, 0, 8);
            packet[40] = UDP;
            store16(packet + 42, at | more);
            store32(packet + 44, 77);
        } else {
            put_ip4(packet, UDP, bytes, 77, at / 8 | more << 13);
        }
        memcpy(packet + header, udp + at, bytes);
        tap_give(frame, tap_link + header + bytes);
    }
    ck_assert_int_eq(dg_seeded(&a, length), !lost);
    rig_pass(70000);
    ck_assert_int_eq(dg_take(&a), -1);
}
END_TEST

START_TEST(a_full_interface_loses_nothing)
{
    struct abi_datagram record = { .remote = address(_i ? "fd00::2" : "10.0.0.2", 9) };
    static uint8_t udp[70000];
    uint32_t i, put = 0, got = 0;

    dg_udp(&a, NULL, 7);
    dg_send(&a, _i ? "fd00::2" : "10.0.0.2", 9, 1);
    take_udp(7, 9, 1);
    for (i = 0; i < 60; i++) {
        uint32_t length = i % 3 ? 1000 : 5000;

        memset(dg_bytes, (int)i, length);
        put += (uint32_t)dg_put(&a, &record, dg_bytes, length);
    }
    ck_assert_uint_eq(put, 60);
    rig_settle();
    ck_assert_uint_lt(a.pub->tx_datagrams, 61);
    ck_assert_uint_gt(tap->tx_blocked, 0);
    for (i = 0; i < 60; i++) {
        uint32_t length = i % 3 ? 1000 : 5000;

        if (length > 1400) {
            must(take_fragments(udp) == 8 + length);
        } else {
            must(take_packet() && sent.body_length == 8 + length);
            memcpy(udp, sent.body, 8 + length);
        }
        for (got = 0; got < length; got++) {
            must(udp[8 + got] == i);
        }
    }
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(a.pub->tx_datagrams, 61);
    ck_assert_uint_eq(a.pub->tx_dropped, 0);
    ck_assert_uint_eq(tap->tx_lost, 0);
}
END_TEST

START_TEST(what_never_fits_is_refused)
{
    dg_udp(&a, NULL, 7);
    dg_send(&a, "10.0.0.2", 9, 1);
    take_udp(7, 9, 1);
    /* Its fragments take more than the 64 KiB of the interface's ring. */
    dg_send(&a, "10.0.0.2", 9, 65000);
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
    ck_assert_int_eq(take_packet(), 0);
    dg_send(&a, "10.0.0.2", 9, 100);
    take_udp(7, 9, 100);
}
END_TEST

START_TEST(nobody_at_the_interface)
{
    tap->listening = 0;
    dg_udp(&a, NULL, 7);
    dg_send(&a, "10.0.0.2", 9, 100);
    dg_send(&a, "10.0.0.2", 9, 5000);
    ck_assert_uint_eq(a.pub->tx_datagrams, 2);
    ck_assert_int_eq(take_packet(), 0);
}
END_TEST

START_TEST(the_next_hop_is_not_known_yet)
{
    struct abi_datagram record = { .remote = address(_i ? "fd00::2" : "10.0.0.2", 9) };
    uint32_t i;

    dg_udp(&a, NULL, 7);
    seeded_fill(9, 0, dg_bytes, 500);
    for (i = 0; i < 20; i++) {
        must(dg_put(&a, &record, dg_bytes, 500));
    }
    rig_settle();
    /* They were copied: the ring may be written over. */
    memset(at(a.pub->tx.buf[0]), 0xee, 20000);
    for (i = 0; i < 20; i++) {
        take_udp(7, 9, 500);
    }
}
END_TEST

START_TEST(broadcast_out)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

    dg_udp(&b, NULL, 9);
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_send(&a, "255.255.255.255", 9, 20);
    take_udp(7, 9, 20);
    ck_assert_mem_eq(sent.link, all, 6);
    ck_assert_int_eq(dg_seeded(&b, 20), 1);
    dg_send(&a, "10.0.0.255", 9, 20);
    take_udp(7, 9, 20);
    ck_assert_mem_eq(sent.link, all, 6);
    ck_assert_int_eq(dg_seeded(&b, 20), 1);
    ck_assert_int_eq(dg_seeded(&b, 20), 0);
    drop(&a);
    cmd.flags = 0;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_send(&a, "255.255.255.255", 9, 20);
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
}
END_TEST

START_TEST(an_interface_without_an_address)
{
    struct cmd_iface plain = iface_command(IFACE_TAP, 1500, NULL, NULL);
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 68, NULL, 0);
    static const uint8_t given[4] = { 192, 0, 2, 7 }, server[4] = { 192, 0, 2, 1 },
                         all[4] = { 255, 255, 255, 255 };
    uint8_t short_udp[3] = { 0, 67, 0 };

    plain.ring_size = 1u << 16;
    tap = rig_iface(plain);
    tap->listening = 1;
    producer_init(&tap_rx, &tap->rx);
    consumer_init(&tap_tx, &tap->tx);
    cmd.iface = tap->handle;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_send(&a, "255.255.255.255", 67, 30);
    take_udp(68, 67, 30);
    ck_assert_mem_eq(sent.bytes + 12, "\0\0\0\0", 4);
    give_udp(4, 67, 68, 31, (struct twist){ .from = server, .to = given });
    give_udp(4, 67, 68, 32, (struct twist){ .from = server, .to = all });
    ck_assert_int_eq(dg_seeded(&a, 31) + dg_seeded(&a, 32), 2);
    give_udp(4, 67, 69, 31, (struct twist){ .from = server, .to = given });
    give(4, UDP, short_udp, 3, (struct twist){ .from = server, .to = given });
    give(4, UDP, short_udp, 0, (struct twist){ .from = server, .to = given });
    give_udp(4, 67, 68, 31, (struct twist){ .from = all, .to = given });
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_int_eq(take_packet(), 0);
}
END_TEST

START_TEST(to_a_given_mac)
{
    struct abi_datagram record = { .remote = address("10.0.0.77", 68), .flags = DATAGRAM_LINK };
    static const uint8_t mac[6] = { 2, 4, 6, 8, 10, 12 };

    dg_udp(&a, NULL, 67);
    memcpy(record.link, mac, 6);
    seeded_fill(9, 0, dg_bytes, 40);
    must(dg_put(&a, &record, dg_bytes, 40));
    take_udp(67, 68, 40);
    if (tap_link) {
        ck_assert_mem_eq(sent.link, mac, 6);
        ck_assert_mem_eq(sent.link + 6, our_mac, 6);
    }
    dg_send(&a, "10.0.0.2", 9, 10);
    take_udp(67, 9, 10);
    ck_assert_mem_eq(sent.link, peer_mac, tap_link ? 6 : 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp_out");
    TCase **both = link_cases(suite), *on_tap = both[0];
    uint32_t i;

    for (i = 0; i < 2; i++) {
        tcase_add_loop_test(both[i], sent_and_connected, 0, 2);
        tcase_add_test(both[i], records_that_are_wrong);
        tcase_add_loop_test(both[i], to_ourselves_from_ourselves, 0, 4);
        tcase_add_loop_test(both[i], fragments_out, 0, 2);
        tcase_add_test(both[i], dont_fragment);
        tcase_add_loop_test(both[i], fragments_in, 0, 4);
        tcase_add_loop_test(both[i], a_full_interface_loses_nothing, 0, 2);
        tcase_add_test(both[i], what_never_fits_is_refused);
        tcase_add_test(both[i], nobody_at_the_interface);
        tcase_add_test(both[i], to_a_given_mac);
    }
    tcase_add_loop_test(on_tap, large_datagrams_over_loopback, 0, 2);
    tcase_add_loop_test(on_tap, the_next_hop_is_not_known_yet, 0, 2);
    tcase_add_test(on_tap, broadcast_out);
    tcase_add_test(on_tap, an_interface_without_an_address);
    return run_suite(suite);
}
