/* SPDX-License-Identifier: MIT */
/* test_ring.c - byte rings, marks and doorbells on one thread: every operation, every edge */
#include "ring_rig.h"

#define SIZE 4096u

/* --- Bytes ----------------------------------------------------------------------------------- */

START_TEST(empty_ring_gives_nothing)
{
    struct span from;

    start_ring(SIZE);
    ck_assert_uint_eq(byte_peek(&c, c.head, &from), 0);
    ck_assert_uint_eq(from.length, 0);
    ck_assert_ptr_null(from.data);
    ck_assert_uint_eq(byte_held(&c), 0);
    ck_assert_int_eq(byte_release(&c, 1), ABI_EINVAL);
    ck_assert_int_eq(byte_release(&c, 0), 0);
}
END_TEST

START_TEST(ring_without_storage_has_no_room)
{
    struct span to;

    start_ring(0);
    ck_assert_uint_eq(byte_reserve(&p, 1, &to), 0);
    ck_assert_ptr_null(to.data);
    ck_assert_uint_eq(byte_peek(&c, c.head, &to), 0);
    ck_assert_uint_eq(ring.bad, 0);
}
END_TEST

START_TEST(full_ring_takes_no_byte_more)
{
    struct span to;

    start_ring(SIZE);
    ck_assert_uint_eq(put(0, SIZE), SIZE);
    ck_assert_uint_eq(held(), SIZE);
    ck_assert_uint_eq(byte_reserve(&p, 1, &to), 0);
    ck_assert_uint_eq(get(0, 1), 1);
    ck_assert_uint_eq(byte_reserve(&p, 2, &to), 1);
    ck_assert_int_eq(byte_submit(&p, 0), 0);
    ck_assert_uint_eq(put(SIZE, 2), 1);
    ck_assert_uint_eq(get(1, 2 * SIZE), SIZE);
    ck_assert_uint_eq(held(), 0);
}
END_TEST

START_TEST(positions_pass_the_wrap_of_u32)
{
    uint32_t round;

    start_ring(SIZE);
    for (round = 0; round < 100; round++) {
        ck_assert_uint_eq(put(round * 97u, 97), 97);
        ck_assert_uint_eq(get(round * 97u, 97), 97);
    }
    ck_assert_uint_eq(atomic_load(&ring.tail), NEAR_WRAP + 9700u);
    ck_assert_uint_lt(atomic_load(&ring.tail), NEAR_WRAP);
    ck_assert_uint_eq(ring.bad, 0);
}
END_TEST

START_TEST(room_ends_at_the_end_of_the_storage)
{
    struct span to;

    start_ring(SIZE);
    ck_assert_uint_eq(byte_reserve(&p, SIZE, &to), 0u - NEAR_WRAP);
    ck_assert_int_eq(byte_submit(&p, to.length), 0);
    ck_assert_uint_eq(byte_reserve(&p, SIZE, &to), SIZE - 256);
    ck_assert_ptr_eq(to.data, at(ring.buf[0]));
}
END_TEST

START_TEST(want_of_any_size_is_bounded_by_the_room)
{
    struct span to;

    start_ring(SIZE);
    ck_assert_uint_eq(byte_reserve(&p, 0, &to), 0);
    ck_assert_uint_eq(byte_reserve(&p, UINT32_MAX, &to), 256);
    put(0, SIZE);
    get(0, SIZE);
    /* The cached head is old: a want near 2^32 must not keep it from being read again. */
    ck_assert_uint_eq(byte_reserve(&p, UINT32_MAX, &to), 256);
}
END_TEST

