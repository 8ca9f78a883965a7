/* SPDX-License-Identifier: MIT */
/* test_router_drops.c - packets of others that do not pass, and what their senders are told */
#include "router_rig.h"

/* --- What does not, and what is said ------------------------------------------------------------------ */

/* is_error() - Whether an ICMP error about a packet came back to host 0 from us */
static int is_error(uint32_t v6, uint32_t type, uint32_t code, uint32_t word, const uint8_t *about)
{
    uint32_t length = out(0), header = v6 ? 40 : 20, quoted = v6 ? 60 : 28;
    struct abi_addr us = address(v6 ? "fd00::1" : "10.0.0.1", 0);
    const uint8_t *icmp = packet + header;

    return length >= header + 8 + quoted && icmp[0] == type && icmp[1] == code &&
           load32(icmp + 4) == word && memcmp(packet + (v6 ? 8 : 12), us.bytes, v6 ? 16 : 4) == 0 &&
           sum_of(packet, v6 ? ICMP6 : 1, icmp, length - header) == 0 &&
           memcmp(icmp + 8, about, quoted) == 0;
}

START_TEST(packet_whose_time_is_over_is_told)
{
    uint8_t ip[200];
    uint32_t v6, length;

    start(_i, 1500);
    for (v6 = 0; v6 < 2; v6++) {
        length = udp(ip, host0[v6], v6 ? host1[v6] : far[v6], 40, 1);
        in(0, ip, length);
        ck_assert(is_error(v6, v6 ? 3 : 11, 0, 0, ip));
    }
    ck_assert_uint_eq(out(1), 0);
    ck_assert_uint_eq(count(0, FORWARD_TTL), 2);
    stop();
}
END_TEST

START_TEST(packet_without_a_route_is_told)
{
    uint8_t ip[200];
    uint32_t v6, length;

    start(_i, 1500);
    for (v6 = 0; v6 < 2; v6++) {
        length = udp(ip, host0[v6], far[v6], 40, 64);
        in(0, ip, length);
        ck_assert(is_error(v6, v6 ? 1 : 3, 0, 0, ip));
    }
    ck_assert_uint_eq(count(0, FORWARD_NO_ROUTE), 2);
    stop();
}
END_TEST

START_TEST(packet_whose_next_hop_is_silent_is_told)
{
    static const char *const nobody[] = { "10.0.1.77", "fd00:0:0:1::77" };
    uint8_t ip[200];
    uint32_t v6, length;
    struct span question;

    start(3, 1500);
    for (v6 = 0; v6 < 2; v6++) {
        length = udp(ip, host0[v6], nobody[v6], 40, 64);
        in(0, ip, length);
        ip[v6 ? 7 : 8]--; /* as it was passed on */
        if (!v6) {
            store16(ip + 10, 0);
            store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
        }
        rig_pass(7000);
        while (frame_peek(&sides[1].tx, FRAME_MOST, &question) == 0) {
            frame_release(&sides[1].tx);
        }
        ck_assert(is_error(v6, v6 ? 1 : 3, v6 ? 3 : 1, 0, ip));
    }
    ck_assert_uint_eq(ctl->stats.neighbor_drops, 2);
    ck_assert_uint_eq(out(0), 0);
    stop();
}
END_TEST

START_TEST(packet_that_is_too_big_is_told_with_the_mtu)
{
    static uint8_t ip[2000];
    uint32_t v6, length;

    start(_i, 1300);
    for (v6 = 0; v6 < 2; v6++) {
        length = udp(ip, host0[v6], host1[v6], 1400, 64);
        if (!v6) {
            ip[6] = 0x40;
            store16(ip + 10, 0);
            store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
        }
        in(0, ip, length);
        ck_assert(is_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1300, ip));
    }
    ck_assert_uint_eq(out(1), 0);
    ck_assert_uint_eq(count(0, FORWARD_TOO_BIG), 2);
    stop();
}
END_TEST

START_TEST(errors_are_not_told_about_errors_and_later_fragments)
{
    uint8_t ip[200];
    uint32_t length;

    start(0, 1500);
    length = udp(ip, host0[0], far[0], 40, 64);
    ip[7] = 3;
    store16(ip + 10, 0);
    store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
    in(0, ip, length);
    length = udp(ip, host0[0], far[0], 40, 64);
    ip[9] = 1;
    ip[20] = 11;
    store16(ip + 10, 0);
    store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
    in(0, ip, length);
    length = udp(ip, host0[1], far[1], 40, 1);
    ip[6] = ICMP6;
    ip[40] = 1;
    in(0, ip, length);
    ck_assert_uint_eq(out(0) + out(1), 0);
    ck_assert_uint_eq(count(0, FORWARD_NO_ROUTE), 2);
    ip[40] = 128; /* an echo request is told */
    in(0, ip, length);
    ck_assert_uint_gt(out(0), 0);
    stop();
}
END_TEST

