/* SPDX-License-Identifier: MIT */
/* ring.h - single-producer single-consumer rings of bytes and of frames; twin: js/ring.ts
 *
 * Theory of operation
 *
 * tail is the producer's word, head the consumer's. Both are free-running u32 positions: tail -
 * head is what the ring holds, right across the wrap at 2^32, and a position is masked only to
 * address the storage. Each side keeps the other's position cached and reads it again only when
 * the cache says full or empty.
 *
 *     producer                                consumer
 *
 *     if (LOAD head)          (A)             if (LOAD tail)          (C)
 *        WRITE bytes                             READ bytes
 *        STORE tail           (B)                STORE head           (D)
 *
 * (B) pairs with (C): without it the consumer could see the new tail and read bytes that are not
 * written yet. (D) pairs with (A): without it the producer could overwrite bytes that are still
 * being read.
 *
 * Sleep. A side that finds nothing to do writes a threshold, looks again, and sleeps:
 *
 *     the side that sleeps                    the side that works
 *
 *     STORE threshold         (E)             STORE tail or head      (B, D)
 *     LOAD tail or head       (C, A)          LOAD threshold          (F)
 *     sleep if unchanged                      notify if its position passed the threshold
 *
 * (E) pairs with (F). All four are sequentially consistent: in their total order either the
 * threshold comes first and the worker sees it, or the position comes first and the sleeper sees
 * that. The threshold is a position ("notify me when you pass this"; virtio calls it the event
 * index). One side writes it, and it is never cleared: a threshold in the past is not set. Only the
 * submit or release that passes the threshold notifies, so the other side is woken once per edge.
 *
 * Each side works on private state (struct producer, struct consumer). The contents of the ring are
 * input: a position or a length is read once, checked against the capacity, and dropped and counted in
 * `bad` if it cannot be true.
 *
 * Five operations: reserve, submit, cancel; peek, release. core/ring_resize.h explains how a byte ring
 * changes its buffer (letters G to L), core/doorbell.h how a sleeper is woken (M, N).
 */
#ifndef RINGSTACK_RING_H
#define RINGSTACK_RING_H

#include "doorbell.h"
#include "mem/arena.h"
#include "ring_resize.h"

/* Producer's side of a ring. */
struct producer {
    struct ring *ring;
    uint32_t tail;     /* our position */
    uint32_t head;     /* the consumer's, as last seen */
    uint32_t gen;      /* our buffer is ring->buf[gen & 1] */
    uint32_t reserved; /* bytes that may be submitted */
    uint32_t notified; /* tail when the doorbell was last considered */
    uint32_t skip;     /* frames: bytes to skip before the reserved record */
    uint32_t open;     /* frames: a record is reserved, of 0 bytes or more */
};

/* Consumer's side of a ring. */
struct consumer {
    struct ring *ring;
    uint32_t head;     /* our position */
    uint32_t tail;     /* the producer's, as last seen */
    uint32_t gen;      /* buffer our position is in */
    uint32_t peeked;   /* frames: size of the record that release() passes */
    uint32_t notified; /* head when the doorbell was last considered */
};

/* Contiguous bytes in a ring. */
struct span {
    uint8_t *data;
    uint32_t length;
};

void ring_init(struct ring *ring, uint32_t buf, uint32_t size, uint32_t start);
void producer_init(struct producer *p, struct ring *ring);
void consumer_init(struct consumer *c, struct ring *ring);

uint32_t byte_reserve(struct producer *p, uint32_t want, struct span *out);
int byte_submit(struct producer *p, uint32_t length);
void byte_cancel(struct producer *p);
uint32_t byte_peek(struct consumer *c, uint32_t position, struct span *out);
int byte_release(struct consumer *c, uint32_t length);

int frame_reserve(struct producer *p, uint32_t length, uint8_t **payload);
int frame_submit(struct producer *p, uint32_t length);
void frame_cancel(struct producer *p);
int frame_peek(struct consumer *c, uint32_t max, struct span *out);
void frame_release(struct consumer *c);

/**
 * ring_passed() - Whether a position went past a threshold
 * @threshold: the threshold
 * @from: position before
 * @to: position now
 *
 * Return: 1 if threshold is one of from .. to-1, counted round the wrap
 */
static inline int ring_passed(uint32_t threshold, uint32_t from, uint32_t to)
{
    return (uint32_t)(to - threshold - 1u) < (uint32_t)(to - from);
}

