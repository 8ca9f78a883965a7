/* SPDX-License-Identifier: MIT */
/* test_stack_close.c - how connections end: every order, every command, and what is left of them */
#include "stack_rig.h"

static struct app server, client, listener;
static uint32_t base_heap, base_rings, base_free;

/**
 * note_memory() - Remember what is in use now
 */
static void note_memory(void)
{
    heap_trim();
    base_heap = heap_used();
    base_rings = ctl->stats.ring_bytes;
    base_free = rig_arena()->free_bytes;
}

/**
 * expect_memory() - As much is in use as when it was noted
 */
static void expect_memory(void)
{
    heap_trim();
    ck_assert_uint_eq(heap_used(), base_heap);
    ck_assert_uint_eq(ctl->stats.ring_bytes, base_rings);
    ck_assert_uint_eq(rig_arena()->free_bytes, base_free);
}

/**
 * setup() - A stack with a listener that has seen a connection before; memory is noted
 */
static void setup(void)
{
    rig_start(64u << 20, 1000);
    rig_loopback();
    rig_pair(&server, &client, &listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80),
             socket_command(SOCK_TCP, "127.0.0.1", 80));
    rig_cmd(CMD_ABORT, client.handle, 0);
    rig_settle();
    app_release(&client);
    app_release(&server);
    rig_pass(30000);
    note_memory();
}

static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
    ck_assert_uint_eq(rig_arena()->free_bytes, rig_arena()->total_bytes);
}

/**
 * pair() - Another connection to the listener
 */
static void pair(void)
{
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
    rig_settle();
    ck_assert_int_eq(rig_accept(&server), 1);
    client.tx_seed = server.rx_seed = mix64(test_seed + 1);
    server.tx_seed = client.rx_seed = mix64(test_seed + 2);
}

/**
 * let_go() - Release both ends and wait for TIME_WAIT to end: nothing is left
 */
static void let_go(void)
{
    app_release(&client);
    app_release(&server);
    rig_pass(60000);
    ck_assert_uint_eq(ctl->stats.sockets, 1);
    expect_memory();
}

static int both_closed(void)
{
    return app_closed(&client) && app_closed(&server);
}

static int server_closed(void)
{
    return app_closed(&server);
}

#define expect_bits(a, which) ck_assert_uint_eq((a).bits & ~(SOCK_READABLE | SOCK_WRITABLE), which)

/* --- Orderly ------------------------------------------------------------------------------------ */

START_TEST(half_closed_connection_carries_the_other_way_for_as_long_as_it_likes)
{
    struct app *first = _i ? &server : &client, *second = _i ? &client : &server;
    uint32_t i;

    pair();
    say(first, 5000);
    first->shut_at_end = 1;
    rig_pass(1000);
    expect_bits(*first, SOCK_OPEN | SOCK_SENT);
    expect_bits(*second, SOCK_OPEN | SOCK_EOF);
    ck_assert_uint_eq(second->read, 5000);
    for (i = 0; i < 10; i++) {
        rig_pass(3600000);
        say(second, 100000);
        rig_pass(1000);
        ck_assert_uint_eq(first->read, second->write_end);
    }
    second->shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    expect_bits(*first, SOCK_OPEN | SOCK_SENT | SOCK_EOF | SOCK_CLOSED);
    expect_bits(*second, SOCK_OPEN | SOCK_SENT | SOCK_EOF | SOCK_CLOSED);
    ck_assert_int_eq(client.error, 0);
    ck_assert_int_eq(server.error, 0);
    let_go();
}
END_TEST

START_TEST(both_sides_close_at_once)
{
    pair();
    say(&client, 70000);
    say(&server, 70000);
    client.shut_at_end = server.shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    ck_assert_uint_eq(client.read, 70000);
    ck_assert_uint_eq(server.read, 70000);
    expect_bits(client, SOCK_OPEN | SOCK_SENT | SOCK_EOF | SOCK_CLOSED);
    expect_bits(server, SOCK_OPEN | SOCK_SENT | SOCK_EOF | SOCK_CLOSED);
    ck_assert_int_eq(client.error, 0);
    ck_assert_int_eq(server.error, 0);
    let_go();
}
END_TEST

