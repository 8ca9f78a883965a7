/* SPDX-License-Identifier: MIT */
/* test_udp.c - UDP sockets: their table, datagrams in and out, fragments, full rings, what ends them */
#include "dgram_rig.h"

static struct app a, b, c;

static void setup_tap(void)
{
    dg_start(IFACE_TAP);
}

static void setup_tun(void)
{
    dg_start(IFACE_TUN);
}

/**
 * teardown() - Everything a socket took has to be back, whatever state it ended in
 */
static void teardown(void)
{
    dg_stop();
}

static int open_at(struct app *app, const char *local, uint16_t port, uint32_t flags)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, local, port, NULL, 0);

    cmd.flags |= flags;
    return dg_open(app, cmd);
}

static void drop(struct app *app)
{
    app_release(app);
    rig_settle();
}

static int connect_to(struct app *app, const char *local, uint16_t port, const char *remote,
                      uint16_t remote_port)
{
    return dg_open(app, dg_command(SOCK_UDP, local, port, remote, remote_port));
}

/* --- The table ---------------------------------------------------------------------------------- */

START_TEST(two_sockets_at_one_port)
{
    ck_assert_int_eq(open_at(&a, "10.0.0.1", 7, 0), 0);
    ck_assert_int_eq(open_at(&b, "10.0.0.1", 7, 0), ABI_EADDRINUSE);
    ck_assert_int_eq(open_at(&b, "0.0.0.0", 7, 0), ABI_EADDRINUSE);
    ck_assert_int_eq(open_at(&b, NULL, 7, 0), ABI_EADDRINUSE);
    ck_assert_int_eq(open_at(&b, "10.0.0.1", 7, DGRAM_REUSE), ABI_EADDRINUSE);
    ck_assert_int_eq(open_at(&b, "fd00::1", 7, 0), 0);
    ck_assert_int_eq(open_at(&c, "127.0.0.1", 7, 0), 0);
    drop(&a);
    ck_assert_int_eq(open_at(&a, "10.0.0.1", 7, 0), 0);
}
END_TEST

START_TEST(reuse_goes_to_the_newest)
{
    ck_assert_int_eq(open_at(&a, NULL, 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&b, NULL, 7, DGRAM_REUSE), 0);
    give_udp(4, 9, 7, 10, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&b, 10), 1);
    ck_assert_int_eq(dg_seeded(&a, 10), 0);
    drop(&b);
    give_udp(4, 9, 7, 10, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 10), 1);
}
END_TEST

START_TEST(random_ports_are_dynamic_and_differ)
{
    ck_assert_int_eq(open_at(&a, NULL, 0, 0), 0);
    ck_assert_int_eq(open_at(&b, NULL, 0, 0), 0);
    ck_assert_uint_ge(a.pub->local.port, 49152);
    ck_assert_uint_ge(b.pub->local.port, 49152);
    ck_assert_uint_ne(a.pub->local.port, b.pub->local.port);
}
END_TEST

START_TEST(bad_commands)
{
    struct cmd_socket good = dg_command(SOCK_UDP, NULL, 7, NULL, 0), bad;

    dg_udp(&a, NULL, 7); /* the table of sockets is made */
    drop(&a);
    dg_heap = heap_used();
    bad = good;
    bad.rx_max = 1000;
    ck_assert_int_eq(dg_open(&a, bad), ABI_EINVAL);
    bad = good;
    bad.tx_max = 3000;
    ck_assert_int_eq(dg_open(&a, bad), ABI_EINVAL);
    bad = good;
    bad.tx_max = 1u << 25;
    ck_assert_int_eq(dg_open(&a, bad), ABI_EINVAL);
    bad = good;
    bad.ttl = 0;
    ck_assert_int_eq(dg_open(&a, bad), ABI_EINVAL);
    bad.ttl = 256;
    ck_assert_int_eq(dg_open(&a, bad), ABI_EINVAL);
    bad = good;
    bad.multicast_ttl = 256;
    ck_assert_int_eq(dg_open(&a, bad), ABI_EINVAL);
    bad = good;
    bad.iface = 0x1ffff;
    ck_assert_int_eq(dg_open(&a, bad), ABI_ENODEV);
    bad = good;
    bad.local.family = 9;
    ck_assert_int_eq(dg_open(&a, bad), ABI_EINVAL);
    ck_assert_int_eq(open_at(&a, "10.0.0.9", 7, 0), ABI_EADDRNOTAVAIL);
    ck_assert_int_eq(connect_to(&a, NULL, 0, "10.0.0.2", 0), ABI_EINVAL);
    ck_assert_int_eq(connect_to(&a, NULL, 0, "0.0.0.0", 7), ABI_EINVAL);
    ck_assert_int_eq(connect_to(&a, "10.0.0.1", 0, "fd00::2", 7), ABI_EINVAL);
    ck_assert_int_eq(connect_to(&a, NULL, 0, "192.0.2.1", 7), ABI_EHOSTUNREACH);
    bad = dg_command(SOCK_UDP, NULL, 0, "fe80::2", 7);
    bad.remote.zone = 0x1ffff;
    ck_assert_int_eq(dg_open(&a, bad), ABI_ENODEV);
    ck_assert_int_eq(dg_open(&a, dg_command(SOCK_KINDS, NULL, 7, NULL, 0)), ABI_EINVAL);
    ck_assert_int_eq(dg_open(&a, dg_command(SOCK_ICMP, "fd00::1", 7, NULL, 0)), ABI_EINVAL);
    ck_assert_uint_eq(ctl->stats.sockets, 0);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 0);
    ck_assert_uint_eq(heap_used(), dg_heap);
}
END_TEST

