/* SPDX-License-Identifier: MIT */
/* fuzz_ip6.c - target: extension headers, fragments, neighbor discovery and multicast listeners of IPv6 */
#include "hosts.h"

uint32_t target_arena(void)
{
    return FUZZ_ARENA;
}

void target_start(struct input *in)
{
    all_is_ours = 1;
    start_hosts(pick(in, 4) ? IFACE_TAP : IFACE_TUN);
    tap_drop_all();
}

/* give_message() - A message of ICMPv6 from the link, its checksum and hop limit right */
static void give_message(struct input *in)
{
    static uint8_t packet[4096];
    uint8_t ends[32];
    uint32_t length;

    address_in(in, 1, 0, ends);
    address_in(in, 1, 1, ends + 16);
    length = icmp6_in(in, packet + 40);
    put_ip6(packet, ICMP6, length, 255);
    memcpy(packet + 8, ends, 32);
    sum_in(packet, ICMP6, packet + 40, length, 0);
    give_packet(in, 0x86dd, packet, 40 + length);
}

/* give_pieces() - A packet in fragments that make it whole, in an order of the record's choice, some twice or not */
static void give_pieces(struct input *in)
{
    static uint8_t packet[4096], piece[4096];
    uint32_t units = 1 + pick(in, 64), id = take8(in), order = take16(in), length, count, i;
    struct input none = { 0 };

    length = ip6_in(in, packet);
    count = (length - 40) / (units * 8) + 1;
    for (i = 0; i < count && i < 16; i++) {
        uint32_t n = order & 1 ? count - 1 - i : (i + (order >> 8)) % count;

        give_packet(&none, 0x86dd, piece,
                    cut_in(piece, packet, length, id, n * units, units, n + 1 < count));
        if (order & 2 && i == (order >> 4) % 16) {
            give_packet(&none, 0x86dd, piece,
                        cut_in(piece, packet, length, id, n * units + (order >> 2 & 1), units,
                               n + 1 < count));
        }
    }
}

void target_record(struct input *in)
{
    static uint8_t packet[4096];
    uint32_t kind = pick(in, 16), length;

    switch (kind) {
    case 0:
        hear(1 + take8(in));
        break;
    case 1:
        tap_drop_all();
        break;
    case 2:
        time_in(in);
        break;
    case 3:
    case 4:
        app_in(in);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        give_message(in);
        break;
    case 9:
    case 10:
        give_pieces(in);
        break;
    case 11:
        length = ip6_in(in, packet);
        give_fragments(in, 0x86dd, packet, length);
        break;
    default:
        length = ip6_in(in, packet);
        give_packet(in, 0x86dd, packet, length);
    }
    rig_settle();
}

void target_end(void)
{
    end_hosts();
}
