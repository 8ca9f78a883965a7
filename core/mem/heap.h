/* SPDX-License-Identifier: MIT */
/* heap.h - the heap of one stack (theory of operation: core/mem/heap.c) */
#ifndef RINGSTACK_HEAP_H
#define RINGSTACK_HEAP_H

#include <stddef.h>
#include <stdint.h>

void heap_init(uint32_t owner);
void *heap_malloc(size_t size);
void *heap_calloc(size_t count, size_t size);
void heap_free(void *mem);
uint32_t heap_used(void);
void heap_trim(void);

#endif /* RINGSTACK_HEAP_H */
