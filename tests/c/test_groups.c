/* SPDX-License-Identifier: MIT */
/* test_groups.c - multicast: membership, delivery, and reports to routers of old versions (IGMPv1, IGMPv2, MLDv1) */
#include "group_rig.h"

START_TEST(only_members_receive)
{
    ck_assert_int_eq(open_at(&b, NULL, 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&a, NULL, 7, DGRAM_REUSE), 0);
    give_group(_i, NULL);
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, _i ? GROUP6 : GROUP4, 0, NULL), 0);
    give_group(_i, NULL);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
    ck_assert_mem_eq(dg_record.local.bytes, _i ? group6 : group4, _i ? 16 : 4);
    ck_assert_int_eq(dg_take(&b), -1);
    ck_assert_int_eq(dg_member(CMD_JOIN, &b, _i ? GROUP6 : GROUP4, tap->handle, NULL), 0);
    give_group(_i, NULL);
    ck_assert_int_eq(dg_seeded(&a, 20) + dg_seeded(&b, 20), 2);
    ck_assert_int_eq(dg_member(CMD_LEAVE, &a, _i ? GROUP6 : GROUP4, 0, NULL), 0);
    give_group(_i, NULL);
    ck_assert_int_eq(dg_seeded(&a, 20), 0);
    ck_assert_int_eq(dg_seeded(&b, 20), 1);
    drop(&b);
    give_group(_i, NULL);
    ck_assert_int_eq(dg_take(&a), -1);
}
END_TEST

START_TEST(one_source)
{
    static const uint8_t other4[4] = { 10, 0, 0, 3 }, other6[16] = { 0xfd, [15] = 3 };
    const char *group = _i ? GROUP6 : GROUP4, *peer = _i ? "fd00::2" : "10.0.0.2";

    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, group, 0, peer), 0);
    give_group(_i, NULL);
    give_group(_i, _i ? other6 : other4);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
    ck_assert_int_eq(dg_seeded(&a, 20), 0);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, group, 0, _i ? "fd00::3" : "10.0.0.3"), 0);
    give_group(_i, _i ? other6 : other4);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
    ck_assert_int_eq(dg_member(CMD_LEAVE, &a, group, 0, NULL), ABI_EADDRNOTAVAIL);
}
END_TEST

START_TEST(wrong_memberships)
{
    char group[32];
    int i;

    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, "10.0.0.2", 0, NULL), ABI_EINVAL);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, 0, "fd00::2"), ABI_EINVAL);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, 0x1ffff, NULL), ABI_ENODEV);
    ck_assert_int_eq(dg_member(CMD_LEAVE, &a, GROUP4, 0, NULL), ABI_EADDRNOTAVAIL);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, 0, NULL), 0);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, tap->handle, NULL), ABI_EADDRINUSE);
    for (i = 1; i < 64; i++) {
        snprintf(group, sizeof(group), "224.2.0.%d", i);
        ck_assert_int_eq(dg_member(CMD_JOIN, &a, group, 0, NULL), 0);
    }
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, "224.3.0.1", 0, NULL), ABI_ENOBUFS);
}
END_TEST

START_TEST(sent_to_a_group)
{
    struct cmd_option cmd = { .cmd.op = CMD_SET_OPTION, .option = OPTION_MULTICAST_TTL };
    struct cmd_socket plain = dg_command(SOCK_UDP, NULL, 8, NULL, 0);
    const char *group = _i ? GROUP6 : GROUP4;

    quiet(_i);
    dg_udp(&b, NULL, 9);
    dg_send(&b, group, 7, 20);
    take_udp(9, 7, 20);
    ck_assert_uint_eq(sent.ttl, 1);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
    ck_assert_int_eq(dg_take(&a), -1);
    /* A time to live of 0 stays on the host. */
    cmd.cmd.handle = b.handle;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    dg_send(&b, group, 7, 21);
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_int_eq(dg_seeded(&a, 21), 1);
    plain.flags = 0;
    ck_assert_int_eq(dg_open(&c, plain), 0);
    dg_send(&c, group, 7, 22);
    take_udp(8, 7, 22);
    ck_assert_int_eq(dg_take(&a), -1);
}
END_TEST

START_TEST(over_loopback_it_comes_once)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 9, NULL, 0);
    uint32_t loopback = tap->handle - 1; /* added first */

    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, loopback, NULL), 0);
    cmd.iface = loopback;
    ck_assert_int_eq(dg_open(&b, cmd), 0);
    dg_send(&b, GROUP4, 7, 20);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_int_eq(take_packet(), 0);
}
END_TEST

