/* SPDX-License-Identifier: MIT */
/* dgram_table.h - which datagram sockets a datagram is for (theory of operation: core/sock/dgram_table.c) */
#ifndef RINGSTACK_DGRAM_TABLE_H
#define RINGSTACK_DGRAM_TABLE_H

#include "sock/dgram_sock.h"

int dgram_table_bind(struct dgram_sock *d, uint16_t port);
void dgram_table_remove(struct dgram_sock *d);
void dgram_table_close(void);
int dgram_table_receives(const struct ringif *ifc, uint8_t proto, uint16_t port);
struct dgram_sock *dgram_table_next(const struct datagram *a, const struct dgram_sock *after);

#endif /* RINGSTACK_DGRAM_TABLE_H */
