/* SPDX-License-Identifier: MIT */
/* test_ring_frames.c - frame rings on one thread: every operation, every edge */
#include "ring_rig.h"

#define SIZE 4096u

START_TEST(frame_that_never_fits_differs_from_one_that_does_not_fit_now)
{
    uint8_t *to;

    start_ring(SIZE);
    ck_assert_int_eq(frame_reserve(&p, SIZE / 2 - FRAME_HEADER + 1, &to), ABI_EMSGSIZE);
    ck_assert_int_eq(frame_reserve(&p, UINT32_MAX, &to), ABI_EMSGSIZE);
    ck_assert_int_eq(put_frame(0, SIZE / 2 - FRAME_HEADER), 0);
    ck_assert_int_eq(frame_reserve(&p, SIZE / 2 - FRAME_HEADER, &to), ABI_EAGAIN);
    ck_assert_int_eq(frame_reserve(&p, SIZE, &to), ABI_EMSGSIZE);
    get_frame(0, SIZE / 2 - FRAME_HEADER);
    ck_assert_int_eq(put_frame(1, SIZE / 2 - FRAME_HEADER), 0);
}
END_TEST

START_TEST(largest_frame_fits_into_an_empty_ring_at_every_position)
{
    uint32_t i;

    start_ring(SIZE);
    for (i = 0; i < SIZE; i++) {
        ck_assert_int_eq(put_frame(i, SIZE / 2 - FRAME_HEADER), 0);
        get_frame(i, SIZE / 2 - FRAME_HEADER);
        ck_assert_int_eq(put_frame(i, 0), 0);
        get_frame(i, 0);
    }
    ck_assert_uint_eq(ring.bad, 0);
}
END_TEST

START_TEST(frame_skips_the_end_of_the_storage)
{
    struct span from;

    /* 256 bytes are left before the wrap. */
    start_ring(SIZE);
    ck_assert_int_eq(put_frame(0, 257), 0);
    ck_assert_uint_eq(held(), 256 + FRAME_HEADER + 264);
    ck_assert_uint_eq(((struct frame *)((char *)at(ring.buf[0]) + SIZE - 256))->length, FRAME_SKIP);
    ck_assert_int_eq(frame_peek(&c, SIZE, &from), 0);
    ck_assert_ptr_eq(from.data, (uint8_t *)at(ring.buf[0]) + FRAME_HEADER);
    frame_release(&c);
    ck_assert_uint_eq(held(), 0);
}
END_TEST

START_TEST(frame_that_just_fits_before_the_wrap_does_not_skip)
{
    start_ring(SIZE);
    ck_assert_int_eq(put_frame(0, 256 - FRAME_HEADER), 0);
    ck_assert_uint_eq(held(), 256);
    get_frame(0, 256 - FRAME_HEADER);
    ck_assert_int_eq(put_frame(1, 1), 0);
    get_frame(1, 1);
}
END_TEST

START_TEST(ring_full_of_small_frames)
{
    uint32_t n = 0, i;

    start_ring(SIZE);
    while (put_frame(n, n % 9) == 0) {
        n++;
    }
    ck_assert_uint_gt(held(), SIZE - 24);
    for (i = 0; i < n; i++) {
        get_frame(i, i % 9);
    }
    ck_assert_uint_eq(held(), 0);
}
END_TEST

START_TEST(frame_may_be_shorter_than_reserved)
{
    uint8_t *to;

    start_ring(SIZE);
    ck_assert_int_eq(frame_reserve(&p, 1000, &to), 0);
    seeded_fill(mix64(7), 0, to, 10);
    ck_assert_int_eq(frame_submit(&p, 1001), ABI_EINVAL);
    ck_assert_int_eq(frame_submit(&p, 10), 0);
    get_frame(7, 10);
    ck_assert_uint_eq(held(), 0);
}
END_TEST

START_TEST(frame_submitted_without_reserve_is_refused)
{
    uint8_t *to;

    start_ring(SIZE);
    ck_assert_int_eq(frame_submit(&p, 0), ABI_EINVAL);
    ck_assert_int_eq(frame_reserve(&p, 300, &to), 0);
    frame_cancel(&p);
    ck_assert_int_eq(frame_submit(&p, 0), ABI_EINVAL);
    ck_assert_int_eq(frame_submit(&p, 300), ABI_EINVAL);
    ck_assert_uint_eq(held(), 0);
    ck_assert_int_eq(frame_reserve(&p, 0, &to), 0);
    ck_assert_int_eq(frame_submit(&p, 0), 0);
    ck_assert_int_eq(frame_submit(&p, 0), ABI_EINVAL);
    get_frame(0, 0);
}
END_TEST

START_TEST(released_frame_is_not_released_twice)
{
    start_ring(SIZE);
    put_frame(0, 10);
    put_frame(1, 20);
    get_frame(0, 10);
    frame_release(&c);
    get_frame(1, 20);
}
END_TEST

START_TEST(peek_again_finds_the_same_frame)
{
    struct span first, second;

    start_ring(SIZE);
    put_frame(0, 10);
    ck_assert_int_eq(frame_peek(&c, SIZE, &first), 0);
    ck_assert_int_eq(frame_peek(&c, SIZE, &second), 0);
    ck_assert_ptr_eq(first.data, second.data);
    get_frame(0, 10);
    ck_assert_int_eq(frame_peek(&c, SIZE, &first), ABI_EAGAIN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring_frames");
    TCase *tc = tcase_create("frames");

    tcase_add_test(tc, frame_that_never_fits_differs_from_one_that_does_not_fit_now);
    tcase_add_test(tc, largest_frame_fits_into_an_empty_ring_at_every_position);
    tcase_add_test(tc, frame_skips_the_end_of_the_storage);
    tcase_add_test(tc, frame_that_just_fits_before_the_wrap_does_not_skip);
    tcase_add_test(tc, ring_full_of_small_frames);
    tcase_add_test(tc, frame_may_be_shorter_than_reserved);
    tcase_add_test(tc, frame_submitted_without_reserve_is_refused);
    tcase_add_test(tc, released_frame_is_not_released_twice);
    tcase_add_test(tc, peek_again_finds_the_same_frame);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
