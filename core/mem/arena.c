/* SPDX-License-Identifier: MIT */
/* arena.c - the region allocator of a shared memory
 *
 * Theory of operation
 *
 * An arena is one fixed-size shared memory. Its first bytes hold struct arena_ctl, then comes the
 * instance that the arena's creator calls the allocator through, then two maps (one byte and one
 * u16 a page), then pages. Blocks are powers of two pages, split and merged as buddies: every
 * large thing here is a power of two anyway (rings, stacks, slabs), a block is aligned to its
 * size, and freed neighbours always come together again.
 *
 * Any thread of any agent that shares the memory may call, under a spin lock held for a bounded number
 * of steps (at most ARENA_ORDERS splits or merges; arena_free_owner() takes it once per
 * block). A thread that is ended in that moment must not hang all others: they wait for some seconds, then the arena counts
 * as abandoned, which gives errors at once; it is in use again if the thread was only slow. The free lists live in the free blocks, so an untouched page stays untouched until it
 * is needed; the byte map says for each page whether it heads a free or a used block, and of what
 * order. A freed offset that heads no used block is ignored: freeing twice corrupts nothing.
 *
 * Each used block has an owner, so that all a stack ever took can be given back in one sweep when
 * the stack is gone, whatever state its thread died in.
 */
#include "mem/arena.h"

#ifdef RINGSTACK_NATIVE
char *arena_base;
#endif

/* States in the page map; the low bits hold the order. 0: the page heads no block. */
#define PAGE_FREE 0x40u
#define PAGE_USED 0x80u
#define PAGE_ORDER 0x1fu

/* Looks at the lock, about a nanosecond each. */
#define PATIENCE 0x80000000u

/* Links in the first bytes of a free block. */
struct free_block {
    uint32_t next;
    uint32_t prev;
};

static struct arena_ctl *ctl(void)
{
    return at(ARENA_CTL);
}

static uint8_t *page_map(void)
{
    return at(ctl()->page_map);
}

static uint16_t *owner_map(void)
{
    return at(ctl()->owner_map);
}

/**
 * lock() - Be the only thread in the lists
 *
 * Return: 1; 0: the thread that holds the lock has not given it back in some seconds, and seems to have died
 */
static int lock(void)
{
    uint32_t left = PATIENCE, seen;

    do {
        seen = ARENA_UNLOCKED;
        if (atomic_compare_exchange_strong_explicit(&ctl()->lock, &seen, ARENA_LOCKED,
                                                    memory_order_acquire, memory_order_relaxed)) {
            return 1;
        }
        /* Read until it looks free: an exchange in a loop would keep stealing the line. */
        while (left &&
               (seen = atomic_load_explicit(&ctl()->lock, memory_order_relaxed)) == ARENA_LOCKED) {
            left--;
        }
    } while (seen == ARENA_UNLOCKED);
    /* If the thread was only slow, it unlocks the arena all the same. */
    atomic_compare_exchange_strong_explicit(&ctl()->lock, &seen, ARENA_ABANDONED,
                                            memory_order_relaxed, memory_order_relaxed);
    return 0;
}

static void unlock(void)
{
    atomic_store_explicit(&ctl()->lock, ARENA_UNLOCKED, memory_order_release);
}

/**
 * push() - Put a block on the free list of its order
 * @page: first page of the block
 * @order: its order
 */
static void push(uint32_t page, uint32_t order)
{
    uint32_t offset = page << ARENA_PAGE_SHIFT;
    struct free_block *block = at(offset);

    block->prev = 0;
    block->next = ctl()->heads[order];
    if (block->next) {
        ((struct free_block *)at(block->next))->prev = offset;
    }
    ctl()->heads[order] = offset;
    page_map()[page] = (uint8_t)(PAGE_FREE | order);
}

/**
 * take() - Remove a block from the free list of its order
 * @page: first page of the block
 * @order: its order
 */
static void take(uint32_t page, uint32_t order)
{
    struct free_block *block = at(page << ARENA_PAGE_SHIFT);

    if (block->prev) {
        ((struct free_block *)at(block->prev))->next = block->next;
    } else {
        ctl()->heads[order] = block->next;
    }
    if (block->next) {
        ((struct free_block *)at(block->next))->prev = block->prev;
    }
    page_map()[page] = 0;
}

static uint32_t pages_total(void)
{
    return ctl()->size >> ARENA_PAGE_SHIFT;
}

/**
 * arena_init() - Set up an arena that is all zero
 * @first: offset of the first byte after what the creator laid out itself
 * @size: bytes of the arena
 *
 * Return: 0, or ABI_EINVAL if nothing would be left to hand out
 */
int arena_init(uint32_t first, uint32_t size)
{
    struct arena_ctl *c = ctl();
    uint32_t pages = size >> ARENA_PAGE_SHIFT;
    uint32_t page, map_end;

    map_end = ((first + 7u) & ~7u) + pages * 3u;
    if (size < ARENA_MIN || map_end < first || map_end >= size - ARENA_PAGE) {
        return ABI_EINVAL;
    }
    c->magic = ABI_MAGIC;
    c->version = ABI_VERSION;
    c->size = pages << ARENA_PAGE_SHIFT;
    c->owner_map = (first + 7u) & ~7u;
    c->page_map = c->owner_map + pages * 2u;
    c->first_page = (map_end + ARENA_PAGE - 1) >> ARENA_PAGE_SHIFT;
    /* Cut what is left into the largest aligned blocks. */
    for (page = c->first_page; page < pages;) {
        uint32_t order = 0;

        while (order + 1 < ARENA_ORDERS && !(page & ((2u << order) - 1)) &&
               page + (2u << order) <= pages) {
            order++;
        }
        push(page, order);
        c->free_bytes += ARENA_PAGE << order;
        page += 1u << order;
    }
    c->total_bytes = c->free_bytes;
    return 0;
}

