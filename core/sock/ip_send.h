/* SPDX-License-Identifier: MIT */
/* ip_send.h - packets of datagram sockets into lwIP (theory of operation: core/sock/ip_send.c) */
#ifndef RINGSTACK_IP_SEND_H
#define RINGSTACK_IP_SEND_H

#include "sock/dgram_sock.h"

struct pbuf *ip_send_packet(uint32_t header, const struct datagram *out);
int ip_send(struct pbuf *p, const struct datagram *out, struct dgram_sock *d);

#endif /* RINGSTACK_IP_SEND_H */
