/* SPDX-License-Identifier: MIT */
/* memory.c - memory of an instance: taken in pieces, never given back */

#include "memory.h"

#include <stddef.h>

#define PAGE 65536u

#ifdef __wasm__
#define GROW(pages) (__builtin_wasm_memory_grow(0, pages) != (size_t)-1)
#else /* only for the linter */
#define GROW(pages) ((pages) == 0)
#endif

static uint32_t next, limit;

/**
 * memory_init() - Say what is free
 * @begin: first address
 * @end: end of the memory now; it grows
 */
void memory_init(uint32_t begin, uint32_t end)
{
    next = begin;
    limit = end;
}

/**
 * memory_take() - Take memory
 * @size: bytes
 *
 * Return: zeroed, aligned to 16; NULL: the runtime refuses more
 */
void *memory_take(uint32_t size)
{
    uint32_t at = (next + 15) & ~15u;

    if (size > limit - at || at > limit) {
        uint32_t pages = size / PAGE + 1;

        if (!GROW(pages)) {
            return NULL;
        }
        limit += pages * PAGE;
    }
    next = at + size;
    return (void *)(uintptr_t)at;
}
