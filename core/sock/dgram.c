/* SPDX-License-Identifier: MIT */
/* dgram.c - datagram sockets, UDP and ICMP: how they open, what they are a member of, how they end
 *
 * Theory of operation
 *
 * A datagram socket is a pair of frame rings and an entry in a table (core/sock/dgram_table.c). It is open as soon
 * as it is made. tx has its storage from the start; rx gets it with the first datagram, since many sockets
 * only send or wait.
 *
 * | option            | meaning                                                     |
 * |-------------------|-------------------------------------------------------------|
 * | iface             | what is sent leaves there, what is received came by it      |
 * | DGRAM_REUSE       | several sockets may have one port, if all of them say so    |
 * | DGRAM_BROADCAST   | a broadcast address may be sent to                          |
 * | DGRAM_TRANSPARENT | see core/sock/flow.c                                        |
 * | DGRAM_DONT_FRAGMENT | what is above the MTU is refused, IPv4 sets DF            |
 *
 * A socket that is released receives no more, and its port is free; it is freed when what stands in tx is sent. One
 * that is aborted is freed when it is released.
 *
 * An interface that goes ends the sockets bound to it (ENODEV) or to its addresses (EADDRNOTAVAIL); of the
 * others it takes the memberships. An ICMP error about what a connected socket has sent is told once (SOCK_ERROR)
 * and closes nothing.
 *
 * lwIP passes every packet for us to on_packet() first (core/lwext/ip_input.c). It also drops there what lwIP would
 * answer: packets from nowhere (a DHCP client's datagrams alone come from 0.0.0.0).
 */
#include "sock/dgram.h"

#include "lwip/ip.h"
#include "lwip/prot/icmp6.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwext/group.h"
#include "lwext/ip_input.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "sock/dgram_out.h"
#include "sock/dgram_table.h"
#include "sock/flow.h"
#include "sock/icmp.h"
#include "sock/ring_storage.h"
#include "sock/sock_event.h"
#include "sock/sock_work.h"
#include "sock/udp.h"

#define RING_LEAST 2048u
#define RING_MOST (16u * 1024 * 1024)
#define MEMBERSHIPS_MOST 64u

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
 * bind() - Take the local address of a socket from a command
 * @d: socket with its protocol
 * @cmd: command
 *
 * Return: 0, ABI_EINVAL, ABI_EADDRNOTAVAIL
 */
static int bind(struct dgram_sock *d, const struct cmd_socket *cmd)
{
    uint8_t family = d->proto == IP_PROTO_ICMP     ? IPADDR_TYPE_V4
                     : d->proto == IP6_NEXTH_ICMP6 ? IPADDR_TYPE_V6
                                                   : IPADDR_TYPE_ANY;

    if (cmd->local.family == FAMILY_NONE) {
        IP_SET_TYPE_VAL(d->local, family);
        return 0;
    }
    if (port_to_lwip(&cmd->local, &d->local) != 0 ||
        (family != IPADDR_TYPE_ANY && family != IP_GET_TYPE(&d->local))) {
        return ABI_EINVAL;
    }
    if (port_ip_is_any(&d->local) || port_ip_is_group(&d->local) || route_is_own(&cmd->local)) {
        return 0;
    }
    return ABI_EADDRNOTAVAIL;
}

/**
 * connect() - Bind to the other end
 * @d: socket with its local address, not in the table yet
 * @cmd: command with a remote address
 *
 * A socket that is bound to no address takes the one it would send from.
 *
 * Return: 0, ABI_EINVAL, ABI_ENODEV, ABI_EHOSTUNREACH
 */
