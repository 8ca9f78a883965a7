/* SPDX-License-Identifier: MIT */
/* test_attacks.c - floods and forgeries of UDP and ICMP, with an honest flow beside
 *
 * Each attack is a number of frames. Between them an honest peer sends datagrams to a socket of its own, none of which
 * may be lost. Memory stays below a bound all the time, and is as before when the attack is over; and
 * each frame that was dropped is in a counter.
 */
#include "dgram_rig.h"

/* Of the heap, an attack may take: 64 fragments of each family, neighbors, reports. */
#define HEAP_MOST 400000u
#define HONEST_PORT 5000u

static uint32_t honest_sent, heap_before, heap_most;

/**
 * begin() - Open the honest socket
 */
static void begin(void)
{
    honest_sent = heap_most = 0;
    ck_assert_int_eq(connect_to(&a, NULL, 7, "10.0.0.2", HONEST_PORT), 0);
    give_udp(4, HONEST_PORT, 7, 100, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 100), 1); /* rx has its storage */
    heap_before = heap_used();
}

/**
 * between() - After each frame of an attack: the honest flow goes on, and so does the wire
 * @i: number of the frame
 */
static void between(uint32_t i)
{
    heap_most = heap_used() > heap_most ? heap_used() : heap_most;
    if (i % 16) {
        return;
    }
    give_udp(4, HONEST_PORT, 7, 100 + honest_sent % 50, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 100 + honest_sent % 50), 1);
    honest_sent++;
    tap_drop_all();
}

/**
 * finish() - The attack is over: nothing was lost, and in time all memory is back
 */
static void finish(void)
{
    uint32_t i;

    for (i = 0; i < 70; i++) {
        rig_pass(1000);
        tap_drop_all();
    }
    ck_assert_uint_eq(a.pub->rx_dropped, 0);
    ck_assert_uint_eq(a.pub->rx_datagrams, honest_sent + 1);
    ck_assert_uint_le(heap_most, heap_before + HEAP_MOST);
    ck_assert_uint_le(heap_used(), heap_before + 2000);
}

/**
 * give_fragment() - A fragment of a datagram
 * @v6: over IPv6
 * @id: identification of the packet
 * @field: offset and flag, as in the header of the family
 * @length: bytes of it
 */
static void give_fragment(int v6, uint32_t id, uint32_t field, uint32_t length)
{
    static uint8_t frame[2000];
    uint8_t *ip = put_link(frame, v6 ? 0x86dd : 0x0800), *body = ip + (v6 ? 48 : 20);

    if (v6) {
        put_ip6(ip, 44, 8 + length, 64);
        memset(ip + 40, 0, 8);
        ip[40] = UDP;
        store16(ip + 42, field);
        store32(ip + 44, id);
    } else {
        put_ip4(ip, UDP, length, id, field);
    }
    seeded_fill(id, 0, body, length);
    tap_give(frame, (uint32_t)(body - frame) + length);
}

/* First ones, those in the middle, and last ones, of packets that never become whole. */
START_TEST(fragment_flood)
{
    uint32_t kind = (uint32_t)_i >> 1, i, count = 5000;
    uint32_t more = _i & 1 ? 1 : 0x2000, unit = _i & 1 ? 8 : 1;
    const uint32_t fields[] = { more, more | 100 * unit, 100 * unit };

    begin();
    for (i = 0; i < count; i++) {
        give_fragment(_i & 1, i, fields[kind], 1400);
        between(i);
    }
    finish();
    ck_assert_uint_eq(ctl->stats.fragment_drops, count);
    ck_assert_uint_le(ctl->stats.icmp_errors, 200);
}
END_TEST

