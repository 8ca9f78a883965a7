/* SPDX-License-Identifier: MIT */
/* sock_work.h - sockets with something to do at the end of the batch (core/sock/sock_work.c) */
#ifndef RINGSTACK_SOCK_WORK_H
#define RINGSTACK_SOCK_WORK_H

#include "sock/sock.h"

void sock_work(struct sock *s);
void sock_work_later(struct sock *s, int urgent);
void sock_work_begin(void);
void sock_work_run(void);
int sock_work_is_urgent(void);
int sock_work_is_left(void);

#endif /* RINGSTACK_SOCK_WORK_H */