START_TEST(options)
{
    struct cmd_option cmd = { .cmd.op = CMD_SET_OPTION };
    static const int wanted[][3] = {
        { OPTION_TTL, 0, ABI_EINVAL },  { OPTION_TTL, 256, ABI_EINVAL },
        { OPTION_TTL, 9, 0 },           { OPTION_MULTICAST_TTL, 256, ABI_EINVAL },
        { OPTION_MULTICAST_TTL, 0, 0 }, { OPTION_NODELAY, 1, ABI_EINVAL },
    };
    uint32_t i;

    dg_udp(&a, NULL, 7);
    for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        cmd.cmd.handle = a.handle;
        cmd.option = (uint32_t)wanted[i][0];
        cmd.cmd.value = (uint32_t)wanted[i][1];
        ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), wanted[i][2]);
    }
    dg_send(&a, "10.0.0.2", 9, 5);
    take_udp(7, 9, 5);
    ck_assert_uint_eq(sent.ttl, 9);
}
END_TEST

#define MANY 3000u

START_TEST(many_sockets_of_one_port_and_many_of_many)
{
    static struct app many[MANY];
    struct cmd_socket cmd;
    uint32_t i;

    cmd = dg_command(SOCK_UDP, "10.0.0.1", 7, NULL, 0);
    cmd.flags |= DGRAM_REUSE;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    for (i = 0; i < MANY; i++) {
        struct app *app = &many[i];

        cmd = i & 1 ? dg_command(SOCK_UDP, "10.0.0.1", 7, "10.0.0.2", (uint16_t)(1 + i))
                    : dg_command(SOCK_UDP, "10.0.0.1", (uint16_t)(1000 + i), NULL, 0);
        cmd.flags |= DGRAM_REUSE;
        cmd.tx_max = cmd.rx_max = 2048;
        must(dg_open(app, cmd) == 0);
        app_forget(app); /* the rig has room for fewer */
    }
    for (i = 0; i < MANY; i += 7) {
        give_udp(4, i & 1 ? (uint16_t)(1 + i) : 5, i & 1 ? 7 : (uint16_t)(1000 + i), 10,
                 (struct twist){ 0 });
        ck_assert_int_eq(dg_seeded(&many[i], 10), 1);
    }
    /* One of none of the peers gets to the socket that has none. */
    give_udp(4, 60000, 7, 10, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 10), 1);
    for (i = 0; i < MANY; i += 2) {
        rig_cmd(CMD_RELEASE, many[i].handle, 0);
    }
    rig_settle();
    give_udp(4, 5, 1000, 10, (struct twist){ 0 });
    ck_assert_uint_eq(ctl->stats.udp_no_socket, 1);
    for (i = 1; i < MANY; i += 2) {
        give_udp(4, (uint16_t)(1 + i), 7, 10, (struct twist){ 0 });
        must(dg_seeded(&many[i], 10) == 1);
        tap_drop_all();
    }
}
END_TEST

START_TEST(no_memory_for_rings)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    uint32_t blocks[64], count = 0, size = 1u << 24;

    dg_udp(&a, NULL, 8);
    while (size >= 1u << 11) {
        uint32_t block = arena_alloc(size, rig_config.owner + 1);

        if (block && count < 64) {
            blocks[count++] = block;
        } else {
            size /= 2;
        }
    }
    cmd.tx_max = 1u << 20;
    ck_assert_int_eq(dg_open(&b, cmd), ABI_ENOMEM);
    give_udp(4, 9, 8, 10, (struct twist){ 0 });
    ck_assert_uint_eq(a.pub->rx_dropped, 1);
    ck_assert_uint_eq(ctl->stats.sockets, 1);
    while (count) {
        arena_free(blocks[--count]);
    }
    ck_assert_int_eq(dg_open(&b, cmd), 0);
    give_udp(4, 9, 8, 10, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 10), 1);
}
END_TEST

/* --- In ----------------------------------------------------------------------------------------- */

