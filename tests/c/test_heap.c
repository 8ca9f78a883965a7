/* SPDX-License-Identifier: MIT */
/* test_heap.c - the heap of one stack: sizes, reuse, exhaustion, and that all of it comes back */
#include "arena_rig.h"

#include "mem/heap.h"

#define SIZE (32u << 20)
#define LARGEST_SMALL 4032u

static void setup(void)
{
    start_arena(SIZE);
    take_lists(&initial);
    heap_init(arena_new_owner());
}

static void teardown(void)
{
    ck_assert_uint_eq(heap_used(), 0);
    heap_trim();
    expect_initial();
}

START_TEST(memory_is_aligned_and_large_enough)
{
    static void *mem[5000];
    uint32_t size;

    for (size = 0; size < 5000; size++) {
        mem[size] = heap_malloc(size);
        must(mem[size] != NULL);
        must((uintptr_t)mem[size] % 16 == 0);
        memset(mem[size], (int)size, size);
    }
    for (size = 0; size < 5000; size++) {
        const uint8_t *bytes = mem[size];

        must(size == 0 || (bytes[0] == (uint8_t)size && bytes[size - 1] == (uint8_t)size));
        heap_free(mem[size]);
    }
}
END_TEST

START_TEST(objects_of_whole_lines_begin_on_a_line)
{
    static const uint32_t sizes[] = {
        64, 128, 192, 256, 320, 384, 512, 576, 768, 1024, 1536, 2048
    };
    void *a = heap_malloc(sizes[_i]), *b = heap_malloc(sizes[_i]);

    ck_assert_uint_eq(offset_of(a) % ABI_LINE, 0);
    ck_assert_uint_eq(offset_of(b) % ABI_LINE, 0);
    heap_free(a);
    heap_free(b);
}
END_TEST

START_TEST(used_counts_what_is_out)
{
    void *small = heap_malloc(33), *large = heap_malloc(100000);

    ck_assert_uint_eq(heap_used(), 48 + 131072);
    heap_free(large);
    ck_assert_uint_eq(heap_used(), 48);
    heap_free(small);
    heap_free(NULL);
}
END_TEST

START_TEST(calloc_is_zero_even_where_something_was)
{
    uint32_t i, k;

    for (k = 0; k < 3; k++) {
        uint8_t *mem = heap_malloc(k < 2 ? 1000 : 20000);

        memset(mem, 0xff, 1000);
        heap_free(mem);
        mem = heap_calloc(10, 100);
        for (i = 0; i < 1000; i++) {
            must(mem[i] == 0);
        }
        heap_free(mem);
    }
    ck_assert_ptr_null(heap_calloc(1u << 16, 1u << 16));
    ck_assert_ptr_null(heap_calloc(SIZE_MAX, 2));
    ck_assert_ptr_null(heap_calloc(2, SIZE_MAX));
    heap_free(heap_calloc(0, 100));
    heap_free(heap_calloc(100, 0));
}
END_TEST

START_TEST(sizes_no_block_has_are_out_of_memory)
{
    ck_assert_ptr_null(heap_malloc(SIZE));
    ck_assert_ptr_null(heap_malloc((1u << 30) + 1));
    ck_assert_ptr_null(heap_malloc(UINT32_MAX));
    ck_assert_ptr_null(heap_malloc(SIZE_MAX));
    ck_assert_ptr_null(heap_malloc(SIZE_MAX - 14));
}
END_TEST

START_TEST(exhausted_heap_is_null_and_recovers)
{
    static void *mem[SIZE / 32];
    static const uint32_t sizes[] = { 1, 100, 1000, LARGEST_SMALL, LARGEST_SMALL + 1, 60000 };
    uint32_t n = 0, size = sizes[_i];
    void *odd;

    while ((mem[n] = heap_malloc(size))) {
        ((uint8_t *)mem[n])[size - 1] = 1;
        n++;
    }
    ck_assert_uint_gt(n, SIZE / 150000);
    ck_assert_ptr_null(heap_calloc(1, size));
    odd = heap_malloc(700);
    heap_free(mem[n / 2]);
    mem[n / 2] = heap_malloc(size);
    ck_assert_ptr_nonnull(mem[n / 2]);
    heap_free(odd);
    while (n--) {
        heap_free(mem[n]);
    }
}
END_TEST

