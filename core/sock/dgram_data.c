/* SPDX-License-Identifier: MIT */
/* dgram_data.c - datagrams: frame rings to lwIP and back
 *
 * Theory of operation
 *
 * A record of a ring is struct abi_datagram and the payload. Out: the payload stays where JavaScript put
 * it, lwIP puts headers before it, and the interface copies it into its ring: one copy. In: the payload is
 * copied from the packet into rx of every socket it is for: one copy each.
 *
 * Nothing blocks and nothing is queued besides the rings. What an interface has no room for stays in tx
 * and is sent when room has returned (`blocked`); a datagram of several fragments waits until all
 * have room, so that it is never sent in part. What finds rx full is dropped and counted, the newest
 * first, as kernels do. What cannot be sent at all (no route, too long) is dropped and counted in `errors`; a
 * connected socket is told why.
 *
 * To a broadcast or multicast address a datagram also comes back to sockets of ours that are members.
 */
#include "sock/dgram_data.h"

#include "lwip/ip.h"
#include "lwip/prot/udp.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwip_port.h"
#include "sock/dgram_table.h"
#include "sock/icmp.h"
#include "sock/ring_storage.h"
#include "sock/sock_event.h"
#include "sock/sock_work.h"
#include "sock/udp.h"

/* Datagrams of one socket a turn, so that one does not keep the others waiting. */
#define BATCH 256u

static struct dgram_sock *blocked;

/**
 * is_member() - Whether a socket wants what this host sends to this group
 * @d: socket
 * @a: datagram to a group
 *
 * Return: 1 if so
 */
static int is_member(const struct dgram_sock *d, const struct arrival *a)
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
 * Return: 0: not at all, else the more the better
 */
static uint32_t score(const struct dgram_sock *d, const struct arrival *a)
{
    const struct abi_addr *own = &d->sock.pub.local;
    ip_addr_t local, remote;
    uint32_t points = 1;

    if (d->proto != a->proto || own->port != a->to_port ||
        (d->iface && d->iface != a->ifc->pub->handle)) {
        return 0;
    }
    port_to_lwip(own, &local);
    if (own->family != FAMILY_NONE && !port_ip_is_any(&local)) {
        if (!port_ip_is_same(&local, &a->to)) {
            return 0;
        }
        points += 2;
    } else if (own->family == FAMILY_IPV4 ? IP_IS_V6(&a->to)
                                          : own->family == FAMILY_IPV6 && !IP_IS_V6(&a->to)) {
        return 0;
    }
    if (d->connected) {
        port_to_lwip(&d->sock.pub.remote, &remote);
        if (d->sock.pub.remote.port != a->from_port || !port_ip_is_same(&remote, &a->from)) {
            return 0;
        }
        points += 4;
    }
    if (port_ip_is_group(&a->to) && !is_member(d, a)) {
        return 0;
    }
    return points + (d->iface ? 1 : 0);
}

/**
 * storage() - Lay the storage of rx, with the first datagram
 * @d: socket
 *
 * Return: 0 or ABI_ENOMEM
 */
static int storage(struct dgram_sock *d)
{
    return d->sock.pub.rx.size[0] ? 0 : ring_storage_add(&d->sock.pub.rx, d->rx_size);
}

/**
 * put() - Copy a datagram into rx of one socket
 * @d: socket
 * @a: datagram
 */
static void put(struct dgram_sock *d, const struct arrival *a)
{
    struct abi_datagram *record;
    uint8_t *to;

    if (storage(d) != 0 || frame_reserve(&d->sock.rx, sizeof(*record) + a->length, &to) != 0) {
        d->sock.pub.rx_dropped++;
        return;
    }
    record = (struct abi_datagram *)(void *)to;
    __builtin_memset(record, 0, sizeof(*record));
    port_from_lwip(&a->from, a->from_port, &record->remote);
    port_from_lwip(&a->to, a->to_port, &record->local);
    if (IP_IS_V6(&a->from) && ip6_addr_islinklocal(ip_2_ip6(&a->from))) {
        record->remote.zone = a->ifc->pub->handle;
    }
    record->iface = a->ifc->pub->handle;
    record->ttl = a->ttl;
    pbuf_copy_partial(a->p, to + sizeof(*record), a->length, a->offset);
    frame_submit(&d->sock.rx, sizeof(*record) + a->length);
    d->sock.pub.rx_datagrams++;
    d->sock.pub.rx_bytes += a->length;
    if (producer_notify(&d->sock.rx)) {
        sock_event(&d->sock, SOCK_READABLE);
    }
}

/**
 * dgram_data_deliver() - Give a datagram to the sockets it is for
 * @a: datagram
 * @all: every one that fits gets it (broadcast, multicast), not only the best
 *
 * Return: how many there are
 */
