/* SPDX-License-Identifier: MIT */
/* bridge_guard.h - frames that a guest has no business to send (core/iface/bridge_guard.c) */
#ifndef RINGSTACK_BRIDGE_GUARD_H
#define RINGSTACK_BRIDGE_GUARD_H

#include <stdint.h>

int bridge_guard_refuses(const uint8_t *at, uint32_t length);

#endif /* RINGSTACK_BRIDGE_GUARD_H */