START_TEST(empty_connection_closes_from_either_side)
{
    pair();
    (_i ? &server : &client)->shut_at_end = 1;
    rig_pass(100);
    (_i ? &client : &server)->shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    let_go();
}
END_TEST

START_TEST(close_delivers_what_is_queued_to_a_slow_reader)
{
    pair();
    server.read_end = 0;
    say(&client, 3000000);
    client.shut_at_end = 1;
    rig_pass(10000);
    ck_assert_uint_lt(client.written, 3000000);
    while (server.read < 3000000) {
        ck_assert_uint_eq(server.bits & SOCK_CLOSED, 0);
        server.read_end += 250000;
        server.can_read = 1;
        rig_pass(30000);
        ck_assert_uint_eq(server.read, server.read_end);
    }
    expect_bits(server, SOCK_OPEN | SOCK_EOF);
    server.shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    ck_assert_int_eq(client.error, 0);
    let_go();
}
END_TEST

START_TEST(bytes_that_came_before_the_end_can_be_read_after_it)
{
    pair();
    server.read_end = 0;
    say(&client, 50000);
    client.shut_at_end = server.shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    server.read_end = NO_LIMIT;
    server.can_read = 1;
    rig_settle();
    ck_assert_uint_eq(server.read, 50000);
    let_go();
}
END_TEST

START_TEST(commands_repeated_or_too_late_change_nothing)
{
    pair();
    say(&client, 1000);
    client.shut_at_end = server.shut_at_end = 1;
    rig_settle();
    rig_cmd(CMD_SHUTDOWN, client.handle, 0);
    rig_cmd(CMD_SHUTDOWN, client.handle, 0);
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    rig_cmd(CMD_SHUTDOWN, client.handle, 0);
    rig_cmd(CMD_KICK, client.handle, 0);
    rig_cmd(CMD_DISCARD, client.handle, 0);
    rig_cmd(CMD_ABORT, client.handle, 0);
    rig_option(OPTION_NODELAY, client.handle, 1);
    rig_option(OPTION_KEEPALIVE, client.handle, 1000);
    rig_cmd(CMD_ACCEPTED, client.handle, 0);
    rig_cmd(CMD_CLOSE, client.handle, 0);
    rig_settle();
    expect_bits(client, SOCK_OPEN | SOCK_SENT | SOCK_EOF | SOCK_CLOSED);
    ck_assert_int_eq(client.error, 0);
    let_go();
}
END_TEST

/* --- Abort -------------------------------------------------------------------------------------- */

START_TEST(abort_is_a_reset_to_the_peer)
{
    struct app *first = _i ? &server : &client, *second = _i ? &client : &server;

    pair();
    second->read_end = 1000;
    say(first, 3000000);
    say(second, 3000000);
    rig_pass(100);
    rig_cmd(CMD_ABORT, first->handle, 0);
    rig_settle();
    ck_assert(app_closed(first) && app_closed(second));
    ck_assert_int_eq(first->error, ABI_ECONNABORTED);
    ck_assert_int_eq(second->error, ABI_ECONNRESET);
    ck_assert_uint_eq(second->bits & SOCK_EOF, 0);
    /* Bytes that had arrived can still be read. */
    ck_assert_uint_eq(second->read, 1000);
    second->read_end = NO_LIMIT;
    second->can_read = 1;
    rig_settle();
    ck_assert_uint_gt(second->read, 100000);
    let_go();
}
END_TEST

START_TEST(abort_of_a_half_closed_connection)
{
    pair();
    client.shut_at_end = 1;
    rig_pass(100);
    rig_cmd(CMD_ABORT, (_i ? &server : &client)->handle, 0);
    rig_settle();
    ck_assert_int_eq(both_closed(), 1);
    ck_assert_int_eq(client.error, _i ? ABI_ECONNRESET : ABI_ECONNABORTED);
    ck_assert_int_eq(server.error, _i ? ABI_ECONNABORTED : ABI_ECONNRESET);
    let_go();
}
END_TEST

/* --- Discard and release --------------------------------------------------------------------------- */

