/* SPDX-License-Identifier: MIT */
/* packets.h - packets from the bytes of a record: a grammar of IPv4, IPv6 and what they carry
 *
 * A record chooses kinds, addresses and fields; lengths and checksums are made, unless a choice says that they are wrong.
 * The packets are those of the hosts of tap_rig.h, mostly.
 */
#ifndef RINGSTACK_PACKETS_H
#define RINGSTACK_PACKETS_H

#include "dgram_rig.h"
#include "fuzz.h"

#define TCP 6u
#define IGMP 2u
#define PORT_LISTEN 80u
#define PORT_OPEN 7u
#define CONNECTIONS 4u

/* Connections with the host of the link, from its side. */
struct connection {
    uint32_t seq, ack;
    uint16_t port, stack_port;
    uint8_t v6;
};

static struct connection connections[CONNECTIONS];
static uint8_t fuzz_frame[FRAME_MOST + 4096];

static const uint8_t fuzz_ip4[][4] = {
    { 10, 0, 0, 2 }, { 10, 0, 0, 1 },  { 10, 0, 0, 255 }, { 255, 255, 255, 255 },
    { 0, 0, 0, 0 },  { 127, 0, 0, 1 }, { 224, 0, 0, 1 },  { 224, 1, 1, 1 },
    { 10, 9, 0, 1 }, { 10, 9, 0, 2 },  { 10, 0, 0, 77 },  { 192, 0, 2, 7 },
    { 10, 0, 1, 2 }, { 10, 0, 1, 1 },  { 240, 0, 0, 1 },  { 224, 0, 0, 22 },
};
static const uint8_t fuzz_ip6[][16] = {
    { 0xfd, [15] = 2 },
    { 0xfd, [15] = 1 },
    { 0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 2 },
    { 0xfe, 0x80, [8] = 0, 0, 0, 0xff, 0xfe, 0, 0, 1 },
    { 0xff, 2, [15] = 1 },
    { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 },
    { 0xff, 5, [15] = 9 },
    { 0 },
    { [15] = 1 },
    { 0xfd, [15] = 77 },
    { 0xfd, 9, [15] = 1 },
    { 0xfd, 9, [15] = 2 },
    { 0xfd, 0, 0, 0, 0, 0, 0, 1, [15] = 2 },
    { 0x20, 1, 0x0d, 0xb8, [15] = 7 },
    { 0xff, 2, [15] = 2 },
    { 0xff, 1, [15] = 1 },
};

/* address_in() - Into to: mostly the usual address, else one of a list, or bytes of the record */
static inline void address_in(struct input *in, int v6, uint32_t usual, uint8_t *to)
{
    uint32_t choice = take8(in), size = v6 ? 16 : 4, i = choice & 128 ? choice % 16 : usual;

    if (choice == 255) {
        take_bytes(in, to, size);
    } else {
        memcpy(to, v6 ? fuzz_ip6[i] : fuzz_ip4[i], size);
    }
}

/* --- Payloads ------------------------------------------------------------------------------------------- */

/* tcp_in() - A segment: of a connection, or to a listener; its bytes, without a checksum */
static inline uint32_t tcp_in(struct input *in, uint8_t *to, uint32_t most)
{
    uint32_t which = take8(in), flags = take8(in), options, length;
    struct connection *conn = &connections[which % CONNECTIONS], other = { 0 };

    if (which & 128 || conn->port == 0) {
        other.port = (uint16_t)(1000 + pick(in, 32));
        other.stack_port = which & 64 ? (uint16_t)take16(in) : PORT_LISTEN;
        other.seq = take32(in);
        conn = &other;
    }
    memset(to, 0, 60);
    store16(to, conn->port);
    store16(to + 2, conn->stack_port);
    store32(to + 4, conn->seq + (which & 4 ? (uint32_t)(int16_t)take16(in) : 0) +
                        (which & 8 ? take32(in) : 0));
    store32(to + 8, conn->ack + (which & 16 ? (uint32_t)(int16_t)take16(in) : 0) +
                        (which & 32 ? take32(in) : 0));
    options = 4 * pick(in, 11);
    store16(to + 14, take8(in) & 1 ? take16(in) : 0xffff);
    take_bytes(in, to + 20, options);
    to[12] = (uint8_t)((20 + options) << 2);
    to[13] = (uint8_t)flags;
    length = take8(in);
    length = length & 128 ? (length & 15) * 100 : length;
    length = length < most ? length : most;
    seeded_fill(flags, 0, to + 20 + options, length);
    take_bytes(in, to + 20 + options, left(in) < length ? left(in) : length);
    if (conn != &other && !(which & 0x3c)) {
        conn->seq += length + !!(flags & TCP_SYN_FLAG) + !!(flags & TCP_FIN_FLAG);
    }
    return 20 + options + length;
}

