/* SPDX-License-Identifier: MIT */
/* test_flow.c - a gateway: SYNs that are held, datagrams and messages for addresses that are not ours */
#include "dgram_rig.h"

static const uint8_t far4[4] = { 198, 51, 100, 7 }, far6[16] = { 0x20, 1, [15] = 7 };
static struct app syns, listener, made;
static uint8_t syn_packet[200];

static struct cmd_socket transparent(uint32_t kind)
{
    struct cmd_socket cmd = dg_command(kind, NULL, 0, NULL, 0);

    cmd.flags |= DGRAM_TRANSPARENT;
    cmd.iface = tap->handle;
    return cmd;
}

static struct cmd_socket gateway_listener(void)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 0);

    memset(&cmd.local, 0, sizeof(cmd.local));
    cmd.iface = tap->handle;
    return cmd;
}

static void open_gateway(void)
{
    ck_assert_int_eq(dg_open(&syns, transparent(SOCK_FLOW)), 0);
    ck_assert_int_eq(rig_open(&listener, gateway_listener()), 0);
}

/* A segment of the guest to the far address. */
static void give_tcp(int family, uint16_t from, uint32_t flags, uint32_t seq, uint32_t ack,
                     struct twist twist)
{
    uint8_t tcp[24] = { 0 }, ip[40];
    uint32_t length = flags == TCP_SYN_FLAG ? 24 : 20;

    store16(tcp, from);
    store16(tcp + 2, 443);
    store32(tcp + 4, seq);
    store32(tcp + 8, ack);
    tcp[12] = (uint8_t)(length << 2);
    tcp[13] = (uint8_t)flags;
    store16(tcp + 14, 0xffff);
    if (length == 24) {
        memcpy(tcp + 20, (const uint8_t[4]){ 2, 4, 5, 0 }, 4);
    }
    if (!twist.to) {
        twist.to = family == 4 ? far4 : far6;
    }
    if (family == 4) {
        put_ip4(ip, 6, length, 0, 0);
        memcpy(ip + 16, twist.to, 4);
        if (twist.from) {
            memcpy(ip + 12, twist.from, 4);
        }
    } else {
        put_ip6(ip, 6, length, 64);
        memcpy(ip + 24, twist.to, 16);
        if (twist.from) {
            memcpy(ip + 8, twist.from, 16);
        }
    }
    store16(tcp + 16, sum_of(ip, 6, tcp, length) ^ twist.wrong_sum);
    twist.as_it_is = 1;
    give(family, 6, tcp, length, twist);
}

/* The oldest SYN that is held, in syn_packet. Return: its bytes, -1: there is none. */
static int held(void)
{
    int length = dg_take(&syns);

    if (length > 0) {
        memcpy(syn_packet, dg_bytes, (uint32_t)length);
    }
    return length;
}

static void decide(uint16_t verdict, int length)
{
    struct abi_datagram record = { .remote = dg_record.remote, .verdict = verdict };

    must(dg_put(&syns, &record, syn_packet, (uint32_t)length));
    rig_settle();
}

/* The oldest segment of the stack. Return: its flags. */
static uint32_t take_tcp(void)
{
    must(take_packet() && sent.proto == 6);
    return sent.body[13];
}

