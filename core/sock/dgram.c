/* SPDX-License-Identifier: MIT */
/* dgram.c - datagram sockets, UDP and ICMP: how they open, what they are a member of, how they end
 *
 * Theory of operation
 *
 * A datagram socket is a pair of frame rings and an entry in a table (core/sock/dgram_table.c). It is open as soon
 * as it is made and has no states but open and closed: nothing is owed to anybody, so closing frees it at
 * once. tx has its storage from the start; rx gets it with the first datagram, since many sockets
 * only send or wait.
 *
 * | option            | who looks at it                                             |
 * |-------------------|-------------------------------------------------------------|
 * | iface             | what is sent leaves there, what is received came by it      |
 * | DGRAM_REUSE       | several sockets may have one port, if all of them say so    |
 * | DGRAM_BROADCAST   | a broadcast address may be sent to                          |
 * | DGRAM_DONT_FRAGMENT | what is above the MTU is refused, IPv4 sets DF            |
 *
 * An interface that goes ends the sockets bound to it (ENODEV) or to its addresses (EADDRNOTAVAIL); of the
 * others it takes the memberships. An ICMP error about what a connected socket has sent is told once (SOCK_ERROR)
 * and closes nothing.
 */
#include "sock/dgram.h"

#include "lwip/ip.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwext/group.h"
#include "lwext/ip_input.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "sock/dgram_data.h"
#include "sock/dgram_table.h"
#include "sock/icmp.h"
#include "sock/ring_storage.h"
#include "sock/sock_event.h"
#include "sock/sock_work.h"
#include "sock/udp.h"

#define RING_LEAST 2048u
#define RING_MOST (16u * 1024 * 1024)
#define MEMBERSHIPS_MOST 64u

static struct dgram_sock *dgram_of(struct sock *s)
{
    return (struct dgram_sock *)(void *)s;
}

static int is_closed(const struct sock *s)
{
    return (atomic_load_explicit(&s->pub.flags, memory_order_relaxed) & SOCK_CLOSED) !=
           0; /* our own */
}

/**
 * proto_of() - The protocol of a kind of socket
 * @kind: SOCK_*
 *
 * Return: IP_PROTO_UDP, IP_PROTO_ICMP, IP6_NEXTH_ICMP6
 */
static uint8_t proto_of(uint32_t kind)
{
    return kind == SOCK_UDP ? IP_PROTO_UDP : kind == SOCK_ICMP ? IP_PROTO_ICMP : IP6_NEXTH_ICMP6;
}

/**
 * is_size() - Whether a ring can have a size
 * @size: bytes
 *
 * Return: 1 if so
 */
static int is_size(uint32_t size)
{
    return size >= RING_LEAST && size <= RING_MOST && !(size & (size - 1));
}

/**
 * check() - Whether a socket can be what a command says
 * @cmd: command
 *
 * Return: 0, ABI_EINVAL, ABI_ENODEV, ABI_EADDRNOTAVAIL
 */
static int check(const struct cmd_socket *cmd)
{
    ip_addr_t ip;

    if (!is_size(cmd->rx_max) || !is_size(cmd->tx_max) || cmd->ttl - 1u >= 255 ||
        cmd->multicast_ttl > 255) {
        return ABI_EINVAL;
    }
    if (cmd->iface && !iface_get(cmd->iface)) {
        return ABI_ENODEV;
    }
    if (cmd->local.family == FAMILY_NONE) {
        return 0;
    }
    if (port_to_lwip(&cmd->local, &ip) != 0) {
        return ABI_EINVAL;
    }
    if (port_ip_is_any(&ip) || port_ip_is_group(&ip) || route_is_own(&cmd->local)) {
        return 0;
    }
    return ABI_EADDRNOTAVAIL;
}

/**
 * connect() - Bind to the other end
 * @d: socket, not in the table yet
 * @cmd: command with a remote address
 *
 * A socket that is bound to no address takes the one that the route to the other end has.
 *
 * Return: 0, ABI_EINVAL, ABI_EHOSTUNREACH
 */
static int connect(struct dgram_sock *d, const struct cmd_socket *cmd)
{
    ip_addr_t from, to;
    struct netif *netif;
    const ip_addr_t *source;

    if (port_to_lwip(&cmd->remote, &to) != 0 || port_ip_is_any(&to) || !cmd->remote.port ||
        (cmd->local.family != FAMILY_NONE && cmd->local.family != cmd->remote.family)) {
        return ABI_EINVAL;
    }
    d->sock.pub.remote = cmd->remote;
    d->connected = 1;
    if (cmd->remote.zone && !d->iface) {
        d->iface = cmd->remote.zone;
    }
    if (d->iface && !iface_get(d->iface)) {
        return ABI_ENODEV;
    }
    port_to_lwip(&cmd->local, &from);
    if (cmd->local.family != FAMILY_NONE && !port_ip_is_any(&from)) {
        return 0;
    }
    ip_addr_set_any(IP_IS_V6(&to), &from);
    netif = d->iface ? &iface_get(d->iface)->netif : ip_route(&from, &to);
    source = netif ? ip_netif_get_local_ip(netif, &to) : NULL;
    if (!source && !d->iface) {
        return ABI_EHOSTUNREACH;
    }
    if (source && !port_ip_is_group(&to)) {
        port_from_lwip(source, cmd->local.port, &d->sock.pub.local);
    }
    return 0;
}

