/* SPDX-License-Identifier: MIT */
/* test_stack_channels.c - objects on channels of their own (core/channel.c), as another thread sees them */
#include "stack_rig.h"

/* The other thread's end of a channel. */
struct thread {
    struct abi_channel *channel;
    struct producer commands;
    struct consumer events;
};

static struct app client, server, listener;
static uint32_t bytes_before;

static void setup(void)
{
    rig_start(16u << 20, 1000);
    rig_loopback();
    bytes_before = rig_arena()->free_bytes;
}

static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

static void pair(void)
{
    rig_pair(&server, &client, &listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80),
             socket_command(SOCK_TCP, "127.0.0.1", 80));
}

static int share(uint32_t op, uint32_t handle)
{
    struct cmd cmd = { .op = op, .handle = handle };

    return rig_call(&cmd, sizeof(cmd));
}

static int recall(uint32_t handle)
{
    struct cmd cmd = { .op = CMD_RECALL, .handle = handle };

    return rig_call(&cmd, sizeof(cmd));
}

/* attach() - take the channel that the last answer tells of */
static struct thread attach(void)
{
    struct thread t = { .channel = at(rig_answer.offset) };
    uint32_t offered = CHANNEL_OFFERED;

    ck_assert_uint_eq(t.channel->key, rig_answer.handle);
    ck_assert(atomic_compare_exchange_strong(&t.channel->state, &offered, CHANNEL_ATTACHED));
    producer_init(&t.commands, &t.channel->commands);
    consumer_init(&t.events, &t.channel->events);
    return t;
}

static void push(struct thread *t)
{
    uint32_t first = atomic_load(&ctl->pending);

    do {
        atomic_store(&t->channel->next, first);
    } while (!atomic_compare_exchange_weak(&ctl->pending, &first, t->channel->index));
}

static void tell(struct thread *t, uint32_t op, uint32_t handle)
{
    struct cmd cmd = { .op = op, .id = 7, .handle = handle };
    uint8_t *to;

    ck_assert_int_eq(frame_reserve(&t->commands, sizeof(cmd), &to), 0);
    memcpy(to, &cmd, sizeof(cmd));
    frame_submit(&t->commands, sizeof(cmd));
    if (!(atomic_fetch_or(&t->channel->state, CHANNEL_PENDING) & CHANNEL_PENDING)) {
        push(t);
    }
}

static void let_go(struct thread *t)
{
    if (!(atomic_exchange(&t->channel->state, CHANNEL_RELEASED | CHANNEL_PENDING) &
          CHANNEL_PENDING)) {
        push(t);
    }
}

/* heard() - the next event of a channel; its kind is 0 if there is none */
static struct event heard(struct thread *t)
{
    struct event event = { 0 };
    struct span span;

    if (frame_peek(&t->events, sizeof(event), &span) == 0) {
        memcpy(&event, span.data, sizeof(event));
        frame_release(&t->events);
    }
    return event;
}

START_TEST(connection_is_the_other_threads)
{
    struct thread t;
    struct event event;

    pair();
    ck_assert_int_eq(share(CMD_SHARE_SOCK, server.handle), 0);
    t = attach();
    rig_cmd(CMD_ABORT, server.handle, 0); /* not the app's any more */
    rig_settle();
    ck_assert(!app_closed(&client));
    event = heard(&t);
    ck_assert_uint_eq(event.kind, EVENT_SOCK);
    ck_assert_uint_eq(event.handle, server.handle);
    ck_assert_uint_eq(event.bits, SOCK_OPEN | SOCK_READABLE | SOCK_WRITABLE);
    tell(&t, CMD_ABORT, server.handle);
    tell(&t, CMD_RELEASE, server.handle);
    let_go(&t);
    rig_settle();
    ck_assert(app_closed(&client));
    ck_assert_int_eq(client.error, ABI_ECONNRESET);
    ck_assert_uint_eq(ctl->channels, 0);
    ck_assert_uint_eq(ctl->first_channel, 0);
}
END_TEST

START_TEST(thread_may_only_do_what_its_object_needs)
{
    static const uint32_t ops[] = { CMD_IFACE_REMOVE, CMD_IFACE_WIRE, CMD_RECALL, CMD_SHARE_IFACE };
    struct thread t;
    uint32_t i;

    pair();
    ck_assert_int_eq(share(CMD_SHARE_SOCK, server.handle), 0);
    t = attach();
    for (i = 0; i < 4; i++) {
        tell(&t, ops[i], 1u << 16 | 1);
    }
    tell(&t, CMD_ABORT, client.handle);
    rig_settle();
    ck_assert_uint_eq(t.channel->commands.bad, 5);
    ck_assert(!app_closed(&client));
    heard(&t);
    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(heard(&t).error, ABI_EINVAL);
    }
}
END_TEST

START_TEST(what_is_let_go_unreleased_is_reset)
{
    struct thread t;

    pair();
    ck_assert_int_eq(share(CMD_SHARE_SOCK, server.handle), 0);
    t = attach();
    let_go(&t);
    rig_settle();
    ck_assert_int_eq(client.error, ABI_ECONNRESET);
    ck_assert_uint_eq(ctl->channels, 0);
}
END_TEST

