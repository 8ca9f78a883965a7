/* SPDX-License-Identifier: MIT */
/* stack_rig.h - one stack driven as JavaScript would, on a virtual clock
 *
 * Commands go in through ctl.app.commands, events come out of ctl.app.events, and the test sets the
 * time. The app's side is strict: it writes and reads a socket only until the ring is full or empty,
 * arms its threshold, and goes on when an event says so; after a lost event the test stops. rig_pass()
 * moves the clock only to the time that the engine asked for, so a timer that the engine forgot does
 * not fire either.
 */
#ifndef RINGSTACK_STACK_RIG_H
#define RINGSTACK_STACK_RIG_H

#include "command_rig.h"
#include "testkit.h"

#include "mem/heap.h"
#include "ring.h"

int rs_arena_init(uint32_t first, uint32_t size);
uint32_t rs_arena_new_owner(void);
uint32_t rs_arena_free_owner(uint32_t owner);
uint32_t rs_stack_init(uint32_t config, double now);
int rs_stack_turn(double now);
void rs_stack_close(void);

/* A target of tests/fuzz has fewer. */
#ifndef APPS
#define APPS 2048u
#endif
#define NO_LIMIT UINT64_MAX

/* A socket as the app sees it. */
struct app {
    struct abi_sock *pub;
    uint32_t handle;
    struct producer tx;
    struct consumer rx;
    uint32_t bits; /* all SOCK_* bits that events told */
    int32_t error;
    uint64_t tx_seed, rx_seed;   /* of what we write and of what we expect */
    uint64_t written, write_end; /* position in our stream, and where it ends */
    uint64_t read, read_end;     /* position in theirs, and how far we care to read */
    uint8_t can_write, can_read; /* nothing was found full or empty since the last event */
    uint8_t shut_at_end;         /* CMD_SHUTDOWN once written is write_end */
    uint8_t shut;
    uint8_t listener;
    uint8_t unchecked; /* what is read may be anything */
};

static struct stack_ctl *ctl;
static struct producer rig_commands;
static struct consumer rig_events;
static struct stack_config rig_config;
static double rig_now;
static struct app *apps[APPS];
static struct event rig_accepts[APPS]; /* EVENT_ACCEPT not yet taken, oldest first */
static uint32_t rig_accept_count;
static struct event rig_answer; /* the last EVENT_RESULT */
static uint32_t rig_next_id = 1;
static struct app *rig_opening;  /* gets the socket that the next answer tells of */
static uint32_t rig_hold_events; /* the app does not read its events */
static uint32_t rig_turns;
static uint32_t rig_piece = UINT32_MAX; /* the app releases so much at a time, */
static void (*rig_after_piece)(void);   /* and does this then */
static void (*rig_wait_for_room)(void); /* the command ring is full; default: turn the stack */

/**
 * rig_start() - Set up an arena and a stack
 * @size: of the arena
 * @max_sockets: of the stack
 */
static inline void rig_start(uint32_t size, uint32_t max_sockets)
{
    uint32_t i;

    map_arena(size);
    ck_assert_int_eq(rs_arena_init(ARENA_CTL + (uint32_t)sizeof(struct arena_ctl), size), 0);
    rig_config.owner = rs_arena_new_owner();
    rig_config.max_sockets = max_sockets;
    for (i = 0; i < 8; i++) {
        rig_config.seed[i] = (uint32_t)mix64(test_seed + i);
    }
    rig_now = 1000.25;
    i = rs_stack_init(offset_of(&rig_config), rig_now);
    ck_assert_uint_ne(i, 0);
    ctl = at(i);
    ck_assert_uint_eq(ctl->magic, ABI_MAGIC);
    ck_assert_uint_eq(ctl->size, sizeof(*ctl));
    producer_init(&rig_commands, &ctl->app.commands);
    consumer_init(&rig_events, &ctl->app.events);
}

static inline struct arena_ctl *rig_arena(void)
{
    return at(ARENA_CTL);
}

static inline struct app *app_of(uint32_t handle)
{
    uint32_t i;

    for (i = 0; i < APPS; i++) {
        if (apps[i] && apps[i]->handle == handle) {
            return apps[i];
        }
    }
    return NULL;
}

