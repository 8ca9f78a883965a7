/* SPDX-License-Identifier: MIT */
/* doorbell.c - wake-ups between threads (theory of operation: core/doorbell.h) */
#include "doorbell.h"

#include "mem/arena.h"

static struct stack_ctl *ctl;

/**
 * doorbell_setup() - Set where to note which sleepers JS must wake
 * @stack: control block of the stack
 */
void doorbell_setup(struct stack_ctl *stack)
{
    ctl = stack;
}

/**
 * doorbell_ring() - Count, and wake the sleeper
 * @doorbell: offset of a struct doorbell, 0 for none
 */
void doorbell_ring(uint32_t doorbell)
{
    struct doorbell *d;
    uint32_t sleeping;

    if (!doorbell) {
        return;
    }
    d = at(doorbell);
    atomic_fetch_add_explicit(&d->seq, 1, memory_order_seq_cst); /* M, before N */
    sleeping =
        atomic_load_explicit(&d->sleeping, memory_order_seq_cst); /* N, pairs the sleeper's */
    if (sleeping == DOORBELL_POST && ctl) {
        atomic_store_explicit(&ctl->posts, 1, memory_order_relaxed); /* no order: our JS reads it */
    } else if (sleeping && ctl && ctl->waker == WAKER_JS) {
        ctl->waker = doorbell;
    } else if (sleeping) {
#ifdef __wasm__
        __builtin_wasm_memory_atomic_notify((int *)&d->seq, 0x7fffffff);
#endif
    }
}
