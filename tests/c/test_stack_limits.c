/* SPDX-License-Identifier: MIT */
/* test_stack_limits.c - too many sockets, no room for events; garbage commands; idle timers */
#include "pair_rig.h"

/* --- Sockets ----------------------------------------------------------------------------------- */

START_TEST(sockets_are_bounded_by_the_option)
{
    static struct app many[300];
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 0);
    uint32_t i;

    rs_stack_close();
    must(arena_free_owner(rig_config.owner) == 0);
    rig_config.max_sockets = 257 + (uint32_t)_i;
    ctl = at(rs_stack_init(offset_of(&rig_config), rig_now));
    producer_init(&rig_commands, &ctl->app.commands);
    consumer_init(&rig_events, &ctl->app.events);
    rig_loopback();
    for (i = 0; i < rig_config.max_sockets; i++) {
        ck_assert_int_eq(rig_open(&many[i], cmd), 0);
    }
    ck_assert_int_eq(rig_open(&client, cmd), ABI_EMFILE);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)), ABI_EMFILE);
    app_release(&many[100]);
    rig_settle();
    ck_assert_int_eq(rig_open(&client, cmd), 0);
    ck_assert_int_eq(rig_open(&server, cmd), ABI_EMFILE);
    /* A connection without a slot on this side is reset. */
    app_release(&many[0]);
    rig_settle();
    ck_assert_int_eq(
        rig_open(&server, socket_command(SOCK_TCP, "127.0.0.1", many[1].pub->local.port)), 0);
    rig_settle();
    ck_assert_uint_eq(server.bits & SOCK_CLOSED, SOCK_CLOSED);
}
END_TEST

/* --- Events --------------------------------------------------------------------------------------- */

START_TEST(full_event_ring_loses_nothing)
{
    static struct app many[200];
    uint32_t i, n;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)), 0);
    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(rig_open(&many[i], socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
    }
    rig_settle();
    for (n = 100; rig_accept(&many[n]); n++) {
    }
    ck_assert_uint_eq(n, 200);
    rig_hold_events = 1;
    /* Answers fill the ring, commands follow until their ring is full as well. */
    for (i = 0; i < 2040; i++) {
        struct cmd cmd = { .op = CMD_IFACE_REMOVE, .id = 77 };

        rig_send(&cmd, sizeof(cmd));
    }
    for (i = 0; i < 100; i++) {
        many[i].write_end = 500;
        many[i].shut_at_end = 1;
        many[100 + i].write_end = 700;
        many[100 + i].shut_at_end = 1;
    }
    rig_pass(500);
    ck_assert_uint_lt(many[150].read, 500);
    rig_hold_events = 0;
    rig_drain();
    rig_pass(500);
    for (i = 0; i < n; i++) {
        must(many[i].read == (i < 100 ? 700 : 500));
        must(app_closed(&many[i]) && many[i].error == 0);
        must(many[i].bits & SOCK_EOF && many[i].bits & SOCK_SENT);
    }
}
END_TEST

START_TEST(room_for_answers_wakes_the_engine)
{
    struct cmd cmd = { .op = CMD_IFACE_REMOVE };
    struct span record;
    uint32_t i, rings, answers = 0;
    uint8_t *to;

    for (i = 0; i < 4000; i++) {
        cmd.id = i + 1;
        while (frame_reserve(&rig_commands, sizeof(cmd), &to) != 0) {
            must(rs_stack_turn(rig_now) != -1);
        }
        memcpy(to, &cmd, sizeof(cmd));
        must(frame_submit(&rig_commands, sizeof(cmd)) == 0);
        if (i % 100 == 0) {
            rs_stack_turn(rig_now);
        }
        if (i > 2700) {
            break;
        }
    }
    for (i = 0; i < 100 && rs_stack_turn(rig_now); i++) {
    }
    ck_assert_uint_lt(i, 100);
    /* The engine sleeps. The app takes the answers and rings only if it was asked to. */
    rings = atomic_load(&ctl->doorbell.seq);
    while (frame_peek(&rig_events, sizeof(struct event), &record) == 0) {
        answers++;
        frame_release(&rig_events);
    }
    consumer_notify(&rig_events);
    ck_assert_uint_gt(answers, 2000);
    ck_assert_uint_eq(atomic_load(&ctl->doorbell.seq), rings + 1);
    while (rs_stack_turn(rig_now)) {
    }
    while (frame_peek(&rig_events, sizeof(struct event), &record) == 0) {
        answers++;
        frame_release(&rig_events);
    }
    ck_assert_uint_eq(answers, 2702);
}
END_TEST

/* --- Garbage ---------------------------------------------------------------------------------------- */

