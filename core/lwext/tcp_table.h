/* SPDX-License-Identifier: MIT */
/* tcp_table.h - which TCP connection a segment is for (theory of operation: core/lwext/tcp_table.c) */
#ifndef RINGSTACK_TCP_TABLE_H
#define RINGSTACK_TCP_TABLE_H

#include "lwip/ip_addr.h"

struct tcp_pcb;

struct tcp_pcb *lwext_table_find(const ip_addr_t *local_ip, u16_t local_port,
                                 const ip_addr_t *remote_ip, u16_t remote_port);
int lwext_table_uses(const ip_addr_t *ip, u16_t port, int listener);

#endif /* RINGSTACK_TCP_TABLE_H */
