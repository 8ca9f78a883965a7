/* SPDX-License-Identifier: MIT */
/* tcp_data.h - the bytes of a TCP connection (theory of operation: core/sock/tcp_data.c) */
#ifndef RINGSTACK_TCP_DATA_H
#define RINGSTACK_TCP_DATA_H

#include "lwip/err.h"

#include "sock/tcp_sock.h"

struct pbuf;

void tcp_sock_data_setup(struct stack_stats *to);
void tcp_sock_data_path(struct tcp_sock *t);
void tcp_sock_data_open(struct tcp_sock *t);
void tcp_sock_data_acked(struct tcp_sock *t, uint32_t length);
err_t tcp_sock_data_received(struct tcp_sock *t, struct pbuf *p);
int tcp_sock_data_output(struct tcp_sock *t);
void tcp_sock_data_window(struct tcp_sock *t);
void tcp_sock_data_give_back(struct tcp_sock *t);

#endif /* RINGSTACK_TCP_DATA_H */
