/* SPDX-License-Identifier: MIT */
/* memory.h - memory of an instance: taken in pieces, never given back
 *
 * A thing that is freed goes to a list of its own kind. All of it goes with the instance, zeroed.
 */
#ifndef RINGSTACK_WIREGUARD_MEMORY_H
#define RINGSTACK_WIREGUARD_MEMORY_H

#include <stdint.h>

void memory_init(uint32_t begin, uint32_t end);
void *memory_take(uint32_t size);

#endif /* RINGSTACK_WIREGUARD_MEMORY_H */
