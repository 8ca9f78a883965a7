/* SPDX-License-Identifier: MIT */
/* testkit.h - what the native tests share: seeded bytes, an arena with guards, a runner
 *
 * Expected bytes are computed on both ends from a seed and a position, so they never travel
 * through what is tested. The arena is mapped below the program's own data: offsets of static
 * structs (stack_ctl) then fit into a u32 as they do in wasm, where an offset is an address.
 */
#ifndef RINGSTACK_TESTKIT_H
#define RINGSTACK_TESTKIT_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, length) ((void)(at), (void)(length))
#define ASAN_UNPOISON_MEMORY_REGION(at, length) ((void)(at), (void)(length))
#endif

#include "mem/arena.h"

/* Counters start here, so that every test passes the wrap at 2^32 early. */
#define NEAR_WRAP 0xffffff00u

/* For hot loops: Check's own assertions write to a pipe each time they pass. */
#define must(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            ck_abort_msg("%s", #what);                                                             \
        }                                                                                          \
    } while (0)

/* The seed of this run: RINGSTACK_SEED repeats one that failed. */
static uint64_t test_seed = 0x5eed;

/**
 * mix64() - Scramble a number (splitmix64)
 * @x: number
 *
 * Return: its scrambled form
 */
static inline uint64_t mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/**
 * rng_u32() - Next number of a seeded sequence
 * @state: of the sequence
 *
 * Return: 32 random bits
 */
static inline uint32_t rng_u32(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    return (uint32_t)(mix64(*state) >> 16);
}

/**
 * rng_below() - Random number below a bound
 * @state: of the sequence
 * @bound: at least 1
 *
 * Return: 0 .. bound-1
 */
static inline uint32_t rng_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((uint64_t)rng_u32(state) * bound >> 32);
}

/**
 * rng_size() - Random number whose magnitude is random too, so that small ones are frequent
 * @state: of the sequence
 * @most: largest
 *
 * Return: 0 .. most
 */
static inline uint32_t rng_size(uint64_t *state, uint32_t most)
{
    uint32_t value = rng_u32(state) >> rng_below(state, 32);

    if (value > most) {
        value = most ? rng_below(state, most) + 1 : 0;
    }
    return value;
}

/**
 * seeded_byte() - One byte of a seeded stream
 * @seed: of the stream
 * @position: in the stream
 *
 * Return: the byte
 */
static inline uint8_t seeded_byte(uint64_t seed, uint64_t position)
{
    return (uint8_t)(mix64(seed ^ (position >> 3)) >> (8 * (position & 7)));
}

/**
 * seeded_fill() - Write a part of a seeded stream
 * @seed: of the stream
 * @position: in the stream
 * @to: where to
 * @length: bytes
 */
static inline void seeded_fill(uint64_t seed, uint64_t position, uint8_t *to, uint32_t length)
{
    uint32_t i = 0;

    for (; i < length && ((position + i) & 7); i++) {
        to[i] = seeded_byte(seed, position + i);
    }
    for (; length - i >= 8; i += 8) {
        uint64_t word = mix64(seed ^ ((position + i) >> 3));

        memcpy(to + i, &word, 8);
    }
    for (; i < length; i++) {
        to[i] = seeded_byte(seed, position + i);
    }
}

/**
 * seeded_differs() - Compare with a part of a seeded stream
 * @seed: of the stream
 * @position: in the stream
 * @from: bytes
 * @length: how many
 *
 * Return: 0 if all are as they should be, else 1 plus the index of the first that is not
 */
static inline uint32_t seeded_differs(uint64_t seed, uint64_t position, const uint8_t *from,
                                      uint32_t length)
{
    uint8_t expected[4096] = { 0 };
    uint32_t done, step, i;

    for (done = 0; done < length; done += step) {
        step = length - done < sizeof(expected) ? length - done : (uint32_t)sizeof(expected);
        seeded_fill(seed, position + done, expected, step);
        if (memcmp(expected, from + done, step) == 0) {
            continue;
        }
        for (i = 0; i < step; i++) {
            if (expected[i] != from[done + i]) {
                return 1 + done + i;
            }
        }
    }
    return 0;
}

/**
 * map_arena() - Map zeroed memory as the arena, below the program's own data
 * @size: bytes
 */
static inline void map_arena(uint32_t size)
{
    uintptr_t here = (uintptr_t)&test_seed;
    char *base = (char *)((here - size - (64u << 20)) & ~(uintptr_t)0xffff);

    base = mmap(base, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
    if (base == MAP_FAILED || (uintptr_t)base >= here || here - (uintptr_t)base > 0xfff00000u) {
        fputs("the arena cannot be mapped below the program's data\n", stderr);
        abort();
    }
    arena_base = base;
}

/**
 * take_seed() - Take the seed from the environment, if it is there
 */
static inline void take_seed(void)
{
    const char *text = getenv("RINGSTACK_SEED");

    if (text) {
        test_seed = strtoull(text, NULL, 0);
    }
}

/**
 * run_suite() - The main function of a test program
 * @suite: what to run
 *
 * Return: exit status
 */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    take_seed();
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif /* RINGSTACK_TESTKIT_H */
