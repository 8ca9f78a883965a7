/* SPDX-License-Identifier: MIT */
/* test_admit.c - packets that an interface may not bring: strong host model and strict source */
#include "change_rig.h"

static struct abi_iface
    *second; /* a tap or tun beside that of the rig: 10.9.0.1/24 and fd09::1/64 */
static uint32_t before;

/* add_second() - Another interface, which nobody reads */
static void add_second(uint32_t kind)
{
    struct cmd_iface cmd = iface_command(kind, 1500, "10.9.0.1/24", "fd09::1/64");

    cmd.ring_size = 1u << 16;
    cmd.mac[5] = 9;
    second = rig_iface(cmd);
    rig_settle();
    tap_drop_all();
}

/* from_to() - A datagram for port 7 from one address to another, on the first interface; 1: the socket has it */
static int from_to(int v6, const char *from, const char *to)
{
    struct abi_addr source = address(from, 0), dest = address(to, 0);

    before = ctl->stats.source_drops;
    give_udp(v6 ? 6 : 4, 9, 7, 10, (struct twist){ .from = source.bytes, .to = dest.bytes });
    return dg_take(&a) == 10;
}

/* Packets from sources that cannot be, or are reached by the other interface. */
static const char *const bad_sources[][2] = {
    { "10.0.0.1", "fd00::1" },        /* ours */
    { "10.9.0.1", "fd09::1" },        /* ours, of the other interface */
    { "127.0.0.1", "::1" },           /* loopback */
    { "127.3.2.1", "::1" },           /* also */
    { "224.0.0.1", "ff02::1" },       /* a group */
    { "255.255.255.255", "ff0e::7" }, /* everybody */
    { "10.0.0.255", "ff05::2" },      /* everybody on this network */
    { "240.0.0.1", "ffff::1" },       /* class E */
    { "0.1.2.3", "fd09::77" },        /* this network, RFC 1122; a host of the other link */
    { "10.9.0.77", "fd09::88" },      /* a host of the other link */
};

START_TEST(source_that_cannot_be_is_dropped_and_counted)
{
    int v6 = _i & 1;

    add_second(IFACE_TUN);
    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(from_to(v6, v6 ? "fd00::2" : "10.0.0.2", v6 ? "fd00::1" : "10.0.0.1"), 1);
    ck_assert_int_eq(from_to(v6, bad_sources[_i >> 1][v6], v6 ? "fd00::1" : "10.0.0.1"), 0);
    ck_assert_uint_eq(ctl->stats.source_drops, before + 1);
    ck_assert_uint_eq(ctl->stats.icmp_errors + ctl->stats.icmp_limited, 0);
    ck_assert_int_eq(from_to(v6, v6 ? "fd00::3" : "10.0.0.3", v6 ? "fd00::1" : "10.0.0.1"), 1);
}
END_TEST

START_TEST(address_of_another_interface_is_not_reached)
{
    add_second(IFACE_TAP);
    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(from_to(_i, _i ? "fd00::2" : "10.0.0.2", _i ? "fd09::1" : "10.9.0.1"), 0);
    ck_assert_uint_eq(ctl->stats.source_drops, before + 1);
    if (!_i && tap_link) { /* nor everybody on its network */
        ck_assert_int_eq(from_to(0, "10.0.0.2", "10.9.0.255"), 0);
        ck_assert_uint_eq(ctl->stats.source_drops, before + 1);
        ck_assert_int_eq(from_to(0, "10.0.0.2", "10.0.0.255"), 1);
        ck_assert_int_eq(from_to(0, "10.0.0.2", "255.255.255.255"), 1);
        ck_assert_uint_eq(ctl->stats.icmp_errors + ctl->stats.icmp_limited, 0);
    }
    /* Nor that of the loopback interface. */
    ck_assert_int_eq(from_to(_i, _i ? "fd00::2" : "10.0.0.2", _i ? "::1" : "127.0.0.1"), 0);
    ck_assert_int_eq(from_to(_i, _i ? "fd00::2" : "10.0.0.2", _i ? "fd00::1" : "10.0.0.1"), 1);
}
END_TEST

