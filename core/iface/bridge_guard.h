/* SPDX-License-Identifier: MIT */
/* bridge_guard.h - frames that only DHCP servers and routers send (core/iface/bridge_guard.c) */
#ifndef RINGSTACK_BRIDGE_GUARD_H
#define RINGSTACK_BRIDGE_GUARD_H

#include <stdint.h>

int bridge_guard_is_server(const uint8_t *at, uint32_t length);

#endif /* RINGSTACK_BRIDGE_GUARD_H */
