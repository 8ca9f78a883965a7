/* SPDX-License-Identifier: MIT */
/* ip_send.h - packets of datagram sockets into lwIP (theory of operation: core/sock/ip_send.c) */
#ifndef RINGSTACK_IP_SEND_H
#define RINGSTACK_IP_SEND_H

#include "sock/dgram.h"

struct pbuf *ip_send_packet(uint32_t header, void *data, uint32_t length);
int ip_send(struct pbuf *p, const struct departure *out, int dont_fragment);

#endif /* RINGSTACK_IP_SEND_H */
