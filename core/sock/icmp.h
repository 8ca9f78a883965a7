/* SPDX-License-Identifier: MIT */
/* icmp.h - ICMP and ICMPv6 sockets, and errors for all others (theory of operation: core/sock/icmp.c) */
#ifndef RINGSTACK_ICMP_H
#define RINGSTACK_ICMP_H

#include "sock/dgram.h"

void icmp_sock_input(struct pbuf *p, struct netif *inp, uint8_t proto);
int icmp_sock_output(struct dgram_sock *d, const struct departure *out);

#endif /* RINGSTACK_ICMP_H */
