/* SPDX-License-Identifier: MIT */
/* ip_send.c - packets of datagram sockets into lwIP: room, fragments, next hops that are given
 *
 * lwIP does not look whether a fragment found room, so that is asked before: a datagram is sent
 * whole or waits. Fragments are as large as the path to the destination takes (core/lwext/path_mtu.c): for the one
 * call, that is the MTU of the interface. A MAC instead of that of the next hop, which lwIP does not know, is taken by
 * output_link(), which stands in the place of the interface's output.
 */
#include "sock/ip_send.h"

#include "lwip/ip.h"
#include "lwip/prot/ip4.h"
#include "netif/ethernet.h"

#include "lwext/path_mtu.h"
#include "lwip_port.h"

/* The MAC, for output_link(). */
static const struct eth_addr *link_to;

/**
 * ip_send_packet() - A packet whose payload stays where it is
 * @header: bytes of the transport's header
 * @out: datagram with its payload
 *
 * Return: packet at the transport's header, or NULL: out of memory
 */
struct pbuf *ip_send_packet(uint32_t header, const struct datagram *out)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, (u16_t)header, PBUF_RAM), *body;

    if (!p || !out->length) {
        return p;
    }
    body = pbuf_alloc_reference(out->data, (u16_t)out->length, PBUF_REF);
    if (!body) {
        pbuf_free(p);
        return NULL;
    }
    pbuf_cat(p, body);
    return p;
}

/**
 * output_link() - Pass an IPv4 packet to the MAC that is asked for
 * @netif: interface
 * @p: packet, at its IP header
 * @dest: next hop, of no use here
 *
 * Return: as ethernet_output()
 */
static err_t output_link(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
    (void)dest;
    return ethernet_output(netif, p, (const struct eth_addr *)(const void *)netif->hwaddr, link_to,
                           ETHTYPE_IP);
}

/**
 * output() - Hand a packet to lwIP
 * @p: packet at its transport's header
 * @out: where it goes
 * @mtu: size of a fragment at the most
 *
 * Return: lwIP's error
 */
static err_t output(struct pbuf *p, const struct datagram *out, uint32_t mtu)
{
    struct netif *netif = &out->ifc->netif;
    netif_output_fn usual = netif->output;
    uint16_t whole = netif->mtu;
    err_t err;

    netif->mtu = (u16_t)mtu;
    if (IP_IS_V6(&out->to)) {
        err = ip6_output_if_src(p, ip_2_ip6(&out->from), ip_2_ip6(&out->to), out->ttl, 0,
                                out->proto, netif);
    } else {
        if (out->link && out->ifc->pub->kind >= IFACE_TAP) {
            link_to = (const struct eth_addr *)(const void *)out->link;
            netif->output = output_link;
        }
        err = ip4_output_if_src(p, ip_2_ip4(&out->from), ip_2_ip4(&out->to), out->ttl, 0,
                                out->proto, netif);
        netif->output = usual;
    }
    netif->mtu = whole;
    return err;
}

/**
 * send() - Send a packet
 * @p: packet at its transport's header
 * @out: where it goes
 * @d: its socket, which may refuse what would be fragmented
 *
 * Return: as ip_send()
 */
static int send(struct pbuf *p, const struct datagram *out, struct dgram_sock *d)
{
    uint32_t length = p->tot_len + (IP_IS_V6(&out->to) ? IP6_HLEN : IP_HLEN);
    uint32_t mtu = out->ifc->netif.mtu;
    int err;

    if (d->flags & DGRAM_DONT_FRAGMENT) {
        port_ip4_offset = PP_HTONS(IP_DF);
    }
    if (length > IFACE_MTU_MIN) {
        mtu = d->sock.pub.path_mtu = lwext_path_mtu(&out->to, mtu);
        if (port_ip4_offset && length > mtu) {
            return ABI_EMSGSIZE;
        }
        if (port_ip4_offset || IP_IS_V6(&out->to)) {
            lwext_path_mtu_sent(&out->to);
        }
    }
    err = ringif_has_room(out->ifc, length, mtu);
    if (err) {
        return err;
    }
    switch (output(p, out, mtu)) {
    case ERR_OK:
        return 0;
    case ERR_RTE:
        return ABI_EHOSTUNREACH;
    default:
        return out->ifc->queue_full ? ABI_EAGAIN : ABI_ENOBUFS;
    }
}

/**
 * ip_send() - Send a packet
 * @p: packet at its transport's header; freed
 * @out: where it goes
 * @d: its socket, which may refuse what would be fragmented
 *
 * Return: 0, ABI_EAGAIN: no room in the interface or its neighbor's queue, which will tell, ABI_EMSGSIZE, ABI_EHOSTUNREACH,
 * ABI_ENOBUFS
 */
int ip_send(struct pbuf *p, const struct datagram *out, struct dgram_sock *d)
{
    int err = send(p, out, d);

    port_ip4_offset = 0;
    pbuf_free(p);
    return err;
}
