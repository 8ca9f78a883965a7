/* SPDX-License-Identifier: MIT */
/* index.c - finds a handshake or a session by the index that we gave it
 *
 * Indices are random, so that one says nothing about others and the buckets are even.
 */

#include <stddef.h>

#include "host.h"

#define BUCKETS 1024

static struct entry *buckets[BUCKETS];

/**
 * index_add() - Give an entry an index, unless it has one, and put it into the table
 * @entry: entry
 */
void index_add(struct entry *entry)
{
    while (entry->index == 0 || index_find(entry->index)) {
        host_random((uint8_t *)&entry->index, sizeof(entry->index));
    }
    entry->next = buckets[entry->index % BUCKETS];
    buckets[entry->index % BUCKETS] = entry;
}

/**
 * index_remove() - Take an entry out of the table
 * @entry: entry; one without an index is not in it
 */
void index_remove(struct entry *entry)
{
    struct entry **at = &buckets[entry->index % BUCKETS];

    if (entry->index == 0) {
        return;
    }
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    entry->index = 0;
}

/**
 * index_find() - Find an entry
 * @index: of a message
 *
 * Return: the entry, or NULL
 */
struct entry *index_find(uint32_t index)
{
    struct entry *entry = buckets[index % BUCKETS];

    while (entry && entry->index != index) {
        entry = entry->next;
    }
    return entry;
}
