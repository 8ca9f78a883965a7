/* SPDX-License-Identifier: MIT */
/* test_address.c - addresses, MTU and state of an interface that change, and detection of conflicts */
#include "change_rig.h"

/* --- Addresses -------------------------------------------------------------------------------------- */

START_TEST(ipv4_address_takes_the_place_of_that_before)
{
    uint8_t frame[2000];

    ck_assert_int_eq(add("10.7.0.9/16"), 0);
    ck_assert_uint_gt(take_frame(frame, ARP), 0);
    ck_assert(is_ip(frame + 28, "10.7.0.9") && is_ip(frame + 38, "10.7.0.9"));
    dg_udp(&a, "10.7.0.9", 7);
    ck_assert_int_eq(open_at(&b, "10.0.0.1", 7, 0), ABI_EADDRNOTAVAIL);
    ck_assert_uint_eq(entry(ROUTE_LOOKUP, "10.7.200.1", 1, 0).iface, tap->handle);
    entry(ROUTE_LOOKUP, "10.0.0.5", 0, 0);
}
END_TEST

START_TEST(three_ipv6_addresses_fit_and_each_is_announced)
{
    uint8_t frame[2000];

    ck_assert_int_eq(add("fd00:1::1/64"), 0);
    ck_assert_uint_gt(take_frame(frame, 0x86dd), 0);
    ck_assert_uint_eq(frame[54], NA);
    ck_assert(is_ip(frame + 38, "ff02::1") && is_ip(frame + 62, "fd00:1::1"));
    ck_assert_uint_eq(frame[58], 0x20); /* override */
    ck_assert_int_eq(add("fd00:2::1/48"), 0);
    ck_assert_int_eq(add("fd00:3::1/64"), ABI_ENOBUFS);
    ck_assert_int_eq(add("fd00:2::1/64"), 0); /* another prefix */
    ck_assert_int_eq(change(CHANGE_REMOVE, "fd00:1::1", 0), 0);
    ck_assert_int_eq(change(CHANGE_REMOVE, "fd00:1::1", 0), ABI_EADDRNOTAVAIL);
    ck_assert_int_eq(add("fd00:3::1/64"), 0);
    dg_udp(&a, "fd00:3::1", 7);
}
END_TEST

/* source() - Last byte of the IPv6 address that a datagram to a host of the link leaves from */
static uint8_t source(const char *to)
{
    tap_drop_all();
    dg_send(&a, to, 9, 10);
    ck_assert_uint_gt(take_frame(sent.bytes, 0x86dd), 0); /* the question for its MAC address */
    return sent.bytes[37];
}

START_TEST(deprecated_address_is_no_source_while_there_is_another)
{
    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(add("fd00::5/64"), 0);
    ck_assert_uint_eq(source("fd00::11"), 1);
    ck_assert_int_eq(change(CHANGE_ADD, "fd00::1/64", 1), 0);
    ck_assert_uint_eq(source("fd00::12"), 5);
    /* Packets to it still come, and its sockets go on. */
    ck_assert_int_eq(dg_open(&b, dg_command(SOCK_UDP, "fd00::1", 8, NULL, 0)), 0);
    ck_assert_int_eq(add("fd00::1/64"), 0);
    ck_assert_uint_eq(source("fd00::13"), 1);
    ck_assert_int_eq(change(CHANGE_ADD, "fd00::1/64", 1), 0);
    ck_assert_int_eq(change(CHANGE_REMOVE, "fd00::5", 1), 0);
    ck_assert_uint_eq(source("fd00::14"), 1); /* the only one */
    ck_assert_uint_eq(b.bits & SOCK_CLOSED, 0);
    ck_assert_int_eq(change(CHANGE_ADD, "10.0.0.1/24", 1), 0); /* of no meaning */
}
END_TEST

