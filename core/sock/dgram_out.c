/* SPDX-License-Identifier: MIT */
/* dgram_out.c - datagrams that go: from the ring tx to an interface
 *
 * Theory of operation
 *
 * A record of a ring is struct abi_datagram and the payload. The payload stays where JavaScript put
 * it, lwIP puts headers before it, and the interface copies it into its ring: one copy.
 *
 * Nothing blocks and nothing is queued besides the rings. A datagram that an interface has no room for stays in tx
 * and is sent when room has returned (`blocked`); a datagram of several fragments waits until all
 * have room, so that it is never sent in part. One that cannot be sent at all (no route, too long) is dropped and counted;
 * a connected socket is told why.
 *
 * A record is input: another thread may write it while it is read here. Its fields are read once, or checked where
 * they are used; lengths come from the ring, which checks them.
 *
 * To a broadcast or multicast address a datagram also comes back to sockets of ours that are members, here and not by
 * the interface; a loopback interface brings it back by itself.
 */
#include "sock/dgram_out.h"

#include "lwip/ip.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwip_port.h"
#include "sock/dgram_in.h"
#include "sock/flow.h"
#include "sock/icmp.h"
#include "sock/sock_event.h"
#include "sock/sock_work.h"
#include "sock/udp.h"

/* Datagrams of one socket a turn, so that one does not keep the others waiting. */
#define BATCH 256u

static struct list blocked = LIST_INIT(blocked);

/**
 * loop_back() - A datagram to a group or to all also comes to ourselves
 * @out: datagram
 */
static void loop_back(struct datagram *out)
{
    struct pbuf p = { .payload = out->data,
                      .len = (u16_t)out->length,
                      .tot_len = (u16_t)out->length };

    out->p = &p;
    out->offset = 0;
    dgram_in_deliver(out, 1);
    out->p = NULL;
}

/**
 * is_to_all() - Whether an address is that of all hosts of a link, whichever link
 * @to: address
 *
 * Return: 1 if so
 */
static int is_to_all(const ip_addr_t *to)
{
    return !IP_IS_V6(to) && ip_2_ip4(to)->addr == IPADDR_BROADCAST;
}

/**
 * dgram_out_interface() - Where datagrams leave
 * @handle: interface that is asked for, 0: none
 * @from: address the socket is bound to, or any
 * @to: destination
 *
 * Return: interface, NULL: no route, or it is gone
 */
struct ringif *dgram_out_interface(uint32_t handle, const ip_addr_t *from, const ip_addr_t *to)
{
    struct netif *netif;

    if (handle) {
        return iface_get(handle);
    }
    if (port_ip_is_group(to) || is_to_all(to)) {
        return iface_next_of(NULL, IP_IS_V6(to) ? FAMILY_IPV6 : FAMILY_IPV4);
    }
    netif = IP_IS_V6(to) ? port_ip6_route(ip_2_ip6(from), ip_2_ip6(to))
                         : port_ip4_route(ip_2_ip4(from), ip_2_ip4(to));
    return netif ? netif->state : NULL;
}

/**
 * dgram_out_source() - Which of our addresses a datagram comes from, if none is asked for
 * @ifc: where it leaves
 * @to: destination
 * @from: set to it; any, if the interface has none
 */
void dgram_out_source(struct ringif *ifc, const ip_addr_t *to, ip_addr_t *from)
{
    const ip_addr_t *source;

    if (ifc->pub->kind == IFACE_LOOPBACK && !port_ip_is_group(to)) {
        /* To ourselves from ourselves, as every host does. */
        *from = *to;
        return;
    }
    source = ip_netif_get_local_ip(&ifc->netif, to);
    if (source) {
        *from = *source;
    } else {
        ip_addr_set_any(IP_IS_V6(to), from);
    }
}

/**
 * address_datagram() - Fill in where a datagram goes to, and where from if that is asked for
 * @d: socket
 * @record: its record
 * @out: set to it
 *
 * Return: 0, ABI_EINVAL: no address, ABI_EADDRNOTAVAIL: the source is not ours, or of the other family
 */
static int address_datagram(const struct dgram_sock *d, const struct abi_datagram *record,
                            struct datagram *out)
{
    struct abi_addr from = record->local;

    out->to = d->remote;
    out->to_port = d->remote_port;
    out->from = d->local;
    if (record->remote.family != FAMILY_NONE || !d->connected) {
        if (port_to_lwip(&record->remote, &out->to) != 0) {
            return ABI_EINVAL;
        }
        out->to_port = record->remote.port;
    }
    if (from.family != FAMILY_NONE) {
        if (port_to_lwip(&from, &out->from) != 0) {
            return ABI_EINVAL;
        }
        if (d->flags & DGRAM_TRANSPARENT) {
            out->from_port = from.port;
        } else if (!port_ip_is_any(&out->from) && !route_is_own(&from)) {
            return ABI_EADDRNOTAVAIL;
        }
    }
    if (!IP_IS_ANY_TYPE_VAL(out->from) && IP_IS_V6(&out->from) != IP_IS_V6(&out->to)) {
        return ABI_EADDRNOTAVAIL;
    }
    return 0;
}

