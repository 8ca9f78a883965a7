/* SPDX-License-Identifier: MIT */
/* ip_send.c - packets of datagram sockets into lwIP: room, fragments, next hops that are given
 *
 * lwIP does not look whether a fragment found room, so that is asked before: a datagram is sent
 * whole or waits. One that may not be fragmented has its IP header made here, since lwIP sets no flag.
 */
#include "sock/ip_send.h"

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/prot/ip4.h"
#include "netif/ethernet.h"

static const uint8_t *link_address;

/**
 * ip_send_packet() - A packet whose payload stays where it is
 * @header: bytes of the transport's header
 * @data: payload
 * @length: its bytes
 *
 * Return: packet at the transport's header, or NULL: out of memory
 */
struct pbuf *ip_send_packet(uint32_t header, void *data, uint32_t length)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, (u16_t)header, PBUF_RAM), *body;

    if (!p || !length) {
        return p;
    }
    body = pbuf_alloc_reference(data, (u16_t)length, PBUF_REF);
    if (!body) {
        pbuf_free(p);
        return NULL;
    }
    pbuf_cat(p, body);
    return p;
}

/**
 * output_to_link() - Send a frame to a MAC that is given instead of that of the next hop
 * @netif: interface
 * @p: packet
 * @dest: next hop, of no use here
 *
 * Return: as ethernet_output()
 */
static err_t output_to_link(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
    struct eth_addr to, from;

    (void)dest;
    __builtin_memcpy(to.addr, link_address, ETH_HWADDR_LEN);
    __builtin_memcpy(from.addr, netif->hwaddr, ETH_HWADDR_LEN);
    return ethernet_output(netif, p, &from, &to, ETHTYPE_IP);
}

/**
 * header_included() - Make the IPv4 header of a packet that may not be fragmented
 * @p: packet at its transport's header
 * @out: where it goes
 *
 * Return: 0 or ABI_ENOBUFS
 */
static int header_included(struct pbuf *p, const struct departure *out)
{
    struct ip_hdr *ip;

    if (pbuf_add_header(p, IP_HLEN)) {
        return ABI_ENOBUFS;
    }
    ip = p->payload;
    __builtin_memset(ip, 0, sizeof(*ip));
    IPH_VHL_SET(ip, 4, IP_HLEN / 4);
    IPH_LEN_SET(ip, lwip_htons(p->tot_len));
    IPH_OFFSET_SET(ip, PP_HTONS(IP_DF));
    IPH_TTL_SET(ip, out->ttl);
    IPH_PROTO_SET(ip, out->proto);
    ip4_addr_copy(ip->src, *ip_2_ip4(&out->from));
    ip4_addr_copy(ip->dest, *ip_2_ip4(&out->to));
    IF__NETIF_CHECKSUM_ENABLED(&out->ifc->netif, NETIF_CHECKSUM_GEN_IP)
    {
        IPH_CHKSUM_SET(ip, inet_chksum(ip, IP_HLEN));
    }
    return 0;
}

/**
 * output() - Hand a packet to lwIP
 * @p: packet at its transport's header
 * @out: where it goes
 * @dont_fragment: set that flag
 *
 * Return: lwIP's error
 */
static err_t output(struct pbuf *p, const struct departure *out, int dont_fragment)
{
    struct netif *netif = &out->ifc->netif;
    netif_output_fn output = netif->output;
    err_t err;

    if (IP_IS_V6(&out->to)) {
        return ip6_output_if_src(p, ip_2_ip6(&out->from), ip_2_ip6(&out->to), out->ttl, 0,
                                 out->proto, netif);
    }
    if (dont_fragment && header_included(p, out) != 0) {
        return ERR_MEM;
    }
    if (out->link && out->ifc->pub->kind == IFACE_TAP) {
        link_address = out->link;
        netif->output = output_to_link;
    }
    err = ip4_output_if_src(p, ip_2_ip4(&out->from),
                            dont_fragment ? LWIP_IP_HDRINCL : ip_2_ip4(&out->to), out->ttl, 0,
                            out->proto, netif);
    netif->output = output;
    return err;
}

/**
 * ip_send() - Send a packet
 * @p: packet at its transport's header; the caller frees it
 * @out: where it goes
 * @dont_fragment: refuse what would be fragmented
 *
 * Return: 0, ABI_EAGAIN: no room in the interface, which will tell, ABI_EMSGSIZE, ABI_EHOSTUNREACH,
 * ABI_ENOBUFS
 */
int ip_send(struct pbuf *p, const struct departure *out, int dont_fragment)
{
    uint32_t header = IP_IS_V6(&out->to) ? IP6_HLEN : IP_HLEN;
    uint32_t mtu = IP_IS_V6(&out->to)
                       ? nd6_get_destination_mtu(ip_2_ip6(&out->to), &out->ifc->netif)
                       : out->ifc->netif.mtu;

    if (p->tot_len + header > mtu) {
        if (dont_fragment) {
            return ABI_EMSGSIZE;
        }
        if (!ringif_has_room(out->ifc, p->tot_len, mtu)) {
            return ABI_EAGAIN;
        }
    }
    switch (output(p, out, dont_fragment)) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
        return out->ifc->blocked ? ABI_EAGAIN : ABI_ENOBUFS;
    case ERR_RTE:
        return ABI_EHOSTUNREACH;
    default:
        return ABI_ENOBUFS;
    }
}