START_TEST(errors_are_limited)
{
    uint8_t ip[200];
    uint32_t length, i, errors = 0;

    start(0, 1500);
    length = udp(ip, host0[0], far[0], 40, 64);
    for (i = 0; i < 500; i++) {
        in(0, ip, length);
        errors += out(0) != 0;
    }
    ck_assert_uint_ge(errors, 50);
    ck_assert_uint_le(errors, 60);
    ck_assert_uint_eq(ctl->stats.icmp_limited, 500 - errors);
    stop();
}
END_TEST

static const struct {
    const char *from, *to;
} strays[] = {
    { "127.0.0.1", "10.0.1.2" },    { "0.0.0.0", "10.0.1.2" },      { "169.254.1.1", "10.0.1.2" },
    { "10.0.1.1", "10.0.1.2" },     { "240.0.0.1", "10.0.1.2" },    { "10.0.0.2", "127.0.0.5" },
    { "10.0.0.2", "0.1.2.3" },      { "10.0.0.2", "169.254.9.9" },  { "10.0.0.2", "224.0.0.251" },
    { "10.0.0.2", "239.1.1.1" },    { "10.0.0.2", "240.0.0.9" },    { "10.0.0.2", "10.0.1.1" },
    { "fe80::5", "fd00:0:0:1::2" }, { "::1", "fd00:0:0:1::2" },     { "fd00::2", "fe80::9" },
    { "fd00::2", "ff02::9" },       { "fd00::2", "ff0e::1" },       { "fd00::2", "::1" },
    { "fd00::2", "fd00:0:0:1::1" }, { "ff02::1", "fd00:0:0:1::2" }, { "fd00::1", "fd00:0:0:1::2" }
};

START_TEST(strays_are_not_forwarded_and_not_answered)
{
    uint8_t ip[200];
    uint32_t length, n;

    start(3, 1500);
    length = udp(ip, strays[_i].from, strays[_i].to, 40, 64);
    in(0, ip, length);
    ck_assert_msg(out(1) == 0, "%s to %s", strays[_i].from, strays[_i].to);
    for (n = 1; n < FORWARD_REFUSED; n++) {
        ck_assert_uint_eq(count(0, n), 0);
    }
    ck_assert_uint_eq(count(0, FORWARD_SENT), 0);
    ck_assert_uint_eq(out(0), 0);
    stop();
}
END_TEST

START_TEST(frames_for_all_stations_are_not_forwarded)
{
    static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 },
                         group[6] = { 1, 0, 0x5e, 0, 0, 1 };
    uint8_t ip[200];
    uint32_t length;

    start(3, 1500);
    length = udp(ip, host0[0], host1[0], 40, 64);
    frame_in(0, _i ? all : group, 0x0800, ip, length);
    ck_assert_uint_eq(out(1), 0);
    ck_assert_uint_eq(ctl->stats.source_drops, 1);
    stop();
}
END_TEST

START_TEST(both_interfaces_must_forward)
{
    uint8_t ip[200];
    uint32_t length;

    start(0, 1500);
    ck_assert_int_eq(change(CHANGE_FORWARD, sides[_i].pub->handle, 0), 0);
    length = udp(ip, host0[0], host1[0], 40, 64);
    in(0, ip, length);
    ck_assert_uint_eq(out(1), 0);
    ck_assert_uint_eq(count(0, FORWARD_NO_ROUTE), (uint32_t)_i);
    ck_assert_uint_eq(count(0, FORWARD_SENT) + count(0, FORWARD_REFUSED), 0);
    ck_assert_int_eq(change(CHANGE_FORWARD, sides[_i].pub->handle, 1), 0);
    in(0, ip, length);
    ck_assert_uint_eq(out(1), length);
    ck_assert_int_eq(change(CHANGE_FORWARD, 0x10001, 1), ABI_EINVAL); /* the loopback interface */
    stop();
}
END_TEST

START_TEST(listener_is_reached_by_its_own_interface_alone)
{
    uint8_t syn[60] = { 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6 };
    struct abi_addr from = address(host0[0], 0), to = address(_i ? "10.0.1.1" : "10.0.0.1", 0);
    struct app listener;

    start(0, 1500);
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)), 0);
    memcpy(syn + 12, from.bytes, 4);
    memcpy(syn + 16, to.bytes, 4);
    store16(syn + 10, sum_fold(sum_add(0, syn, 20)));
    store16(syn + 20, 4000);
    store16(syn + 22, 80);
    syn[32] = 0x50;
    syn[33] = TCP_SYN_FLAG;
    store16(syn + 34, 1000);
    store16(syn + 36, sum_of(syn, 6, syn + 20, 20));
    in(0, syn, 40);
    if (_i) {
        ck_assert_uint_eq(out(0), 0);
        ck_assert_uint_eq(ctl->stats.source_drops, 1);
        stop();
        return;
    }
    ck_assert_uint_gt(out(0), 0);
    ck_assert_uint_eq(packet[33], TCP_SYN_FLAG | TCP_ACK_FLAG);
    stop();
}
END_TEST

