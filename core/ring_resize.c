/* SPDX-License-Identifier: MIT */
/* ring_resize.c - the allocating side of a change of buffer (theory of operation: core/ring_resize.h) */
#include "ring_resize.h"

/**
 * ring_resize_settled() - Whether both sides have left the old buffer, so that its slot is free
 * @ring: byte ring
 *
 * Return: 1 if nothing is offered that the producer has not adopted and the consumer reached
 */
int ring_resize_settled(const struct ring *ring)
{
    uint32_t offered = atomic_load_explicit(&ring->offered, memory_order_relaxed); /* our own G */

    return atomic_load_explicit(&ring->cons_gen, memory_order_acquire) == offered; /* L, pairs K */
}

/**
 * ring_resize_offer() - Give a byte ring a new buffer
 * @ring: settled byte ring; called by the allocating side
 * @buf: offset of the storage
 * @size: its size in bytes, a power of two, or 0
 */
void ring_resize_offer(struct ring *ring, uint32_t buf, uint32_t size)
{
    uint32_t next = atomic_load_explicit(&ring->offered, memory_order_relaxed) + 1; /* our own G */

    ring->buf[next & 1] = buf;
    ring->size[next & 1] = size;
    atomic_store_explicit(&ring->offered, next, memory_order_release); /* G, pairs H */
}
