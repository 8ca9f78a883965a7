/* SPDX-License-Identifier: MIT */
/* test_arena.c - the region allocator: blocks, merging, owners, and what it must ignore */
#include "arena_rig.h"

#define SIZE (16u << 20)

static void setup(void)
{
    start_arena(SIZE);
    take_lists(&initial);
}

START_TEST(init_refuses_what_leaves_nothing)
{
    map_arena(SIZE);
    ck_assert_int_eq(arena_init(FIRST, ARENA_MIN - 1), ABI_EINVAL);
    ck_assert_int_eq(arena_init(FIRST, 0), ABI_EINVAL);
    ck_assert_int_eq(arena_init(SIZE, SIZE), ABI_EINVAL);
    ck_assert_int_eq(arena_init(SIZE - 4096, SIZE), ABI_EINVAL);
    ck_assert_int_eq(arena_init(0xfffffff8u, SIZE), ABI_EINVAL);
    ck_assert_int_eq(arena_init(0xffffffffu, SIZE), ABI_EINVAL);
    ck_assert_int_eq(arena_init(FIRST, ARENA_MIN), 0);
    ck_assert_uint_eq(arena_state()->magic, ABI_MAGIC);
    ck_assert_uint_eq(arena_state()->version, ABI_VERSION);
    ck_assert_uint_eq(arena_state()->size, ARENA_MIN);
}
END_TEST

START_TEST(bytes_after_the_last_whole_page_are_not_used)
{
    uint32_t offset, last = 0;

    map_arena(SIZE);
    ck_assert_int_eq(arena_init(FIRST, 2 * ARENA_MIN + 4095), 0);
    while ((offset = arena_alloc(1, 0))) {
        last = offset > last ? offset : last;
    }
    ck_assert_uint_eq(last, 2 * ARENA_MIN - ARENA_PAGE);
}
END_TEST

START_TEST(block_has_the_next_power_of_two_and_is_aligned_to_it)
{
    static const uint32_t sizes[][2] = { { 1, 4096 },          { 4096, 4096 },
                                         { 4097, 8192 },       { 8192, 8192 },
                                         { 65535, 65536 },     { 65537, 131072 },
                                         { 1 << 20, 1 << 20 }, { 3 << 20, 4 << 20 } };
    uint32_t offset = arena_alloc(sizes[_i][0], 7);

    ck_assert_uint_ne(offset, 0);
    ck_assert_uint_eq(offset % sizes[_i][1], 0);
    ck_assert_uint_eq(arena_block_size(offset), sizes[_i][1]);
    ck_assert_uint_ge(offset, arena_state()->first_page << ARENA_PAGE_SHIFT);
    memset(at(offset), 0xff, sizes[_i][1]);
    ck_assert_uint_eq(arena_state()->free_bytes, arena_state()->total_bytes - sizes[_i][1]);
    arena_free(offset);
    expect_initial();
}
END_TEST

START_TEST(sizes_no_block_has_get_none)
{
    ck_assert_uint_eq(arena_alloc(0, 0), 0);
    ck_assert_uint_eq(arena_alloc(SIZE, 0), 0);
    ck_assert_uint_eq(arena_alloc((1u << 30) + 1, 0), 0);
    ck_assert_uint_eq(arena_alloc(UINT32_MAX, 0), 0);
    expect_initial();
    /* The largest there is can be had, and twice as much cannot. */
    ck_assert_uint_eq(arena_alloc(2 * arena_largest(), 0), 0);
    ck_assert_uint_ne(arena_alloc(arena_largest(), 0), 0);
}
END_TEST

START_TEST(exhausted_arena_gives_none_and_recovers)
{
    static uint32_t taken[SIZE / ARENA_PAGE];
    uint32_t n = 0, i;

    while ((taken[n] = arena_alloc(ARENA_PAGE, 0))) {
        n++;
    }
    ck_assert_uint_eq(arena_state()->free_bytes, 0);
    ck_assert_uint_eq(n, arena_state()->total_bytes / ARENA_PAGE);
    ck_assert_uint_eq(arena_alloc(1, 0), 0);
    ck_assert_uint_eq(arena_largest(), 0);
    /* Every other page: nothing merges. */
    for (i = 0; i < n; i += 2) {
        arena_free(taken[i]);
    }
    ck_assert_uint_eq(arena_largest(), ARENA_PAGE);
    ck_assert_uint_eq(arena_alloc(2 * ARENA_PAGE, 0), 0);
    for (i = 1; i < n; i += 2) {
        arena_free(taken[i]);
    }
    expect_initial();
}
END_TEST

