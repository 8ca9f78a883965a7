/* SPDX-License-Identifier: MIT */
/* test_udp.c - UDP sockets: their table, and how they end */
#include "dgram_rig.h"

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
    /* The interface is full; its port is free already. */
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
    TCase **both = link_cases(suite), *on_tap = both[0];
    uint32_t i;

    for (i = 0; i < 2; i++) {
        tcase_add_test(both[i], released_with_datagrams_to_send);
        tcase_add_loop_test(both[i], an_interface_that_goes_frees_who_waits_for_it, 0, 2);
        tcase_add_loop_test(both[i], closed_in_every_state, 0, 9);
    }
    tcase_add_test(on_tap, two_sockets_at_one_port);
    tcase_add_test(on_tap, reuse_goes_to_the_newest);
    tcase_add_test(on_tap, random_ports_are_dynamic_and_differ);
    tcase_add_test(on_tap, bad_commands);
    tcase_add_test(on_tap, options);
    tcase_add_test(on_tap, many_sockets_of_one_port_and_many_of_many);
    tcase_add_test(on_tap, no_memory_for_rings);
    return run_suite(suite);
}
