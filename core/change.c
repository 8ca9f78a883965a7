/* SPDX-License-Identifier: MIT */
/* change.c - interfaces that change or go: the sockets that use what goes end first */
#include "change.h"

#include "iface/address.h"
#include "iface/bridge.h"
#include "iface/forward.h"
#include "iface/iface.h"
#include "lwip_port.h"
#include "sock/protocol.h"

/**
 * end_sockets() - End the sockets of one of our addresses, which goes
 * @ifc: interface that has it
 * @slot: its slot; an empty one has no sockets
 * @error: code for them
 */
static void end_sockets(const struct ringif *ifc, uint32_t slot, int error)
{
    const ip_addr_t *ip = address_of(ifc, slot);

    if (ip && !port_ip_is_any(ip)) {
        protocol_address_gone(ip, error);
    }
}

/**
 * change_remove() - End the sockets that use an interface, and remove it
 * @handle: interface
 *
 * Return: 0 or ABI_ENODEV
 */
int change_remove(uint32_t handle)
{
    struct ringif *ifc = iface_get(handle);
    uint32_t slot;

    if (ifc) {
        for (slot = 0; slot < IFACE_SLOTS; slot++) {
            end_sockets(ifc, slot, ABI_ENODEV);
        }
        protocol_interface_gone(ifc);
        bridge_leave(ifc);
    }
    return iface_remove(handle);
}

/**
 * change_address() - CHANGE_ADD, CHANGE_REMOVE
 * @ifc: interface
 * @cmd: command
 *
 * Return: 0 or a negative code (address_slot())
 */
static int change_address(struct ringif *ifc, const struct cmd_change *cmd)
{
    static const struct abi_addr none;
    const struct abi_addr *to = cmd->cmd.value == CHANGE_ADD ? &cmd->address : &none;
    int slot = address_slot(ifc, &cmd->address, to != &none);

    if (slot < 0) {
        return slot;
    }
    if (__builtin_memcmp(ifc->addrs[slot].entry.destination.bytes, to->bytes, sizeof(to->bytes)) !=
        0) {
        end_sockets(ifc, (uint32_t)slot, ABI_EADDRNOTAVAIL);
    }
    address_put(ifc, (uint32_t)slot, to);
    if (slot && to->family && cmd->amount) {
        netif_ip6_addr_set_state(&ifc->netif, (s8_t)slot, IP6_ADDR_DEPRECATED);
    }
    return 0;
}

/**
 * change_interface() - CMD_CHANGE
 * @c: command
 *
 * Return: 0, ABI_ENODEV or another negative code; ADDRESS_LATER
 */
int change_interface(const struct cmd_change *c)
{
    struct ringif *ifc = iface_get(c->cmd.handle);
    int err;

    if (!ifc) {
        return ABI_ENODEV;
    }
    switch (c->cmd.value) {
    case CHANGE_ADD:
    case CHANGE_REMOVE:
        return change_address(ifc, c);
    case CHANGE_DETECT:
        return address_detect(ifc, c->cmd.id, &c->address);
    case CHANGE_UP:
        address_up(ifc, c->amount != 0);
        return 0;
    case CHANGE_MTU:
        err = address_mtu(ifc, c->amount);
        bridge_resized(ifc);
        return err;
    case CHANGE_FORWARD:
        return forward_set(ifc, c->amount);
    default:
        return ABI_EINVAL;
    }
}