/**
 * transmit() - Pass a datagram to its protocol
 * @d: socket
 * @out: datagram
 *
 * Return: 0, ABI_EAGAIN: the interface has no room, or why it cannot be sent
 */
static int transmit(struct dgram_sock *d, struct datagram *out)
{
    int group = port_ip_is_group(&out->to), err = 0;
    int all = !IP_IS_V6(&out->to) && ip4_addr_isbroadcast(ip_2_ip4(&out->to), &out->ifc->netif);

    if (all && !(d->flags & DGRAM_BROADCAST)) {
        return ABI_EACCES;
    }
    if (port_ip_is_any(&out->from) || port_ip_is_group(&out->from)) {
        dgram_out_source(out->ifc, &out->to, &out->from);
    }
    /* With a time to live of 0 it does not leave the host. */
    if (out->ttl) {
        err = out->proto == IP_PROTO_UDP   ? udp_sock_output(d, out)
              : out->proto == IP_PROTO_TCP ? flow_verdict(out)
                                           : icmp_sock_output(d, out);
    }
    if (err == 0 && (all || (group && d->flags & DGRAM_MULTICAST_LOOP)) &&
        out->ifc->pub->kind != IFACE_LOOPBACK) {
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
    struct datagram out;
    ip_addr_t from;
    uint32_t handle;
    int err;

    if (frame->length < sizeof(*record)) {
        return ABI_EINVAL;
    }
    out.from_port = d->port;
    err = address_datagram(d, record, &out);
    if (err) {
        return err;
    }
    handle = d->iface ? d->iface : record->iface ? record->iface : record->remote.zone;
    out.ifc = dgram_out_interface(handle, &out.from, &out.to);
    if (!out.ifc) {
        return handle ? ABI_ENODEV : ABI_EHOSTUNREACH;
    }
    if (IP_IS_V6(&out.to)) {
        ip6_addr_assign_zone(ip_2_ip6(&out.to), IP6_UNKNOWN, &out.ifc->netif);
    }
    out.proto = d->proto;
    out.foreign = 0;
    out.verdict = record->verdict;
    out.ttl = record->ttl ? record->ttl : port_ip_is_group(&out.to) ? d->multicast_ttl : d->ttl;
    out.link = record->flags & DATAGRAM_LINK ? record->link : NULL;
    out.data = frame->data + sizeof(*record);
    out.length = frame->length - sizeof(*record);
    if (handle || !is_to_all(&out.to)) {
        return transmit(d, &out);
    }
    from = out.from;
    do {
        out.from = from;
        err = transmit(d, &out);
        out.ifc = iface_next_of(out.ifc, FAMILY_IPV4);
    } while (out.ifc && (!err || err == ABI_EAGAIN));
    return err == ABI_EAGAIN ? 0 : err;
}

/**
 * dgram_out() - Send what stands in tx
 * @d: socket, open
 *
 * Return: 1 if all was sent, 0: the rest follows in another turn
 */
int dgram_out(struct dgram_sock *d)
{
    uint32_t left = BATCH;
    struct span frame;
    int done = 0;

    /* In the list of those that wait for room. */
    while (!d->blocked.next) {
        int err;

        if (frame_peek(&d->sock.tx, d->sock.pub.tx.size[0], &frame) != 0) {
            if (!consumer_arm(&d->sock.tx)) {
                continue;
            }
            done = 1;
            break;
        }
        if (!left--) {
            sock_work_later(&d->sock, 1);
            break;
        }
        err = send(d, &frame);
        if (err == ABI_EAGAIN) {
            list_add(&blocked, &d->blocked);
            break;
        }
        if (err) {
            dgram_in_failed(d, err);
        } else {
            d->sock.pub.tx_datagrams++;
            d->sock.pub.tx_bytes += frame.length - sizeof(struct abi_datagram);
        }
        frame_release(&d->sock.tx);
    }
    if (consumer_notify(&d->sock.tx)) {
        sock_event(&d->sock, SOCK_WRITABLE);
    }
    return done;
}

/**
 * dgram_out_retry() - Room has returned to an interface, or one is gone: send what waited
 */
void dgram_out_retry(void)
{
    struct list *member;

    while ((member = list_take(&blocked))) {
        sock_work(&LIST_ENTRY(member, struct dgram_sock, blocked)->sock);
    }
}