START_TEST(sockets_of_a_removed_address_end)
{
    static const char *const own[] = { "10.0.0.1", "fd00::1" };
    struct app listener, client, server, any;
    const char *ip = own[_i];

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, ip, 80)), 0);
    rig_pair(&server, &client, &(struct app){ 0 }, socket_command(SOCK_TCP_LISTENER, ip, 81),
             socket_command(SOCK_TCP, ip, 81));
    dg_udp(&a, ip, 7);
    dg_udp(&b, NULL, 8);
    ck_assert_int_eq(rig_open(&any, socket_command(SOCK_TCP_LISTENER, "::", 82)), 0);
    rig_pass(30000); /* connections at rest are parked */
    ck_assert_int_eq(change(CHANGE_REMOVE, ip, 0), 0);
    rig_settle();
    ck_assert_int_eq(listener.error, ABI_EADDRNOTAVAIL);
    ck_assert_int_eq(client.error, ABI_EADDRNOTAVAIL);
    ck_assert_int_eq(server.error, ABI_EADDRNOTAVAIL);
    ck_assert(app_closed(&client) && app_closed(&server));
    ck_assert_int_eq(a.error, ABI_EADDRNOTAVAIL);
    ck_assert_uint_eq((b.bits | any.bits) & SOCK_CLOSED, 0);
}
END_TEST

START_TEST(another_prefix_ends_nothing)
{
    dg_udp(&a, "10.0.0.1", 7);
    ck_assert_int_eq(add("10.0.0.1/8"), 0);
    rig_settle();
    ck_assert_uint_eq(a.bits & SOCK_CLOSED, 0);
    ck_assert_uint_eq(entry(ROUTE_LOOKUP, "10.9.9.9", 1, 0).destination.prefix, 8);
}
END_TEST

START_TEST(interface_without_an_address_speaks_dhcp_before_and_after)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, "0.0.0.0", 68, NULL, 0);
    static const uint8_t nobody[4], all[4] = { 255, 255, 255, 255 }, other[4] = { 10, 0, 0, 77 };
    uint8_t body[8 + 4] = { 0, 67, 0, 68, 0, 12 };

    ck_assert_int_eq(change(CHANGE_REMOVE, "10.0.0.1", 0), 0);
    cmd.iface = tap->handle;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    tap_drop_all();
    dg_send(&a, "255.255.255.255", 67, 10);
    ck_assert_uint_gt(take_frame(sent.bytes, 0x0800), 0);
    ck_assert_mem_eq(sent.bytes + 26, nobody, 4);
    give(4, UDP, body, 12, (struct twist){ .to = all });
    ck_assert_int_eq(dg_take(&a), 4);
    give(4, UDP, body, 12, (struct twist){ .to = other }); /* the address that is offered */
    ck_assert_int_eq(dg_take(&a), 4);
    ck_assert_int_eq(add("10.0.0.77/24"), 0);
    give(4, UDP, body, 12, (struct twist){ .to = all });
    ck_assert_int_eq(dg_take(&a), 4);
    give(4, UDP, body, 12, (struct twist){ .to = other });
    ck_assert_int_eq(dg_take(&a), 4);
    tap_drop_all();
    dg_send(&a, "255.255.255.255", 67, 10);
    ck_assert_uint_gt(take_frame(sent.bytes, 0x0800), 0);
    ck_assert_mem_eq(sent.bytes + 26, other, 4);
    ck_assert_uint_eq(a.bits & SOCK_CLOSED, 0);
}
END_TEST

/* --- MTU, up and down -------------------------------------------------------------------------------- */

