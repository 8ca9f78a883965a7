/* SPDX-License-Identifier: MIT */
/* table.c - routes and neighbors for JavaScript to read
 *
 * The entries are of one moment. They are in a block of the arena of their own, which JavaScript frees when it has
 * read them.
 */
#include "iface/table.h"

#include "lwip/etharp.h"
#include "lwip/priv/nd6_priv.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwip_port.h"

/* Entries at the most, besides routes. */
#define NEIGHBORS (ARP_TABLE_SIZE + LWIP_ND6_NUM_NEIGHBORS)

/**
 * put() - Write a neighbor
 * @to: where to
 * @address: its address
 * @length: bytes of that
 * @netif: interface
 * @mac: its MAC address
 * @state: NEIGHBOR_*
 */
static void put(struct abi_entry *to, const void *address, uint32_t length,
                const struct netif *netif, const void *mac, uint32_t state)
{
    __builtin_memset(to, 0, sizeof(*to));
    __builtin_memcpy(to->destination.bytes, address, length);
    to->destination.family = length == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
    __builtin_memcpy(to->via.bytes, mac, ETH_HWADDR_LEN);
    to->iface = ((const struct ringif *)netif->state)->pub->handle;
    to->metric = state;
}

/**
 * neighbors() - ROUTE_NEIGHBORS
 * @to: where to
 *
 * lwIP shows those of IPv4 that have answered, and those of IPv6 that are asked as well.
 *
 * Return: how many
 */
static uint32_t neighbors(struct abi_entry *to)
{
    const struct nd6_neighbor_cache_entry *entry = neighbor_cache;
    struct eth_addr *mac;
    struct netif *netif;
    ip4_addr_t *ip4;
    uint32_t n = 0, i;

    for (i = 0; i < ARP_TABLE_SIZE; i++) {
        if (etharp_get_entry(i, &ip4, &netif, &mac)) {
            put(to + n++, ip4, sizeof(*ip4), netif, mac, NEIGHBOR_REACHABLE);
        }
    }
    for (; entry < neighbor_cache + LWIP_ND6_NUM_NEIGHBORS; entry++) {
        if (entry->state != ND6_NO_ENTRY) {
            put(to + n++, entry->next_hop_address.addr, 16, entry->netif, entry->lladdr,
                entry->state);
        }
    }
    return n;
}

/**
 * table_answer() - ROUTE_LIST, ROUTE_LOOKUP, ROUTE_NEIGHBORS
 * @cmd: command
 * @answer: set to how many entries there are, and where
 *
 * Return: 0, ABI_EINVAL: unknown, or nobody would free the block, ABI_ENOMEM
 */
int table_answer(const struct cmd_route *cmd, struct event *answer)
{
    struct abi_entry *to;

    if (!cmd->cmd.id || cmd->cmd.value > ROUTE_NEIGHBORS) {
        return ABI_EINVAL;
    }
    answer->offset = iface_block((route_count() + NEIGHBORS) * (uint32_t)sizeof(*to));
    if (!answer->offset) {
        return ABI_ENOMEM;
    }
    to = at(answer->offset);
    answer->handle = cmd->cmd.value == ROUTE_LIST     ? route_list(to)
                     : cmd->cmd.value == ROUTE_LOOKUP ? route_lookup(&cmd->destination, to)
                                                      : neighbors(to);
    return 0;
}
