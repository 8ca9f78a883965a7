/* SPDX-License-Identifier: MIT */
/* route.h - which interface and which next hop (theory of operation: core/iface/route.c) */
#ifndef RINGSTACK_ROUTE_H
#define RINGSTACK_ROUTE_H

#include "iface/ringif.h"

int route_has(const struct ringif *ifc, uint32_t family, const uint8_t *address);
/* Goes up by 2 when a route, an address or the state of an interface changes. */
extern uint32_t route_epoch;

int route_admits(const struct ringif *ifc, uint32_t family, const uint8_t *from, const uint8_t *to);
int route_is_own(const struct abi_addr *address);
const void *route_next_hop(const struct netif *netif, int v6, const void *dest);
void route_link(struct route *r);
void route_unlink(const struct ringif *ifc, uint32_t number, const struct route *r);
int route_add(struct ringif *ifc, const struct cmd_route *cmd);
uint32_t route_count(void);
uint32_t route_list(struct abi_entry *to);
uint32_t route_lookup(const struct abi_addr *destination, struct abi_entry *to);

#endif /* RINGSTACK_ROUTE_H */