START_TEST(routes_and_addresses_that_change_are_followed)
{
    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(from_to(0, "192.0.2.7", "10.0.0.1"), 1); /* no route: nobody is spoken for */
    add_second(IFACE_TUN);
    ck_assert_int_eq(from_to(0, "192.0.2.7", "10.0.0.1"), 1);
    {
        struct cmd_route cmd = route_of(ROUTE_ADD, "0.0.0.0", "10.9.0.2", 0, 5);

        cmd.cmd.handle = second->handle;
        ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    }
    ck_assert_int_eq(from_to(0, "192.0.2.7", "10.0.0.1"), 0); /* by the other interface */
    ck_assert_int_eq(from_to(0, "10.0.0.2", "10.0.0.1"), 1);
    ck_assert_int_eq(route(ROUTE_ADD, "0.0.0.0", "10.0.0.2", 0, 6), 0);
    ck_assert_int_eq(from_to(0, "192.0.2.7", "10.0.0.1"), 1); /* by either */
    ck_assert_int_eq(add("10.7.0.1/24"), 0);
    ck_assert_int_eq(from_to(0, "10.7.0.2", "10.0.0.1"),
                     0); /* no longer ours, and not counted here */
    ck_assert_uint_eq(ctl->stats.source_drops, before);
    ck_assert_int_eq(from_to(0, "10.7.0.2", "10.7.0.1"), 1);
}
END_TEST

START_TEST(packet_to_one_host_does_not_come_in_a_frame_to_all)
{
    static uint8_t frame[200];
    uint8_t *ip = put_link(frame, _i & 1 ? 0x86dd : 0x0800), udp[18] = { 0, 9, 0, 7, 0, 18 };

    dg_udp(&a, NULL, 7);
    before = ctl->stats.source_drops;
    memset(frame, 0xff, 6);
    if (_i & 2) {
        memcpy(frame,
               _i & 1 ? (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 }
                      : (const uint8_t[]){ 1, 0, 0x5e, 0, 0, 1 },
               6);
    }
    if (_i & 1) {
        put_ip6(ip, UDP, sizeof(udp), 64);
        memcpy(ip + 40, udp, sizeof(udp));
        store16(ip + 46, sum_of(ip, UDP, ip + 40, sizeof(udp)));
        tap_give(frame, 14 + 40 + sizeof(udp));
    } else {
        put_ip4(ip, UDP, sizeof(udp), 1, 0);
        memcpy(ip + 20, udp, sizeof(udp));
        store16(ip + 26, sum_of(ip, UDP, ip + 20, sizeof(udp)));
        tap_give(frame, 14 + 20 + sizeof(udp));
    }
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_uint_eq(ctl->stats.source_drops, before + 1);
}
END_TEST

/* A SYN that seems to come from ourselves (land) makes no half-open connection, and is not answered. */
START_TEST(connection_of_ourselves_with_ourselves_is_not_opened_from_outside)
{
    static uint8_t frame[100];
    struct peer land = { .port = 80, .stack_port = 80, .seq = 1, .window = 1000 };
    struct app listener;
    uint8_t *ip = put_link(frame, 0x0800);
    uint32_t heap;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)), 0);
    rig_settle();
    heap = heap_used();
    before = ctl->stats.source_drops;
    put_tcp(ip + 20, &land, TCP_SYN_FLAG, NULL, 0, 0);
    put_ip4(ip, 6, 20, 1, 0);
    memcpy(ip + 12, our_ip4, 4);
    store16(ip + 10, 0);
    store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
    tap_give(frame, tap_link + 40);
    rig_settle();
    ck_assert_uint_eq(tap_take(frame), 0);
    ck_assert_uint_eq(heap_used(), heap);
    ck_assert_uint_eq(ctl->stats.source_drops, before + 1);
}
END_TEST

static void setup_weak(void)
{
    rig_config.weak_host = 1;
    setup_tap();
}

START_TEST(weak_host_model_takes_packets_for_all_addresses)
{
    add_second(IFACE_TAP);
    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(from_to(_i, _i ? "fd00::2" : "10.0.0.2", _i ? "fd09::1" : "10.9.0.1"), 1);
    ck_assert_int_eq(from_to(_i, _i ? "fd09::2" : "10.9.0.2", _i ? "fd00::1" : "10.0.0.1"), 1);
    ck_assert_uint_eq(ctl->stats.source_drops, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admit");
    TCase **both = link_cases(suite), *tc = both[0];
    int i;

    for (i = 0; i < 2; i++) {
        tcase_add_loop_test(both[i], source_that_cannot_be_is_dropped_and_counted, 0,
                            2 * (int)(sizeof(bad_sources) / sizeof(bad_sources[0])));
        tcase_add_loop_test(both[i], address_of_another_interface_is_not_reached, 0, 2);
        tcase_add_test(both[i], connection_of_ourselves_with_ourselves_is_not_opened_from_outside);
    }
    tcase_add_test(tc, routes_and_addresses_that_change_are_followed);
    tcase_add_loop_test(tc, packet_to_one_host_does_not_come_in_a_frame_to_all, 0, 4);
    tc = tcase_create("weak");
    tcase_add_checked_fixture(tc, setup_weak, dg_stop);
    tcase_add_loop_test(tc, weak_host_model_takes_packets_for_all_addresses, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
