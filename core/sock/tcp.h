/* SPDX-License-Identifier: MIT */
/* tcp.h - TCP connections over byte rings (theory of operation: core/sock/tcp.c) */
#ifndef RINGSTACK_SOCK_TCP_H
#define RINGSTACK_SOCK_TCP_H

#include "sock/tcp_sock.h"

void tcp_sock_attach(struct tcp_sock *t, struct tcp_pcb *pcb);
void tcp_sock_opened(struct tcp_sock *t);
void tcp_sock_accepted(struct sock *s);
void tcp_sock_kick(struct sock *s);
void tcp_sock_shutdown(struct sock *s);
void tcp_sock_discard(struct sock *s);
void tcp_sock_abort(struct sock *s, int error);
void tcp_sock_release(struct sock *s);
int tcp_sock_set_option(struct sock *s, uint32_t option, uint32_t value);
void tcp_sock_run(struct sock *s);
void tcp_sock_retry(void);
void tcp_sock_address_gone(struct sock *s, const struct ip_addr *ip, int error);
void tcp_sock_interface_gone(struct sock *s, const struct ringif *ifc);
uint32_t tcp_sock_closing(void);
void tcp_sock_end(void);

#endif /* RINGSTACK_SOCK_TCP_H */
