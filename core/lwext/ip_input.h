/* SPDX-License-Identifier: MIT */
/* ip_input.h - packets for our protocols, before lwIP's own (theory of operation: core/lwext/ip_input.c) */
#ifndef RINGSTACK_IP_INPUT_H
#define RINGSTACK_IP_INPUT_H

#include "lwip/netif.h"
#include "lwip/pbuf.h"

/* p is at its IP header; proto is that of its payload. Returns 1 if it has taken and freed p. */
typedef int (*ip_input_fn)(struct pbuf *p, struct netif *inp, uint8_t proto);

void lwext_ip_input_register(ip_input_fn fn);

#endif /* RINGSTACK_IP_INPUT_H */