START_TEST(received)
{
    int family = _i ? 6 : 4;

    dg_udp(&a, NULL, 7);
    give_udp(family, 9, 7, 0, (struct twist){ .ttl = 33 });
    give_udp(family, 9, 7, 1, (struct twist){ 0 });
    give_udp(family, 9, 7, 1452, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 0), 1);
    ck_assert_uint_eq(dg_record.ttl, 33);
    ck_assert_uint_eq(dg_record.iface, tap->handle);
    ck_assert_uint_eq(dg_record.remote.family, (uint8_t)family);
    ck_assert_uint_eq(dg_record.remote.port, 9);
    ck_assert_uint_eq(dg_record.remote.zone, 0);
    ck_assert_mem_eq(dg_record.remote.bytes, _i ? peer_ip6 : peer_ip4, _i ? 16 : 4);
    ck_assert_uint_eq(dg_record.local.port, 7);
    ck_assert_mem_eq(dg_record.local.bytes, _i ? our_ip6 : our_ip4, _i ? 16 : 4);
    ck_assert_int_eq(dg_seeded(&a, 1), 1);
    ck_assert_int_eq(dg_seeded(&a, 1452), 1);
    ck_assert_uint_eq(a.pub->rx_datagrams, 3);
    ck_assert_uint_eq(a.pub->rx_bytes, 1453);
}
END_TEST

START_TEST(checksums)
{
    int family = _i ? 6 : 4;

    dg_udp(&a, NULL, 7);
    give_udp(family, 9, 7, 11, (struct twist){ .wrong_sum = 1 });
    ck_assert_uint_eq(ctl->stats.udp_invalid, 1);
    give_udp(family, 9, 7, 11, (struct twist){ .no_sum = 1 });
    ck_assert_int_eq(dg_seeded(&a, 11), family == 4);
    ck_assert_uint_eq(ctl->stats.udp_invalid, family == 4 ? 1 : 2);
    give_udp(family, 9, 7, 11, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 11), 1);
    ck_assert_int_eq(dg_take(&a), -1);
}
END_TEST

START_TEST(lengths_that_lie)
{
    uint8_t udp[40] = { 0, 9, 0, 7 };
    int family = _i ? 6 : 4;
    uint32_t claimed;

    dg_udp(&a, NULL, 7);
    for (claimed = 0; claimed < 60; claimed++) {
        store16(udp + 4, claimed);
        /* The checksum is that of the length that is claimed, so that it is the length that is looked at. */
        store16(udp + 6, 0);
        if (claimed >= 8 && claimed <= 40) {
            uint8_t ip[60];

            if (family == 4) {
                put_ip4(ip, UDP, 0, 0, 0);
            } else {
                put_ip6(ip, UDP, 0, 64);
            }
            store16(udp + 6, sum_of(ip, UDP, udp, claimed));
        }
        give(family, UDP, udp, sizeof(udp), (struct twist){ .as_it_is = 1 });
        ck_assert_int_eq(dg_take(&a), claimed >= 8 && claimed <= 40 ? (int)claimed - 8 : -1);
    }
    for (claimed = 0; claimed < 8; claimed++) {
        give(family, UDP, udp, claimed, (struct twist){ .as_it_is = 1 });
        ck_assert_int_eq(dg_take(&a), -1);
    }
    ck_assert_uint_eq(ctl->stats.udp_invalid, 8 + 19 + 8);
}
END_TEST

START_TEST(the_best_socket_gets_it)
{
    struct cmd_socket cmd;

    ck_assert_int_eq(open_at(&a, NULL, 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&b, "10.0.0.1", 7, DGRAM_REUSE), 0);
    cmd = dg_command(SOCK_UDP, "10.0.0.1", 7, "10.0.0.2", 9);
    cmd.flags |= DGRAM_REUSE;
    ck_assert_int_eq(dg_open(&c, cmd), 0);
    give_udp(4, 9, 7, 3, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&c, 3), 1);
    give_udp(4, 10, 7, 3, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&b, 3), 1);
    give_udp(6, 9, 7, 3, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 3), 1);
    ck_assert_int_eq(dg_take(&a) + dg_take(&b) + dg_take(&c), -3);
}
END_TEST

START_TEST(broadcast_comes_to_all)
{
    static const uint8_t all[4] = { 255, 255, 255, 255 }, subnet[4] = { 10, 0, 0, 255 };

    ck_assert_int_eq(open_at(&a, NULL, 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&b, "0.0.0.0", 7, DGRAM_REUSE), 0);
    ck_assert_int_eq(open_at(&c, "10.0.0.1", 7, DGRAM_REUSE), 0);
    give_udp(4, 9, 7, 3, (struct twist){ .to = all });
    give_udp(4, 9, 7, 3, (struct twist){ .to = subnet });
    ck_assert_int_eq(dg_seeded(&a, 3) + dg_seeded(&a, 3) + dg_seeded(&b, 3) + dg_seeded(&b, 3), 4);
    ck_assert_int_eq(dg_take(&c), -1);
    /* Nobody answers one that nobody listens for. */
    give_udp(4, 9, 8, 3, (struct twist){ .to = subnet });
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(ctl->stats.udp_no_socket, 1);
}
END_TEST

