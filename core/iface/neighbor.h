/* SPDX-License-Identifier: MIT */
/* neighbor.h - MAC addresses of the hosts of a link (theory of operation: core/iface/neighbor.c) */
#ifndef RINGSTACK_NEIGHBOR_H
#define RINGSTACK_NEIGHBOR_H

#include "iface/ringif.h"

/* A message of a host. */
#define NEIGHBOR_ASKED 1u /* it answers what we asked */
#define NEIGHBOR_WANTS 2u /* it asks for us, and so will want an answer */

/* Packets that were dropped: nobody answered, or too many waited. */
extern uint32_t neighbor_drops;

void neighbor_forwarded(struct ringif *ifc);
err_t neighbor_output(struct netif *netif, struct pbuf *p, int v6, const void *dest);
void neighbor_heard(struct netif *netif, int v6, const void *address, const uint8_t *mac,
                    uint32_t flags);
void neighbor_retry(struct ringif *ifc);
void neighbor_tmr(struct ringif *ifc);
void neighbor_announce(struct ringif *ifc);
void neighbor_forget(struct ringif *ifc);
int neighbor_answers(const struct netif *netif, int v6, const void *dest);
uint32_t neighbor_list(struct ringif *ifc, struct abi_entry *to);

/* Messages of each family (core/iface/arp.c, core/iface/nd.c). */
void arp_ask(struct netif *netif, const void *target, const void *source, const uint8_t *mac);
void nd_ask(struct netif *netif, const void *target, int from_any, int unicast);
void nd_announce(struct netif *netif, int only);

#endif /* RINGSTACK_NEIGHBOR_H */