START_TEST(recall_frees_what_nobody_attached_and_asks_others)
{
    struct thread t;

    pair();
    ck_assert_int_eq(share(CMD_SHARE_SOCK, client.handle), 0);
    t = attach();
    ck_assert_int_eq(share(CMD_SHARE_SOCK, server.handle), 0);
    ck_assert_uint_eq(ctl->channels, 2);
    atomic_store(&t.channel->doorbell.sleeping, DOORBELL_POST);
    ck_assert_int_eq(recall(0), 0);
    ck_assert_uint_eq(ctl->channels, 1);
    ck_assert_uint_eq(atomic_load(&t.channel->state), CHANNEL_RECALLED);
    ck_assert_uint_eq(atomic_load(&ctl->posts), 1);
    ck_assert_int_eq(recall(0), 0); /* again: nothing new */
    ck_assert_uint_eq(ctl->channels, 1);
    let_go(&t);
    rig_settle();
    ck_assert_uint_eq(ctl->channels, 0);
}
END_TEST

START_TEST(interface_goes_there_and_back)
{
    struct abi_iface *tap = rig_iface(iface_command(IFACE_TAP, 1500, "10.0.0.1/24", NULL));
    uint32_t app_doorbell = offset_of(&ctl->app.doorbell), handle = tap->handle;
    struct thread t;

    ck_assert_int_eq(share(CMD_SHARE_IFACE, handle), 0);
    t = attach();
    ck_assert_uint_eq(tap->channel, rig_answer.offset);
    ck_assert_uint_eq(atomic_load(&tap->tx.data_doorbell), offset_of(&t.channel->doorbell));
    ck_assert_uint_eq(atomic_load(&tap->rx.room_doorbell), offset_of(&t.channel->doorbell));
    tap->listening = 1;
    ck_assert_int_eq(recall(handle + (1u << 16)), 0); /* another one's */
    ck_assert_uint_eq(atomic_load(&t.channel->state), CHANNEL_ATTACHED);
    ck_assert_int_eq(recall(handle), 0);
    ck_assert_uint_eq(atomic_load(&t.channel->state), CHANNEL_RECALLED);
    let_go(&t);
    rig_settle();
    ck_assert_uint_eq(tap->channel, 0);
    ck_assert_uint_eq(tap->listening, 0);
    ck_assert_uint_eq(atomic_load(&tap->tx.data_doorbell), app_doorbell);
    ck_assert_uint_eq(atomic_load(&tap->rx.room_doorbell), app_doorbell);
}
END_TEST

START_TEST(what_cannot_be_shared)
{
    pair();
    ck_assert_int_eq(share(CMD_SHARE_IFACE, 1u << 16 | 1), ABI_EINVAL); /* loopback */
    ck_assert_int_eq(share(CMD_SHARE_IFACE, 99), ABI_ENODEV);
    ck_assert_int_eq(share(CMD_SHARE_SOCK, 99), ABI_EBADF);
    ck_assert_int_eq(share(CMD_SHARE_SOCK, listener.handle), ABI_EBADF);
    ck_assert_uint_eq(ctl->channels, 0);
}
END_TEST

START_TEST(garbage_in_the_list_ends_it)
{
    static const uint32_t garbage[] = { 1, 2, 17, 65536, UINT32_MAX };
    struct thread t;
    uint32_t i;

    for (i = 0; i < 5; i++) {
        atomic_store(&ctl->pending, garbage[i]);
        rig_turn();
        ck_assert_uint_eq(atomic_load(&ctl->pending), 0);
    }
    pair();
    ck_assert_int_eq(share(CMD_SHARE_SOCK, server.handle), 0);
    t = attach();
    for (i = 1; i < 5; i++) {
        tell(&t, CMD_SYNC, 0);
        atomic_store(&t.channel->next, garbage[i]);
        rig_settle();
    }
    heard(&t);
    for (i = 1; i < 5; i++) {
        ck_assert_uint_eq(heard(&t).kind, EVENT_RESULT);
    }
    /* A list that goes round: it is cut where the bit says that the channel was taken. */
    tell(&t, CMD_SYNC, 0);
    atomic_store(&t.channel->next, t.channel->index);
    rig_settle();
}
END_TEST

START_TEST(ports_give_everything_back)
{
    struct app *ends = calloc(200, sizeof(*ends));
    struct thread threads[100];
    uint32_t i, round;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)), 0);
    for (round = 0; round < 3; round++) {
        for (i = 0; i < 100; i++) {
            ck_assert_int_eq(rig_open(&ends[i], socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
            rig_settle();
            ck_assert_int_eq(rig_accept(&ends[100 + i]), 1);
            ck_assert_int_eq(share(CMD_SHARE_SOCK, ends[i].handle), 0);
            threads[i] = attach();
        }
        ck_assert_uint_eq(ctl->channels, 100);
        for (i = 0; i < 100; i++) {
            tell(&threads[i], CMD_ABORT, ends[i].handle);
            let_go(&threads[i]);
        }
        rig_settle();
        ck_assert_uint_eq(ctl->channels, 0);
        for (i = 0; i < 100; i++) {
            app_forget(&ends[i]);
            app_release(&ends[100 + i]);
        }
        rig_settle();
    }
    free(ends);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_channels");
    TCase *tc = tcase_create("channels");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, connection_is_the_other_threads);
    tcase_add_test(tc, thread_may_only_do_what_its_object_needs);
    tcase_add_test(tc, what_is_let_go_unreleased_is_reset);
    tcase_add_test(tc, recall_frees_what_nobody_attached_and_asks_others);
    tcase_add_test(tc, interface_goes_there_and_back);
    tcase_add_test(tc, what_cannot_be_shared);
    tcase_add_test(tc, garbage_in_the_list_ends_it);
    tcase_add_test(tc, ports_give_everything_back);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
