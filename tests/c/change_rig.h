/* SPDX-License-Identifier: MIT */
/* change_rig.h - commands that change the tap of a stack and its routes, and what the stack says on the link then */
#ifndef RINGSTACK_CHANGE_RIG_H
#define RINGSTACK_CHANGE_RIG_H

#include "dgram_rig.h"

#define ARP 0x0806u
#define NS 135u
#define NA 136u

static inline int change(uint32_t what, const char *text, uint32_t amount)
{
    struct cmd_change cmd = { .cmd.op = CMD_CHANGE, .amount = amount };

    cmd.cmd.handle = tap->handle;
    cmd.cmd.value = what;
    if (text) {
        cmd.address = address(text, 0);
    }
    return rig_call(&cmd, sizeof(cmd));
}

static inline int add(const char *text)
{
    return change(CHANGE_ADD, text, 0);
}

static inline struct cmd_route route_of(uint32_t what, const char *to, const char *via,
                                        uint32_t metric, uint32_t number)
{
    struct cmd_route cmd = { .cmd.op = CMD_ROUTE, .metric = metric, .number = number };

    cmd.cmd.handle = tap->handle;
    cmd.cmd.value = what;
    if (to) {
        cmd.destination = address(to, 0);
    }
    if (via) {
        cmd.via = address(via, 0);
    }
    return cmd;
}

static inline int route(uint32_t what, const char *to, const char *via, uint32_t metric,
                        uint32_t number)
{
    struct cmd_route cmd = route_of(what, to, via, metric, number);

    return rig_call(&cmd, sizeof(cmd));
}

/* entry() - One entry of a table, which has so many; the block is freed */
static inline struct abi_entry entry(uint32_t what, const char *to, uint32_t count, uint32_t index)
{
    struct abi_entry found = { 0 };

    ck_assert_int_eq(route(what, to, NULL, 0, 0), 0);
    ck_assert_uint_eq(rig_answer.handle, count);
    if (index < count) {
        found = ((struct abi_entry *)at(rig_answer.offset))[index];
    }
    arena_free(rig_answer.offset);
    return found;
}

/* take_frame() - The next frame of an EtherType that the stack sends, its length; 0: there is none */
static inline uint32_t take_frame(uint8_t *to, uint32_t type)
{
    uint32_t length;

    rig_settle();
    while ((length = tap_take(to)) && load16(to + 12) != type) {
    }
    return length;
}

static inline int is_ip(const uint8_t *bytes, const char *text)
{
    struct abi_addr expected = address(text, 0);

    return memcmp(bytes, expected.bytes, expected.family == FAMILY_IPV4 ? 4 : 16) == 0;
}

#endif /* RINGSTACK_CHANGE_RIG_H */