START_TEST(submit_of_more_than_reserved_is_refused)
{
    struct span to;

    start_ring(SIZE);
    ck_assert_int_eq(byte_submit(&p, 1), ABI_EINVAL);
    ck_assert_uint_eq(byte_reserve(&p, 10, &to), 10);
    ck_assert_int_eq(byte_submit(&p, 11), ABI_EINVAL);
    ck_assert_uint_eq(held(), 0);
    ck_assert_int_eq(byte_submit(&p, 4), 0);
    ck_assert_uint_eq(held(), 4);
    ck_assert_int_eq(byte_submit(&p, 1), ABI_EINVAL);
}
END_TEST

START_TEST(cancel_gives_up_what_was_reserved)
{
    struct span to, again;

    start_ring(SIZE);
    byte_reserve(&p, 10, &to);
    byte_cancel(&p);
    ck_assert_int_eq(byte_submit(&p, 10), ABI_EINVAL);
    ck_assert_uint_eq(held(), 0);
    byte_reserve(&p, 10, &again);
    ck_assert_ptr_eq(to.data, again.data);
}
END_TEST

START_TEST(release_of_more_than_there_is_refused)
{
    start_ring(SIZE);
    put(0, 100);
    consumer_refresh(&c);
    ck_assert_int_eq(byte_release(&c, 101), ABI_EINVAL);
    ck_assert_int_eq(byte_release(&c, UINT32_MAX), ABI_EINVAL);
    ck_assert_uint_eq(held(), 100);
    ck_assert_int_eq(byte_release(&c, 100), 0);
    ck_assert_int_eq(byte_release(&c, 1), ABI_EINVAL);
}
END_TEST

START_TEST(consumer_reads_ahead_of_what_it_releases)
{
    struct span from;
    uint32_t ahead = 0;

    start_ring(SIZE);
    put(0, 1000);
    while (byte_peek(&c, c.head + ahead, &from)) {
        ck_assert_uint_eq(seeded_differs(test_seed, ahead, from.data, from.length), 0);
        ahead += from.length;
    }
    ck_assert_uint_eq(ahead, 1000);
    ck_assert_uint_eq(held(), 1000);
    put(1000, 500);
    ck_assert_uint_eq(byte_peek(&c, c.head + ahead, &from), 500);
    ck_assert_uint_eq(seeded_differs(test_seed, 1000, from.data, 500), 0);
    ck_assert_uint_eq(byte_peek(&c, c.head + 1501, &from), 0);
    ck_assert_uint_eq(byte_peek(&c, c.head - 1, &from), 0);
    ck_assert_uint_eq(get(0, 2000), 1500);
}
END_TEST

/* --- Change of buffer -------------------------------------------------------------------------- */

START_TEST(first_storage_may_come_by_offer)
{
    start_ring(0);
    ring_resize_offer(&ring, new_store(SIZE), SIZE);
    ck_assert_int_eq(ring_resize_settled(&ring), 0);
    ck_assert_uint_eq(put(0, SIZE), SIZE);
    ck_assert_uint_eq(get(0, SIZE), SIZE);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
    ck_assert_uint_eq(ring.bad, 0);
}
END_TEST

START_TEST(bytes_before_the_change_stay_in_the_old_buffer)
{
    struct span from;

    start_ring(SIZE);
    put(0, 1000);
    ring_resize_offer(&ring, new_store(4 * SIZE), 4 * SIZE);
    ck_assert_int_eq(ring_resize_settled(&ring), 0);
    ck_assert_uint_eq(put(1000, 8 * SIZE), 4 * SIZE - 1000);
    ck_assert_uint_eq(byte_peek(&c, c.head, &from), 256);
    ck_assert_ptr_eq(from.data, (uint8_t *)at(ring.buf[0]) + SIZE - 256);
    ck_assert_uint_eq(get(0, 999), 999);
    ck_assert_int_eq(ring_resize_settled(&ring), 0);
    ck_assert_uint_eq(get(999, 1), 1);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
    ck_assert_uint_eq(get(1000, 8 * SIZE), 4 * SIZE - 1000);
    ck_assert_uint_eq(ring.bad, 0);
}
END_TEST

