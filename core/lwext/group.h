/* SPDX-License-Identifier: MIT */
/* group.h - multicast groups of interfaces (theory of operation: core/lwext/group.c) */
#ifndef RINGSTACK_GROUP_H
#define RINGSTACK_GROUP_H

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

int lwext_group_join(struct netif *netif, const ip_addr_t *address, const ip_addr_t *source);
void lwext_group_leave(struct netif *netif, const ip_addr_t *address, const ip_addr_t *source);

#endif /* RINGSTACK_GROUP_H */
