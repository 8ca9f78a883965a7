/* SPDX-License-Identifier: MIT */
/* test_stack_fuzz.c - a hostile guest: random frames, and frames that are almost right
 *
 * Each frame lies alone in the ring with everything behind it poisoned (tap_rig.h). Nothing may
 * crash, read beside a frame, keep memory for good or stop the stack from working; what the app
 * reads may be anything, since an on-path guest can inject it. Datagram sockets of every kind, connected and members of
 * groups, are open all the time.
 */
#include "dgram_rig.h"

#define FRAMES 30000u

static struct app listener, taken[200];
static struct peer peer;
static uint64_t rng;
static uint8_t frame[FRAME_MOST + 64];
static struct app datagrams[5];

static const uint8_t groups4[][4] = { { 224, 0, 0, 1 }, { 224, 1, 1, 1 } };
static const uint8_t groups6[][16] = { { 0xff, 2, [15] = 1 }, { 0xff, 5, [15] = 9 } };

/**
 * open_datagrams() - Open a socket of each kind
 */
static void open_datagrams(void)
{
    struct cmd_socket cmds[] = {
        dg_command(SOCK_UDP, NULL, 7, NULL, 0),
        dg_command(SOCK_UDP, NULL, 8, "10.0.0.2", 1000),
        dg_command(SOCK_UDP, NULL, 9, "fd00::2", 1000),
        dg_command(SOCK_ICMP, NULL, 0, NULL, 0),
        dg_command(SOCK_ICMP6, NULL, 77, NULL, 0),
    };
    uint32_t i;

    for (i = 0; i < 5; i++) {
        cmds[i].rx_max = cmds[i].tx_max = 4096;
        cmds[i].flags |= i == 1 ? DGRAM_DONT_FRAGMENT : 0;
        ck_assert_int_eq(dg_open(&datagrams[i], cmds[i]), 0);
    }
    ck_assert_int_eq(dg_member(CMD_JOIN, &datagrams[0], "224.1.1.1", 0, NULL), 0);
    ck_assert_int_eq(dg_member(CMD_JOIN, &datagrams[0], "ff05::9", 0, NULL), 0);
}

/**
 * setup() - A tap with a listener of both families and a connection
 */
static void setup(void)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "::", 80);

    rig_start(64u << 20, 500);
    tap_start(IFACE_TAP, 1500, 1u << 16);
    cmd.backlog = 20;
    cmd.rx_max = cmd.tx_max = 20000;
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    open_datagrams();
}

/**
 * ip6_header() - Write an IPv6 header, mostly from the peer to the stack
 * @ip: where to
 * @next: next header
 */
static void ip6_header(uint8_t *ip, uint8_t next)
{
    put_ip6(ip, next, 0, rng_below(&rng, 4) ? 255 : 1);
    if (rng_below(&rng, 4) == 0) {
        memcpy(ip + 8, peer_local, 16);
    }
    if (rng_below(&rng, 6) == 0) {
        memcpy(ip + 24, groups6[rng_below(&rng, 2)], 16);
    } else if (rng_below(&rng, 4) == 0) {
        /* All nodes, or our solicited-node address. */
        static const uint8_t solicited[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 },
                             all[16] = { 0xff, 2, [15] = 1 };

        memcpy(ip + 24, rng_below(&rng, 2) ? solicited : all, 16);
    }
}

/**
 * random_options() - TCP options, right or nearly so
 * @to: room for 40 bytes
 *
 * Return: their bytes, a multiple of 4
 */
static uint32_t random_options(uint8_t *to)
{
    static const uint8_t usual[] = {
        2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7
    };
    uint32_t length = rng_below(&rng, 11) * 4;

    seeded_fill(rng_u32(&rng), 0, to, 40);
    if (rng_below(&rng, 2)) {
        memcpy(to, usual, sizeof(usual));
        to[rng_below(&rng, 20)] = (uint8_t)rng_size(&rng, 255);
    }
    return length;
}