START_TEST(consumer_reads_ahead_across_the_change)
{
    uint32_t ahead = 0, spans = 0;
    struct span from;

    start_ring(SIZE);
    put(0, 1000);
    ring_resize_offer(&ring, new_store(2 * SIZE), 2 * SIZE);
    put(1000, 2000);
    while (byte_peek(&c, c.head + ahead, &from)) {
        ck_assert_uint_eq(seeded_differs(test_seed, ahead, from.data, from.length), 0);
        ahead += from.length;
        spans++;
    }
    ck_assert_uint_eq(ahead, 3000);
    /* Wrap of the old storage, end of the old storage, end of the bytes. */
    ck_assert_uint_eq(spans, 3);
    ck_assert_int_eq(ring_resize_settled(&ring), 0);
    ck_assert_int_eq(byte_release(&c, 3000), 0);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
    ck_assert_uint_eq(held(), 0);
}
END_TEST

START_TEST(release_passes_the_change_in_one_step)
{
    start_ring(SIZE);
    put(0, 100);
    ring_resize_offer(&ring, new_store(SIZE), SIZE);
    put(100, 100);
    consumer_refresh(&c);
    ck_assert_int_eq(byte_release(&c, 150), 0);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
    ck_assert_uint_eq(get(150, SIZE), 50);
}
END_TEST

START_TEST(change_while_empty_settles_with_the_next_byte)
{
    start_ring(SIZE);
    put(0, 300);
    get(0, 300);
    ring_resize_offer(&ring, new_store(2 * SIZE), 2 * SIZE);
    ck_assert_uint_eq(put(300, 1), 1);
    ck_assert_uint_eq(get(300, 1), 1);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
    ck_assert_uint_eq(put(301, 4 * SIZE), 2 * SIZE);
    ck_assert_uint_eq(get(301, 4 * SIZE), 2 * SIZE);
}
END_TEST

START_TEST(peek_of_an_empty_ring_follows_the_change)
{
    struct span span;

    start_ring(SIZE);
    ring_resize_offer(&ring, new_store(2 * SIZE), 2 * SIZE);
    ck_assert_uint_eq(byte_reserve(&p, 1, &span), 1);
    byte_cancel(&p);
    ck_assert_int_eq(ring_resize_settled(&ring), 0);
    ck_assert_uint_eq(byte_peek(&c, c.head, &span), 0);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
}
END_TEST

START_TEST(many_changes_in_a_row_keep_the_stream)
{
    uint64_t written = 0, read = 0;
    uint32_t size = 16, round;

    start_ring(size);
    for (round = 0; round < 24; round++) {
        size = round < 12 ? size * 2 : size / 2;
        ck_assert_int_eq(ring_resize_settled(&ring), 1);
        written += put(written, size / 4);
        ring_resize_offer(&ring, new_store(size), size);
        written += put(written, size);
        read += get(read, UINT32_MAX);
        ck_assert_uint_eq(read, written);
    }
    ck_assert_uint_eq(ring.bad, 0);
}
END_TEST

START_TEST(smaller_buffer_has_room_once_the_rest_fits)
{
    struct span to;

    start_ring(SIZE);
    put(0, SIZE);
    ring_resize_offer(&ring, new_store(SIZE / 4), SIZE / 4);
    ck_assert_uint_eq(byte_reserve(&p, 1, &to), 0);
    ck_assert_uint_eq(get(0, SIZE / 2), SIZE / 2);
    ck_assert_uint_eq(byte_reserve(&p, 1, &to), 0);
    ck_assert_uint_eq(get(SIZE / 2, SIZE / 4), SIZE / 4);
    ck_assert_uint_eq(byte_reserve(&p, 1, &to), 0);
    ck_assert_uint_eq(get(3 * SIZE / 4, 1), 1);
    ck_assert_uint_eq(put(SIZE, SIZE), 1);
    ck_assert_uint_eq(get(3 * SIZE / 4 + 1, SIZE), SIZE / 4);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
    ck_assert_uint_eq(put(SIZE + 1, SIZE), SIZE / 4);
    ck_assert_uint_eq(get(SIZE + 1, SIZE), SIZE / 4);
    ck_assert_uint_eq(ring.bad, 0);
}
END_TEST

