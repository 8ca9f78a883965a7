/* SPDX-License-Identifier: MIT */
/* test_tcp_hostile.c - TCP under attack: forged segments, floods of SYNs, holes, tiny segments, shut windows */
#include "tap_rig.h"

static struct app server, listener;
static struct peer peer;

static void setup(void)
{
    rig_start(64u << 20, 20000);
    tap_start(IFACE_TUN, 1500, 1u << 20);
    peer = (struct peer){ 0 };
}

static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

/* open_server() - A connection that the peer has opened to port 80 */
static void open_server(uint32_t backlog)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80);

    cmd.backlog = backlog;
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    peer_connect(&peer, 999, 80);
    ck_assert_int_eq(rig_accept(&server), 1);
    server.rx_seed = 12;
    server.tx_seed = peer.got_seed = 11;
    rig_settle();
}

/* send_data() - Bytes of the stream the server expects, from an offset on */
static void send_data(struct peer from, uint32_t offset, uint32_t length, uint32_t flags)
{
    static uint8_t data[2000];

    seeded_fill(server.rx_seed, server.read + offset, data, length);
    from.seq += offset;
    peer_send(&from, flags, data, length);
    rig_settle();
}

/* --- Forged segments ----------------------------------------------------------------------------------- */

START_TEST(data_with_a_wrong_acknowledgement_is_not_taken)
{
    static const int64_t wrong[] = { 1, 1000, 70000, 0x40000000, 0x7fffffff, -70001, -0x40000000 };
    struct peer forger;
    uint32_t i, answers = 0;

    open_server(5);
    for (i = 0; i < 200; i++) {
        forger = peer;
        forger.ack = (uint32_t)(peer.ack + wrong[_i]);
        peer_send(&forger, TCP_ACK_FLAG | (i & 1 ? TCP_FIN_FLAG : 0), "forged bytes", 12);
        rig_settle();
        answers += peer_listen(&peer);
        rig_pass(10);
    }
    ck_assert_uint_eq(server.read, 0);
    ck_assert_uint_eq(server.bits & (SOCK_EOF | SOCK_CLOSED), 0);
    /* Two answers a second at the most. */
    ck_assert_uint_ge(answers, 3);
    ck_assert_uint_le(answers, 5);
    send_data(peer, 0, 100, TCP_ACK_FLAG);
    ck_assert_uint_eq(server.read, 100);
}
END_TEST

START_TEST(data_without_an_acknowledgement_is_not_taken)
{
    open_server(5);
    peer_send(&(struct peer){ .port = 999, .stack_port = 80, .seq = peer.seq, .window = 9 }, 0,
              "forged", 6);
    peer_send(&(struct peer){ .port = 999, .stack_port = 80, .seq = peer.seq, .window = 9 },
              TCP_FIN_FLAG, NULL, 0);
    rig_settle();
    ck_assert_uint_eq(peer_listen(&peer), 0);
    ck_assert_uint_eq(server.bits & (SOCK_EOF | SOCK_CLOSED), 0);
    send_data(peer, 0, 100, TCP_ACK_FLAG);
    ck_assert_uint_eq(server.read, 100);
}
END_TEST

START_TEST(acknowledgement_that_came_late_is_taken)
{
    struct peer old;

    open_server(5);
    say(&server, 5000);
    app_write(&server);
    rig_settle();
    old = peer;
    peer_listen(&peer);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    rig_settle();
    /* Bytes that were on the way when the server sent. */
    send_data(old, 0, 100, TCP_ACK_FLAG);
    ck_assert_uint_eq(server.read, 100);
}
END_TEST

START_TEST(reset_ends_time_wait_only_at_the_next_byte)
{
    int i;

    open_server(5);
    say(&server, 100);
    server.shut_at_end = 1;
    app_write(&server);
    rig_settle();
    peer_listen(&peer);
    peer_send(&peer, TCP_ACK_FLAG | TCP_FIN_FLAG, NULL, 0);
    rig_settle();
    /* Our side is in TIME_WAIT: a lower initial sequence number is answered by the old ACK. */
    for (i = 0; i < 2; i++) {
        struct peer again = {
            .port = 999, .stack_port = 80, .seq = peer.seq - 100000, .window = 0xffff
        };
        struct peer reset = peer;

        peer_send(&again, TCP_SYN_FLAG, NULL, 0);
        peer.flags = 0;
        peer_listen(&peer);
        ck_assert_uint_eq(peer.flags, TCP_ACK_FLAG);
        reset.seq += i == 0; /* first a wrong one */
        peer_send(&reset, TCP_RST_FLAG, NULL, 0);
    }
    peer =
        (struct peer){ .port = 999, .stack_port = 80, .seq = peer.seq - 100000, .window = 0xffff };
    peer_send(&peer, TCP_SYN_FLAG, NULL, 0);
    peer_listen(&peer);
    ck_assert_uint_eq(peer.flags, TCP_SYN_FLAG | TCP_ACK_FLAG);
}
END_TEST