int dgram_data_deliver(const struct arrival *a, int all)
{
    struct dgram_sock *d = NULL, *best = NULL;
    uint32_t most = 0;
    int found = 0;

    if (!all) {
        best = dgram_table_find(a->proto, &a->to, a->to_port, &a->from, a->from_port);
        if (best && score(best, a)) {
            put(best, a);
            return 1;
        }
    }
    for (d = dgram_table_first(a->proto, a->to_port); d; d = d->next) {
        uint32_t points = score(d, a);

        if (all && points) {
            put(d, a);
            found++;
        } else if (points > most) {
            most = points;
            best = d;
        }
    }
    if (!all && most) {
        put(best, a);
        return 1;
    }
    return found;
}

/**
 * loop_back() - A datagram to a group or to all also comes to ourselves
 * @out: datagram
 */
static void loop_back(const struct departure *out)
{
    struct pbuf p = { .payload = out->data,
                      .len = (u16_t)out->length,
                      .tot_len = (u16_t)out->length };
    struct arrival a = { .ifc = out->ifc,
                         .from = out->from,
                         .to = out->to,
                         .from_port = out->from_port,
                         .to_port = out->to_port,
                         .proto = out->proto,
                         .ttl = out->ttl,
                         .p = &p,
                         .length = (uint16_t)out->length };

    dgram_data_deliver(&a, 1);
}

/**
 * to_everybody() - Whether a datagram goes to 255.255.255.255 by no interface in particular
 * @d: socket
 * @record: its record
 * @to: destination
 *
 * Return: 1 if so: it leaves by every interface that can
 */
static int to_everybody(const struct dgram_sock *d, const struct abi_datagram *record,
                        const ip_addr_t *to)
{
    return !d->iface && !record->iface && !IP_IS_V6(to) && ip_2_ip4(to)->addr == IPADDR_BROADCAST;
}

/**
 * next_of() - Go through the interfaces that a datagram to many may leave by
 * @ifc: the last one, NULL to begin
 * @to: destination, a group or everybody
 *
 * Return: interface, or NULL: that was the last
 */
static struct ringif *next_of(struct ringif *ifc, const ip_addr_t *to)
{
    int groups = port_ip_is_group(to);

    while ((ifc = iface_next(ifc))) {
        if ((ifc->pub->kind == IFACE_TAP || (groups && ifc->pub->kind == IFACE_TUN)) &&
            iface_has_family(ifc, IP_IS_V6(to) ? FAMILY_IPV6 : FAMILY_IPV4)) {
            return ifc;
        }
    }
    return NULL;
}

/**
 * choose_interface() - Where a datagram leaves
 * @d: socket
 * @record: its record
 * @from: address the socket is bound to, or any
 * @to: destination
 *
 * Return: interface, NULL: no route
 */
static struct ringif *choose_interface(const struct dgram_sock *d,
                                       const struct abi_datagram *record, const ip_addr_t *from,
                                       const ip_addr_t *to)
{
    uint32_t handle = d->iface ? d->iface : record->iface ? record->iface : record->remote.zone;
    struct netif *netif;

    if (handle) {
        return iface_get(handle);
    }
    if (port_ip_is_group(to) || to_everybody(d, record, to)) {
        return next_of(NULL, to);
    }
    netif = ip_route(from, to);
    return netif ? netif->state : NULL;
}

/**
 * choose_source() - Which of our addresses a datagram comes from
 * @out: datagram with its interface and destination
 * @d: socket
 * @record: its record
 *
 * Return: 0, ABI_EADDRNOTAVAIL: the one that is asked for is not ours
 */
static int choose_source(struct departure *out, const struct dgram_sock *d,
                         const struct abi_datagram *record)
{
    const struct abi_addr *asked =
        record->local.family != FAMILY_NONE ? &record->local : &d->sock.pub.local;
    const ip_addr_t *source;

    if (asked->family != FAMILY_NONE) {
        port_to_lwip(asked, &out->from);
        if (!port_ip_is_any(&out->from) && !port_ip_is_group(&out->from)) {
            if (IP_IS_V6(&out->from) != IP_IS_V6(&out->to)) {
                return ABI_EADDRNOTAVAIL;
            }
            return asked == &record->local && !route_is_own(asked) ? ABI_EADDRNOTAVAIL : 0;
        }
    }
    source = ip_netif_get_local_ip(&out->ifc->netif, &out->to);
    if (source) {
        out->from = *source;
    } else {
        ip_addr_set_any(IP_IS_V6(&out->to), &out->from);
    }
    return 0;
}

/**
 * prepare() - Fill in where a datagram comes from and goes to
 * @d: socket
 * @frame: record and payload
 * @out: set to it
 *
 * Return: 0, or why it cannot be sent
 */
