/* SPDX-License-Identifier: MIT */
/* admit.c - which packets an interface may bring: strong host model and strict source
 *
 * Theory of operation
 *
 * A guest may write any address into its packets. A packet is taken only if its destination is no address of another
 * interface (strong host model, RFC 1122, 3.3.4.2), and if its answer would leave by the same interface (RFC 3704,
 * 2.2): nobody can speak for a host of another link. Nobody speaks for us, for a group, or for everybody, and no
 * packet to one host comes in a frame to all (RFC 1122, 3.3.6). Without any route to the source, a packet is taken:
 * there is no host to be spoken for. An interface that has no IPv4 address yet takes every source (DHCP).
 *
 * The same for both families, before lwIP looks at the packet. The ends of the packet that came last are remembered,
 * until a route changes.
 */
#include "iface/admit.h"

#include "lwip/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"

#include "iface/route.h"
#include "lwip_port.h"

static struct stack_stats *stats;
static int open_to_all;

/**
 * admit_setup() - Set where to count
 * @to: the stack's counters
 * @weak: take packets by any interface that is up (weak host model)
 */
void admit_setup(struct stack_stats *to, int weak)
{
    stats = to;
    open_to_all = weak;
}

/**
 * is_source() - Whether a host can have an address, whichever link it is on
 * @v6: IPv6
 * @from: address
 * @netif: interface
 *
 * Return: 1 if so
 */
static int is_source(int v6, const uint8_t *from, const struct netif *netif)
{
    uint32_t hosts = ~netif_ip4_netmask(netif)->addr, ip4;

    if (v6) {
        return from[0] != 0xff;
    }
    __builtin_memcpy(&ip4, from, sizeof(ip4));
    if (from[0] == 0 || from[0] == 127 || from[0] >= 224) {
        return ip4 == 0; /* a host that asks for an address */
    }
    /* Everybody on the network of the interface, unless that has two hosts and nobody else (RFC 3021). */
    return (ip4 & hosts) != hosts || ((ip4 ^ netif_ip4_addr(netif)->addr) & ~hosts) ||
           lwip_ntohl(hosts) < 2;
}

/**
 * admits() - Whether a packet may come in
 * @p: packet, at its IP header
 * @netif: interface
 * @v6: IPv6
 *
 * Return: 1 if so
 */
static int admits(const struct pbuf *p, struct netif *netif, int v6)
{
    struct ringif *ifc = netif->state;
    const uint8_t *from = (const uint8_t *)p->payload + (v6 ? 8 : 12);
    uint32_t size = v6 ? 16 : 4;
    const uint8_t *to = from + size;
    ip4_addr_t ip4;

    if (ifc->pub->kind == IFACE_LOOPBACK || p->len < (v6 ? IP6_HLEN : IP_HLEN)) {
        return 1; /* lwIP drops what is too short */
    }
    if (p->flags & (PBUF_FLAG_LLBCAST | PBUF_FLAG_LLMCAST)) {
        __builtin_memcpy(&ip4, to, sizeof(ip4));
        if (v6 ? to[0] != 0xff : to[0] < 224 && !ip4_addr_isbroadcast(&ip4, netif)) {
            return 0;
        }
    }
    if (open_to_all) {
        return 1;
    }
    if (ifc->admitted == route_epoch + (uint32_t)v6 &&
        __builtin_memcmp(ifc->admitted_ends, from, 2 * size) == 0) {
        return 1;
    }
    if (!is_source(v6, from, netif) ||
        !route_admits(ifc, v6 ? FAMILY_IPV6 : FAMILY_IPV4, from, to)) {
        return 0;
    }
    ifc->admitted = route_epoch + (uint32_t)v6;
    __builtin_memcpy(ifc->admitted_ends, from, 2 * size);
    return 1;
}

static int drops(struct pbuf *p, struct netif *netif, int v6)
{
    if (admits(p, netif, v6)) {
        return 0;
    }
    stats->source_drops++;
    pbuf_free(p);
    return 1;
}

/**
 * port_ip4_input() - LWIP_HOOK_IP4_INPUT
 * @p: packet, at its IP header
 * @netif: interface
 *
 * Return: 1: it was dropped, 0: lwIP goes on with it
 */
int port_ip4_input(struct pbuf *p, struct netif *netif)
{
    return drops(p, netif, 0);
}

/**
 * port_ip6_input() - LWIP_HOOK_IP6_INPUT
 * @p: packet, at its IP header
 * @netif: interface
 *
 * Return: as port_ip4_input()
 */
int port_ip6_input(struct pbuf *p, struct netif *netif)
{
    return drops(p, netif, 1);
}