START_TEST(commands_of_a_wrong_length_are_counted_and_answered)
{
    uint8_t bytes[512];
    uint32_t length;

    memset(bytes, 0, sizeof(bytes));
    for (length = 0; length < 400; length++) {
        struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80);
        uint32_t bad = ctl->app.commands.bad;

        if (length == sizeof(cmd)) {
            continue;
        }
        cmd.cmd.id = 1000 + length;
        memcpy(bytes, &cmd, sizeof(cmd));
        rig_send(bytes, length);
        rig_turn();
        must(ctl->app.commands.bad == bad + 1);
        must(rig_answer.error == ABI_EINVAL);
        must(length < 8 || rig_answer.id == 1000 + length);
    }
    ck_assert_uint_eq(ctl->stats.sockets, 0);
}
END_TEST

START_TEST(unknown_commands_are_counted)
{
    static const uint32_t ops[] = { 0, CMD_SYNC + 1, 1000, UINT32_MAX };
    uint32_t i, bad = ctl->app.commands.bad;

    pair(65536);
    for (i = 0; i < 4; i++) {
        rig_cmd(ops[i], client.handle, 0);
        rig_cmd(ops[i], 0, 0);
    }
    rig_settle();
    ck_assert_uint_eq(ctl->app.commands.bad, bad + 8);
}
END_TEST

START_TEST(every_command_on_every_kind_of_handle)
{
    static const uint32_t values[] = { 0, 1, 0x7fffffff, UINT32_MAX };
    struct cmd_iface iface = iface_command(IFACE_TUN, 1500, "10.0.0.1/24", NULL);
    uint32_t op, i;

    pair(65536);
    ck_assert_int_eq(rig_call(&iface, sizeof(iface)), 0);
    for (op = CMD_ACCEPTED; op <= CMD_RELEASE; op++) {
        if (op == CMD_CLOSE || op == CMD_ABORT || op == CMD_RELEASE) {
            continue;
        }
        for (i = 0; i < 4; i++) {
            rig_cmd(op, listener.handle, values[i]);
            rig_cmd(op, rig_answer.handle, values[i]);
            rig_settle();
        }
    }
    for (op = OPTION_NODELAY; op <= OPTION_KEEPALIVE + 1; op++) {
        for (i = 0; i < 4; i++) {
            rig_option(op, listener.handle, values[i]);
            rig_option(op, rig_answer.handle, values[i]);
            rig_settle();
        }
    }
    rig_pass(1000);
    app_forget(&client);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
    rig_settle();
    ck_assert_uint_eq(client.bits, SOCK_OPEN);
}
END_TEST

START_TEST(keepalive_of_any_length_does_not_end_the_connection)
{
    static const uint32_t values[] = { 1, 20, 0x7fffffff, 0x80000000u, 0xfffffff0u, UINT32_MAX };

    pair(65536);
    rig_option(OPTION_KEEPALIVE, client.handle, values[_i]);
    rig_pass(100000);
    ck_assert_uint_eq(client.bits & SOCK_CLOSED, 0);
}
END_TEST

START_TEST(sizes_of_rings_nobody_can_have_are_survived)
{
    static const uint32_t sizes[] = { 0, 1, 100, 0x7fffffff, 0x80000001u, UINT32_MAX };
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80);
    struct cmd_socket connect = socket_command(SOCK_TCP, "127.0.0.1", 80);

    listen.rx_max = listen.tx_max = connect.rx_max = connect.tx_max = sizes[_i];
    listen.backlog = sizes[_i];
    if (rig_open(&listener, listen) == 0 && rig_open(&client, connect) == 0) {
        rig_settle();
        if (rig_accept(&server)) {
            say(&client, 20000);
            say(&server, 20000);
            ck_assert_int_eq(rig_until(all_read, 60000), 1);
        }
    }
}
END_TEST

/**
 * random_command() - Send a command that is wrong here and there
 * @rng: sequence
 */
static void random_command(uint64_t *rng)
{
    union {
        struct cmd cmd;
        struct cmd_iface iface;
        struct cmd_socket socket;
        struct cmd_option option;
        uint8_t bytes[400];
        uint32_t words[100];
    } c;
    uint32_t lengths[] = { sizeof(c.cmd), sizeof(c.iface), sizeof(c.socket), sizeof(c.option),
                           rng_below(rng, 400) };
    uint32_t i, length = lengths[rng_below(rng, 5)];

    seeded_fill(rng_u32(rng), 0, c.bytes, sizeof(c));
    switch (rng_below(rng, 4)) {
    case 0:
        c.iface = iface_command(1 + rng_below(rng, 4), 1500, "10.0.0.1/24", "fd00::1/64");
        length = sizeof(c.iface);
        break;
    case 1:
        c.socket =
            socket_command(rng_below(rng, 2) ? SOCK_TCP_LISTENER : SOCK_TCP, "127.0.0.1", 80);
        length = sizeof(c.socket);
        break;
    default:
        break;
    }
    for (i = rng_below(rng, 4); i; i--) {
        c.words[rng_below(rng, length / 4 + 1)] =
            rng_below(rng, 2) ? rng_size(rng, 70000) : rng_u32(rng);
    }
    c.cmd.op = rng_below(rng, 20) ? rng_below(rng, CMD_SET_OPTION + 2) : c.cmd.op;
    if (rng_below(rng, 3)) {
        /* Handles as they are given out, living or not. */
        c.cmd.handle = (1 + rng_below(rng, 3)) << 16 | (1 + rng_below(rng, 40));
    }
    if (c.cmd.op == CMD_IFACE_ADD) {
        c.iface.ring_size = rng_below(rng, 4) ? 65536 : c.iface.ring_size;
    }
    rig_send(c.bytes, length);
}

