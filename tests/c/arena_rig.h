/* SPDX-License-Identifier: MIT */
/* arena_rig.h - an arena and a way to say that it is as it was */
#ifndef RINGSTACK_ARENA_RIG_H
#define RINGSTACK_ARENA_RIG_H

#include "testkit.h"

#define FIRST 1000u
#define FREE_MOST 8192u

/* Free blocks of every order, sorted. */
struct free_lists {
    uint32_t count[ARENA_ORDERS];
    uint32_t blocks[ARENA_ORDERS][FREE_MOST];
};

static struct free_lists initial, present;

static inline struct arena_ctl *arena_state(void)
{
    return at(ARENA_CTL);
}

/**
 * start_arena() - Map and set up an arena
 * @size: bytes
 */
static inline void start_arena(uint32_t size)
{
    map_arena(size);
    ck_assert_int_eq(arena_init(FIRST, size), 0);
}

static inline int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/**
 * take_lists() - Copy the free lists, and check what they say of themselves
 * @to: where to
 */
static inline void take_lists(struct free_lists *to)
{
    uint32_t order, total = 0;

    memset(to, 0, sizeof(*to));
    for (order = 0; order < ARENA_ORDERS; order++) {
        uint32_t offset = arena_state()->heads[order], prev = 0;

        while (offset) {
            const uint32_t *links = at(offset);

            must(offset % (ARENA_PAGE << order) == 0);
            must(links[1] == prev);
            must(to->count[order] < FREE_MOST);
            to->blocks[order][to->count[order]++] = offset;
            total += ARENA_PAGE << order;
            prev = offset;
            offset = links[0];
        }
        qsort(to->blocks[order], to->count[order], sizeof(uint32_t), by_number);
    }
    must(total == arena_state()->free_bytes);
}

/**
 * expect_initial() - Everything is free and merged again, as take_lists(&initial) found it
 */
static inline void expect_initial(void)
{
    ck_assert_uint_eq(arena_state()->free_bytes, arena_state()->total_bytes);
    take_lists(&present);
    ck_assert_int_eq(memcmp(&present, &initial, sizeof(present)), 0);
}

#endif /* RINGSTACK_ARENA_RIG_H */