START_TEST(mtu_is_that_of_what_is_sent_and_taken)
{
    ck_assert_int_eq(change(CHANGE_MTU, NULL, 575), ABI_EINVAL);
    ck_assert_int_eq(change(CHANGE_MTU, NULL, 65521), ABI_EINVAL);
    ck_assert_int_eq(change(CHANGE_MTU, NULL, 16000), ABI_EMSGSIZE); /* rings of 64 KiB */
    ck_assert_int_eq(change(CHANGE_MTU, NULL, 9000), 0);
    ck_assert_uint_eq(tap->mtu, 9000);
    ck_assert_uint_eq(tap->frame_max, 9018);
    dg_udp(&a, NULL, 7);
    dg_send(&a, "10.0.0.2", 9, 8000);
    take_udp(7, 9, 8000);
    ck_assert_int_eq(change(CHANGE_MTU, NULL, 576), 0);
    dg_send(&a, "10.0.0.2", 9, 1000);
    ck_assert_uint_eq(take_frame(sent.bytes, 0x0800), 14 + 20 + 552); /* a fragment */
}
END_TEST

START_TEST(largest_frame_is_one_that_lwip_can_count)
{
    struct cmd_iface cmd = iface_command(IFACE_TAP, 65520, "10.9.0.1/24", NULL);

    cmd.ring_size = 1u << 19;
    ck_assert_uint_eq(rig_iface(cmd)->frame_max, 65535);
}
END_TEST

START_TEST(nothing_passes_an_interface_that_is_down)
{
    uint8_t message[8] = { 8 }, frame[2000];
    uint32_t before;

    ck_assert_int_eq(change(CHANGE_UP, NULL, 0), 0);
    before = ctl->stats.input_drops;
    give(4, 1, message, 8, (struct twist){ 0 });
    rig_settle();
    ck_assert_uint_eq(tap_take(frame), 0);
    ck_assert_uint_eq(ctl->stats.input_drops, before + 1);
    entry(ROUTE_LOOKUP, "10.0.0.2", 0, 0);
    ck_assert_int_eq(change(CHANGE_UP, NULL, 1), 0);
    ck_assert_uint_gt(take_frame(frame, ARP), 0);
    ck_assert_int_eq(change(CHANGE_UP, NULL, 0), 0);
    ck_assert_int_eq(change(CHANGE_UP, NULL, 1), 0);
    while (take_frame(frame, 0x86dd) && !(frame[54] == NA && is_ip(frame + 62, "fd00::1"))) {
    }
    ck_assert_uint_eq(frame[54], NA);
    give(4, 1, message, 8, (struct twist){ 0 });
    ck_assert_uint_eq(entry(ROUTE_LOOKUP, "10.0.0.2", 1, 0).iface, tap->handle);
}
END_TEST

/* --- Detection ---------------------------------------------------------------------------------------- */

static uint32_t detect_id;

static void start_detection(const char *text)
{
    struct cmd_change cmd = { .cmd.op = CMD_CHANGE, .address = address(text, 0) };

    cmd.cmd.handle = tap->handle;
    cmd.cmd.value = CHANGE_DETECT;
    cmd.cmd.id = detect_id = rig_next_id++;
    rig_answer.id = 0;
    rig_send(&cmd, sizeof(cmd));
    rig_settle();
    ck_assert_uint_eq(rig_answer.id, 0);
}

static int is_detected(void)
{
    return rig_answer.id == detect_id;
}

START_TEST(free_ipv4_address_is_probed_three_times)
{
    uint8_t frame[2000];
    uint32_t probes = 0;
    double start;

    rig_pass(60000); /* the clock of seconds has stopped */
    tap_drop_all();
    start = rig_now;
    start_detection("10.0.0.50/24");
    ck_assert_int_eq(change(CHANGE_ADD, "10.0.0.60/24", 0), ABI_EAGAIN);
    rig_answer.id = 0;
    ck_assert_int_eq(rig_until(is_detected, 10000), 1);
    ck_assert_int_eq(rig_answer.error, 0);
    ck_assert_uint_eq(rig_answer.handle | rig_answer.offset, 0);
    ck_assert(rig_now - start >= 4000 && rig_now - start <= 5100);
    while (take_frame(frame, ARP)) {
        ck_assert(is_ip(frame + 28, "0.0.0.0") && is_ip(frame + 38, "10.0.0.50"));
        ck_assert_uint_eq(load16(frame + 20), 1);
        probes++;
    }
    ck_assert_uint_eq(probes, 3);
    ck_assert_int_eq(add("10.0.0.50/24"), 0);
}
END_TEST

