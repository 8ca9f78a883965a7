/* SPDX-License-Identifier: MIT */
/* dgram_table.c - which datagram sockets a datagram is for: hash tables by port and by both ends
 *
 * Theory of operation
 *
 * Every open socket stands in the list of its protocol and port (an ICMP socket's port is the
 * identifier of its echoes, 0: none). A connected one also stands in the list of its protocol, port and
 * remote end. In the list of a port, connected sockets come last and are not looked at for a datagram, so that ten
 * thousand peers with a socket each cost a datagram what one does, whichever sends it. Both tables have as
 * many lists and grow together when there are more sockets than lists; without memory to grow, the
 * lists become longer and nothing fails. The hash needs no key: only our own sockets are in the table.
 */
#include "sock/dgram_table.h"

#include "lwip/ip.h"

#include "lwip_port.h"
#include "mem/heap.h"
#include "util/random.h"

#define FIRST 64u
/* RFC 6056, 3.2: the dynamic ports. */
#define EPHEMERAL_FIRST 49152u
#define EPHEMERAL_COUNT 16384u
#define EPHEMERAL_TRIES 32u

struct lists {
    struct dgram_sock *port;
    struct dgram_sock *connected;
};

static struct lists first[FIRST], *table = first;
static uint32_t slots = FIRST, count;

static uint32_t mix(uint32_t hash, uint32_t word)
{
    hash = (hash ^ word) * 0x9e3779b1u;
    return hash ^ hash >> 15;
}

static struct dgram_sock **by_port(uint8_t proto, uint16_t port)
{
    return &table[mix(proto, port) & (slots - 1)].port;
}

/**
 * by_ends() - The list of connected sockets with these ends
 * @proto: IP_PROTO_*
 * @port: local port
 * @remote: remote address
 * @remote_port: remote port
 *
 * The local address is left out: a socket bound to any address is found as well.
 *
 * Return: where the list begins
 */
static struct dgram_sock **by_ends(uint8_t proto, uint16_t port, const ip_addr_t *remote,
                                   uint16_t remote_port)
{
    uint32_t hash = mix(mix(proto, port), remote_port), i;

    for (i = 0; i < 4; i++) {
        hash = mix(hash, ip_2_ip6(remote)->addr[i]);
    }
    return &table[hash & (slots - 1)].connected;
}

static void insert(struct dgram_sock *d)
{
    struct dgram_sock **link = by_port(d->proto, d->port), **ends;

    if (d->connected) {
        ends = by_ends(d->proto, d->port, &d->remote, d->remote_port);
        d->next_connected = *ends;
        *ends = d;
        while (*link && !(*link)->connected) {
            link = &(*link)->next;
        }
    }
    d->next = *link;
    *link = d;
}

/**
 * grow() - Have as many lists as sockets, if there is memory
 */
static void grow(void)
{
    struct lists *old = table;
    uint32_t i, n = slots;

    if (count <= slots) {
        return;
    }
    table = heap_calloc(2 * n, sizeof(*table));
    if (!table) {
        table = old;
        return;
    }
    slots = 2 * n;
    for (i = 0; i < n; i++) {
        struct dgram_sock *d, *next;

        for (d = old[i].port; d; d = next) {
            next = d->next;
            insert(d);
        }
    }
    if (old == first) {
        __builtin_memset(first, 0, sizeof(first));
    } else {
        heap_free(old);
    }
}

/**
 * overlap() - Whether two sockets would both get what is sent to one address and port
 * @a: socket
 * @b: socket of the same protocol and port
 *
 * Return: 1 if so
 */
static int overlap(const struct dgram_sock *a, const struct dgram_sock *b)
{
    const ip_addr_t *x = &a->local, *y = &b->local;

    if (a->iface && b->iface && a->iface != b->iface) {
        return 0;
    }
    if (IP_GET_TYPE(x) != IP_GET_TYPE(y)) {
        return IP_IS_ANY_TYPE_VAL(*x) || IP_IS_ANY_TYPE_VAL(*y);
    }
    return port_ip_is_any(x) || port_ip_is_any(y) || port_ip_is_same(x, y);
}