START_TEST(offer_that_the_producer_has_not_taken_is_not_settled)
{
    start_ring(SIZE);
    put(0, 10);
    ring_resize_offer(&ring, new_store(SIZE), SIZE);
    get(0, 10);
    ck_assert_int_eq(ring_resize_settled(&ring), 0);
    put(10, 10);
    ck_assert_int_eq(ring_resize_settled(&ring), 0);
    get(10, 10);
    ck_assert_int_eq(ring_resize_settled(&ring), 1);
}
END_TEST

/* --- Marks and doorbells ----------------------------------------------------------------------------- */

START_TEST(only_the_edge_rings_the_data_bell)
{
    start_ring(SIZE);
    ck_assert_int_eq(consumer_arm(&c), 1);
    put(0, 10);
    ck_assert_int_eq(producer_notify(&p), 1);
    ck_assert_int_eq(producer_notify(&p), 0);
    put(10, 10);
    ck_assert_int_eq(producer_notify(&p), 0);
    ck_assert_uint_eq(atomic_load(&data_doorbell.seq), 1);
    get(0, 15);
    /* Bytes are left, so the mark is what has been seen of them. */
    ck_assert_int_eq(consumer_arm(&c), 1);
    put(20, 1);
    ck_assert_int_eq(producer_notify(&p), 1);
    ck_assert_uint_eq(atomic_load(&data_doorbell.seq), 2);
    ck_assert_uint_eq(atomic_load(&room_doorbell.seq), 0);
}
END_TEST

START_TEST(new_ring_is_armed_for_its_first_byte)
{
    start_ring(SIZE);
    put(0, 1);
    ck_assert_int_eq(producer_notify(&p), 1);
    put(1, 1);
    ck_assert_int_eq(producer_notify(&p), 0);
}
END_TEST

START_TEST(only_the_edge_rings_the_room_bell)
{
    start_ring(SIZE);
    put(0, SIZE);
    get(0, 1);
    ck_assert_int_eq(consumer_notify(&c), 0);
    put(SIZE, 1);
    /* Ask for half of the ring. */
    ck_assert_int_eq(producer_arm(&p, p.tail - SIZE / 2 - 1), 1);
    get(1, SIZE / 2 - 1);
    ck_assert_int_eq(consumer_notify(&c), 0);
    get(SIZE / 2, 1);
    ck_assert_int_eq(consumer_notify(&c), 1);
    ck_assert_int_eq(consumer_notify(&c), 0);
    get(SIZE / 2 + 1, SIZE);
    ck_assert_int_eq(consumer_notify(&c), 0);
    ck_assert_uint_eq(atomic_load(&room_doorbell.seq), 1);
    ck_assert_uint_eq(atomic_load(&data_doorbell.seq), 0);
}
END_TEST

START_TEST(consumer_arm_sees_what_came_in_between)
{
    struct span from;

    start_ring(SIZE);
    ck_assert_uint_eq(byte_peek(&c, c.head, &from), 0);
    put(0, 10);
    ck_assert_int_eq(consumer_arm(&c), 0);
    ck_assert_uint_eq(get(0, 10), 10);
    ck_assert_int_eq(consumer_arm(&c), 1);
}
END_TEST

START_TEST(producer_arm_sees_what_went_in_between)
{
    struct span to;

    start_ring(SIZE);
    put(0, SIZE);
    ck_assert_uint_eq(byte_reserve(&p, 1, &to), 0);
    get(0, 10);
    ck_assert_int_eq(producer_arm(&p, p.head), 0);
    ck_assert_uint_eq(byte_reserve(&p, 100, &to), 10);
}
END_TEST