START_TEST(freeing_twice_changes_nothing)
{
    uint32_t a = arena_alloc(8192, 0), b = arena_alloc(8192, 0);

    arena_free(a);
    take_lists(&initial);
    arena_free(a);
    take_lists(&present);
    ck_assert_int_eq(memcmp(&present, &initial, sizeof(present)), 0);
    ck_assert_uint_eq(arena_block_size(a), 0);
    ck_assert_uint_eq(arena_block_size(b), 8192);
}
END_TEST

START_TEST(offsets_that_head_no_used_block_are_ignored)
{
    uint32_t block = arena_alloc(65536, 0), i;
    uint32_t foreign[] = { 0,
                           1,
                           ARENA_CTL,
                           ARENA_PAGE,
                           block + 1,
                           block + 64,
                           block - 1,
                           SIZE,
                           SIZE - ARENA_PAGE,
                           SIZE + ARENA_PAGE,
                           0xfffff000,
                           UINT32_MAX,
                           block + ARENA_PAGE,
                           block + 32768 };

    take_lists(&initial);
    for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        arena_free(foreign[i]);
        ck_assert_uint_eq(arena_block_size(foreign[i]), 0);
        take_lists(&present);
        ck_assert_int_eq(memcmp(&present, &initial, sizeof(present)), 0);
    }
    ck_assert_uint_eq(arena_block_size(block), 65536);
}
END_TEST

START_TEST(owner_is_swept_and_others_stay)
{
    uint32_t mine = arena_new_owner(), other = arena_new_owner(), kept[64], i, bytes = 0,
             others = 0;

    ck_assert_uint_ne(mine, other);
    ck_assert_uint_ne(mine, ARENA_OWNER_SHARED);
    for (i = 0; i < 64; i++) {
        uint32_t size = ARENA_PAGE << i % 6;

        ck_assert_uint_ne(arena_alloc(size, mine), 0);
        bytes += size;
        kept[i] = arena_alloc(size, i & 1 ? other : ARENA_OWNER_SHARED);
        ck_assert_uint_ne(kept[i], 0);
        others += i & 1 ? size : 0;
    }
    ck_assert_uint_eq(arena_free_owner(mine), bytes);
    ck_assert_uint_eq(arena_free_owner(mine), 0);
    for (i = 0; i < 64; i++) {
        ck_assert_uint_eq(arena_block_size(kept[i]), ARENA_PAGE << i % 6);
        if (!(i & 1)) {
            arena_free(kept[i]);
        }
    }
    ck_assert_uint_eq(arena_free_owner(other), others);
    expect_initial();
}
END_TEST

START_TEST(owner_numbers_come_round_without_zero)
{
    uint32_t i, last = arena_new_owner();

    ck_assert_uint_eq(last, 1);
    for (i = 0; i < 70000; i++) {
        uint32_t next = arena_new_owner();

        must(next == (last == 65535 ? 1 : last + 1));
        last = next;
    }
}
END_TEST

START_TEST(pages_nobody_asked_for_stay_untouched)
{
    uint32_t size = 3u << 30, pages = size / ARENA_PAGE, i, touched = 0, block;
    unsigned char *resident = malloc(pages);

    start_arena(size);
    take_lists(&initial);
    block = arena_alloc(1u << 30, 0);
    ck_assert_uint_ne(block, 0);
    ck_assert_uint_eq(block % (1u << 30), 0);
    ck_assert_uint_eq(arena_alloc((1u << 30) + 1, 0), 0);
    ck_assert_int_eq(mincore(arena_base, size, resident), 0);
    for (i = 0; i < pages; i++) {
        touched += resident[i] & 1;
    }
    /* The allocator's state, maps for the pages it looked at, a link at the start of each block. */
    ck_assert_uint_lt(touched, 64);
    arena_free(block);
    expect_initial();
    free(resident);
}
END_TEST

