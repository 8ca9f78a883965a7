/* SPDX-License-Identifier: MIT */
/* hosts.h - a stack with sockets of every kind, a hostile host on one link, and an honest one on another
 *
 * The hostile host is that of tap_rig.h, and its packets come from the records of an input. The honest one is 10.9.0.2 on
 * a tun of its own. It has a connection and a connected UDP socket of the stack, and whatever the other sends, these
 * carry exactly its bytes: target_end() sees to it. Then everything is closed, and the stack has to give back all memory.
 */
#ifndef RINGSTACK_HOSTS_H
#define RINGSTACK_HOSTS_H

#include "packets.h"

#define FUZZ_ARENA (16u << 20)
#define APPS_MOST 24u
#define HONEST_BYTES 300u

/* An interface as its other end sees it. */
struct line {
    struct abi_iface *pub;
    struct producer rx;
    struct consumer tx;
    uint32_t link;
};

static struct line hostile_line, honest_line;
static struct app fuzz_listener, honest_listener, honest_tcp, honest_udp;
static struct app fuzz_apps[APPS_MOST];
static struct connection honest;
static const uint8_t honest_ends[8] = { 10, 9, 0, 2, 10, 9, 0, 1 };

/* switch_line() - tap_give() and tap_take() are of another interface from now on */
static inline void switch_line(struct line *from, struct line *to)
{
    *from = (struct line){ tap, tap_rx, tap_tx, tap_link };
    tap = to->pub;
    tap_rx = to->rx;
    tap_tx = to->tx;
    tap_link = to->link;
}

/* --- The honest host --------------------------------------------------------------------------------- */

static inline void honest_send(uint8_t proto, uint8_t *packet, uint32_t length)
{
    put_ip4(packet, proto, length, 1, 0);
    memcpy(packet + 12, honest_ends, 8);
    store16(packet + 10, 0);
    store16(packet + 10, sum_fold(sum_add(0, packet, 20)));
    sum_in(packet, proto, packet + 20, length, 0);
    tap_give(packet, 20 + length);
}

static inline void honest_segment(uint32_t flags, uint32_t length)
{
    uint8_t packet[40 + HONEST_BYTES] = { 0 }, *tcp = packet + 20;

    store16(tcp, 900);
    store16(tcp + 2, 81);
    store32(tcp + 4, honest.seq);
    store32(tcp + 8, honest.ack);
    tcp[12] = 0x50;
    tcp[13] = (uint8_t)flags;
    store16(tcp + 14, 0xffff);
    seeded_fill(21, honest_tcp.read, tcp + 20, length);
    honest.seq += length + (flags & TCP_SYN_FLAG ? 1 : 0);
    honest_send(TCP, packet, 20 + length);
}

/* add_line() - Another interface, and its other end */
static inline void add_line(struct line *l, uint32_t kind, const char *ip4, const char *ip6)
{
    struct cmd_iface cmd = iface_command(kind, 1500, ip4, ip6);

    cmd.ring_size = 1u << 14;
    l->pub = rig_iface(cmd);
    l->pub->listening = 1;
    l->link = kind == IFACE_TAP ? ETHERNET_HEADER : 0;
    producer_init(&l->rx, &l->pub->rx);
    consumer_init(&l->tx, &l->pub->tx);
}

/* honest_start() - Its link, its connection and its socket */
static inline void honest_start(void)
{
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, "10.9.0.1", 81);
    struct line *l = &honest_line;

    add_line(l, IFACE_TUN, "10.9.0.1/24", "fd09::1/64");
    listen.backlog = 2;
    listen.rx_max = listen.tx_max = 8192;
    ck_assert_int_eq(rig_open(&honest_listener, listen), 0);
    ck_assert_int_eq(dg_open(&honest_udp, dg_command(SOCK_UDP, "10.9.0.1", 7000, "10.9.0.2", 5000)),
                     0);
    switch_line(&hostile_line, l);
    honest.seq = NEAR_WRAP;
    honest_segment(TCP_SYN_FLAG, 0);
    must(take_packet() && sent.body[13] == (TCP_SYN_FLAG | TCP_ACK_FLAG));
    honest.ack = load32(sent.body + 4) + 1;
    honest_segment(TCP_ACK_FLAG, 0);
    rig_settle();
    ck_assert_int_eq(rig_accept(&honest_tcp), 1);
    honest_tcp.rx_seed = 21;
    switch_line(l, &hostile_line);
}