START_TEST(large_object_freed_twice_and_foreign_memory_are_ignored)
{
    uint32_t foreign = arena_alloc(65536, ARENA_OWNER_SHARED);
    void *large = heap_malloc(50000), *other = heap_malloc(50000);

    memset(at(foreign), 0, 65536);
    heap_free(large);
    heap_free(large);
    ck_assert_uint_eq(heap_used(), 65536);
    heap_free((char *)at(foreign) + 64);
    heap_free((char *)at(foreign) + 16384 + 64);
    ck_assert_uint_eq(arena_block_size(foreign), 65536);
    heap_free(other);
    arena_free(foreign);
}
END_TEST

START_TEST(empty_slabs_go_back_to_the_arena_but_for_one)
{
    static void *mem[4096];
    uint32_t i, before = arena_state()->free_bytes;

    for (i = 0; i < 4096; i++) {
        mem[i] = heap_malloc(128);
    }
    ck_assert_uint_le(arena_state()->free_bytes, before - 4096 * 128);
    for (i = 0; i < 4096; i++) {
        heap_free(mem[(i * 1021) % 4096]);
    }
    ck_assert_uint_eq(arena_state()->free_bytes, before - 16384);
}
END_TEST

#define LIVE 3000u

START_TEST(random_operations_keep_every_byte)
{
    static struct live {
        uint8_t *mem;
        uint32_t size;
        uint64_t seed;
    } live[LIVE];
    uint64_t rng = mix64(test_seed + (uint64_t)_i);
    uint32_t step, i;

    memset(live, 0, sizeof(live));
    for (step = 0; step < 200000; step++) {
        /* Fills up and empties in turn, at times to exhaustion. */
        struct live *l = &live[rng_below(&rng, step % 60000 < 30000 ? LIVE : LIVE / 10)];

        if (l->mem) {
            must(seeded_differs(l->seed, 0, l->mem, l->size) == 0);
            heap_free(l->mem);
            l->mem = NULL;
            continue;
        }
        l->size = rng_size(&rng, rng_below(&rng, 40) ? 4100 : 150000);
        l->seed = rng_u32(&rng);
        l->mem = heap_malloc(l->size);
        if (l->mem) {
            seeded_fill(l->seed, 0, l->mem, l->size);
        }
    }
    for (i = 0; i < LIVE; i++) {
        must(!live[i].mem || seeded_differs(live[i].seed, 0, live[i].mem, live[i].size) == 0);
        heap_free(live[i].mem);
    }
}
END_TEST

START_TEST(everything_belongs_to_the_owner)
{
    uint32_t i;

    for (i = 0; i < 100; i++) {
        heap_malloc(i * 100);
    }
    ck_assert_uint_gt(arena_free_owner(1), 0);
    expect_initial();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tc = tcase_create("heap"), *swept = tcase_create("swept");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, memory_is_aligned_and_large_enough);
    tcase_add_loop_test(tc, objects_of_whole_lines_begin_on_a_line, 0, 12);
    tcase_add_test(tc, used_counts_what_is_out);
    tcase_add_test(tc, calloc_is_zero_even_where_something_was);
    tcase_add_test(tc, sizes_no_block_has_are_out_of_memory);
    tcase_add_loop_test(tc, exhausted_heap_is_null_and_recovers, 0, 6);
    tcase_add_test(tc, large_object_freed_twice_and_foreign_memory_are_ignored);
    tcase_add_test(tc, empty_slabs_go_back_to_the_arena_but_for_one);
    tcase_add_loop_test(tc, random_operations_keep_every_byte, 0, 3);
    tcase_add_checked_fixture(swept, setup, NULL);
    tcase_add_test(swept, everything_belongs_to_the_owner);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, swept);
    return run_suite(suite);
}
