/* SPDX-License-Identifier: MIT */
/* tcp_listen.h - TCP listeners (theory of operation: core/sock/tcp_listen.c) */
#ifndef RINGSTACK_TCP_LISTEN_H
#define RINGSTACK_TCP_LISTEN_H

#include "sock/sock.h"

void tcp_sock_listen_setup(struct stack_stats *to);
int tcp_sock_listen(struct sock *s, const struct cmd_socket *cmd);
void tcp_sock_listen_close(struct sock *s);
void tcp_sock_listen_abort(struct sock *s, int error);
void tcp_sock_listen_release(struct sock *s);
int tcp_sock_listen_set_option(struct sock *s, uint32_t option, uint32_t value);
void tcp_sock_listen_address_gone(struct sock *s, const struct ip_addr *ip, int error);
void tcp_sock_listen_interface_gone(struct sock *s, const struct ringif *ifc);

#endif /* RINGSTACK_TCP_LISTEN_H */
