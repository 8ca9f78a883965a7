/* SPDX-License-Identifier: MIT */
/* test_ring_model.c - a million random operations on rings against simple models, and garbage
 *
 * The model of a byte ring is two positions in a seeded stream; that of a frame ring a queue of
 * lengths. RINGSTACK_SEED repeats a run. Garbage is what a broken or hostile other side could
 * write into the shared header and storage: it must be counted and passed by, never followed.
 */
#include "ring_rig.h"

#define OPERATIONS 1000000u /* of each model */

/* --- Bytes against the model ------------------------------------------------------------------- */

static uint64_t written, released, switch_at;
static uint32_t old_size, new_size;

/**
 * expected_room() - What byte_reserve() must find
 * @want: bytes
 *
 * Return: bytes
 */
static uint32_t expected_room(uint32_t want)
{
    uint32_t in = (uint32_t)(written - released), room = in < new_size ? new_size - in : 0;
    uint32_t to_end = new_size - ((NEAR_WRAP + (uint32_t)written) & (new_size - 1));

    room = room < want ? room : want;
    return room < to_end ? room : to_end;
}

static void byte_write(uint64_t *rng)
{
    static const uint32_t odd[] = { 0, 1, UINT32_MAX, 0x80000000u, 0xfffffff0u };
    uint32_t want = rng_below(rng, 8) ? rng_size(rng, 8192) : odd[rng_below(rng, 5)];
    uint32_t length;
    struct span to;

    must(byte_reserve(&p, want, &to) == expected_room(want));
    must(to.length == expected_room(want));
    switch (rng_below(rng, 8)) {
    case 0:
        byte_cancel(&p);
        break;
    case 1:
        must(byte_submit(&p, to.length + 1 + rng_size(rng, 1000)) == ABI_EINVAL);
        break;
    default:
        length = rng_below(rng, 2) ? to.length : rng_size(rng, to.length);
        if (length) {
            seeded_fill(test_seed, written, to.data, length);
        }
        must(byte_submit(&p, length) == 0);
        written += length;
    }
}

static void byte_read(uint64_t *rng)
{
    uint32_t in = (uint32_t)(written - released), ahead = rng_size(rng, in), length;
    struct span from;

    must(byte_held(&c) == in);
    length = byte_peek(&c, c.head + ahead, &from);
    must(from.length == length);
    must(length <= in - ahead);
    must(length > 0 || ahead == in);
    if (length) {
        must(seeded_differs(test_seed, released + ahead, from.data, length) == 0);
    }
    if (rng_below(rng, 4) == 0) {
        must(byte_release(&c, in + 1 + rng_size(rng, 1000)) == ABI_EINVAL);
    } else {
        length = rng_below(rng, 2) ? rng_size(rng, in) : ahead + length;
        must(byte_release(&c, length) == 0);
        released += length;
    }
}

static void byte_switch(uint64_t *rng)
{
    uint32_t old;

    if (!ring_resize_settled(&ring)) {
        return;
    }
    old = (atomic_load(&ring.offered) + 1) & 1;
    ring.buf[old] = 0;
    ring.size[old] = 0;
    new_size = 1u << (4 + rng_below(rng, 9));
    ring_resize_offer(&ring, new_store(new_size), new_size);
}

START_TEST(random_byte_operations_agree_with_the_model)
{
    uint64_t rng = mix64(test_seed + (uint64_t)_i);
    uint32_t i;

    written = released = switch_at = 0;
    old_size = 0;
    new_size = 256;
    start_ring(256);
    for (i = 0; i < OPERATIONS / 2; i++) {
        uint32_t which = rng_below(&rng, 64);

        if (which < 32) {
            byte_write(&rng);
        } else if (which < 63) {
            byte_read(&rng);
        } else {
            byte_switch(&rng);
        }
    }
    must(ring.bad == 0);
    must(written > 10u << 20);
}
END_TEST

/* --- Frames against the model -------------------------------------------------------------------- */

#define QUEUE 1024u

static uint32_t queue[QUEUE], queue_first, queue_last;

