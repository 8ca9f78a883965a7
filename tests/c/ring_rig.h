/* SPDX-License-Identifier: MIT */
/* ring_rig.h - a ring with guarded storage and two doorbells, for the tests of core/ring.c
 *
 * Under AddressSanitizer everything in the arena but the storage in use is poisoned: a ring that
 * reads or writes beside it, or in a buffer it has left, is caught.
 */
#ifndef RINGSTACK_RING_RIG_H
#define RINGSTACK_RING_RIG_H

#include "testkit.h"

#include "ring.h"

#define STORES 4u
#define STORE_MAX 65536u
/* Stores lie this far apart. */
#define STORE_STEP (2 * STORE_MAX)

static struct ring ring;
static struct producer p;
static struct consumer c;
static struct doorbell data_doorbell, room_doorbell;
static uint32_t next_store;

/**
 * new_store() - Unused storage: the one that was free for the longest time
 * @size: bytes, at most STORE_MAX
 *
 * Return: its offset in the arena
 */
static inline uint32_t new_store(uint32_t size)
{
    uint32_t offset = STORE_STEP + next_store * STORE_STEP;

    next_store = (next_store + 1) % STORES;
    ASAN_POISON_MEMORY_REGION(at(offset), STORE_MAX);
    ASAN_UNPOISON_MEMORY_REGION(at(offset), size);
    return offset;
}

/**
 * start_ring() - Set up the ring and both its sides just before the wrap of the positions
 * @size: bytes of the first storage, 0: none yet
 */
static inline void start_ring(uint32_t size)
{
    if (!arena_base) {
        map_arena((STORES + 2) * STORE_STEP);
        ASAN_POISON_MEMORY_REGION(arena_base, (STORES + 2) * STORE_STEP);
    }
    next_store = 0;
    memset(&ring, 0, sizeof(ring));
    memset(&data_doorbell, 0, sizeof(data_doorbell));
    memset(&room_doorbell, 0, sizeof(room_doorbell));
    ring_init(&ring, size ? new_store(size) : 0, size, NEAR_WRAP);
    atomic_store(&ring.data_doorbell, offset_of(&data_doorbell));
    atomic_store(&ring.room_doorbell, offset_of(&room_doorbell));
    producer_init(&p, &ring);
    consumer_init(&c, &ring);
}

static inline uint32_t held(void)
{
    return atomic_load(&ring.tail) - atomic_load(&ring.head);
}

/**
 * put() - Submit bytes of a seeded stream, as many as fit
 * @position: in the stream
 * @length: bytes
 *
 * Return: how many
 */
static inline uint32_t put(uint64_t position, uint32_t length)
{
    uint32_t done = 0;
    struct span to;

    while (done < length && byte_reserve(&p, length - done, &to)) {
        seeded_fill(test_seed, position + done, to.data, to.length);
        must(byte_submit(&p, to.length) == 0);
        done += to.length;
    }
    return done;
}

/**
 * get() - Check and release bytes of a seeded stream, as many as there are
 * @position: in the stream
 * @length: bytes
 *
 * Return: how many
 */
static inline uint32_t get(uint64_t position, uint32_t length)
{
    uint32_t done = 0;
    struct span from;

    while (done < length && byte_peek(&c, c.head, &from)) {
        if (from.length > length - done) {
            from.length = length - done;
        }
        must(seeded_differs(test_seed, position + done, from.data, from.length) == 0);
        must(byte_release(&c, from.length) == 0);
        done += from.length;
    }
    return done;
}

/**
 * put_frame() - Submit one frame of a seeded sequence
 * @number: in the sequence
 * @length: bytes
 *
 * Return: as frame_reserve()
 */
static inline int put_frame(uint64_t number, uint32_t length)
{
    uint8_t *to;
    int err = frame_reserve(&p, length, &to);

    if (err == 0) {
        must((uintptr_t)to % FRAME_ALIGN == 0);
        seeded_fill(mix64(number), 0, to, length);
        must(frame_submit(&p, length) == 0);
    }
    return err;
}

/**
 * get_frame() - Check and release the oldest frame
 * @number: in the sequence
 * @length: bytes it must have
 */
static inline void get_frame(uint64_t number, uint32_t length)
{
    struct span from;

    must(frame_peek(&c, STORE_MAX, &from) == 0);
    must(from.length == length);
    must(seeded_differs(mix64(number), 0, from.data, length) == 0);
    frame_release(&c);
}

#endif /* RINGSTACK_RING_RIG_H */
