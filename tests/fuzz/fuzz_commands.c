/* SPDX-License-Identifier: MIT */
/* fuzz_commands.c - target: records of the command ring, as a program that is broken writes them
 *
 * Promises to C are kept: an interface that goes is unplugged before, and blocks that an answer gives are freed.
 */
#include "hosts.h"

#define HANDLES 48u

static uint32_t handles[HANDLES], handle_count;
/* Interfaces that were made: more than there are records. */
static uint32_t made_handles[80];
static uint32_t made_count;
static struct ring *tx_rings[8];
static uint32_t tx_count;

uint32_t target_arena(void)
{
    return FUZZ_ARENA;
}

static void know(uint32_t handle)
{
    handles[handle_count++ % HANDLES] = handle;
}

void target_start(struct input *in)
{
    uint32_t i;

    (void)in;
    rig_start(FUZZ_ARENA, 40);
    rig_loopback();
    tap_start(IFACE_TAP, 1500, 1u << 14);
    add_line(&honest_line, IFACE_TUN, "10.9.0.1/24", NULL);
    start_apps();
    for (i = 0; i < 5; i++) {
        know(fuzz_apps[i].handle);
        app_forget(&fuzz_apps[i]);
    }
    know(fuzz_listener.handle);
    app_forget(&fuzz_listener);
    know(tap->handle);
    know(honest_line.pub->handle);
    made_handles[made_count++] = tap->handle;
    made_handles[made_count++] = honest_line.pub->handle;
    tx_rings[tx_count++] = &tap->tx;
    tx_rings[tx_count++] = &honest_line.pub->tx;
}

/* unplug() - All interfaces take frames from their own rings again */
static void unplug(void)
{
    uint32_t i;

    for (i = 0; i < made_count; i++) {
        rig_cmd(CMD_IFACE_WIRE, made_handles[i], 0);
    }
    tx_count = 0;
    rig_turn();
}

/* address_of() - An address of the ABI, mostly one that can be */
static struct abi_addr address_of(struct input *in)
{
    struct abi_addr to = { .port = (uint16_t)take16(in) };
    uint32_t choice = take8(in), v6 = choice & 1;

    to.family = (uint8_t)(choice & 128 ? take8(in) : v6 ? FAMILY_IPV6 : FAMILY_IPV4);
    address_in(in, (int)v6, v6 ? 9 : 10, to.bytes);
    to.prefix = (uint8_t)(choice & 2 ? take8(in) : v6 ? 64 : 24);
    to.zone = choice & 4 ? handles[pick(in, HANDLES)] : 0;
    return to;
}

union command_record {
    struct cmd cmd;
    struct cmd_iface iface;
    struct cmd_socket socket;
    struct cmd_option option;
    struct cmd_group group;
    struct cmd_change change;
    struct cmd_route route;
    struct cmd_bridge bridge;
};

static void fill_iface(struct input *in, struct cmd_iface *record)
{
    uint32_t i;

    record->kind = pick(in, 6);
    record->mtu = 576 + take16(in);
    record->flags = pick(in, 4);
    record->ring_size = 1u << pick(in, 20);
    take_bytes(in, record->mac, 6);
    record->addr_count = pick(in, 6);
    for (i = 0; i < IFACE_ADDRS; i++) {
        record->addrs[i] = address_of(in);
    }
}

static void fill_socket(struct input *in, struct cmd_socket *record)
{
    record->kind = pick(in, SOCK_KINDS + 1);
    record->local =
        pick(in, 2) ? address_of(in) : (struct abi_addr){ .port = (uint16_t)pick(in, 20) };
    record->remote = pick(in, 2) ? address_of(in) : (struct abi_addr){ 0 };
    record->rx_max = take8(in) << pick(in, 16);
    record->tx_max = take8(in) << pick(in, 16);
    record->backlog = take16(in);
    record->nodelay = pick(in, 3);
    record->keepalive = take32(in);
    record->iface = pick(in, 2) ? handles[pick(in, HANDLES)] : 0;
    record->flags = pick(in, 64);
    record->ttl = take8(in);
    record->multicast_ttl = take8(in);
}

