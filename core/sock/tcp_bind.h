/* SPDX-License-Identifier: MIT */
/* tcp_bind.h - local ports of TCP (core/sock/tcp_bind.c) */
#ifndef RINGSTACK_TCP_BIND_H
#define RINGSTACK_TCP_BIND_H

#include "lwip/ip_addr.h"

struct tcp_pcb;

int tcp_sock_bind(struct tcp_pcb *pcb, const ip_addr_t *ip, u16_t port, const ip_addr_t *remote,
                  u16_t remote_port);

#endif /* RINGSTACK_TCP_BIND_H */
