/* SPDX-License-Identifier: MIT */
/* bridge_rig.h - a bridge whose ports the test plays: frames in at one, and what comes out of the others
 *
 * The bridge is 10.0.0.1 and fd00::1 with the MAC of the stack of tap_rig.h. Host N of port P has the MAC
 * 02:00:00:01:PP:NN; the tap of port P itself 02:00:00:02:PP:00.
 */
#ifndef RINGSTACK_BRIDGE_RIG_H
#define RINGSTACK_BRIDGE_RIG_H

#include "dgram_rig.h"

#define PORTS 8u
#define STORM 5000u

struct rig_port {
    struct abi_iface *pub;
    struct abi_port *port;
    struct producer rx;
    struct consumer tx;
    uint8_t got[FRAME_MOST]; /* the last frame that came out */
};

static struct abi_iface *bridge;
static struct abi_port *bridge_self;
static struct consumer bridge_tx;
static struct producer bridge_rx;
static struct rig_port ports[PORTS];
static const uint8_t everyone[6] = { 255, 255, 255, 255, 255, 255 };

static inline const uint8_t *host(uint32_t port, uint32_t number)
{
    static uint8_t macs[4][6];
    static uint32_t next;
    uint8_t *mac = macs[next++ % 4];

    memcpy(mac, ((uint8_t[6]){ 2, 0, 0, 1, (uint8_t)port, (uint8_t)number }), 6);
    return mac;
}

static inline struct cmd_bridge bridge_cmd(uint32_t what, uint32_t handle)
{
    struct cmd_bridge cmd = { .cmd.op = CMD_BRIDGE, .storm = STORM, .most = 4096 };

    cmd.cmd.value = what;
    cmd.cmd.handle = handle;
    cmd.bridge = bridge->handle;
    cmd.ageing = 300000;
    cmd.mtu = IFACE_MTU_MAX;
    return cmd;
}

static inline int bridge_call(struct cmd_bridge cmd)
{
    return rig_call(&cmd, sizeof(cmd));
}

/* join() - Make a tap a port */
static inline int join(struct rig_port *p, uint32_t flags)
{
    struct cmd_bridge cmd = bridge_cmd(BRIDGE_JOIN, p->pub->handle);
    int err;

    cmd.flags = flags;
    err = bridge_call(cmd);
    if (!err) {
        p->port = at(rig_answer.offset);
    }
    return err;
}

/* add_tap() - A tap for a port: it listens, and has no addresses */
static inline void add_tap(uint32_t n, uint32_t mtu, const char *ip)
{
    struct cmd_iface cmd = iface_command(IFACE_TAP, mtu, ip, NULL);
    struct rig_port *p = &ports[n];

    cmd.ring_size = mtu > 1500 ? 1u << 16 : 1u << 14;
    memcpy(cmd.mac, ((uint8_t[6]){ 2, 0, 0, 2, (uint8_t)n, 0 }), 6);
    p->pub = rig_iface(cmd);
    p->pub->listening = 1;
    p->port = NULL;
    producer_init(&p->rx, &p->pub->rx);
    consumer_init(&p->tx, &p->pub->tx);
}

/**
 * bridge_start() - A stack with a bridge and some ports
 * @count: of ports
 * @entries: of the table
 */
static inline void bridge_start(uint32_t count, uint32_t entries)
{
    struct cmd_iface cmd = iface_command(IFACE_BRIDGE, 1500, "10.0.0.1/24", "fd00::1/64");
    struct cmd_bridge self;
    uint32_t i;

    rig_start(32u << 20, 1000);
    rig_loopback();
    cmd.ring_size = 1u << 15;
    bridge = rig_iface(cmd);
    self = bridge_cmd(BRIDGE_JOIN, bridge->handle);
    self.most = entries;
    ck_assert_int_eq(bridge_call(self), 0);
    bridge_self = at(rig_answer.offset);
    consumer_init(&bridge_tx, &bridge->tx);
    producer_init(&bridge_rx, &bridge->rx);
    for (i = 0; i < count; i++) {
        add_tap(i, 1500, NULL);
        ck_assert_int_eq(join(&ports[i], 0), 0);
    }
    rig_settle();
    tap = bridge;
    tap_link = ETHERNET_HEADER;
}

static inline void bridge_stop(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

/* put() - A frame in at a port, and a turn */
static inline void put(uint32_t port, const void *frame, uint32_t length)
{
    struct rig_port *p = &ports[port];
    uint8_t *to;

    must(frame_reserve(&p->rx, length, &to) == 0);
    memcpy(to, frame, length);
    must(frame_submit(&p->rx, length) == 0);
    producer_notify(&p->rx);
    rig_turn();
}

/* put_to() - A frame of an EtherType that nobody knows, of seeded bytes */
static inline void put_to(uint32_t port, const uint8_t *to, const uint8_t *from, uint32_t length)
{
    static uint8_t frame[FRAME_MOST];

    seeded_fill(length, 0, frame, length);
    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    store16(frame + 12, 0x88b6);
    put(port, frame, length);
}

/* out() - The oldest frame that came out of a port: its length, 0: none */
static inline uint32_t out(uint32_t port)
{
    struct rig_port *p = &ports[port];
    struct span frame;

    if (frame_peek(&p->tx, FRAME_MOST, &frame) != 0) {
        return 0;
    }
    memcpy(p->got, frame.data, frame.length);
    frame_release(&p->tx);
    consumer_notify(&p->tx);
    consumer_arm(&p->tx);
    return frame.length;
}

/* outs() - Ports that one frame came out of, as bits; a second frame at a port is bit 16 and up */
static inline uint32_t outs(void)
{
    uint32_t i, bits = 0;

    rig_turn();
    for (i = 0; i < PORTS; i++) {
        if (ports[i].pub && out(i)) {
            bits |= 1u << i;
            while (out(i)) {
                bits |= 0x10000u << i;
            }
        }
    }
    return bits;
}

/* station() - The entry of an address, NULL: there is none that is not too old */
static inline const struct abi_station *station(const uint8_t *mac)
{
    const struct abi_station *s = at(bridge_self->table);
    uint32_t i;

    for (i = 0; i < bridge_self->stations; i++) {
        if (s[i].port && memcmp(s[i].mac, mac, 6) == 0) {
            return &s[i];
        }
    }
    return NULL;
}

/* stations() - How many entries a port has */
static inline uint32_t stations(uint32_t port, uint32_t kind)
{
    const struct abi_station *s = at(bridge_self->table);
    uint32_t i, n = 0;

    for (i = 0; i < bridge_self->stations; i++) {
        n += s[i].port == (ports[port].pub->handle & 0xff) && s[i].kind == kind;
    }
    return n;
}

static inline uint32_t dropped(uint32_t port, uint32_t why)
{
    return ports[port].port->counts[why];
}

/* peer_at() - The peer of tap_rig.h is behind a port from now on */
static inline void peer_at(uint32_t port)
{
    producer_init(&tap_rx, &ports[port].pub->rx);
    consumer_init(&tap_tx, &ports[port].pub->tx);
}

#endif /* RINGSTACK_BRIDGE_RIG_H */
