/* SPDX-License-Identifier: MIT */
/* flow.c - packets for addresses that are not ours: what a gateway is made of
 *
 * Theory of operation
 *
 * An interface is a gateway while a transparent socket (DGRAM_TRANSPARENT) is open on it. lwIP then takes packets for
 * any address (lwip/patches, foreign). They reach transparent sockets alone, one for each protocol and interface:
 *
 * | kind       | gets                              | sends                               |
 * |------------|-----------------------------------|-------------------------------------|
 * | SOCK_UDP   | datagrams                         | datagrams from any address and port |
 * | SOCK_ICMP* | messages, which lwIP never answers| messages from any address           |
 * | SOCK_FLOW  | SYNs, as whole packets            | the same packets, with a verdict    |
 *
 * A SYN is held outside: nothing of it stays here. JavaScript gives its packet back with a verdict, and it goes
 * through lwIP once more, as if it came now. Accepted, it meets the listener of the interface (cmd_socket.iface),
 * whose port is 0; the connection has the guest's destination for its local end and is bound to the interface.
 * Refused, it meets no listener, and lwIP resets it; or it is answered by an ICMP error. A SYN of a connection there
 * is (sent again since our answer was lost) is lwIP's, and so is every other segment.
 *
 * The rings bound what waits. A packet whose source the interface has no route to is dropped: no answer would
 * reach it. Neither groups, loopback nor link-local addresses of IPv6 are anybody else's.
 */
#include "sock/flow.h"

#include "lwip/icmp.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"

#include "iface/route.h"
#include "lwext/tcp_table.h"
#include "lwip_port.h"
#include "sock/dgram_in.h"

u8_t port_foreign;
static struct dgram_sock *sockets; /* transparent ones */
static uint32_t verdict;           /* on the SYN that passes now, 0: it came from the link */

/**
 * find() - The transparent socket of an interface
 * @handle: interface
 * @proto: protocol, 0: any
 *
 * Return: socket, NULL: there is none
 */
static struct dgram_sock *find(uint32_t handle, uint8_t proto)
{
    struct dgram_sock *d = sockets;

    while (d && (d->iface != handle || (proto && d->proto != proto))) {
        d = d->next;
    }
    return d;
}

/**
 * flow_open() - Make a socket transparent
 * @d: socket with its interface and protocol
 *
 * Return: 0, ABI_EINVAL: it has no interface, ABI_EADDRINUSE: the interface has one
 */
int flow_open(struct dgram_sock *d)
{
    if (!d->iface) {
        return ABI_EINVAL;
    }
    if (find(d->iface, d->proto)) {
        return ABI_EADDRINUSE;
    }
    d->next = sockets;
    sockets = d;
    return 0;
}

/**
 * flow_close() - End it
 * @d: transparent socket
 */
void flow_close(struct dgram_sock *d)
{
    struct dgram_sock **link = &sockets;

    while (*link != d) {
        link = &(*link)->next;
    }
    *link = d->next;
}

/**
 * port_ip_foreign() - Whether a packet for no address of ours is taken (LWIP_HOOK_IP_FOREIGN)
 * @inp: interface it came from
 *
 * Return: 1 if so
 */
int port_ip_foreign(const struct netif *inp)
{
    const struct ringif *ifc = inp->state;
    const uint32_t *words = ip_2_ip6(ip_current_dest_addr())->addr;
    const uint8_t *bytes = (const uint8_t *)words;

    if (ifc->pub->kind == IFACE_LOOPBACK) {
        port_foreign = 0; /* all addresses of its networks are ours: 127.0.0.2 */
        return 1;
    }
    if (!find(ifc->pub->handle, 0)) {
        return 0;
    }
    if (IP_IS_V6(ip_current_dest_addr())) {
        return (words[0] | words[1] | words[2]) && bytes[0] != 0xff &&
               !ip6_addr_islinklocal(ip6_current_dest_addr());
    }
    return bytes[0] && bytes[0] != 127 && bytes[0] < 224;
}

/**
 * port_tcp_listens() - Whether a listener is for the segment at hand (LWIP_HOOK_TCP_LISTENS)
 * @listener: its port, 0: that of a gateway
 * @port: port of the segment
 *
 * Return: 1 if so
 */
