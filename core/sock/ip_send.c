/* SPDX-License-Identifier: MIT */
/* ip_send.c - packets of datagram sockets into lwIP: room, fragments, next hops that are given
 *
 * lwIP does not look whether a fragment found room, so that is asked before: a datagram is sent
 * whole or waits. Two wishes that lwIP does not know (a MAC instead of that of the next hop, the flag that
 * forbids fragments) are done to the finished IPv4 packet, on its way from lwIP's IP to the link: output_special()
 * stands in the place of the interface's output for the one call.
 */
#include "sock/ip_send.h"

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/prot/ip4.h"
#include "netif/ethernet.h"

/* The wishes, for output_special(). */
static struct {
    netif_output_fn output;
    const uint8_t *link;
    int dont_fragment;
} special;

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
 * output_special() - Finish an IPv4 packet and pass it to the link
 * @netif: interface
 * @p: packet, at its IP header
 * @dest: next hop
 *
 * Return: as the interface's output
 */
static err_t output_special(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
    struct ip_hdr *ip = p->payload;

    if (special.dont_fragment) {
        IPH_OFFSET_SET(ip, PP_HTONS(IP_DF));
        IPH_CHKSUM_SET(ip, 0);
        IF__NETIF_CHECKSUM_ENABLED(netif, NETIF_CHECKSUM_GEN_IP)
        {
            IPH_CHKSUM_SET(ip, inet_chksum(ip, IP_HLEN));
        }
    }
    return special.link
               ? ethernet_output(netif, p, (const struct eth_addr *)(const void *)netif->hwaddr,
                                 (const struct eth_addr *)(const void *)special.link, ETHTYPE_IP)
               : special.output(netif, p, dest);
}

/**
 * output() - Hand a packet to lwIP
 * @p: packet at its transport's header
 * @out: where it goes
 * @dont_fragment: set that flag
 *
 * Return: lwIP's error
 */
static err_t output(struct pbuf *p, const struct datagram *out, int dont_fragment)
{
    struct netif *netif = &out->ifc->netif;
    err_t err;

    if (IP_IS_V6(&out->to)) {
        return ip6_output_if_src(p, ip_2_ip6(&out->from), ip_2_ip6(&out->to), out->ttl, 0,
                                 out->proto, netif);
    }
    special.output = netif->output;
    special.link = out->ifc->pub->kind == IFACE_TAP ? out->link : NULL;
    special.dont_fragment = dont_fragment;
    if (special.link || dont_fragment) {
        netif->output = output_special;
    }
    err = ip4_output_if_src(p, ip_2_ip4(&out->from), ip_2_ip4(&out->to), out->ttl, 0, out->proto,
                            netif);
    netif->output = special.output;
    return err;
}

/**
 * send() - Send a packet
 * @p: packet at its transport's header
 * @out: where it goes
 * @dont_fragment: refuse what would be fragmented
 *
 * Return: as ip_send()
 */
static int send(struct pbuf *p, const struct datagram *out, int dont_fragment)
{
    uint32_t length = p->tot_len + (IP_IS_V6(&out->to) ? IP6_HLEN : IP_HLEN);
    uint32_t mtu = out->ifc->netif.mtu;
    int err;

    if (IP_IS_V6(&out->to) && length > IP6_MIN_MTU_LENGTH) {
        mtu = nd6_get_destination_mtu(ip_2_ip6(&out->to), &out->ifc->netif);
    }
    if (length > mtu && dont_fragment) {
        return ABI_EMSGSIZE;
    }
    err = ringif_has_room(out->ifc, length, mtu);
    if (err) {
        return err;
    }
    switch (output(p, out, dont_fragment)) {
    case ERR_OK:
        return 0;
    case ERR_RTE:
        return ABI_EHOSTUNREACH;
    default:
        return ABI_ENOBUFS;
    }
}

/**
 * ip_send() - Send a packet
 * @p: packet at its transport's header; freed
 * @out: where it goes
 * @dont_fragment: refuse what would be fragmented
 *
 * Return: 0, ABI_EAGAIN: no room in the interface, which will tell, ABI_EMSGSIZE, ABI_EHOSTUNREACH,
 * ABI_ENOBUFS
 */
int ip_send(struct pbuf *p, const struct datagram *out, int dont_fragment)
{
    int err = send(p, out, dont_fragment);

    pbuf_free(p);
    return err;
}
