/* SPDX-License-Identifier: MIT */
/* allowed.h - allowed IPs: which peer an address belongs to, by its longest prefix */
#ifndef RINGSTACK_WIREGUARD_ALLOWED_H
#define RINGSTACK_WIREGUARD_ALLOWED_H

#include <stdint.h>

struct peer;

int allowed_add(int is_v6, const uint8_t *address, uint32_t length, struct peer *peer);
struct peer *allowed_find(int is_v6, const uint8_t *address);
void allowed_clear(void);

#endif /* RINGSTACK_WIREGUARD_ALLOWED_H */
