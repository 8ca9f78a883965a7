/* SPDX-License-Identifier: MIT */
/* test_stack_threads.c - the engine on a thread of its own, the app on another, asleep when idle
 *
 * As the worker engine has it: the engine turns the stack and sleeps on its doorbell until its next
 * timer, the app sleeps on its own doorbell until there are events. Each end of each stream is checked
 * against its seed. The app's sleep has no timer: if it lasts PATIENCE seconds, a wake-up or an
 * event was lost. ThreadSanitizer checks everything the two threads share.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "stack_rig.h"

#define PATIENCE 20
#define CONNECTIONS 6u
#if defined(__SANITIZE_THREAD__)
#define BYTES (3u << 20)
#define ROUNDS 8u
#else
#define BYTES (12u << 20)
#define ROUNDS 20u
#endif

/* The ends of a test; piece: they read so much at a time and kick the stack each time. */
static const struct plan {
    uint32_t window, bytes, piece;
} plans[] = { { 1u << 20, BYTES, 0 }, { 20000, BYTES, 0 }, { 4096, BYTES / 8, 700 } };
static const struct plan *plan;

static const char *_Atomic failure;
static _Atomic int engine_stop;
static _Atomic uint32_t engine_sleeps, app_sleeps;
static struct app listener, ends[2 * CONNECTIONS];
static uint32_t app_seen; /* count of the app's doorbell when its events were last read */
static uint32_t engine_told;

static void fail_with(const char *why)
{
    const char *none = NULL;

    atomic_compare_exchange_strong(&failure, &none, why);
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1000 + (double)ts.tv_nsec / 1e6;
}

