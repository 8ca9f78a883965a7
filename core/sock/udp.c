/* SPDX-License-Identifier: MIT */
/* udp.c - UDP (RFC 768) over datagram sockets: the header, checksums, the port nobody listens at
 *
 * Theory of operation
 *
 * In: lwIP has reassembled the packet and checked its IP header. What is shorter or longer than it says,
 * or whose checksum is wrong, is dropped and counted. A checksum of zero means none over IPv4 and is
 * refused over IPv6 (RFC 8200, 8.1). A datagram for a port without a socket is answered by an ICMP
 * error, if it was sent to us alone, within the limit of core/lwext/error_limit.c.
 *
 * Out: the headers are in a pbuf of their own, the payload is referred to where it lies.
 */
#include "sock/udp.h"

#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/prot/udp.h"

#include "lwext/error_limit.h"
#include "lwip_port.h"
#include "sock/dgram_data.h"
#include "sock/dgram_table.h"
#include "sock/ip_send.h"

static struct stack_stats *stats;

/**
 * udp_sock_setup() - Tell where to count
 * @to: the stack's counters
 */
void udp_sock_setup(struct stack_stats *to)
{
    stats = to;
}

/**
 * port_udp_accept() - Whether a datagram that is for none of our addresses is taken all the same
 * @inp: interface it came from
 * @port: destination, network byte order
 *
 * A socket bound to an interface that has no address yet takes what comes there (DHCP).
 *
 * Return: 1 if so
 */
int port_udp_accept(const struct netif *inp, u16_t port)
{
    return ip4_addr_isany(netif_ip4_addr(inp)) &&
           dgram_table_receives(inp->state, IP_PROTO_UDP, lwip_ntohs(port));
}

/**
 * check() - Whether a datagram is what its header says, and trim it to that
 * @p: datagram, at its UDP header
 * @inp: interface it came from
 *
 * Return: 1 if so
 */
static int check(struct pbuf *p, const struct netif *inp)
{
    const struct udp_hdr *header = p->payload;
    uint32_t length;

    if (p->len < UDP_HLEN) {
        return 0;
    }
    length = lwip_ntohs(header->len);
    if (length < UDP_HLEN || length > p->tot_len) {
        return 0;
    }
    pbuf_realloc(p, (u16_t)length);
    IF__NETIF_CHECKSUM_ENABLED(inp, NETIF_CHECKSUM_CHECK_UDP)
    {
        if (header->chksum == 0) {
            return !ip_current_is_v6();
        }
        if (ip_chksum_pseudo(p, IP_PROTO_UDP, p->tot_len, ip_current_src_addr(),
                             ip_current_dest_addr()) != 0) {
            return 0;
        }
    }
    return 1;
}

/**
 * udp_sock_input() - A datagram came
 * @p: packet, at its IP header, whole
 * @inp: interface it came from
 *
 * Return: 1: it was taken and freed
 */
int udp_sock_input(struct pbuf *p, struct netif *inp)
{
    u16_t headers = ip_current_header_tot_len();
    const struct udp_hdr *udp;
    struct arrival a;
    int all;

    pbuf_remove_header(p, headers);
    if (!check(p, inp)) {
        stats->udp_invalid++;
        pbuf_free(p);
        return 1;
    }
    udp = p->payload;
    a.ifc = inp->state;
    a.from = *ip_current_src_addr();
    a.to = *ip_current_dest_addr();
    a.from_port = lwip_ntohs(udp->src);
    a.to_port = lwip_ntohs(udp->dest);
    a.proto = IP_PROTO_UDP;
    a.ttl = ip_current_is_v6() ? IP6H_HOPLIM(ip6_current_header()) : IPH_TTL(ip4_current_header());
    a.p = p;
    a.offset = UDP_HLEN;
    a.length = (uint16_t)(p->tot_len - UDP_HLEN);
    all = port_ip_is_group(&a.to) || (!ip_current_is_v6() && ip_addr_isbroadcast(&a.to, inp));
    if (!dgram_data_deliver(&a, all)) {
        stats->udp_no_socket++;
        if (!all && error_limit()) {
            pbuf_header_force(p, (s16_t)headers);
            icmp_port_unreach(ip_current_is_v6(), p);
        }
    }
    pbuf_free(p);
    return 1;
}

/**
 * udp_sock_output() - Send a datagram
 * @d: socket
 * @out: datagram
 *
 * Return: as ip_send()
 */
int udp_sock_output(struct dgram_sock *d, const struct departure *out)
{
    struct pbuf *p;
    struct udp_hdr *udp;
    int err;

    if (out->length > (IP_IS_V6(&out->to) ? UDP_MOST_IPV6 : UDP_MOST)) {
        return ABI_EMSGSIZE;
    }
    if (!out->to_port) {
        return ABI_EINVAL;
    }
    p = ip_send_packet(UDP_HLEN, out->data, out->length);
    if (!p) {
        return ABI_ENOBUFS;
    }
    udp = p->payload;
    udp->src = lwip_htons(out->from_port);
    udp->dest = lwip_htons(out->to_port);
    udp->len = lwip_htons((u16_t)(UDP_HLEN + out->length));
    udp->chksum = 0;
    IF__NETIF_CHECKSUM_ENABLED(&out->ifc->netif, NETIF_CHECKSUM_GEN_UDP)
    {
        u16_t sum = ip_chksum_pseudo(p, IP_PROTO_UDP, p->tot_len, &out->from, &out->to);

        udp->chksum = sum ? sum : 0xffff; /* zero says that there is none */
    }
    err = ip_send(p, out, d->flags & DGRAM_DONT_FRAGMENT);
    pbuf_free(p);
    return err;
}