START_TEST(batch_is_told_once)
{
    start_ring(SIZE);
    consumer_arm(&c);
    put_frame(0, 1);
    put_frame(1, 2);
    put_frame(2, 3);
    ck_assert_int_eq(producer_notify(&p), 1);
    ck_assert_uint_eq(atomic_load(&data_doorbell.seq), 1);
}
END_TEST

START_TEST(mark_is_passed_only_between_two_positions)
{
    static const uint32_t base[] = { 0, 5, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
    uint32_t i;

    for (i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
        uint32_t b = base[i];

        ck_assert_int_eq(ring_passed(b, b, b), 0);
        ck_assert_int_eq(ring_passed(b, b, b + 1), 1);
        ck_assert_int_eq(ring_passed(b - 1, b, b + 1), 0);
        ck_assert_int_eq(ring_passed(b + 1, b, b + 1), 0);
        ck_assert_int_eq(ring_passed(b + 9, b, b + 10), 1);
        ck_assert_int_eq(ring_passed(b + 10, b, b + 10), 0);
        ck_assert_int_eq(ring_passed(b + 0x80000000u, b, b + 10), 0);
    }
}
END_TEST

START_TEST(bell_without_a_place_is_no_bell)
{
    start_ring(SIZE);
    atomic_store(&ring.data_doorbell, 0);
    put(0, 1);
    ck_assert_int_eq(producer_notify(&p), 1);
    doorbell_ring(0);
}
END_TEST

/**
 * byte_case() - The cases of byte rings
 *
 * Return: test case
 */
static TCase *byte_case(void)
{
    TCase *tc = tcase_create("bytes");

    tcase_add_test(tc, empty_ring_gives_nothing);
    tcase_add_test(tc, ring_without_storage_has_no_room);
    tcase_add_test(tc, full_ring_takes_no_byte_more);
    tcase_add_test(tc, positions_pass_the_wrap_of_u32);
    tcase_add_test(tc, room_ends_at_the_end_of_the_storage);
    tcase_add_test(tc, want_of_any_size_is_bounded_by_the_room);
    tcase_add_test(tc, submit_of_more_than_reserved_is_refused);
    tcase_add_test(tc, cancel_gives_up_what_was_reserved);
    tcase_add_test(tc, release_of_more_than_there_is_refused);
    tcase_add_test(tc, consumer_reads_ahead_of_what_it_releases);
    tcase_add_test(tc, first_storage_may_come_by_offer);
    tcase_add_test(tc, bytes_before_the_change_stay_in_the_old_buffer);
    tcase_add_test(tc, consumer_reads_ahead_across_the_change);
    tcase_add_test(tc, release_passes_the_change_in_one_step);
    tcase_add_test(tc, change_while_empty_settles_with_the_next_byte);
    tcase_add_test(tc, peek_of_an_empty_ring_follows_the_change);
    tcase_add_test(tc, many_changes_in_a_row_keep_the_stream);
    tcase_add_test(tc, smaller_buffer_has_room_once_the_rest_fits);
    tcase_add_test(tc, offer_that_the_producer_has_not_taken_is_not_settled);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *marks = tcase_create("marks");

    tcase_add_test(marks, only_the_edge_rings_the_data_bell);
    tcase_add_test(marks, new_ring_is_armed_for_its_first_byte);
    tcase_add_test(marks, only_the_edge_rings_the_room_bell);
    tcase_add_test(marks, consumer_arm_sees_what_came_in_between);
    tcase_add_test(marks, producer_arm_sees_what_went_in_between);
    tcase_add_test(marks, batch_is_told_once);
    tcase_add_test(marks, mark_is_passed_only_between_two_positions);
    tcase_add_test(marks, bell_without_a_place_is_no_bell);
    suite_add_tcase(suite, byte_case());
    suite_add_tcase(suite, marks);
    return run_suite(suite);
}
