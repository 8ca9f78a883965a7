/* SPDX-License-Identifier: MIT */
/* test_path_mtu.c - path MTU discovery of TCP and UDP: what is believed, what follows, how it is forgotten */
#include "dgram_rig.h"

#include "lwip/def.h"

#define AGE 600000.0

/* A TCP connection of the peer, over either family. */
static struct tcp_end {
    int v6;
    uint16_t port;
    uint32_t seq, ack;     /* next the peer sends, next it expects */
    uint32_t got, largest; /* bytes that came in order; the longest packet */
    uint32_t packets;
} end;
static struct app listener, server;

/**
 * give_segment() - Give the stack a segment of the peer
 * @flags: TCP_*_FLAG
 */
static void give_segment(uint32_t flags)
{
    uint8_t tcp[24] = { 0 }, ip[40];
    uint32_t length = flags & TCP_SYN_FLAG ? 24 : 20;

    store16(tcp, end.port);
    store16(tcp + 2, 80);
    store32(tcp + 4, end.seq);
    store32(tcp + 8, end.ack);
    tcp[12] = (uint8_t)(length << 2);
    tcp[13] = (uint8_t)flags;
    store16(tcp + 14, 0xffff);
    store32(tcp + 20, 0x020405b4); /* MSS 1460 */
    if (end.v6) {
        put_ip6(ip, 6, length, 64);
    } else {
        put_ip4(ip, 6, length, 1, 0);
    }
    store16(tcp + 16, sum_of(ip, 6, tcp, length));
    give(end.v6 ? 6 : 4, 6, tcp, length, (struct twist){ .as_it_is = 1 });
    end.seq += (flags & TCP_SYN_FLAG) != 0;
}

/**
 * take_segments() - Take what the stack sends now, and see that none of it may be fragmented
 *
 * Return: segments
 */
static uint32_t take_segments(void)
{
    end.packets = end.largest = 0;
    while (take_packet()) {
        uint32_t data;

        if (sent.proto != 6 || load16(sent.body + 2) != end.port) {
            continue;
        }
        must(end.v6 || load16(sent.bytes + 6) == 0x4000);
        end.packets++;
        end.largest = LWIP_MAX(end.largest, sent.length);
        data = sent.body_length - (sent.body[12] >> 4) * 4u;
        if (sent.body[13] & TCP_SYN_FLAG) {
            end.ack = load32(sent.body + 4) + 1;
        } else if (load32(sent.body + 4) == end.ack) {
            must(!seeded_differs(server.tx_seed, end.got, sent.body + sent.body_length - data,
                                 data));
            end.got += data;
            end.ack += data;
        }
    }
    return end.packets;
}

/**
 * open_connection() - A connection from the peer, whose first ten segments are on the way, unseen
 * @v6: over IPv6
 *
 * Return: sequence number of the first
 */
static uint32_t open_connection(int v6)
{
    uint32_t first;

    end = (struct tcp_end){ .v6 = v6, .port = (uint16_t)(1000 + v6), .seq = 77 };
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "::", 80)), 0);
    give_segment(TCP_SYN_FLAG);
    ck_assert_uint_eq(take_segments(), 1);
    give_segment(TCP_ACK_FLAG);
    ck_assert_int_eq(rig_accept(&server), 1);
    server.tx_seed = 5;
    first = end.ack;
    server.write_end = 14000;
    end.ack -= 1; /* what comes is lost */
    rig_settle();
    must(take_segments() >= 4);
    ck_assert_uint_eq(end.largest, 1500);
    end.ack = first;
    return first;
}

static void close_connection(void)
{
    rig_cmd(CMD_ABORT, server.handle, 0);
    app_release(&server);
    app_release(&listener);
    rig_settle();
}

/* An error about a packet of ours, and what is wrong with it. */
struct too_big {
    int v6;
    uint32_t mtu;
    uint8_t proto;
    uint16_t from, to;
    uint32_t sequence;
    const uint8_t *dst; /* NULL: the peer's */
};