START_TEST(nobody_listens)
{
    int family = _i ? 6 : 4;
    static const uint8_t nowhere[4], group[4] = { 224, 1, 2, 3 };

    give_udp(family, 9, 7, 30, (struct twist){ 0 });
    must(take_packet());
    ck_assert_uint_eq(sent.proto, family == 4 ? 1 : ICMP6);
    ck_assert_uint_eq(sent.body[0], family == 4 ? 3 : 1);
    ck_assert_uint_eq(sent.body[1], family == 4 ? 3 : 4);
    ck_assert_uint_eq(load16(sent.body + 8 + (family == 4 ? 22 : 42)), 7);
    ck_assert_uint_eq(ctl->stats.udp_no_socket, 1);
    if (family == 4) {
        /* No error is sent to no address, nor is anything taken from a group. */
        give_udp(4, 9, 7, 30, (struct twist){ .from = nowhere });
        give_udp(4, 9, 7, 30, (struct twist){ .from = group });
        ck_assert_int_eq(take_packet(), 0);
    }
}
END_TEST

START_TEST(errors_are_limited)
{
    uint32_t i, errors = 0;

    for (i = 0; i < 500; i++) {
        give_udp(4, 9, 7, 3, (struct twist){ 0 });
        errors += (uint32_t)take_packet();
    }
    ck_assert_uint_eq(errors, 50);
    rig_now += 10;
    for (i = 0; i < 500; i++) {
        static const uint8_t unknown[8] = { 1 };

        give(i & 1 ? 4 : 6, 200, unknown, 8, (struct twist){ .as_it_is = 1 });
        errors += (uint32_t)take_packet();
    }
    ck_assert_uint_eq(errors, 60);
}
END_TEST

START_TEST(packets_from_nowhere)
{
    static const uint8_t nowhere[4];
    uint8_t echo[8] = { 8 }, tcp[20] = { 0 };
    struct peer from = { .port = 5, .stack_port = 80 };
    struct app listener;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)), 0);
    give(4, 1, echo, sizeof(echo), (struct twist){ .from = nowhere });
    put_tcp(tcp, &from, TCP_SYN_FLAG, NULL, 0, 0);
    store16(tcp + 16, sum_fold(0xffff - load16(tcp + 16) + 0xffff - 0x0a00 + 0xffff - 2));
    give(4, 6, tcp, sizeof(tcp), (struct twist){ .from = nowhere, .as_it_is = 1 });
    ck_assert_int_eq(take_packet(), 0);
    /* That of a client without an address is taken. */
    dg_udp(&a, NULL, 67);
    give_udp(4, 68, 67, 5, (struct twist){ .from = nowhere });
    ck_assert_int_eq(dg_seeded(&a, 5), 1);
    app_release(&listener);
}
END_TEST

START_TEST(rx_full_drops_the_newest)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    uint32_t i, got = 0;

    cmd.rx_max = 2048;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    for (i = 0; i < 50; i++) {
        give_udp(4, (uint16_t)(100 + i), 7, 100, (struct twist){ 0 });
    }
    ck_assert_uint_eq(a.pub->rx_datagrams + a.pub->rx_dropped, 50);
    ck_assert_uint_gt(a.pub->rx_dropped, 30);
    while (dg_seeded(&a, 100)) {
        ck_assert_uint_eq(dg_record.remote.port, 100 + got++);
    }
    ck_assert_uint_eq(got, a.pub->rx_datagrams);
    /* One that never fits is dropped too. */
    give_udp(4, 9, 7, 1400, (struct twist){ 0 });
    ck_assert_int_eq(dg_take(&a), -1);
    give_udp(4, 9, 7, 100, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&a, 100), 1);
}
END_TEST

/* --- Out ---------------------------------------------------------------------------------------- */

START_TEST(sent_and_connected)
{
    int family = _i ? 6 : 4;
    const char *peer = _i ? "fd00::2" : "10.0.0.2";
    uint32_t length;

    dg_udp(&a, NULL, 7);
    for (length = 0; length < 1400; length += 77) {
        dg_send(&a, peer, 9, length);
        take_udp(7, 9, length);
        ck_assert_mem_eq(sent.bytes + (_i ? 8 : 12), _i ? our_ip6 : our_ip4, _i ? 16 : 4);
        ck_assert_uint_eq(sent.ttl, 64);
    }
    dg_send(&a, NULL, 0, 5);
    dg_send(&a, peer, 0, 5);
    ck_assert_uint_eq(a.pub->tx_dropped, 2);
    ck_assert_int_eq(connect_to(&b, NULL, 8, peer, 9), 0);
    ck_assert_mem_eq(b.pub->local.bytes, _i ? our_ip6 : our_ip4, _i ? 16 : 4);
    dg_send(&b, NULL, 0, 5);
    take_udp(8, 9, 5);
    give_udp(family, 9, 8, 6, (struct twist){ 0 });
    ck_assert_int_eq(dg_seeded(&b, 6), 1);
    give_udp(family, 10, 8, 6, (struct twist){ 0 });
    ck_assert_int_eq(dg_take(&b), -1);
    ck_assert_uint_eq(b.pub->tx_datagrams, 1);
    ck_assert_uint_eq(b.pub->tx_bytes, 5);
}
END_TEST

