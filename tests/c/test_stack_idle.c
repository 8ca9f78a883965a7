/* SPDX-License-Identifier: MIT */
/* test_stack_idle.c - connections that are parked (core/lwext/tcp_park.c), and all that must wake them
 *
 * A tick of TCP's clock walks tcp_active_pcbs; parked() says that nothing is left there.
 */
#include "tap_rig.h"

#include "lwip/priv/tcp_priv.h"

#include "sock/tcp_sock.h"

#define IDLE_MOST 10

static struct app client, server, listener;
static struct peer peer;

static void setup(void)
{
    rig_start(64u << 20, 1000);
    peer = (struct peer){ .port = 80, .seq = NEAR_WRAP, .window = 0xffff };
}

static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

static int parked(void)
{
    return !tcp_active_pcbs;
}

/**
 * pair() - Both ends of a connection over the loopback interface, parked
 */
static void pair(void)
{
    rig_loopback();
    rig_pair(&server, &client, &listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80),
             socket_command(SOCK_TCP, "127.0.0.1", 80));
    ck_assert_int_eq(rig_until(parked, 1000), 1);
}

/**
 * connect_to_peer() - A connection to the peer behind a tun, parked
 */
static void connect_to_peer(void)
{
    tap_start(IFACE_TUN, 1500, 1u << 18);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "10.0.0.2", 80)), 0);
    client.unchecked = 1;
    peer_accept(&peer);
    ck_assert_int_eq(rig_until(parked, 1000), 1);
    peer.segments = 0;
}

static int all_read(void)
{
    return server.read == client.written && client.read == server.written &&
           client.written == client.write_end && server.written == server.write_end;
}

/* --- Traffic -------------------------------------------------------------------------------------- */

START_TEST(parked_connection_carries_bytes_whoever_speaks)
{
    uint32_t i;

    pair();
    for (i = 0; i < 6; i++) {
        rig_pass(i * 10000.0);
        ck_assert_int_eq(parked(), 1);
        say(i % 2 ? &client : &server, 100000);
        ck_assert_int_eq(rig_until(all_read, 1000), 1);
        ck_assert_int_eq(rig_until(parked, 1000), 1);
    }
}
END_TEST

START_TEST(parked_connection_delays_its_acknowledgement_no_longer_than_others)
{
    uint32_t i;

    connect_to_peer();
    for (i = 0; i < 300; i++) {
        rig_pass(_i ? 1000 : 70);
        must(parked());
        peer_send(&peer, TCP_ACK_FLAG | TCP_PSH_FLAG, "x", 1);
        rig_pass(50);
        must(peer_listen(&peer) == 1);
    }
    ck_assert_uint_eq(client.read, 300);
}
END_TEST

START_TEST(parked_connection_sends_again_what_is_lost)
{
    uint32_t i;

    connect_to_peer();
    for (i = 0; i < 3; i++) {
        rig_pass(30000);
        ck_assert_int_eq(parked(), 1);
        say(&client, 500);
        rig_pass(10);
        tap_drop_all();
        rig_pass(1500);
        ck_assert_uint_ge(ctl->stats.tcp_rexmit, i + 1);
        ck_assert_uint_ge(peer_listen(&peer), 1);
        ck_assert_uint_eq(peer.got, 500 * (i + 1));
        peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
        ck_assert_int_eq(rig_until(parked, 5000), 1);
    }
}
END_TEST

START_TEST(parked_connection_probes_a_closed_window)
{
    uint32_t i;

    connect_to_peer();
    peer.window = 0;
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    rig_pass(10000);
    ck_assert_int_eq(parked(), 1);
    say(&client, 5000);
    rig_pass(20000);
    ck_assert_uint_ge(peer_listen(&peer), 3);
    ck_assert_uint_eq(peer.got, 1);
    /* There was no room for the byte that the first probe carried. */
    peer.got = 0;
    peer.ack--;
    peer.window = 0xffff;
    for (i = 0; i < 20 && peer.got < 5000; i++) {
        peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
        peer_listen(&peer);
    }
    ck_assert_uint_eq(peer.got, 5000);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    ck_assert_int_eq(rig_until(parked, 1000), 1);
}
END_TEST

/* --- Keep-alive ----------------------------------------------------------------------------------- */

static struct app many[IDLE_MOST], others[IDLE_MOST];

static uint32_t clock_stops; /* between probes; it then skips a tick when it starts */

/**
 * is_late() - Whether keep-alive of one of many[] was due and nothing came of it
 *
 * Return: 1 if so
 */
static int is_late(void)
{
    uint32_t i;

    for (i = 0; i < IDLE_MOST; i++) {
        const struct tcp_pcb *pcb = tcp_sock_of(sock_get(many[i].handle))->pcb;

        if (tcp_ticks - pcb->tmr > pcb->keep_idle / TCP_SLOW_INTERVAL + clock_stops) {
            return 1;
        }
    }
    return 0;
}