#define LIVE 400u

START_TEST(random_operations_end_where_they_began)
{
    static struct live {
        uint32_t offset, size, owner;
    } live[LIVE];
    uint64_t rng = mix64(test_seed + (uint64_t)_i);
    uint32_t step, i, owner;

    memset(live, 0, sizeof(live));
    for (step = 0; step < 100000; step++) {
        struct live *l = &live[rng_below(&rng, LIVE)];

        if (l->offset) {
            uint32_t *words = at(l->offset);

            must(arena_block_size(l->offset) == l->size);
            must(words[0] == l->offset && words[l->size / 4 - 1] == ~l->offset);
            arena_free(l->offset);
            l->offset = 0;
        } else {
            uint32_t size = 1 + rng_size(&rng, 1u << 20);

            owner = 1 + rng_below(&rng, 3);
            l->offset = arena_alloc(size, owner);
            l->owner = owner;
            if (l->offset) {
                l->size = arena_block_size(l->offset);
                must(l->size >= size && (l->size < 2 * size || l->size == ARENA_PAGE));
                ((uint32_t *)at(l->offset))[0] = l->offset;
                ((uint32_t *)at(l->offset))[l->size / 4 - 1] = ~l->offset;
            }
        }
        if (rng_below(&rng, 5000) == 0) {
            uint32_t bytes = 0;

            owner = 1 + rng_below(&rng, 3);
            for (i = 0; i < LIVE; i++) {
                if (live[i].offset && live[i].owner == owner) {
                    bytes += live[i].size;
                    live[i].offset = 0;
                }
            }
            must(arena_free_owner(owner) == bytes);
            take_lists(&present);
        }
    }
    for (owner = 1; owner <= 3; owner++) {
        arena_free_owner(owner);
    }
    expect_initial();
}
END_TEST

START_TEST(lock_of_a_thread_that_died_gives_errors)
{
    uint32_t block = arena_alloc(4096, 1), before = arena_state()->free_bytes;

    atomic_store(&arena_state()->lock, ARENA_LOCKED);
    ck_assert_uint_eq(arena_alloc(4096, 1), 0);
    ck_assert_uint_eq(atomic_load(&arena_state()->lock), ARENA_ABANDONED);
    /* From then on at once. */
    arena_free(block);
    ck_assert_uint_eq(arena_free_owner(1), 0);
    ck_assert_uint_eq(arena_largest(), 0);
    ck_assert_uint_eq(arena_state()->free_bytes, before);
    /* The thread was only slow. */
    atomic_store(&arena_state()->lock, ARENA_UNLOCKED);
    ck_assert_uint_gt(arena_free_owner(1), 0);
    expect_initial();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *init = tcase_create("init"), *blocks = tcase_create("blocks");

    tcase_add_test(init, init_refuses_what_leaves_nothing);
    tcase_add_test(init, bytes_after_the_last_whole_page_are_not_used);
    tcase_add_test(init, pages_nobody_asked_for_stay_untouched);
    tcase_add_checked_fixture(blocks, setup, NULL);
    tcase_add_loop_test(blocks, block_has_the_next_power_of_two_and_is_aligned_to_it, 0, 8);
    tcase_add_test(blocks, sizes_no_block_has_get_none);
    tcase_add_test(blocks, exhausted_arena_gives_none_and_recovers);
    tcase_add_test(blocks, freeing_twice_changes_nothing);
    tcase_add_test(blocks, offsets_that_head_no_used_block_are_ignored);
    tcase_add_test(blocks, owner_is_swept_and_others_stay);
    tcase_add_test(blocks, owner_numbers_come_round_without_zero);
    tcase_set_timeout(blocks, 120);
    tcase_add_test(blocks, lock_of_a_thread_that_died_gives_errors);
    tcase_add_loop_test(blocks, random_operations_end_where_they_began, 0, 4);
    suite_add_tcase(suite, init);
    suite_add_tcase(suite, blocks);
    return run_suite(suite);
}
