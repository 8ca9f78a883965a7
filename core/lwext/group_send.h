/* SPDX-License-Identifier: MIT */
/* group_send.h - messages of IGMP and MLD to the link */
#ifndef RINGSTACK_GROUP_SEND_H
#define RINGSTACK_GROUP_SEND_H

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

/* Before a message: an IPv6 header and one of hop-by-hop options. */
#define GROUP_HEADERS 48u

void lwext_group_send(struct pbuf *p, uint32_t length, const ip_addr_t *to, struct netif *netif);

#endif /* RINGSTACK_GROUP_SEND_H */
