/* SPDX-License-Identifier: MIT */
/* test_arena_threads.c - threads that take and give back blocks of one arena at once
 *
 * Each block is written by its holder with plain stores, and some blocks are freed by another
 * thread than the one that took them: ThreadSanitizer sees a block that two hold.
 */
#include <pthread.h>

#include "arena_rig.h"

#define SIZE (16u << 20)
#define THREADS 4u
#define STEPS 200000u
#define LIVE 64u
#define POSTS 16u

static const char *_Atomic failure;

/* Blocks on their way to the thread that frees them. */
static _Atomic uint32_t post[POSTS];

static void mark(uint32_t offset, uint32_t thread)
{
    uint32_t *words = at(offset), last = arena_block_size(offset) / 4 - 1;

    words[0] = words[last / 2] = words[last] = thread;
}

static int marked(uint32_t offset, uint32_t thread)
{
    const uint32_t *words = at(offset);
    uint32_t last = arena_block_size(offset) / 4 - 1;

    return words[0] == thread && words[last / 2] == thread && words[last] == thread;
}

/**
 * churn() - Take, check, give back and pass on blocks
 * @arg: owner number
 *
 * Return: NULL
 */
static void *churn(void *arg)
{
    uint32_t owner = (uint32_t)(uintptr_t)arg, live[LIVE] = { 0 }, step, i;
    uint64_t rng = mix64(test_seed + owner);

    for (step = 0; step < STEPS && !atomic_load(&failure); step++) {
        uint32_t *l = &live[rng_below(&rng, LIVE)];

        if (*l && !marked(*l, owner)) {
            atomic_store(&failure, "a block was written by another thread");
        }
        if (*l && rng_below(&rng, 4) == 0) {
            arena_free(atomic_exchange(&post[rng_below(&rng, POSTS)], *l));
            *l = 0;
        } else if (*l) {
            arena_free(*l);
            *l = 0;
        } else {
            *l = arena_alloc(1 + rng_size(&rng, 200000), owner);
            if (*l) {
                mark(*l, owner);
            }
        }
    }
    /* The even ones leave their blocks to the sweep. */
    for (i = 0; i < LIVE && (owner & 1); i++) {
        arena_free(live[i]);
    }
    return NULL;
}

/**
 * sweep() - Be a stack that dies again and again: take blocks, sweep them
 * @unused: NULL
 *
 * Return: NULL
 */
static void *sweep(void *unused)
{
    uint64_t rng = mix64(test_seed + 99);
    uint32_t round, i;

    for (round = 0; round < 100 && !atomic_load(&failure); round++) {
        uint32_t owner = arena_new_owner(), bytes = 0;

        for (i = rng_below(&rng, 20); i; i--) {
            uint32_t block = arena_alloc(1 + rng_size(&rng, 100000), owner);

            bytes += arena_block_size(block);
        }
        if (arena_free_owner(owner) != bytes) {
            atomic_store(&failure, "a sweep gave back what it should not, or too little");
        }
    }
    return unused;
}

START_TEST(blocks_are_never_held_twice_and_all_come_back)
{
    pthread_t threads[THREADS], sweeper;
    uint32_t i;

    start_arena(SIZE);
    take_lists(&initial);
    for (i = 0; i < THREADS; i++) {
        uintptr_t owner = arena_new_owner();

        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, (void *)owner), 0);
    }
    ck_assert_int_eq(pthread_create(&sweeper, NULL, sweep, NULL), 0);
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_join(sweeper, NULL);
    ck_assert_msg(!atomic_load(&failure), "%s", atomic_load(&failure));
    for (i = 0; i < POSTS; i++) {
        arena_free(atomic_load(&post[i]));
    }
    for (i = 1; i <= THREADS; i++) {
        arena_free_owner(i);
    }
    expect_initial();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena_threads");
    TCase *tc = tcase_create("threads");

    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, blocks_are_never_held_twice_and_all_come_back);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