START_TEST(a_group_is_no_source)
{
    ck_assert_int_eq(open_at(&a, GROUP4, 7, 0), 0);
    dg_send(&a, "10.0.0.2", 9, 20);
    take_udp(7, 9, 20);
    ck_assert_mem_eq(sent.bytes + 12, our_ip4, 4);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, 0, NULL), 0);
    give_group(0, NULL);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
    give_udp(4, 9, 7, 20, (struct twist){ 0 });
    ck_assert_int_eq(dg_take(&a), -1);
}
END_TEST

START_TEST(reported_at_once_and_again)
{
    old_querier(_i);
    joined(_i);
    ck_assert_uint_eq(take_reports(), 1);
    ck_assert_uint_eq(kinds[_i ? 131 : 0x16], 1);
    rig_pass(11000);
    ck_assert_uint_eq(take_reports(), 1);
    rig_pass(60000);
    ck_assert_uint_eq(take_reports(), 0);
    /* A second member changes nothing, nor does the first that leaves. */
    dg_udp(&b, NULL, 8);
    ck_assert_int_eq(dg_member(CMD_JOIN, &b, _i ? GROUP6 : GROUP4, 0, NULL), 0);
    drop(&a);
    ck_assert_uint_eq(take_reports(), 0);
    drop(&b);
    ck_assert_uint_eq(take_reports(), 1);
    ck_assert_uint_eq(kinds[_i ? 132 : 0x17], 1);
    rig_pass(60000);
    ck_assert_uint_eq(take_reports(), 0);
}
END_TEST

START_TEST(a_tun_is_told_nothing)
{
    joined(_i);
    rig_pass(11000);
    query(_i, NULL, 1, _i ? 24 : 8, (struct twist){ 0 });
    ck_assert_int_eq(take_packet(), 0);
    give_group(_i, NULL);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
}
END_TEST

START_TEST(queries_are_answered_in_time)
{
    static const uint32_t seconds[] = { 0, 1, 2, 5, 10, 25 };
    uint32_t i;

    quiet(_i);
    for (i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        uint32_t unit = _i ? 1000 : 10;

        if (seconds[i] == 0 && !_i) {
            continue; /* version 1: below */
        }
        query(_i, i & 1 ? (_i ? group6 : group4) : NULL, seconds[i] * unit, _i ? 24 : 8,
              (struct twist){ 0 });
        rig_pass(seconds[i] * 1000.0);
        ck_assert_uint_eq(take_reports(), 1);
        ck_assert_uint_eq(kinds[_i ? 131 : 0x16], 1);
        rig_pass(100000);
        ck_assert_uint_eq(take_reports(), 0);
    }
}
END_TEST

START_TEST(two_queries_and_one_answer)
{
    quiet(_i);
    query(_i, NULL, _i ? 10000 : 100, _i ? 24 : 8, (struct twist){ 0 });
    query(_i, NULL, _i ? 3000 : 30, _i ? 24 : 8, (struct twist){ 0 });
    rig_pass(3000);
    ck_assert_uint_eq(take_reports(), 1);
    rig_pass(20000);
    ck_assert_uint_eq(take_reports(), 0);
}
END_TEST

START_TEST(version_1)
{
    quiet(0);
    query(0, NULL, 0, 8, (struct twist){ 0 });
    rig_pass(10000);
    ck_assert_uint_eq(take_reports(), 1);
    ck_assert_uint_eq(kinds[0x12], 1);
    /* It is forgotten after 260 s. */
    rig_pass(1000);
    while (rig_now < 290000) {
        query(0, NULL, 1, 8, (struct twist){ 0 });
        rig_pass(10000);
        take_reports();
    }
    query(0, NULL, 1, 8, (struct twist){ 0 });
    ck_assert_uint_eq(take_reports(), 1);
    ck_assert_uint_eq(kinds[0x16], 1);
}
END_TEST

START_TEST(a_report_of_another_stands_for_ours)
{
    quiet(_i);
    query(_i, NULL, _i ? 8000 : 80, _i ? 24 : 8, (struct twist){ 0 });
    report_of_another(_i, (struct twist){ 0 });
    rig_pass(30000);
    ck_assert_uint_eq(take_reports(), 0);
    drop(&a);
    ck_assert_uint_eq(take_reports(), 1);
    ck_assert_uint_eq(kinds[_i ? 132 : 0x17], 1);
}
END_TEST

