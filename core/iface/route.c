/* SPDX-License-Identifier: MIT */
/* route.c - which interface and which gateway: lwIP's routing hooks
 *
 * The rules are those of any host: our own addresses are reached through the loopback interface;
 * otherwise the longest matching prefix of an interface's addresses; otherwise an interface with
 * a gateway, the one that has the source address first. lwIP alone knows one IPv4 subnet per
 * interface, takes every static IPv6 address for a /64, and has one default interface.
 */
#include "lwip/netif.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwip_port.h"

/**
 * same_prefix() - Whether two addresses agree in their first bits
 * @a: address
 * @b: address
 * @bits: how many
 *
 * Return: 1 if so
 */
static int same_prefix(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
    for (; bits >= 8; bits -= 8, a++, b++) {
        if (*a != *b) {
            return 0;
        }
    }
    return bits == 0 || ((*a ^ *b) >> (8 - bits)) == 0;
}

static uint32_t bits_of(uint32_t family)
{
    return family == FAMILY_IPV4 ? 32 : 128;
}

/**
 * best_prefix() - Longest prefix of an interface that an address is in
 * @ifc: interface
 * @family: FAMILY_*
 * @address: its bytes
 *
 * Return: length of the prefix plus 1, or 0: in none
 */
static uint32_t best_prefix(const struct ringif *ifc, uint32_t family, const uint8_t *address)
{
    uint32_t best = 0, i;

    for (i = 0; i < ifc->addr_count; i++) {
        const struct abi_addr *own = &ifc->addrs[i];

        if (own->family == family && own->prefix + 1u > best &&
            same_prefix(own->bytes, address, own->prefix)) {
            best = own->prefix + 1u;
        }
    }
    return best;
}

/**
 * route_has() - Whether an address is an interface's own
 * @ifc: interface
 * @family: FAMILY_*
 * @address: its bytes
 *
 * Return: 1 if so
 */
int route_has(const struct ringif *ifc, uint32_t family, const uint8_t *address)
{
    uint32_t i;

    for (i = 0; i < ifc->addr_count; i++) {
        if (ifc->addrs[i].family == family &&
            same_prefix(ifc->addrs[i].bytes, address, bits_of(family))) {
            return 1;
        }
    }
    return ifc->pub->link_local.family == family &&
           same_prefix(ifc->pub->link_local.bytes, address, bits_of(family));
}

/**
 * has_gateway() - Whether an interface has a gateway of a family
 * @ifc: interface
 * @family: FAMILY_*
 *
 * Return: 1 if so
 */
static int has_gateway(const struct ringif *ifc, uint32_t family)
{
    uint32_t i;

    for (i = 0; i < ifc->gateway_count; i++) {
        if (ifc->gateways[i].family == family) {
            return 1;
        }
    }
    return 0;
}

/**
 * route_is_own() - Whether an address belongs to this stack
 * @address: address
 *
 * Return: 1 if so
 */
int route_is_own(const struct abi_addr *address)
{
    const struct ringif *ifc = NULL;

    while ((ifc = iface_next(ifc))) {
        if (route_has(ifc, address->family, address->bytes)) {
            return 1;
        }
    }
    return 0;
}

/**
 * route() - The interface for a destination
 * @family: FAMILY_*
 * @src: source address, or NULL
 * @dest: destination
 *
 * Return: lwIP's interface, or NULL: no route
 */
static struct netif *route(uint32_t family, const uint8_t *src, const uint8_t *dest)
{
    struct ringif *ifc = NULL, *loopback = NULL, *best = NULL, *gateway = NULL;
    uint32_t best_length = 0;
    int own = 0, gateway_has_src = 0;

    while ((ifc = iface_next(ifc))) {
        uint32_t length = best_prefix(ifc, family, dest);

        own |= route_has(ifc, family, dest);
        if (ifc->pub->kind == IFACE_LOOPBACK && !loopback) {
            loopback = ifc;
        }
        if (length > best_length) {
            best_length = length;
            best = ifc;
        }
        if (has_gateway(ifc, family)) {
            int has_src = src && route_has(ifc, family, src);

            if (!gateway || (has_src && !gateway_has_src)) {
                gateway = ifc;
                gateway_has_src = has_src;
            }
        }
    }
    if (own && loopback) {
        return &loopback->netif;
    }
    if (best) {
        return &best->netif;
    }
    return gateway ? &gateway->netif : NULL;
}

/**
 * port_ip4_route() - LWIP_HOOK_IP4_ROUTE_SRC
 * @src: source address, or NULL
 * @dest: destination
 *
 * Return: interface, or NULL: lwIP goes on by itself and finds none either
 */
struct netif *port_ip4_route(const ip4_addr_t *src, const ip4_addr_t *dest)
{
    return route(FAMILY_IPV4, (const uint8_t *)src, (const uint8_t *)dest);
}

/**
 * port_ip6_route() - LWIP_HOOK_IP6_ROUTE
 * @src: source address, possibly any
 * @dest: destination without a zone
 *
 * Return: interface, or NULL
 */
struct netif *port_ip6_route(const ip6_addr_t *src, const ip6_addr_t *dest)
{
    return route(FAMILY_IPV6, (const uint8_t *)src->addr, (const uint8_t *)dest->addr);
}

/**
 * port_nd6_gateway() - LWIP_HOOK_ND6_GET_GW: next hop of what lwIP does not see as on the link
 * @netif: interface
 * @dest: destination
 *
 * Return: the destination itself if a prefix of ours says it is on the link, or the gateway, or
 * NULL: lwIP asks its list of routers
 */
const ip6_addr_t *port_nd6_gateway(struct netif *netif, const ip6_addr_t *dest)
{
    const struct ringif *ifc = netif->state;

    if (best_prefix(ifc, FAMILY_IPV6, (const uint8_t *)dest->addr)) {
        return dest;
    }
    return has_gateway(ifc, FAMILY_IPV6) ? &ifc->gateway6 : NULL;
}