/* fill() - What follows the head of a command, mostly what can be; its bytes in all */
static uint32_t fill(struct input *in, union command_record *record)
{
    switch (record->cmd.op) {
    case CMD_IFACE_ADD:
        fill_iface(in, &record->iface);
        return sizeof(record->iface);
    case CMD_OPEN:
        fill_socket(in, &record->socket);
        return sizeof(record->socket);
    case CMD_SET_OPTION:
        record->option.option = pick(in, 6);
        return sizeof(record->option);
    case CMD_JOIN:
    case CMD_LEAVE:
        record->group.group = address_of(in);
        record->group.source = pick(in, 2) ? address_of(in) : (struct abi_addr){ 0 };
        record->group.iface = handles[pick(in, HANDLES)];
        return sizeof(record->group);
    case CMD_CHANGE:
        record->change.cmd.value = pick(in, 7);
        record->change.address = address_of(in);
        record->change.amount = take16(in);
        return sizeof(record->change);
    case CMD_ROUTE:
        record->route.cmd.value = pick(in, 6);
        record->route.destination = address_of(in);
        record->route.via = pick(in, 2) ? address_of(in) : (struct abi_addr){ 0 };
        record->route.metric = take16(in);
        record->route.number = pick(in, 6);
        return sizeof(record->route);
    case CMD_BRIDGE:
        record->bridge.cmd.value = pick(in, 5);
        record->bridge.bridge = handles[pick(in, HANDLES)];
        record->bridge.flags = pick(in, 8);
        record->bridge.storm = take32(in);
        record->bridge.most = take16(in);
        record->bridge.ageing = take32(in);
        record->bridge.mtu = take16(in);
        take_bytes(in, record->bridge.mac, 6);
        return sizeof(record->bridge);
    default:
        return sizeof(record->cmd);
    }
}

/* answered() - What JavaScript does with an answer */
static void answered(const union command_record *record)
{
    if (rig_answer.error) {
        return;
    }
    switch (record->cmd.op) {
    case CMD_IFACE_ADD:
        know(rig_answer.handle);
        made_handles[made_count++] = rig_answer.handle;
        if (tx_count < 8) {
            tx_rings[tx_count++] = &((struct abi_iface *)at(rig_answer.offset))->tx;
            ((struct abi_iface *)at(rig_answer.offset))->listening = 1;
        }
        break;
    case CMD_OPEN:
        know(rig_answer.handle);
        break;
    case CMD_ROUTE:
        if (rig_answer.offset) {
            arena_free(rig_answer.offset);
        }
        break;
    default:
        break;
    }
}

static void command_in(struct input *in)
{
    union command_record record = { .cmd = { .op = pick(in, 24) } };
    uint32_t twist = take8(in), length, i;

    record.cmd.handle = twist & 1 ? take32(in) : handles[pick(in, HANDLES)];
    record.cmd.value = take8(in);
    if (record.cmd.op == CMD_IFACE_WIRE) {
        record.cmd.value = tx_count && twist & 2 ? offset_of(tx_rings[record.cmd.value % tx_count])
                           : twist & 4           ? FUZZ_ARENA + take32(in) % FUZZ_ARENA
                                                 : 0;
    } else if (record.cmd.op == CMD_IFACE_REMOVE) {
        unplug();
    }
    length = fill(in, &record);
    if (twist & 128) {
        /* Bytes of the record over all that is behind the head. */
        for (i = sizeof(record.cmd); i < length; i++) {
            ((uint8_t *)&record)[i] ^= (uint8_t)take8(in);
        }
    }
    if (twist & 64) {
        uint32_t wrong = take8(in);

        record.cmd.id = 0;
        rig_send(&record, wrong < sizeof(record) ? wrong : (uint32_t)sizeof(record));
        rig_turn();
        return;
    }
    if (record.cmd.op == CMD_CHANGE && record.cmd.value == CHANGE_DETECT) {
        rig_send(&record, length); /* its answer comes seconds later */
        rig_turn();
        return;
    }
    rig_answer = (struct event){ 0 };
    rig_call(&record, length);
    answered(&record);
}

void target_record(struct input *in)
{
    uint32_t kind = take8(in);

    switch (kind % 16) {
    case 0:
        time_in(in);
        break;
    case 1:
        while (rig_accept_count) {
            know(rig_accepts[--rig_accept_count].handle);
        }
        break;
    default:
        command_in(in);
        if (kind & 128) {
            return;
        }
    }
    rig_settle();
}

void target_end(void)
{
    unplug();
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}