static int connect(struct dgram_sock *d, const struct cmd_socket *cmd)
{
    struct ringif *ifc;

    if (port_to_lwip(&cmd->remote, &d->remote) != 0 || port_ip_is_any(&d->remote) ||
        (d->proto == IP_PROTO_UDP && !cmd->remote.port) ||
        (!IP_IS_ANY_TYPE_VAL(d->local) && IP_GET_TYPE(&d->local) != IP_GET_TYPE(&d->remote))) {
        return ABI_EINVAL;
    }
    d->sock.pub.remote = cmd->remote;
    d->connected = 1;
    d->remote_port = d->proto == IP_PROTO_UDP ? cmd->remote.port : 0;
    if (!d->iface) {
        d->iface = cmd->remote.zone;
    }
    ifc = dgram_out_interface(d->iface, &d->local, &d->remote);
    if (!ifc) {
        return d->iface ? ABI_ENODEV : ABI_EHOSTUNREACH;
    }
    if (!port_ip_is_any(&d->local)) {
        return 0;
    }
    if (port_ip_is_group(&d->remote)) {
        IP_SET_TYPE_VAL(d->local, IP_GET_TYPE(&d->remote));
        return 0;
    }
    dgram_out_source(ifc, &d->remote, &d->local);
    if (port_ip_is_any(&d->local)) {
        return d->iface ? 0 : ABI_EHOSTUNREACH;
    }
    port_from_lwip(&d->local, 0, &d->sock.pub.local);
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
    struct dgram_sock *d = dgram_sock_of(s);
    int err;

    if ((cmd->kind == SOCK_FLOW && !(cmd->flags & DGRAM_TRANSPARENT)) || !is_size(cmd->rx_max) ||
        !is_size(cmd->tx_max) || cmd->ttl - 1u >= 255 || cmd->multicast_ttl > 255) {
        return ABI_EINVAL;
    }
    if (cmd->iface && !iface_get(cmd->iface)) {
        return ABI_ENODEV;
    }
    d->proto = cmd->kind == SOCK_UDP    ? IP_PROTO_UDP
               : cmd->kind == SOCK_ICMP ? IP_PROTO_ICMP
               : cmd->kind == SOCK_FLOW ? IP_PROTO_TCP
                                        : IP6_NEXTH_ICMP6;
    d->iface = cmd->iface;
    d->flags = cmd->flags;
    d->ttl = (uint8_t)cmd->ttl;
    d->multicast_ttl = (uint8_t)cmd->multicast_ttl;
    d->rx_size = cmd->rx_max;
    s->pub.local = cmd->local;
    ring_init(&s->pub.tx, 0, 0, 0);
    ring_init(&s->pub.rx, 0, 0, 0);
    err = bind(d, cmd);
    err = err || cmd->remote.family == FAMILY_NONE ? err : connect(d, cmd);
    err = err ? err : ring_storage_add(&s->pub.tx, cmd->tx_max);
    err = err                            ? err
          : d->flags & DGRAM_TRANSPARENT ? flow_open(d)
                                         : dgram_table_bind(d, cmd->local.port);
    if (err) {
        return err;
    }
    s->pub.local.port = d->port;
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
    struct membership **link = &d->groups, *m;

    while ((m = *link)) {
        if (ifc && m->ifc != ifc) {
            link = &m->next;
            continue;
        }
        *link = m->next;
        lwext_group_leave(&m->ifc->netif, &m->group, &m->source);
        heap_free(m);
    }
}

/**
 * detach() - Nothing is received any more
 * @d: socket
 */
static void detach(struct dgram_sock *d)
{
    leave_all(d, NULL);
    if (d->flags & DGRAM_TRANSPARENT) {
        flow_close(d);
    } else {
        dgram_table_remove(d);
    }
}

/**
 * dgram_abort() - CMD_ABORT, or it cannot go on: what stands in tx is not sent
 * @s: socket, which is freed if it is released
 * @error: what JS is told
 */
void dgram_abort(struct sock *s, int error)
{
    struct dgram_sock *d = dgram_sock_of(s);

    if (d->closed) {
        return;
    }
    d->closed = 1;
    list_remove(&d->blocked);
    if (!s->released) {
        detach(d);
    }
    s->pub.error = 0; /* of a datagram that did not arrive */
    sock_event_finish(s, error);
}

/**
 * dgram_release() - CMD_RELEASE: JS forgets the handle; what stands in tx is still sent
 * @s: socket
 */
void dgram_release(struct sock *s)
{
    struct dgram_sock *d = dgram_sock_of(s);

    if (d->closed) {
        sock_free(s);
        return;
    }
    dgram_out(d); /* a verdict finds its interface while this is open */
    detach(d);
    s->released = 1;
    dgram_run(s);
}

/**
 * dgram_run() - Send what stands in tx
 * @s: socket, which is freed if it is released and that was all
 */