START_TEST(packet_for_its_own_link_goes_back_there_but_not_into_a_tun)
{
    uint8_t ip[200];
    uint32_t length;

    start(_i, 1500);
    length = udp(ip, host0[0], "10.0.0.99", 40, 64);
    in(0, ip, length);
    if (_i) {
        ck_assert(is_whole(out(0), 40, 64));
    } else {
        ck_assert(is_error(0, 3, 0, 0, ip));
    }
    stop();
}
END_TEST

START_TEST(full_interface_drops_and_counts)
{
    static uint8_t ip[2000];
    uint32_t length, i, got = 0;

    start(0, 1500);
    length = udp(ip, host0[0], host1[0], 1400, 64);
    for (i = 0; i < 300; i++) {
        in(0, ip, length);
    }
    while (out(1)) {
        got++;
    }
    ck_assert_uint_gt(count(0, FORWARD_FULL), 100);
    ck_assert_uint_eq(got, count(0, FORWARD_SENT));
    ck_assert_uint_eq(got + count(0, FORWARD_FULL), 300);
    in(0, ip, length);
    ck_assert(is_whole(out(1), 1400, 64));
    stop();
}
END_TEST

/* Packets to hosts that are not there; _i: of IPv6. They do not come out, since nobody answers for them. */
START_TEST(absent_hosts_take_a_quarter_of_the_queues)
{
    static uint8_t ip[2000];
    uint32_t i, length, before, most = 0;
    char to[32];

    start(3, 1500);
    in(0, ip, udp(ip, _i ? host0[1] : host0[0], _i ? host1[1] : host1[0], 100, 64));
    ck_assert_uint_gt(out(1), 0); /* the honest host is known */
    before = heap_used();
    for (i = 0; i < 4000; i++) {
        struct span got;

        snprintf(to, sizeof(to), _i ? "fd00:0:0:1::%x" : "10.0.1.%u", 16 + i % 12);
        length = udp(ip, _i ? host0[1] : host0[0], to, 1300, 64);
        in(0, ip, length);
        while (frame_peek(&sides[1].tx, FRAME_MOST, &got) == 0) {
            frame_release(&sides[1].tx); /* questions */
        }
        most = heap_used() - before > most ? heap_used() - before : most;
    }
    ck_assert_uint_gt(most, 200000);
    ck_assert_uint_lt(most, 330000);
    ck_assert_uint_gt(ctl->stats.neighbor_drops, 3000);
    in(0, ip, udp(ip, _i ? host0[1] : host0[0], _i ? host1[1] : host1[0], 100, 64));
    ck_assert(is_whole(out(1), 100, 64));
    stop();
}
END_TEST

START_TEST(packets_of_random_bytes_harm_nothing)
{
    static uint8_t ip[400];
    uint32_t i, length;

    start(_i, 600);
    for (i = 0; i < 20000; i++) {
        uint64_t random = mix64(test_seed * 77 + i);
        uint32_t v6 = random & 1;

        length = udp(ip, host0[v6], random & 2 ? host1[v6] : far[v6], random >> 8 & 127,
                     (uint8_t)(random >> 16 & 3));
        ip[random >> 24 & 31] = (uint8_t)(random >> 32);
        if (!v6 && (random & 4)) {
            store16(ip + 10, 0);
            store16(ip + 10, sum_fold(sum_add(0, ip, 4u * (ip[0] & 15))));
        }
        in(0, ip, random & 8 ? length : (uint32_t)(random >> 40) % length);
        while (out(0) || out(1)) {
        }
        rig_now += 1;
    }
    length = udp(ip, host0[0], host1[0], 40, 64);
    in(0, ip, length);
    ck_assert(is_whole(out(1), 40, 64));
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router_drops");
    TCase *tc = tcase_create("router_drops");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, packet_whose_time_is_over_is_told, 0, 4);
    tcase_add_loop_test(tc, packet_without_a_route_is_told, 0, 4);
    tcase_add_test(tc, packet_whose_next_hop_is_silent_is_told);
    tcase_add_loop_test(tc, packet_that_is_too_big_is_told_with_the_mtu, 0, 4);
    tcase_add_test(tc, errors_are_not_told_about_errors_and_later_fragments);
    tcase_add_test(tc, errors_are_limited);
    tcase_add_loop_test(tc, strays_are_not_forwarded_and_not_answered, 0,
                        sizeof(strays) / sizeof(strays[0]));
    tcase_add_loop_test(tc, frames_for_all_stations_are_not_forwarded, 0, 2);
    tcase_add_loop_test(tc, both_interfaces_must_forward, 0, 2);
    tcase_add_loop_test(tc, listener_is_reached_by_its_own_interface_alone, 0, 2);
    tcase_add_loop_test(tc, packet_for_its_own_link_goes_back_there_but_not_into_a_tun, 0, 2);
    tcase_add_test(tc, full_interface_drops_and_counts);
    tcase_add_loop_test(tc, absent_hosts_take_a_quarter_of_the_queues, 0, 2);
    tcase_add_loop_test(tc, packets_of_random_bytes_harm_nothing, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