/* Fragments that lie upon each other, go beyond the largest packet, or are empty. */
START_TEST(wrong_fragments)
{
    uint32_t i, unit = _i ? 8 : 1, more = _i ? 1 : 0x2000, count = 0;
    uint64_t rng = mix64(test_seed + 6000u);

    begin();
    for (i = 0; i < 5000; i++) {
        uint32_t offset = rng_below(&rng, 4) ? rng_below(&rng, 40) : rng_below(&rng, 0x2000);

        give_fragment(_i, rng_below(&rng, 8), offset * unit | (rng_below(&rng, 2) ? more : 0),
                      8 * rng_below(&rng, 170));
        count++;
        between(i);
    }
    finish();
    /* Some become whole by chance: garbage for UDP. */
    must(ctl->stats.fragment_drops > 1000 && ctl->stats.fragment_drops <= count);
}
END_TEST

/**
 * give_error() - An ICMP error that quotes a datagram or a segment
 * @v6: of ICMPv6
 * @i: its number: which type
 * @proto: of the quote
 * @from: its source port
 * @to: its destination port
 * @sequence: what follows
 */
static void give_error(int v6, uint32_t i, uint8_t proto, uint32_t from, uint32_t to,
                       uint32_t sequence)
{
    static const uint8_t types4[][2] = { { 3, 1 }, { 3, 3 }, { 3, 4 }, { 11, 0 } },
                         types6[][2] = { { 1, 0 }, { 1, 4 }, { 2, 0 }, { 3, 0 } };
    uint8_t message[64] = { 0 }, *ip = message + 8, *body = ip + (v6 ? 40 : 20);

    memcpy(message, v6 ? types6[i % 4] : types4[i % 4], 2);
    store16(message + 6, 1300);
    if (v6) {
        put_ip6(ip, proto, 1400, 64);
        memcpy(ip + 8, our_ip6, 16);
        memcpy(ip + 24, peer_ip6, 16);
    } else {
        put_ip4(ip, proto, 1400, 1, 0x4000);
        memcpy(ip + 12, our_ip4, 4);
        memcpy(ip + 16, peer_ip4, 4);
    }
    store16(body, from);
    store16(body + 2, to);
    store32(body + 4, sequence);
    give(v6 ? 6 : 4, v6 ? ICMP6 : 1, message, (uint32_t)(body + 8 - message), (struct twist){ 0 });
}

/* The attacker knows both addresses and one port. */
START_TEST(forged_errors)
{
    uint32_t i, count = 20000;

    begin();
    for (i = 0; i < count; i++) {
        give_error(_i, i, UDP, 7, HONEST_PORT + 1 + i % 50000, 0);
        between(i);
    }
    finish();
    ck_assert_uint_eq(ctl->stats.icmp_ignored, count);
    ck_assert_uint_eq(a.bits & SOCK_ERROR, 0);
    ck_assert_uint_eq(a.pub->tx_dropped, 0);
}
END_TEST

/* The attacker knows all four ends of a connection, but not what is on the way. */
START_TEST(forged_errors_about_a_connection)
{
    uint32_t i, count = 20000;
    uint64_t rng = mix64(test_seed + 6001u);
    struct app listener, server;
    struct peer peer;

    begin();
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)), 0);
    peer_connect(&peer, 999, 80);
    ck_assert_int_eq(rig_accept(&server), 1);
    server.tx_seed = peer.got_seed = 5;
    server.write_end = 1000;
    rig_settle();
    peer_listen(&peer);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    for (i = 0; i < count; i++) {
        give_error(0, i, 6, 80, 999, rng_u32(&rng));
        between(i);
    }
    ck_assert_uint_eq(ctl->stats.icmp_ignored, count);
    must(!app_closed(&server));
    server.write_end = 3000;
    rig_settle();
    for (i = 0; i < 20; i++) {
        peer_listen(&peer);
        peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    }
    ck_assert_uint_eq(peer.got, 3000);
    rig_cmd(CMD_ABORT, server.handle, 0);
    app_release(&server);
    app_release(&listener);
    rig_settle();
    tap_drop_all();
}
END_TEST