START_TEST(records_that_are_wrong)
{
    struct abi_datagram record = { .remote = address("10.0.0.2", 9) };
    uint8_t *to;

    dg_udp(&a, NULL, 7);
    record.remote.family = 77;
    must(dg_put(&a, &record, "x", 1));
    record.remote = address("10.0.0.2", 9);
    record.local.family = 5;
    must(dg_put(&a, &record, "x", 1));
    record.local = address("10.0.0.9", 0);
    must(dg_put(&a, &record, "x", 1));
    record.local = address("fd00::1", 0);
    must(dg_put(&a, &record, "x", 1));
    memset(&record.local, 0, sizeof(record.local));
    record.iface = 0x1ffff;
    must(dg_put(&a, &record, "x", 1));
    record.iface = 0;
    record.remote.zone = 77;
    must(dg_put(&a, &record, "x", 1));
    record.remote = address("192.0.2.1", 9);
    must(dg_put(&a, &record, "x", 1));
    must(frame_reserve(&a.tx, 20, &to) == 0);
    memset(to, 2, 20);
    must(frame_submit(&a.tx, 20) == 0);
    rig_settle();
    ck_assert_uint_eq(a.pub->tx_dropped, 8);
    ck_assert_int_eq(take_packet(), 0);
    record.remote = address("10.0.0.2", 9);
    record.local = address("10.0.0.1", 0);
    record.ttl = 3;
    seeded_fill(9, 0, dg_bytes, 1);
    must(dg_put(&a, &record, dg_bytes, 1));
    take_udp(7, 9, 1);
    ck_assert_uint_eq(sent.ttl, 3);
}
END_TEST

START_TEST(to_ourselves_from_ourselves)
{
    const char *own[] = { "10.0.0.1", "127.0.0.1", "fd00::1", "::1" };

    dg_udp(&a, NULL, 7);
    dg_udp(&b, NULL, 8);
    dg_send(&b, own[_i], 7, 33);
    ck_assert_int_eq(dg_seeded(&a, 33), 1);
    ck_assert_mem_eq(dg_record.remote.bytes, address(own[_i], 0).bytes, 16);
    ck_assert_mem_eq(dg_record.local.bytes, address(own[_i], 0).bytes, 16);
    ck_assert_int_eq(connect_to(&c, NULL, 0, own[_i], 7), 0);
    dg_send(&c, NULL, 0, 34);
    ck_assert_int_eq(dg_seeded(&a, 34), 1);
    ck_assert_int_eq(take_packet(), 0);
}
END_TEST

START_TEST(large_datagrams_over_loopback)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    const char *own = _i ? "fd00::1" : "10.0.0.1";
    uint32_t most = _i ? UDP_MOST_IPV6 : UDP_MOST;

    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_udp(&b, NULL, 8);
    dg_send(&b, own, 7, most);
    ck_assert_int_eq(dg_seeded(&a, most), 1);
    dg_send(&b, own, 7, most + 1);
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_uint_eq(b.pub->tx_dropped, 1);
}
END_TEST

/**
 * take_fragments() - Take the fragments of a datagram and put it together
 *
 * Return: bytes of UDP, header included
 */
static uint32_t take_fragments(uint8_t *to)
{
    uint32_t got = 0, more = 1;

    while (more) {
        uint32_t at, v6;
        const uint8_t *data;

        must(take_packet());
        v6 = sent.bytes[0] >> 4 == 6;
        must(sent.length <= 1500);
        if (v6) {
            must(sent.proto == 44 && sent.body[0] == UDP);
            at = load16(sent.body + 2) & 0xfff8;
            more = load16(sent.body + 2) & 1;
            data = sent.body + 8;
        } else {
            at = (load16(sent.bytes + 6) & 0x1fff) * 8;
            more = load16(sent.bytes + 6) & 0x2000;
            data = sent.body;
        }
        must(at == got);
        memcpy(to + at, data, sent.length - (uint32_t)(data - sent.bytes));
        got += sent.length - (uint32_t)(data - sent.bytes);
    }
    return got;
}

START_TEST(fragments_out)
{
    const char *peer = _i ? "fd00::2" : "10.0.0.2";
    static uint8_t udp[70000];
    uint32_t length;

    dg_udp(&a, NULL, 7);
    dg_send(&a, peer, 9, 1); /* the next hop is found first */
    take_udp(7, 9, 1);
    for (length = 1500; length < 20000; length += 3001) {
        dg_send(&a, peer, 9, length);
        ck_assert_uint_eq(take_fragments(udp), 8 + length);
        ck_assert_uint_eq(load16(udp + 4), 8 + length);
        ck_assert_uint_eq(seeded_differs(9, 0, udp + 8, length), 0);
        ck_assert_int_eq(take_packet(), 0);
    }
}
END_TEST

START_TEST(dont_fragment)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);

    cmd.flags |= DGRAM_DONT_FRAGMENT;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_udp(&b, NULL, 8);
    dg_send(&a, "10.0.0.2", 9, 1472);
    take_udp(7, 9, 1472);
    ck_assert_uint_eq(load16(sent.bytes + 6), 0x4000);
    dg_send(&a, "10.0.0.2", 9, 1473);
    dg_send(&a, "fd00::2", 9, 1453);
    ck_assert_uint_eq(a.pub->tx_dropped, 2);
    dg_send(&a, "fd00::2", 9, 1452);
    take_udp(7, 9, 1452);
    /* Others do not have the flag, nor the interface's output that sets it. */
    dg_send(&b, "10.0.0.2", 9, 10);
    take_udp(8, 9, 10);
    ck_assert_uint_eq(load16(sent.bytes + 6), 0);
}
END_TEST

