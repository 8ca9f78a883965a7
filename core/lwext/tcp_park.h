/* SPDX-License-Identifier: MIT */
/* tcp_park.h - connections that have nothing to time now (theory of operation: core/lwext/tcp_park.c) */
#ifndef RINGSTACK_TCP_PARK_H
#define RINGSTACK_TCP_PARK_H

#include <stdint.h>

struct tcp_pcb;

void lwext_park(struct tcp_pcb *pcb, uint32_t ticks);
void lwext_unpark(struct tcp_pcb *pcb);
void lwext_unpark_all(void);
void lwext_park_tick(uint32_t tick);
uint32_t lwext_park_due(void);

#endif /* RINGSTACK_TCP_PARK_H */
