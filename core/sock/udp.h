/* SPDX-License-Identifier: MIT */
/* udp.h - UDP (RFC 768) over datagram sockets (theory of operation: core/sock/udp.c) */
#ifndef RINGSTACK_UDP_H
#define RINGSTACK_UDP_H

#include "sock/dgram.h"

void udp_sock_setup(struct stack_stats *to);
int udp_sock_input(struct pbuf *p, struct netif *inp);
int udp_sock_output(struct dgram_sock *d, const struct departure *out);

#endif /* RINGSTACK_UDP_H */