START_TEST(what_is_not_believed)
{
    static const uint8_t far6[16] = { 0xfd, [15] = 2 };
    uint8_t cut[24] = { _i ? 130 : 0x11, 1 };

    quiet(_i);
    query(_i, NULL, 1, _i ? 24 : 8, (struct twist){ .wrong_sum = 1 });
    query(_i, NULL, 1, _i ? 24 : 8, (struct twist){ .ttl = 64 });
    query(_i, _i ? routers6 : routers4, 1, _i ? 24 : 8, (struct twist){ 0 });
    give(_i ? 6 : 4, _i ? ICMP6 : 2, cut, _i ? 23 : 7,
         (struct twist){ .ttl = 1, .to = _i ? all6 : all4, .from = _i ? peer_local : NULL });
    if (_i) {
        query(1, NULL, 1, 24, (struct twist){ .from = far6 });
    }
    rig_pass(30000);
    ck_assert_uint_eq(take_reports(), 0);
    query(_i, NULL, _i ? 8000 : 80, _i ? 24 : 8, (struct twist){ 0 });
    report_of_another(_i, (struct twist){ .wrong_sum = 1 });
    report_of_another(_i, (struct twist){ .ttl = 2 });
    rig_pass(10000);
    ck_assert_uint_eq(take_reports(), 1);
}
END_TEST

START_TEST(solicited_nodes_are_reported_when_asked)
{
    static const uint8_t solicited[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 };
    uint32_t found = 0;

    rig_pass(30000);
    ck_assert_int_eq(take_packet(), 0);
    query(1, NULL, 1, 24, (struct twist){ 0 });
    while (take_packet()) {
        found +=
            sent.proto == ICMP6 && sent.body[0] == 131 && memcmp(sent.body + 8, solicited, 16) == 0;
    }
    ck_assert_uint_eq(found, 1);
}
END_TEST

START_TEST(an_interface_that_goes_takes_its_memberships)
{
    struct cmd remove = { .op = CMD_IFACE_REMOVE, .handle = tap->handle };

    joined(0);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP6, 0, NULL), 0);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, tap->handle - 1, NULL), 0);
    ck_assert_int_eq(rig_call(&remove, sizeof(remove)), 0);
    rig_settle();
    must(!app_closed(&a));
    ck_assert_int_eq(dg_member(CMD_LEAVE, &a, GROUP4, tap->handle - 1, NULL), 0);
    ck_assert_int_eq(dg_member(CMD_LEAVE, &a, GROUP6, 0, NULL), ABI_ENODEV);
    rig_pass(20000);
}
END_TEST

START_TEST(no_memory)
{
    void *taken[4096];
    uint32_t count = 0, size = 1u << 20, left;
    int err = 0;

    dg_udp(&a, NULL, 7);
    dg_udp(&b, NULL, 8);
    for (left = 0; left < 40; left++) {
        while (size >= 16) {
            void *piece = count < 4096 ? heap_malloc(size) : NULL;

            if (piece) {
                taken[count++] = piece;
            } else {
                size /= 2;
            }
        }
        err = dg_member(CMD_JOIN, &a, left & 1 ? GROUP6 : GROUP4, 0, NULL);
        must(err == 0 || err == ABI_ENOMEM);
        if (err == 0) {
            /* A report that finds no memory is not sent, no more. */
            ck_assert_int_eq(dg_member(CMD_LEAVE, &a, left & 1 ? GROUP6 : GROUP4, 0, NULL), 0);
        }
        must(count);
        heap_free(taken[--count]);
        size = left < 20 ? 8 : 16;
    }
    while (count) {
        heap_free(taken[--count]);
    }
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, GROUP4, 0, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase **both = link_cases(suite), *on_tap = both[0], *on_tun = both[1];

    tcase_add_loop_test(on_tap, only_members_receive, 0, 2);
    tcase_add_loop_test(on_tap, one_source, 0, 2);
    tcase_add_test(on_tap, wrong_memberships);
    tcase_add_loop_test(on_tap, sent_to_a_group, 0, 2);
    tcase_add_test(on_tap, over_loopback_it_comes_once);
    tcase_add_test(on_tap, a_group_is_no_source);
    tcase_add_loop_test(on_tap, reported_at_once_and_again, 0, 2);
    tcase_add_loop_test(on_tap, queries_are_answered_in_time, 0, 2);
    tcase_add_loop_test(on_tap, two_queries_and_one_answer, 0, 2);
    tcase_add_test(on_tap, version_1);
    tcase_add_loop_test(on_tap, a_report_of_another_stands_for_ours, 0, 2);
    tcase_add_loop_test(on_tap, what_is_not_believed, 0, 2);
    tcase_add_test(on_tap, solicited_nodes_are_reported_when_asked);
    tcase_add_test(on_tap, an_interface_that_goes_takes_its_memberships);
    tcase_add_test(on_tap, no_memory);
    tcase_add_loop_test(on_tun, only_members_receive, 0, 2);
    tcase_add_loop_test(on_tun, a_tun_is_told_nothing, 0, 2);
    return run_suite(suite);
}
