/* SPDX-License-Identifier: MIT */
/* arena.h - the region allocator of a shared memory (theory of operation: core/mem/arena.c) */
#ifndef RINGSTACK_ARENA_H
#define RINGSTACK_ARENA_H

#include "abi.h"

#ifdef RINGSTACK_NATIVE
/* Start of the arena: natively an offset is not an address. */
extern char *arena_base;
#define ARENA_BASE arena_base
#else
#define ARENA_BASE ((char *)0)
#endif

/**
 * at() - Address of an offset in the arena
 * @offset: u32 offset, not 0
 *
 * Return: pointer
 */
static inline void *at(uint32_t offset)
{
    return ARENA_BASE + offset;
}

/**
 * offset_of() - Offset of an address in the arena
 * @p: pointer into the arena
 *
 * Return: u32 offset
 */
static inline uint32_t offset_of(const void *p)
{
    return (uint32_t)((const char *)p - ARENA_BASE);
}

#define ARENA_PAGE (1u << ARENA_PAGE_SHIFT)

int arena_init(uint32_t first, uint32_t size);
uint32_t arena_alloc(uint32_t size, uint32_t owner);
void arena_free(uint32_t offset);
uint32_t arena_block_size(uint32_t offset);
uint32_t arena_largest(void);
uint32_t arena_new_owner(void);
uint32_t arena_free_owner(uint32_t owner);

#endif /* RINGSTACK_ARENA_H */