/**
 * taken() - Whether another socket stands in the way of binding to a port
 * @d: socket with its local address
 * @port: port
 *
 * Return: 1 if so
 */
static int taken(const struct dgram_sock *d, uint16_t port)
{
    const struct dgram_sock *other;

    for (other = *by_port(d->proto, port); other; other = other->next) {
        if (other->proto == d->proto && other->port == port && overlap(d, other) &&
            !(d->flags & other->flags & DGRAM_REUSE)) {
            return 1;
        }
    }
    return 0;
}

/**
 * free_port() - A port nobody uses, chosen at random (RFC 6056)
 * @d: socket with its local address
 *
 * Return: port, 0: all are taken
 */
static uint16_t free_port(const struct dgram_sock *d)
{
    uint32_t start = random_u32(), i;

    for (i = 0; i < EPHEMERAL_COUNT; i++) {
        uint32_t at = i < EPHEMERAL_TRIES ? random_u32() : start + i;
        uint16_t port = (uint16_t)(EPHEMERAL_FIRST + at % EPHEMERAL_COUNT);

        if (!taken(d, port)) {
            return port;
        }
    }
    return 0;
}

/**
 * dgram_table_bind() - Put a socket into the table
 * @d: socket with its local address, and its remote one if it is connected
 * @port: port, 0: any free one; for ICMP the identifier
 *
 * Return: 0, ABI_EADDRINUSE
 */
int dgram_table_bind(struct dgram_sock *d, uint16_t port)
{
    if (d->proto == IP_PROTO_UDP) {
        port = port ? port : free_port(d);
        if (!port || taken(d, port)) {
            return ABI_EADDRINUSE;
        }
    }
    d->port = port;
    count++;
    grow();
    insert(d);
    return 0;
}

/**
 * dgram_table_remove() - Take a socket out of the table
 * @d: socket that is in it
 */
void dgram_table_remove(struct dgram_sock *d)
{
    struct dgram_sock **link = by_port(d->proto, d->port);

    while (*link != d) {
        link = &(*link)->next;
    }
    *link = d->next;
    if (d->connected) {
        link = by_ends(d->proto, d->port, &d->remote, d->remote_port);
        while (*link != d) {
            link = &(*link)->next_connected;
        }
        *link = d->next_connected;
    }
    count--;
}

/**
 * dgram_table_close() - Free the table; no socket is in it any more
 */
void dgram_table_close(void)
{
    if (table != first) {
        heap_free(table);
        table = first;
        slots = FIRST;
    }
}

/**
 * dgram_table_next() - Go through the sockets that a datagram may be for
 * @a: datagram
 * @after: the last one, NULL to begin
 *
 * The lists hold others as well. Connected sockets come first.
 *
 * Return: socket, NULL: that was the last
 */
struct dgram_sock *dgram_table_next(const struct datagram *a, const struct dgram_sock *after)
{
    struct dgram_sock *d;

    if (!after || after->connected) {
        d = after ? after->next_connected : *by_ends(a->proto, a->to_port, &a->from, a->from_port);
        if (d) {
            return d;
        }
        d = *by_port(a->proto, a->to_port);
    } else {
        d = after->next;
    }
    return d && !d->connected ? d : NULL;
}

/**
 * dgram_table_receives() - Whether a socket of one interface, which may have no address, wants a port
 * @ifc: interface
 * @proto: protocol
 * @port: local port
 *
 * Return: 1 if so
 */
int dgram_table_receives(const struct ringif *ifc, uint8_t proto, uint16_t port)
{
    const struct dgram_sock *d = *by_port(proto, port);

    while (d && (d->proto != proto || d->port != port || d->iface != ifc->pub->handle)) {
        d = d->next;
    }
    return d != NULL;
}