/**
 * tcp_segment() - A segment of the connection, or to the listener, with this and that wrong
 * @to: where to
 * @most: bytes of data at the most
 *
 * Return: its bytes
 */
static uint32_t tcp_segment(uint8_t *to, uint32_t most)
{
    static const uint8_t flags[] = { 2, 16, 16, 24, 17, 4, 20, 18, 1, 0, 255 };
    struct peer from = peer;
    uint8_t options[40];
    uint32_t option_length = random_options(options), length = rng_size(&rng, most);

    if (rng_below(&rng, 3) == 0) {
        from.port = (uint16_t)(1000 + rng_below(&rng, 100));
        from.stack_port = rng_below(&rng, 8) ? 80 : 81;
        from.seq = rng_below(&rng, 2) ? 1 : rng_u32(&rng);
    } else {
        from.seq += rng_below(&rng, 3) ? rng_size(&rng, 30000) - 100 : rng_u32(&rng);
        from.ack += rng_below(&rng, 3) ? rng_size(&rng, 3000) - 10 : rng_u32(&rng);
    }
    from.window = (uint16_t)rng_size(&rng, 65535);
    seeded_fill(rng_u32(&rng), 0, to + 20 + option_length, length);
    return put_tcp(to, &from, flags[rng_below(&rng, sizeof(flags))], options, option_length,
                   length);
}

/**
 * udp_datagram() - A datagram for one of the sockets, or nearly so
 * @to: where to
 * @most: bytes of data at the most
 *
 * Return: its bytes; the checksum is 0
 */
static uint32_t udp_datagram(uint8_t *to, uint32_t most)
{
    uint32_t length = 8 + rng_size(&rng, most);

    seeded_fill(rng_u32(&rng), 0, to, length);
    store16(to, 1000 + rng_below(&rng, 2));
    store16(to + 2, 6 + rng_below(&rng, 5));
    store16(to + 4, rng_below(&rng, 8) ? length : rng_size(&rng, 0xffff));
    store16(to + 6, 0);
    return length;
}

/**
 * icmp4_message() - An echo, a reply, or an error about a packet of ours
 * @to: where to
 *
 * Return: its bytes
 */
static uint32_t icmp4_message(uint8_t *to)
{
    static const uint8_t types[] = { 8, 0, 3, 3, 11, 5, 13 };
    uint32_t length = 8 + rng_size(&rng, 1400);

    seeded_fill(rng_u32(&rng), 0, to, length + 48);
    to[0] = types[rng_below(&rng, sizeof(types))];
    to[1] = (uint8_t)rng_below(&rng, 5);
    if (rng_below(&rng, 2)) {
        put_ip4(to + 8, rng_below(&rng, 2) ? UDP : 6, 8, 1, 0);
        memcpy(to + 20, our_ip4, 4);
        memcpy(to + 24, peer_ip4, 4);
        store16(to + 28, 8);
        store16(to + 30, 1000);
        if (to[17] == 6) {
            /* Of our connection, often on the way. */
            store16(to + 28, 80);
            store16(to + 30, 999);
            store32(to + 32, peer.ack + rng_size(&rng, 3000) - 10);
        }
        store16(to + 6, rng_below(&rng, 4) ? rng_size(&rng, 1500) : rng_u32(&rng) & 0xffff);
    }
    store16(to + 2, 0);
    store16(to + 2, sum_fold(sum_add(0, to, length)));
    return length;
}

/**
 * igmp_message() - A query or a report
 * @to: where to
 *
 * Return: its bytes
 */
static uint32_t igmp_message(uint8_t *to)
{
    static const uint8_t types[] = { 0x11, 0x12, 0x16, 0x17, 0x22 };
    uint32_t length = rng_below(&rng, 20);

    seeded_fill(rng_u32(&rng), 0, to, 20);
    to[0] = types[rng_below(&rng, sizeof(types))];
    memcpy(to + 4, groups4[1], rng_below(&rng, 2) ? 4 : 0);
    store16(to + 2, 0);
    store16(to + 2, sum_fold(sum_add(0, to, length)));
    return length;
}