/**
 * write_too_big() - Write the message
 * @message: 64 bytes
 * @t: it
 *
 * Return: its bytes
 */
static uint32_t write_too_big(uint8_t *message, struct too_big t)
{
    uint8_t *ip = message + 8, *body = ip + (t.v6 ? 40 : 20);

    memset(message, 0, 64);
    message[0] = t.v6 ? 2 : 3;
    message[1] = t.v6 ? 0 : 4;
    store32(message + 4, t.mtu);
    if (t.v6) {
        put_ip6(ip, t.proto, 1400, 64);
        memcpy(ip + 8, our_ip6, 16);
        memcpy(ip + 24, t.dst ? t.dst : peer_ip6, 16);
    } else {
        put_ip4(ip, t.proto, 1400, 1, 0x4000);
        memcpy(ip + 12, our_ip4, 4);
        memcpy(ip + 16, t.dst ? t.dst : peer_ip4, 4);
    }
    store16(body, t.from);
    store16(body + 2, t.to);
    store32(body + 4, t.sequence);
    return (uint32_t)(body + 8 - message);
}

static void give_too_big(struct too_big t)
{
    uint8_t message[64];
    uint32_t length = write_too_big(message, t);

    give(t.v6 ? 6 : 4, t.v6 ? ICMP6 : 1, message, length, (struct twist){ 0 });
    rig_settle();
}

static struct too_big of_segment(uint32_t sequence, uint32_t mtu)
{
    return (struct too_big){ end.v6, mtu, 6, 80, end.port, sequence, NULL };
}

START_TEST(segments_are_cut_and_sent_again_at_once)
{
    uint32_t first = open_connection(_i), mtu = _i ? 1300 : 600;
    double before = rig_now;

    give_too_big(of_segment(first, mtu));
    must(take_segments() >= 4);
    ck_assert_uint_eq(end.largest, mtu);
    must(rig_now == before);
    must(end.got >= 4000);
    give_segment(TCP_ACK_FLAG);
    while (take_segments()) {
        ck_assert_uint_le(end.largest, mtu);
        give_segment(TCP_ACK_FLAG);
    }
    ck_assert_uint_eq(end.got, 14000);
    /* A connection that opens now knows it, too; others do not. */
    end.port += 10;
    end.seq = 99;
    give_segment(TCP_SYN_FLAG);
    take_segments();
    give_segment(TCP_ACK_FLAG);
    close_connection();
    ck_assert_int_eq(rig_accept(&server), 1);
    server.write_end = 5000;
    server.tx_seed = 5;
    end.got = 0;
    rig_settle();
    take_segments();
    ck_assert_uint_eq(end.largest, mtu);
    rig_cmd(CMD_ABORT, server.handle, 0);
    app_release(&server);
}
END_TEST

START_TEST(only_ever_lowered_and_never_below_the_floor)
{
    uint32_t first = open_connection(_i), floor = _i ? 1280 : 576;

    give_too_big(of_segment(first, _i ? 1279 : 1500));
    give_too_big(of_segment(first, 65535));
    give_too_big(of_segment(first, _i ? 0xffffffff : 9000));
    ck_assert_uint_eq(take_segments(), 0);
    ck_assert_uint_eq(ctl->stats.icmp_ignored, _i ? 2 : 3);
    give_too_big(of_segment(first, 1400));
    must(take_segments());
    ck_assert_uint_eq(end.largest, 1400);
    end.ack = first;
    end.got = 0;
    give_too_big(of_segment(first, 1450));
    ck_assert_uint_eq(take_segments(), 0);
    give_too_big(of_segment(first, _i ? 1280 : 68));
    must(take_segments());
    ck_assert_uint_eq(end.largest, floor);
    end.ack = first;
    end.got = 0;
    give_too_big(of_segment(first, _i ? 68 : 0));
    ck_assert_uint_eq(take_segments(), 0);
    close_connection();
}
END_TEST

