/* SPDX-License-Identifier: MIT */
/* bridge.c - a learning bridge: frames from the rx ring of one tap to the tx rings of others
 *
 * Theory of operation
 *
 * A port is a tap that has joined. Frames that come in at it pass judge(), which names why one is dropped: it is counted
 * at the port by that reason. The others are copied once to each ring they go to. A ring without room drops and counts,
 * so a slow port holds up no other. The bridge is an interface with addresses of its own, and takes part as one more
 * port: what lwIP sends goes to output(), and what is for us goes to lwIP from where it lies. A tap that has addresses
 * keeps them: it takes what is for its MAC, and broadcasts that came in at it.
 *
 * Loop guard (js/link/switch_loop.ts). Its probes are frames for a group address, which are handed to JavaScript in the
 * bridge's tx ring, as is a note when many frames of a port were flooded. JavaScript sends probes through the bridge's rx
 * ring, and blocks ports. Until it does, the limit of flooded frames holds a loop.
 */
#include "iface/bridge.h"

#include "lwip/prot/ethernet.h"
#include "lwip/sys.h"

#include "iface/address.h"
#include "iface/bridge_guard.h"
#include "iface/bridge_table.h"
#include "iface/iface.h"
#include "mem/heap.h"
#include "util/random.h"

#define MTU_NO_PORT 1500u
#define TABLE_MOST (1u << 20)
/* Flooded frames of a port after which the loop guard is told. */
#define SUSPECT 64u
/* The bytes of a probe (js/link/switch_loop.ts). */
#define PROBE 60u
/* judge(): the frame goes on. */
#define PASS PORT_COUNTS

/**
 * next_port() - Go through the ports of a bridge
 * @bridge: bridge; itself none of them here
 * @one: the last one, NULL to begin
 *
 * Return: port, or NULL: that was the last
 */
static struct ringif *next_port(const struct ringif *bridge, struct ringif *one)
{
    while ((one = iface_next(one)) &&
           (one == bridge || !one->port || one->port->bridge != bridge)) {
    }
    return one;
}

/* --- Frames ------------------------------------------------------------------------------------------------- */

/**
 * is_over() - Take a token for a flooded frame
 * @ifc: port it came in at
 *
 * Return: 1: there is none: it is above the limit
 */
static int is_over(const struct ringif *ifc)
{
    struct port *me = ifc->port;
    uint32_t passed = LWIP_MIN(bridge_now - me->filled, 1000u);

    me->filled = bridge_now;
    me->tokens = LWIP_MIN(me->tokens + passed * me->storm, me->storm * 1000u);
    if (me->tokens < 1000u) {
        return 1;
    }
    me->tokens -= 1000u;
    return 0;
}

/**
 * tell() - Tell JavaScript
 * @ifc: port
 * @frame: probe
 * @length: its bytes, 0: many frames were flooded
 */
static void tell(const struct ringif *ifc, const uint8_t *frame, uint32_t length)
{
    struct abi_port_frame head = { ifc->pub->handle, 0 };
    struct producer *tx = &ifc->port->bridge->tx;
    uint8_t *to;

    if (frame_reserve(tx, sizeof(head) + length, &to) == 0) {
        __builtin_memcpy(to, &head, sizeof(head));
        __builtin_memcpy(to + sizeof(head), frame, length);
        frame_submit(tx, sizeof(head) + length);
    }
}

/**
 * emit() - Send a frame out of a port, or drop it there
 * @from: port it came in at
 * @to: port
 * @p: frame
 *
 * Return: ERR_OK, ERR_MEM: it is lwIP's, and there is no room now
 */
static err_t emit(struct ringif *from, struct ringif *to, struct pbuf *p)
{
    struct port *a = from->port, *b = to->port;
    uint32_t was = to->blocked, why = PORT_FULL;

    if (a->flags & b->flags & PORT_IS_ISOLATED) {
        b = a;
        why = PORT_ISOLATED;
    } else if (b->pub.blocked || !netif_is_up(&to->netif)) {
        why = PORT_LOOPED;
    } else if (p->tot_len > to->pub->frame_max) {
        why = PORT_TOO_LONG;
    } else if (ringif_output(&to->netif, p) == ERR_OK) {
        return ERR_OK;
    }
    if (why == PORT_FULL) {
        if (from == b->bridge) {
            return ERR_MEM;
        }
        /* Nobody here sends it again. */
        to->blocked = was;
    }
    b->pub.counts[why]++;
    return ERR_OK;
}