/**
 * dgram_open() - CMD_OPEN: make a socket
 * @s: zeroed socket
 * @cmd: what JS wants
 *
 * Return: 0, ABI_EINVAL, ABI_ENOMEM, ABI_ENODEV, ABI_EADDRINUSE, ABI_EADDRNOTAVAIL, ABI_EHOSTUNREACH
 */
int dgram_open(struct sock *s, const struct cmd_socket *cmd)
{
    struct dgram_sock *d = dgram_of(s);
    int err = check(cmd);

    if (err) {
        return err;
    }
    d->proto = proto_of(cmd->kind);
    d->iface = cmd->iface;
    d->flags = cmd->flags;
    d->ttl = (uint8_t)cmd->ttl;
    d->multicast_ttl = (uint8_t)cmd->multicast_ttl;
    d->rx_size = cmd->rx_max;
    s->pub.local = cmd->local;
    ring_init(&s->pub.tx, 0, 0, 0);
    ring_init(&s->pub.rx, 0, 0, 0);
    err = cmd->remote.family == FAMILY_NONE ? 0 : connect(d, cmd);
    err = err ? err : ring_storage_add(&s->pub.tx, cmd->tx_max);
    err = err ? err : dgram_table_bind(d, cmd->local.port);
    if (err) {
        return err;
    }
    consumer_init(&s->tx, &s->pub.tx);
    producer_init(&s->rx, &s->pub.rx);
    consumer_arm(&s->tx);
    atomic_store_explicit(&s->pub.flags, SOCK_OPEN, memory_order_relaxed); /* the answer follows */
    return 0;
}

/**
 * leave_all() - Leave the groups of a socket
 * @d: socket
 * @ifc: those of this interface, NULL: of all
 */
static void leave_all(struct dgram_sock *d, const struct ringif *ifc)
{
    struct membership **link = &d->groups;

    while (*link) {
        struct membership *m = *link;

        if (ifc && m->ifc != ifc) {
            link = &m->next;
            continue;
        }
        *link = m->next;
        group_leave(&m->ifc->netif, &m->group);
        heap_free(m);
    }
}

/**
 * close_socket() - Nothing is sent or received any more
 * @s: socket
 * @error: what JS is told
 */
static void close_socket(struct sock *s, int error)
{
    struct dgram_sock *d = dgram_of(s);

    if (is_closed(s)) {
        return;
    }
    leave_all(d, NULL);
    dgram_data_forget(d);
    dgram_table_remove(d);
    sock_event_finish(s, error);
}

/**
 * dgram_abort() - CMD_ABORT, or the stack closes: what stands in tx is not sent
 * @s: socket
 * @error: what JS is told
 */
void dgram_abort(struct sock *s, int error)
{
    close_socket(s, error);
    if (s->released) {
        sock_free(s);
    }
}

/**
 * dgram_release() - CMD_RELEASE: JS forgets the handle; what stands in tx is still sent
 * @s: socket
 */
void dgram_release(struct sock *s)
{
    if (!is_closed(s)) {
        dgram_data_output(dgram_of(s));
    }
    close_socket(s, 0);
    sock_free(s);
}

/**
 * dgram_kick() - CMD_KICK: tx has datagrams
 * @s: socket
 */
void dgram_kick(struct sock *s)
{
    sock_work(s);
}

/**
 * dgram_run() - Send what stands in tx
 * @s: socket
 */
void dgram_run(struct sock *s)
{
    if (!is_closed(s)) {
        dgram_data_output(dgram_of(s));
    }
}

/**
 * dgram_failed() - Something that a socket sent did not arrive
 * @d: socket
 * @error: code of the ABI
 *
 * Counted; a connected socket is told once, until it has been read.
 */
void dgram_failed(struct dgram_sock *d, int error)
{
    d->sock.pub.tx_dropped++;
    if (d->connected) {
        d->sock.pub.error = error;
        sock_event(&d->sock, SOCK_ERROR);
    }
}

/**
 * dgram_set_option() - CMD_SET_OPTION
 * @s: socket
 * @option: OPTION_*
 * @value: its value
 *
 * Return: 0, ABI_EINVAL
 */
