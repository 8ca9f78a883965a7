/* SPDX-License-Identifier: MIT */
/* group_rig.h - one group of each family, what routers ask about it, and what the stack reports */
#ifndef RINGSTACK_GROUP_RIG_H
#define RINGSTACK_GROUP_RIG_H

#include "dgram_rig.h"

#define GROUP4 "224.1.2.3"
#define GROUP6 "ff05::1:3"

static const uint8_t group4[4] = { 224, 1, 2, 3 }, group6[16] = { 0xff, 5, [13] = 1, [15] = 3 };
static const uint8_t all4[4] = { 224, 0, 0, 1 }, all6[16] = { 0xff, 2, [15] = 1 };
static const uint8_t routers4[4] = { 224, 0, 0, 2 }, routers6[16] = { 0xff, 2, [15] = 2 };
static uint32_t kinds[256]; /* messages taken, by type */

static uint32_t records[8]; /* records of new reports, by type */
static uint32_t sources;    /* sources of all records */
static uint8_t source_list[256][16];

/**
 * check_headers() - See that a message is as it must be around
 * @last: last byte of the group it goes to
 */
static void check_headers(uint32_t last)
{
    must(sent.ttl == 1);
    if (sent.bytes[0] >> 4 == 6) {
        must(sent.proto == ICMP6);
        must(memcmp(sent.bytes + 40, "\x3a\x00\x05\x02\x00\x00\x01\x00", 8) == 0);
        must(sent.bytes[8] == 0xfe && sent.bytes[9] == 0x80);
        must(sent.link[0] == 0x33 && sent.link[5] == last && sent.bytes[39] == last);
    } else {
        must(sent.proto == 2 && memcmp(sent.bytes + 20, "\x94\x04\x00\x00", 4) == 0);
        must(memcmp(sent.bytes + 12, our_ip4, 4) == 0);
        must(sent.link[0] == 1 && sent.link[2] == 0x5e && sent.link[5] == last);
        must(sent.bytes[19] == last);
    }
}

/**
 * take_record() - Look at a report of the newest version
 *
 * Return: 1 if it is about the group of a test
 */
static uint32_t take_record(void)
{
    int v6 = sent.bytes[0] >> 4 == 6;
    uint32_t size = v6 ? 16 : 4, count = load16(sent.body + 10), i;

    if (memcmp(sent.body + 12, v6 ? group6 : group4, size) != 0) {
        return 0;
    }
    check_headers(22);
    must(load16(sent.body + 6) == 1 && sent.body[9] == 0 && sent.body[8] < 8);
    must(sent.body_length == 12 + size + count * size);
    records[sent.body[8]]++;
    for (i = 0; i < count; i++, sources++) {
        memcpy(source_list[sources], sent.body + 12 + size + i * size, size);
    }
    return 1;
}

/**
 * take_reports() - Take what the stack sent of IGMP and MLD about the group of a test
 *
 * Return: messages; kinds[] counts each type, records[] each type of record
 */
static uint32_t take_reports(void)
{
    uint32_t count = 0;

    memset(kinds, 0, sizeof(kinds));
    memset(records, 0, sizeof(records));
    sources = 0;
    while (take_packet()) {
        int v6 = sent.bytes[0] >> 4 == 6, leave;

        if (sent.proto != (v6 ? ICMP6 : 2)) {
            continue;
        }
        if (sent.body[0] == (v6 ? 143 : 0x22)) {
            count += take_record();
            continue;
        }
        if (v6 ? memcmp(sent.body + 8, group6, 16) != 0 : memcmp(sent.body + 4, group4, 4) != 0) {
            continue; /* of a solicited-node group */
        }
        count++;
        kinds[sent.body[0]]++;
        leave = sent.body[0] == (v6 ? 132 : 0x17);
        must(sent.body_length == (v6 ? 24 : 8));
        must(memcmp(sent.bytes + (v6 ? 24 : 16),
                    leave ? v6 ? routers6 : routers4
                    : v6  ? group6
                          : group4,
                    v6 ? 16 : 4) == 0);
        check_headers(leave ? 2 : 3);
    }
    return count;
}

/**
 * query() - A router asks for members
 * @v6: of IPv6
 * @group: the group, NULL: all
 * @response: field of the time to answer
 * @length: of the message: 8 or 12 for IGMP, 24 or 28 for MLD; the longer one is of the newest version
 * @twist: what is to be different
 */
static void query(int v6, const uint8_t *group, uint32_t response, uint32_t length,
                  struct twist twist)
{
    uint8_t message[28] = { v6 ? 130 : 0x11 };

    if (v6) {
        store16(message + 4, response);
        memcpy(message + 8, group ? group : message + 8, group ? 16 : 0);
        twist.from = twist.from ? twist.from : peer_local;
    } else {
        message[1] = (uint8_t)response;
        memcpy(message + 4, group ? group : message + 4, group ? 4 : 0);
    }
    twist.to = group ? group : v6 ? all6 : all4;
    twist.ttl = twist.ttl ? twist.ttl : 1;
    give(v6 ? 6 : 4, v6 ? ICMP6 : 2, message, length, twist);
}

/**
 * report_of_another() - Another host says that it is a member
 * @v6: of IPv6
 * @twist: what is to be different
 */
static inline void report_of_another(int v6, struct twist twist)
{
    uint8_t message[24] = { v6 ? 131 : 0x16 };

    memcpy(message + (v6 ? 8 : 4), v6 ? group6 : group4, v6 ? 16 : 4);
    twist.to = v6 ? group6 : group4;
    twist.from = twist.from || !v6 ? twist.from : peer_local;
    twist.ttl = twist.ttl ? twist.ttl : 1;
    give(v6 ? 6 : 4, v6 ? ICMP6 : 2, message, v6 ? 24 : 8, twist);
}

static inline void joined(int v6)
{
    dg_udp(&a, NULL, 7);
    ck_assert_int_eq(dg_member(CMD_JOIN, &a, v6 ? GROUP6 : GROUP4, 0, NULL), 0);
}

/**
 * old_querier() - A router of an old version (IGMPv2, MLDv1) asks
 * @v6: of IPv6
 */
static inline void old_querier(int v6)
{
    query(v6, NULL, v6 ? 1000 : 10, v6 ? 24 : 8, (struct twist){ 0 });
}

/**
 * quiet() - Join, and let the first reports pass
 * @v6: of IPv6
 */
static inline void quiet(int v6)
{
    joined(v6);
    rig_pass(12000);
    take_reports();
}

static inline void give_group(int v6, const uint8_t *from)
{
    give_udp(v6 ? 6 : 4, 9, 7, 20, (struct twist){ .to = v6 ? group6 : group4, .from = from });
}

#endif /* RINGSTACK_GROUP_RIG_H */