/* Both sides end at once, and what ends TIME_WAIT comes in the same batch as the last ACK. */
START_TEST(connection_that_leaves_time_wait_within_a_batch_is_told_and_freed)
{
    uint32_t ack, sockets = ctl->stats.sockets;
    struct peer last;

    open_server(5);
    say(&server, 100);
    server.shut_at_end = 1;
    app_write(&server);
    rig_settle();
    peer_listen(&peer);
    ack = peer.ack;
    peer.ack--; /* not yet our FIN */
    peer_send(&peer, TCP_ACK_FLAG | TCP_FIN_FLAG, NULL, 0);
    rig_settle();
    peer.ack = ack;
    last = peer;
    tap_holds = 1;
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0); /* CLOSING to TIME_WAIT */
    last.seq += _i ? 100000 : 0;             /* a SYN of a new connection is above the old one */
    tap_holds = 0;
    peer_send(&last, _i ? TCP_SYN_FLAG : TCP_RST_FLAG, NULL, 0);
    rig_settle();
    ck_assert_uint_eq(server.bits & (SOCK_SENT | SOCK_EOF | SOCK_CLOSED),
                      SOCK_SENT | SOCK_EOF | SOCK_CLOSED);
    ck_assert_int_eq(server.error, 0);
    app_release(&server);
    rig_pass(60000);
    app_release(&listener);
    rig_settle();
    ck_assert_uint_eq(ctl->stats.sockets, sockets);
}
END_TEST

/* The last segment of the peer has data, for a socket that takes none, and its FIN. */
START_TEST(closed_connection_whose_peer_ends_with_data_is_told_and_freed)
{
    uint32_t sockets = ctl->stats.sockets;

    open_server(5);
    rig_cmd(CMD_DISCARD, server.handle, 0);
    rig_cmd(CMD_SHUTDOWN, server.handle, 0);
    rig_settle();
    peer_listen(&peer);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    rig_settle();
    ck_assert_uint_eq(server.bits & (SOCK_SENT | SOCK_CLOSED), SOCK_SENT);
    peer_send(&peer, TCP_ACK_FLAG | TCP_FIN_FLAG, "more", 4);
    rig_settle();
    ck_assert_uint_eq(server.bits & SOCK_CLOSED, SOCK_CLOSED);
    ck_assert_int_eq(server.error, 0);
    app_release(&server);
    rig_pass(60000);
    app_release(&listener);
    rig_settle();
    ck_assert_uint_eq(ctl->stats.sockets, sockets);
}
END_TEST

START_TEST(connections_that_nobody_was_told_of_go_with_their_listener)
{
    uint32_t i, sockets = ctl->stats.sockets;
    struct cmd fill = { .op = CMD_IFACE_REMOVE, .id = 77 };
    struct peer peers[8] = { 0 };

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)), 0);
    rig_hold_events = 1;
    while (ctl->app.events.tail < ctl->app.events.size[0] - 256) {
        rig_send(&fill, sizeof(fill));
        rig_turn();
    }
    for (i = 0; i < 8; i++) {
        peer_connect(&peers[i], (uint16_t)(990 + i), 80);
    }
    for (i = 0; i < 8; i += 2) {
        peer_send(&peers[i], TCP_RST_FLAG, NULL, 0); /* over before anybody is told */
    }
    ck_assert_uint_eq(ctl->stats.sockets, sockets + 9);
    rig_cmd(CMD_CLOSE, listener.handle, 0);
    rig_turn();
    rig_hold_events = 0;
    rig_settle();
    app_release(&listener);
    while (rig_accept(&server)) { /* those it was told of */
        rig_cmd(CMD_ABORT, server.handle, 0);
        app_release(&server);
    }
    rig_settle();
    ck_assert_uint_eq(ctl->stats.sockets, sockets);
}
END_TEST

