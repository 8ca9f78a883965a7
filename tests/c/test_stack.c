/* SPDX-License-Identifier: MIT */
/* test_stack.c - a stack that talks to itself over loopback: opening, transfer, windows, rings */
#include "stack_rig.h"

static struct app server, client, listener;

/**
 * pair_over() - A connection over the loopback interface
 * @where: address
 * @max: bound of all its rings
 */
static void pair_over(const char *where, uint32_t max)
{
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, where, 80);
    struct cmd_socket connect = socket_command(SOCK_TCP, where, 80);

    listen.rx_max = listen.tx_max = connect.rx_max = connect.tx_max = max;
    rig_pair(&server, &client, &listener, listen, connect);
}

static void setup(void)
{
    rig_start(256u << 20, 1000);
    rig_loopback();
}

/**
 * teardown() - Whatever the test left: closing gives back every byte
 */
static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
    ck_assert_uint_eq(rig_arena()->free_bytes, rig_arena()->total_bytes);
}

static int all_read(void)
{
    return client.read == server.write_end && server.read == client.write_end;
}

static int both_closed(void)
{
    return app_closed(&client) && app_closed(&server);
}

START_TEST(connection_opens_with_the_addresses_of_both_ends)
{
    static const char *const where[] = { "127.0.0.1", "::1" };
    struct abi_addr expected = address(where[_i], 80);

    pair_over(where[_i], 65536);
    ck_assert_int_eq(memcmp(&client.pub->remote, &expected, 20), 0);
    ck_assert_int_eq(memcmp(&server.pub->local, &expected, 20), 0);
    ck_assert_int_eq(memcmp(client.pub->local.bytes, expected.bytes, 16), 0);
    ck_assert_int_eq(memcmp(&client.pub->local, &server.pub->remote, 20), 0);
    ck_assert_uint_ge(client.pub->local.port, 32768);
    ck_assert_uint_lt(client.pub->local.port, 61000);
}
END_TEST

struct flow {
    const char *where;
    uint32_t max, up, down, nodelay;
};

static const struct flow flows[] = {
    { "127.0.0.1", 4096, 100000, 100000, 1 },
    { "127.0.0.1", 65536, 3000001, 0, 1 },
    { "127.0.0.1", 65536, 0, 3000001, 0 },
    { "127.0.0.1", 1u << 20, 20000003, 20000001, 1 },
    { "127.0.0.1", 16u << 20, 50000000, 1, 1 },
    { "127.0.0.1", 20000, 1000000, 1000000, 1 },
    { "127.0.0.1", 5000, 100000, 0, 1 },
    { "::1", 1u << 20, 5000000, 7000000, 1 },
    { "::1", 4096, 1, 50000, 0 },
    { "127.0.0.1", 300000, 7000000, 7000000, 0 },
};

START_TEST(bytes_arrive_both_ways_as_they_were_sent)
{
    const struct flow *flow = &flows[_i];
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, flow->where, 80);
    struct cmd_socket connect = socket_command(SOCK_TCP, flow->where, 80);
    double start;

    listen.rx_max = listen.tx_max = connect.rx_max = connect.tx_max = flow->max;
    listen.nodelay = connect.nodelay = flow->nodelay;
    rig_pair(&server, &client, &listener, listen, connect);
    client.write_end = flow->up;
    server.write_end = flow->down;
    start = rig_now;
    ck_assert_int_eq(rig_until(all_read, 60000), 1);
    /* Over a wire without loss nothing may wait for a retransmission. */
    ck_assert_double_lt(rig_now - start, 5000);
    ck_assert_uint_eq(ctl->stats.tcp_rexmit, 0);
    client.shut_at_end = server.shut_at_end = 1;
    ck_assert_int_eq(rig_until(both_closed, 1000), 1);
    ck_assert_int_eq(client.error, 0);
    ck_assert_int_eq(server.error, 0);
    ck_assert_uint_eq(client.read, flow->down);
    ck_assert_uint_eq(server.read, flow->up);
}
END_TEST

START_TEST(rings_are_small_until_they_are_used)
{
    pair_over("127.0.0.1", 1u << 20);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 2 * 4096);
    ck_assert_uint_eq(client.pub->tx.size[0], 4096);
    client.write_end = 10;
    ck_assert_int_eq(rig_until(all_read, 1000), 1);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 3 * 4096);
    client.write_end = 8u << 20;
    ck_assert_int_eq(rig_until(all_read, 10000), 1);
    ck_assert_uint_ge(ctl->stats.ring_bytes, 1u << 20);
    ck_assert_uint_le(ctl->stats.ring_bytes, (2u << 20) + 3 * 4096);
}
END_TEST