START_TEST(fragments_in)
{
    static uint8_t udp[9000], frame[1600];
    uint8_t ip[60];
    uint32_t at, lost = _i % 2, v6 = _i >= 2, header = v6 ? 48 : 20, length = 8000;

    dg_udp(&a, NULL, 7);
    store16(udp, 9);
    store16(udp + 2, 7);
    store16(udp + 4, 8 + length);
    seeded_fill(9, 0, udp + 8, length);
    if (v6) {
        put_ip6(ip, UDP, 0, 64);
    } else {
        put_ip4(ip, UDP, 0, 0, 0);
    }
    store16(udp + 6, sum_of(ip, UDP, udp, 8 + length));
    for (at = 0; at < 8 + length; at += 1440) {
        uint32_t bytes = 8 + length - at < 1440 ? 8 + length - at : 1440,
                 more = at + bytes < 8 + length;
        uint8_t *packet = put_link(frame, v6 ? 0x86dd : 0x0800);

        if (lost && at == 1440) {
            continue;
        }
        if (v6) {
            put_ip6(packet, 44, 8 + bytes, 64);
            memset(packet + 40, 0, 8);
            packet[40] = UDP;
            store16(packet + 42, at | more);
            store32(packet + 44, 77);
        } else {
            put_ip4(packet, UDP, bytes, 77, at / 8 | more << 13);
        }
        memcpy(packet + header, udp + at, bytes);
        tap_give(frame, tap_link + header + bytes);
    }
    ck_assert_int_eq(dg_seeded(&a, length), !lost);
    rig_pass(70000);
    ck_assert_int_eq(dg_take(&a), -1);
}
END_TEST

START_TEST(a_full_interface_loses_nothing)
{
    struct abi_datagram record = { .remote = address(_i ? "fd00::2" : "10.0.0.2", 9) };
    static uint8_t udp[70000];
    uint32_t i, put = 0, got = 0;

    dg_udp(&a, NULL, 7);
    dg_send(&a, _i ? "fd00::2" : "10.0.0.2", 9, 1);
    take_udp(7, 9, 1);
    for (i = 0; i < 60; i++) {
        uint32_t length = i % 3 ? 1000 : 5000;

        memset(dg_bytes, (int)i, length);
        put += (uint32_t)dg_put(&a, &record, dg_bytes, length);
    }
    ck_assert_uint_eq(put, 60);
    rig_settle();
    ck_assert_uint_lt(a.pub->tx_datagrams, 61);
    ck_assert_uint_gt(tap->tx_blocked, 0);
    for (i = 0; i < 60; i++) {
        uint32_t length = i % 3 ? 1000 : 5000;

        if (length > 1400) {
            must(take_fragments(udp) == 8 + length);
        } else {
            must(take_packet() && sent.body_length == 8 + length);
            memcpy(udp, sent.body, 8 + length);
        }
        for (got = 0; got < length; got++) {
            must(udp[8 + got] == i);
        }
    }
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(a.pub->tx_datagrams, 61);
    ck_assert_uint_eq(a.pub->tx_dropped, 0);
    ck_assert_uint_eq(tap->tx_lost, 0);
}
END_TEST

START_TEST(what_never_fits_is_refused)
{
    dg_udp(&a, NULL, 7);
    dg_send(&a, "10.0.0.2", 9, 1);
    take_udp(7, 9, 1);
    /* Its fragments take more than the 64 KiB of the interface's ring. */
    dg_send(&a, "10.0.0.2", 9, 65000);
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
    ck_assert_int_eq(take_packet(), 0);
    dg_send(&a, "10.0.0.2", 9, 100);
    take_udp(7, 9, 100);
}
END_TEST

START_TEST(nobody_at_the_interface)
{
    tap->listening = 0;
    dg_udp(&a, NULL, 7);
    dg_send(&a, "10.0.0.2", 9, 100);
    dg_send(&a, "10.0.0.2", 9, 5000);
    ck_assert_uint_eq(a.pub->tx_datagrams, 2);
    ck_assert_int_eq(take_packet(), 0);
}
END_TEST

START_TEST(the_next_hop_is_not_known_yet)
{
    struct abi_datagram record = { .remote = address(_i ? "fd00::2" : "10.0.0.2", 9) };
    uint32_t i;

    dg_udp(&a, NULL, 7);
    seeded_fill(9, 0, dg_bytes, 500);
    for (i = 0; i < 20; i++) {
        must(dg_put(&a, &record, dg_bytes, 500));
    }
    rig_settle();
    /* They were copied: the ring may be written over. */
    memset(at(a.pub->tx.buf[0]), 0xee, 20000);
    for (i = 0; i < 20; i++) {
        take_udp(7, 9, 500);
    }
}
END_TEST

