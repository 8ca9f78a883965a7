/* SPDX-License-Identifier: MIT */
/* tcp_open.h - connecting (core/sock/tcp_open.c) */
#ifndef RINGSTACK_TCP_OPEN_H
#define RINGSTACK_TCP_OPEN_H

#include "sock/sock.h"

int tcp_sock_open(struct sock *s, const struct cmd_socket *cmd);

#endif /* RINGSTACK_TCP_OPEN_H */
