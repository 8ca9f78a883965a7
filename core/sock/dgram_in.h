/* SPDX-License-Identifier: MIT */
/* dgram_in.h - datagrams that come (theory of operation: core/sock/dgram_in.c) */
#ifndef RINGSTACK_DGRAM_IN_H
#define RINGSTACK_DGRAM_IN_H

#include "sock/dgram_sock.h"

struct dgram_sock *dgram_in_find(const struct datagram *a);
void dgram_in_put(struct dgram_sock *d, const struct datagram *a);
int dgram_in_deliver(const struct datagram *a, int all);
void dgram_in_failed(struct dgram_sock *d, int error);

#endif /* RINGSTACK_DGRAM_IN_H */