static inline uint32_t udp_in(struct input *in, uint8_t *to, uint32_t most)
{
    uint32_t choice = take8(in), length = take8(in);

    length = 8 + (choice & 128 ? length * 8 : length);
    length = length < most ? length : most;
    memset(to, 0, 8);
    store16(to, choice & 1 ? take16(in) : 1000u + (choice & 2));
    store16(to + 2, choice & 4 ? take16(in) : 6u + pick(in, 5));
    store16(to + 4, choice & 8 ? take16(in) : length);
    seeded_fill(choice, 0, to + 8, length - 8);
    take_bytes(in, to + 8, left(in) < length - 8 ? left(in) : length - 8);
    return length;
}

/* quote_in() - A packet of ours, as an error quotes it */
static inline uint32_t quote_in(struct input *in, uint8_t *to, int v6)
{
    static const uint8_t protos[] = { UDP, TCP, TCP, ICMP6, 1, 44, 0, 60 };
    uint8_t proto = protos[pick(in, 8)];
    const struct connection *conn = &connections[pick(in, CONNECTIONS)];
    uint8_t *body = to + (v6 ? 40 : 20);

    if (v6) {
        put_ip6(to, proto, 8, 64);
        address_in(in, 1, 1, to + 8);
        address_in(in, 1, 0, to + 24);
    } else {
        put_ip4(to, proto, 8, 1, 0);
        address_in(in, 0, 1, to + 12);
        address_in(in, 0, 0, to + 16);
    }
    take_bytes(in, body, 8);
    if (proto == TCP && conn->port) {
        store16(body, conn->stack_port);
        store16(body + 2, conn->port);
        store32(body + 4, conn->ack + (uint32_t)(int16_t)take16(in));
    } else if (proto == UDP && !body[0]) {
        store16(body, 6u + body[1] % 5);
        store16(body + 2, 1000);
    }
    return (uint32_t)(body - to) + 8 + take_rest(in, body + 8, pick(in, 64));
}

/* icmp4_in() - An echo, an answer or an error */
static inline uint32_t icmp4_in(struct input *in, uint8_t *to)
{
    static const uint8_t types[] = { 8, 0, 3, 11, 12, 5, 13, 17 };
    uint32_t choice = take8(in);

    to[0] = choice & 128 ? (uint8_t)take8(in) : types[choice % 8];
    to[1] = (uint8_t)pick(in, 16);
    take_bytes(in, to + 2, 6);
    return 8 + (choice & 64 ? take_rest(in, to + 8, 1400) : quote_in(in, to + 8, 0));
}

static inline uint32_t igmp_in(struct input *in, uint8_t *to)
{
    static const uint8_t types[] = { 0x11, 0x12, 0x16, 0x17, 0x22 };
    uint32_t choice = take8(in);

    to[0] = choice & 128 ? (uint8_t)take8(in) : types[choice % 5];
    to[1] = (uint8_t)take8(in);
    take_bytes(in, to + 2, 2);
    address_in(in, 0, 7, to + 4);
    return 8 + take_rest(in, to + 8, choice & 64 ? 0 : 400);
}

/* nd_options() - Options of neighbor discovery, their lengths mostly right */
static inline uint32_t nd_options(struct input *in, uint8_t *to, uint32_t most)
{
    uint32_t used = 0, count = pick(in, 6);

    while (count--) {
        uint32_t type = take8(in), units = 1;

        if (used + 40 > most) {
            break;
        }
        memset(to + used, 0, 40);
        to[used] = (uint8_t)(type & 128 ? take8(in) : 1 + type % 6);
        if (to[used] == 3 || (type & 64)) {
            units = to[used] == 3 ? 4 : 1 + pick(in, 5);
        }
        to[used + 1] = (uint8_t)(type & 32 ? take8(in) : units);
        take_bytes(in, to + used + 2, units * 8 - 2);
        if (type & 16) {
            memcpy(to + used + 2, peer_mac, 6);
        }
        used += units * 8;
    }
    return used;
}

