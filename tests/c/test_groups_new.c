/* SPDX-License-Identifier: MIT */
/* test_groups_new.c - IGMPv3 and MLDv2: source lists, changes, and when an older version is spoken */
#include "group_rig.h"

#define SOURCE(v6, n) ((v6) ? "fd00::" #n : "10.0.0." #n)

static const char *group(int v6)
{
    return v6 ? GROUP6 : GROUP4;
}

static void join(struct app *app, int v6, const char *source)
{
    ck_assert_int_eq(dg_member(CMD_JOIN, app, group(v6), 0, source), 0);
}

static void leave(struct app *app, int v6, const char *source)
{
    ck_assert_int_eq(dg_member(CMD_LEAVE, app, group(v6), 0, source), 0);
}

/**
 * has_source() - Whether a source was in the records that were taken last
 * @v6: of IPv6
 * @last: last byte of its address
 *
 * Return: 1 if so
 */
static int has_source(int v6, uint8_t last)
{
    uint32_t i;

    for (i = 0; i < sources; i++) {
        if (source_list[i][v6 ? 15 : 3] == last) {
            return 1;
        }
    }
    return 0;
}

/**
 * told_twice() - A change is reported at once, in the next second, and not again
 * @type: of the record
 * @count: its sources
 */
static void told_twice(uint32_t type, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < 2; i++) {
        ck_assert_uint_eq(take_reports(), 1);
        ck_assert_uint_eq(records[type], 1);
        ck_assert_uint_eq(sources, count);
        rig_pass(1000);
    }
    ck_assert_uint_eq(take_reports(), 0);
    rig_pass(30000);
    ck_assert_uint_eq(take_reports(), 0);
}

START_TEST(any_source)
{
    dg_udp(&a, NULL, 7);
    dg_udp(&b, NULL, 8);
    join(&a, _i, NULL);
    told_twice(4, 0);
    join(&b, _i, NULL);
    leave(&a, _i, NULL);
    ck_assert_uint_eq(take_reports(), 0);
    drop(&b);
    told_twice(3, 0);
}
END_TEST

START_TEST(sources_come_and_go)
{
    dg_udp(&a, NULL, 7);
    join(&a, _i, SOURCE(_i, 2));
    told_twice(5, 1);
    join(&a, _i, SOURCE(_i, 3));
    told_twice(5, 1);
    leave(&a, _i, SOURCE(_i, 2));
    ck_assert_uint_eq(take_reports(), 1);
    must(records[6] == 1 && sources == 1 && has_source(_i, 2));
    rig_pass(1000);
    ck_assert_uint_eq(take_reports(), 1);
    give_group(_i, NULL); /* of the source that was left */
    ck_assert_int_eq(dg_take(&a), -1);
    leave(&a, _i, SOURCE(_i, 3));
    told_twice(6, 1);
}
END_TEST

START_TEST(any_source_beside_some)
{
    dg_udp(&a, NULL, 7);
    dg_udp(&b, NULL, 8);
    join(&a, _i, SOURCE(_i, 2));
    told_twice(5, 1);
    join(&b, _i, NULL);
    told_twice(4, 0);
    /* Of all hosts, one more or less is no change. */
    join(&a, _i, SOURCE(_i, 3));
    rig_pass(3000);
    leave(&a, _i, SOURCE(_i, 3));
    rig_pass(3000);
    join(&a, _i, SOURCE(_i, 4));
    rig_pass(3000);
    ck_assert_uint_eq(take_reports(), 0);
    leave(&b, _i, NULL);
    ck_assert_uint_eq(take_reports(), 1);
    must(records[3] == 1 && sources == 2 && has_source(_i, 2) && has_source(_i, 4));
    rig_pass(1000);
    ck_assert_uint_eq(take_reports(), 1);
    must(records[3] == 1 && sources == 2);
}
END_TEST

START_TEST(left_and_joined_again_within_a_second)
{
    dg_udp(&a, NULL, 7);
    join(&a, _i, NULL);
    rig_pass(3000);
    take_reports();
    leave(&a, _i, NULL);
    join(&a, _i, NULL);
    ck_assert_uint_eq(take_reports(), 2);
    must(records[3] == 1 && records[4] == 1);
    rig_pass(30000);
    ck_assert_uint_eq(take_reports(), 1);
    must(records[4] == 1);
    give_group(_i, NULL);
    ck_assert_int_eq(dg_seeded(&a, 20), 1);
}
END_TEST

static void ask(int v6, const uint8_t *address, uint32_t seconds)
{
    query(v6, address, seconds * (v6 ? 1000 : 10), v6 ? 28 : 12, (struct twist){ 0 });
}

