/* SPDX-License-Identifier: MIT */
/* tcp_rings.c - how large the rings of a TCP connection are
 *
 * Theory of operation
 *
 * rx gets its first block with the first segment and moves to rx_max when that is too small; tx has
 * a small one from the start and gets a larger one when JS found no room, up to tx_max. The old
 * block is freed when both sides have left it (ring_storage_settle()).
 *
 * Beyond its need a ring may grow to the largest free block divided by the number of active
 * connections (share()), so that one connection cannot starve the rest. If there is no memory even for
 * the need, rx does not grow, the segment is dropped, and the peer sends it again. Segments behind a hole are no need.
 *
 * A connection on which nothing has moved for QUIET seconds and whose rings are empty moves back to
 * small rings, so that all idle connections cost the same; segments behind a hole go. Only connections that moved something since
 * they were last found small and quiet are looked at.
 */
#include "sock/tcp_rings.h"

#include "lwip/priv/tcp_priv.h"

#include "mem/arena.h"
#include "sock/ring_storage.h"
#include "sock/sock_event.h"

/* Slabs and rings of an accepted connection, without the payload that came with its handshake. */
#define ACCEPT_ROOM 49152u
/* Seconds without a byte after which large rings are taken back. */
#define QUIET 5u

/* Connections on which something moved since their rings were last found small and quiet. */
static struct list moving_list = LIST_INIT(moving_list);
static uint32_t moving; /* how many */

static uint32_t power_of_two(uint32_t size)
{
    return size <= RING_FIRST ? RING_FIRST : 1u << (32 - __builtin_clz(size - 1));
}

/**
 * tcp_sock_rings_open() - Rings of a new connection
 * @t: new connection
 * @rx_max: bound of the rx ring
 * @tx_max: bound of the tx ring
 *
 * Return: 0 or ABI_ENOMEM
 */
int tcp_sock_rings_open(struct tcp_sock *t, uint32_t rx_max, uint32_t tx_max)
{
    t->rx_max = LWIP_MAX(RING_FIRST, LWIP_MIN(rx_max, TCP_WND));
    t->tx_max = LWIP_MAX(RING_FIRST, LWIP_MIN(tx_max, TCP_SND_BUF));
    ring_init(&t->sock.pub.tx, 0, 0, 0);
    ring_init(&t->sock.pub.rx, 0, 0, 0);
    if (ring_storage_add(&t->sock.pub.tx, RING_FIRST) != 0) {
        return ABI_ENOMEM;
    }
    consumer_init(&t->sock.tx, &t->sock.pub.tx);
    producer_init(&t->sock.rx, &t->sock.pub.rx);
    return 0;
}

/**
 * tcp_sock_rings_moved() - Have tcp_sock_rings_trim() look at a connection
 * @t: connection on which something moves
 */
void tcp_sock_rings_moved(struct tcp_sock *t)
{
    moving += (uint32_t)list_add(&moving_list, &t->trim);
}

/**
 * tcp_sock_rings_over() - A connection has no share of the memory any more
 * @t: connection whose pcb is gone
 */
void tcp_sock_rings_over(struct tcp_sock *t)
{
    moving -= (uint32_t)list_remove(&t->trim);
}

/**
 * share() - How large a ring may become beyond its need: every active connection and one more could
 * have as much
 * @most: its bound
 *
 * Return: bytes
 */
static uint32_t share(uint32_t most)
{
    return LWIP_MIN(most, arena_largest() / (moving + 1));
}

/**
 * tcp_sock_rings_can_accept() - Whether there is memory for one more connection
 * @payload: bytes that come with the end of its handshake
 *
 * Return: 1 if so
 */
int tcp_sock_rings_can_accept(uint32_t payload)
{
    return arena_largest() >= ACCEPT_ROOM + payload;
}

/**
 * tcp_sock_rings_ensure() - Make sure rx can hold more bytes after its tail
 * @t: connection
 * @more: bytes
 * @is_gap: bytes before them are missing: a share of the memory at the most
 *
 * Return: 1 if it can
 */