/**
 * app_bind() - Take the app's side of a socket
 * @a: to fill in; registered for events
 * @handle: its handle
 * @offset: offset of its struct abi_sock
 */
static inline void app_bind(struct app *a, uint32_t handle, uint32_t offset)
{
    uint32_t i = 0;

    memset(a, 0, sizeof(*a));
    a->handle = handle;
    a->pub = at(offset);
    must(a->pub->handle == handle);
    a->read_end = NO_LIMIT;
    a->listener = a->pub->kind == SOCK_TCP_LISTENER;
    if (!a->listener) {
        producer_init(&a->tx, &a->pub->tx);
        consumer_init(&a->rx, &a->pub->rx);
    }
    while (apps[i]) {
        must(++i < APPS);
    }
    apps[i] = a;
}

/**
 * take_event() - Look at one event
 * @event: event
 */
static inline void take_event(const struct event *event)
{
    struct app *a;

    if (event->kind == EVENT_RESULT) {
        rig_answer = *event;
        if (rig_opening && event->error == 0) {
            /* At once: the events that follow may be about it. */
            app_bind(rig_opening, event->handle, event->offset);
        }
        rig_opening = NULL;
    } else if (event->kind == EVENT_ACCEPT) {
        must(rig_accept_count < APPS);
        rig_accepts[rig_accept_count++] = *event;
    } else {
        must(event->kind == EVENT_SOCK);
        a = app_of(event->handle);
        if (!a) {
            /* Of a connection that is not taken yet: the bits that matter are in its flags, too. */
            return;
        }
        a->bits |= event->bits;
        a->error = event->bits & SOCK_CLOSED ? event->error : a->error;
        a->can_read |= (event->bits & (SOCK_READABLE | SOCK_OPEN)) != 0;
        a->can_write |= (event->bits & (SOCK_WRITABLE | SOCK_OPEN)) != 0;
    }
}

/**
 * rig_drain() - Read the events there are
 */
static inline void rig_drain(void)
{
    struct span record;

    while (!rig_hold_events && frame_peek(&rig_events, sizeof(struct event), &record) == 0) {
        struct event event;

        must(record.length == sizeof(event));
        memcpy(&event, record.data, sizeof(event));
        frame_release(&rig_events);
        take_event(&event);
    }
    if (!rig_hold_events) {
        consumer_notify(&rig_events);
        consumer_arm(&rig_events);
    }
}

/**
 * rig_turn() - Turn the stack once and read its events
 *
 * Return: as rs_stack_turn()
 */
static inline int rig_turn(void)
{
    int more = rs_stack_turn(rig_now);

    rig_turns++;
    rig_drain();
    return more;
}

/**
 * rig_send() - Submit a record to the command ring, turning the stack while it is full
 * @command: record
 * @length: its bytes
 */
static inline void rig_send(const void *command, uint32_t length)
{
    uint8_t *to;
    int err;

    while ((err = frame_reserve(&rig_commands, length, &to)) == ABI_EAGAIN) {
        if (rig_wait_for_room) {
            rig_wait_for_room();
        } else {
            rig_turn();
        }
    }
    must(err == 0);
    memcpy(to, command, length);
    must(frame_submit(&rig_commands, length) == 0);
    producer_notify(&rig_commands);
}

/**
 * rig_cmd() - Send a command without an answer
 * @op: CMD_*
 * @handle: whose
 * @value: value
 */
static inline void rig_cmd(uint32_t op, uint32_t handle, uint32_t value)
{
    struct cmd cmd = { .op = op, .handle = handle, .value = value };

    rig_send(&cmd, sizeof(cmd));
}

/**
 * rig_option() - Set an option of a socket
 * @option: OPTION_*
 * @handle: whose
 * @value: value
 */
static inline void rig_option(uint32_t option, uint32_t handle, uint32_t value)
{
    struct cmd_option cmd = { .cmd.op = CMD_SET_OPTION, .option = option };

    cmd.cmd.handle = handle;
    cmd.cmd.value = value;
    rig_send(&cmd, sizeof(cmd));
}

/* --- The app's side of a connection ------------------------------------------------------------ */