START_TEST(quiet_connections_have_small_rings_again)
{
    uint32_t i;

    pair_over("127.0.0.1", 1u << 20);
    for (i = 0; i < 5; i++) {
        client.write_end += 3u << 20;
        server.write_end += 5u << 20;
        client.can_write = server.can_write = 1;
        ck_assert_int_eq(rig_until(all_read, 10000), 1);
        ck_assert_uint_ge(ctl->stats.ring_bytes, 1u << 20);
        ck_assert_double_le(rig_rest(60000), 60000);
        ck_assert_uint_le(ctl->stats.ring_bytes, 4 * 4096);
    }
    /* Unread bytes stay where they are. */
    server.read_end = server.read;
    client.write_end += 1u << 19;
    client.can_write = 1;
    rig_pass(30000);
    server.read_end = NO_LIMIT;
    server.can_read = 1;
    ck_assert_int_eq(rig_until(all_read, 10000), 1);
}
END_TEST

START_TEST(unread_bytes_close_the_window_and_hold_the_writer)
{
    static const uint32_t max[] = { 4096, 65536, 1u << 20 };

    pair_over("127.0.0.1", max[_i]);
    server.read_end = 0;
    client.write_end = 16u << 20;
    rig_pass(5000);
    /* One ring of each end, rounded up, and no more. */
    ck_assert_uint_ge(client.written, max[_i]);
    ck_assert_uint_le(client.written, 2 * max[_i]);
    ck_assert_uint_le(ctl->stats.ring_bytes, 2 * max[_i] + 2 * 4096);
    server.read_end = 1000;
    server.can_read = 1;
    rig_pass(60000);
    ck_assert_uint_eq(server.read, 1000);
    server.read_end = NO_LIMIT;
    server.can_read = 1;
    ck_assert_int_eq(rig_until(all_read, 60000), 1);
}
END_TEST

START_TEST(one_byte_at_a_time_arrives_without_delay)
{
    uint32_t i;

    pair_over("127.0.0.1", 65536);
    for (i = 0; i < 500; i++) {
        client.write_end++;
        client.can_write = 1;
        rig_settle();
        must(server.read == client.write_end);
        server.write_end++;
        server.can_write = 1;
        rig_settle();
        must(client.read == server.write_end);
    }
}
END_TEST

START_TEST(bytes_written_with_the_end_arrive_before_it)
{
    pair_over("127.0.0.1", 65536);
    client.write_end = 300000;
    client.shut_at_end = 1;
    server.read_end = 0;
    rig_pass(2000);
    ck_assert_uint_eq(server.bits & SOCK_EOF, 0);
    server.read_end = NO_LIMIT;
    server.can_read = 1;
    rig_pass(2000);
    ck_assert_uint_eq(server.read, 300000);
    ck_assert_uint_eq(server.bits & SOCK_EOF, SOCK_EOF);
    ck_assert_uint_eq(client.bits & SOCK_SENT, SOCK_SENT);
    ck_assert_uint_eq(server.bits & SOCK_CLOSED, 0);
}
END_TEST

#define CONNECTIONS 300u

static struct app many[2 * CONNECTIONS];

START_TEST(many_connections_at_once_all_finish)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80);
    uint32_t i, n;

    cmd.backlog = 1000;
    cmd.rx_max = cmd.tx_max = 65536;
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    for (i = 0; i < CONNECTIONS; i++) {
        cmd = socket_command(SOCK_TCP, "127.0.0.1", 80);
        cmd.rx_max = cmd.tx_max = 65536;
        ck_assert_int_eq(rig_open(&many[i], cmd), 0);
    }
    rig_pass(10000);
    for (n = CONNECTIONS; rig_accept(&many[n]); n++) {
    }
    ck_assert_uint_eq(n, 2 * CONNECTIONS);
    for (i = 0; i < n; i++) {
        many[i].tx_seed = many[i].rx_seed = 5;
        many[i].write_end = 1000 + i * 100;
        many[i].shut_at_end = 1;
    }
    rig_pass(20000);
    for (i = 0; i < n; i++) {
        must(app_closed(&many[i]) && many[i].error == 0);
    }
}
END_TEST

START_TEST(port_nobody_listens_on_refuses)
{
    static const char *const where[] = { "127.0.0.1", "::1" };

    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, where[_i], 81)), 0);
    rig_settle();
    ck_assert_uint_eq(client.bits, SOCK_CLOSED);
    ck_assert_int_eq(client.error, ABI_ECONNREFUSED);
    ck_assert_int_eq(client.pub->error, ABI_ECONNREFUSED);
}
END_TEST

START_TEST(address_without_a_route_is_unreachable)
{
    static const char *const where[] = { "10.1.2.3", "2001:db8::1" };

    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, where[_i], 80)), ABI_EHOSTUNREACH);
    ck_assert_uint_eq(ctl->stats.sockets, 0);
}
END_TEST