/**
 * icmp6_message() - A message of neighbour discovery, an echo or an error, with random options
 * @to: where to
 *
 * Return: its bytes
 */
static uint32_t icmp6_message(uint8_t *to)
{
    static const uint8_t types[] = { 133, 134, 135, 136, 137, 128, 129, 1,
                                     2,   3,   4,   130, 131, 132, 143, 255 };
    uint32_t length = 8 + rng_size(&rng, 200), at_byte = 24;

    seeded_fill(rng_u32(&rng), 0, to, length + 32);
    to[0] = types[rng_below(&rng, sizeof(types))];
    to[1] = (uint8_t)(rng_below(&rng, 4) ? 0 : rng_u32(&rng));
    if (rng_below(&rng, 4)) {
        memcpy(to + 8,
               rng_below(&rng, 2)   ? our_ip6
               : rng_below(&rng, 2) ? groups6[1]
                                    : peer_ip6,
               16);
        if (to[0] < 5 && rng_below(&rng, 2)) {
            /* An error about a datagram of ours. */
            put_ip6(to + 8, rng_below(&rng, 4) ? UDP : 44, 8, 64);
            memcpy(to + 16, our_ip6, 16);
            memcpy(to + 32, peer_ip6, 16);
            store16(to + 48, 9);
            store16(to + 50, 1000);
            store32(to + 4, rng_below(&rng, 4) ? 1270 + rng_below(&rng, 240) : rng_u32(&rng));
            return length;
        }
        while (at_byte + 8 < length) {
            /* Options of one or two units, or of none or too many. */
            to[at_byte] = (uint8_t)(1 + rng_below(&rng, 5));
            to[at_byte + 1] = (uint8_t)(rng_below(&rng, 8) ? 1 : rng_size(&rng, 255));
            at_byte += 8 * (to[at_byte + 1] ? to[at_byte + 1] : 1);
        }
    }
    return length;
}

/**
 * sum_of_packet() - Make the checksum of a TCP, UDP or ICMP packet right
 * @ip: header
 * @next: protocol
 * @body: what follows the headers
 * @length: its bytes
 */
static void sum_of_packet(uint8_t *ip, uint8_t next, uint8_t *body, uint32_t length)
{
    uint8_t *sum = body + (next == 6 ? 16 : next == UDP ? 6 : 2);

    store16(sum, 0);
    store16(sum, sum_of(ip, next, body, length));
}

static uint32_t ip4_packet(uint8_t *ip)
{
    uint32_t length, kind = rng_below(&rng, 12);
    uint8_t protocol = 6, ttl = 64, to[4];

    if (kind < 4) {
        length = tcp_segment(ip + 20, 1400);
    } else if (kind < 6) {
        length = icmp4_message(ip + 20);
        protocol = 1;
    } else if (kind < 9) {
        length = udp_datagram(ip + 20, 1400);
        protocol = UDP;
    } else if (kind < 10) {
        length = igmp_message(ip + 20);
        protocol = 2;
        ttl = rng_below(&rng, 8) ? 1 : 64;
    } else {
        length = rng_size(&rng, 1480);
        protocol = (uint8_t)rng_u32(&rng);
        seeded_fill(rng_u32(&rng), 0, ip + 20, length);
    }
    put_ip4(ip, protocol, length, rng_below(&rng, 20),
            rng_below(&rng, 4) ? 0 : rng_below(&rng, 2) << 13 | rng_size(&rng, 0x1fff));
    memcpy(to, rng_below(&rng, 4) ? our_ip4 : groups4[rng_below(&rng, 2)], 4);
    if (rng_below(&rng, 16) == 0) {
        to[3] = 255;
    }
    ip[8] = ttl;
    memcpy(ip + 16, to, 4);
    memset(ip + 12, 0, rng_below(&rng, 32) ? 0 : 4);
    store16(ip + 10, 0);
    store16(ip + 10, sum_fold(sum_add(0, ip, 20)));
    return 20 + length;
}