/* honest_goes_on() - What it sends arrives, and nothing else has */
static inline void honest_goes_on(void)
{
    uint8_t packet[128] = { 0 };
    uint64_t before = honest_tcp.read;

    ck_assert_int_eq(dg_take(&honest_udp), -1);
    ck_assert_uint_eq(before, 0);
    switch_line(&hostile_line, &honest_line);
    store16(packet + 20, 5000);
    store16(packet + 22, 7000);
    store16(packet + 24, 108);
    seeded_fill(9, 0, packet + 28, 100);
    honest_send(UDP, packet, 108);
    ck_assert_int_eq(dg_seeded(&honest_udp, 100), 1);
    honest_segment(TCP_ACK_FLAG, HONEST_BYTES);
    rig_settle();
    ck_assert_uint_eq(honest_tcp.read, HONEST_BYTES);
    ck_assert_uint_eq(honest_tcp.bits & (SOCK_EOF | SOCK_CLOSED), 0);
    tap_drop_all();
    switch_line(&honest_line, &hostile_line);
}

/* --- The hostile host --------------------------------------------------------------------------------- */

static inline void give_bytes(const uint8_t *bytes, uint32_t length)
{
    tap_give(bytes, length < 2000 ? length : 2000);
    if (!tap_holds) {
        rig_settle();
    }
}

/* give_packet() - A packet with the link header of its interface, whole or cut short */
static inline void give_packet(struct input *in, uint32_t type, const uint8_t *packet,
                               uint32_t length)
{
    static uint8_t bytes[4096];
    uint32_t link = tap_link ? link_in(in, bytes, our_mac, type) : 0;
    uint32_t twist = take8(in);

    memcpy(bytes + link, packet, length);
    length += link;
    if (twist & 128) {
        length = length * (twist & 127) / 128;
    }
    give_bytes(bytes, length);
}

/* give_fragments() - A packet in pieces, in an order of the record's choice */
static inline void give_fragments(struct input *in, uint32_t type, const uint8_t *packet,
                                  uint32_t length)
{
    static uint8_t piece[4096];
    uint32_t count = 1 + pick(in, 6), id = pick(in, 4);

    while (count--) {
        uint32_t from = take8(in), units = 1 + take8(in), more = pick(in, 4) != 0;
        struct input none = { 0 };

        give_packet(&none, type, piece, cut_in(piece, packet, length, id, from, units, more));
    }
}

/* take_any() - take_packet() where packets of others come out, which may be anything */
static inline int take_any(void)
{
    static uint8_t bytes[FRAME_MOST];
    uint32_t length, v6, header;

    rig_settle();
    while ((length = tap_take(bytes))) {
        if (answer_arp(bytes, length)) {
            continue;
        }
        sent.proto = 0;
        sent.body_length = 0;
        v6 = length > tap_link && bytes[tap_link] >> 4 == 6;
        header = tap_link + (v6 ? 40 : 20);
        if (length >= header + 24) {
            sent.length = length - tap_link;
            memcpy(sent.bytes, bytes + tap_link, sent.length);
            sent.proto = sent.bytes[v6 ? 6 : 9];
            sent.body = sent.bytes + header - tap_link;
            sent.body_length = length - header;
            if (v6 && answer_neighbor()) {
                rig_settle();
                continue;
            }
        }
        return 1;
    }
    return 0;
}

/* Set by targets where all that comes out is of the stack itself. */
static int all_is_ours;

static inline int take_one(void)
{
    return all_is_ours ? take_packet() : take_any();
}

/* Options of its SYNs. */
static uint8_t syn_options[40];
static uint32_t syn_option_bytes;