/**
 * send() - Send a frame where it is to go
 * @from: port it came in at, or the bridge
 * @s: entry of its destination, NULL: to all
 * @p: frame
 *
 * Return: as emit(), ERR_OK for several
 */
static err_t send(struct ringif *from, const struct abi_station *s, struct pbuf *p)
{
    struct ringif *bridge = from->port->bridge, *to = NULL;

    if (s) {
        /* Nobody behind a port has an address of ours. */
        return s->kind == STATION_OWN ? ERR_OK : emit(from, iface_at(s->port), p);
    }
    while ((to = next_port(bridge, to))) {
        if (to != from) {
            emit(from, to, p);
        }
    }
    return ERR_OK;
}

/**
 * as_packet() - A packet that is a frame, where it lies
 * @data: frame
 * @length: its bytes
 *
 * Return: packet, for the time of a call
 */
static struct pbuf as_packet(uint8_t *data, uint32_t length)
{
    return (struct pbuf){ .payload = data, .len = (u16_t)length, .tot_len = (u16_t)length };
}

/**
 * judge() - What is to be done with a frame from a port
 * @ifc: port
 * @f: frame
 * @length: its bytes
 * @to: set to the entry of its destination, NULL: to all
 *
 * Return: PASS, or why it is dropped
 */
static uint32_t judge(struct ringif *ifc, const uint8_t *f, uint32_t length,
                      struct abi_station **to)
{
    static const uint8_t reserved[5] = { 0x01, 0x80, 0xc2, 0, 0 },
                         probe[6] = { 0x03, 0x72, 0x69, 0x6e, 0x67, 0x73 };
    struct port *me = ifc->port;

    if (length < ETHERNET_HEADER || bridge_is_group(f + 6)) {
        return PORT_MALFORMED;
    }
    if (__builtin_memcmp(f, reserved, sizeof(reserved)) == 0 && f[5] < 16) {
        return PORT_RESERVED;
    }
    if (__builtin_memcmp(f, probe, sizeof(probe)) == 0) {
        if (is_over(ifc)) {
            return PORT_STORM;
        }
        tell(ifc, f, LWIP_MIN(length, PROBE));
        return PORT_FILTERED;
    }
    if (me->pub.blocked || !netif_is_up(&ifc->netif) || !netif_is_up(&me->bridge->netif)) {
        return PORT_LOOPED;
    }
    if ((me->flags & PORT_IS_GUARDED) && bridge_guard_refuses(f, length)) {
        return PORT_GUARDED;
    }
    if (!bridge_learn(ifc, f + 6)) {
        return PORT_SPOOFED;
    }
    *to = bridge_is_group(f) ? NULL : bridge_find(me->bridge->port, f);
    if (*to) {
        return (*to)->port == bridge_slot(ifc) && (*to)->kind != STATION_OWN ? PORT_FILTERED : PASS;
    }
    if (++me->floods % SUSPECT == 0) {
        tell(ifc, f, 0);
    }
    return is_over(ifc) ? PORT_STORM : PASS;
}

/**
 * take_own() - Pass a broadcast to lwIP as one of the port's own interface, if that has addresses
 * @ifc: port
 * @p: frame
 */
static void take_own(struct ringif *ifc, struct pbuf *p)
{
    struct pbuf *copy;
    uint32_t i = 0;

    while (!ifc->addrs[i].entry.destination.family) {
        if (++i == IFACE_SLOTS) {
            return;
        }
    }
    copy = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
    if (copy) {
        ifc->netif.input(copy, &ifc->netif);
    }
}

/**
 * take() - Take the oldest frame of a port
 * @ifc: port
 * @frame: frame, peeked at; released
 */