START_TEST(host_with_the_ipv4_address_is_named)
{
    uint8_t frame[42] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 };
    static const uint8_t expected[8] = { 2, 0, 0, 0, 0, 2, 1 };

    memcpy(frame + 22, peer_mac, 6);
    start_detection("10.0.0.50/24");
    memcpy(frame + 28, address("10.0.0.51", 0).bytes, 4);
    tap_give(frame, 42); /* of another address */
    rig_settle();
    ck_assert_int_eq(is_detected(), 0);
    if (_i == 0) { /* it has the address */
        memcpy(frame + 28, address("10.0.0.50", 0).bytes, 4);
    } else if (_i == 1) { /* it asks for it as we do */
        memset(frame, 0xff, 6);
        frame[21] = 1;
        memset(frame + 28, 0, 4);
        memcpy(frame + 38, address("10.0.0.50", 0).bytes, 4);
    }
    tap_give(frame, 41); /* too short */
    memcpy(frame + 6, our_mac, 6);
    tap_give(frame, 42); /* ours, which the link brings back */
    rig_settle();
    ck_assert_int_eq(is_detected(), 0);
    memcpy(frame + 6, peer_mac, 6);
    tap_give(frame, 42);
    rig_settle();
    ck_assert_int_eq(is_detected(), 1);
    ck_assert_int_eq(rig_answer.error, 0);
    ck_assert_mem_eq(&rig_answer.handle, expected, 8);
    dg_udp(&a, "10.0.0.1", 7); /* the address is as it was */
    ck_assert_int_eq(open_at(&b, "10.0.0.50", 7, 0), ABI_EADDRNOTAVAIL);
}
END_TEST

/* put_nd() - A frame with a message about fd00::50: an advertisement to all nodes, or a solicitation from nowhere */
static uint32_t put_nd(uint8_t *frame, uint8_t type)
{
    static const uint8_t group[6] = { 0x33, 0x33, 0, 0, 0, 1 };
    uint8_t *ip = put_link(frame, 0x86dd), *body = ip + 40;
    struct abi_addr target = address("fd00::50", 0);

    memset(body, 0, 32);
    body[0] = type;
    memcpy(body + 8, target.bytes, 16);
    body[24] = 2;
    body[25] = 1;
    memcpy(body + 26, peer_mac, 6);
    memcpy(frame, group, 6);
    put_ip6(ip, ICMP6, type == NA ? 32 : 24, 255);
    memcpy(ip + 8, type == NA ? target.bytes : address("::", 0).bytes, 16);
    memcpy(ip + 24, address(type == NA ? "ff02::1" : "ff02::1:ff00:50", 0).bytes, 16);
    store16(body + 2, sum_of(ip, ICMP6, body, type == NA ? 32 : 24));
    return tap_link + 40 + (type == NA ? 32 : 24);
}

START_TEST(free_ipv6_address_is_solicited_from_nowhere)
{
    uint8_t frame[2000];
    uint32_t count = 0;

    start_detection("fd00::50/64");
    ck_assert_int_eq(rig_until(is_detected, 10000), 1);
    ck_assert_uint_eq(rig_answer.handle | rig_answer.offset, 0);
    while (take_frame(frame, 0x86dd)) {
        if (frame[54] == NS) {
            ck_assert(is_ip(frame + 22, "::") && is_ip(frame + 62, "fd00::50"));
            ck_assert(is_ip(frame + 38, "ff02::1:ff00:50"));
            count++;
        }
    }
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(open_at(&a, "fd00::50", 7, 0), ABI_EADDRNOTAVAIL);
    ck_assert_int_eq(add("fd00::50/64"), 0);
    dg_udp(&a, "fd00::50", 7);
}
END_TEST