static void frame_write(uint64_t *rng, uint32_t size)
{
    uint32_t start = p.tail & (size - 1), length = rng_size(rng, rng_below(rng, 8) ? 200 : size);
    uint32_t need = FRAME_HEADER + ((length + 7) & ~7u),
             skip = need > size - start ? size - start : 0;
    uint8_t *to;
    int expected = 0;

    if (length > size / 2 - FRAME_HEADER) {
        expected = ABI_EMSGSIZE;
    } else if (held() + skip + need > size) {
        expected = ABI_EAGAIN;
    }
    must(frame_reserve(&p, length, &to) == expected);
    if (expected) {
        return;
    }
    if (rng_below(rng, 16) == 0) {
        frame_cancel(&p);
        return;
    }
    if (rng_below(rng, 4) == 0) {
        length = rng_size(rng, length);
    }
    seeded_fill(mix64(queue_last), 0, to, length);
    must(frame_submit(&p, length) == 0);
    queue[queue_last++ % QUEUE] = length;
}

static void frame_read(uint64_t *rng)
{
    uint32_t most = rng_below(rng, 16) ? STORE_MAX : 100, bad = ring.bad;
    struct span from;

    while (queue_first != queue_last && queue[queue_first % QUEUE] > most) {
        /* Longer than the reader takes: dropped and counted. */
        queue_first++;
        bad++;
    }
    if (queue_first == queue_last) {
        must(frame_peek(&c, most, &from) == ABI_EAGAIN);
        must(held() == 0);
    } else {
        must(frame_peek(&c, most, &from) == 0);
        must(from.length == queue[queue_first % QUEUE]);
        must(seeded_differs(mix64(queue_first), 0, from.data, from.length) == 0);
        frame_release(&c);
        queue_first++;
    }
    must(ring.bad == bad);
}

START_TEST(random_frame_operations_agree_with_the_model)
{
    uint64_t rng = mix64(test_seed + (uint64_t)_i);
    uint32_t size = 1u << (6 + 3 * _i), i;

    queue_first = queue_last = 0;
    start_ring(size);
    for (i = 0; i < OPERATIONS / 4; i++) {
        if (rng_below(&rng, 2) && queue_last - queue_first < QUEUE) {
            frame_write(&rng, size);
        } else {
            frame_read(&rng);
        }
    }
    must(queue_last > OPERATIONS / 100);
}
END_TEST

/* --- Garbage --------------------------------------------------------------------------------------- */

#define SIZE 4096u

static volatile uint8_t sink;

/**
 * drain() - Take and touch whatever the consumer finds
 * @max: largest frame
 *
 * Return: frames
 */
static uint32_t drain(uint32_t max)
{
    uint32_t frames = 0, i;
    struct span from;

    while (frame_peek(&c, max, &from) == 0) {
        must(from.length <= max);
        for (i = 0; i < from.length; i++) {
            sink = from.data[i];
        }
        frame_release(&c);
        /* Nothing is submitted at the same time, so there is an end. */
        must(++frames <= SIZE / FRAME_HEADER);
    }
    return frames;
}

/**
 * expect_recovery() - The ring carries frames again soon after the garbage
 */
static void expect_recovery(void)
{
    static uint64_t attempt = 1000000; /* each is new: what it left behind is no success */
    uint32_t i;

    for (i = 0; i < 4 * SIZE / FRAME_HEADER; i++) {
        int err = put_frame(++attempt, 40);
        struct span from;

        /* Full as it may seem to the producer, the consumer goes on. */
        while (frame_peek(&c, STORE_MAX, &from) == 0) {
            if (err == 0 && from.length == 40 &&
                !seeded_differs(mix64(attempt), 0, from.data, 40)) {
                frame_release(&c);
                must(held() == 0);
                must(put_frame(1, SIZE / 2 - FRAME_HEADER) == 0);
                get_frame(1, SIZE / 2 - FRAME_HEADER);
                return;
            }
            frame_release(&c);
        }
    }
    ck_abort_msg("the ring does not recover");
}

static struct frame *record_at(uint32_t position)
{
    return (struct frame *)((char *)at(ring.buf[0]) + (position & (SIZE - 1)));
}

START_TEST(record_longer_than_what_is_held_is_dropped)
{
    static const uint32_t lengths[] = { 33,          SIZE / 2,    SIZE / 2 + 1,
                                        SIZE,        0x7fffffff,  FRAME_SKIP - 1,
                                        0x80000000u, 0xfffffff8u, 0xfffffff0u };

    start_ring(SIZE);
    put_frame(0, 32);
    record_at(NEAR_WRAP)->length = lengths[_i];
    ck_assert_uint_eq(drain(SIZE), 0);
    ck_assert_uint_eq(ring.bad, 1);
    ck_assert_uint_eq(held(), 0);
    expect_recovery();
}
END_TEST