/* --- Floods --------------------------------------------------------------------------------------------- */

START_TEST(honest_peer_connects_under_a_flood_of_syns)
{
    uint32_t i, opened = 0, heap;
    struct peer honest = { 0 };

    open_server(4096);
    heap = heap_used();
    for (i = 0; i < 40000; i++) { /* 20 a millisecond */
        struct peer syn = {
            .port = (uint16_t)(1024 + i % 60000), .stack_port = 80, .seq = i, .window = 1000
        };

        peer_send(&syn, TCP_SYN_FLAG, NULL, 0);
        if (i % 1000 == 500) {
            honest = (struct peer){
                .port = 900, .stack_port = 80, .seq = 77 + i * 100000, .window = 1000
            };
            peer_send(&honest, TCP_SYN_FLAG, NULL, 0);
            rig_settle();
            peer_listen(&honest);
            ck_assert_uint_eq(honest.flags, TCP_SYN_FLAG | TCP_ACK_FLAG);
        } else if (i % 1000 == 600) { /* 5 ms later, and 100 SYNs */
            struct app app;

            peer_send(&honest, TCP_ACK_FLAG, NULL, 0);
            rig_settle();
            if (rig_accept(&app)) {
                opened++;
                rig_cmd(CMD_ABORT, app.handle, 0);
                app_release(&app);
            }
        }
        if (i % 20 == 0) {
            rig_pass(1);
        }
        tap_drop_all();
        ck_assert_uint_lt(heap_used(), heap + 4096 * 1024);
    }
    ck_assert_uint_eq(opened, 40);
    ck_assert_uint_gt(ctl->stats.syn_drops, 30000);
    for (i = 0; i < 300; i++) {
        rig_pass(1000);
        tap_drop_all();
    }
    ck_assert_uint_le(heap_used(), heap);
}
END_TEST

/* second_tun() - Another interface, which the rig gives frames to from now on */
static struct abi_iface *second_tun(void)
{
    struct cmd_iface cmd = iface_command(IFACE_TUN, 1500, "10.9.0.1/24", NULL);
    struct abi_iface *second;

    cmd.ring_size = 1u << 20;
    second = rig_iface(cmd);
    second->listening = 1;
    producer_init(&tap_rx, &second->rx);
    consumer_init(&tap_tx, &second->tx);
    return second;
}

/* give_second_syn() - A SYN from its host */
static void give_second_syn(uint16_t port)
{
    static const uint8_t ends[8] = { 10, 9, 0, 2, 10, 9, 0, 1 };
    uint8_t bytes[40];
    struct peer syn = { .port = port, .stack_port = 80, .seq = port, .window = 1000 };

    put_tcp(bytes + 20, &syn, TCP_SYN_FLAG, NULL, 0, 0);
    put_ip4(bytes, 6, 20, port, 0);
    memcpy(bytes + 12, ends, 8);
    store16(bytes + 10, 0);
    store16(bytes + 10, sum_fold(sum_add(0, bytes, 20)));
    store16(bytes + 36, 0);
    store16(bytes + 36, sum_fold(sum_add(sum_add(6 + 20, ends, 8), bytes + 20, 20)));
    tap_give(bytes, sizeof(bytes));
}

START_TEST(flood_of_one_interface_takes_nothing_from_another)
{
    struct abi_iface *first = tap;
    struct producer rx;
    struct consumer tx;
    struct peer honest;
    struct app app;
    uint32_t i;

    open_server(64);
    honest = (struct peer){ .port = 900, .stack_port = 80, .seq = 77, .window = 1000 };
    peer_send(&honest, TCP_SYN_FLAG, NULL, 0);
    peer_listen(&honest);
    rx = tap_rx;
    tx = tap_tx;
    second_tun();
    for (i = 0; i < 5000; i++) {
        if (i % 5 == 0) {
            rig_pass(20);
        }
        give_second_syn((uint16_t)(1024 + i));
        tap_drop_all();
    }
    ck_assert_uint_gt(ctl->stats.syn_drops, 4900);
    tap = first;
    tap_rx = rx;
    tap_tx = tx;
    peer_send(&honest, TCP_ACK_FLAG, NULL, 0);
    rig_settle();
    ck_assert_int_eq(rig_accept(&app), 1);
}
END_TEST