START_TEST(keepalive_of_many_parked_connections_is_in_time)
{
    /* Ticks that differ from the next ones in many bits, or in the highest. */
    static const uint32_t ticks[] = { 0x3f0, 0x7fffff80u, 0xffffff80u };
    uint32_t i, segments, least = 0, most = 0;

    tcp_ticks = ticks[_i / 2];
    pair();
    for (i = 0; i < IDLE_MOST; i++) {
        struct cmd_socket cmd = socket_command(SOCK_TCP, "127.0.0.1", 80);

        cmd.keepalive = 100u << i;
        ck_assert_int_eq(rig_open(&many[i], cmd), 0);
        rig_settle();
        ck_assert_int_eq(rig_accept(&others[i]), 1);
        least += 120000 / ((100u << i) + 4 * TCP_SLOW_INTERVAL);
        most += 120000 / (100u << i) + 1;
    }
    clock_stops = _i % 2;
    if (!clock_stops) {
        /* A byte that the window has no room for. */
        server.read_end = 0;
        say(&client, (1u << 20) + 1);
        most += 100;
    }
    rig_pass(1000);
    ck_assert_int_eq(parked(), clock_stops);
    segments = ctl->stats.tcp_tx_segments;
    ck_assert_int_eq(rig_until(is_late, 120000), 0);
    /* Each probe is answered. */
    ck_assert_uint_ge(ctl->stats.tcp_tx_segments - segments, 2 * least);
    ck_assert_uint_le(ctl->stats.tcp_tx_segments - segments, 2 * most);
}
END_TEST

START_TEST(keepalive_is_changed_while_parked)
{
    uint32_t segments;

    pair();
    rig_option(OPTION_KEEPALIVE, client.handle, 3600000);
    rig_pass(60000);
    ck_assert_int_eq(parked(), 1);
    segments = ctl->stats.tcp_tx_segments;
    rig_option(OPTION_KEEPALIVE, client.handle, 100000);
    rig_pass(30000);
    ck_assert_uint_eq(ctl->stats.tcp_tx_segments, segments);
    rig_pass(15000);
    ck_assert_uint_eq(ctl->stats.tcp_tx_segments, segments + 2);
    rig_option(OPTION_KEEPALIVE, client.handle, 0);
    rig_pass(600000);
    ck_assert_uint_eq(ctl->stats.tcp_tx_segments, segments + 2);
    ck_assert_double_le(rig_rest(1000), 1000);
}
END_TEST

/* --- Endings -------------------------------------------------------------------------------------- */

START_TEST(half_closed_connection_is_parked_until_it_is_discarded)
{
    connect_to_peer();
    rig_cmd(CMD_SHUTDOWN, client.handle, 0);
    ck_assert_uint_eq(peer_listen(&peer), 1);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    rig_pass(300000);
    ck_assert_int_eq(parked(), 1);
    peer_send(&peer, TCP_ACK_FLAG, "late", 4);
    rig_pass(50);
    ck_assert_uint_eq(client.read, 4);
    ck_assert_int_eq(rig_until(parked, 1000), 1);
    ck_assert_uint_eq(peer_listen(&peer), 1);
    /* From now on the end is awaited for so long and no longer. */
    rig_cmd(_i ? CMD_RELEASE : CMD_DISCARD, client.handle, 0);
    rig_pass(TCP_FIN_WAIT_TIMEOUT + 1000);
    peer_listen(&peer);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    ck_assert_uint_eq(peer_listen(&peer), 1);
    ck_assert_uint_eq(peer.flags & TCP_RST_FLAG, TCP_RST_FLAG);
}
END_TEST

START_TEST(parked_connection_closes_and_leaves_time_wait)
{
    pair();
    rig_pass(100000);
    client.shut_at_end = 1;
    rig_pass(100000);
    ck_assert_int_eq(parked(), 1);
    ck_assert_uint_eq(server.bits & SOCK_EOF, SOCK_EOF);
    server.shut_at_end = 1;
    rig_pass(1000);
    ck_assert_int_eq(app_closed(&client) && app_closed(&server), 1);
    ck_assert_ptr_nonnull(tcp_tw_pcbs);
    rig_pass(15000);
    ck_assert_ptr_null(tcp_tw_pcbs);
}
END_TEST

START_TEST(parked_connection_is_reset)
{
    pair();
    rig_pass(100000);
    rig_cmd(CMD_ABORT, _i ? client.handle : server.handle, 0);
    rig_settle();
    ck_assert_int_eq(app_closed(&client) && app_closed(&server), 1);
    ck_assert_int_eq(_i ? server.error : client.error, ABI_ECONNRESET);
    ck_assert_int_eq(_i ? client.error : server.error, ABI_ECONNABORTED);
}
END_TEST

START_TEST(parked_connection_goes_with_its_interface)
{
    struct cmd cmd = { .op = CMD_IFACE_REMOVE };

    connect_to_peer();
    rig_pass(100000);
    ck_assert_int_eq(parked(), 1);
    cmd.handle = tap->handle;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    rig_settle();
    ck_assert_int_eq(app_closed(&client), 1);
    ck_assert_int_eq(client.error, ABI_ENODEV);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_idle");
    TCase *tc = tcase_create("idle");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, parked_connection_carries_bytes_whoever_speaks);
    tcase_add_loop_test(tc, parked_connection_delays_its_acknowledgement_no_longer_than_others, 0,
                        2);
    tcase_add_test(tc, parked_connection_sends_again_what_is_lost);
    tcase_add_test(tc, parked_connection_probes_a_closed_window);
    tcase_add_loop_test(tc, keepalive_of_many_parked_connections_is_in_time, 0, 6);
    tcase_add_test(tc, keepalive_is_changed_while_parked);
    tcase_add_loop_test(tc, half_closed_connection_is_parked_until_it_is_discarded, 0, 2);
    tcase_add_test(tc, parked_connection_closes_and_leaves_time_wait);
    tcase_add_loop_test(tc, parked_connection_is_reset, 0, 2);
    tcase_add_test(tc, parked_connection_goes_with_its_interface);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