static int prepare(const struct dgram_sock *d, const struct span *frame, struct departure *out)
{
    const struct abi_datagram *record = (const struct abi_datagram *)(void *)frame->data;
    const struct abi_addr *to =
        record->remote.family != FAMILY_NONE ? &record->remote : &d->sock.pub.remote;
    ip_addr_t from;

    if (frame->length < sizeof(*record) || port_to_lwip(to, &out->to) != 0) {
        return ABI_EINVAL;
    }
    port_to_lwip(&d->sock.pub.local, &from);
    if (d->sock.pub.local.family == FAMILY_NONE || IP_IS_V6(&from) != IP_IS_V6(&out->to)) {
        ip_addr_set_any(IP_IS_V6(&out->to), &from);
    }
    out->ifc = choose_interface(d, record, &from, &out->to);
    if (!out->ifc) {
        return d->iface || record->iface ? ABI_ENODEV : ABI_EHOSTUNREACH;
    }
    if (IP_IS_V6(&out->to)) {
        ip6_addr_assign_zone(ip_2_ip6(&out->to), IP6_UNKNOWN, &out->ifc->netif);
    }
    out->proto = d->proto;
    out->from_port = d->sock.pub.local.port;
    out->to_port = to->port;
    out->ttl = record->ttl ? record->ttl : port_ip_is_group(&out->to) ? d->multicast_ttl : d->ttl;
    out->link = record->flags & DATAGRAM_LINK ? record->link : NULL;
    out->data = frame->data + sizeof(*record);
    out->length = frame->length - sizeof(*record);
    return choose_source(out, d, record);
}

/**
 * transmit() - Pass a datagram to its protocol
 * @d: socket
 * @out: datagram
 *
 * Return: 0, ABI_EAGAIN: the interface has no room, or why it cannot be sent
 */
static int transmit(struct dgram_sock *d, struct departure *out)
{
    int all = port_ip_is_group(&out->to) ||
              (!IP_IS_V6(&out->to) && ip_addr_isbroadcast(&out->to, &out->ifc->netif));
    int err;

    if (all && !port_ip_is_group(&out->to) && !(d->flags & DGRAM_BROADCAST)) {
        return ABI_EACCES;
    }
    err = out->proto == IP_PROTO_UDP ? udp_sock_output(d, out) : icmp_sock_output(d, out);
    if (err == 0 && all && (d->flags & DGRAM_MULTICAST_LOOP || !port_ip_is_group(&out->to))) {
        loop_back(out);
    }
    return err;
}

/**
 * send() - Send one datagram
 * @d: socket
 * @frame: record and payload
 *
 * One to everybody leaves by each interface that has room; none waits for another.
 *
 * Return: 0, ABI_EAGAIN: later, or why it cannot be sent
 */
static int send(struct dgram_sock *d, const struct span *frame)
{
    const struct abi_datagram *record = (const struct abi_datagram *)(void *)frame->data;
    struct departure out;
    int err = prepare(d, frame, &out);

    if (err || !to_everybody(d, record, &out.to)) {
        return err ? err : transmit(d, &out);
    }
    for (; out.ifc; out.ifc = next_of(out.ifc, &out.to)) {
        err = choose_source(&out, d, record);
        err = err ? err : transmit(d, &out);
        if (err && err != ABI_EAGAIN) {
            return err;
        }
    }
    return 0;
}

/**
 * dgram_data_output() - Send what stands in tx
 * @d: socket, open
 */
void dgram_data_output(struct dgram_sock *d)
{
    uint32_t left = BATCH;
    struct span frame;

    while (!d->blocked) {
        int err;

        if (frame_peek(&d->sock.tx, d->sock.pub.tx.size[0], &frame) != 0) {
            if (!consumer_arm(&d->sock.tx)) {
                continue;
            }
            break;
        }
        if (!left--) {
            sock_work_later(&d->sock, 1);
            break;
        }
        err = send(d, &frame);
        if (err == ABI_EAGAIN) {
            d->blocked = 1;
            d->next_blocked = blocked;
            blocked = d;
            break;
        }
        if (err) {
            dgram_failed(d, err);
        } else {
            d->sock.pub.tx_datagrams++;
            d->sock.pub.tx_bytes += frame.length - sizeof(struct abi_datagram);
        }
        frame_release(&d->sock.tx);
    }
    if (consumer_notify(&d->sock.tx)) {
        sock_event(&d->sock, SOCK_WRITABLE);
    }
}

/**
 * dgram_data_retry() - Room has returned to an interface: send what waited for it
 */
void dgram_data_retry(void)
{
    struct dgram_sock *d = blocked, *next;

    blocked = NULL;
    for (; d; d = next) {
        next = d->next_blocked;
        d->blocked = 0;
        sock_work(&d->sock);
    }
}

/**
 * dgram_data_forget() - A socket goes: it waits for no room any more
 * @d: socket
 */
void dgram_data_forget(struct dgram_sock *d)
{
    struct dgram_sock **link = &blocked;

    if (d->blocked) {
        while (*link != d) {
            link = &(*link)->next_blocked;
        }
        *link = d->next_blocked;
        d->blocked = 0;
    }
}