/* An error answers these: a port nobody has, a protocol nobody has, an option nobody knows. */
START_TEST(error_bombs)
{
    static const uint8_t unknown_option[16] = { UDP, 0, 0x80, 4 };
    uint32_t i, count = 20000, kind = (uint32_t)_i >> 1, v6 = _i & 1;
    double start = rig_now;

    begin();
    for (i = 0; i < count; i++) {
        if (kind == 0) {
            give_udp(v6 ? 6 : 4, 9, (uint16_t)(10000 + i % 50000), 20, (struct twist){ 0 });
        } else {
            give(v6 ? 6 : 4, v6 && kind == 2 ? 60 : 253, unknown_option, 16,
                 (struct twist){ .as_it_is = 1 });
        }
        between(i);
        if (i % 1000 == 0) {
            rig_pass(10);
        }
    }
    /* 50 at once, and one a millisecond. */
    ck_assert_uint_eq(ctl->stats.icmp_errors + ctl->stats.icmp_limited, count);
    ck_assert_uint_le(ctl->stats.icmp_errors, 50 + (uint32_t)(rig_now - start) + 20);
    must(ctl->stats.icmp_errors >= 50);
    if (kind == 0) {
        ck_assert_uint_eq(ctl->stats.udp_no_socket, count);
    }
    finish();
}
END_TEST

/* Datagrams of 64 KiB in fragments. */
START_TEST(large_datagrams)
{
    uint32_t i, at;

    begin();
    for (i = 0; i < 200; i++) {
        for (at = 0; at < 63000; at += 1400) {
            uint32_t more = at + 1400 < 63000, offset = _i ? at : at / 8;

            give_fragment(_i, i, offset | (more ? (_i ? 1 : 0x2000) : 0), 1400);
            between(at / 1400);
        }
    }
    finish();
    /* They became whole, and their checksum was wrong. */
    ck_assert_uint_eq(ctl->stats.udp_invalid, 200);
}
END_TEST

/* 100,000 sources: to a port that is open and whose program does not read, and to one that is not. */
START_TEST(flood_of_sources)
{
    uint32_t i, count = 100000, open = (uint32_t)_i >> 1, v6 = _i & 1;
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 8, NULL, 0);

    begin();
    cmd.rx_max = 16384;
    if (open) {
        ck_assert_int_eq(dg_open(&b, cmd), 0);
        give_udp(4, 9, 8, 20, (struct twist){ 0 });
        heap_before = heap_used();
    }
    for (i = 0; i < count; i++) {
        uint8_t from[16] = { 0xfd, [8] = 7 };

        if (v6) {
            store32(from + 12, i + 16);
        } else {
            store32(from, 0x0b000000u + i);
        }
        give_udp(v6 ? 6 : 4, (uint16_t)(1024 + i % 60000), 8, 20, (struct twist){ .from = from });
        between(i);
    }
    if (open) {
        ck_assert_uint_eq(b.pub->rx_datagrams + b.pub->rx_dropped, count + 1);
        must(b.pub->rx_dropped > 90000);
        drop(&b);
        heap_before = heap_used();
    } else {
        ck_assert_uint_eq(ctl->stats.udp_no_socket, count);
        ck_assert_uint_eq(ctl->stats.icmp_errors + ctl->stats.icmp_limited, count);
    }
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attacks");
    TCase *tc = link_cases(suite)[0];

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, fragment_flood, 0, 6);
    tcase_add_loop_test(tc, wrong_fragments, 0, 2);
    tcase_add_loop_test(tc, forged_errors, 0, 2);
    tcase_add_test(tc, forged_errors_about_a_connection);
    tcase_add_loop_test(tc, error_bombs, 0, 6);
    tcase_add_loop_test(tc, large_datagrams, 0, 2);
    tcase_add_loop_test(tc, flood_of_sources, 0, 4);
    return run_suite(suite);
}