/* connect_hostile() - A connection from its side, over IPv4 or IPv6 */
static inline void connect_hostile(uint32_t n, uint32_t v6)
{
    struct connection *conn = &connections[n];
    uint8_t bytes[14 + 104] = { 0 }, *ip, *tcp;
    uint32_t i, length;

    *conn = (struct connection){ NEAR_WRAP, 0, (uint16_t)(999 + n), PORT_LISTEN, (uint8_t)v6 };
    for (i = 0; i < 2; i++) {
        ip = put_link(bytes, v6 ? 0x86dd : 0x0800);
        tcp = ip + (v6 ? 40 : 20);
        length = 20 + (i ? 0 : syn_option_bytes);
        memset(tcp, 0, 20);
        memcpy(tcp + 20, syn_options, length - 20);
        store16(tcp, conn->port);
        store16(tcp + 2, conn->stack_port);
        store32(tcp + 4, conn->seq);
        store32(tcp + 8, conn->ack);
        tcp[12] = (uint8_t)(length << 2);
        tcp[13] = i ? TCP_ACK_FLAG : TCP_SYN_FLAG;
        store16(tcp + 14, 0xffff);
        if (v6) {
            put_ip6(ip, TCP, length, 64);
        } else {
            put_ip4(ip, TCP, length, 1, 0);
        }
        sum_in(ip, TCP, tcp, length, 0);
        conn->seq += i == 0;
        give_bytes(bytes, (uint32_t)(tcp + length - bytes));
        while (take_one()) {
            if (sent.proto == TCP && sent.body[13] == (TCP_SYN_FLAG | TCP_ACK_FLAG)) {
                conn->ack = load32(sent.body + 4) + 1;
            }
        }
    }
}

/* hear() - Take what the stack sends; connections learn what is acknowledged next */
static inline void hear(uint32_t most)
{
    while (most-- && take_one()) {
        uint32_t i, bytes = sent.body_length - (sent.body_length < 20 ? 0 : sent.body[12] / 16 * 4);

        for (i = 0; sent.proto == TCP && sent.body_length >= 20 && i < CONNECTIONS; i++) {
            struct connection *conn = &connections[i];

            if (conn->port == load16(sent.body + 2)) {
                conn->stack_port = (uint16_t)load16(sent.body);
                conn->ack = load32(sent.body + 4) + bytes + !!(sent.body[13] & 3);
            }
        }
    }
}

/* --- The app ------------------------------------------------------------------------------------------- */

static inline void open_one(struct app *app, struct cmd_socket cmd)
{
    cmd.rx_max = cmd.tx_max = 8192;
    must(dg_open(app, cmd) == 0);
}

static inline void start_apps(void)
{
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, "::", PORT_LISTEN);
    struct cmd_socket connected = dg_command(SOCK_UDP, NULL, 8, "10.0.0.2", 1000);

    listen.backlog = 4;
    listen.rx_max = listen.tx_max = 16384;
    must(rig_open(&fuzz_listener, listen) == 0);
    connected.flags |= DGRAM_DONT_FRAGMENT;
    open_one(&fuzz_apps[0], dg_command(SOCK_UDP, NULL, PORT_OPEN, NULL, 0));
    open_one(&fuzz_apps[1], connected);
    open_one(&fuzz_apps[2], dg_command(SOCK_UDP, NULL, 9, "fd00::2", 1000));
    open_one(&fuzz_apps[3], dg_command(SOCK_ICMP, NULL, 0, NULL, 0));
    open_one(&fuzz_apps[4], dg_command(SOCK_ICMP6, NULL, 77, NULL, 0));
    must(dg_member(CMD_JOIN, &fuzz_apps[0], "224.1.1.1", tap->handle, NULL) == 0);
    must(dg_member(CMD_JOIN, &fuzz_apps[0], "ff05::9", tap->handle, "fd00::2") == 0);
}

static inline void start_hosts(uint32_t kind)
{
    rig_start(FUZZ_ARENA, 64);
    rig_loopback();
    tap_start(kind, 1500, 1u << 14);
    honest_start();
    start_apps();
    connect_hostile(0, 0);
    connect_hostile(1, 1);
}

