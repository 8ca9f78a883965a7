/* SPDX-License-Identifier: MIT */
/* test_router.c - packets of others that pass from one interface to another */
#include "router_rig.h"

/* --- What passes ------------------------------------------------------------------------------------------ */

START_TEST(packet_passes_with_right_checksums_and_one_hop_less)
{
    static uint8_t ip[2000];
    uint32_t v6, i, length;

    start(_i, 1500);
    for (v6 = 0; v6 < 2; v6++) {
        for (i = 0; i < 20; i++) {
            length = udp(ip, host0[v6], host1[v6], i * 70, (uint8_t)(2 + i));
            in(0, ip, length);
            ck_assert_msg(is_whole(out(1), i * 70, (uint8_t)(2 + i)), "%u", v6);
            length = udp(ip, host1[v6], host0[v6], i, 64);
            in(1, ip, length);
            ck_assert(is_whole(out(0), i, 64));
        }
    }
    ck_assert_uint_eq(count(0, FORWARD_SENT), 40);
    ck_assert_uint_eq(count(1, FORWARD_SENT), 40);
    ck_assert_uint_eq(out(0) + out(1), 0);
    stop();
}
END_TEST

START_TEST(udp_without_a_checksum_stays_without)
{
    uint8_t ip[200];
    uint32_t length;

    start(0, 1500);
    length = udp(ip, host0[0], host1[0], 10, 64);
    store16(ip + 26, 0);
    in(0, ip, length);
    ck_assert_uint_eq(out(1), length);
    ck_assert_uint_eq(load16(packet + 26), 0);
    ck_assert_uint_eq(sum_fold(sum_add(0, packet, 20)), 0);
    stop();
}
END_TEST

START_TEST(packet_is_copied_once)
{
    static uint8_t ip[2000];
    uint64_t before;
    uint32_t length, i;

    start(_i, 1500);
    length = udp(ip, host0[0], host1[0], 1400, 64);
    in(0, ip, length);
    ck_assert_uint_eq(out(1), length);
    before = ctl->stats.bytes_copied;
    for (i = 0; i < 10; i++) {
        in(0, ip, length);
        ck_assert_uint_eq(out(1), length);
    }
    ck_assert_uint_eq(ctl->stats.bytes_copied - before, 10 * (length + sides[1].link));
    stop();
}
END_TEST

START_TEST(fragments_pass_as_they_are)
{
    static uint8_t ip[2000];
    uint32_t length, offset;

    start(_i, 1500);
    for (offset = 0; offset < 3; offset++) {
        length = udp(ip, host0[0], host1[0], 800, 64);
        store16(ip + 6, (offset < 2 ? 0x2000 : 0) | offset * 101);
        store16(ip + 10, 0);
        store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
        in(0, ip, length);
        ck_assert_uint_eq(out(1), length);
        ck_assert_uint_eq(load16(packet + 6), load16(ip + 6));
        ck_assert_uint_eq(sum_fold(sum_add(0, packet, 20)), 0);
        ck_assert_int_eq(memcmp(packet + 20, ip + 20, 808), 0);
    }
    stop();
}
END_TEST

START_TEST(large_packet_is_fragmented_if_it_may_be)
{
    static uint8_t ip[2000], whole[2000];
    uint32_t length, got, end = 0;

    start(_i, 600);
    length = udp(ip, host0[0], host1[0], 1400, 64);
    in(0, ip, length);
    while ((got = out(1))) {
        uint32_t at = (load16(packet + 6) & 0x1fff) * 8;

        ck_assert_uint_le(got, 600);
        ck_assert_uint_eq(sum_fold(sum_add(0, packet, 20)), 0);
        ck_assert_uint_eq(packet[8], 63);
        ck_assert_uint_eq((load16(packet + 6) & 0x2000) != 0, at + got - 20 < 1408);
        memcpy(whole + at, packet + 20, got - 20);
        end += got - 20;
    }
    ck_assert_uint_eq(end, 1408);
    ck_assert_int_eq(memcmp(whole, ip + 20, 1408), 0);
    stop();
}
END_TEST

START_TEST(routes_lead_on_to_other_networks)
{
    uint8_t ip[200];
    struct cmd_route cmd = { .cmd.op = CMD_ROUTE, .number = 5 };
    uint32_t length;

    start(_i & 3, 1500);
    cmd.cmd.handle = sides[1].pub->handle;
    cmd.cmd.value = ROUTE_ADD;
    cmd.destination = address(_i < 4 ? "192.0.2.0/24" : "2001:db8::/32", 0);
    cmd.via = address(host1[_i >= 4], 0);
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    length = udp(ip, host0[_i >= 4], far[_i >= 4], 50, 64);
    in(0, ip, length);
    ck_assert(is_whole(out(1), 50, 64));
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router");
    TCase *tc = tcase_create("router");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, packet_passes_with_right_checksums_and_one_hop_less, 0, 4);
    tcase_add_test(tc, udp_without_a_checksum_stays_without);
    tcase_add_loop_test(tc, packet_is_copied_once, 0, 4);
    tcase_add_loop_test(tc, fragments_pass_as_they_are, 0, 4);
    tcase_add_loop_test(tc, large_packet_is_fragmented_if_it_may_be, 0, 4);
    tcase_add_loop_test(tc, routes_lead_on_to_other_networks, 0, 8);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
