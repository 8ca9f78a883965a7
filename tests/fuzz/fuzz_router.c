/* SPDX-License-Identifier: MIT */
/* fuzz_router.c - target: packets into a tap and a tun that forward to each other, and routes that come and go */
#include "hosts.h"

static struct line other_line;

uint32_t target_arena(void)
{
    return FUZZ_ARENA;
}

static int change_iface(uint32_t what, uint32_t handle, uint32_t amount)
{
    struct cmd_change cmd = { .cmd.op = CMD_CHANGE, .amount = amount };

    cmd.cmd.value = what;
    cmd.cmd.handle = handle;
    return rig_call(&cmd, sizeof(cmd));
}

void target_start(struct input *in)
{
    uint32_t choice = take8(in);

    start_hosts(choice & 1 ? IFACE_TUN : IFACE_TAP);
    add_line(&other_line, choice & 2 ? IFACE_TAP : IFACE_TUN, "10.0.1.1/24", "fd00:0:0:1::1/64");
    must(change_iface(CHANGE_FORWARD, tap->handle, 1) == 0);
    must(change_iface(CHANGE_FORWARD, other_line.pub->handle, 1) == 0);
    if (choice & 4) {
        must(change_iface(CHANGE_MTU, other_line.pub->handle, 1280) == 0);
    }
}

/* route_in() - A route is added or removed, or an interface stops forwarding or goes down for a while */
static void route_in(struct input *in)
{
    struct cmd_route cmd = { .cmd.op = CMD_ROUTE,
                             .metric = pick(in, 4),
                             .number = 1 + pick(in, 4) };
    uint32_t choice = take8(in), handle = choice & 1 ? tap->handle : other_line.pub->handle,
             v6 = choice >> 1 & 1;

    if (choice & 128) {
        change_iface(choice & 64 ? CHANGE_UP : CHANGE_FORWARD, handle, choice >> 2 & 1);
        return;
    }
    cmd.cmd.handle = handle;
    cmd.cmd.value = choice & 4 ? ROUTE_REMOVE : ROUTE_ADD;
    cmd.destination.family = v6 ? FAMILY_IPV6 : FAMILY_IPV4;
    address_in(in, (int)v6, v6 ? 13 : 11, cmd.destination.bytes);
    cmd.destination.prefix = (uint8_t)pick(in, v6 ? 129 : 33);
    if (choice & 8) {
        cmd.via.family = cmd.destination.family;
        address_in(in, (int)v6, 0, cmd.via.bytes);
    }
    /* The honest host, 10.9.0.2, is not to be behind another interface: its packets would not be taken. */
    if (v6 || cmd.destination.prefix <= 24 || load16(cmd.destination.bytes) != 0x0a09) {
        rig_call(&cmd, sizeof(cmd));
    }
}

/* on_side() - A step of the hostile host on either side */
static void on_side(struct input *in, uint32_t kind)
{
    static uint8_t packet[4096];
    uint32_t length;

    switch (kind) {
    case 0:
        hear(1 + take8(in));
        break;
    case 1:
        tap_drop_all();
        break;
    case 2:
        length = arp_in(in, packet);
        give_packet(in, 0x0806, packet, length);
        break;
    case 3:
        length = ip4_in(in, packet);
        give_fragments(in, 0x0800, packet, length);
        break;
    case 4:
    case 5:
        length = ip6_in(in, packet);
        give_packet(in, 0x86dd, packet, length);
        break;
    default:
        length = ip4_in(in, packet);
        give_packet(in, 0x0800, packet, length);
    }
}

void target_record(struct input *in)
{
    uint32_t kind = take8(in);
    static struct line first;

    if (kind % 16 == 15) {
        time_in(in);
    } else if (kind % 16 == 14) {
        route_in(in);
    } else if (kind & 128) {
        switch_line(&first, &other_line);
        on_side(in, kind % 8);
        rig_settle();
        switch_line(&other_line, &first);
    } else {
        on_side(in, kind % 8);
    }
    rig_settle();
}

void target_end(void)
{
    end_hosts();
}
