/* SPDX-License-Identifier: MIT */
/* tcp_park.c - connections that have nothing to time now
 *
 * Theory of operation
 *
 * lwIP's timers walk tcp_active_pcbs every few milliseconds. core/lwext/timers.c takes connections that
 * need no timer now off that list and parks them here, so that an idle connection costs nothing.
 *
 * A parked connection is unparked before anything happens to it: by the table that finds it for a
 * segment (core/lwext/tcp_table.c), by core/sock/tcp*.c before it writes, shuts down or sets an option,
 * by lwext_unpark_all() before lwIP looks through all connections. A reset or tcp_abort() takes it off
 * the list it is on (lwip/patches: tcp-lists). Only connections whose handshake is done are parked, so
 * lwIP finds all half-open ones when a listener closes.
 *
 * Timers (keep-alive, the end of FIN_WAIT_2) are kept in a radix heap: list n holds those whose due tick
 * first differs from the current tick (`base`) in bit n - 1. When the current tick reaches that bit, the
 * whole list is unparked, and the timers park again those that are not due yet, on a lower list. A
 * connection moves once per bit at the most, none is late, and no list needs an order. All arithmetic is
 * modulo 2^32; nothing is due in more than 2^31 ticks.
 */
#include "lwext/tcp_park.h"

#include "lwip/priv/tcp_priv.h"

#include "abi.h"

#define BITS 32u

/* [0]: never due; [n]: due at a tick that first differs from base in bit n - 1. */
static struct tcp_pcb *parked[1 + BITS];
static uint32_t soonest[1 + BITS]; /* no connection of that list is due before this tick */
static uint32_t base;

/**
 * list_of() - The list for a due tick
 * @difference: bits in which it differs from base, not 0
 *
 * Return: index
 */
static uint32_t list_of(uint32_t difference)
{
    return BITS - (uint32_t)__builtin_clz(difference);
}

/**
 * lwext_park() - Take a connection off lwIP's list of active ones
 * @pcb: connection on that list, its handshake done
 * @ticks: slow ticks until it is due, more than one, TIMER_NONE: not at all
 */
void lwext_park(struct tcp_pcb *pcb, uint32_t ticks)
{
    uint32_t due = tcp_ticks + ticks, i = ticks == TIMER_NONE ? 0 : list_of(due ^ base);

    if (!parked[i] || (int32_t)(due - soonest[i]) < 0) {
        soonest[i] = due;
    }
    TCP_RMV(&tcp_active_pcbs, pcb);
    TCP_REG(&parked[i], pcb);
    pcb->parked = 1;
}

/**
 * lwext_unpark() - Give a connection back to lwIP's timers
 * @pcb: connection, parked or not
 */
void lwext_unpark(struct tcp_pcb *pcb)
{
    if (pcb->parked) {
        pcb->parked = 0;
        TCP_RMV(NULL, pcb);
        TCP_REG(&tcp_active_pcbs, pcb);
    }
}

/**
 * unpark_list() - Unpark all of one list
 * @i: index
 */
static void unpark_list(uint32_t i)
{
    while (parked[i]) {
        lwext_unpark(parked[i]);
    }
}

/**
 * lwext_unpark_all() - Unpark all, before lwIP looks through all connections
 */
void lwext_unpark_all(void)
{
    uint32_t i;

    for (i = 0; i <= BITS; i++) {
        unpark_list(i);
    }
}

/**
 * lwext_park_tick() - Unpark connections that may be due at a tick, before that tick is run
 * @tick: tick, not before that of the last call
 */
void lwext_park_tick(uint32_t tick)
{
    uint32_t passed = tick ^ base, i;

    if (passed == 0) {
        return;
    }
    base = tick;
    for (i = list_of(passed); i; i--) {
        unpark_list(i);
    }
}

/**
 * lwext_park_due() - When the first parked connection may be due
 *
 * Return: slow ticks from now, TIMER_NONE: none is; the first may have been unparked since
 */
uint32_t lwext_park_due(void)
{
    uint32_t i;

    for (i = 1; i <= BITS; i++) {
        if (parked[i]) {
            return soonest[i] - tcp_ticks;
        }
    }
    return TIMER_NONE;
}
