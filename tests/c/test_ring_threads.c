/* SPDX-License-Identifier: MIT */
/* test_ring_threads.c - both sides of a ring on two threads, asleep whenever there is nothing to do
 *
 * Each side computes the stream from the seed, so the expected bytes never travel through the
 * ring. A side that finds nothing to do arms its threshold and sleeps on its doorbell, however long it
 * takes; if it is not woken in PATIENCE seconds, a wake-up was lost and the test fails. Runs under
 * ThreadSanitizer too, which checks the letters of core/ring.h.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ring_rig.h"

#if defined(__SANITIZE_THREAD__)
#define TOTAL (24u << 20)
#define FRAMES 60000u
#else
#define TOTAL (96u << 20)
#define FRAMES 300000u
#endif
#define PATIENCE 20

/* The failure of either thread; both end when it is set. */
static const char *_Atomic failure;
static _Atomic uint32_t sleeps;

/* The side that gives the ring larger buffers; NO_SIDE: the first one stays. */
enum allocator { NO_SIDE, PRODUCER, CONSUMER };

struct plan {
    enum allocator allocator;
    uint32_t first; /* size of the first buffer */
    uint32_t batch; /* about this many submits or releases a notify */
};

static const struct plan plans[] = {
    { NO_SIDE, 64, 1 },  { NO_SIDE, 4096, 3 }, { NO_SIDE, 65536, 8 }, { PRODUCER, 64, 1 },
    { PRODUCER, 64, 5 }, { CONSUMER, 64, 1 },  { CONSUMER, 64, 5 },
};
static const struct plan *plan;

static void fail_with(const char *why)
{
    const char *none = NULL;

    atomic_compare_exchange_strong(&failure, &none, why);
}

/**
 * sleep_on() - Sleep until a doorbell is rung
 * @doorbell: doorbell
 * @seen: its count before the mark was armed
 */
static void sleep_on(struct doorbell *doorbell, uint32_t seen)
{
    struct timespec patience = { .tv_sec = PATIENCE };

    atomic_store(&doorbell->sleeping, 1); /* N, before M */
    if (atomic_load(&doorbell->seq) == seen) {
        atomic_fetch_add(&sleeps, 1);
        if (syscall(SYS_futex, &doorbell->seq, FUTEX_WAIT, seen, &patience, NULL, 0) != 0 &&
            errno == ETIMEDOUT) {
            fail_with("a wake-up was lost");
        }
    }
    atomic_store(&doorbell->sleeping, 0);
}

