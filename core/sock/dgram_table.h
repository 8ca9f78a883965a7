/* SPDX-License-Identifier: MIT */
/* dgram_table.h - which datagram sockets a datagram is for (theory of operation: core/sock/dgram_table.c) */
#ifndef RINGSTACK_DGRAM_TABLE_H
#define RINGSTACK_DGRAM_TABLE_H

#include "sock/dgram.h"

int dgram_table_bind(struct dgram_sock *d, uint16_t port);
void dgram_table_connect(struct dgram_sock *d);
void dgram_table_remove(struct dgram_sock *d);
void dgram_table_close(void);
int dgram_table_receives(const struct ringif *ifc, uint8_t proto, uint16_t port);
struct dgram_sock *dgram_table_first(uint8_t proto, uint16_t port);
struct dgram_sock *dgram_table_find(uint8_t proto, const ip_addr_t *local, uint16_t port,
                                    const ip_addr_t *remote, uint16_t remote_port);

#endif /* RINGSTACK_DGRAM_TABLE_H */
