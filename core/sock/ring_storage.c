/* SPDX-License-Identifier: MIT */
/* ring_storage.c - buffers of socket rings: taken from the arena, counted, and freed
 *
 * A byte ring begins with one small block, which is set up in place before its first byte, and moves
 * to a larger one (core/ring_resize.h). The block it left is freed when both sides have
 * passed it. A frame ring keeps its first block.
 */
#include "sock/ring_storage.h"

#include "mem/arena.h"
#include "ring_resize.h"

static struct stack_ctl *ctl;

/**
 * ring_storage_setup() - Set the owner of the memory
 * @stack: control block of the stack
 */
void ring_storage_setup(struct stack_ctl *stack)
{
    ctl = stack;
}

/**
 * free_buffer() - Free one buffer of a ring
 * @ring: ring
 * @which: buf[which]
 */
static void free_buffer(struct ring *ring, uint32_t which)
{
    if (ring->size[which]) {
        ctl->stats.ring_bytes -= arena_block_size(ring->buf[which]);
        arena_free(ring->buf[which]);
        ring->buf[which] = 0;
        ring->size[which] = 0;
    }
}

/**
 * ring_storage_add() - Give a ring a buffer: its first, or another one to move to
 * @ring: a socket's ring; settled, if it has a buffer
 * @size: bytes, a power of two
 *
 * Return: 0 or ABI_ENOMEM
 */
int ring_storage_add(struct ring *ring, uint32_t size)
{
    uint32_t buf = arena_alloc(size, ctl->owner);

    if (!buf) {
        return ABI_ENOMEM;
    }
    ctl->stats.ring_bytes += arena_block_size(buf);
    if (ring->size[0] == 0 && ring->size[1] == 0) {
        /* Nothing was ever in it: the first tail that the consumer sees comes after this. */
        ring->buf[0] = buf;
        __atomic_store_n(&ring->size[0], size, __ATOMIC_RELAXED); /* ring_resize_size() */
    } else {
        ring_resize_offer(ring, buf, size);
    }
    return 0;
}

/**
 * ring_storage_settle() - Free the buffer that both sides have left
 * @ring: a socket's byte ring
 *
 * Return: 1 if the ring may be given another buffer
 */
int ring_storage_settle(struct ring *ring)
{
    uint32_t offered = atomic_load_explicit(&ring->offered, memory_order_relaxed); /* our own G */

    if (!ring_resize_settled(ring)) {
        return 0;
    }
    free_buffer(ring, (offered + 1) & 1);
    return 1;
}

/**
 * ring_storage_free() - Free all buffers of a ring
 * @ring: ring that neither side uses any more
 */
void ring_storage_free(struct ring *ring)
{
    free_buffer(ring, 0);
    free_buffer(ring, 1);
}
