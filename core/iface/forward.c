/* SPDX-License-Identifier: MIT */
/* forward.c - packets of others, from one interface to another: lwIP's forwarding hooks
 *
 * Theory of operation
 *
 * A packet that is not for us comes here (lwip/patches, forward). It passes judge(), which names why one is dropped; that
 * is counted at the interface it came from, and told to its sender where RFC 1812 and RFC 4443 say so. The others leave
 * from where they lie in the rx ring: the one copy is that into the other tx ring. Time to live and header checksum are
 * changed in place; nothing else is, so that checksums of the payload stay right, and fragments stay fragments.
 *
 * Both interfaces must forward. Packets with a source that does not lie behind their interface, or for an address of ours
 * on another one, have been dropped before (core/iface/admit.c).
 */
#include "iface/forward.h"

#include "lwip/icmp.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/prot/iana.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"

#include "iface/iface.h"
#include "iface/neighbor.h"
#include "lwip_port.h"

/* Told, and counted in neighborDrops. */
#define NO_HOST FORWARD_COUNTS

/* An empty packet with room for a link header before it, in front of the one that is passed on. */
struct head {
    struct pbuf p;
    uint8_t room[16];
};

u32_t port_icmp_data;

/**
 * forward_set() - CHANGE_FORWARD
 * @ifc: interface
 * @on: 0: it does not forward
 *
 * Return: 0, ABI_EINVAL: loopback
 */
int forward_set(struct ringif *ifc, uint32_t on)
{
    if (ifc->pub->kind == IFACE_LOOPBACK) {
        return ABI_EINVAL;
    }
    ifc->forwards = on;
    iface_announce(ifc);
    return 0;
}

/**
 * stays() - Whether packets from or to an address are not forwarded
 * @a: its bytes
 * @is_6: of IPv6
 *
 * This network, loopback, link-local, multicast, reserved, and the broadcast address.
 *
 * Return: 1 if so
 */
static int stays(const uint8_t *a, int is_6)
{
    uint32_t i;

    if (!is_6) {
        return a[0] == 0 || a[0] == 127 || a[0] >= 224 || (a[0] == 169 && a[1] == 254);
    }
    for (i = 0; i < 15 && !a[i]; i++) {
    }
    return a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || (i == 15 && a[15] <= 1);
}

/**
 * tell() - Tell the sender of a packet why it is dropped
 * @p: packet, at its IP header
 * @why: FORWARD_*, NO_HOST
 * @mtu: what would have fitted
 *
 * Nothing is said about errors of ICMP, and later fragments.
 */
static void tell(struct pbuf *p, uint32_t why, uint32_t mtu)
{
    const uint8_t *ip = p->payload;
    uint32_t hlen = 4u * (ip[0] & 15);

    if (ip[0] >> 4 == 4) {
        if (((ip[6] & 0x1f) | ip[7]) ||
            (ip[9] == IP_PROTO_ICMP &&
             (p->len <= hlen || (ip[hlen] != ICMP_ECHO && ip[hlen] != ICMP_ER)))) {
            return;
        }
        port_icmp_data = why == FORWARD_TOO_BIG ? lwip_htonl(mtu) : 0;
        if (why == FORWARD_TTL) {
            icmp_time_exceeded(p, ICMP_TE_TTL);
        } else {
            icmp_dest_unreach(p, why == FORWARD_TOO_BIG ? ICMP_DUR_FRAG
                                 : why == NO_HOST       ? ICMP_DUR_HOST
                                                        : ICMP_DUR_NET);
        }
        port_icmp_data = 0;
    } else if (ip[6] != IP6_NEXTH_ICMP6 || (p->len > IP6_HLEN && ip[IP6_HLEN] >> 7)) {
        if (why == FORWARD_TTL) {
            icmp6_time_exceeded(p, ICMP6_TE_HL);
        } else if (why == FORWARD_TOO_BIG) {
            icmp6_packet_too_big(p, mtu);
        } else {
            icmp6_dest_unreach(p, why == NO_HOST ? ICMP6_DUR_ADDRESS : ICMP6_DUR_NO_ROUTE);
        }
    }
}

/**
 * judge() - What is to be done with a packet
 * @from: interface it came from
 * @p: packet, at its IP header
 * @is_6: of IPv6
 * @out: set to the interface it leaves by
 *
 * Return: FORWARD_SENT, or why it is dropped
 */