int tcp_sock_rings_ensure(struct tcp_sock *t, uint32_t more, int is_gap)
{
    struct ring *ring = &t->sock.pub.rx;
    uint32_t size =
        ring->size[atomic_load_explicit(&ring->offered, memory_order_relaxed) & 1]; /* our own G */
    uint32_t need = t->sock.rx.tail - t->sock.rx.head + more;

    if (need <= size) {
        return 1;
    }
    producer_refresh(&t->sock.rx);
    need = t->sock.rx.tail - t->sock.rx.head + more;
    if (need <= size) {
        return 1;
    }
    if (is_gap && need > share(t->rx_max)) {
        return 0;
    }
    if (size == 0) {
        return ring_storage_add(ring, power_of_two(need)) == 0;
    }
    return ring_storage_settle(ring) &&
           ring_storage_add(ring, power_of_two(LWIP_MAX(need, share(t->rx_max)))) == 0;
}

/**
 * tcp_sock_rings_grow_tx() - Give tx a larger buffer if JS waits for room and may have more
 * @t: open connection
 */
void tcp_sock_rings_grow_tx(struct tcp_sock *t)
{
    struct ring *ring = &t->sock.pub.tx;
    uint32_t want = __atomic_load_n(&ring->want, __ATOMIC_RELAXED); /* no order: a hint */
    uint32_t size, held, most;

    if (!ring_storage_settle(ring) || want == 0) {
        return;
    }
    size = ring->size[atomic_load_explicit(&ring->offered, memory_order_relaxed) & 1]; /* own G */
    held = byte_held(&t->sock.tx);
    if (size >= t->tx_max || (held < size && want <= size / 2)) {
        return;
    }
    most = share(t->tx_max);
    if (size >= most) {
        return;
    }
    want = LWIP_MIN(want, most);
    size = power_of_two(LWIP_MIN(most, LWIP_MAX(4 * size, want + held)));
    if (ring_storage_add(ring, size) == 0) {
        sock_event(&t->sock, SOCK_WRITABLE);
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

    if (held != 0 || !ring_storage_settle(ring)) {
        return 0;
    }
    offered = atomic_load_explicit(&ring->offered, memory_order_relaxed); /* our own G */
    return ring_resize_size(ring, offered) > RING_FIRST && ring_storage_add(ring, RING_FIRST) == 0;
}

/**
 * trim() - Take large rings back from a connection that has gone quiet
 * @t: connection
 *
 * The large buffer is free when JS has followed to the small one; the event makes it look.
 *
 * Return: 1 if it is to be looked at again in a second
 */
static int trim(struct tcp_sock *t)
{
    struct span none;
    int settled;

    /* Follow to the buffer JS writes now, and give back what both have left since the last call. */
    byte_peek(&t->sock.tx, t->queued, &none);
    settled = ring_storage_settle(&t->sock.pub.tx) & ring_storage_settle(&t->sock.pub.rx);
    if (t->rx_seen != t->sock.rx.tail || t->tx_seen != t->sock.tx.tail) {
        t->rx_seen = t->sock.rx.tail;
        t->tx_seen = t->sock.tx.tail;
        t->quiet = 0;
        return 1;
    }
    if (++t->quiet != QUIET) {
        return t->quiet < QUIET || !settled;
    }
    producer_refresh(&t->sock.rx);
    /* Segments behind a hole that stays open: the peer has them, too (RFC 2018, 8). */
    tcp_free_ooseq(t->pcb);
    if (shrink(&t->sock.pub.rx, t->sock.rx.tail - t->sock.rx.head)) {
        byte_reserve(&t->sock.rx, 0, &none); /* adopts it */
        sock_event(&t->sock, SOCK_READABLE);
    }
    if (shrink(&t->sock.pub.tx, byte_held(&t->sock.tx))) {
        sock_event(&t->sock, SOCK_WRITABLE);
    }
    return 1;
}

/**
 * tcp_sock_rings_trim() - Take large rings back from connections that have gone quiet; once a second
 */
void tcp_sock_rings_trim(void)
{
    uint32_t left = moving;

    for (moving = 0; left; left--) {
        struct tcp_sock *t = LIST_ENTRY(list_take(&moving_list), struct tcp_sock, trim);

        if (trim(t)) {
            tcp_sock_rings_moved(t);
        }
    }
}
