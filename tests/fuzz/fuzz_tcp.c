/* SPDX-License-Identifier: MIT */
/* fuzz_tcp.c - target: connections that send and receive, with a peer that acknowledges, repeats and reorders as it likes
 *
 * The first record chooses the options of the peer's SYNs. The bytes the peer sends are those of one stream for each
 * connection, at any offset, so whatever the app reads must be that stream, however the peer cuts and repeats it.
 */
#include "hosts.h"

#define PEERS 2u
#define STREAM 31u
/* Segments that come in one turn, at the most: fewer bytes than a ring. */
#define BATCH 7u

/* A connection as the peer counts: from where it acknowledges, and the bytes of its stream. */
static struct {
    uint32_t una;    /* acknowledged so far */
    uint32_t isn;    /* of the first byte of its stream */
    uint32_t sent;   /* its stream up to here has been sent */
    struct app *app; /* the stack's end */
} peers[PEERS];

static struct app ends[PEERS]; /* app_in() knows nothing of them */
static uint32_t held;          /* segments that wait for the next turn */

uint32_t target_arena(void)
{
    return FUZZ_ARENA;
}

/* options_in() - Options of SYNs: MSS, window scale, selective acknowledgements, time stamps */
static void options_in(struct input *in)
{
    static const uint8_t scale[4] = { 1, 3, 3, 0 }, sack[4] = { 1, 1, 4, 2 };
    uint32_t choice = take8(in);

    syn_option_bytes = 0;
    if (choice & 1) {
        syn_options[0] = 2;
        syn_options[1] = 4;
        store16(syn_options + 2, choice & 2 ? take16(in) : 536);
        syn_option_bytes += 4;
    }
    if (choice & 4) {
        memcpy(syn_options + syn_option_bytes, sack, 4);
        syn_option_bytes += 4;
    }
    if (choice & 8) {
        memcpy(syn_options + syn_option_bytes, scale, 4);
        syn_options[syn_option_bytes + 3] = (uint8_t)pick(in, 16);
        syn_option_bytes += 4;
    }
    if (choice & 16) {
        memset(syn_options + syn_option_bytes, 0, 12);
        memcpy(syn_options + syn_option_bytes, ((const uint8_t[]){ 1, 1, 8, 10 }), 4);
        syn_option_bytes += 12;
    }
}

void target_start(struct input *in)
{
    uint32_t n;

    all_is_ours = 1;
    options_in(in);
    start_hosts(IFACE_TUN);
    for (n = 0; n < PEERS; n++) {
        peers[n].app = &ends[n];
        must(rig_accept(peers[n].app));
        peers[n].app->rx_seed = STREAM + n;
        peers[n].una = connections[n].ack;
        peers[n].isn = connections[n].seq;
    }
    say(peers[0].app, 30000);
    rig_settle();
}

/* sack_in() - Blocks that say what has come behind the acknowledged bytes */
static uint32_t sack_in(struct input *in, uint8_t *to, uint32_t from)
{
    uint32_t count = pick(in, 5), i;

    if (count == 0) {
        return 0;
    }
    to[0] = to[1] = 1;
    to[2] = 5;
    to[3] = (uint8_t)(2 + 8 * count);
    for (i = 0; i < count; i++) {
        uint32_t begin = from + (take8(in) & 127) * 134;

        store32(to + 4 + i * 8, begin);
        store32(to + 8 + i * 8, begin + (1 + pick(in, 40)) * 134);
    }
    return 4 + 8 * count;
}

