/* SPDX-License-Identifier: MIT */
/* ring_shim.c - the functions of core/ring.c as a module, for tests of C against JavaScript
 *
 * Twin: ring_shim.ts. The product does not export them: there JavaScript has its own. Sides are numbered;
 * the user of an instance must not give a producer and a consumer the same number.
 */
#include "ring.h"

#ifdef __wasm__
#define EXPORT __attribute__((used, visibility("default")))
#else
#define EXPORT
#endif

#define SIDES 16u

EXPORT void shim_ring_init(uint32_t ring, uint32_t buf, uint32_t size, uint32_t start);
EXPORT void shim_ring_offer(uint32_t ring, uint32_t buf, uint32_t size);
EXPORT int shim_ring_settled(uint32_t ring);
EXPORT void shim_producer_init(uint32_t side, uint32_t ring);
EXPORT void shim_consumer_init(uint32_t side, uint32_t ring);
EXPORT uint32_t shim_offset(void);
EXPORT uint32_t shim_byte_reserve(uint32_t side, uint32_t want);
EXPORT int shim_byte_submit(uint32_t side, uint32_t length);
EXPORT void shim_byte_cancel(uint32_t side);
EXPORT uint32_t shim_byte_peek(uint32_t side);
EXPORT int shim_byte_release(uint32_t side, uint32_t length);
EXPORT int shim_frame_reserve(uint32_t side, uint32_t length);
EXPORT int shim_frame_submit(uint32_t side, uint32_t length);
EXPORT void shim_frame_cancel(uint32_t side);
EXPORT int shim_frame_peek(uint32_t side, uint32_t max);
EXPORT void shim_frame_release(uint32_t side);
EXPORT int shim_producer_notify(uint32_t side);
EXPORT int shim_consumer_notify(uint32_t side);
EXPORT int shim_producer_arm(uint32_t side, uint32_t room);
EXPORT int shim_consumer_arm(uint32_t side);
EXPORT uint32_t shim_producer_held(uint32_t side);
EXPORT uint32_t shim_consumer_held(uint32_t side);

static struct producer producers[SIDES];
static struct consumer consumers[SIDES];
/* Result of the last reserve or peek. */
static uint32_t offset;

/* --- Rings ----------------------------------------------------------------------------------- */

void shim_ring_init(uint32_t ring, uint32_t buf, uint32_t size, uint32_t start)
{
    ring_init(at(ring), buf, size, start);
}

void shim_ring_offer(uint32_t ring, uint32_t buf, uint32_t size)
{
    ring_resize_offer(at(ring), buf, size);
}

int shim_ring_settled(uint32_t ring)
{
    return ring_resize_settled(at(ring));
}

void shim_producer_init(uint32_t side, uint32_t ring)
{
    producer_init(&producers[side], at(ring));
}

void shim_consumer_init(uint32_t side, uint32_t ring)
{
    consumer_init(&consumers[side], at(ring));
}

/**
 * shim_offset() - Where the last reserve or peek found something
 *
 * Return: offset in the arena, meaningless if it found nothing
 */
uint32_t shim_offset(void)
{
    return offset;
}

/* --- Bytes ----------------------------------------------------------------------------------- */

uint32_t shim_byte_reserve(uint32_t side, uint32_t want)
{
    struct span out;

    byte_reserve(&producers[side], want, &out);
    offset = offset_of(out.data);
    return out.length;
}

int shim_byte_submit(uint32_t side, uint32_t length)
{
    return byte_submit(&producers[side], length);
}

void shim_byte_cancel(uint32_t side)
{
    byte_cancel(&producers[side]);
}

uint32_t shim_byte_peek(uint32_t side)
{
    struct span out;

    byte_peek(&consumers[side], consumers[side].head, &out);
    offset = offset_of(out.data);
    return out.length;
}

int shim_byte_release(uint32_t side, uint32_t length)
{
    return byte_release(&consumers[side], length);
}

/* --- Frames ---------------------------------------------------------------------------------- */

int shim_frame_reserve(uint32_t side, uint32_t length)
{
    uint8_t *payload = 0;
    int err = frame_reserve(&producers[side], length, &payload);

    offset = offset_of(payload);
    return err;
}

int shim_frame_submit(uint32_t side, uint32_t length)
{
    return frame_submit(&producers[side], length);
}

void shim_frame_cancel(uint32_t side)
{
    frame_cancel(&producers[side]);
}

/**
 * shim_frame_peek() - frame_peek()
 * @side: consumer
 * @max: largest frame there can be
 *
 * Return: length of the frame, or ABI_EAGAIN
 */
int shim_frame_peek(uint32_t side, uint32_t max)
{
    struct span out = { 0, 0 };
    int err = frame_peek(&consumers[side], max, &out);

    offset = offset_of(out.data);
    return err ? err : (int)out.length;
}

void shim_frame_release(uint32_t side)
{
    frame_release(&consumers[side]);
}

/* --- Marks ----------------------------------------------------------------------------------- */

int shim_producer_notify(uint32_t side)
{
    return producer_notify(&producers[side]);
}

int shim_consumer_notify(uint32_t side)
{
    return consumer_notify(&consumers[side]);
}

/**
 * shim_producer_arm() - producer_arm(), told as in js/ring.ts how much is to be released
 * @side: producer
 * @room: bytes
 *
 * Return: 1 if the caller may sleep
 */
int shim_producer_arm(uint32_t side, uint32_t room)
{
    return producer_arm(&producers[side], producers[side].head + room - 1);
}

int shim_consumer_arm(uint32_t side)
{
    return consumer_arm(&consumers[side]);
}

uint32_t shim_producer_held(uint32_t side)
{
    producer_refresh(&producers[side]);
    return producers[side].tail - producers[side].head;
}

uint32_t shim_consumer_held(uint32_t side)
{
    return byte_held(&consumers[side]);
}
