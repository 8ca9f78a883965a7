/* SPDX-License-Identifier: MIT */
/* fuzz_bridge.c - target: frames into the ports of a bridge, and ports that join, leave and change */
#include "bridge_rig.h"
#include "hosts.h"

#define USED 4u
#define BRIDGE_ARENA (32u << 20)

uint32_t target_arena(void)
{
    return BRIDGE_ARENA;
}

void target_start(struct input *in)
{
    uint32_t flags = take8(in), n;

    bridge_start(USED, 64);
    peer_at(0);
    honest_start();
    start_apps();
    for (n = 1; n < USED && flags; n++, flags >>= 2) {
        must(bridge_call(bridge_cmd(BRIDGE_LEAVE, ports[n].pub->handle)) == 0);
        must(join(&ports[n], flags & 7) == 0);
    }
    connect_hostile(0, 0);
}

/* mac_in() - A host of a port, the bridge, a tap, a group, or bytes of the record */
static void mac_in(struct input *in, uint8_t *to)
{
    static const uint8_t reserved[6] = { 1, 0x80, 0xc2, 0, 0, 3 };
    uint32_t choice = take8(in), n = pick(in, USED);

    switch (choice % 8) {
    case 0:
    case 1:
        memcpy(to, host(n, choice >> 3 & 3), 6);
        break;
    case 2:
        memcpy(to, our_mac, 6);
        break;
    case 3:
        memcpy(to, ((uint8_t[6]){ 2, 0, 0, 2, (uint8_t)n, 0 }), 6);
        break;
    case 4:
        memset(to, 0xff, 6);
        break;
    case 5:
        memcpy(to, ((uint8_t[6]){ 0x33, 0x33, 0, 0, 0, (uint8_t)(1 + n) }), 6);
        break;
    case 6:
        memcpy(to, reserved, 6);
        break;
    default:
        take_bytes(in, to, 6);
    }
}

/* frame_in() - A frame in at a port */
static void frame_in(struct input *in)
{
    static uint8_t bytes[4096];
    uint32_t port = pick(in, USED), kind = pick(in, 8), length, link, twist;
    uint8_t macs[12], *packet = bytes + 32;

    mac_in(in, macs);
    mac_in(in, macs + 6);
    switch (kind) {
    case 0:
        length = arp_in(in, packet);
        break;
    case 1:
    case 2:
        length = ip4_in(in, packet);
        break;
    case 3:
    case 4:
        length = ip6_in(in, packet);
        break;
    default:
        length = take_rest(in, packet, 300);
    }
    link = link_in(in, bytes, macs, kind == 0 ? 0x0806 : kind < 3 ? 0x0800 : 0x86dd);
    memcpy(bytes, macs, 12);
    memmove(bytes + link, packet, length);
    twist = take8(in);
    length += link;
    length = twist & 128 ? length * (twist & 127) / 128 : length;
    length = length < 1600 ? length : 1600;
    if (port == 0) {
        tap_give(bytes, length); /* a ring has one producer: that of tap_rig.h */
    } else {
        put(port, bytes, length);
    }
}

/* command_in() - A port joins, leaves, gets an address, forgets, or is blocked */
static void command_in(struct input *in)
{
    uint32_t n = 1 + pick(in, USED - 1), choice = take8(in);
    struct cmd_bridge cmd = bridge_cmd(choice % 4, ports[n].pub->handle);

    if (choice & 128) {
        bridge_self->blocked = choice & 1;
        if (ports[n].port) {
            ports[n].port->blocked = choice >> 1 & 1;
        }
        return;
    }
    cmd.flags = choice >> 3 & 7;
    cmd.storm = 1 + take8(in) * 20;
    cmd.most = 1 + take8(in);
    mac_in(in, cmd.mac);
    if (bridge_call(cmd) == 0 && choice % 4 < BRIDGE_FIX) {
        ports[n].port = choice % 4 == BRIDGE_JOIN ? at(rig_answer.offset) : NULL;
    }
}

static void drain(void)
{
    uint32_t n;
    struct span frame;

    for (n = 1; n < USED; n++) {
        while (out(n)) {
        }
    }
    while (frame_peek(&bridge_tx, FRAME_MOST, &frame) == 0) {
        frame_release(&bridge_tx);
    }
    consumer_arm(&bridge_tx);
}

void target_record(struct input *in)
{
    switch (pick(in, 16)) {
    case 0:
        time_in(in);
        break;
    case 1:
        drain();
        break;
    case 2:
        hear(1 + take8(in));
        break;
    case 3:
    case 4:
        command_in(in);
        break;
    case 5:
        app_in(in);
        break;
    default:
        frame_in(in);
    }
    rig_settle();
}

void target_end(void)
{
    end_hosts();
}