void dgram_run(struct sock *s)
{
    struct dgram_sock *d = dgram_sock_of(s);

    if (!d->closed && dgram_out(d) && s->released) {
        sock_free(s);
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
    struct dgram_sock *d = dgram_sock_of(s);

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
 * join() - Become a member of a group
 * @d: socket that is none
 * @wanted: the membership
 *
 * Return: 0, ABI_ENOMEM
 */
static int join(struct dgram_sock *d, const struct membership *wanted)
{
    struct membership *m = heap_calloc(1, sizeof(*m));

    if (!m || lwext_group_join(&wanted->ifc->netif, &wanted->group, &wanted->source) != 0) {
        heap_free(m);
        return ABI_ENOMEM;
    }
    *m = *wanted;
    m->next = d->groups;
    d->groups = m;
    return 0;
}

/**
 * dgram_member() - CMD_JOIN, CMD_LEAVE: become a member of a group, or end it
 * @s: socket
 * @cmd: command
 *
 * Return: 0, ABI_EINVAL: no group, ABI_ENODEV, ABI_EADDRINUSE: it is one, ABI_EADDRNOTAVAIL: it is none, ABI_ENOMEM,
 * ABI_ENOBUFS: of too many, ABI_EBADF: it is closed
 */
int dgram_member(struct sock *s, const struct cmd_group *cmd)
{
    struct dgram_sock *d = dgram_sock_of(s);
    struct membership wanted = { 0 }, **link, *m;
    uint32_t count = 0;

    if (port_to_lwip(&cmd->group, &wanted.group) != 0 || !port_ip_is_group(&wanted.group) ||
        (cmd->source.family != FAMILY_NONE && (cmd->source.family != cmd->group.family ||
                                               port_to_lwip(&cmd->source, &wanted.source) != 0))) {
        return ABI_EINVAL;
    }
    wanted.ifc = cmd->iface ? iface_get(cmd->iface) : iface_next_of(NULL, cmd->group.family);
    if (!wanted.ifc || d->closed) {
        return d->closed ? ABI_EBADF : ABI_ENODEV;
    }
    for (link = &d->groups; (m = *link); link = &m->next, count++) {
        if (m->ifc == wanted.ifc && port_ip_is_same(&m->group, &wanted.group) &&
            port_ip_is_same(&m->source, &wanted.source)) {
            break;
        }
    }
    if (cmd->cmd.op == CMD_JOIN) {
        return m ? ABI_EADDRINUSE : count >= MEMBERSHIPS_MOST ? ABI_ENOBUFS : join(d, &wanted);
    }
    if (!m) {
        return ABI_EADDRNOTAVAIL;
    }
    *link = m->next;
    lwext_group_leave(&wanted.ifc->netif, &wanted.group, &wanted.source);
    heap_free(m);
    return 0;
}

/**
 * dgram_address_gone() - An address goes: end the socket if it is bound to that
 * @s: socket
 * @ip: address
 * @error: of no use here: it has lost nothing else
 */
void dgram_address_gone(struct sock *s, const struct ip_addr *ip, int error)
{
    (void)error;
    if (port_ip_is_same(&dgram_sock_of(s)->local, ip)) {
        dgram_abort(s, ABI_EADDRNOTAVAIL);
    }
}

/**
 * dgram_interface_gone() - An interface goes: end the socket if it is bound to that
 * @s: socket
 * @ifc: interface, still there
 */
void dgram_interface_gone(struct sock *s, const struct ringif *ifc)
{
    leave_all(dgram_sock_of(s), ifc);
    if (dgram_sock_of(s)->iface == ifc->pub->handle) {
        dgram_abort(s, ABI_ENODEV);
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
    int v6 = ip_current_is_v6();
    int drop = !v6 && proto != IP_PROTO_IGMP && port_ip_is_any(ip_current_src_addr());
    struct datagram a;

    if (proto == IP_PROTO_UDP || proto == IP_PROTO_ICMP || proto == IP6_NEXTH_ICMP6 ||
        (port_foreign && flow_is_syn(p, proto))) {
        a.ifc = inp->state;
        a.from = *ip_current_src_addr();
        a.to = *ip_current_dest_addr();
        a.from_port = a.to_port = 0;
        a.proto = proto;
        a.ttl = v6 ? IP6H_HOPLIM(ip6_current_header()) : IPH_TTL(ip4_current_header());
        a.p = p;
        a.offset = 0;
        a.foreign = port_foreign;
        if (port_foreign && proto == IP_PROTO_TCP) {
            drop = flow_syn(p, inp, &a);
        } else if (port_foreign && !flow_is_answered(inp)) {
            drop = 1;
        } else if (proto == IP_PROTO_UDP) {
            udp_sock_input(p, inp, &a);
            return 1;
        } else if (!drop) {
            icmp_sock_input(p, inp, &a);
            drop = port_foreign;
        }
    }
    if (drop) {
        IP_STATS_INC(ip.drop);
        pbuf_free(p);
        return 1;
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
    icmp_sock_setup(stats);
    lwext_ip_input_register(on_packet);
}
