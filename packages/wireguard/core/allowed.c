/* SPDX-License-Identifier: MIT */
/* allowed.c - allowed IPs: which peer an address belongs to, by its longest prefix
 *
 * Theory of operation
 *
 * A binary tree for each family. A node is a prefix; below it are longer ones, by the bit that follows it.
 * A node without a peer is only there because its two children differ. Prefixes are never removed one by
 * one: allowed_clear() empties both trees, and whatever stays is added again. Nodes come from chunks
 * that are kept.
 */

#include "allowed.h"

#include <string.h>

#include "memory.h"

#define CHUNK 64

struct node {
    struct node *child[2];
    struct peer *peer;
    uint32_t length; /* bits of the prefix */
    uint8_t bits[16];
};

struct chunk {
    struct chunk *next;
    struct node nodes[CHUNK];
};

static struct node *roots[2];
static struct chunk *chunks, *current;
static uint32_t used;

static struct node *new_node(const uint8_t *bits, uint32_t length, struct peer *peer)
{
    struct node *node;

    if (!current || used == CHUNK) {
        struct chunk *next = current ? current->next : chunks;

        if (!next) {
            next = memory_take(sizeof(*next));
            if (!next) {
                return NULL;
            }
            next->next = NULL;
            *(current ? &current->next : &chunks) = next;
        }
        current = next;
        used = 0;
    }
    node = &current->nodes[used++];
    memset(node, 0, sizeof(*node));
    memcpy(node->bits, bits, (length + 7) / 8);
    if (length % 8) {
        node->bits[length / 8] &= (uint8_t)(0xff00 >> length % 8);
    }
    node->length = length;
    node->peer = peer;
    return node;
}

/* Bits that two addresses have in common at their beginnings, at most `most`. */
static uint32_t common(const uint8_t *a, const uint8_t *b, uint32_t most)
{
    for (uint32_t i = 0; i < (most + 7) / 8; i++) {
        uint32_t differ = a[i] ^ b[i];

        if (differ) {
            uint32_t bits = i * 8 + (uint32_t)__builtin_clz(differ) - 24;

            return bits < most ? bits : most;
        }
    }
    return most;
}

/* Which child of a prefix of `length` bits an address is below. */
static uint32_t side(const uint8_t *bits, uint32_t length)
{
    return bits[length / 8] >> (7 - length % 8) & 1u;
}

/**
 * allowed_add() - Give a prefix to a peer; another may have had it
 * @is_v6: family
 * @address: 4 or 16 bytes
 * @length: bits of the prefix
 * @peer: peer
 *
 * Return: 0 if there is no memory
 */
int allowed_add(int is_v6, const uint8_t *address, uint32_t length, struct peer *peer)
{
    struct node **at = &roots[is_v6], *node = new_node(address, length, peer), *fork;
    uint32_t shared = 0;

    if (!node) {
        return 0;
    }
    while (*at) {
        uint32_t least = (*at)->length < length ? (*at)->length : length;

        shared = common((*at)->bits, node->bits, least);
        if (shared < (*at)->length) {
            break;
        }
        if ((*at)->length == length) {
            (*at)->peer = peer;
            return 1;
        }
        at = &(*at)->child[side(node->bits, (*at)->length)];
    }
    if (!*at) {
        *at = node;
    } else if (shared == length) { /* a shorter prefix of what is there */
        node->child[side((*at)->bits, length)] = *at;
        *at = node;
    } else {
        fork = new_node(node->bits, shared, NULL);
        if (!fork) {
            return 0;
        }
        fork->child[side((*at)->bits, shared)] = *at;
        fork->child[side(node->bits, shared)] = node;
        *at = fork;
    }
    return 1;
}

/**
 * allowed_find() - The peer of an address
 * @is_v6: family
 * @address: 4 or 16 bytes
 *
 * Return: that with the longest prefix, NULL: none has it
 */
struct peer *allowed_find(int is_v6, const uint8_t *address)
{
    const uint32_t most = is_v6 ? 128 : 32;
    struct peer *found = NULL;

    for (struct node *node = roots[is_v6]; node;) {
        if (common(node->bits, address, node->length) < node->length) {
            break;
        }
        found = node->peer ? node->peer : found;
        if (node->length == most) {
            break;
        }
        node = node->child[side(address, node->length)];
    }
    return found;
}

/**
 * allowed_clear() - Forget all prefixes
 */
void allowed_clear(void)
{
    roots[0] = roots[1] = NULL;
    current = NULL;
    used = CHUNK;
}
