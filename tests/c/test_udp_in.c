/* SPDX-License-Identifier: MIT */
/* test_udp_in.c - UDP datagrams in: checksums, lengths, fragments, full rings, nobody there */
#include "dgram_rig.h"

START_TEST(received)
{
    int family = _i ? 6 : 4;

    dg_udp(&a, NULL, 7);
    give_udp(family, 9, 7, 0, (struct twist){ .ttl = 33 });
    give_udp(family, 9, 7, 1, (struct twist){ 0 });
    give_udp(family, 9, 7, 1452, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 0), 1);
    ck_assert_uint_eq(dg_record.ttl, 33);
    ck_assert_uint_eq(dg_record.iface, tap->handle);
    ck_assert_uint_eq(dg_record.remote.family, (uint8_t)family);
    ck_assert_uint_eq(dg_record.remote.port, 9);
    ck_assert_uint_eq(dg_record.remote.zone, 0);
    ck_assert_mem_eq(dg_record.remote.bytes, _i ? peer_ip6 : peer_ip4, _i ? 16 : 4);
    ck_assert_uint_eq(dg_record.local.port, 7);
    ck_assert_mem_eq(dg_record.local.bytes, _i ? our_ip6 : our_ip4, _i ? 16 : 4);
    ck_assert_int_eq(dg_seeded(&a, 1), 1);
    ck_assert_int_eq(dg_seeded(&a, 1452), 1);
    ck_assert_uint_eq(a.pub->rx_datagrams, 3);
    ck_assert_uint_eq(a.pub->rx_bytes, 1453);
}
END_TEST

START_TEST(checksums)
{
    int family = _i ? 6 : 4;

    dg_udp(&a, NULL, 7);
    give_udp(family, 9, 7, 11, (struct twist){ .wrong_sum = 1 });
    ck_assert_uint_eq(ctl->stats.udp_invalid, 1);
    give_udp(family, 9, 7, 11, (struct twist){ .no_sum = 1 });
    ck_assert_int_eq(dg_seeded(&a, 11), family == 4);
    ck_assert_uint_eq(ctl->stats.udp_invalid, family == 4 ? 1 : 2);
    give_udp(family, 9, 7, 11, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 11), 1);
    ck_assert_int_eq(dg_take(&a), -1);
}
END_TEST

START_TEST(lengths_that_lie)
{
    uint8_t udp[40] = { 0, 9, 0, 7 };
    int family = _i ? 6 : 4;
    uint32_t claimed;

    dg_udp(&a, NULL, 7);
    for (claimed = 0; claimed < 60; claimed++) {
        store16(udp + 4, claimed);
        /* The checksum is that of the length that is claimed, so that it is the length that is looked at. */
        store16(udp + 6, 0);
        if (claimed >= 8 && claimed <= 40) {
            uint8_t ip[60];

            if (family == 4) {
                put_ip4(ip, UDP, 0, 0, 0);
            } else {
                put_ip6(ip, UDP, 0, 64);
            }
            store16(udp + 6, sum_of(ip, UDP, udp, claimed));
        }
        give(family, UDP, udp, sizeof(udp), (struct twist){ .as_it_is = 1 });
        ck_assert_int_eq(dg_take(&a), claimed >= 8 && claimed <= 40 ? (int)claimed - 8 : -1);
    }
    for (claimed = 0; claimed < 8; claimed++) {
        give(family, UDP, udp, claimed, (struct twist){ .as_it_is = 1 });
        ck_assert_int_eq(dg_take(&a), -1);
    }
    ck_assert_uint_eq(ctl->stats.udp_invalid, 8 + 19 + 8);
}
END_TEST

START_TEST(the_best_socket_gets_it)
{
    struct cmd_socket cmd;

    ck_assert_int_eq(open_at(&a, NULL, 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&b, "10.0.0.1", 7, DGRAM_REUSE), 0);
    cmd = dg_command(SOCK_UDP, "10.0.0.1", 7, "10.0.0.2", 9);
    cmd.flags |= DGRAM_REUSE;
    ck_assert_int_eq(dg_open(&c, cmd), 0);
    give_udp(4, 9, 7, 3, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&c, 3), 1);
    give_udp(4, 10, 7, 3, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&b, 3), 1);
    give_udp(6, 9, 7, 3, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 3), 1);
    ck_assert_int_eq(dg_take(&a) + dg_take(&b) + dg_take(&c), -3);
}
END_TEST

START_TEST(broadcast_comes_to_all)
{
    static const uint8_t all[4] = { 255, 255, 255, 255 }, subnet[4] = { 10, 0, 0, 255 };

    ck_assert_int_eq(open_at(&a, NULL, 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&b, "0.0.0.0", 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&c, "10.0.0.1", 7, DGRAM_REUSE), 0);
    give_udp(4, 9, 7, 3, (struct twist){ .to = all });
    give_udp(4, 9, 7, 3, (struct twist){ .to = subnet });
    ck_assert_int_eq(dg_seeded(&a, 3) + dg_seeded(&a, 3) + dg_seeded(&b, 3) + dg_seeded(&b, 3), 4);
    ck_assert_int_eq(dg_take(&c), -1);
    /* Nobody answers one that nobody listens for. */
    give_udp(4, 9, 8, 3, (struct twist){ .to = subnet });
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(ctl->stats.udp_no_socket, 1);
}
END_TEST