/* icmp6_in() - Neighbor discovery, multicast listeners, an echo, or an error */
static inline uint32_t icmp6_in(struct input *in, uint8_t *to)
{
    static const uint8_t types[] = { 133, 134, 135, 136, 137, 130, 131, 132, 143,
                                     128, 129, 1,   2,   3,   4,   135, 136, 134 };
    static const uint8_t header[] = { 8, 16, 24, 24, 40 };
    uint32_t choice = take8(in);

    to[0] = choice & 128 ? (uint8_t)take8(in) : types[choice % sizeof(types)];
    to[1] = (uint8_t)(take8(in) & 128 ? take8(in) : 0);
    take_bytes(in, to + 2, 6);
    if (to[0] < 5) {
        return 8 + quote_in(in, to + 8, 1);
    }
    if (to[0] >= 133 && to[0] <= 137) {
        uint32_t length = header[to[0] - 133];

        take_bytes(in, to + 8, length - 8);
        if (to[0] > 134) {
            address_in(in, 1, to[0] == 135 ? 1 : 0, to + 8);
        }
        length += nd_options(in, to + length, 300);
        return length + take_rest(in, to + length, pick(in, 8));
    }
    if (to[0] >= 130 && to[0] <= 132) {
        address_in(in, 1, 6, to + 8);
        return 24 + take_rest(in, to + 24, 300);
    }
    return 8 + take_rest(in, to + 8, 1300);
}

/* payload_in() - What a packet carries; its bytes, its protocol in *proto */
static inline uint32_t payload_in(struct input *in, int v6, uint8_t *to, uint8_t *proto)
{
    switch (pick(in, 8)) {
    case 0:
    case 1:
    case 2:
        *proto = TCP;
        return tcp_in(in, to, 1380);
    case 3:
    case 4:
        *proto = UDP;
        return udp_in(in, to, 1380);
    case 5:
        *proto = v6 ? ICMP6 : 1;
        return v6 ? icmp6_in(in, to) : icmp4_in(in, to);
    case 6:
        *proto = v6 ? ICMP6 : IGMP;
        return v6 ? icmp6_in(in, to) : igmp_in(in, to);
    default:
        *proto = (uint8_t)take8(in);
        return take_rest(in, to, 1400);
    }
}

/* sum_in() - The checksum of a payload, right or wrong or none */
static inline void sum_in(uint8_t *ip, uint8_t proto, uint8_t *body, uint32_t length,
                          uint32_t twist)
{
    uint32_t where = proto == TCP ? 16 : proto == UDP ? 6 : 2, sum;

    if (length < where + 2 || (proto != TCP && proto != UDP && proto != 1 && proto != IGMP &&
                               !(proto == ICMP6 && ip[0] >> 4 == 6))) {
        return;
    }
    store16(body + where, 0);
    sum = sum_of(ip, proto, body, length);
    store16(body + where, twist == 1 ? 0 : (sum ? sum : 0xffff) ^ (twist == 2));
}

/* --- Packets -------------------------------------------------------------------------------------------- */

static inline uint32_t ip4_in(struct input *in, uint8_t *ip)
{
    uint32_t twist = take8(in), options = twist & 1 ? 4 * pick(in, 11) : 0, length;
    uint8_t *body = ip + 20 + options, proto = 0, ends[8];

    address_in(in, 0, 0, ends);
    address_in(in, 0, 1, ends + 4);
    take_bytes(in, ip + 20, options);
    length = payload_in(in, 0, body, &proto);
    put_ip4(ip, proto, options + length, twist & 2 ? take16(in) : 1, twist & 4 ? take16(in) : 0);
    memcpy(ip + 12, ends, 8);
    ip[0] = (uint8_t)(0x45 + options / 4);
    ip[1] = (uint8_t)(twist & 8 ? take8(in) : 0);
    ip[8] = (uint8_t)(twist & 16 ? take8(in) : proto == IGMP ? 1 : 64);
    if (twist & 32) {
        store16(ip + 2, take16(in));
    }
    store16(ip + 10, 0);
    store16(ip + 10, sum_fold(sum_add(0, ip, 20 + options)));
    sum_in(ip, proto, body, length, twist >> 6);
    return 20 + options + length;
}

/* ip6_header_in() - An extension header before what stands at body; its bytes */
static inline uint32_t ip6_header_in(struct input *in, uint8_t *body, uint8_t *next)
{
    static const uint8_t kinds[] = { 0, 60, 44, 43, 51, 135 };
    uint32_t choice = take8(in), units = choice & 64 ? 1 + pick(in, 4) : 1;
    uint8_t *length = body + 1;

    take_bytes(in, body, units * 8);
    *next = choice & 128 ? (uint8_t)take8(in) : kinds[choice % 6];
    if (*next == 44) {
        units = 1;
        body[1] = 0;
        /* Offset in units of eight, and whether more follow; a few identifications. */
        store16(body + 2, choice & 32 ? take16(in) : pick(in, 8) << 3 | pick(in, 2));
        store32(body + 4, choice & 16 ? take32(in) : pick(in, 4));
    } else if (!(choice & 32)) {
        *length = (uint8_t)(units - 1);
    }
    return units * 8;
}

