/* SPDX-License-Identifier: MIT */
/* route.c - which interface and which next hop: lwIP's routing hooks
 *
 * Theory of operation
 *
 * There is one list. An address of an interface is an entry with its prefix (connected, number 0), which lies in the
 * interface; the others were added. The rules are those of any host. Our own addresses are reached through the
 * loopback interface. For all others the longest prefix counts; then the lowest metric, a connected one has 0; then
 * whether the interface has the source address; then the one that was first, connected ones before others.
 * Interfaces that are down have no routes. A gateway is a route of prefix 0.
 *
 * The list is short, and is searched for each packet that lwIP sends. A route stays when addresses change, and goes
 * with its interface.
 *
 * lwIP alone knows one IPv4 subnet per interface, takes every static IPv6 address for a /64, and has one
 * default interface (lwip/patches, route-only).
 */
#include "iface/route.h"

#include "lwip_port.h"
#include "mem/heap.h"

static struct route *routes;
static uint32_t count;
uint32_t route_epoch = 2;

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
    return family == FAMILY_IPV4 ? 32 : family == FAMILY_IPV6 ? 128 : 0;
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

    for (i = 0; i < IFACE_SLOTS; i++) {
        const struct abi_addr *own = &ifc->addrs[i].entry.destination;

        if (own->family == family && same_prefix(own->bytes, address, bits_of(family))) {
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
    const struct route *r;

    for (r = routes; r; r = r->next) {
        if (route_has(r->ifc, address->family, address->bytes)) {
            return 1;
        }
    }
    return 0;
}

/**
 * is_of() - Whether a destination is another interface's: its address, or everybody on its network
 * @r: route of an address of that interface
 * @ifc: interface that the packet came in by
 * @family: FAMILY_*
 * @to: destination
 *
 * Return: 1 if so, and not this interface's as well
 */
static int is_of(const struct route *r, const struct ringif *ifc, uint32_t family,
                 const uint8_t *to)
{
    ip4_addr_t ip4;

    if (same_prefix(r->entry.destination.bytes, to, bits_of(family))) {
        return !route_has(ifc, family, to);
    }
    __builtin_memcpy(&ip4, to, sizeof(ip4));
    return family == FAMILY_IPV4 && ip4_addr_isbroadcast(&ip4, &r->ifc->netif) &&
           !ip4_addr_isbroadcast(&ip4, &ifc->netif);
}

/**
 * route_admits() - Whether a packet may come in by an interface (core/iface/admit.c)
 * @ifc: interface
 * @family: FAMILY_*
 * @from: its source
 * @to: its destination
 *
 * Return: 1 if the destination is not another interface's, and the answer would leave by this one
 */
int route_admits(const struct ringif *ifc, uint32_t family, const uint8_t *from, const uint8_t *to)
{
    uint32_t here = 0, elsewhere = 0;
    const struct route *r;

    for (r = routes; r; r = r->next) {
        const struct abi_addr *net = &r->entry.destination;
        int is_address = net->family == family && !r->entry.number;

        if (is_address && (same_prefix(net->bytes, from, bits_of(family)) ||
                           (r->ifc != ifc && is_of(r, ifc, family, to)))) {
            return 0;
        }
        if (net->family == family && netif_is_up(&r->ifc->netif) &&
            same_prefix(net->bytes, from, net->prefix)) {
            if (r->ifc == ifc) {
                here = LWIP_MAX(here, net->prefix + 1u);
            } else {
                elsewhere = LWIP_MAX(elsewhere, net->prefix + 1u);
            }
        }
    }
    return here >= elsewhere || (family == FAMILY_IPV4 && !ifc->addrs[0].entry.destination.family);
}

/**
 * find() - Search all routes
 * @family: FAMILY_*
 * @src: source address, or NULL
 * @dest: destination
 * @only: no other interface than this one, even if it is down; NULL: any that is up
 * @local: set to the loopback interface if the destination is our own, else to NULL
 *
 * Return: route, NULL: there is none
 */
static const struct route *find(uint32_t family, const uint8_t *src, const uint8_t *dest,
                                const struct ringif *only, struct ringif **local)
{
    const struct route *r, *best = NULL;
    const struct netif *netif;
    uint64_t most = 0;
    int own = 0;

    for (r = routes; r; r = r->next) {
        const struct abi_addr *to = &r->entry.destination;
        uint64_t score;
        int is_own;

        if (only ? r->ifc != only : !netif_is_up(&r->ifc->netif)) {
            continue;
        }
        if (to->family != family || !same_prefix(to->bytes, dest, to->prefix)) {
            continue;
        }
        is_own = !r->entry.number && same_prefix(to->bytes, dest, bits_of(family));
        own |= is_own;
        if (!only && !is_own && r == &r->ifc->addrs[IFACE_SLOTS - 1]) {
            /* fe80::/64 is on every link: without a zone it leads to none. */
            continue;
        }
        score = (uint64_t)(to->prefix + 1u) << 33 | (uint64_t)~r->entry.metric << 1 |
                (uint64_t)(src && route_has(r->ifc, family, src));
        if (score > most) {
            most = score;
            best = r;
        }
    }
    *local = NULL;
    for (netif = own ? netif_list : NULL; netif && !*local; netif = netif->next) {
        struct ringif *ifc = netif->state;

        if (ifc->pub->kind == IFACE_LOOPBACK && netif_is_up(netif)) {
            *local = ifc;
        }
    }
    return best;
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
    struct ringif *ifc;
    const struct route *r = find(family, src, dest, NULL, &ifc);

    if (!ifc && r) {
        ifc = r->ifc;
    }
    return ifc ? &ifc->netif : NULL;
}

/**
 * port_ip4_route() - LWIP_HOOK_IP4_ROUTE_SRC
 * @src: source address, or NULL
 * @dest: destination
 *
 * Return: interface, or NULL: there is none
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
 * route_next_hop() - Where to on the link of an interface
 * @netif: interface
 * @v6: IPv6
 * @dest: destination, an address of lwIP of that family
 *
 * Return: the same: it is on the link; the gateway, or NULL: no route
 */
const void *route_next_hop(const struct netif *netif, int v6, const void *dest)
{
    const struct ringif *ifc = netif->state;
    struct ringif *local;
    const struct route *r;

    if (v6 && ip6_addr_islinklocal((const ip6_addr_t *)dest)) {
        return dest;
    }
    r = find(v6 ? FAMILY_IPV6 : FAMILY_IPV4, NULL, dest, ifc, &local);
    if (r && r->entry.via.family) {
        return &r->hop;
    }
    /* An interface that has no IPv4 address yet takes every host for one of its link (DHCP). */
    return r || (!v6 && !ifc->addrs[0].entry.destination.family) ? dest : NULL;
}

/**
 * route_link() - Put an entry into the list
 * @r: entry, filled in
 */
void route_link(struct route *r)
{
    struct route **end = &routes;

    while (*end && (r->entry.number || !(*end)->entry.number)) {
        end = &(*end)->next;
    }
    r->entry.iface = r->ifc->pub->handle;
    r->next = *end;
    *end = r;
    count++;
    route_epoch += 2;
}

/**
 * route_unlink() - Take entries out of the list, and free those that were added
 * @ifc: those of this interface
 * @number: those of this number, not 0
 * @entry: this one
 */
void route_unlink(const struct ringif *ifc, uint32_t number, const struct route *entry)
{
    struct route **link = &routes, *r;

    route_epoch += 2;
    while ((r = *link)) {
        if (r != entry && r->ifc != ifc && (!number || r->entry.number != number)) {
            link = &r->next;
            continue;
        }
        *link = r->next;
        count--;
        if (r->entry.number) {
            heap_free(r);
        }
    }
}

/**
 * route_add() - ROUTE_ADD
 * @ifc: interface it leaves by
 * @cmd: command
 *
 * Return: 0, ABI_EINVAL, ABI_ENOMEM
 */
int route_add(struct ringif *ifc, const struct cmd_route *cmd)
{
    const struct abi_addr *to = &cmd->destination, *via = &cmd->via;
    uint32_t bits = bits_of(to->family);
    struct route *r;

    if (!bits || to->prefix > bits || !cmd->number || (via->family && via->family != to->family)) {
        return ABI_EINVAL;
    }
    r = heap_calloc(1, sizeof(*r));
    if (!r) {
        return ABI_ENOMEM;
    }
    route_unlink(NULL, cmd->number, NULL);
    r->ifc = ifc;
    __builtin_memcpy(&r->entry, to, offsetof(struct abi_entry, iface));
    __builtin_memcpy(r->hop.addr, via->bytes, sizeof(via->bytes));
    ip6_addr_assign_zone(&r->hop, IP6_UNICAST,
                         &ifc->netif); /* of no use to IPv4, which ends before */
    route_link(r);
    return 0;
}

/**
 * route_count() - How many entries the list has
 *
 * Return: count
 */
uint32_t route_count(void)
{
    return count;
}

/**
 * route_list() - ROUTE_LIST: all routes of interfaces that are up
 * @to: where to
 *
 * Return: how many
 */
uint32_t route_list(struct abi_entry *to)
{
    const struct route *r;
    uint32_t n = 0;

    for (r = routes; r; r = r->next) {
        if (netif_is_up(&r->ifc->netif)) {
            to[n++] = r->entry;
        }
    }
    return n;
}

/**
 * route_lookup() - ROUTE_LOOKUP: the route that is taken to an address
 * @destination: address
 * @to: where to; for an address of ours, that alone and the loopback interface
 *
 * Return: 1, 0: there is none
 */
uint32_t route_lookup(const struct abi_addr *destination, struct abi_entry *to)
{
    struct ringif *local;
    const struct route *r = find(destination->family, NULL, destination->bytes, NULL, &local);

    if (!r) {
        return 0;
    }
    *to = r->entry;
    if (local) {
        to->destination = *destination;
        to->destination.prefix = (uint8_t)bits_of(destination->family);
        to->iface = local->pub->handle;
    }
    return 1;
}
