/* SPDX-License-Identifier: MIT */
/* test_routes.c - routes and neighbors, and random commands about these and about interfaces */
#include "change_rig.h"

/* --- Routes and neighbors -------------------------------------------------------------------------------- */

static const struct {
    const char *to, *via;
    uint32_t metric;
} add_these[][5] = {
    { { "0.0.0.0/0", "10.0.0.254", 0 },
      { "192.0.2.0/24", "10.0.0.3", 5 },
      { "192.0.2.0/24", "10.0.0.4", 4 },
      { "192.0.2.128/25", "10.0.0.5", 0xffffffff },
      { "10.0.0.128/25", "10.0.0.6", 0 } },
    { { "::/0", "fd00::fe", 0 },
      { "2001:db8::/32", "fd00::3", 5 },
      { "2001:db8::/32", "fd00::4", 4 },
      { "2001:db8:8000::/33", "fd00::5", 0xffffffff },
      { "fd00::8000:0:0:0/65", "fd00::6", 0 } },
};
static const char *const expected[][6][2] = {
    { { "198.51.100.1", "10.0.0.254" },
      { "192.0.2.1", "10.0.0.4" },
      { "192.0.2.200", "10.0.0.5" },
      { "10.0.0.200", "10.0.0.6" },
      { "10.0.0.20", "0.0.0.0" } },
    { { "2001:db9::1", "fd00::fe" },
      { "2001:db8::1", "fd00::4" },
      { "2001:db8:8000::1", "fd00::5" },
      { "fd00::8000:0:0:1", "fd00::6" },
      { "fd00::20", "::" } },
};

START_TEST(longest_prefix_goes_before_the_lowest_metric)
{
    uint8_t frame[2000];
    uint32_t i;

    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(route(ROUTE_ADD, add_these[_i][i].to, add_these[_i][i].via,
                               add_these[_i][i].metric, 1 + i),
                         0);
    }
    dg_udp(&a, NULL, 7);
    for (i = 0; i < 5; i++) {
        const char *to = expected[_i][i][0], *via = expected[_i][i][1];
        struct abi_entry found = entry(ROUTE_LOOKUP, to, 1, 0);

        ck_assert(is_ip(found.via.bytes, via));
        /* And this one is asked for on the link. */
        tap_drop_all();
        dg_send(&a, to, 9, 10);
        via = found.via.family ? via : to;
        if (_i == 0) {
            ck_assert_uint_gt(take_frame(frame, ARP), 0);
            ck_assert(is_ip(frame + 38, via));
        } else {
            ck_assert_uint_gt(take_frame(frame, 0x86dd), 0);
            ck_assert_uint_eq(frame[54], NS);
            ck_assert(is_ip(frame + 62, via));
        }
    }
    ck_assert_int_eq(route(ROUTE_REMOVE, NULL, NULL, 0, 3), 0);
    ck_assert_int_eq(route(ROUTE_REMOVE, NULL, NULL, 0, 3), 0);
    ck_assert(is_ip(entry(ROUTE_LOOKUP, expected[_i][1][0], 1, 0).via.bytes, add_these[_i][1].via));
    ck_assert_int_eq(route(ROUTE_ADD, add_these[_i][0].to, add_these[_i][1].via, 0, 1), 0);
    ck_assert(is_ip(entry(ROUTE_LOOKUP, expected[_i][0][0], 1, 0).via.bytes, add_these[_i][1].via));
}
END_TEST

START_TEST(list_has_connected_routes_first)
{
    /* Of the loopback interface two, of the tap two and the link-local one. */
    ck_assert_int_eq(route(ROUTE_ADD, "0.0.0.0/0", "10.0.0.2", 9, 77), 0);
    ck_assert_uint_eq(entry(ROUTE_LIST, NULL, 6, 0).number, 0);
    ck_assert_uint_eq(entry(ROUTE_LIST, NULL, 6, 5).number, 77);
    ck_assert_uint_eq(entry(ROUTE_LIST, NULL, 6, 5).metric, 9);
    ck_assert_int_eq(change(CHANGE_REMOVE, "10.0.0.1", 0), 0);
    ck_assert_uint_eq(entry(ROUTE_LIST, NULL, 5, 4).number, 77);
}
END_TEST

START_TEST(own_address_is_reached_by_loopback)
{
    struct abi_entry found = entry(ROUTE_LOOKUP, _i ? "fd00::1" : "10.0.0.1", 1, 0);

    ck_assert_uint_ne(found.iface, tap->handle);
    ck_assert_uint_eq(found.destination.prefix, _i ? 128 : 32);
}
END_TEST

START_TEST(routes_go_with_their_interface)
{
    struct cmd cmd = { .op = CMD_IFACE_REMOVE, .handle = tap->handle };
    uint32_t i;

    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(route(ROUTE_ADD, "10.9.0.0/16", "10.0.0.2", i, 1 + i), 0);
    }
    ck_assert_uint_gt(heap_used(), dg_heap);
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    ck_assert_uint_lt(heap_used(), dg_heap);
    entry(ROUTE_LIST, NULL, 2, 0);
}
END_TEST