/**
 * producer_refresh() - Read the consumer's position again
 * @p: producer
 *
 * A head that is not between the last one and tail cannot be true and is not taken.
 */
static inline void producer_refresh(struct producer *p)
{
    uint32_t head = atomic_load_explicit(&p->ring->head, memory_order_seq_cst); /* A, pairs D, E */

    if (p->tail - head <= p->tail - p->head) {
        p->head = head;
    }
}

/**
 * consumer_refresh() - Read the producer's position again
 * @c: consumer
 *
 * A tail further ahead than the storage is large cannot be true: it is counted and not taken.
 */
static inline void consumer_refresh(struct consumer *c)
{
    uint32_t tail = atomic_load_explicit(&c->ring->tail, memory_order_seq_cst); /* C, pairs B, E */

    if (tail - c->head > ring_resize_most(c->ring, c->gen)) {
        c->ring->bad++;
        return;
    }
    c->tail = tail;
}

/**
 * producer_publish() - Move tail
 * @p: producer
 * @length: bytes
 */
static inline void producer_publish(struct producer *p, uint32_t length)
{
    p->tail += length;
    atomic_store_explicit(&p->ring->tail, p->tail, memory_order_seq_cst); /* B, pairs C */
}

/**
 * consumer_publish() - Move head
 * @c: consumer
 * @length: bytes
 */
static inline void consumer_publish(struct consumer *c, uint32_t length)
{
    c->head += length;
    atomic_store_explicit(&c->ring->head, c->head, memory_order_seq_cst); /* D, pairs A */
}

/**
 * producer_notify() - Ring the consumer's doorbell if tail passed its threshold; once per batch
 * @p: producer
 *
 * Return: 1 if the doorbell was rung
 */
static inline int producer_notify(struct producer *p)
{
    uint32_t threshold, from = p->notified;

    if (from == p->tail) {
        return 0;
    }
    p->notified = p->tail;
    threshold =
        atomic_load_explicit(&p->ring->data_threshold, memory_order_seq_cst); /* F, pairs E */
    if (!ring_passed(threshold, from, p->tail)) {
        return 0;
    }
    doorbell_ring(atomic_load_explicit(
        &p->ring->data_doorbell, memory_order_relaxed)); /* no order: either doorbell will do */
    return 1;
}

/**
 * consumer_notify() - Ring the producer's doorbell if head passed its threshold; once per batch
 * @c: consumer
 *
 * Return: 1 if the doorbell was rung
 */
static inline int consumer_notify(struct consumer *c)
{
    uint32_t threshold, from = c->notified;

    if (from == c->head) {
        return 0;
    }
    c->notified = c->head;
    threshold =
        atomic_load_explicit(&c->ring->room_threshold, memory_order_seq_cst); /* F, pairs E */
    if (!ring_passed(threshold, from, c->head)) {
        return 0;
    }
    doorbell_ring(atomic_load_explicit(
        &c->ring->room_doorbell, memory_order_relaxed)); /* no order: either doorbell will do */
    return 1;
}

/**
 * consumer_arm() - Ask for the doorbell when more comes, and look again
 * @c: consumer that has seen everything
 *
 * Return: 1 if there is still nothing: the caller may sleep
 */
static inline int consumer_arm(struct consumer *c)
{
    uint32_t seen = c->tail;

    atomic_store_explicit(&c->ring->data_threshold, seen, memory_order_seq_cst); /* E, pairs F */
    consumer_refresh(c);
    return c->tail == seen;
}

/**
 * producer_arm() - Ask for the doorbell when head passes a position, and look again
 * @p: producer that lacks room
 * @threshold: position; p->head asks for the next release
 *
 * Return: 1 if head has not passed it: the caller may sleep
 */
static inline int producer_arm(struct producer *p, uint32_t threshold)
{
    uint32_t seen = p->head;

    atomic_store_explicit(&p->ring->room_threshold, threshold,
                          memory_order_seq_cst); /* E, pairs F */
    producer_refresh(p);
    return !ring_passed(threshold, seen, p->head);
}

/**
 * byte_held() - Bytes submitted and not released, as the consumer knows it
 * @c: consumer
 *
 * Return: bytes
 */
static inline uint32_t byte_held(struct consumer *c)
{
    consumer_refresh(c);
    return c->tail - c->head;
}

#endif /* RINGSTACK_RING_H */
