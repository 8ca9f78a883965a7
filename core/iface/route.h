/* SPDX-License-Identifier: MIT */
/* route.h - which interface and which gateway (the hooks themselves: core/lwip_port.h) */
#ifndef RINGSTACK_ROUTE_H
#define RINGSTACK_ROUTE_H

#include "abi.h"

struct ringif;

int route_has(const struct ringif *ifc, uint32_t family, const uint8_t *address);
int route_is_own(const struct abi_addr *address);

#endif /* RINGSTACK_ROUTE_H */
