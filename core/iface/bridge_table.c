/* SPDX-License-Identifier: MIT */
/* bridge_table.c - which address is at which port: the forwarding table of a bridge
 *
 * Theory of operation
 *
 * An address has BRIDGE_WAYS places, by its hash. A port with few addresses comes first: if all places are taken, a new
 * address gets that of one that is too old, else of the oldest one of the port with most addresses, if that has more
 * than its own port, else of its own port's oldest. So a port that sends from random addresses (macof) replaces its own
 * ones alone. The hash has a random key. An address that finds no place is not learned, and frames for it are flooded.
 */
#include "iface/bridge_table.h"

#include "iface/iface.h"

uint32_t bridge_now;

/**
 * set_of() - The places of an address
 * @br: bridge
 * @mac: address
 *
 * Return: the first of BRIDGE_WAYS
 */
static struct abi_station *set_of(const struct port *br, const uint8_t *mac)
{
    uint32_t low, high = 0;

    __builtin_memcpy(&low, mac + 2, 4);
    __builtin_memcpy(&high, mac, 2);
    low = ((low ^ high) * br->key) ^ low >> 16;
    low *= 0x9e3779b1u;
    return br->table + (low >> 12 & (br->pub.stations / BRIDGE_WAYS - 1)) * BRIDGE_WAYS;
}

/**
 * is_old() - Whether an entry is empty, or may be forgotten
 * @br: bridge
 * @s: entry
 *
 * Return: 1 if so
 */
static int is_old(const struct port *br, const struct abi_station *s)
{
    return !s->port || (s->kind == STATION_LEARNED && bridge_now - s->seen > br->ageing);
}

/**
 * bridge_find() - The entry of an address
 * @br: bridge
 * @mac: address
 *
 * Return: entry, NULL: it is unknown, or was forgotten
 */
struct abi_station *bridge_find(const struct port *br, const uint8_t *mac)
{
    struct abi_station *s = set_of(br, mac), *end = s + BRIDGE_WAYS;

    for (; s < end; s++) {
        if (__builtin_memcmp(s->mac, mac, sizeof(s->mac)) == 0 && !is_old(br, s)) {
            return s;
        }
    }
    return NULL;
}

/**
 * forget() - Empty an entry
 * @s: entry
 */
static void forget(struct abi_station *s)
{
    if (s->port && s->kind == STATION_LEARNED) {
        iface_at(s->port)->port->learned--;
    }
    s->port = 0;
}

/**
 * bridge_sweep() - Empty the entries that are too old, and some of a port
 * @br: bridge
 * @slot: slot of the port, 0: of none
 * @most: kinds of its entries up to this one
 */
void bridge_sweep(struct port *br, uint32_t slot, uint32_t most)
{
    struct abi_station *s = br->table, *end = s + br->pub.stations;

    br->swept = bridge_now;
    for (; s < end; s++) {
        if (is_old(br, s) || (s->port == slot && s->kind <= most)) {
            forget(s);
        }
    }
}

/**
 * place() - A place for a new address
 * @ifc: port it is at
 * @mac: address
 *
 * Return: entry, bridge_now empty; NULL: all are of ports with fewer addresses
 */
static struct abi_station *place(const struct ringif *ifc, const uint8_t *mac)
{
    const struct port *br = ifc->port->bridge->port;
    struct abi_station *s = set_of(br, mac), *end = s + BRIDGE_WAYS, *best = NULL;
    uint32_t most = ifc->port->learned, n;

    for (; s < end; s++) {
        if (is_old(br, s)) {
            best = s;
            break;
        }
        if (s->kind == STATION_LEARNED) {
            n = iface_at(s->port)->port->learned + (s->port == bridge_slot(ifc));
            if (n > most || (best && n == most && bridge_now - s->seen > bridge_now - best->seen)) {
                most = n;
                best = s;
            }
        }
    }
    if (best) {
        forget(best);
    }
    return best;
}

/**
 * put() - Fill an entry
 * @s: entry, empty
 * @ifc: port
 * @mac: address
 * @kind: STATION_*
 */
static void put(struct abi_station *s, const struct ringif *ifc, const uint8_t *mac, uint32_t kind)
{
    __builtin_memcpy(s->mac, mac, sizeof(s->mac));
    s->kind = (uint8_t)kind;
    s->seen = bridge_now;
    s->port = (uint8_t)bridge_slot(ifc);
    ifc->port->learned += kind == STATION_LEARNED;
}

/**
 * bridge_learn() - An address has sent a frame
 * @ifc: port it came in at
 * @mac: address
 *
 * Return: 1, 0: it may not be there
 */
int bridge_learn(const struct ringif *ifc, const uint8_t *mac)
{
    struct port *me = ifc->port, *br = me->bridge->port;
    struct abi_station *s = bridge_find(br, mac);

    if (s && s->port == bridge_slot(ifc) && s->kind != STATION_OWN) {
        s->seen = bridge_now;
        return 1;
    }
    if ((s && s->kind != STATION_LEARNED) || (me->flags & PORT_IS_FIXED)) {
        return 0;
    }
    if (me->learned >= me->most && bridge_now - br->swept > 1000) {
        bridge_sweep(br, 0, 0);
    }
    if (me->learned >= me->most) {
        return 1;
    }
    if (s) {
        me->pub.counts[PORT_MOVES]++;
        forget(s);
    } else {
        s = place(ifc, mac);
    }
    if (s) {
        put(s, ifc, mac, STATION_LEARNED);
    }
    return 1;
}

/**
 * bridge_fix() - An address is at a port, and nowhere else
 * @ifc: port
 * @mac: address
 * @kind: STATION_FIXED, STATION_OWN
 *
 * Return: 0, ABI_EADDRINUSE: it is fixed already, ABI_ENOBUFS: there is no place, ABI_EINVAL: a group
 */
int bridge_fix(const struct ringif *ifc, const uint8_t *mac, uint32_t kind)
{
    struct abi_station *s = bridge_find(ifc->port->bridge->port, mac);

    if (bridge_is_group(mac)) {
        return ABI_EINVAL;
    }
    if (s && s->kind != STATION_LEARNED) {
        return ABI_EADDRINUSE;
    }
    if (s) {
        forget(s);
    } else {
        s = place(ifc, mac);
    }
    if (!s) {
        return ABI_ENOBUFS;
    }
    put(s, ifc, mac, kind);
    return 0;
}
