/* SPDX-License-Identifier: MIT */
/* dgram_out.h - datagrams that go (theory of operation: core/sock/dgram_out.c) */
#ifndef RINGSTACK_DGRAM_OUT_H
#define RINGSTACK_DGRAM_OUT_H

#include "sock/dgram_sock.h"

int dgram_out(struct dgram_sock *d);
struct ringif *dgram_out_interface(uint32_t handle, const ip_addr_t *from, const ip_addr_t *to);
void dgram_out_source(struct ringif *ifc, const ip_addr_t *to, ip_addr_t *from);
void dgram_out_retry(void);

#endif /* RINGSTACK_DGRAM_OUT_H */
