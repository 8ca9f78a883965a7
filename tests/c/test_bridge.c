/* SPDX-License-Identifier: MIT */
/* test_bridge.c - a bridge: where frames go, what it learns, what it drops and counts, and its own addresses */
#include "bridge_rig.h"

static void setup(void)
{
    memset(ports, 0, sizeof(ports));
    bridge_start(4, 4096);
}

static void teardown(void)
{
    bridge_stop();
}

/* --- Where frames go ------------------------------------------------------------------------------------ */

START_TEST(frame_for_an_unknown_address_goes_to_all_other_ports_once)
{
    uint32_t i;

    put_to(0, host(1, 1), host(0, 1), 200);
    for (i = 1; i < 4; i++) {
        ck_assert_uint_eq(out(i), 200);
        ck_assert_int_eq(memcmp(ports[i].got, host(1, 1), 6), 0);
        ck_assert_uint_eq(seeded_differs(200, 14, ports[i].got + 14, 186), 0);
    }
    ck_assert_uint_eq(outs(), 0);
}
END_TEST

START_TEST(frame_for_a_known_address_goes_to_its_port_alone)
{
    put_to(2, everyone, host(2, 1), 60);
    ck_assert_uint_eq(outs(), 0xb);
    put_to(0, host(2, 1), host(0, 1), 1514);
    ck_assert_uint_eq(outs(), 4);
    put_to(2, host(0, 1), host(2, 1), 60);
    ck_assert_uint_eq(outs(), 1);
}
END_TEST