/**
 * app_write() - Write what fits of the seeded stream; ask for more room if it does not all fit
 * @a: connection
 */
static inline void app_write(struct app *a)
{
    uint64_t left;
    struct span to;

    while (a->can_write && (left = a->write_end - a->written)) {
        uint32_t want = left < 1u << 20 ? (uint32_t)left : 1u << 20;

        if (byte_reserve(&a->tx, want, &to)) {
            seeded_fill(a->tx_seed, a->written, to.data, to.length);
            must(byte_submit(&a->tx, to.length) == 0);
            a->written += to.length;
            continue;
        }
        __atomic_store_n(&a->pub->tx.want, want, __ATOMIC_RELAXED);
        a->can_write = !producer_arm(&a->tx, a->tx.head);
        producer_notify(&a->tx);
        rig_cmd(CMD_KICK, a->handle, 0);
    }
    if (a->written == a->write_end) {
        byte_reserve(&a->tx, 0, &to); /* moves to the buffer that was offered, if one was */
        __atomic_store_n(&a->pub->tx.want, 0, __ATOMIC_RELAXED);
    }
    if (producer_notify(&a->tx)) {
        rig_cmd(CMD_KICK, a->handle, 0);
    }
    if (a->shut_at_end && !a->shut && a->written == a->write_end) {
        a->shut = 1;
        rig_cmd(CMD_SHUTDOWN, a->handle, 0);
    }
}

/**
 * say() - Have an app write more
 * @a: app
 * @more: bytes
 */
static inline void say(struct app *a, uint64_t more)
{
    a->write_end += more;
    a->can_write = 1;
}

/**
 * app_read() - Read and check what there is of the peer's stream, up to read_end
 * @a: connection
 */
static inline void app_read(struct app *a)
{
    struct span from;

    while (a->can_read && a->read < a->read_end) {
        if (byte_peek(&a->rx, a->rx.head, &from)) {
            uint64_t left = a->read_end - a->read;
            uint32_t length = from.length < left ? from.length : (uint32_t)left;

            length = length < rig_piece ? length : rig_piece;

            must(a->unchecked || seeded_differs(a->rx_seed, a->read, from.data, length) == 0);
            must(byte_release(&a->rx, length) == 0);
            a->read += length;
            if (rig_after_piece && consumer_notify(&a->rx)) {
                rig_cmd(CMD_KICK, a->handle, 0);
                rig_after_piece();
            }
            continue;
        }
        a->can_read = !consumer_arm(&a->rx);
    }
    if (consumer_notify(&a->rx)) {
        rig_cmd(CMD_KICK, a->handle, 0);
    }
}

/**
 * app_forget() - No longer look after a socket
 * @a: socket
 */
static inline void app_forget(struct app *a)
{
    uint32_t i;

    for (i = 0; i < APPS; i++) {
        if (apps[i] == a) {
            apps[i] = NULL;
        }
    }
}

/**
 * app_release() - Send CMD_RELEASE and forget the socket
 * @a: socket
 */
static inline void app_release(struct app *a)
{
    rig_cmd(CMD_RELEASE, a->handle, 0);
    app_forget(a);
}

/**
 * app_closed() - Whether an event told that a connection is over, and its flags agree
 * @a: connection
 *
 * Return: 1 if so
 */
static inline int app_closed(const struct app *a)
{
    return (a->bits & SOCK_CLOSED) && (atomic_load(&a->pub->flags) & SOCK_CLOSED);
}

/* --- Time --------------------------------------------------------------------------------------- */

/**
 * rig_settle() - Turn the stack and let the apps work until there is nothing to do
 */
static inline void rig_settle(void)
{
    uint32_t turns = 0, rings, i;
    int more;

    do {
        must(turns++ < 2000000);
        rings = atomic_load(&ctl->doorbell.seq);
        more = rig_turn();
        for (i = 0; i < APPS; i++) {
            if (apps[i] && !apps[i]->listener) {
                app_read(apps[i]);
                app_write(apps[i]);
            }
        }
        /* A doorbell rung by the apps asks for a turn as it would wake a sleeping engine. */
        more = more || atomic_load(&ctl->doorbell.seq) != rings;
    } while (more);
}

typedef int (*rig_condition)(void);

