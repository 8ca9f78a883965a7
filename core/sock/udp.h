/* SPDX-License-Identifier: MIT */
/* udp.h - UDP over datagram sockets (theory of operation: core/sock/udp.c) */
#ifndef RINGSTACK_UDP_H
#define RINGSTACK_UDP_H

#include "sock/dgram_sock.h"

void udp_sock_setup(struct stack_stats *to);
void udp_sock_input(struct pbuf *p, struct netif *inp, struct datagram *a);
int udp_sock_output(struct dgram_sock *d, const struct datagram *out);

#endif /* RINGSTACK_UDP_H */