START_TEST(broadcast_out)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

    dg_udp(&b, NULL, 9);
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_send(&a, "255.255.255.255", 9, 20);
    take_udp(7, 9, 20);
    ck_assert_mem_eq(sent.link, all, 6);
    ck_assert_int_eq(dg_seeded(&b, 20), 1);
    dg_send(&a, "10.0.0.255", 9, 20);
    take_udp(7, 9, 20);
    ck_assert_mem_eq(sent.link, all, 6);
    ck_assert_int_eq(dg_seeded(&b, 20), 1);
    ck_assert_int_eq(dg_seeded(&b, 20), 0);
    drop(&a);
    cmd.flags = 0;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_send(&a, "255.255.255.255", 9, 20);
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
}
END_TEST

START_TEST(an_interface_without_an_address)
{
    struct cmd_iface plain = iface_command(IFACE_TAP, 1500, NULL, NULL);
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 68, NULL, 0);
    static const uint8_t given[4] = { 192, 0, 2, 7 }, server[4] = { 192, 0, 2, 1 },
                         all[4] = { 255, 255, 255, 255 };
    uint8_t short_udp[3] = { 0, 67, 0 };

    plain.ring_size = 1u << 16;
    tap = rig_iface(plain);
    tap->listening = 1;
    producer_init(&tap_rx, &tap->rx);
    consumer_init(&tap_tx, &tap->tx);
    cmd.iface = tap->handle;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    dg_send(&a, "255.255.255.255", 67, 30);
    take_udp(68, 67, 30);
    ck_assert_mem_eq(sent.bytes + 12, "\0\0\0\0", 4);
    give_udp(4, 67, 68, 31, (struct twist){ .from = server, .to = given });
    give_udp(4, 67, 68, 32, (struct twist){ .from = server, .to = all });
    ck_assert_int_eq(dg_seeded(&a, 31) + dg_seeded(&a, 32), 2);
    give_udp(4, 67, 69, 31, (struct twist){ .from = server, .to = given });
    give(4, UDP, short_udp, 3, (struct twist){ .from = server, .to = given });
    give(4, UDP, short_udp, 0, (struct twist){ .from = server, .to = given });
    give_udp(4, 67, 68, 31, (struct twist){ .from = all, .to = given });
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_int_eq(take_packet(), 0);
}
END_TEST

START_TEST(to_a_given_mac)
{
    struct abi_datagram record = { .remote = address("10.0.0.77", 68), .flags = DATAGRAM_LINK };
    static const uint8_t mac[6] = { 2, 4, 6, 8, 10, 12 };

    dg_udp(&a, NULL, 67);
    memcpy(record.link, mac, 6);
    seeded_fill(9, 0, dg_bytes, 40);
    must(dg_put(&a, &record, dg_bytes, 40));
    take_udp(67, 68, 40);
    if (tap_link) {
        ck_assert_mem_eq(sent.link, mac, 6);
        ck_assert_mem_eq(sent.link + 6, our_mac, 6);
    }
    dg_send(&a, "10.0.0.2", 9, 10);
    take_udp(67, 9, 10);
    ck_assert_mem_eq(sent.link, peer_mac, tap_link ? 6 : 0);
}
END_TEST

/* --- Ends --------------------------------------------------------------------------------------- */

START_TEST(released_with_datagrams_to_send)
{
    struct abi_datagram record = { .remote = address("10.0.0.2", 9) };
    uint32_t i, put = 0;

    dg_udp(&a, NULL, 7);
    dg_send(&a, "10.0.0.2", 9, 1);
    take_udp(7, 9, 1);
    while (dg_put(&a, &record, dg_bytes, 200)) {
        put++;
    }
    ck_assert_uint_gt(put, 512);
    app_release(&a);
    rig_settle();
    /* The interface is full; its port is free meanwhile. */
    ck_assert_uint_eq(ctl->stats.sockets, 1);
    dg_udp(&b, NULL, 7);
    for (i = 0; i < put; i++) {
        must(take_packet());
    }
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(ctl->stats.sockets, 1);
}
END_TEST

START_TEST(an_interface_that_goes_frees_who_waits_for_it)
{
    struct abi_datagram record = { .remote = address("10.0.0.2", 9) };
    struct cmd remove = { .op = CMD_IFACE_REMOVE, .handle = tap->handle };
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 8, NULL, 0);

    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(open_at(&b, "10.0.0.1", 9, 0), 0);
    cmd.iface = tap->handle;
    ck_assert_int_eq(dg_open(&c, cmd), 0);
    dg_send(&a, "10.0.0.2", 9, 1);
    take_udp(7, 9, 1);
    while (dg_put(&a, &record, dg_bytes, 1000)) {
    }
    rig_settle();
    ck_assert_uint_gt(tap->tx_blocked, 0);
    if (_i) {
        app_release(&a); /* an orphan that waits */
    }
    ck_assert_int_eq(rig_call(&remove, sizeof(remove)), 0);
    rig_settle();
    ck_assert_int_eq(b.error, ABI_EADDRNOTAVAIL);
    ck_assert_int_eq(c.error, ABI_ENODEV);
    must(app_closed(&b) && app_closed(&c));
    if (_i) {
        ck_assert_uint_eq(ctl->stats.sockets, 2);
    } else {
        must(!app_closed(&a));
        ck_assert_uint_gt(a.pub->tx_dropped, 100);
        ck_assert_uint_eq(atomic_load(&a.pub->tx.head), a.tx.tail);
        dg_udp(&b, NULL, 10);
        dg_send(&a, "127.0.0.1", 10, 50);
        ck_assert_int_eq(dg_seeded(&b, 50), 1);
    }
}
END_TEST