START_TEST(discarded_bytes_do_not_hold_the_peer)
{
    pair();
    server.read_end = 0;
    say(&client, 5000000);
    rig_pass(1000);
    ck_assert_uint_lt(client.written, 5000000);
    rig_cmd(CMD_DISCARD, server.handle, 0);
    rig_pass(2000);
    ck_assert_uint_eq(client.written, 5000000);
    client.shut_at_end = 1;
    rig_pass(1000);
    expect_bits(client, SOCK_OPEN | SOCK_SENT);
    server.shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    ck_assert_int_eq(client.error, 0);
    ck_assert_int_eq(server.error, 0);
    let_go();
}
END_TEST

START_TEST(bytes_after_discard_and_shutdown_reset_the_peer_and_are_no_error_of_ours)
{
    pair();
    rig_cmd(CMD_DISCARD, server.handle, 0);
    server.shut_at_end = 1;
    rig_pass(100);
    expect_bits(server, SOCK_OPEN | SOCK_SENT);
    say(&client, 5000);
    rig_pass(1000);
    ck_assert_int_eq(client.error, ABI_ECONNRESET);
    ck_assert_uint_eq(server.bits & SOCK_CLOSED, SOCK_CLOSED);
    ck_assert_int_ne(server.error, ABI_ETIMEDOUT);
    let_go();
}
END_TEST

START_TEST(released_connection_delivers_what_was_written)
{
    struct app *first = _i ? &server : &client, *second = _i ? &client : &server;

    pair();
    second->read_end = 0;
    say(first, 1000000);
    rig_pass(1000);
    ck_assert_uint_eq(first->written, 1000000);
    app_release(first);
    rig_pass(60000);
    second->read_end = NO_LIMIT;
    second->can_read = 1;
    rig_pass(1000);
    ck_assert_uint_eq(second->read, 1000000);
    expect_bits(*second, SOCK_OPEN | SOCK_EOF);
    second->shut_at_end = 1;
    rig_pass(1000);
    ck_assert_int_eq(app_closed(second), 1);
    ck_assert_int_eq(second->error, 0);
    app_release(second);
    rig_pass(60000);
    expect_memory();
}
END_TEST

START_TEST(released_before_and_after_the_peer)
{
    pair();
    if (_i & 1) {
        client.shut_at_end = 1;
        rig_pass(100);
    }
    if (_i & 2) {
        server.shut_at_end = 1;
        rig_pass(100);
    }
    if (_i & 4) {
        let_go();
    } else {
        app_release(&server);
        rig_pass(100);
        app_release(&client);
        rig_pass(60000);
        expect_memory();
    }
}
END_TEST

START_TEST(peer_that_never_closes_does_not_keep_an_orphan_for_ever)
{
    pair();
    app_release(&client);
    rig_pass(120000);
    expect_bits(server, SOCK_OPEN | SOCK_EOF);
    say(&server, 1000);
    rig_pass(1000);
    ck_assert_int_eq(app_closed(&server), 1);
    ck_assert_int_eq(server.error, ABI_ECONNRESET);
    app_release(&server);
    rig_pass(1000);
    expect_memory();
}
END_TEST

START_TEST(stale_handles_find_nothing)
{
    uint32_t old, op, bad = ctl->app.commands.bad;

    pair();
    old = client.handle;
    let_go();
    pair();
    ck_assert_uint_ne(client.handle, old);
    ck_assert_uint_ne(server.handle, old);
    for (op = CMD_ACCEPTED; op <= CMD_RELEASE; op++) {
        rig_cmd(op, old, 1);
        rig_cmd(op, 0, 1);
        rig_cmd(op, 0xffff, 1);
        rig_cmd(op, UINT32_MAX, 1);
        rig_cmd(op, client.handle ^ 0x10000, 1);
        rig_option(OPTION_KEEPALIVE, old, 1);
    }
    say(&client, 100000);
    say(&server, 100000);
    rig_pass(1000);
    ck_assert_uint_eq(client.read, 100000);
    ck_assert_uint_eq(server.read, 100000);
    ck_assert_uint_eq(ctl->app.commands.bad, bad);
    expect_bits(client, SOCK_OPEN);
    client.shut_at_end = server.shut_at_end = 1;
    rig_pass(1000);
    let_go();
}
END_TEST

