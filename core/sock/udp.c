/* SPDX-License-Identifier: MIT */
/* udp.c - UDP (RFC 768) over datagram sockets: the header, checksums, the port nobody listens at
 *
 * Theory of operation
 *
 * In: lwIP has reassembled the packet and checked its IP header. A datagram that is shorter than it says,
 * or whose checksum is wrong, is dropped and counted. A checksum of zero means none over IPv4 and is
 * refused over IPv6 (RFC 8200, 8.1). A datagram for a port without a socket is answered by an ICMP
 * error, if it was sent to us alone.
 *
 * Out: the headers are in a pbuf of their own, the payload is referred to where it lies.
 */
#include "sock/udp.h"

#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/prot/udp.h"

#include "lwip_port.h"
#include "sock/dgram_in.h"
#include "sock/dgram_table.h"
#include "sock/flow.h"
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
 * port_udp_accept() - Whether a packet of UDP that is for none of our addresses is taken all the same
 * (LWIP_IP_ACCEPT_UDP_PORT)
 * @inp: interface it came from
 * @p: packet, at its IP header
 * @port: where its destination port would stand
 *
 * A socket bound to an interface that has no address yet takes what comes there (DHCP). Only the first fragment
 * has a port; without it the others are dropped in time.
 *
 * Return: 1 if so
 */
int port_udp_accept(const struct netif *inp, const struct pbuf *p, const void *port)
{
    const uint8_t *at = port;

    if (!ip4_addr_isany(netif_ip4_addr(inp))) {
        return 0;
    }
    if (IPH_OFFSET((const struct ip_hdr *)p->payload) & PP_HTONS(IP_OFFMASK)) {
        return 1;
    }
    return at + 2 <= (const uint8_t *)p->payload + p->len &&
           dgram_table_receives(inp->state, IP_PROTO_UDP, (uint16_t)(at[0] << 8 | at[1]));
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

    /* Groups and broadcast are no sources. lwIP has looked, but not where the interface has no address. */
    if (p->len < UDP_HLEN || (!ip_current_is_v6() && ip4_addr1(ip4_current_src_addr()) >= 224)) {
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
 * @p: packet, at its IP header, whole; freed
 * @inp: interface it came from
 * @a: the same, without what stands in the UDP header
 */
void udp_sock_input(struct pbuf *p, struct netif *inp, struct datagram *a)
{
    u16_t headers = ip_current_header_tot_len();
    const struct udp_hdr *udp;
    int all;

    pbuf_remove_header(p, headers);
    if (!check(p, inp)) {
        stats->udp_invalid++;
        pbuf_free(p);
        return;
    }
    udp = p->payload;
    a->from_port = lwip_ntohs(udp->src);
    a->to_port = lwip_ntohs(udp->dest);
    a->offset = UDP_HLEN;
    a->length = p->tot_len - UDP_HLEN;
    all = port_ip_is_group(&a->to) ||
          (!ip_current_is_v6() && ip4_addr_isbroadcast(ip4_current_dest_addr(), inp));
    if (!(a->foreign ? flow_deliver(a) : dgram_in_deliver(a, all))) {
        stats->udp_no_socket++;
        if (!all && !port_ip_is_any(&a->from)) {
            pbuf_header_force(p, (s16_t)headers);
            icmp_port_unreach(ip_current_is_v6(), p);
        }
    }
    pbuf_free(p);
}

/**
 * udp_sock_output() - Send a datagram
 * @d: socket
 * @out: datagram
 *
 * Return: as ip_send()
 */
int udp_sock_output(struct dgram_sock *d, const struct datagram *out)
{
    struct pbuf *p;
    struct udp_hdr *udp;
    u16_t sum;

    if (out->length > (IP_IS_V6(&out->to) ? UDP_MOST_IPV6 : UDP_MOST)) {
        return ABI_EMSGSIZE;
    }
    if (!out->to_port) {
        return ABI_EINVAL;
    }
    p = ip_send_packet(UDP_HLEN, out);
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
        sum = ip_chksum_pseudo(p, IP_PROTO_UDP, p->tot_len, &out->from, &out->to);
        udp->chksum = sum ? sum : 0xffff; /* zero says that there is none */
    }
    return ip_send(p, out, d);
}