START_TEST(of_segments_that_are_not_on_the_way)
{
    uint32_t first = open_connection(_i), ignored = 0, next = first + 14000;
    static const uint8_t other4[4] = { 10, 0, 0, 3 }, other6[16] = { 0xfd, [15] = 3 };
    struct too_big t = of_segment(first - 1, 1300);

    for (; ignored < 5; ignored++) {
        ck_assert_uint_eq(ctl->stats.icmp_ignored, ignored);
        give_too_big(t);
        t = of_segment(first, 1300);
        switch (ignored) {
        case 0:
            t.sequence = next;
            break;
        case 1:
            t.to++;
            break;
        case 2:
            t.from++;
            break;
        default:
            t.dst = _i ? other6 : other4;
        }
    }
    ck_assert_uint_eq(take_segments(), 0);
    give_too_big(of_segment(first, 1300));
    must(take_segments());
    ck_assert_uint_eq(end.largest, 1300);
    close_connection();
}
END_TEST

START_TEST(from_another_interface)
{
    struct cmd_iface cmd =
        iface_command(tap_link ? IFACE_TAP : IFACE_TUN, 1500, "10.9.0.1/24", "fd09::1/64");
    struct producer rx = tap_rx;
    struct abi_iface *other;
    uint32_t first = open_connection(_i);

    cmd.ring_size = 1u << 16;
    other = rig_iface(cmd);
    producer_init(&tap_rx, &other->rx);
    give_too_big(of_segment(first, 1300));
    ck_assert_uint_eq(other->rx_packets, 1);
    /* The strict source check has it before. */
    ck_assert_uint_eq(ctl->stats.source_drops, 1);
    ck_assert_uint_eq(take_segments(), 0);
    ck_assert_int_eq(connect_to(&a, NULL, 7, _i ? "fd00::2" : "10.0.0.2", 9), 0);
    dg_send(&a, NULL, 0, 1400);
    take_udp(7, 9, 1400);
    give_too_big((struct too_big){ _i, 1300, UDP, 7, 9, 0, NULL });
    ck_assert_uint_eq(a.bits & SOCK_ERROR, 0);
    ck_assert_uint_eq(ctl->stats.source_drops, 2);
    tap_rx = rx;
    close_connection();
}
END_TEST

START_TEST(forgotten_after_ten_minutes)
{
    uint32_t first = open_connection(_i), packets;

    give_too_big(of_segment(first, 1300));
    take_segments();
    while (end.got < 14000) {
        give_segment(TCP_ACK_FLAG);
        take_segments();
    }
    give_segment(TCP_ACK_FLAG);
    rig_pass(AGE - 2000);
    server.write_end += 5000;
    rig_settle();
    must(take_segments());
    ck_assert_uint_eq(end.largest, 1300);
    give_segment(TCP_ACK_FLAG);
    rig_pass(3000);
    server.write_end += 5000;
    rig_settle();
    packets = take_segments();
    ck_assert_uint_eq(end.largest, 1500);
    must(packets >= 3);
    close_connection();
}
END_TEST

START_TEST(a_syn_is_never_too_big)
{
    struct app client;
    struct too_big t = { _i, 1300, 6, 0, 80, 0, NULL };

    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, _i ? "fd00::2" : "10.0.0.2", 80)),
                     0);
    must(take_packet() && sent.proto == 6);
    t.from = (uint16_t)load16(sent.body);
    t.sequence = load32(sent.body + 4);
    give_too_big(t);
    must(!app_closed(&client));
    rig_cmd(CMD_ABORT, client.handle, 0);
    app_release(&client);
}
END_TEST

/**
 * open_udp() - A socket of port 7, connected to port 9 of the peer or not
 * @v6: over IPv6
 * @connected: it is
 * @flags: DGRAM_*
 */
static void open_udp(int v6, int connected, uint32_t flags)
{
    struct cmd_socket cmd =
        dg_command(SOCK_UDP, NULL, 7, connected ? v6 ? "fd00::2" : "10.0.0.2" : NULL, 9);

    cmd.flags |= flags;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
}

static void send_to_peer(int v6, int connected, uint32_t length)
{
    dg_send(&a, connected ? NULL : v6 ? "fd00::2" : "10.0.0.2", 9, length);
}