START_TEST(commands_with_addresses_that_cannot_be_are_refused)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP, "127.0.0.1", 0);
    uint32_t before = heap_used();

    ck_assert_int_eq(rig_open(&client, cmd), ABI_EINVAL);
    cmd.remote.port = 80;
    cmd.remote.family = 9;
    ck_assert_int_eq(rig_open(&client, cmd), ABI_EINVAL);
    cmd = socket_command(SOCK_TCP, "127.0.0.1", 80);
    cmd.local = address("10.0.0.1", 0);
    ck_assert_int_eq(rig_open(&client, cmd), ABI_EADDRNOTAVAIL);
    cmd.local = address("::1", 0);
    ck_assert_int_eq(rig_open(&client, cmd), ABI_EADDRNOTAVAIL);
    cmd = socket_command(SOCK_TCP_LISTENER, "10.0.0.1", 80);
    ck_assert_int_eq(rig_open(&client, cmd), ABI_EADDRNOTAVAIL);
    cmd.local.family = 9;
    ck_assert_int_eq(rig_open(&client, cmd), ABI_EINVAL);
    rig_settle();
    ck_assert_uint_eq(ctl->stats.sockets, 0);
    /* The table of sockets has its first chunk now. */
    ck_assert_uint_le(heap_used(), before + 20000);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 0);
}
END_TEST

START_TEST(listeners_do_not_share_a_port)
{
    struct app other;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)), 0);
    ck_assert_int_eq(rig_open(&other, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)),
                     ABI_EADDRINUSE);
    ck_assert_int_eq(rig_open(&other, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)),
                     ABI_EADDRINUSE);
    ck_assert_int_eq(rig_open(&other, socket_command(SOCK_TCP_LISTENER, "::", 80)), ABI_EADDRINUSE);
    ck_assert_int_eq(rig_open(&other, socket_command(SOCK_TCP_LISTENER, "::1", 80)), 0);
    app_release(&other);
    app_release(&listener);
    rig_settle();
    ck_assert_int_eq(rig_open(&other, socket_command(SOCK_TCP_LISTENER, "::", 80)), 0);
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)),
                     ABI_EADDRINUSE);
}
END_TEST

START_TEST(port_zero_is_a_random_free_port)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 0);
    uint16_t first;

    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    first = listener.pub->local.port;
    ck_assert_uint_ge(first, 32768);
    app_forget(&listener);
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    ck_assert_uint_ne(listener.pub->local.port, first);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", first)), 0);
    rig_settle();
    ck_assert_uint_eq(client.bits, SOCK_OPEN);
}
END_TEST

START_TEST(listener_on_any_address_takes_both_families)
{
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "::", 80)), 0);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
    rig_settle();
    ck_assert_int_eq(rig_accept(&server), 1);
    ck_assert_uint_eq(server.pub->local.family, FAMILY_IPV4);
    ck_assert_uint_eq(server.pub->remote.family, FAMILY_IPV4);
    ck_assert_int_eq(rig_open(&many[0], socket_command(SOCK_TCP, "::1", 80)), 0);
    rig_settle();
    ck_assert_int_eq(rig_accept(&many[1]), 1);
    ck_assert_uint_eq(many[1].pub->local.family, FAMILY_IPV6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack");
    TCase *open = tcase_create("open"), *data = tcase_create("data");

    tcase_add_checked_fixture(open, setup, teardown);
    tcase_add_checked_fixture(data, setup, teardown);
    tcase_set_timeout(data, 120);
    tcase_add_loop_test(open, connection_opens_with_the_addresses_of_both_ends, 0, 2);
    tcase_add_loop_test(open, port_nobody_listens_on_refuses, 0, 2);
    tcase_add_loop_test(open, address_without_a_route_is_unreachable, 0, 2);
    tcase_add_test(open, commands_with_addresses_that_cannot_be_are_refused);
    tcase_add_test(open, listeners_do_not_share_a_port);
    tcase_add_test(open, port_zero_is_a_random_free_port);
    tcase_add_test(open, listener_on_any_address_takes_both_families);
    tcase_add_loop_test(data, bytes_arrive_both_ways_as_they_were_sent, 0,
                        sizeof(flows) / sizeof(flows[0]));
    tcase_add_test(data, rings_are_small_until_they_are_used);
    tcase_add_test(data, quiet_connections_have_small_rings_again);
    tcase_add_loop_test(data, unread_bytes_close_the_window_and_hold_the_writer, 0, 3);
    tcase_add_test(data, one_byte_at_a_time_arrives_without_delay);
    tcase_add_test(data, bytes_written_with_the_end_arrive_before_it);
    tcase_add_test(data, many_connections_at_once_all_finish);
    suite_add_tcase(suite, open);
    suite_add_tcase(suite, data);
    return run_suite(suite);
}
