/* SPDX-License-Identifier: MIT */
/* protocol.h - the table of protocols (core/sock/protocol.c) */
#ifndef RINGSTACK_PROTOCOL_H
#define RINGSTACK_PROTOCOL_H

#include "abi.h"

struct ip_addr;
struct ringif;

void protocol_setup(struct stack_ctl *ctl, uint32_t max_sockets);
void protocol_retry(void);
void protocol_trim(void);
void protocol_address_gone(const struct ip_addr *ip, int error);
void protocol_interface_gone(const struct ringif *ifc);
uint32_t protocol_finish(int end);
void protocol_end(void);

#endif /* RINGSTACK_PROTOCOL_H */