START_TEST(queries_are_answered_with_sources)
{
    static const uint32_t seconds[] = { 1, 2, 5, 10, 25 };
    uint32_t i;

    dg_udp(&a, NULL, 7);
    join(&a, _i, SOURCE(_i, 2));
    join(&a, _i, SOURCE(_i, 3));
    rig_pass(3000);
    take_reports();
    for (i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        ask(_i, i & 1 ? (_i ? group6 : group4) : NULL, seconds[i]);
        /* Another host's report is not ours. */
        report_of_another(_i, (struct twist){ 0 });
        rig_pass(seconds[i] * 1000.0);
        ck_assert_uint_eq(take_reports(), 1);
        must(records[1] == 1 && sources == 2 && has_source(_i, 2) && has_source(_i, 3));
        rig_pass(100000);
        ck_assert_uint_eq(take_reports(), 0);
    }
    join(&a, _i, NULL);
    rig_pass(3000);
    take_reports();
    ask(_i, NULL, 1);
    ck_assert_uint_eq(take_reports(), 1);
    must(records[2] == 1 && sources == 0);
}
END_TEST

START_TEST(more_sources_than_a_report_takes)
{
    char source[32];
    uint32_t i;

    dg_udp(&a, NULL, 7);
    dg_udp(&b, NULL, 8);
    for (i = 0; i < 100; i++) {
        snprintf(source, sizeof(source), _i ? "fd00::%x" : "10.0.1.%d", 100 + i);
        join(i < 64 ? &a : &b, _i, source);
    }
    tap_drop_all();
    rig_pass(3000);
    tap_drop_all();
    ask(_i, NULL, 1);
    ck_assert_uint_eq(take_reports(), 2);
    must(records[1] == 2 && sources == 100);
    for (i = 0; i < 100; i++) {
        must(has_source(_i, (uint8_t)(100 + i)));
    }
}
END_TEST

START_TEST(an_old_querier_comes_and_goes)
{
    dg_udp(&a, NULL, 7);
    join(&a, _i, SOURCE(_i, 2));
    rig_pass(3000);
    take_reports();
    old_querier(_i);
    ck_assert_uint_eq(take_reports(), 1);
    ck_assert_uint_eq(kinds[_i ? 131 : 0x16], 1);
    /* Sources are not told, and a group is left with the last. */
    join(&a, _i, SOURCE(_i, 3));
    rig_pass(3000);
    must(take_reports() == 2 && kinds[_i ? 131 : 0x16] == 2);
    leave(&a, _i, SOURCE(_i, 2));
    rig_pass(3000);
    ck_assert_uint_eq(take_reports(), 0);
    /* A new query does not end it, time does. */
    ask(_i, NULL, 1);
    must(take_reports() == 1 && kinds[_i ? 131 : 0x16] == 1);
    rig_pass(250000);
    ask(_i, NULL, 1);
    must(take_reports() == 1 && kinds[_i ? 131 : 0x16] == 1);
    rig_pass(10000);
    ask(_i, NULL, 1);
    must(take_reports() == 1 && records[1] == 1);
    leave(&a, _i, SOURCE(_i, 3));
    told_twice(6, 1);
}
END_TEST

START_TEST(each_interface_has_its_version)
{
    struct cmd_iface cmd = iface_command(IFACE_TAP, 1500, "10.9.0.1/24", "fd09::1/64");
    struct consumer tx = tap_tx;
    struct abi_iface *other;

    cmd.ring_size = 1u << 16;
    cmd.mac[5] = 9;
    other = rig_iface(cmd);
    other->listening = 1;
    dg_udp(&a, NULL, 7);
    old_querier(_i);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, group(_i), tap->handle, NULL), 0);
    must(take_reports() == 1 && kinds[_i ? 131 : 0x16] == 1);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, group(_i), other->handle, NULL), 0);
    consumer_init(&tap_tx, &other->tx);
    rig_settle();
    while (take_packet() && sent.body[0] != (_i ? 143 : 0x22)) {
    }
    ck_assert_uint_eq(sent.body[0], _i ? 143 : 0x22);
    tap_tx = tx;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups_new");
    TCase *tc = link_cases(suite)[0];

    tcase_add_loop_test(tc, any_source, 0, 2);
    tcase_add_loop_test(tc, sources_come_and_go, 0, 2);
    tcase_add_loop_test(tc, any_source_beside_some, 0, 2);
    tcase_add_loop_test(tc, left_and_joined_again_within_a_second, 0, 2);
    tcase_add_loop_test(tc, queries_are_answered_with_sources, 0, 2);
    tcase_add_loop_test(tc, more_sources_than_a_report_takes, 0, 2);
    tcase_add_loop_test(tc, an_old_querier_comes_and_goes, 0, 2);
    tcase_add_loop_test(tc, each_interface_has_its_version, 0, 2);
    return run_suite(suite);
}