/* --- Listeners and interfaces ------------------------------------------------------------------------- */

START_TEST(closed_listener_leaves_its_connections_alone)
{
    pair();
    rig_cmd(CMD_CLOSE, listener.handle, 0);
    rig_settle();
    ck_assert_uint_eq(listener.bits, SOCK_CLOSED);
    ck_assert_int_eq(listener.error, 0);
    say(&client, 1000);
    say(&server, 1000);
    rig_pass(1000);
    ck_assert_uint_eq(client.read, 1000);
    ck_assert_uint_eq(server.read, 1000);
    ck_assert_int_eq(rig_open(&server, socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
    rig_settle();
    ck_assert_int_eq(server.error, ABI_ECONNREFUSED);
}
END_TEST

START_TEST(connections_nobody_was_told_of_are_reset_with_their_listener)
{
    struct cmd cmd = { .op = CMD_IFACE_REMOVE };
    uint32_t i;

    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
    app_forget(&client);
    rig_settle();
    ck_assert_uint_eq(rig_accept_count, 1);
    /* The event ring is full: a second connection cannot be announced. */
    rig_hold_events = 1;
    cmd.id = 12345;
    for (i = 0; i < 2046; i++) {
        rig_send(&cmd, sizeof(cmd));
        rig_turn();
    }
    {
        struct cmd_socket connect = socket_command(SOCK_TCP, "127.0.0.1", 80);

        connect.cmd.id = 12346;
        rig_send(&connect, sizeof(connect));
        rig_settle();
    }
    rig_cmd(CMD_CLOSE, listener.handle, 0);
    rig_settle();
    rig_hold_events = 0;
    rig_settle();
    rig_settle();
    /* The first was announced before, so it is the app's. */
    ck_assert_uint_eq(rig_accept_count, 1);
    ck_assert_uint_eq(listener.bits, SOCK_CLOSED);
    ck_assert_int_eq(rig_accept(&server), 1);
    ck_assert_uint_eq(server.bits, SOCK_OPEN);
}
END_TEST

START_TEST(removed_interface_ends_what_used_its_addresses)
{
    struct cmd cmd = { .op = CMD_IFACE_REMOVE };
    struct app other;
    struct abi_iface *tun;

    pair();
    tun = rig_iface(iface_command(IFACE_TUN, 1500, "10.0.0.1/24", "fd00::1/64"));
    ck_assert_int_eq(rig_open(&other, socket_command(SOCK_TCP_LISTENER, "10.0.0.1", 80)), 0);
    app_forget(&client);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "10.0.0.1", 80)), 0);
    rig_settle();
    ck_assert_uint_eq(client.bits, SOCK_OPEN);
    app_forget(&server);
    ck_assert_int_eq(rig_accept(&server), 1);
    cmd.handle = tun->handle;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    rig_settle();
    ck_assert_int_eq(client.error, ABI_ENODEV);
    ck_assert_int_eq(server.error, ABI_ENODEV);
    ck_assert_int_eq(other.error, ABI_ENODEV);
    ck_assert_int_eq(listener.error, 0);
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), ABI_ENODEV);
}
END_TEST

/* --- Cycles ------------------------------------------------------------------------------------------- */

#define CYCLES 10000u

START_TEST(ten_thousand_connections_leave_nothing)
{
    uint32_t i;

    for (i = 0; i < CYCLES; i++) {
        struct app *first = _i & 1 ? &server : &client, *second = _i & 1 ? &client : &server;

        must(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)) == 0);
        must(rig_accept(&server) == 1);
        client.tx_seed = server.rx_seed = i;
        server.tx_seed = client.rx_seed = ~(uint64_t)i;
        if (_i & 2) {
            client.write_end = server.write_end = i % 7000;
        }
        first->shut_at_end = 1;
        rig_settle();
        second->shut_at_end = 1;
        if (_i & 4) {
            app_release(second);
            rig_settle();
        } else {
            must(rig_until(both_closed, 100) == 1);
            must(client.error == 0 && server.error == 0);
            must(client.read == server.write_end && server.read == client.write_end);
            app_release(second);
        }
        app_release(first);
        /* The server's TIME_WAIT lets a client's port be used again when its clock has moved on. */
        rig_now += _i & 1 ? 30 : 0;
    }
    ck_assert_double_le(rig_rest(60000), 60000);
    ck_assert_uint_eq(ctl->stats.sockets, 1);
    expect_memory();
}
END_TEST

