/* SPDX-License-Identifier: MIT */
/* ring_resize.h - how a byte ring changes its buffer while both sides work
 *
 * Theory of operation
 *
 * A ring has two slots for a buffer. Buffers are numbered: generation n is in slot n & 1. The
 * allocating side writes a new buffer into the slot that is not in use and offers it; the producer
 * moves there when it next writes, the consumer when it has read the old one to its end:
 *
 *     allocating side                         producer
 *
 *     WRITE buf, size
 *     STORE offered           (G)             LOAD offered            (H)
 *                                             WRITE switch_pos = tail
 *     consumer                                STORE gen               (I)
 *
 *     LOAD gen                (J)             allocating side
 *     READ up to switch_pos
 *     STORE cons_gen          (K)             LOAD cons_gen           (L)
 *                                             FREE the old buffer
 *
 * (G) pairs with (H): the slot is written before it is offered. (I) pairs with (J), and is before the
 * (B) that submits the first byte of the new buffer: a consumer that sees gen sees switch_pos. Bytes
 * before that position are in the old buffer, the rest is in the new one. (K) pairs with (L): the old
 * buffer is free when the consumer has left it. Then the ring is settled and may be offered another.
 */
#ifndef RINGSTACK_RING_RESIZE_H
#define RINGSTACK_RING_RESIZE_H

#include "abi.h"

void ring_resize_offer(struct ring *ring, uint32_t buf, uint32_t size);
int ring_resize_settled(const struct ring *ring);

/**
 * ring_resize_size() - Size of a buffer, which may be none yet: the first of a ring is set up in place
 * @ring: ring
 * @gen: generation
 *
 * Return: bytes
 */
static inline uint32_t ring_resize_size(struct ring *ring, uint32_t gen)
{
    return __atomic_load_n(&ring->size[gen & 1], __ATOMIC_RELAXED); /* no order: B or G gives it */
}

/**
 * ring_resize_most() - How much a ring can hold, as its consumer may find it
 * @ring: ring
 * @own: the consumer's generation
 *
 * Return: bytes; the size of the larger of the buffers that the producer uses. The other slot may be
 * written at this moment.
 */
static inline uint32_t ring_resize_most(struct ring *ring, uint32_t own)
{
    uint32_t gen = atomic_load_explicit(&ring->gen, memory_order_acquire); /* J, pairs I */
    uint32_t size = ring_resize_size(ring, own), next = ring_resize_size(ring, gen);

    return size > next ? size : next;
}

/**
 * ring_resize_adopt() - Move the producer to the buffer that was offered
 * @ring: byte ring
 * @own: the producer's generation
 * @tail: its position
 *
 * Return: its generation from now on
 */
static inline uint32_t ring_resize_adopt(struct ring *ring, uint32_t own, uint32_t tail)
{
    uint32_t offered = atomic_load_explicit(&ring->offered, memory_order_acquire); /* H, pairs G */

    if (offered != own) {
        ring->switch_pos = tail;
        atomic_store_explicit(&ring->gen, offered, memory_order_release); /* I, pairs J */
    }
    return offered;
}

/**
 * ring_resize_follow() - Move the consumer to the producer's buffer if head has reached it
 * @ring: byte ring
 * @own: the consumer's generation
 * @head: its position
 * @tail: the producer's
 *
 * Return: position where the buffer that head is in ends, which is tail if it is the last one
 */
static inline uint32_t ring_resize_follow(struct ring *ring, uint32_t *own, uint32_t head,
                                          uint32_t tail)
{
    uint32_t gen = atomic_load_explicit(&ring->gen, memory_order_acquire); /* J, pairs I */
    uint32_t end;

    if (gen == *own) {
        return tail;
    }
    end = ring->switch_pos;
    if ((int32_t)(head - end) < 0) {
        return end;
    }
    *own = gen;
    atomic_store_explicit(&ring->cons_gen, gen, memory_order_release); /* K, pairs L */
    return tail;
}

#endif /* RINGSTACK_RING_RESIZE_H */