/**
 * take_fragments() - Take the fragments of one datagram
 * @v6: over IPv6
 *
 * Return: bytes of the largest, 0: none came
 */
static uint32_t take_fragments(int v6)
{
    uint32_t largest = 0;

    while (take_packet()) {
        must(v6 ? sent.bytes[6] == 44 : (load16(sent.bytes + 6) & 0x3fff) != 0);
        largest = LWIP_MAX(largest, sent.length);
    }
    return largest;
}

START_TEST(a_socket_that_forbids_fragments_is_told)
{
    int v6 = _i & 1, connected = _i >> 1;
    struct too_big t = { v6, 1320, UDP, 7, 9, 0, NULL };

    open_udp(v6, connected, DGRAM_DONT_FRAGMENT);
    send_to_peer(v6, connected, 1400);
    take_udp(7, 9, 1400);
    must(v6 || load16(sent.bytes + 6) == 0x4000);
    give_too_big(t);
    must(a.bits & SOCK_ERROR);
    ck_assert_int_eq(a.pub->error, ABI_EMSGSIZE);
    ck_assert_uint_eq(a.pub->path_mtu, 1320);
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
    a.bits = 0;
    send_to_peer(v6, connected, 1320 - (v6 ? 48 : 28) + 1);
    ck_assert_int_eq(take_packet(), 0);
    must(a.bits & SOCK_ERROR);
    ck_assert_int_eq(a.pub->error, ABI_EMSGSIZE);
    ck_assert_uint_eq(a.pub->tx_dropped, 2);
    send_to_peer(v6, connected, 1320 - (v6 ? 48 : 28));
    take_udp(7, 9, 1320 - (v6 ? 48 : 28));
    rig_pass(AGE + 1000);
    send_to_peer(v6, connected, 1400);
    take_udp(7, 9, 1400);
    ck_assert_uint_eq(a.pub->path_mtu, 1500);
}
END_TEST

START_TEST(others_are_fragmented_to_it)
{
    int connected = _i;

    open_udp(1, connected, 0);
    send_to_peer(1, connected, 1400);
    take_udp(7, 9, 1400);
    give_too_big((struct too_big){ 1, 1320, UDP, 7, 9, 0, NULL });
    send_to_peer(1, connected, 1400);
    ck_assert_uint_le(take_fragments(1), 1320);
    ck_assert_uint_eq(a.pub->path_mtu, 1320);
    ck_assert_uint_eq(tap->mtu, 1500);
}
END_TEST

START_TEST(over_ipv4_with_what_another_socket_learned)
{
    uint32_t first = open_connection(0);

    open_udp(0, 1, 0);
    send_to_peer(0, 1, 1400);
    take_udp(7, 9, 1400);
    must((load16(sent.bytes + 6) & 0x4000) == 0);
    /* This datagram is fragmented on the way: nobody sends the error. */
    give_too_big((struct too_big){ 0, 1000, UDP, 7, 9, 0, NULL });
    ck_assert_uint_eq(ctl->stats.icmp_ignored, 1);
    send_to_peer(0, 1, 1400);
    take_udp(7, 9, 1400);
    give_too_big(of_segment(first, 1000));
    take_segments();
    send_to_peer(0, 1, 1400);
    ck_assert_uint_eq(take_fragments(0), 996);
    close_connection();
}
END_TEST

START_TEST(of_datagrams_that_were_not_sent)
{
    struct too_big t = { _i, 1320, UDP, 7, 9, 0, NULL };
    static const uint8_t other4[4] = { 10, 0, 0, 3 }, other6[16] = { 0xfd, [15] = 3 };

    open_udp(_i, 0, DGRAM_DONT_FRAGMENT);
    give_too_big(t); /* nothing was sent there */
    send_to_peer(_i, 0, 500);
    take_udp(7, 9, 500);
    give_too_big(t); /* nothing that large */
    send_to_peer(_i, 0, 1400);
    take_udp(7, 9, 1400);
    t.dst = _i ? other6 : other4;
    give_too_big(t);
    t.dst = NULL;
    t.from = 8;
    give_too_big(t);
    ck_assert_uint_eq(ctl->stats.icmp_ignored, 4);
    ck_assert_uint_eq(a.bits & SOCK_ERROR, 0);
    send_to_peer(_i, 0, 1400);
    take_udp(7, 9, 1400);
}
END_TEST

