/* SPDX-License-Identifier: MIT */
/* ring_storage.h - buffers of socket rings (theory of operation: core/sock/ring_storage.c) */
#ifndef RINGSTACK_RING_STORAGE_H
#define RINGSTACK_RING_STORAGE_H

#include "abi.h"

void ring_storage_setup(struct stack_ctl *ctl);
int ring_storage_add(struct ring *ring, uint32_t size);
int ring_storage_settle(struct ring *ring);
void ring_storage_free(struct ring *ring);

#endif /* RINGSTACK_RING_STORAGE_H */