START_TEST(closed_in_every_state)
{
    struct abi_datagram record = { .remote = address("10.0.0.2", 9) };
    uint32_t state = (uint32_t)_i / 3, end = (uint32_t)_i % 3;

    dg_udp(&a, NULL, 7);
    if (state >= 1) {
        give_udp(4, 9, 7, 10, (struct twist){ 0 });
        ck_assert_int_eq(dg_member(CMD_JOIN, &a, "224.1.1.1", 0, NULL), 0);
    }
    if (state >= 2) {
        tap_drop_all();
        dg_send(&a, "10.0.0.2", 9, 1);
        take_udp(7, 9, 1);
        while (dg_put(&a, &record, dg_bytes, 1000)) {
        }
        rig_settle();
    }
    if (end == 0) {
        app_release(&a);
        rig_settle();
        while (take_packet()) {
        }
    } else {
        rig_cmd(CMD_ABORT, a.handle, 0);
        rig_settle();
        must(app_closed(&a));
        ck_assert_int_eq(a.error, ABI_ECONNABORTED);
        ck_assert_int_eq(dg_member(CMD_JOIN, &a, "224.1.1.1", 0, NULL), ABI_EBADF);
        rig_cmd(CMD_ABORT, a.handle, 0);
        rig_cmd(CMD_KICK, a.handle, 0);
        rig_settle();
        if (end == 2) {
            return; /* the stack closes with it */
        }
        app_release(&a);
    }
    rig_settle();
    ck_assert_uint_eq(ctl->stats.sockets, 0);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("udp");
    TCase *table = tcase_create("table"), *tap_case = tcase_create("tap"),
          *tun_case = tcase_create("tun");
    TCase *both[] = { tap_case, tun_case };
    uint32_t i;

    tcase_add_checked_fixture(table, setup_tap, teardown);
    tcase_add_checked_fixture(tap_case, setup_tap, teardown);
    tcase_add_checked_fixture(tun_case, setup_tun, teardown);
    tcase_set_timeout(table, 60);
    tcase_add_test(table, two_sockets_at_one_port);
    tcase_add_test(table, reuse_goes_to_the_newest);
    tcase_add_test(table, random_ports_are_dynamic_and_differ);
    tcase_add_test(table, bad_commands);
    tcase_add_test(table, options);
    tcase_add_test(table, many_sockets_of_one_port_and_many_of_many);
    tcase_add_test(table, no_memory_for_rings);
    for (i = 0; i < 2; i++) {
        tcase_set_timeout(both[i], 60);
        tcase_add_loop_test(both[i], received, 0, 2);
        tcase_add_loop_test(both[i], checksums, 0, 2);
        tcase_add_loop_test(both[i], lengths_that_lie, 0, 2);
        tcase_add_test(both[i], the_best_socket_gets_it);
        tcase_add_loop_test(both[i], nobody_listens, 0, 2);
        tcase_add_test(both[i], errors_are_limited);
        tcase_add_test(both[i], packets_from_nowhere);
        tcase_add_test(both[i], rx_full_drops_the_newest);
        tcase_add_loop_test(both[i], sent_and_connected, 0, 2);
        tcase_add_test(both[i], records_that_are_wrong);
        tcase_add_loop_test(both[i], to_ourselves_from_ourselves, 0, 4);
        tcase_add_loop_test(both[i], fragments_out, 0, 2);
        tcase_add_test(both[i], dont_fragment);
        tcase_add_loop_test(both[i], fragments_in, 0, 4);
        tcase_add_loop_test(both[i], a_full_interface_loses_nothing, 0, 2);
        tcase_add_test(both[i], what_never_fits_is_refused);
        tcase_add_test(both[i], nobody_at_the_interface);
        tcase_add_test(both[i], to_a_given_mac);
        tcase_add_test(both[i], released_with_datagrams_to_send);
        tcase_add_loop_test(both[i], an_interface_that_goes_frees_who_waits_for_it, 0, 2);
        tcase_add_loop_test(both[i], closed_in_every_state, 0, 9);
        suite_add_tcase(suite, both[i]);
    }
    tcase_add_loop_test(tap_case, large_datagrams_over_loopback, 0, 2);
    tcase_add_test(tap_case, broadcast_comes_to_all);
    tcase_add_loop_test(tap_case, the_next_hop_is_not_known_yet, 0, 2);
    tcase_add_test(tap_case, broadcast_out);
    tcase_add_test(tap_case, an_interface_without_an_address);
    suite_add_tcase(suite, table);
    return run_suite(suite);
}