/**
 * order_of() - The order of the smallest block that holds so many bytes
 * @size: bytes
 *
 * Return: order, ARENA_ORDERS if no block is large enough
 */
static uint32_t order_of(uint32_t size)
{
    uint32_t order = 0;

    while (order < ARENA_ORDERS && (ARENA_PAGE << order) < size) {
        order++;
    }
    return order;
}

/**
 * arena_alloc() - Take a block
 * @size: bytes wanted, at least 1; the block has the next power of two and is aligned to it
 * @owner: number from arena_new_owner(), or ARENA_OWNER_SHARED
 *
 * Return: offset of the block (not zeroed), or 0: no block is large enough
 */
uint32_t arena_alloc(uint32_t size, uint32_t owner)
{
    uint32_t want = order_of(size), order, page;

    if (size == 0 || want == ARENA_ORDERS) {
        return 0;
    }
    if (!lock()) {
        return 0;
    }
    for (order = want; order < ARENA_ORDERS && !ctl()->heads[order]; order++) {
    }
    if (order == ARENA_ORDERS) {
        unlock();
        return 0;
    }
    page = ctl()->heads[order] >> ARENA_PAGE_SHIFT;
    take(page, order);
    while (order > want) {
        order--;
        push(page + (1u << order), order);
    }
    page_map()[page] = (uint8_t)(PAGE_USED | order);
    owner_map()[page] = (uint16_t)owner;
    ctl()->free_bytes -= ARENA_PAGE << order;
    unlock();
    return page << ARENA_PAGE_SHIFT;
}

/**
 * release_page() - Give back the used block a page heads, merging it with free buddies
 * @page: first page of the block; lock is held
 */
static void release_page(uint32_t page)
{
    uint32_t order = page_map()[page] & PAGE_ORDER;

    ctl()->free_bytes += ARENA_PAGE << order;
    page_map()[page] = 0;
    while (order + 1 < ARENA_ORDERS) {
        uint32_t buddy = page ^ (1u << order);

        if (buddy < ctl()->first_page || buddy >= pages_total() ||
            page_map()[buddy] != (PAGE_FREE | order)) {
            break;
        }
        take(buddy, order);
        page &= ~(1u << order);
        order++;
    }
    push(page, order);
}

/**
 * arena_free() - Give a block back
 * @offset: from arena_alloc(); 0 and what heads no used block are ignored
 */
void arena_free(uint32_t offset)
{
    uint32_t page = offset >> ARENA_PAGE_SHIFT;

    if ((offset & (ARENA_PAGE - 1)) || page < ctl()->first_page || page >= pages_total()) {
        return;
    }
    if (lock()) {
        if (page_map()[page] & PAGE_USED) {
            release_page(page);
        }
        unlock();
    }
}

/**
 * arena_block_size() - Size of a used block
 * @offset: from arena_alloc()
 *
 * Return: bytes, 0 if it heads no used block
 */
uint32_t arena_block_size(uint32_t offset)
{
    uint32_t page = offset >> ARENA_PAGE_SHIFT;
    uint8_t state;

    if ((offset & (ARENA_PAGE - 1)) || page < ctl()->first_page || page >= pages_total()) {
        return 0;
    }
    state = page_map()[page];
    return (state & PAGE_USED) ? ARENA_PAGE << (state & PAGE_ORDER) : 0;
}

/**
 * arena_largest() - Size of the largest free block
 *
 * Return: bytes, 0: there is none; another thread may take it at any time
 */
uint32_t arena_largest(void)
{
    uint32_t order = ARENA_ORDERS;

    if (!lock()) {
        return 0;
    }
    while (order && !ctl()->heads[order - 1]) {
        order--;
    }
    unlock();
    return order ? ARENA_PAGE << (order - 1) : 0;
}

/**
 * arena_new_owner() - A number that no living owner has
 *
 * Numbers come round after 65535; with fewer stacks alive than that, the one that comes next has
 * long been swept.
 *
 * Return: 1..65535
 */
uint32_t arena_new_owner(void)
{
    return atomic_fetch_add_explicit(&ctl()->next_owner, 1, memory_order_relaxed) % 65535u + 1u;
}

/**
 * arena_free_owner() - Give back every block of an owner
 * @owner: number from arena_new_owner(); its blocks are not used any more
 *
 * Return: bytes given back
 */
uint32_t arena_free_owner(uint32_t owner)
{
    uint32_t page = ctl()->first_page, freed = 0;

    while (page < pages_total()) {
        uint32_t order;

        if (!lock()) {
            break;
        }
        order = page_map()[page] & PAGE_ORDER;
        if ((page_map()[page] & PAGE_USED) && owner_map()[page] == owner) {
            freed += ARENA_PAGE << order;
            release_page(page);
        }
        unlock();
        page += 1u << order;
    }
    return freed;
}