static uint32_t judge(const struct ringif *from, const struct pbuf *p, int is_6, struct netif **out)
{
    const uint8_t *ip = p->payload, *src = ip + (is_6 ? 8 : 12), *dest = ip + (is_6 ? 24 : 16);
    const struct ringif *to;

    if (stays(src, is_6) || stays(dest, is_6)) {
        return FORWARD_REFUSED;
    }
    if (ip[is_6 ? 7 : 8] <= 1) {
        return FORWARD_TTL;
    }
    *out = is_6 ? port_ip6_route(ip6_current_src_addr(), ip6_current_dest_addr())
                : port_ip4_route(ip4_current_src_addr(), ip4_current_dest_addr());
    to = *out ? (*out)->state : NULL;
    if (to && (to->pub->kind == IFACE_LOOPBACK ||
               (!is_6 && ip4_addr_isbroadcast(ip4_current_dest_addr(), *out)))) {
        return FORWARD_REFUSED;
    }
    /* Back into a tun it would come again, until its time to live is over. */
    if (!to || !to->forwards || (to == from && to->pub->kind == IFACE_TUN)) {
        return FORWARD_NO_ROUTE;
    }
    return p->tot_len > to->pub->mtu && (is_6 || (ip[6] & 0x40)) ? FORWARD_TOO_BIG : FORWARD_SENT;
}

/**
 * pass() - Send a packet on
 * @p: packet, at its IP header, changed
 * @is_6: of IPv6
 * @out: interface it leaves by
 *
 * Return: lwIP's error
 */
static err_t pass(struct pbuf *p, int is_6, struct netif *out)
{
    uint8_t *ip = p->payload;
    struct head head = {
        .p = { .next = p, .tot_len = p->tot_len, .ref = 1, .flags = PORT_FORWARDED }
    };
    uint16_t sum;

    head.p.type_internal = (u8_t)PBUF_RAM;
    head.p.payload = head.room + sizeof(head.room);
    if (is_6) {
        ip[7]--;
        return out->output_ip6(out, &head.p, ip6_current_dest_addr());
    }
    ip[8]--;
    __builtin_memset(ip + 10, 0, 2);
    sum = inet_chksum(ip, (u16_t)(4 * (ip[0] & 15)));
    __builtin_memcpy(ip + 10, &sum, 2);
    return p->tot_len > out->mtu ? ip4_frag(p, out, ip4_current_dest_addr())
                                 : out->output(out, &head.p, ip4_current_dest_addr());
}

/**
 * port_forward() - A packet is not for us (LWIP_HOOK_FORWARD)
 * @p: packet, at its IP header
 * @inp: lwIP's interface it came from
 *
 * Return: 1: it was passed on, or counted; 0: the interface does not forward
 */
int port_forward(struct pbuf *p, struct netif *inp)
{
    struct ringif *from = inp->state;
    int is_6 = *(const uint8_t *)p->payload >> 4 == 6;
    struct netif *out = NULL;
    uint32_t why, was;

    if (!from->forwards) {
        return 0;
    }
    why = judge(from, p, is_6, &out);
    if (why == FORWARD_SENT) {
        struct ringif *to = out->state;
        struct netif *current = ip_data.current_input_netif;

        was = to->blocked;
        /* Of IPv4 lwIP has not set it yet: the packet is not ours (core/iface/neighbor.c). */
        ip_data.current_input_netif = inp;
        if (pass(p, is_6, out) != ERR_OK) {
            why = FORWARD_FULL;
            to->blocked = was; /* nobody here sends it again */
        }
        ip_data.current_input_netif = current;
        neighbor_forwarded(to);
    } else if (why != FORWARD_REFUSED) {
        tell(p, why, out ? out->mtu : 0);
    }
    from->pub->forward[why]++;
    return 1;
}

/**
 * port_unreachable() - No host answers for the next hop of a packet that was passed on
 * @p: packet, at its IP header
 */
void port_unreachable(struct pbuf *p)
{
    const struct ip6_hdr *ip = p->payload;

    if (IP6H_V(ip) == 6) {
        /* As if it came in now: lwIP answers to the addresses of the current packet. */
        ip_addr_copy_from_ip6_packed(ip_data.current_iphdr_src, ip->src);
        ip_addr_copy_from_ip6_packed(ip_data.current_iphdr_dest, ip->dest);
        ip_data.current_netif = port_ip6_route(IP6_ADDR_ANY6, ip6_current_src_addr());
        if (!ip_data.current_netif) {
            return;
        }
    }
    tell(p, NO_HOST, 0);
    ip_data.current_netif = NULL;
}
