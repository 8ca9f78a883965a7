/* SPDX-License-Identifier: MIT */
/* fuzz_stack.c - target: frames into a tap or a tun, of every protocol, while the app works */
#include "hosts.h"

uint32_t target_arena(void)
{
    return FUZZ_ARENA;
}

void target_start(struct input *in)
{
    all_is_ours = 1;
    start_hosts(pick(in, 2) ? IFACE_TUN : IFACE_TAP);
}

void target_record(struct input *in)
{
    static uint8_t packet[4096];
    uint32_t kind = pick(in, 16), length;

    switch (kind) {
    case 0:
        give_bytes(packet, take_rest(in, packet, 1600));
        break;
    case 1:
        length = arp_in(in, packet);
        give_packet(in, 0x0806, packet, length);
        break;
    case 2:
        hear(1 + take8(in));
        break;
    case 3:
        tap_drop_all();
        break;
    case 4:
        time_in(in);
        break;
    case 5:
    case 6:
    case 7:
        app_in(in);
        break;
    case 8:
        length = ip4_in(in, packet);
        give_fragments(in, 0x0800, packet, length);
        break;
    case 9:
    case 10:
    case 11:
        length = ip6_in(in, packet);
        give_packet(in, 0x86dd, packet, length);
        break;
    default:
        length = ip4_in(in, packet);
        give_packet(in, 0x0800, packet, length);
    }
    rig_settle();
}

void target_end(void)
{
    end_hosts();
}
