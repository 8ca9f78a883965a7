/* SPDX-License-Identifier: MIT */
/* heap_guard.c - the heap of a stack with what AddressSanitizer needs to see: red zones, and freed objects that wait
 *
 * Theory of operation
 *
 * core/mem/heap.c cuts its objects from blocks of the arena, so to AddressSanitizer they are one piece of memory. This
 * file stands in for it: each object gets a poisoned head, which has its size, and a poisoned tail. A freed object is
 * poisoned whole and waits behind WAITING others before its memory is used again. New objects are filled with a byte
 * that is not zero.
 */
#define heap_malloc plain_malloc
#define heap_calloc plain_calloc
#define heap_free plain_free
#define heap_trim plain_trim
#define heap_used plain_used
#include "mem/heap.c" /* NOLINT(bugprone-suspicious-include) */
#undef heap_malloc
#undef heap_calloc
#undef heap_free
#undef heap_trim
#undef heap_used

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD 64u /* keeps objects on lines */
#define TAIL 16u
#define WAITING 256u
#define IN_USE 0x1a5eu
#define FREED 0xdeadu

struct head {
    size_t size;
    uint32_t state;
};

static struct head *waiting[WAITING];
static uint32_t next_waiting;
static uint32_t waiting_bytes;

void *heap_malloc(size_t size);
void *heap_calloc(size_t count, size_t size);
void heap_free(void *mem);
uint32_t heap_used(void);
void heap_trim(void);

/* whole() - Bytes of the object of heap.c, a multiple of a line */
static size_t whole(size_t size)
{
    return HEAD + ((size + TAIL + 63) & ~(size_t)63);
}

static void let_go(struct head *head)
{
    if (head) {
        ASAN_UNPOISON_MEMORY_REGION(head, HEAD);
        ASAN_UNPOISON_MEMORY_REGION(head, whole(head->size));
        waiting_bytes -= (uint32_t)whole(head->size);
        plain_free(head);
    }
}

void *heap_malloc(size_t size)
{
    struct head *head;

    if (size > 1u << 30) {
        return NULL;
    }
    head = plain_malloc(whole(size));
    if (!head) {
        return NULL;
    }
    head->size = size;
    head->state = IN_USE;
    __builtin_memset((char *)head + HEAD, 0xa5, size);
    ASAN_POISON_MEMORY_REGION(head, whole(size));
    ASAN_UNPOISON_MEMORY_REGION((char *)head + HEAD, size);
    return (char *)head + HEAD;
}

void *heap_calloc(size_t count, size_t size)
{
    void *mem = size && count > ((size_t)1 << 30) / size ? NULL : heap_malloc(count * size);

    if (mem) {
        __builtin_memset(mem, 0, count * size);
    }
    return mem;
}

void heap_free(void *mem)
{
    struct head *head;

    if (!mem) {
        return;
    }
    head = (struct head *)(void *)((char *)mem - HEAD);
    ASAN_UNPOISON_MEMORY_REGION(head, HEAD);
    if (head->state != IN_USE) {
        fputs("an object is freed twice, or was never of the heap\n", stderr);
        abort();
    }
    head->state = FREED;
    waiting_bytes += (uint32_t)whole(head->size);
    ASAN_POISON_MEMORY_REGION(head, whole(head->size));
    let_go(waiting[next_waiting]);
    waiting[next_waiting] = head;
    next_waiting = (next_waiting + 1) % WAITING;
}

uint32_t heap_used(void)
{
    uint32_t used = plain_used();

    return used > waiting_bytes ? used - waiting_bytes : 0;
}

void heap_trim(void)
{
    uint32_t i;

    for (i = 0; i < WAITING; i++) {
        let_go(waiting[i]);
        waiting[i] = NULL;
    }
    plain_trim();
}
