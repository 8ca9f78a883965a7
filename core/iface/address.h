/* SPDX-License-Identifier: MIT */
/* address.h - addresses of an interface that change (theory of operation: core/iface/address.c) */
#ifndef RINGSTACK_ADDRESS_H
#define RINGSTACK_ADDRESS_H

#include "iface/ringif.h"

/* address_detect(): the answer follows. */
#define ADDRESS_LATER 1

void address_put(struct ringif *ifc, uint32_t slot, const struct abi_addr *address);
int address_slot(const struct ringif *ifc, const struct abi_addr *address, int add);
const ip_addr_t *address_of(const struct ringif *ifc, uint32_t slot);
int address_detect(struct ringif *ifc, uint32_t id, const struct abi_addr *address);
void address_tmr(struct ringif *ifc);
void address_stop(struct ringif *ifc);
void address_up(struct ringif *ifc, int up);
void address_fit(struct ringif *ifc, uint32_t mtu);
int address_mtu(struct ringif *ifc, uint32_t mtu);

#endif /* RINGSTACK_ADDRESS_H */