/**
 * rig_until() - Let time pass, as the engine asks for it, until something is so
 * @done: condition, NULL: never
 * @most: ms at the most
 *
 * Return: 1 if it became so
 */
static inline int rig_until(rig_condition done, double most)
{
    double end = rig_now + most;

    for (;;) {
        double next;

        rig_settle();
        if (done && done()) {
            return 1;
        }
        if (rig_now >= end) {
            return 0;
        }
        next = ctl->next_timer == TIMER_NONE ? end : rig_now + ctl->next_timer;
        rig_now = next < end ? next : end;
    }
}

static inline void rig_pass(double ms)
{
    rig_until(NULL, ms);
}

/**
 * rig_rest() - Turn the stack when it asks for it until it asks for nothing more
 * @most: ms at the most
 *
 * Return: ms it took, or more than most
 */
static inline double rig_rest(double most)
{
    double start = rig_now;

    for (rig_settle(); ctl->next_timer != TIMER_NONE && rig_now - start <= most; rig_settle()) {
        rig_now += ctl->next_timer;
    }
    return rig_now - start;
}

/**
 * rig_call() - Send a command and wait for its answer
 * @command: record that begins with a struct cmd
 * @length: its bytes
 *
 * Return: its error; rig_answer has the rest
 */
static inline int rig_call(void *command, uint32_t length)
{
    struct cmd *cmd = command;
    uint32_t turns = 0;

    cmd->id = rig_next_id++;
    rig_answer.id = 0;
    rig_send(command, length);
    while (rig_answer.id != cmd->id) {
        must(turns++ < 1000);
        rig_turn();
    }
    return rig_answer.error;
}

/* --- Interfaces and sockets ------------------------------------------------------------------------ */

/**
 * rig_iface() - Add an interface
 * @cmd: command
 *
 * Return: what JS sees of it
 */
static inline struct abi_iface *rig_iface(struct cmd_iface cmd)
{
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    return at(rig_answer.offset);
}

static inline struct abi_iface *rig_loopback(void)
{
    return rig_iface(iface_command(IFACE_LOOPBACK, 65520, "127.0.0.1/8", "::1/128"));
}

/**
 * rig_open() - Send a command that makes a socket, and take its app side
 * @a: to fill in
 * @cmd: command
 *
 * Return: error of the answer; the socket may already have events
 */
static inline int rig_open(struct app *a, struct cmd_socket cmd)
{
    rig_opening = a;
    return rig_call(&cmd, sizeof(cmd));
}

/**
 * rig_accept() - Take the oldest connection that was announced
 * @a: to fill in
 *
 * Return: 1 if there was one
 */
static inline int rig_accept(struct app *a)
{
    struct event event = rig_accepts[0];
    uint32_t flags;

    if (rig_accept_count == 0) {
        return 0;
    }
    memmove(rig_accepts, rig_accepts + 1, --rig_accept_count * sizeof(event));
    app_bind(a, event.handle, event.offset);
    flags = atomic_load(&a->pub->flags);
    must(flags & SOCK_OPEN);
    a->bits = flags;
    a->error = a->pub->error;
    a->can_read = a->can_write = 1;
    rig_cmd(CMD_ACCEPTED, a->handle, 0);
    return 1;
}

/**
 * rig_pair() - A listener, a connection to it, and the accepted end of it
 * @server: set to the accepted end
 * @client: set to the connecting end
 * @listener: set to the listener
 * @listen: command that listens
 * @connect: command that connects
 */
static inline void rig_pair(struct app *server, struct app *client, struct app *listener,
                            struct cmd_socket listen, struct cmd_socket connect)
{
    ck_assert_int_eq(rig_open(listener, listen), 0);
    ck_assert_int_eq(rig_open(client, connect), 0);
    rig_settle();
    ck_assert_uint_eq(client->bits & (SOCK_OPEN | SOCK_CLOSED), SOCK_OPEN);
    ck_assert_int_eq(rig_accept(server), 1);
    client->tx_seed = server->rx_seed = mix64(test_seed + 1);
    server->tx_seed = client->rx_seed = mix64(test_seed + 2);
}

#endif /* RINGSTACK_STACK_RIG_H */