START_TEST(frame_for_an_address_at_its_own_port_is_filtered)
{
    put_to(0, everyone, host(0, 1), 60);
    put_to(0, everyone, host(0, 2), 60);
    outs();
    put_to(0, host(0, 2), host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_uint_eq(dropped(0, PORT_FILTERED), 1);
}
END_TEST

START_TEST(frames_keep_their_order_and_their_bytes)
{
    uint32_t i, length;

    put_to(1, everyone, host(1, 1), 60);
    outs();
    for (i = 0; i < 3000; i++) {
        length = 60 + (uint32_t)mix64(test_seed + i) % 1455;
        put_to(0, host(1, 1), host(0, 1), length);
        ck_assert_uint_eq(out(1), length);
        ck_assert_uint_eq(seeded_differs(length, 14, ports[1].got + 14, length - 14), 0);
    }
    ck_assert_uint_eq(ports[0].pub->rx_packets, 3000 + 0);
    ck_assert_uint_eq(ports[1].pub->tx_packets, 3000);
}
END_TEST

START_TEST(address_that_moves_is_followed_at_once)
{
    put_to(0, everyone, host(9, 9), 60);
    put_to(1, everyone, host(9, 9), 60);
    outs();
    put_to(2, host(9, 9), host(2, 1), 60);
    ck_assert_uint_eq(outs(), 2);
    ck_assert_uint_eq(dropped(1, PORT_MOVES), 1);
    ck_assert_uint_eq(stations(0, STATION_LEARNED), 0);
}
END_TEST

START_TEST(reserved_addresses_and_malformed_frames_are_dropped)
{
    static const uint8_t group[6] = { 0x01, 0x80, 0xc2, 0, 0, 0 };
    uint8_t mac[6];
    uint32_t i;

    for (i = 0; i < 16; i++) {
        memcpy(mac, group, 6);
        mac[5] = (uint8_t)i;
        put_to(0, mac, host(0, 1), 60);
    }
    ck_assert_uint_eq(dropped(0, PORT_RESERVED), 16);
    for (i = 1; i < 14; i++) {
        put(0, everyone, i < 6 ? i : 6);
    }
    put_to(0, everyone, everyone, 60);
    ck_assert_uint_eq(dropped(0, PORT_MALFORMED), 14);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_uint_eq(stations(0, STATION_LEARNED), 0);
    mac[5] = 16;
    put_to(0, mac, host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0xe);
}
END_TEST

/* --- The table ---------------------------------------------------------------------------------------------- */

START_TEST(address_that_is_silent_is_forgotten_and_one_that_sends_is_not)
{
    put_to(1, everyone, host(1, 1), 60);
    put_to(2, everyone, host(2, 1), 60);
    outs();
    rig_now += 200000;
    put_to(2, everyone, host(2, 1), 60);
    rig_now += 100002;
    outs();
    put_to(0, host(1, 1), host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0xe);
    put_to(0, host(2, 1), host(0, 1), 60);
    ck_assert_uint_eq(outs(), 4);
}
END_TEST

START_TEST(port_that_sends_from_random_addresses_takes_no_place_of_others)
{
    uint8_t mac[6] = { 2 };
    uint32_t i, n;

    for (i = 0; i < 200; i++) {
        put_to(1, host(1, 0), host(1, 0), 60);
        put_to(1, everyone, host(1, i), 60);
        outs();
    }
    for (i = 0; i < 60000; i++) {
        uint64_t random = mix64(test_seed + i);

        memcpy(mac + 1, &random, 5);
        put_to(0, host(1, i % 200), mac, 60);
        must(outs() == 2);
    }
    n = stations(0, STATION_LEARNED);
    ck_assert_uint_gt(n, 3500);
    ck_assert_uint_le(n, 4096 - 200);
    ck_assert_uint_eq(stations(1, STATION_LEARNED), 200);
    /* One that comes only now finds a place, too. */
    put_to(2, everyone, host(2, 1), 60);
    ck_assert_ptr_nonnull(station(host(2, 1)));
    ck_assert_uint_eq(stations(0, STATION_LEARNED) <= n, 1);
}
END_TEST

START_TEST(port_learns_no_more_addresses_than_it_may)
{
    struct cmd_bridge cmd = bridge_cmd(BRIDGE_JOIN, 0);
    uint32_t i;

    add_tap(4, 1500, NULL);
    cmd.cmd.handle = ports[4].pub->handle;
    cmd.most = 3;
    ck_assert_int_eq(bridge_call(cmd), 0);
    ports[4].port = at(rig_answer.offset);
    for (i = 0; i < 10; i++) {
        put_to(4, everyone, host(4, i), 60);
        ck_assert_uint_eq(outs(), 0xf);
    }
    ck_assert_uint_eq(stations(4, STATION_LEARNED), 3);
    /* Old ones make room. */
    rig_now += 300002;
    put_to(4, everyone, host(4, 9), 60);
    ck_assert_ptr_nonnull(station(host(4, 9)));
    ck_assert_uint_eq(stations(4, STATION_LEARNED), 1);
}
END_TEST

START_TEST(fixed_addresses_are_at_their_port_and_nowhere_else)
{
    struct cmd_bridge cmd;

    add_tap(4, 1500, NULL);
    ck_assert_int_eq(join(&ports[4], PORT_IS_FIXED), 0);
    cmd = bridge_cmd(BRIDGE_FIX, ports[4].pub->handle);
    memcpy(cmd.mac, host(4, 1), 6);
    ck_assert_int_eq(bridge_call(cmd), 0);
    ck_assert_int_eq(bridge_call(cmd), ABI_EADDRINUSE);
    put_to(4, everyone, host(4, 2), 60);
    put_to(0, everyone, host(4, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_uint_eq(dropped(4, PORT_SPOOFED), 1);
    ck_assert_uint_eq(dropped(0, PORT_SPOOFED), 1);
    put_to(4, everyone, host(4, 1), 60);
    ck_assert_uint_eq(outs(), 0xf);
    rig_now += 400000;
    put_to(0, host(4, 1), host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0x10);
    /* Ours are fixed as well. */
    memcpy(cmd.mac, our_mac, 6);
    ck_assert_int_eq(bridge_call(cmd), ABI_EADDRINUSE);
    put_to(0, everyone, our_mac, 60);
    ck_assert_uint_eq(dropped(0, PORT_SPOOFED), 2);
    memcpy(cmd.mac, everyone, 6);
    ck_assert_int_eq(bridge_call(cmd), ABI_EINVAL);
}
END_TEST

START_TEST(flush_forgets_what_was_learned_at_a_port)
{
    put_to(1, everyone, host(1, 1), 60);
    put_to(2, everyone, host(2, 1), 60);
    outs();
    ck_assert_int_eq(bridge_call(bridge_cmd(BRIDGE_FLUSH, ports[1].pub->handle)), 0);
    ck_assert_ptr_null(station(host(1, 1)));
    ck_assert_ptr_nonnull(station(host(2, 1)));
    ck_assert_uint_eq(stations(1, STATION_OWN), 1);
}
END_TEST

/* --- Limits of a port --------------------------------------------------------------------------------------- */

START_TEST(flooded_frames_of_a_port_are_limited_and_others_pass)
{
    uint32_t i, flooded = 0;

    put_to(1, everyone, host(1, 1), 60);
    outs();
    for (i = 0; i < 8000; i++) {
        put_to(0, _i ? everyone : host(7, 7), host(0, 1), 60);
        flooded += outs() == 0xe;
    }
    ck_assert_uint_eq(flooded, STORM);
    ck_assert_uint_eq(dropped(0, PORT_STORM), 3000);
    put_to(0, host(1, 1), host(0, 1), 60);
    ck_assert_uint_eq(outs(), 2);
    put_to(2, everyone, host(2, 1), 60);
    ck_assert_uint_eq(outs(), 0xb);
    rig_now += 10;
    for (i = flooded = 0; i < 100; i++) {
        put_to(0, everyone, host(0, 1), 60);
        flooded += outs() == 0xe;
    }
    ck_assert_uint_ge(flooded, 49);
    ck_assert_uint_le(flooded, 50);
}
END_TEST

START_TEST(slow_port_drops_and_holds_up_no_other)
{
    uint32_t i, at2 = 0;

    put_to(1, everyone, host(1, 1), 60);
    put_to(2, everyone, host(2, 1), 60);
    outs();
    for (i = 0; i < 200; i++) {
        put_to(0, host(1, 1), host(0, 1), 1514); /* nobody takes these */
        put_to(0, host(2, 1), host(0, 1), 1514);
        at2 += out(2) == 1514;
    }
    ck_assert_uint_eq(at2, 200);
    ck_assert_uint_gt(dropped(1, PORT_FULL), 100);
    for (i = 0; out(1); i++) {
    }
    ck_assert_uint_eq(i + dropped(1, PORT_FULL), 200);
    put_to(0, host(1, 1), host(0, 1), 1514);
    ck_assert_uint_eq(outs(), 2);
}
END_TEST

/* fill() - Give a port as many frames as its ring takes; no turn */
static void fill(uint32_t port, const uint8_t *to)
{
    struct rig_port *p = &ports[port];
    uint8_t *frame;

    while (frame_reserve(&p->rx, 1514, &frame) == 0) {
        memcpy(frame, to, 6);
        memcpy(frame + 6, host(port, 1), 6);
        store16(frame + 12, 0x88b6);
        must(frame_submit(&p->rx, 1514) == 0);
    }
    producer_notify(&p->rx);
}

START_TEST(ports_that_fill_the_ring_of_another_one_have_equal_shares_of_it)
{
    uint32_t i, from, got[4] = { 0 };

    put_to(0, everyone, host(0, 1), 60);
    outs();
    for (i = 0; i < 100; i++) {
        for (from = 1; from < 4; from++) {
            fill(from, host(0, 1));
        }
        rig_turn();
        while (out(0)) {
            got[ports[0].got[10]]++;
        }
    }
    ck_assert_uint_gt(dropped(0, PORT_FULL), 500);
    for (from = 1; from < 4; from++) {
        ck_assert_uint_ge(got[from], (got[1] + got[2] + got[3]) / 4);
    }
}
END_TEST

START_TEST(isolated_ports_reach_others_and_not_each_other)
{
    uint32_t i;

    for (i = 4; i < 6; i++) {
        add_tap(i, 1500, NULL);
        ck_assert_int_eq(join(&ports[i], PORT_IS_ISOLATED), 0);
        put_to(i, everyone, host(i, 1), 60);
        ck_assert_uint_eq(outs(), 0xf);
    }
    put_to(4, host(5, 1), host(4, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_uint_eq(dropped(4, PORT_ISOLATED), 1);
    put_to(0, everyone, host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0x3e);
    put_to(4, host(0, 1), host(4, 1), 60);
    ck_assert_uint_eq(outs(), 1);
}
END_TEST

/* A frame that only servers send, or one that looks like it. */
struct suspect {
    const char *what;
    uint32_t type, length;
    uint8_t bytes[80];
    int is_dropped;
};

/* host(4, 1) */
#define GUEST_MAC 2, 0, 0, 1, 4, 1

static const struct suspect suspects[] = {
    { "DHCP answer", 0x0800, 28, { 0x45, [9] = 17, [20] = 0, 67, 0, 68 }, 1 },
    { "DHCP answer with a tag",
      0x8100,
      32,
      { 0, 0, 8, 0, 0x45, [13] = 17, [24] = 0, 67, 0, 68 },
      1 },
    { "DHCP answer with two tags",
      0x88a8,
      36,
      { 0, 0, 0x81, 0, 0, 0, 8, 0, 0x45, [17] = 17, [28] = 0, 67, 0, 68 },
      1 },
    { "tag cut off", 0x8100, 3, { 0, 0, 8 }, 0 },
    { "DHCP answer behind options", 0x0800, 32, { 0x46, [9] = 17, [24] = 0, 67, 0, 68 }, 1 },
    { "DHCP request", 0x0800, 62, { 0x45, [9] = 17, [20] = 0, 68, 0, 67, [56] = GUEST_MAC }, 0 },
    { "DHCP request with a tag",
      0x8100,
      66,
      { 0, 0, 8, 0, 0x45, [13] = 17, [24] = 0, 68, 0, 67, [60] = GUEST_MAC },
      0 },
    { "DHCP request for another host", 0x0800, 62, { 0x45, [9] = 17, [20] = 0, 68, 0, 67 }, 1 },
    { "DHCP request cut off",
      0x0800,
      61,
      { 0x45, [9] = 17, [20] = 0, 68, 0, 67, [56] = GUEST_MAC },
      1 },
    { "TCP from port 67", 0x0800, 40, { 0x45, [9] = 6, [20] = 0, 67, 0, 68 }, 0 },
    { "later fragment", 0x0800, 28, { 0x45, [7] = 1, [9] = 17, [20] = 0, 67 }, 0 },
    { "UDP cut off", 0x0800, 21, { 0x45, [9] = 17, [20] = 0 }, 1 },
    { "DHCPv6 answer", 0x86dd, 48, { 0x60, [6] = 17, [40] = 2, 35, 2, 34 }, 1 },
    { "DHCPv6 request", 0x86dd, 48, { 0x60, [6] = 17, [40] = 2, 34, 2, 35 }, 0 },
    { "router advertisement", 0x86dd, 56, { 0x60, [6] = 58, [40] = 134 }, 1 },
    { "redirect", 0x86dd, 56, { 0x60, [6] = 58, [40] = 137 }, 1 },
    { "router solicitation", 0x86dd, 56, { 0x60, [6] = 58, [40] = 133 }, 0 },
    { "neighbour advertisement", 0x86dd, 56, { 0x60, [6] = 58, [40] = 136 }, 0 },
    { "advertisement behind options", 0x86dd, 64, { 0x60, [6] = 60, [40] = 58, [48] = 134 }, 1 },
    { "advertisement behind a fragment header",
      0x86dd,
      64,
      { 0x60, [6] = 44, [40] = 58, [48] = 134 },
      1 },
    { "advertisement behind two",
      0x86dd,
      72,
      { 0x60, [6] = 0, [40] = 44, [48] = 58, [56] = 134 },
      1 },
    { "first fragment that ends in its options",
      0x86dd,
      56,
      { 0x60, [6] = 44, [40] = 60, [48] = 58, 2 },
      1 },
    { "later fragment of IPv6",
      0x86dd,
      64,
      { 0x60, [6] = 44, [40] = 58, [43] = 8, [48] = 134 },
      0 },
    { "TCP over IPv6", 0x86dd, 60, { 0x60, [6] = 6, [40] = 134 }, 0 },
    { "IPv6 header cut off", 0x86dd, 20, { 0x60, [6] = 58 }, 0 },
    { "ARP", 0x0806, 28, { 0, 1 }, 0 },
};

START_TEST(guarded_port_sends_nothing_that_guests_may_not)
{
    const struct suspect *s = &suspects[_i];
    uint8_t frame[100];

    add_tap(4, 1500, NULL);
    ck_assert_int_eq(join(&ports[4], PORT_IS_GUARDED), 0);
    memcpy(frame, everyone, 6);
    memcpy(frame + 6, host(4, 1), 6);
    store16(frame + 12, s->type);
    memcpy(frame + 14, s->bytes, s->length);
    put(4, frame, 14 + s->length);
    ck_assert_msg(outs() == (s->is_dropped ? 0 : 0xf), "%s", s->what);
    ck_assert_uint_eq(dropped(4, PORT_GUARDED), (uint32_t)s->is_dropped);
    memcpy(frame + 6, host(0, 1), 6);
    put(0, frame, 14 + s->length);
    ck_assert_uint_eq(outs(), 0x1e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bridge");
    TCase *tc = tcase_create("bridge");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, frame_for_an_unknown_address_goes_to_all_other_ports_once);
    tcase_add_test(tc, frame_for_a_known_address_goes_to_its_port_alone);
    tcase_add_test(tc, frame_for_an_address_at_its_own_port_is_filtered);
    tcase_add_test(tc, frames_keep_their_order_and_their_bytes);
    tcase_add_test(tc, address_that_moves_is_followed_at_once);
    tcase_add_test(tc, reserved_addresses_and_malformed_frames_are_dropped);
    tcase_add_test(tc, address_that_is_silent_is_forgotten_and_one_that_sends_is_not);
    tcase_add_test(tc, port_that_sends_from_random_addresses_takes_no_place_of_others);
    tcase_add_test(tc, port_learns_no_more_addresses_than_it_may);
    tcase_add_test(tc, fixed_addresses_are_at_their_port_and_nowhere_else);
    tcase_add_test(tc, flush_forgets_what_was_learned_at_a_port);
    tcase_add_loop_test(tc, flooded_frames_of_a_port_are_limited_and_others_pass, 0, 2);
    tcase_add_test(tc, slow_port_drops_and_holds_up_no_other);
    tcase_add_test(tc, ports_that_fill_the_ring_of_another_one_have_equal_shares_of_it);
    tcase_add_test(tc, isolated_ports_reach_others_and_not_each_other);
    tcase_add_loop_test(tc, guarded_port_sends_nothing_that_guests_may_not, 0,
                        sizeof(suspects) / sizeof(suspects[0]));
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