START_TEST(of_an_echo)
{
    struct cmd_socket cmd = dg_command(_i ? SOCK_ICMP6 : SOCK_ICMP, NULL, 77, NULL, 0);
    struct abi_datagram record = { .remote = address(_i ? "fd00::2" : "10.0.0.2", 0) };
    struct too_big t = { _i, 1320, _i ? ICMP6 : 1, _i ? 0x8000 : 0x0800, 0, 77u << 16, NULL };

    cmd.flags |= DGRAM_DONT_FRAGMENT;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    memset(dg_bytes, 0, 1400);
    dg_bytes[0] = _i ? 128 : 8;
    store16(dg_bytes + 4, 77);
    must(dg_put(&a, &record, dg_bytes, 1400));
    must(take_packet());
    give_too_big(t);
    ck_assert_int_gt(dg_take(&a), 8);
    must(dg_put(&a, &record, dg_bytes, 1400));
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_int_eq(a.pub->error, ABI_EMSGSIZE);
    ck_assert_uint_eq(a.pub->path_mtu, 1320);
}
END_TEST

/* 300 paths in 64 entries: newer ones take the place of older, and nothing else happens. */
START_TEST(more_paths_than_entries)
{
    struct too_big t = { 1, 1320, UDP, 7, 9, 0, NULL };
    uint8_t to[16] = { 0xfd, [15] = 2 };
    uint32_t i, lowered = 0, heap;
    char host[40];

    open_udp(1, 0, DGRAM_DONT_FRAGMENT);
    t.dst = to;
    heap = heap_used();
    for (i = 0; i < 300; i++) {
        snprintf(host, sizeof(host), "fd00::%x:2", i + 1);
        store16(to + 12, i + 1);
        dg_send(&a, host, 9, 1400);
        give_too_big(t);
        ck_assert_uint_eq(ctl->stats.icmp_ignored, 0);
        tap_drop_all();
    }
    for (i = 0; i < 300; i++) {
        snprintf(host, sizeof(host), "fd00::%x:2", i + 1);
        dg_send(&a, host, 9, 1400);
        lowered += a.pub->path_mtu == 1320;
        tap_drop_all();
    }
    must(lowered >= 30 && lowered <= 64);
    rig_pass(60000); /* neighbors that do not answer */
    ck_assert_uint_le(heap_used(), heap + 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("path_mtu");
    TCase **both = link_cases(suite);
    uint32_t i;

    for (i = 0; i < 2; i++) {
        tcase_add_loop_test(both[i], segments_are_cut_and_sent_again_at_once, 0, 2);
        tcase_add_loop_test(both[i], only_ever_lowered_and_never_below_the_floor, 0, 2);
        tcase_add_loop_test(both[i], of_segments_that_are_not_on_the_way, 0, 2);
        tcase_add_loop_test(both[i], from_another_interface, 0, 2);
        tcase_add_loop_test(both[i], forgotten_after_ten_minutes, 0, 2);
        tcase_add_loop_test(both[i], a_syn_is_never_too_big, 0, 2);
        tcase_add_loop_test(both[i], a_socket_that_forbids_fragments_is_told, 0, 4);
        tcase_add_loop_test(both[i], others_are_fragmented_to_it, 0, 2);
        tcase_add_test(both[i], over_ipv4_with_what_another_socket_learned);
        tcase_add_loop_test(both[i], of_datagrams_that_were_not_sent, 0, 2);
        tcase_add_loop_test(both[i], of_an_echo, 0, 2);
    }
    tcase_add_test(both[1], more_paths_than_entries);
    return run_suite(suite);
}