int dgram_set_option(struct sock *s, uint32_t option, uint32_t value)
{
    struct dgram_sock *d = dgram_of(s);

    if (option == OPTION_TTL && value - 1u < 255) {
        d->ttl = (uint8_t)value;
    } else if (option == OPTION_MULTICAST_TTL && value <= 255) {
        d->multicast_ttl = (uint8_t)value;
    } else {
        return ABI_EINVAL;
    }
    return 0;
}

/**
 * group_interface() - The interface of a membership
 * @cmd: command
 *
 * Return: interface, NULL: none has an address of the family
 */
static struct ringif *group_interface(const struct cmd_group *cmd)
{
    struct ringif *ifc = NULL;

    if (cmd->iface) {
        return iface_get(cmd->iface);
    }
    while ((ifc = iface_next(ifc))) {
        if (ifc->pub->kind != IFACE_LOOPBACK && iface_has_family(ifc, cmd->group.family)) {
            return ifc;
        }
    }
    return NULL;
}

/**
 * dgram_member() - CMD_JOIN, CMD_LEAVE: become a member of a group, or end it
 * @s: socket
 * @cmd: command
 *
 * Return: 0, ABI_EINVAL: no group, ABI_ENODEV, ABI_EADDRINUSE: it is one, ABI_EADDRNOTAVAIL: it is none, ABI_ENOMEM,
 * ABI_ENOBUFS: of too many
 */
int dgram_member(struct sock *s, const struct cmd_group *cmd)
{
    struct ringif *ifc = group_interface(cmd);
    struct dgram_sock *d = dgram_of(s);
    struct membership *m, **link;
    ip_addr_t group, source;
    uint32_t count = 0;
    int join = cmd->cmd.op == CMD_JOIN;

    if (port_to_lwip(&cmd->group, &group) != 0 || !port_ip_is_group(&group)) {
        return ABI_EINVAL;
    }
    if (!ifc) {
        return ABI_ENODEV;
    }
    ip_addr_set_any(IP_IS_V6(&group), &source);
    if (cmd->source.family != FAMILY_NONE &&
        (cmd->source.family != cmd->group.family || port_to_lwip(&cmd->source, &source) != 0)) {
        return ABI_EINVAL;
    }
    for (link = &d->groups; (m = *link); link = &m->next, count++) {
        if (m->ifc == ifc && port_ip_is_same(&m->group, &group) &&
            port_ip_is_same(&m->source, &source)) {
            break;
        }
    }
    if (!join) {
        if (!m) {
            return ABI_EADDRNOTAVAIL;
        }
        *link = m->next;
        group_leave(&ifc->netif, &group);
        heap_free(m);
        return 0;
    }
    if (m) {
        return ABI_EADDRINUSE;
    }
    if (count >= MEMBERSHIPS_MOST) {
        return ABI_ENOBUFS;
    }
    m = heap_calloc(1, sizeof(*m));
    if (!m || group_join(&ifc->netif, &group) != 0) {
        heap_free(m);
        return ABI_ENOMEM;
    }
    m->ifc = ifc;
    m->group = group;
    m->source = source;
    m->next = d->groups;
    d->groups = m;
    return 0;
}

/**
 * dgram_interface_gone() - An interface goes: end the sockets that cannot do without
 * @ifc: interface, still there
 */
void dgram_interface_gone(const struct ringif *ifc)
{
    uint32_t cursor = 0;
    struct sock *s;

    while ((s = sock_next(&cursor))) {
        struct dgram_sock *d = dgram_of(s);

        if (s->ops->open != dgram_open || is_closed(s)) {
            continue;
        }
        leave_all(d, ifc);
        if (d->iface == ifc->pub->handle) {
            dgram_abort(s, ABI_ENODEV);
        } else if (s->pub.local.family != FAMILY_NONE && iface_has_address(ifc, &s->pub.local)) {
            dgram_abort(s, ABI_EADDRNOTAVAIL);
        }
    }
}

/**
 * dgram_end() - The stack closes: free the table
 */
void dgram_end(void)
{
    dgram_table_close();
}

/**
 * on_packet() - A packet is for us
 * @p: packet, at its IP header
 * @inp: interface it came from
 * @proto: protocol of its payload
 *
 * Return: 1: it was taken and freed; 0: lwIP goes on with it
 */
static int on_packet(struct pbuf *p, struct netif *inp, uint8_t proto)
{
    if (proto == IP_PROTO_UDP) {
        return udp_sock_input(p, inp);
    }
    if (proto == IP_PROTO_ICMP || proto == IP6_NEXTH_ICMP6) {
        icmp_sock_input(p, inp, proto);
    }
    return 0;
}

/**
 * dgram_setup() - The stack starts: take packets from lwIP
 * @stats: the stack's counters
 */
void dgram_setup(struct stack_stats *stats)
{
    udp_sock_setup(stats);
    ip_input_register(on_packet);
}
