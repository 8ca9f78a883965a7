/* SPDX-License-Identifier: MIT */
/* tcp_internal.h - what the files of core/sock/tcp*.c share and nobody else sees */
#ifndef RINGSTACK_SOCK_TCP_INTERNAL_H
#define RINGSTACK_SOCK_TCP_INTERNAL_H

#include "lwip/tcp.h"

#include "sock/sock.h"

/* First block of a ring. */
#define RING_FIRST 4096u

int tcp_rings_can_accept(uint32_t payload);
int tcp_rings_ensure(struct sock *s, uint32_t more);
void tcp_rings_grow_tx(struct sock *s);
void tcp_rings_moved(struct sock *s);
void tcp_rings_over(struct sock *s);
void tcp_data_open(struct sock *s);
void tcp_data_acked(struct sock *s, uint32_t length);
err_t tcp_data_received(struct sock *s, struct pbuf *p);
void tcp_data_output(struct sock *s);
void tcp_data_window(struct sock *s);
void tcp_data_give_back(struct sock *s);
void tcp_sock_sent_all(struct sock *s);
void tcp_sock_attach(struct sock *s, struct tcp_pcb *pcb);

#endif /* RINGSTACK_SOCK_TCP_INTERNAL_H */
