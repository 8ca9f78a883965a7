/* SPDX-License-Identifier: MIT */
/* icmp.h - ICMP and ICMPv6 sockets, and errors for all others (theory of operation: core/sock/icmp.c) */
#ifndef RINGSTACK_ICMP_H
#define RINGSTACK_ICMP_H

#include "sock/dgram_sock.h"

void icmp_sock_setup(struct stack_stats *to);
void icmp_sock_input(struct pbuf *p, const struct netif *inp, struct datagram *a);
int icmp_sock_output(struct dgram_sock *d, struct datagram *out);

#endif /* RINGSTACK_ICMP_H */
