/* SPDX-License-Identifier: MIT */
/* ring.c - single-producer single-consumer rings of bytes and of frames (theory: core/ring.h) */
#include "ring.h"

/**
 * ring_init() - Set up a ring before anyone uses it
 * @ring: zeroed header
 * @buf: offset of the storage, 0 if it comes later (core/ring_resize.h)
 * @size: its size in bytes, a power of two, or 0
 * @start: first position (tests start just before the wrap)
 */
void ring_init(struct ring *ring, uint32_t buf, uint32_t size, uint32_t start)
{
    ring->buf[0] = buf;
    ring->size[0] = size;
    ring->switch_pos = start;
    /* No other thread sees the header yet: plain order is enough for all of these. */
    atomic_store_explicit(&ring->tail, start, memory_order_relaxed);               /* before B */
    atomic_store_explicit(&ring->head, start, memory_order_relaxed);               /* before D */
    atomic_store_explicit(&ring->data_threshold, start, memory_order_relaxed);     /* before E */
    atomic_store_explicit(&ring->room_threshold, start - 1, memory_order_relaxed); /* before E */
}

/**
 * producer_init() - Take the producer's side
 * @p: to fill in
 * @ring: header; it has one producer
 */
void producer_init(struct producer *p, struct ring *ring)
{
    *p = (struct producer){ .ring = ring };
    p->tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* our own B */
    p->head = atomic_load_explicit(&ring->head, memory_order_seq_cst); /* A, pairs D */
    p->gen = atomic_load_explicit(&ring->gen, memory_order_relaxed);   /* our own I */
    p->notified = p->tail;
}

/**
 * consumer_init() - Take the consumer's side
 * @c: to fill in
 * @ring: header; it has one consumer
 */
void consumer_init(struct consumer *c, struct ring *ring)
{
    *c = (struct consumer){ .ring = ring };
    c->head = atomic_load_explicit(&ring->head, memory_order_relaxed);    /* our own D */
    c->gen = atomic_load_explicit(&ring->cons_gen, memory_order_relaxed); /* our own K */
    c->tail = c->head;
    c->notified = c->head;
    consumer_refresh(c);
}

/**
 * room_left() - Room as the producer knows it
 * @p: producer of a byte ring
 * @size: of its buffer; after a change to a smaller one the ring can hold more than that
 *
 * Return: bytes
 */
static uint32_t room_left(const struct producer *p, uint32_t size)
{
    uint32_t held = p->tail - p->head;

    return held < size ? size - held : 0;
}

/**
 * byte_reserve() - Find room at the tail
 * @p: producer
 * @want: bytes at the most
 * @out: set to contiguous room, valid until submit or cancel
 *
 * Return: out->length, 0 if the ring is full now (or has no storage yet)
 */
uint32_t byte_reserve(struct producer *p, uint32_t want, struct span *out)
{
    uint32_t size, room, start;

    p->gen = ring_resize_adopt(p->ring, p->gen, p->tail);
    size = p->ring->size[p->gen & 1];
    room = room_left(p, size);
    if (room < want) {
        producer_refresh(p);
        room = room_left(p, size);
    }
    start = p->tail & (size - 1);
    if (room > want) {
        room = want;
    }
    if (room > size - start) {
        room = size - start;
    }
    out->data = room ? (uint8_t *)at(p->ring->buf[p->gen & 1]) + start : (uint8_t *)0;
    out->length = room;
    p->reserved = room;
    return room;
}

/**
 * byte_submit() - Hand the first bytes of what was reserved to the consumer
 * @p: producer
 * @length: bytes written, at most what was reserved
 *
 * Return: 0 or ABI_EINVAL
 */
int byte_submit(struct producer *p, uint32_t length)
{
    if (length > p->reserved) {
        return ABI_EINVAL;
    }
    p->reserved = 0;
    producer_publish(p, length);
    return 0;
}

/**
 * byte_cancel() - Give up what was reserved
 * @p: producer
 */
void byte_cancel(struct producer *p)
{
    p->reserved = 0;
}

/**
 * byte_peek() - Look at bytes not yet released
 * @c: consumer
 * @position: where to begin, from c->head on (a consumer may read ahead of what it releases)
 * @out: set to contiguous bytes, valid until they are released
 *
 * Return: out->length, 0 if nothing stands there now
 */
uint32_t byte_peek(struct consumer *c, uint32_t position, struct span *out)
{
    uint32_t gen, end, size, start, length;

    if (position == c->tail) {
        consumer_refresh(c);
    }
    end = ring_resize_follow(c->ring, &c->gen, c->head, c->tail);
    gen = c->gen;
    /* Ahead of head there may be a change of buffer between. */
    if (end != c->tail && position - c->head >= end - c->head) {
        gen = c->gen + 1;
        end = c->tail;
    }
    if (end - c->head > c->tail - c->head) {
        end = c->tail;
    }
    size = ring_resize_size(c->ring, gen);
    start = position & (size - 1);
    length = position - c->head < end - c->head ? end - position : 0;
    if (length > size) {
        length = size; /* a generation that cannot be true: that slot may have no storage */
    }
    if (length > size - start) {
        length = size - start;
    }
    out->data = length ? (uint8_t *)at(c->ring->buf[gen & 1]) + start : (uint8_t *)0;
    out->length = length;
    return length;
}