static void wake(struct doorbell *doorbell)
{
    if (atomic_load(&doorbell->sleeping)) { /* N, after M in doorbell_ring() */
        syscall(SYS_futex, &doorbell->seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

static void tell_consumer(void)
{
    if (producer_notify(&p)) {
        wake(&data_doorbell);
    }
}

static void tell_producer(void)
{
    if (consumer_notify(&c)) {
        wake(&room_doorbell);
    }
}

/**
 * change_buffer() - Give the ring another buffer if it is settled; called by the allocating side
 * @rng: of this side
 */
static void change_buffer(uint64_t *rng)
{
    uint32_t old, size;

    if (!ring_resize_settled(&ring)) {
        return;
    }
    old = (atomic_load_explicit(&ring.offered, memory_order_relaxed) + 1) & 1; /* our own G */
    ring.buf[old] = 0;
    ring.size[old] = 0;
    size = 64u << rng_below(rng, 9);
    ring_resize_offer(&ring, new_store(size), size);
}

/**
 * wait_for_room() - Sleep until there is room
 * @mark: see producer_arm()
 */
static void wait_for_room(uint32_t mark)
{
    uint32_t seen = atomic_load(&room_doorbell.seq);

    tell_consumer();
    if (producer_arm(&p, mark)) {
        sleep_on(&room_doorbell, seen);
    }
}

/**
 * wait_for_data() - Sleep until there is something to take
 */
static void wait_for_data(void)
{
    uint32_t seen = atomic_load(&data_doorbell.seq);

    tell_producer();
    if (consumer_arm(&c)) {
        sleep_on(&data_doorbell, seen);
    }
}

static void *produce_bytes(void *unused)
{
    uint64_t rng = mix64(test_seed ^ 1);
    uint32_t done = 0;
    struct span to;

    while (done < TOTAL && !atomic_load(&failure)) {
        uint32_t want = 1 + rng_size(&rng, 5000);

        want = want < TOTAL - done ? want : TOTAL - done;
        if (byte_reserve(&p, want, &to) == 0) {
            /* Now the next release, now half of the ring. */
            wait_for_room(rng_below(&rng, 2) ? p.head : p.head + (p.tail - p.head) / 2);
            continue;
        }
        seeded_fill(test_seed, done, to.data, to.length);
        byte_submit(&p, to.length);
        done += to.length;
        if (rng_below(&rng, plan->batch) == 0) {
            tell_consumer();
        }
        if (plan->allocator == PRODUCER && rng_below(&rng, 50) == 0) {
            change_buffer(&rng);
        }
    }
    tell_consumer();
    return unused;
}

static void *consume_bytes(void *unused)
{
    uint64_t rng = mix64(test_seed ^ 2);
    uint32_t done = 0, ahead = 0;
    struct span from;

    while (done < TOTAL && !atomic_load(&failure)) {
        /* Read ahead for a while, then release all of it or a part. */
        if (byte_peek(&c, c.head + ahead, &from)) {
            if (seeded_differs(test_seed, done + ahead, from.data, from.length)) {
                fail_with("a byte is not what was written");
            }
            ahead += from.length;
        } else if (ahead == 0) {
            wait_for_data();
            continue;
        }
        if (rng_below(&rng, 3) == 0 || from.length == 0) {
            uint32_t length = rng_below(&rng, 4) ? ahead : rng_size(&rng, ahead);

            byte_release(&c, length);
            done += length;
            ahead -= length;
            if (rng_below(&rng, plan->batch) == 0) {
                tell_producer();
            }
        }
        if (plan->allocator == CONSUMER && rng_below(&rng, 50) == 0) {
            change_buffer(&rng);
        }
    }
    tell_producer();
    return unused;
}

static void *produce_frames(void *unused)
{
    uint64_t rng = mix64(test_seed ^ 3), lengths = mix64(test_seed ^ 4);
    uint32_t n = 0, length = rng_size(&lengths, ring.size[0] / 2 - FRAME_HEADER);
    uint8_t *to;

    while (n < FRAMES && !atomic_load(&failure)) {
        if (frame_reserve(&p, length, &to) != 0) {
            wait_for_room(rng_below(&rng, 2) ? p.head : p.head + (p.tail - p.head) / 2);
            continue;
        }
        seeded_fill(mix64(n), 0, to, length);
        frame_submit(&p, length);
        n++;
        length = rng_size(&lengths, ring.size[0] / 2 - FRAME_HEADER);
        if (rng_below(&rng, plan->batch) == 0) {
            tell_consumer();
        }
    }
    tell_consumer();
    return unused;
}

static void *consume_frames(void *unused)
{
    uint64_t rng = mix64(test_seed ^ 5), lengths = mix64(test_seed ^ 4);
    uint32_t n;

    for (n = 0; n < FRAMES; n++) {
        uint32_t length = rng_size(&lengths, ring.size[0] / 2 - FRAME_HEADER);
        struct span from;

        while (frame_peek(&c, STORE_MAX, &from) != 0) {
            wait_for_data();
            if (atomic_load(&failure)) {
                return unused;
            }
        }
        if (from.length != length || seeded_differs(mix64(n), 0, from.data, length)) {
            fail_with("a frame is not what was written");
        }
        frame_release(&c);
        if (rng_below(&rng, plan->batch) == 0) {
            tell_producer();
        }
    }
    tell_producer();
    return unused;
}

/**
 * run_pair() - Run both sides and look at the outcome
 * @produce: producer's thread
 * @consume: consumer's thread
 */
static void run_pair(void *(*produce)(void *), void *(*consume)(void *))
{
    pthread_t producer, consumer;

    atomic_store(&failure, NULL);
    atomic_store(&sleeps, 0);
    ck_assert_int_eq(pthread_create(&consumer, NULL, consume, NULL), 0);
    ck_assert_int_eq(pthread_create(&producer, NULL, produce, NULL), 0);
    pthread_join(producer, NULL);
    pthread_join(consumer, NULL);
    ck_assert_msg(!atomic_load(&failure), "%s", atomic_load(&failure));
    ck_assert_uint_eq(held(), 0);
    ck_assert_uint_eq(ring.bad, 0);
    ck_assert_uint_gt(atomic_load(&sleeps), 100);
}

START_TEST(byte_stream_between_two_threads)
{
    plan = &plans[_i];
    start_ring(plan->first);
    run_pair(produce_bytes, consume_bytes);
}
END_TEST

START_TEST(frames_between_two_threads)
{
    plan = &plans[_i];
    start_ring(plan->first < 256 ? 256 : plan->first);
    run_pair(produce_frames, consume_frames);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring_threads");
    TCase *tc = tcase_create("threads");

    tcase_set_timeout(tc, 240);
    tcase_add_loop_test(tc, byte_stream_between_two_threads, 0, sizeof(plans) / sizeof(plans[0]));
    tcase_add_loop_test(tc, frames_between_two_threads, 0, 3);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