START_TEST(nobody_listens)
{
    int family = _i ? 6 : 4;
    static const uint8_t nowhere[4], group[4] = { 224, 1, 2, 3 };

    give_udp(family, 9, 7, 30, (struct twist){ 0 });
    must(take_packet());
    ck_assert_uint_eq(sent.proto, family == 4 ? 1 : ICMP6);
    ck_assert_uint_eq(sent.body[0], family == 4 ? 3 : 1);
    ck_assert_uint_eq(sent.body[1], family == 4 ? 3 : 4);
    ck_assert_uint_eq(load16(sent.body + 8 + (family == 4 ? 22 : 42)), 7);
    ck_assert_uint_eq(ctl->stats.udp_no_socket, 1);
    if (family == 4) {
        /* No error is sent to no address, nor is anything taken from a group. */
        give_udp(4, 9, 7, 30, (struct twist){ .from = nowhere });
        give_udp(4, 9, 7, 30, (struct twist){ .from = group });
        ck_assert_int_eq(take_packet(), 0);
    }
}
END_TEST

START_TEST(errors_are_limited)
{
    uint32_t i, errors = 0;

    for (i = 0; i < 500; i++) {
        give_udp(4, 9, 7, 3, (struct twist){ 0 });
        errors += (uint32_t)take_packet();
    }
    ck_assert_uint_eq(errors, 50);
    rig_now += 10;
    for (i = 0; i < 500; i++) {
        static const uint8_t unknown[8] = { 1 };

        give(i & 1 ? 4 : 6, 200, unknown, 8, (struct twist){ .as_it_is = 1 });
        errors += (uint32_t)take_packet();
    }
    ck_assert_uint_eq(errors, 60);
}
END_TEST

START_TEST(packets_from_nowhere)
{
    static const uint8_t nowhere[4];
    uint8_t echo[8] = { 8 }, tcp[20] = { 0 };
    struct peer from = { .port = 5, .stack_port = 80 };
    struct app listener;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)), 0);
    give(4, 1, echo, sizeof(echo), (struct twist){ .from = nowhere });
    put_tcp(tcp, &from, TCP_SYN_FLAG, NULL, 0, 0);
    store16(tcp + 16, sum_fold(0xffff - load16(tcp + 16) + 0xffff - 0x0a00 + 0xffff - 2));
    give(4, 6, tcp, sizeof(tcp), (struct twist){ .from = nowhere, .as_it_is = 1 });
    ck_assert_int_eq(take_packet(), 0);
    /* A datagram of a client without an address is taken. */
    dg_udp(&a, NULL, 67);
    give_udp(4, 68, 67, 5, (struct twist){ .from = nowhere });
    ck_assert_int_eq(dg_seeded(&a, 5), 1);
    app_release(&listener);
}
END_TEST

START_TEST(rx_full_drops_the_newest)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    uint32_t i, got = 0;

    cmd.rx_max = 2048;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    for (i = 0; i < 50; i++) {
        give_udp(4, (uint16_t)(100 + i), 7, 100, (struct twist){ 0 });
    }
    ck_assert_uint_eq(a.pub->rx_datagrams + a.pub->rx_dropped, 50);
    ck_assert_uint_gt(a.pub->rx_dropped, 30);
    while (dg_seeded(&a, 100)) {
        ck_assert_uint_eq(dg_record.remote.port, 100 + got++);
    }
    ck_assert_uint_eq(got, a.pub->rx_datagrams);
    /* One that never fits is dropped too. */
    give_udp(4, 9, 7, 1400, (struct twist){ 0 });
    ck_assert_int_eq(dg_take(&a), -1);
    give_udp(4, 9, 7, 100, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 100), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp_in");
    TCase **both = link_cases(suite), *on_tap = both[0];
    uint32_t i;

    for (i = 0; i < 2; i++) {
        tcase_add_loop_test(both[i], received, 0, 2);
        tcase_add_loop_test(both[i], checksums, 0, 2);
        tcase_add_loop_test(both[i], lengths_that_lie, 0, 2);
        tcase_add_test(both[i], the_best_socket_gets_it);
        tcase_add_loop_test(both[i], nobody_listens, 0, 2);
        tcase_add_test(both[i], errors_are_limited);
        tcase_add_test(both[i], packets_from_nowhere);
        tcase_add_test(both[i], rx_full_drops_the_newest);
    }
    tcase_add_test(on_tap, broadcast_comes_to_all);
    return run_suite(suite);
}
