/* SPDX-License-Identifier: MIT */
/* tcp.h - TCP over byte rings (theory of operation: core/sock/tcp.c) */
#ifndef RINGSTACK_SOCK_TCP_H
#define RINGSTACK_SOCK_TCP_H

#include "sock/sock.h"

int tcp_sock_listen(const struct cmd_socket *cmd, struct sock **out);
int tcp_sock_connect(const struct cmd_socket *cmd, struct sock **out);
void tcp_sock_kick(struct sock *s);
void tcp_sock_accepted(struct sock *s);
void tcp_sock_shutdown(struct sock *s);
void tcp_sock_discard(struct sock *s);
void tcp_sock_close(struct sock *s);
void tcp_sock_abort(struct sock *s, int error);
void tcp_sock_release(struct sock *s);
void tcp_sock_nodelay(struct sock *s, uint32_t on);
void tcp_sock_keepalive(struct sock *s, uint32_t idle);
int tcp_sock_interface_remove(uint32_t handle);
void tcp_data_setup(struct stack_stats *to);
void tcp_rings_trim(void);
void tcp_sock_abort_orphans(void);
void tcp_sock_run(void);
void tcp_sock_retry(void);

#endif /* RINGSTACK_SOCK_TCP_H */