static uint32_t ip6_packet(uint8_t *ip)
{
    uint32_t length, extra = 0;
    static const uint8_t protocols[] = { 6, 6, ICMP6, ICMP6, UDP };
    uint8_t next = protocols[rng_below(&rng, 5)], *body = ip + 40;

    ip6_header(ip, next);
    if (rng_below(&rng, 4) == 0) {
        /* Extension headers: hop by hop, routing, fragment, destination options. */
        static const uint8_t headers[] = { 0, 43, 44, 60 };

        while (extra < 64 && rng_below(&rng, 2)) {
            uint8_t before = ip[6];

            ip[6] = headers[rng_below(&rng, 4)];
            memmove(body + 8, body, extra);
            seeded_fill(rng_u32(&rng), 0, body, 8);
            body[0] = before;
            body[1] = (uint8_t)(rng_below(&rng, 4) ? 0 : rng_size(&rng, 255));
            store16(body + 2, rng_size(&rng, 0xffff));
            body[7] = (uint8_t)rng_below(&rng, 4);
            extra += 8;
        }
    }
    length = next == 6     ? tcp_segment(body + extra, 1300)
             : next == UDP ? udp_datagram(body + extra, 1300)
                           : icmp6_message(body + extra);
    store16(ip + 4, extra + length);
    sum_of_packet(ip, next, body + extra, length);
    return 40 + extra + length;
}

static uint32_t arp_packet(uint8_t *to)
{
    static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };

    seeded_fill(rng_u32(&rng), 0, to, 64);
    memcpy(to, head, sizeof(head));
    to[7] = (uint8_t)(1 + rng_below(&rng, 3));
    memcpy(to + 8, peer_mac, 6);
    store32(to + 14, 0x0a000000u | rng_below(&rng, 256));
    store32(to + 24, 0x0a000000u | rng_below(&rng, 4));
    return 28;
}

/**
 * random_frame() - Make a frame
 *
 * Return: its bytes
 */
static uint32_t random_frame(void)
{
    uint32_t length, kind = rng_below(&rng, 16), i;

    if (kind == 0) {
        length = rng_size(&rng, 1514);
        seeded_fill(rng_u32(&rng), 0, frame, length);
        return length;
    }
    if (kind < 8) {
        length = 14 + ip4_packet(put_link(frame, 0x0800));
    } else if (kind < 15) {
        length = 14 + ip6_packet(put_link(frame, 0x86dd));
    } else {
        length = 14 + arp_packet(put_link(frame, 0x0806));
    }
    if (rng_below(&rng, 8) == 0) {
        memset(frame, rng_below(&rng, 2) ? 0xff : 0x33, 6);
    }
    if (rng_below(&rng, 4) == 0) {
        for (i = 1 + rng_below(&rng, 3); i; i--) {
            frame[12 + rng_below(&rng, length - 12 < 80 ? length - 12 : 80)] =
                (uint8_t)rng_u32(&rng);
        }
    }
    if (rng_below(&rng, 8) == 0) {
        length = rng_below(&rng, length + 1);
    } else if (rng_below(&rng, 8) == 0) {
        length += rng_size(&rng, 46);
    }
    return length < 1514 ? length : 1514;
}

/**
 * tend() - The app goes on: takes connections, writes, closes, releases
 */
