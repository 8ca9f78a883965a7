/* SPDX-License-Identifier: MIT */
/* dgram_table.c - which datagram sockets a datagram is for: hash tables by port and by both ends
 *
 * Theory of operation
 *
 * Every open socket stands in the list of its protocol and port (an ICMP socket's port is the
 * identifier of its echoes, 0: none). A connected one also stands in the list of its four ends, which
 * is looked at first, so that ten thousand peers cost a datagram what one does. Both tables have as
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

static struct lists *by_port(uint8_t proto, uint16_t port)
{
    return &table[mix(proto, port) & (slots - 1)];
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
static struct lists *by_ends(uint8_t proto, uint16_t port, const ip_addr_t *remote,
                             uint16_t remote_port)
{
    uint32_t hash = mix(mix(proto, port), remote_port), i;

    if (IP_IS_V6(remote)) {
        for (i = 0; i < 4; i++) {
            hash = mix(hash, ip_2_ip6(remote)->addr[i]);
        }
    } else {
        hash = mix(hash, ip_2_ip4(remote)->addr);
    }
    return &table[hash & (slots - 1)];
}

/**
 * ends_of() - The addresses of a socket as lwIP has them
 * @d: socket
 * @local: set to the local one; any, if it has none
 * @remote: set to the remote one, or NULL
 */
static void ends_of(const struct dgram_sock *d, ip_addr_t *local, ip_addr_t *remote)
{
    port_to_lwip(&d->sock.pub.local, local);
    if (remote) {
        port_to_lwip(&d->sock.pub.remote, remote);
    }
}

static void insert(struct dgram_sock *d)
{
    struct lists *l = by_port(d->proto, d->sock.pub.local.port);

    d->next = l->port;
    l->port = d;
    if (d->connected) {
        ip_addr_t local, remote;

        ends_of(d, &local, &remote);
        l = by_ends(d->proto, d->sock.pub.local.port, &remote, d->sock.pub.remote.port);
        d->next_connected = l->connected;
        l->connected = d;
    }
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
    if (old != first) {
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
    const struct abi_addr *x = &a->sock.pub.local, *y = &b->sock.pub.local;
    static const uint8_t any[16];

    if (a->iface && b->iface && a->iface != b->iface) {
        return 0;
    }
    if (x->family != y->family) {
        return x->family == FAMILY_NONE || y->family == FAMILY_NONE;
    }
    return __builtin_memcmp(x->bytes, y->bytes, 16) == 0 ||
           __builtin_memcmp(x->bytes, any, 16) == 0 || __builtin_memcmp(y->bytes, any, 16) == 0;
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

    for (other = by_port(d->proto, port)->port; other; other = other->next) {
        if (other->proto == d->proto && other->sock.pub.local.port == port && overlap(d, other) &&
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
    d->sock.pub.local.port = port;
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
    struct dgram_sock **link = &by_port(d->proto, d->sock.pub.local.port)->port;
    ip_addr_t local, remote;

    while (*link != d) {
        link = &(*link)->next;
    }
    *link = d->next;
    if (d->connected) {
        ends_of(d, &local, &remote);
        link =
            &by_ends(d->proto, d->sock.pub.local.port, &remote, d->sock.pub.remote.port)->connected;
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
 * dgram_table_first() - The first socket of the list of a port
 * @proto: protocol
 * @port: port
 *
 * The list holds sockets of other ports as well.
 *
 * Return: socket, NULL: none
 */
struct dgram_sock *dgram_table_first(uint8_t proto, uint16_t port)
{
    return by_port(proto, port)->port;
}

/**
 * dgram_table_find() - The connected socket between two ends
 * @proto: protocol
 * @local: our address
 * @port: our port
 * @remote: their address
 * @remote_port: their port
 *
 * Return: socket, NULL: none is connected so
 */
struct dgram_sock *dgram_table_find(uint8_t proto, const ip_addr_t *local, uint16_t port,
                                    const ip_addr_t *remote, uint16_t remote_port)
{
    struct dgram_sock *d = by_ends(proto, port, remote, remote_port)->connected;

    for (; d; d = d->next_connected) {
        ip_addr_t own, peer;

        if (d->proto != proto || d->sock.pub.local.port != port ||
            d->sock.pub.remote.port != remote_port) {
            continue;
        }
        ends_of(d, &own, &peer);
        if (port_ip_is_same(&peer, remote) &&
            (port_ip_is_any(&own) || port_ip_is_same(&own, local))) {
            return d;
        }
    }
    return NULL;
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
    const struct dgram_sock *d = by_port(proto, port)->port;

    for (; d; d = d->next) {
        if (d->proto == proto && d->sock.pub.local.port == port && d->iface == ifc->pub->handle) {
            return 1;
        }
    }
    return 0;
}