/**
 * byte_release() - Give bytes back to the producer
 * @c: consumer
 * @length: bytes from head on
 *
 * Return: 0, or ABI_EINVAL if so many were never there
 */
int byte_release(struct consumer *c, uint32_t length)
{
    if (length > c->tail - c->head) {
        return ABI_EINVAL;
    }
    consumer_publish(c, length);
    ring_resize_follow(c->ring, &c->gen, c->head, c->tail);
    return 0;
}

static uint32_t record_size(uint32_t length)
{
    return FRAME_HEADER + ((length + FRAME_ALIGN - 1) & ~(FRAME_ALIGN - 1));
}

/**
 * frame_reserve() - Find room for one frame
 * @p: producer
 * @length: bytes of the frame at the most
 * @payload: set to where it goes, aligned to FRAME_ALIGN, valid until submit or cancel
 *
 * A record may have to skip to the start of the storage, so only one of up to half the storage
 * is sure to fit into an empty ring.
 *
 * Return: 0, ABI_EMSGSIZE: can never fit, ABI_EAGAIN: full now
 */
int frame_reserve(struct producer *p, uint32_t length, uint8_t **payload)
{
    uint32_t size = p->ring->size[0], start = p->tail & (size - 1), need, skip = 0;

    if (length > size / 2 - FRAME_HEADER) {
        return ABI_EMSGSIZE;
    }
    need = record_size(length);
    if (need > size - start) {
        skip = size - start;
    }
    if (p->tail - p->head + skip + need > size) {
        producer_refresh(p);
        if (p->tail - p->head + skip + need > size) {
            return ABI_EAGAIN;
        }
    }
    p->skip = skip;
    p->reserved = length;
    p->open = 1;
    *payload = (uint8_t *)at(p->ring->buf[0]) + (skip ? 0 : start) + FRAME_HEADER;
    return 0;
}

/**
 * frame_submit() - Hand the reserved frame to the consumer
 * @p: producer
 * @length: bytes written, at most what was reserved
 *
 * Return: 0 or ABI_EINVAL
 */
int frame_submit(struct producer *p, uint32_t length)
{
    uint32_t start = p->tail & (p->ring->size[0] - 1);
    char *buf = at(p->ring->buf[0]);
    struct frame *frame;

    if (!p->open || length > p->reserved) {
        return ABI_EINVAL;
    }
    p->reserved = 0;
    p->open = 0;
    if (p->skip) {
        ((struct frame *)(buf + start))->length = FRAME_SKIP;
        start = 0;
    }
    frame = (struct frame *)(buf + start);
    frame->length = length;
    frame->flags = 0;
    producer_publish(p, p->skip + record_size(length));
    return 0;
}

/**
 * frame_cancel() - Give up the reserved frame
 * @p: producer
 */
void frame_cancel(struct producer *p)
{
    p->reserved = 0;
    p->open = 0;
}

/**
 * drop_rest() - Drop everything submitted so far: the borders of records are lost
 * @c: consumer
 */
static void drop_rest(struct consumer *c)
{
    c->ring->bad++;
    consumer_publish(c, c->tail - c->head);
}

/**
 * resync() - Go to the producer's position if it cannot be true
 * @c: consumer of a frame ring that has seen everything
 *
 * Either this tail is wrong, or an earlier one was and head is wrong now. Frames are lost, and the two
 * sides agree again.
 */
static void resync(struct consumer *c)
{
    uint32_t tail = atomic_load_explicit(&c->ring->tail, memory_order_seq_cst); /* C, pairs B */

    if (tail - c->head > c->ring->size[0]) {
        c->tail = tail;
        consumer_publish(c, tail - c->head);
    }
}

/**
 * frame_peek() - Look at the oldest frame
 * @c: consumer
 * @max: largest frame there can be
 * @out: set to its bytes, valid until release
 *
 * Return: 0, ABI_EAGAIN: nothing there now
 */
int frame_peek(struct consumer *c, uint32_t max, struct span *out)
{
    uint32_t size = c->ring->size[0], start, length, held;

    c->peeked = 0;
    for (;;) {
        if (c->head == c->tail) {
            consumer_refresh(c);
            if (c->head == c->tail) {
                resync(c);
                return ABI_EAGAIN;
            }
        }
        held = c->tail - c->head;
        start = c->head & (size - 1);
        if (held < FRAME_HEADER || (start & (FRAME_ALIGN - 1))) {
            drop_rest(c);
            continue;
        }
        length = *(volatile uint32_t *)((char *)at(c->ring->buf[0]) + start);
        if (length == FRAME_SKIP && size - start <= held) {
            consumer_publish(c, size - start);
            continue;
        }
        if (length > size / 2 || record_size(length) > held || record_size(length) > size - start) {
            drop_rest(c);
            continue;
        }
        c->peeked = record_size(length);
        if (length > max) {
            c->ring->bad++;
            frame_release(c);
            continue;
        }
        out->data = (uint8_t *)at(c->ring->buf[0]) + start + FRAME_HEADER;
        out->length = length;
        return 0;
    }
}

/**
 * frame_release() - Give the frame that was peeked at back to the producer
 * @c: consumer
 */
void frame_release(struct consumer *c)
{
    consumer_publish(c, c->peeked);
    c->peeked = 0;
}