static void tend(void)
{
    struct app *one = &taken[rng_below(&rng, 200)], *d = &datagrams[rng_below(&rng, 5)];
    struct abi_datagram record = { .remote =
                                       address(rng_below(&rng, 2) ? "10.0.0.2" : "fd00::2", 1000) };

    while (rng_below(&rng, 4) && dg_take(d) >= 0) {
    }
    dg_put(d, &record, dg_bytes, 8 + rng_size(&rng, 1500));
    if (rng_below(&rng, 16) == 0) {
        dg_member(rng_below(&rng, 2) ? CMD_JOIN : CMD_LEAVE, &datagrams[0],
                  rng_below(&rng, 2) ? "ff05::9" : "224.1.1.1", 0, NULL);
    }
    seeded_fill(rng_u32(&rng), 0, dg_bytes, 64);
    memcpy(&record, dg_bytes, sizeof(record));
    dg_put(d, &record, dg_bytes, rng_size(&rng, 60));

    if (!one->pub) {
        if (rig_accept(one)) {
            one->unchecked = 1;
            one->write_end = rng_size(&rng, 5000);
        }
        return;
    }
    if (rng_below(&rng, 3) == 0) {
        static const uint32_t ends[] = { CMD_SHUTDOWN, CMD_DISCARD, CMD_ABORT };

        rig_cmd(ends[rng_below(&rng, 3)], one->handle, 0);
    }
    if ((one->bits & SOCK_CLOSED) || rng_below(&rng, 3) == 0) {
        app_release(one);
        one->pub = NULL;
    }
}

START_TEST(frames_of_every_length)
{
    uint32_t length, round;

    for (round = 0; round < 4; round++) {
        for (length = 0; length <= 1600; length++) {
            seeded_fill(rng_u32(&rng), 0, frame, 1600);
            if (round) {
                put_link(frame, round == 1 ? 0x0800 : round == 2 ? 0x86dd : 0x0806);
                frame[14] = round == 1 ? 0x45 : 0x60;
            }
            tap_give(frame, length);
        }
        tap_drop_all();
    }
    ck_assert_uint_eq(tap->rx_invalid, 4 * 14);
    ck_assert_uint_eq(tap->rx.bad, 4 * (1600 - 1518));
}
END_TEST

START_TEST(frames_that_are_almost_right)
{
    uint32_t i, used;

    rng = mix64(test_seed + 5000u + (uint64_t)_i);
    memset(taken, 0, sizeof(taken));
    peer_connect(&peer, 999, 80);
    peer_listen(NULL);
    ck_assert_int_eq(rig_accept(&taken[0]), 1);
    taken[0].unchecked = 1;
    taken[0].write_end = 1000000;
    rig_settle();
    for (i = 0; i < FRAMES; i++) {
        tap_give(frame, random_frame());
        if (rng_below(&rng, 8) == 0) {
            tend();
        }
        if (rng_below(&rng, 8) == 0) {
            tap_drop_all();
        }
        if (rng_below(&rng, 100) == 0) {
            rig_pass(rng_size(&rng, 3000));
        }
    }
    /* The app releases everything; in time it is all freed, and the stack works as before. */
    for (i = 0; i < 200; i++) {
        if (taken[i].pub) {
            rig_cmd(CMD_ABORT, taken[i].handle, 0);
            app_release(&taken[i]);
        }
    }
    for (i = 0; i < 1000; i++) {
        while (rig_accept(&taken[0])) {
            rig_cmd(CMD_ABORT, taken[0].handle, 0);
            app_release(&taken[0]);
        }
        rig_pass(1000);
        tap_drop_all();
    }
    for (i = 0; i < 5; i++) {
        app_release(&datagrams[i]);
    }
    rig_settle();
    ck_assert_uint_eq(ctl->stats.sockets, 1);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 0);
    used = heap_used();
    /* lwIP keeps the packets that wait for a router which does not answer: MEMP_NUM_ND6_QUEUE. */
    ck_assert_uint_lt(used, 60000 + 255 * 1600);
    peer_connect(&peer, 998, 80);
    ck_assert_int_eq(rig_accept(&taken[0]), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_fuzz");
    TCase *tc = tcase_create("fuzz");

    tcase_add_checked_fixture(tc, setup, dg_stop);
    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, frames_of_every_length);
    tcase_add_loop_test(tc, frames_that_are_almost_right, 0, 6);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