/* Opens a flow from a port; `made` is our end. */
static uint32_t flow(int family, uint16_t from)
{
    uint32_t isn;
    int length;

    give_tcp(family, from, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    length = held();
    ck_assert_int_eq(length, (family == 4 ? 20 : 40) + 24);
    decide(VERDICT_ACCEPT, length);
    ck_assert_uint_eq(take_tcp(), TCP_SYN_FLAG | TCP_ACK_FLAG);
    isn = load32(sent.body + 4);
    give_tcp(family, from, TCP_ACK_FLAG, 1001, isn + 1, (struct twist){ 0 });
    rig_settle();
    ck_assert_int_eq(rig_accept(&made), 1);
    return isn + 1;
}

START_TEST(syn_is_held_until_it_is_accepted)
{
    int family = _i ? 6 : 4, length;

    open_gateway();
    give_tcp(family, 5000, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    ck_assert_int_eq(take_packet(), 0);
    length = held();
    ck_assert_int_eq(length, (family == 4 ? 20 : 40) + 24);
    ck_assert_uint_eq(dg_record.remote.port, 5000);
    ck_assert_mem_eq(dg_record.remote.bytes, _i ? peer_ip6 : peer_ip4, _i ? 16 : 4);
    ck_assert_uint_eq(dg_record.local.port, 443);
    ck_assert_mem_eq(dg_record.local.bytes, _i ? far6 : far4, _i ? 16 : 4);
    ck_assert_uint_eq(dg_record.iface, tap->handle);
    /* Sent again before the verdict: told again, and two verdicts make one connection. */
    give_tcp(family, 5000, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    ck_assert_int_eq(held(), length);
    decide(VERDICT_ACCEPT, length);
    ck_assert_uint_eq(take_tcp(), TCP_SYN_FLAG | TCP_ACK_FLAG);
    ck_assert_uint_eq(load16(sent.body), 443);
    ck_assert_mem_eq(sent.bytes + (_i ? 8 : 12), _i ? far6 : far4, _i ? 16 : 4);
    decide(VERDICT_ACCEPT, length);
    /* Sent again after it: lwIP's, which answers again. */
    give_tcp(family, 5000, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    ck_assert_int_eq(held(), -1);
    ck_assert_uint_eq(take_tcp(), TCP_SYN_FLAG | TCP_ACK_FLAG);
    give_tcp(family, 5000, TCP_ACK_FLAG, 1001, load32(sent.body + 4) + 1, (struct twist){ 0 });
    rig_settle();
    ck_assert_int_eq(rig_accept(&made), 1);
    ck_assert_int_eq(rig_accept(&a), 0);
    ck_assert_uint_eq(made.pub->local.port, 443);
    ck_assert_mem_eq(made.pub->local.bytes, _i ? far6 : far4, _i ? 16 : 4);
    ck_assert_uint_eq(made.pub->remote.port, 5000);
    say(&made, 100);
    must(take_packet());
    while (sent.body_length < 120) {
        must(take_packet());
    }
    ck_assert_uint_eq(sent.body_length, 120);
    ck_assert_mem_eq(sent.bytes + (_i ? 8 : 12), _i ? far6 : far4, _i ? 16 : 4);
}
END_TEST

START_TEST(syn_is_refused)
{
    int family = _i ? 6 : 4, length;

    open_gateway();
    give_tcp(family, 5000, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    length = held();
    decide(VERDICT_RESET, length);
    ck_assert_uint_eq(take_tcp(), TCP_RST_FLAG | TCP_ACK_FLAG);
    ck_assert_uint_eq(load32(sent.body + 8), 1001);
    ck_assert_mem_eq(sent.bytes + (_i ? 8 : 12), _i ? far6 : far4, _i ? 16 : 4);
    decide(VERDICT_ICMP + (_i ? 1 : 13), length);
    must(take_packet());
    ck_assert_uint_eq(sent.proto, _i ? ICMP6 : 1);
    ck_assert_uint_eq(sent.body[0], _i ? 1 : 3);
    ck_assert_uint_eq(sent.body[1], _i ? 1 : 13);
    ck_assert_mem_eq(sent.body + 8, syn_packet, 28);
    ck_assert_int_eq(rig_accept(&made), 0);
    ck_assert_uint_eq(ctl->stats.sockets, 2);
}
END_TEST

START_TEST(verdicts_that_lie_do_nothing)
{
    uint8_t other[60];
    int length;

    open_gateway();
    give_tcp(4, 5000, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    length = held();
    decide(0, length); /* as if it came again */
    ck_assert_int_eq(held(), length);
    decide(VERDICT_ACCEPT, 0);
    decide(VERDICT_ACCEPT, 19);
    decide(VERDICT_ACCEPT, 30);
    memcpy(other, syn_packet, (uint32_t)length);
    syn_packet[36] ^= 1; /* the checksum */
    decide(VERDICT_ACCEPT, length);
    memcpy(syn_packet, other, (uint32_t)length);
    syn_packet[0] = 0x65;
    decide(VERDICT_ACCEPT, length);
    memcpy(syn_packet, other, (uint32_t)length);
    memcpy(syn_packet + 16, our_ip4, 4); /* to us */
    decide(VERDICT_ACCEPT, length);
    rig_settle();
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_int_eq(held(), -1);
}
END_TEST

START_TEST(listeners_of_ours_do_not_see_other_addresses)
{
    struct app other;

    ck_assert_int_eq(rig_open(&other, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 443)), 0);
    /* Without a gateway it is dropped. */
    give_tcp(4, 5000, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    ck_assert_int_eq(take_packet(), 0);
    open_gateway();
    give_tcp(4, 5000, TCP_SYN_FLAG, 1000, 0, (struct twist){ 0 });
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_int_eq(held(), 44);
    /* A segment of no connection is answered by a reset, a reset by nothing. */
    give_tcp(4, 5000, TCP_ACK_FLAG, 1000, 77, (struct twist){ 0 });
    ck_assert_uint_eq(take_tcp() & TCP_RST_FLAG, TCP_RST_FLAG);
    ck_assert_uint_eq(load32(sent.body + 4), 77);
    give_tcp(4, 5000, TCP_RST_FLAG, 1000, 0, (struct twist){ 0 });
    ck_assert_int_eq(take_packet(), 0);
    /* A segment for us is not the gateway's. */
    give_tcp(4, 5001, TCP_SYN_FLAG, 1000, 0, (struct twist){ .to = our_ip4 });
    ck_assert_uint_eq(take_tcp(), TCP_SYN_FLAG | TCP_ACK_FLAG);
    ck_assert_int_eq(held(), -1);
    drop(&other);
}
END_TEST

START_TEST(addresses_that_are_nobody_elses)
{
    static const uint8_t to4[][4] = { { 0, 0, 0, 1 },   { 127, 0, 0, 1 }, { 127, 9, 9, 9 },
                                      { 224, 0, 0, 9 }, { 240, 0, 0, 1 }, { 10, 0, 0, 255 } };
    static const uint8_t to6[][16] = {
        { [15] = 1 }, { 0 }, { 0xfe, 0x80, [15] = 9 }, { 0xff, 5, [15] = 9 }
    };
    static const uint8_t from4[4] = { 10, 9, 9, 9 }, from6[16] = { 0xfd, 9, [15] = 3 };
    uint32_t i;

    open_gateway();
    /* A tun has no broadcast address: there the last one is a host. */
    for (i = 0; i < sizeof(to4) / sizeof(to4[0]) - !tap_link; i++) {
        give_tcp(4, 5000, TCP_SYN_FLAG, 1, 0, (struct twist){ .to = to4[i] });
        ck_assert_int_eq(held(), -1);
    }
    for (i = 0; i < sizeof(to6) / sizeof(to6[0]); i++) {
        give_tcp(6, 5000, TCP_SYN_FLAG, 1, 0, (struct twist){ .to = to6[i] });
        ck_assert_int_eq(held(), -1);
    }
    /* No answer would reach these. */
    give_tcp(4, 5000, TCP_SYN_FLAG, 1, 0, (struct twist){ .from = from4 });
    give_tcp(6, 5000, TCP_SYN_FLAG, 1, 0, (struct twist){ .from = from6 });
    ck_assert_int_eq(held(), -1);
    give_tcp(4, 5000, TCP_SYN_FLAG, 1, 0, (struct twist){ .wrong_sum = 1 });
    ck_assert_int_eq(held(), -1);
    tap_drop_all();
}
END_TEST

START_TEST(a_flood_is_bounded_by_the_ring)
{
    struct cmd_socket cmd = transparent(SOCK_FLOW);
    uint32_t heap, i, got = 0;

    cmd.rx_max = 4096;
    ck_assert_int_eq(dg_open(&syns, cmd), 0);
    give_tcp(4, 999, TCP_SYN_FLAG, 1, 0, (struct twist){ 0 });
    heap = heap_used();
    for (i = 0; i < 10000; i++) {
        give_tcp(4, (uint16_t)(1000 + i), TCP_SYN_FLAG, i, 0, (struct twist){ 0 });
    }
    ck_assert_uint_eq(heap_used(), heap);
    ck_assert_uint_eq(syns.pub->rx_datagrams + syns.pub->rx_dropped, 10001);
    while (held() >= 0) {
        got++;
    }
    ck_assert_uint_eq(got, syns.pub->rx_datagrams);
    ck_assert_uint_gt(got, 10);
    ck_assert_uint_eq(ctl->stats.sockets, 1);
}
END_TEST

START_TEST(datagrams_keep_their_ends)
{
    int family = _i ? 6 : 4;
    struct abi_datagram record = { 0 };

    ck_assert_int_eq(dg_open(&a, transparent(SOCK_UDP)), 0);
    dg_udp(&b, NULL, 53); /* is for our own addresses only */
    give_udp(family, 5000, 53, 30, (struct twist){ .to = _i ? far6 : far4 });
    ck_assert_int_eq(dg_seeded(&a, 30), 1);
    ck_assert_int_eq(dg_take(&b), -1);
    ck_assert_uint_eq(dg_record.remote.port, 5000);
    ck_assert_uint_eq(dg_record.local.port, 53);
    ck_assert_mem_eq(dg_record.local.bytes, _i ? far6 : far4, _i ? 16 : 4);
    give_udp(family, 5000, 53, 31, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&b, 31), 1);
    ck_assert_int_eq(dg_take(&a), -1);
    /* The answer comes from where it was sent to. */
    record.remote = address(_i ? "fd00::2" : "10.0.0.2", 5000);
    record.local = address(_i ? "2001::7" : "198.51.100.7", 53);
    seeded_fill(9, 0, dg_bytes, 40);
    must(dg_put(&a, &record, dg_bytes, 40));
    take_udp(53, 5000, 40);
    ck_assert_mem_eq(sent.bytes + (_i ? 8 : 12), _i ? far6 : far4, _i ? 16 : 4);
    ck_assert_int_eq(take_packet(), 0);
    /* A gateway without a socket of UDP says that nobody is there. */
    drop(&a);
    ck_assert_int_eq(dg_open(&syns, transparent(SOCK_FLOW)), 0);
    give_udp(family, 5000, 54, 30, (struct twist){ .to = _i ? far6 : far4 });
    must(take_packet());
    ck_assert_uint_eq(sent.body[0], _i ? 1 : 3);
}
END_TEST

START_TEST(messages_are_not_answered)
{
    uint8_t echo[16] = { _i ? 128 : 8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g' };
    int family = _i ? 6 : 4, proto = _i ? ICMP6 : 1;
    struct abi_datagram record = { 0 };

    ck_assert_int_eq(dg_open(&a, transparent(_i ? SOCK_ICMP6 : SOCK_ICMP)), 0);
    give(family, (uint8_t)proto, echo, sizeof(echo), (struct twist){ .to = _i ? far6 : far4 });
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_int_eq(dg_take(&a), 16);
    ck_assert_mem_eq(dg_bytes + 4, echo + 4, 12);
    ck_assert_int_eq(dg_take(&a), -1);
    /* lwIP answers what is for us. */
    give(family, (uint8_t)proto, echo, sizeof(echo), (struct twist){ 0 });
    must(take_packet());
    ck_assert_uint_eq(sent.body[0], _i ? 129 : 0);
    ck_assert_int_eq(dg_take(&a), -1);
    record.remote = address(_i ? "fd00::2" : "10.0.0.2", 0);
    record.local = address(_i ? "2001::7" : "198.51.100.7", 0);
    echo[0] = _i ? 129 : 0;
    must(dg_put(&a, &record, echo, sizeof(echo)));
    must(take_packet());
    ck_assert_uint_eq(sent.body[0], echo[0]);
    ck_assert_mem_eq(sent.bytes + (_i ? 8 : 12), _i ? far6 : far4, _i ? 16 : 4);
}
END_TEST

START_TEST(one_socket_for_each_protocol)
{
    struct cmd_socket cmd = transparent(SOCK_FLOW);

    open_gateway();
    ck_assert_int_eq(dg_open(&a, cmd), ABI_EADDRINUSE);
    cmd.flags &= ~DGRAM_TRANSPARENT;
    ck_assert_int_eq(dg_open(&a, cmd), ABI_EINVAL);
    cmd = transparent(SOCK_UDP);
    cmd.iface = 0;
    ck_assert_int_eq(dg_open(&a, cmd), ABI_EINVAL);
    cmd.iface = 12345;
    ck_assert_int_eq(dg_open(&a, cmd), ABI_ENODEV);
    cmd = gateway_listener();
    cmd.iface = 12345;
    ck_assert_int_eq(rig_open(&made, cmd), ABI_ENODEV);
    drop(&syns);
    ck_assert_int_eq(dg_open(&syns, transparent(SOCK_FLOW)), 0);
    /* Port 0 of ours is nobody's. */
    give_tcp(4, 5000, TCP_SYN_FLAG, 1, 0, (struct twist){ .to = our_ip4 });
    ck_assert_uint_eq(take_tcp(), TCP_RST_FLAG | TCP_ACK_FLAG);
}
END_TEST

START_TEST(an_interface_that_goes_ends_its_flows)
{
    struct cmd cmd = { .op = CMD_IFACE_REMOVE, .handle = tap->handle };

    open_gateway();
    flow(_i ? 6 : 4, 5000);
    give_tcp(4, 5001, TCP_SYN_FLAG, 1, 0, (struct twist){ 0 });
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    rig_settle();
    ck_assert_int_eq(app_closed(&made) && made.error == ABI_ENODEV, 1);
    ck_assert_int_eq(app_closed(&syns) && syns.error == ABI_ENODEV, 1);
    ck_assert_int_eq((listener.bits & SOCK_CLOSED) && listener.error == ABI_ENODEV, 1);
    app_release(&made);
    app_release(&syns);
    app_release(&listener);
    rig_settle();
    ck_assert_uint_eq(ctl->stats.sockets, 0);
}
END_TEST

START_TEST(the_backlog_bounds_what_is_accepted)
{
    struct cmd_socket cmd = gateway_listener();
    uint32_t i, answered = 0;

    cmd.backlog = 3;
    ck_assert_int_eq(dg_open(&syns, transparent(SOCK_FLOW)), 0);
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    for (i = 0; i < 30; i++) {
        give_tcp(4, (uint16_t)(5000 + i), TCP_SYN_FLAG, 1, 0, (struct twist){ 0 });
        decide(VERDICT_ACCEPT, held());
        answered += (uint32_t)take_packet();
    }
    ck_assert_uint_eq(answered, 3);
    /* The guests never answer: all is given up. */
    rig_pass(120000);
    tap_drop_all();
    flow(4, 6000);
    app_release(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flow");
    TCase **both = link_cases(suite);
    uint32_t i;

    for (i = 0; i < 2; i++) {
        tcase_add_loop_test(both[i], syn_is_held_until_it_is_accepted, 0, 2);
        tcase_add_loop_test(both[i], syn_is_refused, 0, 2);
        tcase_add_test(both[i], verdicts_that_lie_do_nothing);
        tcase_add_test(both[i], listeners_of_ours_do_not_see_other_addresses);
        tcase_add_test(both[i], addresses_that_are_nobody_elses);
        tcase_add_test(both[i], a_flood_is_bounded_by_the_ring);
        tcase_add_loop_test(both[i], datagrams_keep_their_ends, 0, 2);
        tcase_add_loop_test(both[i], messages_are_not_answered, 0, 2);
        tcase_add_test(both[i], one_socket_for_each_protocol);
        tcase_add_loop_test(both[i], an_interface_that_goes_ends_its_flows, 0, 2);
        tcase_add_test(both[i], the_backlog_bounds_what_is_accepted);
    }
    return run_suite(suite);
}