static void take(struct ringif *ifc, const struct span *frame)
{
    struct ringif *local = ifc->port->bridge;
    struct pbuf p = as_packet(frame->data, frame->length);
    struct abi_station *to;
    uint32_t why = judge(ifc, frame->data, frame->length, &to);

    ifc->pub->rx_packets++;
    ifc->pub->rx_bytes += frame->length;
    if (why != PASS) {
        ifc->port->pub.counts[why]++;
        local = NULL;
    } else if (to && to->kind == STATION_OWN) {
        local = iface_at(to->port);
    } else {
        send(ifc, to, &p);
        if (!bridge_is_group(frame->data)) {
            local = NULL;
        } else {
            take_own(ifc, &p);
        }
    }
    if (!local) {
        frame_release(&ifc->rx);
        return;
    }
    if (local != ifc) {
        local->pub->rx_packets++;
        local->pub->rx_bytes += frame->length;
    }
    ringif_keep_time();
    ringif_deliver(ifc, frame, &local->netif);
}

/**
 * take_probe() - Send what JavaScript wants to be sent
 * @ifc: bridge
 * @frame: its record, peeked at; released
 */
static void take_probe(struct ringif *ifc, const struct span *frame)
{
    const struct abi_port_frame *head = (const struct abi_port_frame *)(const void *)frame->data;
    struct ringif *port = frame->length > sizeof(*head) ? iface_get(head->port) : NULL;
    struct pbuf p = as_packet(frame->data + sizeof(*head), frame->length - sizeof(*head));

    if (port && port->port && port->port->bridge == ifc) {
        if (head->all) {
            send(port, NULL, &p);
        } else {
            emit(ifc, port, &p);
        }
    }
    frame_release(&ifc->rx);
}

/**
 * input() - Take frames of a port, or of the bridge itself those of JavaScript
 * @ifc: interface
 * @budget: how many at the most
 *
 * Return: how many
 */
static uint32_t input(struct ringif *ifc, uint32_t budget)
{
    uint32_t done = 0;
    struct span frame;

    bridge_now = sys_now();
    while (done < budget && !ifc->slot_used &&
           frame_peek(&ifc->rx, ifc->pub->frame_max, &frame) == 0) {
        done++;
        if (ifc->port->bridge == ifc) {
            take_probe(ifc, &frame);
        } else {
            take(ifc, &frame);
        }
    }
    return done;
}

/**
 * output() - Send a frame of the bridge itself (lwIP's linkoutput)
 * @netif: interface
 * @p: frame
 *
 * Return: as send()
 */
static err_t output(struct netif *netif, struct pbuf *p)
{
    struct ringif *ifc = netif->state;
    const uint8_t *f = p->payload;

    if (!netif_is_up(netif)) {
        ifc->pub->dropped++;
        return ERR_OK;
    }
    bridge_now = sys_now();
    ifc->pub->tx_packets++;
    ifc->pub->tx_bytes += p->tot_len;
    return send(ifc, bridge_is_group(f) ? NULL : bridge_find(ifc->port, f), p);
}

/* --- Ports ---------------------------------------------------------------------------------------------------- */

/**
 * fit() - Have the least MTU of the ports, without one MTU_NO_PORT
 * @bridge: bridge
 */
static void fit(struct ringif *bridge)
{
    struct ringif *one = NULL;
    uint32_t least = 0;

    while ((one = next_port(bridge, one))) {
        if (!least || one->pub->mtu < least) {
            least = one->pub->mtu;
        }
    }
    least = least ? least : MTU_NO_PORT;
    address_fit(bridge, LWIP_MIN(least, bridge->port->mtu));
}

/**
 * bridge_resized() - An interface has another MTU
 * @ifc: interface, a port or not
 */
void bridge_resized(struct ringif *ifc)
{
    struct port *port = ifc->port;

    if (port) {
        if (ifc == port->bridge) {
            port->mtu = ifc->pub->mtu;
        }
        fit(port->bridge);
    }
}

/**
 * bridge_leave() - An interface is a port no more; a bridge has none any more
 * @ifc: interface, a port or not
 */
