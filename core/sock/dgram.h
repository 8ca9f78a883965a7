/* SPDX-License-Identifier: MIT */
/* dgram.h - datagram sockets: a pair of frame rings (theory of operation: core/sock/dgram.c) */
#ifndef RINGSTACK_DGRAM_H
#define RINGSTACK_DGRAM_H

#include "sock/dgram_sock.h"

int dgram_open(struct sock *s, const struct cmd_socket *cmd);
void dgram_abort(struct sock *s, int error);
void dgram_release(struct sock *s);
int dgram_set_option(struct sock *s, uint32_t option, uint32_t value);
int dgram_member(struct sock *s, const struct cmd_group *cmd);
void dgram_run(struct sock *s);
void dgram_address_gone(struct sock *s, const struct ip_addr *ip, int error);
void dgram_interface_gone(struct sock *s, const struct ringif *ifc);
void dgram_end(void);
void dgram_setup(struct stack_stats *stats);

#endif /* RINGSTACK_DGRAM_H */