/* send_datagram() - From a socket of the app, to the hostile host or elsewhere */
static inline void send_datagram(struct input *in, struct app *app)
{
    struct abi_datagram record = { 0 };
    uint32_t choice = take8(in), length = take16(in) % 3000;

    if (choice & 1) {
        record.remote.family = choice & 2 ? FAMILY_IPV6 : FAMILY_IPV4;
        address_in(in, choice & 2 ? 1 : 0, 0, record.remote.bytes);
        record.remote.port = 1000;
    }
    if (choice & 4) {
        record.iface = tap->handle;
    }
    record.ttl = (uint8_t)(choice & 8 ? take8(in) : 0);
    seeded_fill(choice, 0, dg_bytes, length);
    take_bytes(in, dg_bytes, left(in) < length ? left(in) : length);
    if (choice & 128) {
        take_bytes(in, &record, sizeof(record));
    }
    dg_put(app, &record, dg_bytes, length);
}

static inline void member_in(struct input *in, struct app *app)
{
    struct cmd_group cmd = { .cmd.op = pick(in, 2) ? CMD_JOIN : CMD_LEAVE };
    uint32_t v6 = pick(in, 2);

    cmd.cmd.handle = app->handle;
    cmd.group.family = v6 ? FAMILY_IPV6 : FAMILY_IPV4;
    address_in(in, (int)v6, v6 ? 6 : 7, cmd.group.bytes);
    if (pick(in, 2)) {
        cmd.source.family = cmd.group.family;
        address_in(in, (int)v6, 0, cmd.source.bytes);
    }
    cmd.iface = pick(in, 2) ? tap->handle : 0;
    rig_call(&cmd, sizeof(cmd));
}

/* app_in() - The app does something: takes, opens, writes, reads, ends */
static inline void app_in(struct input *in)
{
    static const uint32_t ops[] = { CMD_SHUTDOWN, CMD_DISCARD, CMD_ABORT, CMD_CLOSE, CMD_KICK };
    struct app *app = &fuzz_apps[pick(in, APPS_MOST)];
    uint32_t choice = take8(in);

    if (!app->pub) {
        struct cmd_socket cmd = socket_command(SOCK_TCP, choice & 1 ? "fd00::2" : "10.0.0.2",
                                               (uint16_t)(999 + choice % CONNECTIONS));

        if (rig_accept(app)) {
            app->unchecked = 1;
        } else if (choice & 128) {
            struct connection *conn = &connections[choice % CONNECTIONS];

            cmd.rx_max = cmd.tx_max = 8192;
            app->unchecked = 1;
            if (rig_open(app, cmd) == 0) {
                app->unchecked = 1;
                *conn = (struct connection){ take32(in), 0, cmd.remote.port, 0, choice & 1 };
            }
        }
        return;
    }
    if (app->pub->kind != SOCK_TCP) {
        switch (choice % 4) {
        case 0:
            while (dg_take(app) >= 0) {
            }
            return;
        case 1:
            member_in(in, app);
            return;
        default:
            send_datagram(in, app);
            return;
        }
    }
    switch (choice % 4) {
    case 0:
        say(app, take16(in));
        return;
    case 1:
        app->read_end = choice & 128 ? app->read + take8(in) : NO_LIMIT;
        app->can_read = 1;
        return;
    case 2:
        rig_cmd(ops[pick(in, 5)], app->handle, 0);
        return;
    default:
        if ((choice & 128) || (app->bits & SOCK_CLOSED)) {
            app_release(app);
            memset(app, 0, sizeof(*app));
        } else {
            rig_option(pick(in, 5), app->handle, take16(in));
        }
    }
}

/* time_in() - Time passes */
static inline void time_in(struct input *in)
{
    static const uint16_t spans[] = { 0, 1, 10, 60, 250, 1000, 3000, 31000 };

    rig_pass(spans[pick(in, 8)]);
}

static inline void end_hosts(void)
{
    rig_settle();
    honest_goes_on();
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

#endif /* RINGSTACK_HOSTS_H */
