/* SPDX-License-Identifier: MIT */
/* bridge.h - bridges: frames from port to port (theory of operation: core/iface/bridge.c) */
#ifndef RINGSTACK_BRIDGE_H
#define RINGSTACK_BRIDGE_H

#include "iface/ringif.h"

int bridge_command(const struct cmd_bridge *cmd, uint32_t *offset);
void bridge_resized(struct ringif *ifc);
void bridge_leave(struct ringif *ifc);

#endif /* RINGSTACK_BRIDGE_H */
