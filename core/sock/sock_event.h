/* SPDX-License-Identifier: MIT */
/* sock_event.h - events of sockets, from C to JS (theory of operation: core/sock/sock_event.c) */
#ifndef RINGSTACK_SOCK_EVENT_H
#define RINGSTACK_SOCK_EVENT_H

#include "channel.h"
#include "sock/sock.h"

void sock_event(struct sock *s, uint32_t bits);
void sock_event_finish(struct sock *s, int error);
void sock_event_move(struct sock *s, struct channel *to);
int sock_event_flush(struct channel *c);

#endif /* RINGSTACK_SOCK_EVENT_H */
