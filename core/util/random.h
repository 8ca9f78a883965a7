/* SPDX-License-Identifier: MIT */
/* random.h - keyed randomness of a stack: sequence numbers, ports, lwIP's own needs */
#ifndef RINGSTACK_RANDOM_H
#define RINGSTACK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_init(const uint32_t seed[8]);
uint32_t random_u32(void);
uint64_t random_hash(const void *data, size_t length);

#endif /* RINGSTACK_RANDOM_H */