START_TEST(record_across_the_end_of_the_storage_is_dropped)
{
    start_ring(SIZE);
    put_frame(0, 100);
    put_frame(1, 100);
    put_frame(2, 500);
    record_at(NEAR_WRAP)->length = 300;
    ck_assert_uint_eq(drain(SIZE), 0);
    ck_assert_uint_eq(ring.bad, 1);
    expect_recovery();
}
END_TEST

START_TEST(skip_marker_beyond_what_is_held_is_dropped)
{
    start_ring(SIZE);
    put_frame(0, 32);
    record_at(NEAR_WRAP)->length = FRAME_SKIP;
    ck_assert_uint_eq(drain(SIZE), 0);
    ck_assert_uint_eq(ring.bad, 1);
    expect_recovery();
}
END_TEST

START_TEST(frame_longer_than_the_reader_takes_is_dropped_alone)
{
    start_ring(SIZE);
    put_frame(0, 32);
    put_frame(1, 101);
    put_frame(2, 100);
    ck_assert_uint_eq(drain(100), 2);
    ck_assert_uint_eq(ring.bad, 1);
    expect_recovery();
}
END_TEST

static const uint32_t untrue[] = { SIZE + 1,    SIZE + 8,    0x10000,       0x7fffffff,
                                   0x80000000u, 0xfffffff8u, 0u - SIZE - 8, 0u - SIZE };

START_TEST(tail_that_cannot_be_true_drops_what_is_held)
{
    uint32_t i;

    start_ring(SIZE);
    for (i = 0; i < 100; i++) {
        put_frame(i, 32);
        if (i & 1) {
            drain(SIZE);
        }
        atomic_store(&ring.tail, c.head + untrue[_i]);
        ck_assert_uint_eq(drain(SIZE), 0);
        ck_assert_uint_gt(ring.bad, i);
        atomic_store(&ring.tail, p.tail);
        drain(SIZE);
        ck_assert_uint_eq(held(), 0);
    }
    expect_recovery();
}
END_TEST

START_TEST(tail_that_cannot_be_true_costs_no_byte)
{
    start_ring(SIZE);
    put(0, 100);
    atomic_store(&ring.tail, c.head + untrue[_i]);
    ck_assert_uint_eq(get(0, SIZE), 0);
    ck_assert_uint_ge(ring.bad, 1);
    atomic_store(&ring.tail, p.tail);
    ck_assert_uint_eq(get(0, SIZE), 100);
    ck_assert_uint_eq(put(100, SIZE), SIZE);
    ck_assert_uint_eq(get(100, SIZE), SIZE);
}
END_TEST

START_TEST(misaligned_tail_is_dropped)
{
    start_ring(SIZE);
    put_frame(0, 32);
    atomic_store(&ring.tail, p.tail + 1 + (uint32_t)_i);
    drain(SIZE);
    ck_assert_uint_ge(ring.bad, 1);
    atomic_store(&ring.tail, p.tail);
    expect_recovery();
}
END_TEST

START_TEST(tail_beyond_what_was_submitted_is_survived)
{
    start_ring(SIZE);
    put_frame(0, 32);
    drain(SIZE);
    atomic_store(&ring.tail, p.tail + SIZE - 8 * (uint32_t)_i);
    drain(SIZE);
    atomic_store(&ring.tail, p.tail);
    expect_recovery();
}
END_TEST

START_TEST(head_that_cannot_be_true_is_not_taken)
{
    static const uint32_t offsets[] = {
        1, 8, SIZE, SIZE + 1, 0x7fffffff, 0x80000000u, 0xffffff00u
    };
    uint32_t n = 0;
    uint8_t *to;

    start_ring(SIZE);
    while (put_frame(n, 100) == 0) {
        n++;
    }
    atomic_store(&ring.head, p.tail + offsets[_i]);
    if (offsets[_i] != 0xffffff00u) {
        ck_assert_int_eq(frame_reserve(&p, 2000, &to), ABI_EAGAIN);
    } else {
        /* Between the last head and tail: it can be true. */
        frame_reserve(&p, 2000, &to);
        frame_cancel(&p);
    }
    atomic_store(&ring.head, c.head);
    if (offsets[_i] != 0xffffff00u) {
        ck_assert_uint_eq(drain(SIZE), n);
    }
    drain(SIZE);
    expect_recovery();
}
END_TEST