/* segment_in() - A segment of the peer: part of its stream, an acknowledgement, flags, blocks */
static void segment_in(struct input *in)
{
    static const uint8_t kinds[] = { 16, 16, 16, 16, 24, 17, 16, 20, 4, 2, 18, 0 };
    static uint8_t bytes[2000];
    uint32_t n = pick(in, PEERS), choice = take8(in), flags = kinds[pick(in, 12)], at_byte, length,
             options, v6 = connections[n].v6;
    uint8_t *ip = bytes, *tcp = ip + (v6 ? 40 : 20);
    struct connection *conn = &connections[n];

    switch (choice & 3) {
    case 0:
        break;
    case 1:
        peers[n].una = conn->ack;
        break;
    default:
        peers[n].una += (1 + take8(in)) * (choice & 2 ? 134 : 1);
        if ((int32_t)(peers[n].una - conn->ack) > 0) {
            peers[n].una = conn->ack;
        }
    }
    length = choice & 4 ? (1 + take8(in)) * 5 : 0;
    at_byte = choice & 8 ? take16(in) : peers[n].sent;
    memset(tcp, 0, 20);
    store16(tcp, conn->port);
    store16(tcp + 2, conn->stack_port);
    store32(tcp + 4, peers[n].isn + at_byte);
    store32(tcp + 8, peers[n].una + (choice & 16 ? take16(in) - 0x8000 : 0));
    tcp[13] = (uint8_t)flags;
    store16(tcp + 14, choice & 32 ? take16(in) : 0xffff);
    options = choice & 64 ? sack_in(in, tcp + 20, peers[n].una) : 0;
    tcp[12] = (uint8_t)((20 + options) << 2);
    seeded_fill(STREAM + n, at_byte, tcp + 20 + options, length);
    if (!(choice & 8)) {
        peers[n].sent += length;
    }
    length += 20 + options;
    if (v6) {
        put_ip6(ip, TCP, length, 64);
    } else {
        put_ip4(ip, TCP, length, 1, 0);
    }
    sum_in(ip, TCP, tcp, length, 0);
    tap_holds = choice & 128 && held < BATCH;
    held = tap_holds ? held + 1 : 0;
    give_bytes(bytes, (uint32_t)(tcp + length - bytes));
}

/* end_in() - The app writes, stops reading, goes on, or ends */
static void end_in(struct input *in)
{
    static const uint32_t ops[] = { CMD_SHUTDOWN, CMD_SHUTDOWN, CMD_DISCARD, CMD_ABORT };
    uint32_t n = pick(in, PEERS), choice = take8(in);
    struct app *app = peers[n].app;

    if (!app) {
        return;
    }
    switch (choice % 8) {
    case 0:
    case 1:
    case 2:
        if (!app->shut) {
            say(app, take16(in));
        }
        break;
    case 3:
    case 4:
        app->read_end = choice & 128 ? app->read + take16(in) : NO_LIMIT;
        app->can_read = 1;
        break;
    case 5:
        rig_option(pick(in, 2), app->handle, take16(in));
        break;
    case 6:
        app->shut = 1;
        rig_cmd(ops[pick(in, 4)], app->handle, 0);
        break;
    default:
        if (choice & 128) {
            app_release(app);
            peers[n].app = NULL;
        }
    }
}

/* error_in() - An ICMP error that quotes a segment of the stack */
static void error_in(struct input *in)
{
    static const uint8_t kinds4[][2] = { { 3, 4 }, { 3, 1 }, { 3, 3 }, { 11, 0 } },
                         kinds6[][2] = { { 2, 0 }, { 1, 0 }, { 1, 4 }, { 3, 0 } };
    uint32_t n = pick(in, PEERS), kind = pick(in, 4), v6 = connections[n].v6, header = v6 ? 40 : 20;
    uint8_t message[8 + 60] = { 0 }, *ip = message + 8, *tcp = ip + header;

    memcpy(message, v6 ? kinds6[kind] : kinds4[kind], 2);
    store16(message + 6, take16(in));
    if (v6) {
        put_ip6(ip, TCP, 1000, 64);
        memcpy(ip + 8, our_ip6, 16);
        memcpy(ip + 24, peer_ip6, 16);
    } else {
        put_ip4(ip, TCP, 1000, 1, 0x4000);
        memcpy(ip + 12, our_ip4, 4);
        memcpy(ip + 16, peer_ip4, 4);
    }
    store16(tcp, connections[n].stack_port);
    store16(tcp + 2, connections[n].port);
    store32(tcp + 4, connections[n].ack - take16(in) % 4000);
    give(v6 ? 6 : 4, v6 ? ICMP6 : 1, message, 8 + header + 8, (struct twist){ 0 });
}

void target_record(struct input *in)
{
    uint32_t kind = pick(in, 16);

    switch (kind) {
    case 0:
        time_in(in);
        break;
    case 1:
        tap_drop_all();
        break;
    case 2:
    case 3:
        hear(1 + take8(in));
        break;
    case 4:
    case 5:
        end_in(in);
        break;
    case 6:
        error_in(in);
        break;
    case 7:
        app_in(in); /* others of its sockets, and connects */
        break;
    default:
        segment_in(in);
        if (tap_holds) {
            return;
        }
        hear(kind & 1 ? 255 : 0);
    }
    rig_settle();
    held = 0;
}

void target_end(void)
{
    tap_holds = 0;
    rig_settle();
    end_hosts();
}
