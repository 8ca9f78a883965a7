/* SPDX-License-Identifier: MIT */
/* core_end.c - one stack with a tap and an app that sends or receives one stream, without JavaScript
 *
 * lwIP has one stack a program; as a shared library that is loaded twice it has two. The app does in
 * C what the ring level of the suite does in JavaScript: it copies blocks of 64 KiB into the room of the
 * transmit ring and out of the receive ring. Its side of the rings follows js/stack/tcp_connection.ts: arm,
 * and kick the stack when the other side asked for it.
 */
#include <string.h>

#include "core_end.h"
#include "ring.h"

#define RING_SIZE (1u << 19)  /* of a socket and of an interface, as createStack() has it */
#define RING_LARGE (1u << 20) /* of an interface whose frames are so large that 8 need it */
#define TURNS 100000u

uint32_t rs_arena_new_owner(void);
int rs_arena_init(uint32_t first, uint32_t size);
uint32_t rs_stack_init(uint32_t config, double now);
int rs_stack_turn(double now);

extern const struct end_api core_end_api;

static struct stack_config config;
static struct stack_ctl *ctl;
static struct producer commands, tx;
static struct consumer events, rx;
static struct event answer;
static struct abi_iface *tap;
static struct abi_sock *sock;
static const uint8_t *pool;
static uint64_t sent, got;
static uint32_t next_id, owes_accepted;
static double clock_ms = 1000;

/**
 * take_events() - Look at the events there are
 */
static void take_events(void)
{
    struct span record;

    while (frame_peek(&events, sizeof(struct event), &record) == 0) {
        struct event event;

        memcpy(&event, record.data, sizeof(event));
        frame_release(&events);
        if (event.kind == EVENT_RESULT) {
            answer = event;
        }
        if (event.kind == EVENT_ACCEPT) {
            sock = at(event.offset);
            owes_accepted = 1;
        }
    }
    consumer_notify(&events);
}

static void turn(double now)
{
    clock_ms = now;
    rs_stack_turn(now);
    take_events();
}

/**
 * submit() - Send a command
 * @command: record
 * @length: its bytes
 */
static void submit(const void *command, uint32_t length)
{
    uint8_t *to;

    while (frame_reserve(&commands, length, &to) != 0) {
        turn(clock_ms);
    }
    memcpy(to, command, length);
    frame_submit(&commands, length);
    producer_notify(&commands);
}

static void kick(void)
{
    struct cmd cmd = { .op = CMD_KICK, .handle = sock->handle };

    submit(&cmd, sizeof(cmd));
}

/**
 * call() - Send a command and wait for its answer
 * @command: record that begins with a struct cmd
 * @length: its bytes
 *
 * Return: its error, or ABI_ETIMEDOUT
 */
static int call(void *command, uint32_t length)
{
    struct cmd *cmd = command;
    uint32_t turns;

    cmd->id = ++next_id;
    submit(command, length);
    for (turns = 0; turns < TURNS; turns++) {
        turn(clock_ms);
        if (answer.id == cmd->id) {
            return answer.error;
        }
    }
    return ABI_ETIMEDOUT;
}

static struct abi_addr address(uint8_t host, uint16_t port, uint8_t prefix)
{
    struct abi_addr to = { .bytes = { 10, 0, 0, host }, .port = port, .family = FAMILY_IPV4 };

    to.prefix = prefix;
    return to;
}

/**
 * start() - Set up the stack and its tap
 * @setup: see core_end.h
 *
 * Return: 0 or an ABI code
 */
static int start(const struct end_setup *setup)
{
    struct cmd_iface cmd = { .cmd.op = CMD_IFACE_ADD, .kind = IFACE_TAP };
    uint32_t offset;
    int err;

    arena_base = setup->base;
    pool = setup->pool;
    if (setup->is_first) {
        rs_arena_init(ARENA_CTL + (uint32_t)sizeof(struct arena_ctl), setup->size);
    }
    config.owner = rs_arena_new_owner();
    config.max_sockets = 100;
    memset(config.seed, setup->host, sizeof(config.seed));
    offset = rs_stack_init(offset_of(&config), clock_ms);
    if (offset == 0) {
        return ABI_ENOMEM;
    }
    ctl = at(offset);
    producer_init(&commands, &ctl->app.commands);
    consumer_init(&events, &ctl->app.events);
    cmd.mtu = setup->mtu;
    cmd.flags = setup->flags;
    cmd.ring_size = setup->mtu > 9000 ? RING_LARGE : RING_SIZE;
    memcpy(cmd.mac, (const uint8_t[6]){ 2, 0, 0, 0, 0, setup->host }, 6);
    cmd.addrs[cmd.addr_count++] = address(setup->host, 0, 24);
    err = call(&cmd, sizeof(cmd));
    if (err == 0) {
        tap = at(answer.offset);
        tap->listening = 1;
    }
    return err;
}