START_TEST(random_commands_are_survived)
{
    uint64_t rng = mix64(test_seed + 1000u + (uint64_t)_i);
    uint32_t i;

    for (i = 0; i < 20000; i++) {
        random_command(&rng);
        if (rng_below(&rng, 4) == 0) {
            rig_turn();
            rig_now += rng_below(&rng, 8) ? 0 : rng_size(&rng, 5000);
        }
        rig_accept_count = 0;
    }
    ck_assert_uint_gt(ctl->app.commands.bad, 1000);
}
END_TEST

/* --- Idle --------------------------------------------------------------------------------------------- */

START_TEST(idle_connection_needs_no_timer)
{
    uint32_t turns;

    pair(1u << 20);
    say(&client, 100000);
    say(&server, 100000);
    ck_assert_int_eq(rig_until(all_read, 5000), 1);
    ck_assert_double_le(rig_rest(60000), 60000);
    turns = ctl->stats.turns;
    rig_now += 86400000.0;
    rig_settle();
    /* Nothing asked for the turn; it may want one more tick of the clock. */
    ck_assert_double_le(rig_rest(2000), 2000);
    ck_assert_uint_le(ctl->stats.turns - turns, 20);
    say(&client, 100000);
    ck_assert_int_eq(rig_until(all_read, 1000), 1);
}
END_TEST

START_TEST(stack_without_work_asks_for_no_turn)
{
    ck_assert_double_le(rig_rest(60000), 60000);
    ck_assert_uint_eq(ctl->next_timer, TIMER_NONE);
}
END_TEST

START_TEST(keepalive_is_due_when_it_says)
{
    uint32_t segments;

    pair(65536);
    say(&client, 10);
    ck_assert_int_eq(rig_until(all_read, 1000), 1);
    rig_option(OPTION_KEEPALIVE, client.handle, 3600000);
    rig_settle();
    rig_pass(30000);
    segments = ctl->stats.tcp_tx_segments;
    while (ctl->next_timer <= 20) {
        /* A tick of the clock, and it stops. */
        rig_now += ctl->next_timer;
        rig_settle();
    }
    ck_assert_uint_gt(ctl->next_timer, 3500000);
    ck_assert_uint_le(ctl->next_timer, 3600000);
    rig_pass(3560000);
    ck_assert_uint_eq(ctl->stats.tcp_tx_segments, segments);
    rig_pass(11000);
    /* A probe and its answer; then an hour again. */
    ck_assert_uint_eq(ctl->stats.tcp_tx_segments, segments + 2);
    rig_pass(3600000);
    ck_assert_uint_eq(ctl->stats.tcp_tx_segments, segments + 4);
    rig_option(OPTION_KEEPALIVE, client.handle, 0);
    rig_settle();
    ck_assert_double_le(rig_rest(60000), 60000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_limits");
    TCase *sockets = tcase_create("sockets"), *events = tcase_create("events");
    TCase *garbage = tcase_create("garbage"), *idle = tcase_create("idle");

    tcase_add_checked_fixture(sockets, setup, teardown);
    tcase_add_checked_fixture(events, setup, teardown);
    tcase_add_checked_fixture(garbage, setup, teardown);
    tcase_add_checked_fixture(idle, setup, teardown);
    tcase_set_timeout(garbage, 120);
    tcase_add_loop_test(sockets, sockets_are_bounded_by_the_option, 0, 2);
    tcase_add_test(events, full_event_ring_loses_nothing);
    tcase_add_test(events, room_for_answers_wakes_the_engine);
    tcase_add_test(garbage, commands_of_a_wrong_length_are_counted_and_answered);
    tcase_add_test(garbage, unknown_commands_are_counted);
    tcase_add_test(garbage, every_command_on_every_kind_of_handle);
    tcase_add_loop_test(garbage, keepalive_of_any_length_does_not_end_the_connection, 0, 6);
    tcase_add_loop_test(garbage, sizes_of_rings_nobody_can_have_are_survived, 0, 6);
    tcase_add_loop_test(garbage, random_commands_are_survived, 0, 6);
    tcase_add_test(idle, idle_connection_needs_no_timer);
    tcase_add_test(idle, stack_without_work_asks_for_no_turn);
    tcase_add_test(idle, keepalive_is_due_when_it_says);
    suite_add_tcase(suite, sockets);
    suite_add_tcase(suite, events);
    suite_add_tcase(suite, garbage);
    suite_add_tcase(suite, idle);
    return run_suite(suite);
}
