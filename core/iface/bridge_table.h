/* SPDX-License-Identifier: MIT */
/* bridge_table.h - the forwarding table of a bridge (theory of operation: core/iface/bridge_table.c) */
#ifndef RINGSTACK_BRIDGE_TABLE_H
#define RINGSTACK_BRIDGE_TABLE_H

#include "iface/ringif.h"

#define BRIDGE_WAYS 8u

/* A port of a bridge; a bridge is one of its own. */
struct port {
    struct abi_port pub;
    struct ringif *bridge;
    uint32_t flags;   /* PORT_IS_* */
    uint32_t learned; /* entries of the table */
    uint32_t most;    /* of these, at the most */
    uint32_t storm;   /* flooded frames a second, at the most */
    uint32_t tokens;  /* thousandths of a flooded frame */
    uint32_t filled;  /* ms */
    uint32_t floods;
    /* Of a bridge. */
    struct abi_station *table;
    uint32_t key, ageing, swept, mtu;
};

extern uint32_t bridge_now; /* ms, when the first of the frames came that are taken now */

static inline uint32_t bridge_slot(const struct ringif *ifc)
{
    return ifc->pub->handle & 0xffff;
}

static inline int bridge_is_group(const uint8_t *mac)
{
    return mac[0] & 1;
}

struct abi_station *bridge_find(const struct port *br, const uint8_t *mac);
void bridge_sweep(struct port *br, uint32_t slot, uint32_t most);
int bridge_learn(const struct ringif *ifc, const uint8_t *mac);
int bridge_fix(const struct ringif *ifc, const uint8_t *mac, uint32_t kind);

#endif /* RINGSTACK_BRIDGE_TABLE_H */
