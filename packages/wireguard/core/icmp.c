/* SPDX-License-Identifier: MIT */
/* icmp.c - answers to packets that do not go into the tunnel: no peer has their destination, or they are too large
 *
 * The stack behind the tun, or a guest behind that, hears at once what it would else wait for. The answer
 * comes from the address that the packet was for: an interface takes no packet from an address of its own.
 */

#include <string.h>

#include "host.h"

#define ICMP_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ICMP 1
#define ICMP6 58
/* Answers a second, and at once: those of Linux. */
#define REFUSE_RATE 1000.0
#define REFUSE_BURST 50.0
/* The largest answers: what every host takes (RFC 1812, 4.3.2.3; RFC 4443, 2.4 (c)). */
#define LARGEST_V4 576u
#define LARGEST_V6 LEAST_V6

static uint32_t add_words(uint32_t sum, const uint8_t *data, uint32_t length)
{
    uint32_t i = 0;

    for (; i + 1 < length; i += 2) {
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    }
    if (i < length) {
        sum += (uint32_t)data[i] << 8;
    }
    return sum;
}

static void store_sum(uint8_t *to, uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    to[0] = (uint8_t)(~sum >> 8);
    to[1] = (uint8_t)~sum;
}

static void store_big(uint8_t *to, uint32_t word)
{
    to[0] = (uint8_t)(word >> 24);
    to[1] = (uint8_t)(word >> 16);
    to[2] = (uint8_t)(word >> 8);
    to[3] = (uint8_t)word;
}

/* Whether a packet has an answer at all (RFC 1122, 3.2.2): not an error, to one host, from one host. */
static int is_answered_v4(const uint8_t *packet, uint32_t length)
{
    const uint32_t header = (packet[0] & 15u) * 4;
    const uint8_t *from = packet + 12, *to = packet + 16;

    if ((packet[6] & 0x1f) || packet[7]) { /* a later fragment */
        return 0;
    }
    if (packet[9] == ICMP && (length <= header || (packet[header] != 8 && packet[header] != 0))) {
        return 0;
    }
    return from[0] != 0 && from[0] != 127 && from[0] < 224 && to[0] < 224;
}

/* The same for IPv6 (RFC 4443, 2.4 (e)). */
static int is_answered_v6(const uint8_t *packet, uint32_t length)
{
    static const uint8_t UNSPECIFIED[16];

    if (packet[6] == ICMP6 && (length <= 40 || !(packet[40] & 0x80))) {
        return 0;
    }
    return packet[8] != 0xff && memcmp(packet + 8, UNSPECIFIED, 16) != 0 && packet[24] != 0xff;
}

static int may_answer(void)
{
    device.refusals += (device.now - device.refusals_at) * REFUSE_RATE / 1000;
    device.refusals = device.refusals < REFUSE_BURST ? device.refusals : REFUSE_BURST;
    device.refusals_at = device.now;
    if (device.refusals < 1) {
        return 0;
    }
    device.refusals -= 1;
    return 1;
}

static void answer_v4(const uint8_t *packet, uint32_t length, uint8_t *reply, uint32_t mtu)
{
    const uint32_t quoted = length < LARGEST_V4 - 28 ? length : LARGEST_V4 - 28;

    memset(reply, 0, 28);
    reply[0] = 0x45;
    reply[2] = (uint8_t)((28 + quoted) >> 8);
    reply[3] = (uint8_t)(28 + quoted);
    reply[8] = 64;
    reply[9] = ICMP;
    memcpy(reply + 12, packet + 16, 4);
    memcpy(reply + 16, packet + 12, 4);
    store_sum(reply + 10, add_words(0, reply, 20));
    reply[20] = ICMP_UNREACHABLE;
    reply[21] = mtu ? 4 : 1; /* fragmentation needed; host unreachable */
    store_big(reply + 24, mtu);
    memcpy(reply + 28, packet, quoted);
    store_sum(reply + 22, add_words(0, reply + 20, 8 + quoted));
    host_deliver(reply, 28 + quoted);
}

static void answer_v6(const uint8_t *packet, uint32_t length, uint8_t *reply, uint32_t mtu)
{
    const uint32_t quoted = length < LARGEST_V6 - 48 ? length : LARGEST_V6 - 48;

    memset(reply, 0, 48);
    reply[0] = 0x60;
    reply[4] = (uint8_t)((8 + quoted) >> 8);
    reply[5] = (uint8_t)(8 + quoted);
    reply[6] = ICMP6;
    reply[7] = 64;
    memcpy(reply + 8, packet + 24, 16);
    memcpy(reply + 24, packet + 8, 16);
    reply[40] = mtu ? ICMP6_TOO_BIG : ICMP6_UNREACHABLE;
    reply[41] = mtu ? 0 : 3; /* address unreachable */
    store_big(reply + 44, mtu);
    memcpy(reply + 48, packet, quoted);
    store_sum(reply + 42, add_words(8 + quoted + ICMP6, reply + 8, 40 + quoted));
    host_deliver(reply, 48 + quoted);
}

/**
 * refuse() - Answer a packet that is not sent, with an ICMP error for its source
 * @packet: whole IP packet
 * @length: its bytes
 * @reply: place for the answer, 1280 bytes
 * @mtu: the largest packet that could be sent; 0: none, the destination is unreachable
 */
void refuse(const uint8_t *packet, uint32_t length, uint8_t *reply, uint32_t mtu)
{
    const int is_v6 = packet[0] >> 4 == 6;

    if ((is_v6 ? is_answered_v6(packet, length) : is_answered_v4(packet, length)) && may_answer()) {
        (is_v6 ? answer_v6 : answer_v4)(packet, length, reply, mtu);
    }
}