START_TEST(bad_routes)
{
    struct cmd_route good = route_of(ROUTE_ADD, "10.9.0.0/16", "10.0.0.2", 0, 1), bad;

    bad = good;
    bad.number = 0;
    ck_assert_int_eq(rig_call(&bad, sizeof(bad)), ABI_EINVAL);
    bad = good;
    bad.destination.prefix = 33;
    ck_assert_int_eq(rig_call(&bad, sizeof(bad)), ABI_EINVAL);
    bad = good;
    bad.destination.family = 5;
    ck_assert_int_eq(rig_call(&bad, sizeof(bad)), ABI_EINVAL);
    bad = good;
    bad.via = address("fd00::2", 0);
    ck_assert_int_eq(rig_call(&bad, sizeof(bad)), ABI_EINVAL);
    bad = good;
    bad.cmd.handle = 0;
    ck_assert_int_eq(rig_call(&bad, sizeof(bad)), ABI_ENODEV);
    bad = good;
    bad.cmd.value = 99;
    ck_assert_int_eq(rig_call(&bad, sizeof(bad)), ABI_EINVAL);
    ck_assert_uint_eq(heap_used(), dg_heap);
}
END_TEST

START_TEST(neighbors_of_both_families_are_listed)
{
    struct abi_entry found;

    dg_udp(&a, NULL, 7);
    dg_send(&a, "10.0.0.2", 9, 1);
    peer_listen(NULL);
    found = entry(ROUTE_NEIGHBORS, NULL, 1, 0);
    ck_assert(is_ip(found.destination.bytes, "10.0.0.2"));
    ck_assert_mem_eq(found.via.bytes, peer_mac, 6);
    ck_assert_uint_eq(found.metric, NEIGHBOR_REACHABLE);
    ck_assert_uint_eq(found.iface, tap->handle);
    dg_send(&a, "fd00::2", 9, 1);
    found = entry(ROUTE_NEIGHBORS, NULL, 2, 0);
    if (found.destination.family == FAMILY_IPV4) {
        found = entry(ROUTE_NEIGHBORS, NULL, 2, 1);
    }
    ck_assert(is_ip(found.destination.bytes, "fd00::2"));
    ck_assert_uint_eq(found.metric, NEIGHBOR_INCOMPLETE);
    ck_assert_int_eq(change(CHANGE_UP, NULL, 0), 0);
    entry(ROUTE_NEIGHBORS, NULL, 0, 0);
}
END_TEST

/* --- Garbage ------------------------------------------------------------------------------------------------ */

START_TEST(random_commands_leave_a_stack_that_works)
{
    uint64_t rng = mix64(test_seed + (uint32_t)_i);
    uint32_t i, detections = 0;

    for (i = 0; i < 3000; i++) {
        union {
            struct cmd cmd;
            struct cmd_change change;
            struct cmd_route route;
            uint8_t bytes[sizeof(struct cmd_route)];
        } record;
        uint32_t op = rng_u32(&rng) & 1 ? CMD_CHANGE : CMD_ROUTE, k;

        for (k = 0; k < sizeof(record); k++) {
            record.bytes[k] = (uint8_t)(rng_u32(&rng) % 8 ? rng_u32(&rng) & 3 : rng_u32(&rng));
        }
        record.cmd.op = op;
        record.cmd.id = 1u << 30 | i;
        record.cmd.handle = rng_u32(&rng) % 4 ? tap->handle : rng_u32(&rng);
        record.cmd.value = rng_u32(&rng) % 6;
        if (rng_u32(&rng) % 4) {
            record.change.address.family = rng_u32(&rng) & 1 ? FAMILY_IPV4 : FAMILY_IPV6;
            record.route.via.family =
                rng_u32(&rng) & 1 ? record.change.address.family : FAMILY_NONE;
        }
        rig_answer.id = 0;
        rig_send(&record, op == CMD_CHANGE ? sizeof(record.change) : sizeof(record.route));
        rig_turn();
        if (rig_answer.id == record.cmd.id && op == CMD_ROUTE && record.cmd.value >= ROUTE_LIST &&
            rig_answer.error == 0) {
            arena_free(rig_answer.offset);
        }
        detections += op == CMD_CHANGE && record.cmd.value == CHANGE_DETECT;
        if (i % 50 == 0) {
            rig_pass(6000);
            tap_drop_all();
        }
    }
    ck_assert_uint_gt(detections, 100);
    rig_pass(10000);
    change(CHANGE_UP, NULL, 1);
    ck_assert_int_eq(change(CHANGE_MTU, NULL, 1500), 0);
    ck_assert_int_eq(add("10.0.0.1/24"), 0);
    tap_drop_all();
    dg_udp(&a, "10.0.0.1", 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routes");
    TCase *on_tap = link_cases(suite)[0];

    tcase_add_loop_test(on_tap, longest_prefix_goes_before_the_lowest_metric, 0, 2);
    tcase_add_test(on_tap, list_has_connected_routes_first);
    tcase_add_loop_test(on_tap, own_address_is_reached_by_loopback, 0, 2);
    tcase_add_test(on_tap, routes_go_with_their_interface);
    tcase_add_test(on_tap, bad_routes);
    tcase_add_test(on_tap, neighbors_of_both_families_are_listed);
    tcase_add_loop_test(on_tap, random_commands_leave_a_stack_that_works, 0, 8);
    return run_suite(suite);
}