static uint32_t frames(void)
{
    return offset_of(&tap->tx);
}

static int wire(uint32_t from)
{
    struct cmd cmd = { .op = CMD_IFACE_WIRE, .handle = tap->handle, .value = from };

    return call(&cmd, sizeof(cmd));
}

static struct cmd_socket socket_command(uint32_t kind)
{
    struct cmd_socket cmd = { .cmd.op = CMD_OPEN, .rx_max = RING_SIZE, .tx_max = RING_SIZE };

    cmd.kind = kind;
    cmd.backlog = 8;
    cmd.nodelay = 1;
    return cmd;
}

static int start_listening(void)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER);

    cmd.local = address(0, 80, 0);
    memset(cmd.local.bytes, 0, sizeof(cmd.local.bytes));
    cmd.local.family = FAMILY_NONE;
    return call(&cmd, sizeof(cmd));
}

static int start_connecting(uint8_t host)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP);
    int err;

    cmd.remote = address(host, 80, 0);
    err = call(&cmd, sizeof(cmd));
    if (err == 0) {
        sock = at(answer.offset);
    }
    return err;
}

/**
 * is_open() - Whether the connection is there; takes its rings when it is
 *
 * Return: 1 if so
 */
static int is_open(void)
{
    if (!sock || !(atomic_load(&sock->flags) & SOCK_OPEN)) {
        return 0;
    }
    if (!tx.ring) {
        producer_init(&tx, &sock->tx);
        consumer_init(&rx, &sock->rx);
    }
    if (owes_accepted) {
        struct cmd cmd = { .op = CMD_ACCEPTED, .handle = sock->handle };

        owes_accepted = 0;
        submit(&cmd, sizeof(cmd));
    }
    return 1;
}

/**
 * send_blocks() - Write while there is room; ask for an event when there is none
 */
static void send_blocks(void)
{
    struct span to;
    uint32_t within, asks;

    for (;;) {
        within = (uint32_t)(sent % BLOCK);
        if (byte_reserve(&tx, BLOCK - within, &to) == 0) {
            break;
        }
        memcpy(to.data, pool + sent % (BLOCK * POOL_BLOCKS), to.length);
        byte_submit(&tx, to.length);
        sent += to.length;
    }
    __atomic_store_n(&sock->tx.want, BLOCK, __ATOMIC_RELAXED);
    asks = !producer_arm(&tx, tx.head);
    if (producer_notify(&tx) || asks) {
        kick();
    }
}

/**
 * receive_blocks() - Read what there is
 * @whole: check every byte, else the first of each block
 *
 * Return: 1, or 0: it is not what was sent
 */
static int receive_blocks(int whole)
{
    static uint8_t block[BLOCK];
    struct span from;

    while (byte_peek(&rx, rx.head, &from)) {
        uint32_t length = from.length < BLOCK ? from.length : BLOCK;
        uint32_t checked = whole || length < SAMPLE ? length : SAMPLE;

        memcpy(block, from.data, length);
        byte_release(&rx, length);
        if (memcmp(block, pool + got % (BLOCK * POOL_BLOCKS), checked) != 0) {
            return 0;
        }
        got += length;
    }
    consumer_arm(&rx);
    if (consumer_notify(&rx)) {
        kick();
    }
    return 1;
}

static uint64_t received(void)
{
    return got;
}

static uint64_t packets(void)
{
    return tap->tx_packets;
}

__attribute__((visibility("default"))) const struct end_api core_end_api = {
    .statics = &config,
    .start = start,
    .frames = frames,
    .wire = wire,
    .listen = start_listening,
    .connect = start_connecting,
    .turn = turn,
    .is_open = is_open,
    .send = send_blocks,
    .receive = receive_blocks,
    .received = received,
    .packets = packets,
};