static inline uint32_t ip6_in(struct input *in, uint8_t *ip)
{
    uint32_t twist = take8(in), count = twist & 1 ? 1 + pick(in, 4) : 0, extra = 0, length;
    uint8_t *body = ip + 40, *link = ip + 6, proto = 0, ends[32];

    address_in(in, 1, 0, ends);
    address_in(in, 1, 1, ends + 16);
    put_ip6(ip, 0, 0, twist & 2 ? (uint8_t)take8(in) : 255);
    while (count--) {
        uint8_t next = 0;
        uint32_t bytes = ip6_header_in(in, body + extra, &next);

        *link = next;
        link = body + extra;
        extra += bytes;
    }
    length = payload_in(in, 1, body + extra, &proto);
    *link = twist & 4 ? (uint8_t)take8(in) : proto;
    memcpy(ip + 8, ends, 32);
    store16(ip + 4, twist & 8 ? take16(in) : extra + length);
    store32(ip, 0x60000000u | (twist & 16 ? take32(in) & 0xfffffff : 0));
    if (!(twist & 32)) {
        sum_in(ip, proto, body + extra, length, twist >> 6);
    }
    return 40 + extra + length;
}

/* cut_in() - A part of a packet as a fragment of it: the header, and bytes from an offset in units of eight */
static inline uint32_t cut_in(uint8_t *to, const uint8_t *ip, uint32_t length, uint32_t id,
                              uint32_t from, uint32_t bytes, uint32_t more)
{
    uint32_t v6 = ip[0] >> 4 == 6, header = v6 ? 40 : 20, total = length - header;

    from = from * 8 < total ? from * 8 : total & ~7u;
    bytes = bytes * 8 < total - from ? bytes * 8 : total - from;
    memcpy(to, ip, header);
    if (v6) {
        store16(to + 4, 8 + bytes);
        to[6] = 44;
        to[40] = ip[6];
        to[41] = 0;
        store16(to + 42, from | more);
        store32(to + 44, id);
        header += 8;
    } else {
        store16(to + 2, 20 + bytes);
        store16(to + 4, id);
        store16(to + 6, from / 8 | more << 13);
        store16(to + 10, 0);
        store16(to + 10, sum_fold(sum_add(0, to, 20)));
    }
    memcpy(to + header, ip + (v6 ? 40 : 20) + from, bytes);
    return header + bytes;
}

static inline uint32_t arp_in(struct input *in, uint8_t *to)
{
    static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
    uint32_t twist = take8(in);

    memset(to, 0, 28);
    memcpy(to, head, sizeof(head));
    to[7] = (uint8_t)(twist & 1 ? take8(in) : 1 + pick(in, 2));
    memcpy(to + 8, peer_mac, 6);
    if (twist & 2) {
        take_bytes(in, to + 8, 6);
    }
    address_in(in, 0, 0, to + 14);
    take_bytes(in, to + 18, 6);
    address_in(in, 0, 1, to + 24);
    if (twist & 4) {
        take_bytes(in, to, 8);
    }
    return 28 + take_rest(in, to + 28, 20);
}

/* link_in() - The Ethernet header, with or without a tag; its bytes */
static inline uint32_t link_in(struct input *in, uint8_t *to, const uint8_t *dest, uint32_t type)
{
    uint32_t twist = take8(in);

    memcpy(to, dest, 6);
    memcpy(to + 6, peer_mac, 6);
    switch (twist & 3) {
    case 1:
        memset(to, 0xff, 6);
        break;
    case 2:
        memcpy(to, ((const uint8_t[6]){ 0x33, 0x33, 0, 0, 0, 1 }), 6);
        break;
    case 3:
        take_bytes(in, to, 6);
        break;
    default:
        break;
    }
    if (twist & 4) {
        take_bytes(in, to + 6, 6);
    }
    if (twist & 8) {
        store16(to + 12, 0x8100);
        store16(to + 14, twist & 16 ? take16(in) : 0);
        store16(to + 16, type);
        return 18;
    }
    store16(to + 12, twist & 32 ? take16(in) : type);
    return 14;
}

#endif /* RINGSTACK_PACKETS_H */