int port_tcp_listens(u16_t listener, u16_t port)
{
    return port_foreign ? !listener && verdict == VERDICT_ACCEPT : listener && listener == port;
}

/**
 * flow_deliver() - Give a packet to the transparent socket of its protocol
 * @a: packet
 *
 * Return: 1 if there is one
 */
int flow_deliver(const struct datagram *a)
{
    struct dgram_sock *d = find(a->ifc->pub->handle, a->proto);

    if (d) {
        dgram_in_put(d, a);
    }
    return d != NULL;
}

/**
 * flow_is_answered() - Whether packets from us would reach the source of the packet at hand
 * @inp: interface it came from
 *
 * Return: 1 if so
 */
int flow_is_answered(struct netif *inp)
{
    if (ip_current_is_v6()) {
        return !ip6_addr_islinklocal(ip6_current_src_addr()) &&
               route_next_hop(inp, 1, ip6_current_src_addr());
    }
    return route_next_hop(inp, 0, ip4_current_src_addr()) != NULL;
}

static const struct tcp_hdr *header_of(const struct pbuf *p)
{
    return (const struct tcp_hdr *)(void *)((uint8_t *)p->payload + ip_current_header_tot_len());
}

/**
 * flow_is_syn() - Whether a packet is the first of a connection
 * @p: packet, at its IP header, whole
 * @proto: its protocol
 *
 * Return: 1 if so
 */
int flow_is_syn(const struct pbuf *p, uint8_t proto)
{
    return proto == IP_PROTO_TCP && p->len >= ip_current_header_tot_len() + TCP_HLEN &&
           (TCPH_FLAGS(header_of(p)) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/**
 * is_valid() - Whether the checksum of a segment is right
 * @p: packet, at its IP header
 * @a: the same
 *
 * Return: 1 if so
 */
static int is_valid(struct pbuf *p, const struct datagram *a)
{
    u16_t headers = ip_current_header_tot_len(), sum = 0;

    IF__NETIF_CHECKSUM_ENABLED(&a->ifc->netif, NETIF_CHECKSUM_CHECK_TCP)
    {
        pbuf_remove_header(p, headers);
        sum = ip_chksum_pseudo(p, IP_PROTO_TCP, p->tot_len, &a->from, &a->to);
        pbuf_header_force(p, (s16_t)headers);
    }
    return sum == 0;
}

/**
 * flow_syn() - A SYN for an address that is not ours came, or comes back with a verdict
 * @p: packet, at its IP header
 * @inp: interface it came from
 * @a: the same
 *
 * Return: 1: it is held, answered or to be dropped; 0: it is lwIP's
 */
int flow_syn(struct pbuf *p, struct netif *inp, struct datagram *a)
{
    uint16_t from = lwip_ntohs(header_of(p)->src), to = lwip_ntohs(header_of(p)->dest);
    const struct tcp_pcb *pcb = lwext_table_find(&a->to, to, &a->from, from);

    if ((pcb && pcb->state != TIME_WAIT) || verdict == VERDICT_ACCEPT || verdict == VERDICT_RESET) {
        return 0;
    }
    if (verdict >= VERDICT_ICMP) {
        if (ip_current_is_v6()) {
            icmp6_dest_unreach(p, verdict & 0xff);
        } else {
            icmp_dest_unreach(p, verdict & 0xff);
        }
        return 1;
    }
    if (!is_valid(p, a)) {
        return 0; /* lwIP counts it */
    }
    a->from_port = from;
    a->to_port = to;
    a->length = p->tot_len;
    return !flow_is_answered(inp) || flow_deliver(a);
}

/**
 * flow_verdict() - A SYN comes back with a verdict
 * @out: its packet, and the verdict
 *
 * Return: 0, ABI_EMSGSIZE, ABI_ENOBUFS
 */
int flow_verdict(const struct datagram *out)
{
    struct pbuf *p;

    if (out->length > 0xffff) {
        return ABI_EMSGSIZE;
    }
    p = pbuf_alloc(PBUF_RAW, (u16_t)out->length, PBUF_RAM);
    if (!p) {
        return ABI_ENOBUFS;
    }
    __builtin_memcpy(p->payload, out->data, out->length);
    verdict = out->verdict;
    ip_input(p, &out->ifc->netif);
    verdict = 0;
    return 0;
}