/* The backlog is full of SYNs that came just now: one by another interface finds room all the same, more than once. */
START_TEST(young_flood_of_one_interface_leaves_room_for_another)
{
    struct abi_iface *first = tap, *second;
    struct producer rx;
    struct consumer tx;
    struct peer honest[8];
    struct app app;
    uint32_t i;

    open_server(64);
    rx = tap_rx;
    tx = tap_tx;
    second = second_tun();
    for (i = 0; i < 500; i++) {
        give_second_syn((uint16_t)(1024 + i));
        tap_drop_all();
    }
    ck_assert_uint_gt(ctl->stats.syn_drops, 400);
    for (i = 0; i < 8; i++) {
        tap = first;
        tap_rx = rx;
        tap_tx = tx;
        honest[i] = (struct peer){
            .port = (uint16_t)(900 + i), .stack_port = 80, .seq = 77, .window = 1000
        };
        peer_send(&honest[i], TCP_SYN_FLAG, NULL, 0);
        peer_listen(&honest[i]);
        ck_assert_uint_eq(honest[i].flags, TCP_SYN_FLAG | TCP_ACK_FLAG);
        rx = tap_rx;
        tx = tap_tx;
        tap = second;
        producer_init(&tap_rx, &second->rx);
        consumer_init(&tap_tx, &second->tx);
        give_second_syn((uint16_t)(3000 + i));
        tap_drop_all();
    }
    tap = first;
    tap_rx = rx;
    tap_tx = tx;
    for (i = 0; i < 8; i++) {
        peer_send(&honest[i], TCP_ACK_FLAG, NULL, 0);
        rig_settle();
        ck_assert_int_eq(rig_accept(&app), 1);
    }
}
END_TEST

/* --- Memory -------------------------------------------------------------------------------------------- */

START_TEST(bytes_far_ahead_leave_memory_for_other_connections)
{
    static struct app many[400];
    static struct peer peers[400];
    uint32_t i, free_before, least = UINT32_MAX;

    open_server(500);
    free_before = arena_largest();
    for (i = 0; i < 400; i++) {
        peer_connect(&peers[i], (uint16_t)(2000 + i), 80);
        ck_assert_int_eq(rig_accept(&many[i]), 1);
        many[i].unchecked = 1;
        peers[i].seq += 50000;
        peer_send(&peers[i], TCP_ACK_FLAG, "x", 1);
        peers[i].seq -= 50001;
        tap_drop_all();
        least = arena_largest() < least ? arena_largest() : least;
    }
    ck_assert_uint_gt(least, 1u << 20);
    send_data(peer, 0, 1000, TCP_ACK_FLAG);
    ck_assert_uint_eq(server.read, 1000);
    /* Memory behind a hole is given back. */
    for (i = 0; i < 30; i++) {
        rig_pass(1000);
        tap_drop_all();
    }
    ck_assert_uint_gt(arena_largest(), free_before - 400 * 20000);
    /* The peer sends it again: the connection is as before. */
    peer_send(&peers[7], TCP_ACK_FLAG, "hello", 5);
    rig_settle();
    ck_assert_uint_eq(many[7].read, 5);
}
END_TEST

/* Each is an entry of a list that is walked for the next one. */
START_TEST(single_bytes_behind_holes_are_kept_up_to_a_number)
{
    uint64_t end;
    uint32_t i;

    open_server(5);
    for (i = 0; i < 2000; i++) {
        send_data(peer, 1 + 2 * i, 1, TCP_ACK_FLAG);
        tap_drop_all();
    }
    ck_assert_uint_eq(ctl->stats.no_memory_drops, 2000 - 256);
    /* Full segments have their own bound, and the peer sends the others again. */
    send_data(peer, 1000, 1400, TCP_ACK_FLAG);
    ck_assert_uint_eq(ctl->stats.no_memory_drops, 2000 - 256);
    while (server.read < 4000) {
        struct peer next = peer;

        next.seq += (uint32_t)server.read;
        send_data(next, 0, 1000, TCP_ACK_FLAG);
        tap_drop_all();
    }
    /* The count begins anew. */
    peer.seq += (uint32_t)server.read;
    end = server.read;
    send_data(peer, 1, 1, TCP_ACK_FLAG);
    send_data(peer, 0, 1, TCP_ACK_FLAG);
    ck_assert_uint_eq(server.read, end + 2);
    ck_assert_uint_eq(ctl->stats.no_memory_drops, 2000 - 256);
}
END_TEST