START_TEST(host_with_the_ipv6_address_is_named)
{
    static const uint8_t expected[8] = { 2, 0, 0, 0, 0, 2, 1 };
    uint8_t frame[200];
    uint32_t length = put_nd(frame, _i ? NS : NA);

    start_detection("fd00::50/64");
    frame[57] ^= 1; /* a wrong checksum */
    tap_give(frame, length);
    rig_settle();
    ck_assert_int_eq(is_detected(), 0);
    frame[57] ^= 1;
    tap_give(frame, length);
    rig_settle();
    ck_assert_int_eq(is_detected(), 1);
    ck_assert_mem_eq(&rig_answer.handle, expected, 8);
    rig_pass(5000);
    ck_assert_int_eq(open_at(&a, "fd00::50", 7, 0), ABI_EADDRNOTAVAIL);
}
END_TEST

START_TEST(advertisement_takes_no_address_away)
{
    uint8_t frame[200];
    uint32_t length = put_nd(frame, NA);

    ck_assert_int_eq(add("fd00::50/64"), 0);
    tap_give(frame, length);
    rig_settle();
    dg_udp(&a, "fd00::50", 7);
}
END_TEST

START_TEST(detection_ends_with_its_interface)
{
    struct cmd cmd = { .op = CMD_IFACE_REMOVE, .handle = tap->handle };

    start_detection(_i ? "fd00::50/64" : "10.0.0.50/24");
    rig_send(&cmd, sizeof(cmd));
    rig_settle();
    ck_assert_int_eq(is_detected(), 1);
    ck_assert_int_eq(rig_answer.error, ABI_ENODEV);
}
END_TEST

START_TEST(answer_waits_for_room_in_the_event_ring)
{
    start_detection("fd00::50/64");
    rig_hold_events = 1;
    while (atomic_load(&ctl->app.events.tail) - atomic_load(&ctl->app.events.head) +
               2 * (sizeof(struct event) + FRAME_HEADER) <=
           ctl->app.events.size[0]) {
        struct cmd sync = { .op = CMD_SYNC, .id = 1 };

        rig_send(&sync, sizeof(sync));
        rig_turn();
    }
    rig_pass(5000);
    rig_hold_events = 0;
    ck_assert_int_eq(rig_until(is_detected, 5000), 1);
    ck_assert_uint_eq(rig_answer.handle | rig_answer.offset, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *on_tap = link_cases(suite)[0];

    tcase_add_test(on_tap, ipv4_address_takes_the_place_of_that_before);
    tcase_add_test(on_tap, three_ipv6_addresses_fit_and_each_is_announced);
    tcase_add_test(on_tap, deprecated_address_is_no_source_while_there_is_another);
    tcase_add_loop_test(on_tap, sockets_of_a_removed_address_end, 0, 2);
    tcase_add_test(on_tap, another_prefix_ends_nothing);
    tcase_add_test(on_tap, interface_without_an_address_speaks_dhcp_before_and_after);
    tcase_add_test(on_tap, mtu_is_that_of_what_is_sent_and_taken);
    tcase_add_test(on_tap, largest_frame_is_one_that_lwip_can_count);
    tcase_add_test(on_tap, nothing_passes_an_interface_that_is_down);
    tcase_add_test(on_tap, free_ipv4_address_is_probed_three_times);
    tcase_add_loop_test(on_tap, host_with_the_ipv4_address_is_named, 0, 2);
    tcase_add_test(on_tap, free_ipv6_address_is_solicited_from_nowhere);
    tcase_add_loop_test(on_tap, host_with_the_ipv6_address_is_named, 0, 2);
    tcase_add_test(on_tap, advertisement_takes_no_address_away);
    tcase_add_loop_test(on_tap, detection_ends_with_its_interface, 0, 2);
    tcase_add_test(on_tap, answer_waits_for_room_in_the_event_ring);
    return run_suite(suite);
}