void bridge_leave(struct ringif *ifc)
{
    struct port *port = ifc->port;
    struct ringif *bridge, *one = NULL;

    if (!port) {
        return;
    }
    bridge = port->bridge;
    if (ifc == bridge) {
        while ((one = next_port(ifc, one))) {
            bridge_leave(one);
        }
        arena_free(offset_of(port->table));
        ifc->netif.linkoutput = ringif_output;
    } else {
        bridge_sweep(bridge->port, bridge_slot(ifc), STATION_OWN);
    }
    ifc->port = NULL;
    ifc->input = ringif_input;
    if (ifc != bridge) {
        fit(bridge);
        iface_announce(ifc);
    }
    heap_free(port);
}

/**
 * join() - BRIDGE_JOIN
 * @ifc: tap, or a bridge
 * @bridge: bridge, which is a port of itself already unless it is ifc
 * @cmd: command
 *
 * Return: 0, ABI_EINVAL, ABI_ENOMEM, or as bridge_fix()
 */
static int join(struct ringif *ifc, struct ringif *bridge, const struct cmd_bridge *cmd)
{
    struct port *port;
    int err;

    if (bridge->pub->kind != IFACE_BRIDGE || ifc->port || !cmd->storm ||
        cmd->storm > PORT_STORM_MOST ||
        (ifc == bridge ? cmd->most > TABLE_MOST || cmd->most % BRIDGE_WAYS || !cmd->most ||
                             (cmd->most & (cmd->most - 1)) || cmd->mtu < IFACE_MTU_MIN ||
                             cmd->mtu > IFACE_MTU_MAX
                       : ifc->pub->kind != IFACE_TAP || !bridge->port)) {
        return ABI_EINVAL;
    }
    port = heap_calloc(1, sizeof(*port));
    if (!port) {
        return ABI_ENOMEM;
    }
    bridge_now = sys_now();
    port->bridge = bridge;
    port->flags = cmd->flags;
    port->most = cmd->most;
    port->storm = cmd->storm;
    port->tokens = cmd->storm * 1000u;
    port->filled = port->pub.created = bridge_now;
    if (ifc == bridge) {
        port->mtu = cmd->mtu;
        port->ageing = cmd->ageing;
        port->key = random_u32() | 1;
        port->pub.stations = cmd->most;
        port->pub.table = iface_block(cmd->most * (uint32_t)sizeof(*port->table));
        if (!port->pub.table) {
            heap_free(port);
            return ABI_ENOMEM;
        }
        port->table = at(port->pub.table);
        __builtin_memset(port->table, 0, cmd->most * sizeof(*port->table));
        ifc->netif.linkoutput = output;
    }
    ifc->port = port;
    ifc->input = input;
    err = bridge_fix(ifc, ifc->netif.hwaddr, STATION_OWN);
    if (err) {
        bridge_leave(ifc);
        return err;
    }
    fit(bridge);
    iface_announce(ifc);
    return 0;
}

/**
 * bridge_command() - CMD_BRIDGE
 * @cmd: command
 * @offset: set to the port
 *
 * Return: 0, ABI_ENODEV, ABI_EINVAL, ABI_ENOMEM, ABI_EADDRINUSE, ABI_ENOBUFS
 */
int bridge_command(const struct cmd_bridge *cmd, uint32_t *offset)
{
    struct ringif *ifc = iface_get(cmd->cmd.handle), *bridge = iface_get(cmd->bridge);
    int err = 0;

    if (!ifc || !bridge) {
        return ABI_ENODEV;
    }
    if (cmd->cmd.value == BRIDGE_JOIN) {
        err = join(ifc, bridge, cmd);
        if (!err) {
            *offset = offset_of(&ifc->port->pub);
        }
        return err;
    }
    if (!ifc->port || ifc->port->bridge != bridge) {
        return ABI_EINVAL;
    }
    bridge_now = sys_now();
    switch (cmd->cmd.value) {
    case BRIDGE_LEAVE:
        bridge_leave(ifc);
        return 0;
    case BRIDGE_FIX:
        return bridge_fix(ifc, cmd->mac, STATION_FIXED);
    case BRIDGE_FLUSH:
        bridge_sweep(bridge->port, bridge_slot(ifc), STATION_LEARNED);
        return 0;
    default:
        return ABI_EINVAL;
    }
}
