/* SPDX-License-Identifier: MIT */
/* tcp_rings.h - how large the rings of a TCP connection are (core/sock/tcp_rings.c) */
#ifndef RINGSTACK_TCP_RINGS_H
#define RINGSTACK_TCP_RINGS_H

#include "sock/tcp_sock.h"

/* First block of a ring. */
#define RING_FIRST 4096u

int tcp_sock_rings_open(struct tcp_sock *t, uint32_t rx_max, uint32_t tx_max);
int tcp_sock_rings_can_accept(uint32_t payload);
int tcp_sock_rings_ensure(struct tcp_sock *t, uint32_t more, int is_gap);
void tcp_sock_rings_grow_tx(struct tcp_sock *t);
void tcp_sock_rings_moved(struct tcp_sock *t);
void tcp_sock_rings_over(struct tcp_sock *t);
void tcp_sock_rings_trim(void);

#endif /* RINGSTACK_TCP_RINGS_H */
