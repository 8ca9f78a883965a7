/* SPDX-License-Identifier: MIT */
/* tcp_rings.c - how large the rings of a TCP connection are
 *
 * Theory of operation
 *
 * rx gets its first block with the first segment and moves to rx_max when that is too small; tx has
 * a small one from the start and gets a larger one when JS found no room, up to tx_max. The old
 * block is given back when both sides have left it (sock_settle()).
 *
 * Beyond what it needs, a ring grows by no more than would be there for every other connection on
 * which something moves (share()): few have what they may have, a thousand have less and still no one
 * goes without. Where not even the need can be met, rx does not grow, the segment is dropped, and the
 * peer sends it again.
 *
 * A connection on which nothing has moved for QUIET seconds and whose rings are empty moves back to
 * small ones, so that idle connections cost the same whatever they have carried. Only those that
 * moved something since they were last found small and quiet are looked at (trim_first).
 */
#include "lwip/priv/tcp_priv.h"

#include "mem/arena.h"
#include "sock/tcp.h"
#include "sock/tcp_internal.h"

/* Slabs and rings of a connection that is accepted, but for the payload that came with it. */
#define ACCEPT_ROOM 49152u
/* Seconds without a byte after which large rings are taken back. */
#define QUIET 5u

/* Where trim_listed stands: */
#define LISTED 1
#define LISTED_OVER 2 /* only to be freed */

static struct sock *trim_first;
static uint32_t moving; /* connections that are listed and not over */

static uint32_t power_of_two(uint32_t size)
{
    return size <= RING_FIRST ? RING_FIRST : 1u << (32 - __builtin_clz(size - 1));
}

/**
 * tcp_rings_moved() - Have tcp_rings_trim() look at a connection
 * @s: connection on which something moves
 */
void tcp_rings_moved(struct sock *s)
{
    if (!s->trim_listed) {
        s->trim_listed = LISTED;
        s->next_trim = trim_first;
        trim_first = s;
        moving++;
    }
}

/**
 * tcp_rings_over() - Leave memory to a connection no longer
 * @s: connection whose pcb is gone
 */
void tcp_rings_over(struct sock *s)
{
    if (s->trim_listed == LISTED) {
        s->trim_listed = LISTED_OVER;
        moving--;
    }
}

/**
 * share() - How large a ring may become beyond its need: there would be as much for each that moves,
 * and for one more
 * @most: its bound
 *
 * Return: bytes
 */
static uint32_t share(uint32_t most)
{
    return LWIP_MIN(most, arena_largest() / (moving + 1));
}

/**
 * tcp_rings_can_accept() - Whether there is memory for one more connection
 * @payload: bytes that come with the end of its handshake
 *
 * Return: 1 if so
 */
int tcp_rings_can_accept(uint32_t payload)
{
    return arena_largest() >= ACCEPT_ROOM + payload;
}

/**
 * tcp_rings_ensure() - Make sure rx can hold more bytes after its tail
 * @s: connection
 * @more: bytes
 *
 * Return: 1 if it can
 */
int tcp_rings_ensure(struct sock *s, uint32_t more)
{
    struct ring *ring = &s->pub.rx;
    uint32_t size =
        ring->size[atomic_load_explicit(&ring->offered, memory_order_relaxed) & 1]; /* our own G */
    uint32_t need = s->rx.tail - s->rx.head + more;

    if (need <= size) {
        return 1;
    }
    producer_refresh(&s->rx);
    need = s->rx.tail - s->rx.head + more;
    if (need <= size) {
        return 1;
    }
    if (size == 0) {
        return sock_storage(ring, power_of_two(need)) == 0;
    }
    return sock_settle(ring) &&
           sock_storage(ring, power_of_two(LWIP_MAX(need, share(s->rx_max)))) == 0;
}

/**
 * tcp_rings_grow_tx() - Give tx a larger buffer if JS waits for room and may have more
 * @s: open connection
 */
void tcp_rings_grow_tx(struct sock *s)
{
    struct ring *ring = &s->pub.tx;
    uint32_t want = __atomic_load_n(&ring->want, __ATOMIC_RELAXED); /* no order: a hint */
    uint32_t size, held, most;

    if (!sock_settle(ring) || want == 0) {
        return;
    }
    size = ring->size[atomic_load_explicit(&ring->offered, memory_order_relaxed) & 1]; /* own G */
    held = byte_held(&s->tx);
    if (size >= s->tx_max || (held < size && want <= size / 2)) {
        return;
    }
    most = share(s->tx_max);
    if (size >= most) {
        return;
    }
    want = LWIP_MIN(want, most);
    size = power_of_two(LWIP_MIN(most, LWIP_MAX(4 * size, want + held)));
    if (sock_storage(ring, size) == 0) {
        sock_event(s, SOCK_WRITABLE);
    }
}

/**
 * shrink() - Move an empty ring to its smallest size
 * @ring: a socket's ring
 * @held: bytes in it
 *
 * Return: 1 if a smaller buffer was offered
 */
static int shrink(struct ring *ring, uint32_t held)
{
    uint32_t offered;

    if (held != 0 || !sock_settle(ring)) {
        return 0;
    }
    offered = atomic_load_explicit(&ring->offered, memory_order_relaxed); /* our own G */
    return ring_size(ring, offered) > RING_FIRST && sock_storage(ring, RING_FIRST) == 0;
}

/**
 * trim() - Take large rings back from a connection that has gone quiet
 * @s: connection
 *
 * What is taken back is free when JS has followed to the small one; the event makes it look.
 *
 * Return: 1 if it is to be looked at again in a second
 */
static int trim(struct sock *s)
{
    struct span none;
    int settled;

    /* Follow to the buffer JS writes now, and give back what both have left since the last call. */
    byte_peek(&s->tx, s->queued, &none);
    settled = sock_settle(&s->pub.tx) & sock_settle(&s->pub.rx);
    if (s->rx_seen != s->rx.tail || s->tx_seen != s->tx.tail) {
        s->rx_seen = s->rx.tail;
        s->tx_seen = s->tx.tail;
        s->quiet = 0;
        return 1;
    }
    if (++s->quiet != QUIET) {
        return s->quiet < QUIET || !settled;
    }
    producer_refresh(&s->rx);
    /* What came out of order was promised room behind the hole. */
    if (!s->pcb->ooseq && shrink(&s->pub.rx, s->rx.tail - s->rx.head)) {
        byte_reserve(&s->rx, 0, &none); /* adopts it */
        sock_event(s, SOCK_READABLE);
    }
    if (shrink(&s->pub.tx, byte_held(&s->tx))) {
        sock_event(s, SOCK_WRITABLE);
    }
    return 1;
}

/**
 * tcp_rings_trim() - Take large rings back from connections that have gone quiet; once a second
 */
void tcp_rings_trim(void)
{
    struct sock *s = trim_first, *next;

    moving = 0;
    for (trim_first = NULL; s; s = next) {
        next = s->next_trim;
        s->trim_listed = 0;
        if (s->dead) {
            sock_free(s);
        } else if (s->pcb && trim(s)) {
            tcp_rings_moved(s);
        }
    }
}
