/* SPDX-License-Identifier: MIT */
/* dgram_in.c - datagrams that come: which sockets they are for, and into their rings
 *
 * Theory of operation
 *
 * A record of a ring is struct abi_datagram and the payload. The payload is copied from the packet into rx of every
 * socket it is for: one copy each. A datagram that finds rx full is dropped and counted, the newest first, as kernels do.
 *
 * A datagram to one address goes to the socket that fits best: a connected one before one bound to the address, before
 * one bound to any. One to a group or to all goes to each that fits.
 */
#include "sock/dgram_in.h"

#include "lwip/ip.h"

#include "lwip_port.h"
#include "sock/dgram_table.h"
#include "sock/ring_storage.h"
#include "sock/sock_event.h"

/**
 * is_member() - Whether a socket wants what this host sends to this group
 * @d: socket
 * @a: datagram to a group
 *
 * Return: 1 if so
 */
static int is_member(const struct dgram_sock *d, const struct datagram *a)
{
    const struct membership *m;

    for (m = d->groups; m; m = m->next) {
        if (m->ifc == a->ifc && port_ip_is_same(&m->group, &a->to) &&
            (port_ip_is_any(&m->source) || port_ip_is_same(&m->source, &a->from))) {
            return 1;
        }
    }
    return 0;
}

/**
 * score() - How well a socket fits a datagram
 * @d: socket
 * @a: datagram
 *
 * ICMP to a group that the stack takes is for every ICMP socket: there is no need to join the group of all nodes.
 *
 * Return: 0: not at all, else the more the better
 */
static uint32_t score(const struct dgram_sock *d, const struct datagram *a)
{
    uint32_t points = 1;

    if (d->proto != a->proto || d->port != a->to_port ||
        (d->iface && d->iface != a->ifc->pub->handle)) {
        return 0;
    }
    if (!port_ip_is_any(&d->local)) {
        if (!port_ip_is_same(&d->local, &a->to)) {
            return 0;
        }
        points += 2;
    } else if (!IP_IS_ANY_TYPE_VAL(d->local) && IP_GET_TYPE(&d->local) != IP_GET_TYPE(&a->to)) {
        return 0;
    }
    if (d->connected) {
        if (d->remote_port != a->from_port || !port_ip_is_same(&d->remote, &a->from)) {
            return 0;
        }
        points += 4;
    }
    if (d->proto == IP_PROTO_UDP && port_ip_is_group(&a->to) && !is_member(d, a)) {
        return 0;
    }
    return points + (d->iface ? 1 : 0);
}

/**
 * dgram_in_put() - Copy a datagram into rx of one socket, whose storage is laid with the first
 * @d: socket
 * @a: datagram
 */
void dgram_in_put(struct dgram_sock *d, const struct datagram *a)
{
    struct abi_sock *pub = &d->sock.pub;
    struct abi_datagram *record;
    uint8_t *to;

    if ((!pub->rx.size[0] && ring_storage_add(&pub->rx, d->rx_size) != 0) ||
        frame_reserve(&d->sock.rx, sizeof(*record) + a->length, &to) != 0) {
        pub->rx_dropped++;
        return;
    }
    record = (struct abi_datagram *)(void *)to;
    __builtin_memset(record, 0, sizeof(*record));
    port_from_lwip(&a->from, a->from_port, &record->remote);
    port_from_lwip(&a->to, a->to_port, &record->local);
    record->iface = a->ifc->pub->handle;
    if (IP_IS_V6(&a->from) && ip6_addr_islinklocal(ip_2_ip6(&a->from))) {
        record->remote.zone = record->iface;
    }
    record->ttl = a->ttl;
    pbuf_copy_partial(a->p, to + sizeof(*record), (u16_t)a->length, a->offset);
    frame_submit(&d->sock.rx, sizeof(*record) + a->length);
    pub->rx_datagrams++;
    pub->rx_bytes += a->length;
    if (producer_notify(&d->sock.rx)) {
        sock_event(&d->sock, SOCK_READABLE);
    }
}

/**
 * dgram_in_find() - The socket that a datagram is for
 * @a: datagram
 *
 * Return: the one that fits best, NULL: none does
 */
struct dgram_sock *dgram_in_find(const struct datagram *a)
{
    struct dgram_sock *d = NULL, *best = NULL;
    uint32_t most = 0;

    while ((d = dgram_table_next(a, d))) {
        uint32_t points = score(d, a);

        if (points > most) {
            most = points;
            best = d;
        }
    }
    return best;
}

/**
 * dgram_in_deliver() - Give a datagram to the sockets it is for
 * @a: datagram
 * @all: every one that fits gets it (broadcast, multicast, ICMP), not only the best
 *
 * Return: 1 if there is one
 */
int dgram_in_deliver(const struct datagram *a, int all)
{
    struct dgram_sock *d = NULL;
    int found = 0;

    if (!all) {
        d = dgram_in_find(a);
        if (d) {
            dgram_in_put(d, a);
        }
        return d != NULL;
    }
    while ((d = dgram_table_next(a, d))) {
        if (score(d, a)) {
            dgram_in_put(d, a);
            found = 1;
        }
    }
    return found;
}

/**
 * dgram_in_failed() - Something that a socket sent did not arrive
 * @d: socket
 * @error: code of the ABI
 *
 * Counted; a connected socket, one of echoes, and one that forbids the fragments a datagram would need, is told once,
 * until it has been read.
 */
void dgram_in_failed(struct dgram_sock *d, int error)
{
    d->sock.pub.tx_dropped++;
    if (d->connected || (d->proto != IP_PROTO_UDP && d->port) ||
        (error == ABI_EMSGSIZE && d->flags & DGRAM_DONT_FRAGMENT)) {
        d->sock.pub.error = error;
        sock_event(&d->sock, SOCK_ERROR);
    }
}