START_TEST(peer_with_a_tiny_mss_gets_segments_of_48_bytes)
{
    static const uint8_t mss[4] = { 2, 4, 0, 1 };
    static uint8_t frame[FRAME_MOST];
    uint8_t *ip = put_link(frame, 0x0800);
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80);
    uint32_t i, used;

    cmd.backlog = 5;
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    peer = (struct peer){ .port = 999, .stack_port = 80, .seq = 5, .window = 0xffff };
    put_tcp(ip + 20, &peer, TCP_SYN_FLAG, mss, 4, 0);
    put_ip4(ip, 6, 24, 1, 0);
    tap_give(frame, tap_link + 44);
    peer.seq++;
    peer_listen(&peer);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    rig_settle();
    ck_assert_int_eq(rig_accept(&server), 1);
    server.tx_seed = peer.got_seed = 11;
    say(&server, 4800);
    app_write(&server);
    rig_settle();
    peer.segments = 0;
    for (i = 0; i < 60 && peer.got < 4800; i++) {
        peer_listen(&peer);
        peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
        rig_settle();
    }
    ck_assert_uint_eq(peer.got, 4800);
    ck_assert_uint_le(peer.segments, 102);
    /* Of much data TCP has few segments at a time, and all of it comes, and the end. */
    used = heap_used();
    say(&server, 100000);
    app_write(&server);
    rig_cmd(CMD_SHUTDOWN, server.handle, 0);
    rig_settle();
    for (i = 0; i < 5000 && peer.got < 104800; i++) {
        ck_assert_uint_lt(heap_used(), used + 40000);
        app_write(&server);
        peer_listen(&peer);
        peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
        rig_settle();
    }
    ck_assert_uint_eq(peer.got, 104800);
    rig_settle();
    peer_listen(&peer);
    ck_assert(peer.flags & TCP_FIN_FLAG);
}
END_TEST

START_TEST(closed_connection_whose_peer_keeps_its_window_shut_is_reset)
{
    double start;
    uint32_t i;

    open_server(5);
    say(&server, 200000);
    app_write(&server);
    rig_settle();
    peer_listen(&peer);
    peer.window = 0;
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    if (_i) {
        rig_cmd(CMD_DISCARD, server.handle, 0);
        rig_cmd(CMD_SHUTDOWN, server.handle, 0);
    }
    start = rig_now;
    for (i = 0; i < 3000 && !(peer.flags & TCP_RST_FLAG); i++) {
        rig_pass(100);
        if (peer_listen(&peer) && !(peer.flags & TCP_RST_FLAG)) {
            peer_send(&peer, TCP_ACK_FLAG, NULL, 0); /* it is there, and takes nothing */
        }
    }
    /* While the program has it open, it waits. */
    ck_assert_int_eq((peer.flags & TCP_RST_FLAG) != 0, _i);
    ck_assert_uint_eq(ctl->stats.orphans, (uint32_t)_i);
    if (_i) {
        ck_assert_double_gt(rig_now - start, 90000);
        ck_assert_double_lt(rig_now - start, 180000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp_hostile");
    TCase *tc = tcase_create("tun");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, data_with_a_wrong_acknowledgement_is_not_taken, 0, 7);
    tcase_add_test(tc, data_without_an_acknowledgement_is_not_taken);
    tcase_add_test(tc, acknowledgement_that_came_late_is_taken);
    tcase_add_test(tc, reset_ends_time_wait_only_at_the_next_byte);
    tcase_add_loop_test(tc, connection_that_leaves_time_wait_within_a_batch_is_told_and_freed, 0,
                        2);
    tcase_add_test(tc, closed_connection_whose_peer_ends_with_data_is_told_and_freed);
    tcase_add_test(tc, connections_that_nobody_was_told_of_go_with_their_listener);
    tcase_add_test(tc, honest_peer_connects_under_a_flood_of_syns);
    tcase_add_test(tc, flood_of_one_interface_takes_nothing_from_another);
    tcase_add_test(tc, young_flood_of_one_interface_leaves_room_for_another);
    tcase_add_test(tc, bytes_far_ahead_leave_memory_for_other_connections);
    tcase_add_test(tc, single_bytes_behind_holes_are_kept_up_to_a_number);
    tcase_add_test(tc, peer_with_a_tiny_mss_gets_segments_of_48_bytes);
    tcase_add_loop_test(tc, closed_connection_whose_peer_keeps_its_window_shut_is_reset, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