START_TEST(random_garbage_in_a_frame_ring_is_survived)
{
    uint64_t rng = mix64(test_seed + 77u + (uint64_t)_i);
    uint32_t round, i;

    start_ring(SIZE);
    for (round = 0; round < 4000; round++) {
        for (i = rng_below(&rng, 20); i; i--) {
            put_frame(round, rng_size(&rng, 600));
        }
        for (i = rng_below(&rng, 4); i; i--) {
            uint32_t *word = (uint32_t *)at(ring.buf[0]) + rng_below(&rng, SIZE / 4);

            *word = rng_below(&rng, 3) ? rng_size(&rng, SIZE) : rng_u32(&rng);
        }
        switch (rng_below(&rng, 4)) {
        case 0:
            atomic_store(&ring.tail, rng_u32(&rng));
            break;
        case 1:
            atomic_store(&ring.tail, p.tail + rng_below(&rng, 2 * SIZE));
            break;
        case 2:
            atomic_store(&ring.tail, p.tail - rng_below(&rng, 2 * SIZE));
            break;
        default:
            break;
        }
        drain(rng_below(&rng, 2) ? SIZE : 100);
        consumer_arm(&c);
        consumer_notify(&c);
        atomic_store(&ring.tail, p.tail);
        if (rng_below(&rng, 8) == 0) {
            expect_recovery();
        }
    }
    ck_assert_uint_gt(ring.bad, 1000);
    expect_recovery();
}
END_TEST

START_TEST(random_garbage_in_a_byte_ring_is_survived)
{
    uint64_t rng = mix64(test_seed + 99u + (uint64_t)_i);
    uint32_t round, i, last_bad = 0;
    struct span from;

    start_ring(SIZE);
    for (round = 0; round < 20000; round++) {
        put(0, rng_size(&rng, SIZE));
        if (rng_below(&rng, 2)) {
            atomic_store(&ring.tail, rng_below(&rng, 2)
                                         ? rng_u32(&rng)
                                         : p.tail + rng_below(&rng, 2 * SIZE) - SIZE);
        }
        if (rng_below(&rng, 16) == 0) {
            /* A change of buffer that was not offered; one slot has no storage. */
            ring.switch_pos = rng_below(&rng, 2) ? rng_u32(&rng) : c.head + rng_below(&rng, SIZE);
            atomic_store(&ring.gen, rng_u32(&rng));
        }
        if (rng_below(&rng, 2)) {
            consumer_refresh(&c);
        }
        if (byte_peek(&c, c.head + rng_size(&rng, SIZE), &from)) {
            for (i = 0; i < from.length; i++) {
                sink = from.data[i];
            }
        }
        byte_release(&c, rng_size(&rng, SIZE));
        consumer_arm(&c);
        must(ring.bad >= last_bad);
        last_bad = ring.bad;
        atomic_store(&ring.gen, 0);
        atomic_store(&ring.tail, p.tail);
    }
    ck_assert_uint_gt(ring.bad, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring_model");
    TCase *model = tcase_create("model"), *garbage = tcase_create("garbage");

    tcase_set_timeout(model, 120);
    tcase_set_timeout(garbage, 120);
    tcase_add_loop_test(model, random_byte_operations_agree_with_the_model, 0, 2);
    tcase_add_loop_test(model, random_frame_operations_agree_with_the_model, 0, 4);
    tcase_add_loop_test(garbage, record_longer_than_what_is_held_is_dropped, 0, 9);
    tcase_add_test(garbage, record_across_the_end_of_the_storage_is_dropped);
    tcase_add_test(garbage, skip_marker_beyond_what_is_held_is_dropped);
    tcase_add_test(garbage, frame_longer_than_the_reader_takes_is_dropped_alone);
    tcase_add_loop_test(garbage, tail_that_cannot_be_true_drops_what_is_held, 0, 8);
    tcase_add_loop_test(garbage, tail_that_cannot_be_true_costs_no_byte, 0, 8);
    tcase_add_loop_test(garbage, misaligned_tail_is_dropped, 0, 7);
    tcase_add_loop_test(garbage, tail_beyond_what_was_submitted_is_survived, 0, 8);
    tcase_add_loop_test(garbage, head_that_cannot_be_true_is_not_taken, 0, 7);
    tcase_add_loop_test(garbage, random_garbage_in_a_frame_ring_is_survived, 0, 4);
    tcase_add_loop_test(garbage, random_garbage_in_a_byte_ring_is_survived, 0, 4);
    suite_add_tcase(suite, model);
    suite_add_tcase(suite, garbage);
    return run_suite(suite);
}