static void wake(struct doorbell *doorbell)
{
    if (atomic_load(&doorbell->sleeping)) { /* N, after M in doorbell_ring() */
        syscall(SYS_futex, &doorbell->seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

/**
 * sleep_on() - Sleep until a doorbell is rung
 * @doorbell: doorbell
 * @seen: its count before it was found that there is nothing to do
 * @ms: at the most
 *
 * Return: 0 if that was too long
 */
static int sleep_on(struct doorbell *doorbell, uint32_t seen, uint32_t ms)
{
    struct timespec most = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    int in_time = 1;

    atomic_store(&doorbell->sleeping, 1); /* N, before M */
    if (atomic_load(&doorbell->seq) == seen) {
        in_time = syscall(SYS_futex, &doorbell->seq, FUTEX_WAIT, seen, &most, NULL, 0) == 0 ||
                  errno != ETIMEDOUT;
    }
    atomic_store(&doorbell->sleeping, 0);
    return in_time;
}

/**
 * run_engine() - Turn the stack for as long as the test lasts
 * @unused: NULL
 *
 * Return: NULL
 */
static void *run_engine(void *unused)
{
    uint32_t told = atomic_load(&ctl->app.doorbell.seq);

    while (!atomic_load(&engine_stop)) {
        uint32_t seen = atomic_load(&ctl->doorbell.seq), timer;
        int more = rs_stack_turn(now_ms());

        if (atomic_load(&ctl->app.doorbell.seq) != told) {
            told = atomic_load(&ctl->app.doorbell.seq);
            wake(&ctl->app.doorbell);
        }
        timer = ctl->next_timer < 1000 ? ctl->next_timer : 1000;
        if (more == TURN_SOON) {
            sched_yield();
        } else if (!more && timer) {
            atomic_fetch_add(&engine_sleeps, 1);
            sleep_on(&ctl->doorbell, seen, timer);
        }
    }
    return unused;
}

/**
 * tell_engine() - Wake the engine if what the app did rang its doorbell
 */
static void tell_engine(void)
{
    producer_notify(&rig_commands);
    consumer_notify(&rig_events);
    if (atomic_load(&ctl->doorbell.seq) != engine_told) {
        engine_told = atomic_load(&ctl->doorbell.seq);
        wake(&ctl->doorbell);
    }
}

static void wait_for_room(void)
{
    tell_engine();
    sched_yield();
}

/**
 * wait_for_events() - Read the events there are, or sleep until there are some
 */
static void wait_for_events(void)
{
    uint32_t position = rig_events.head;

    tell_engine();
    app_seen = atomic_load(&ctl->app.doorbell.seq);
    rig_drain();
    tell_engine();
    if (rig_events.head != position) {
        return;
    }
    /* rig_drain() has armed the ring; an event in between is found there or rings. */
    if (frame_peek(&rig_events, sizeof(struct event), &(struct span){ 0 }) == 0) {
        return;
    }
    atomic_fetch_add(&app_sleeps, 1);
    if (!sleep_on(&ctl->app.doorbell, app_seen, PATIENCE * 1000)) {
        fail_with("an event or a wake-up was lost");
    }
}

static int await_answer(uint32_t id)
{
    while (rig_answer.id != id && !atomic_load(&failure)) {
        wait_for_events();
    }
    return rig_answer.error;
}

/**
 * open_socket() - As rig_open(), with the engine elsewhere
 * @a: to fill in
 * @cmd: command
 *
 * Return: error of the answer
 */
static int open_socket(struct app *a, struct cmd_socket cmd)
{
    cmd.cmd.id = rig_next_id++;
    rig_answer.id = 0;
    rig_opening = a;
    rig_send(&cmd, sizeof(cmd));
    return await_answer(cmd.cmd.id);
}

/**
 * all_done() - Whether every end of this round is closed; lets them work
 * @count: ends taken
 *
 * Return: 1 if so
 */
static int all_done(uint32_t count)
{
    uint32_t i, done = 0;

    for (i = 0; i < count; i++) {
        struct app *a = &ends[i];

        app_read(a);
        /* The client ends first: in TIME_WAIT on its side, its port is not used again. */
        a->shut_at_end |= (a->bits & SOCK_EOF) != 0;
        app_write(a);
        if (app_closed(a)) {
            app_read(a);
            done++;
        }
    }
    return done == 2 * CONNECTIONS;
}

/**
 * run_round() - Connections that carry their streams and close
 * @rng: sequence
 */
static void run_round(uint64_t *rng)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP, "127.0.0.1", 80);
    uint32_t i, count;

    cmd.nodelay = rng_below(rng, 2);
    for (i = 0; i < CONNECTIONS; i++) {
        cmd.rx_max = plan->piece ? plan->window : 4096u << rng_below(rng, 9);
        /* A smaller one would wait for a delayed acknowledgement each time it is full. */
        cmd.tx_max = 65536u << rng_below(rng, 5);
        if (open_socket(&ends[i], cmd) != 0) {
            fail_with("connect was refused");
            return;
        }
        ends[i].tx_seed = ends[i].rx_seed = 5;
        ends[i].write_end = rng_size(rng, plan->bytes);
        ends[i].shut_at_end = 1;
    }
    for (count = CONNECTIONS; !all_done(count) && !atomic_load(&failure);) {
        while (count < 2 * CONNECTIONS && rig_accept(&ends[count])) {
            ends[count].tx_seed = ends[count].rx_seed = 5;
            ends[count].write_end = rng_size(rng, plan->bytes);
            app_read(&ends[count]);
            app_write(&ends[count]);
            count++;
        }
        wait_for_events();
    }
    for (i = 0; i < count; i++) {
        if (ends[i].error != 0) {
            fail_with("a connection ended with an error");
        }
        app_release(&ends[i]);
    }
}

START_TEST(streams_between_an_app_and_an_engine_on_two_threads)
{
    uint64_t rng = mix64(test_seed + (uint64_t)_i);
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80);
    pthread_t engine;
    uint32_t round;

    rig_start(256u << 20, 1000);
    rig_loopback();
    plan = &plans[_i];
    cmd.rx_max = plan->window;
    rig_wait_for_room = wait_for_room;
    if (plan->piece) {
        rig_piece = plan->piece;
        rig_after_piece = tell_engine;
    }
    engine_told = atomic_load(&ctl->doorbell.seq);
    ck_assert_int_eq(pthread_create(&engine, NULL, run_engine, NULL), 0);
    if (open_socket(&listener, cmd) != 0) {
        fail_with("listen was refused");
    }
    for (round = 0; round < ROUNDS && !atomic_load(&failure); round++) {
        run_round(&rng);
    }
    app_release(&listener);
    tell_engine();
    atomic_store(&engine_stop, 1);
    doorbell_ring(offset_of(&ctl->doorbell));
    tell_engine();
    pthread_join(engine, NULL);
    ck_assert_msg(!atomic_load(&failure), "%s", atomic_load(&failure));
    ck_assert_uint_gt(atomic_load(&engine_sleeps), 10);
    ck_assert_uint_gt(atomic_load(&app_sleeps), 10);
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_threads");
    TCase *tc = tcase_create("threads");

    tcase_set_timeout(tc, 240);
    tcase_add_loop_test(tc, streams_between_an_app_and_an_engine_on_two_threads, 0, 3);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
