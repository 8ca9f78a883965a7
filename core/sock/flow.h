/* SPDX-License-Identifier: MIT */
/* flow.h - packets for addresses that are not ours (theory of operation: core/sock/flow.c) */
#ifndef RINGSTACK_FLOW_H
#define RINGSTACK_FLOW_H

#include "sock/dgram_sock.h"

int flow_open(struct dgram_sock *d);
void flow_close(struct dgram_sock *d);
int flow_deliver(const struct datagram *a);
int flow_is_answered(struct netif *inp);
int flow_is_syn(const struct pbuf *p, uint8_t proto);
int flow_syn(struct pbuf *p, struct netif *inp, struct datagram *a);
int flow_verdict(const struct datagram *out);

#endif /* RINGSTACK_FLOW_H */