START_TEST(time_wait_ends)
{
    pair();
    client.shut_at_end = 1;
    rig_pass(100);
    server.shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    app_release(&client);
    app_release(&server);
    rig_pass(5000);
    ck_assert_uint_gt(heap_used(), base_heap);
    rig_pass(10000);
    expect_memory();
    /* The port can be bound while connections to it are in TIME_WAIT. */
    pair();
    server.shut_at_end = 1;
    rig_pass(100);
    client.shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    app_release(&listener);
    rig_settle();
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)), 0);
}
END_TEST

/* How many connections are closing, as CMD_FINISH says; reset: 1: all are reset. */
static uint32_t closing(uint32_t reset)
{
    struct cmd finish = { .op = CMD_FINISH, .value = reset };

    ck_assert_int_eq(rig_call(&finish, sizeof(finish)), 0);
    return rig_answer.handle;
}

START_TEST(closing_connections_are_counted_and_reset_on_demand)
{
    pair();
    ck_assert_uint_eq(closing(0), 0);
    client.shut_at_end = 1;
    rig_pass(100);
    ck_assert_uint_eq(closing(0), 1); /* FIN_WAIT_2; the other is in CLOSE_WAIT */
    app_release(&client);
    rig_pass(100);
    ck_assert_uint_eq(closing(0), 1);
    server.shut_at_end = 1;
    ck_assert_int_eq(rig_until(server_closed, 1000), 1);
    ck_assert_uint_eq(closing(0), 0); /* TIME_WAIT */
    app_release(&server);
    pair();
    ck_assert_uint_eq(closing(1), 0);
    ck_assert_int_eq(rig_until(server_closed, 1000), 1);
    ck_assert_int_ne(server.error, 0);
    let_go();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_close");
    TCase *tc = tcase_create("close"), *cycles = tcase_create("cycles");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_checked_fixture(cycles, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_set_timeout(cycles, 240);
    tcase_add_loop_test(tc, half_closed_connection_carries_the_other_way_for_as_long_as_it_likes, 0,
                        2);
    tcase_add_test(tc, both_sides_close_at_once);
    tcase_add_loop_test(tc, empty_connection_closes_from_either_side, 0, 2);
    tcase_add_test(tc, close_delivers_what_is_queued_to_a_slow_reader);
    tcase_add_test(tc, bytes_that_came_before_the_end_can_be_read_after_it);
    tcase_add_test(tc, commands_repeated_or_too_late_change_nothing);
    tcase_add_loop_test(tc, abort_is_a_reset_to_the_peer, 0, 2);
    tcase_add_loop_test(tc, abort_of_a_half_closed_connection, 0, 2);
    tcase_add_test(tc, discarded_bytes_do_not_hold_the_peer);
    tcase_add_test(tc, bytes_after_discard_and_shutdown_reset_the_peer_and_are_no_error_of_ours);
    tcase_add_loop_test(tc, released_connection_delivers_what_was_written, 0, 2);
    tcase_add_loop_test(tc, released_before_and_after_the_peer, 0, 8);
    tcase_add_test(tc, peer_that_never_closes_does_not_keep_an_orphan_for_ever);
    tcase_add_test(tc, stale_handles_find_nothing);
    tcase_add_test(tc, closed_listener_leaves_its_connections_alone);
    tcase_add_test(tc, connections_nobody_was_told_of_are_reset_with_their_listener);
    tcase_add_test(tc, removed_interface_ends_what_used_its_addresses);
    tcase_add_loop_test(cycles, ten_thousand_connections_leave_nothing, 0, 8);
    tcase_add_test(tc, time_wait_ends);
    tcase_add_test(tc, closing_connections_are_counted_and_reset_on_demand);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, cycles);
    return run_suite(suite);
}
