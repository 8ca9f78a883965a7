/* SPDX-License-Identifier: MIT */
/* fuzz_wireguard.c - messages to a WireGuard device: made up, or by a peer that knows all keys and spoils what it likes
 *
 * Record 1: whether the device knows the peer's place, its load, its MTU. Each other one: an action, and what it is about.
 */
#include "../wireguard/native_rig.h"
#include "fuzz.h"

#define BLOCKS 512
#define PACKET 1500u

enum action { RAW, INITIATE, RESPOND, GIVE_COOKIE, SEND_DATA, GET_PACKET, WAIT, ACTIONS };

static void *blocks[BLOCKS];
static uint32_t block_count, theirs_index;
static uint8_t send_key[KEY_SIZE];
static int has_session;
char *arena_base; /* fuzz.c maps it; nothing is there */

void *memory_take(uint32_t size)
{
    if (block_count == BLOCKS) {
        return NULL;
    }
    blocks[block_count] = calloc(1, size);
    return blocks[block_count++];
}

uint32_t target_arena(void)
{
    return 65536;
}

void target_start(struct input *in)
{
    uint32_t bits;

    set_up();
    bits = take8(in);
    peer.has_endpoint = bits & 1;
    peer.endpoint = FROM;
    device.rate = device.tokens = bits & 2 ? 1 : 1e9;
    device.mtu = 576 + pick(in, 4) * 300;
    peer.persistent = bits & 4 ? 25000 : 0;
}

/* Spoils one byte, or none: most messages are to be true. */
static void spoil(struct input *in, uint8_t *message, uint32_t length)
{
    if (take8(in) & 1) {
        message[take16(in) % length] ^= (uint8_t)take8(in);
    }
}

static void act_raw(struct input *in)
{
    uint8_t message[2048];
    uint32_t bits = take8(in), length;

    memset(message, 0, sizeof(message));
    length = take_rest(in, message, sizeof(message));
    if (bits & 1 && length >= 8) { /* of a type, for an index that is there */
        store32(message, 1 + (bits >> 1 & 3));
        store32(message + 4, bits & 8 ? theirs_index : peer.handshake.entry.index);
    }
    if (bits & 16 && length > MACS_SIZE) {
        sign(message, length);
    }
    take(message, length);
}

static void act_initiate(struct input *in)
{
    struct noise noise;
    uint8_t message[INITIATION_SIZE], receive_key[KEY_SIZE];

    initiate(&noise, message, (uint8_t)take8(in));
    spoil(in, message, INITIATION_SIZE - MACS_SIZE);
    sign(message, INITIATION_SIZE);
    sent_length = 0;
    take(message, INITIATION_SIZE);
    if (sent_length == RESPONSE_SIZE &&
        noise_read_second(&noise, sent + 12, our_private, NO_SECRET, NULL, 0)) {
        theirs_index = load32(sent + 4);
        noise_split(&noise, send_key, receive_key);
        has_session = 1;
    }
}

/* Answers the initiation that the device sent last. */
static void act_respond(struct input *in)
{
    struct noise noise;
    uint8_t message[RESPONSE_SIZE] = { 0 }, remote[KEY_SIZE], timestamp[TIMESTAMP_SIZE],
            receive_key[KEY_SIZE];

    if (sent_length != INITIATION_SIZE || load32(sent) != INITIATION) {
        return;
    }
    noise_begin(&noise, (const uint8_t *)PROLOGUE, sizeof(PROLOGUE) - 1, our_public);
    if (!noise_read_static(&noise, remote, sent + 8, our_private) ||
        !noise_read_first(&noise, sent + 8, peer.shared, timestamp, TIMESTAMP_SIZE)) {
        abort();
    }
    host_random(noise.ephemeral, KEY_SIZE);
    x25519_clamp(noise.ephemeral);
    store32(message, RESPONSE);
    store32(message + 4, 77);
    store32(message + 8, load32(sent + 4));
    theirs_index = load32(sent + 4);
    must(noise_write_second(&noise, message + 12, device.public_key, NO_SECRET, NULL, 0));
    noise_split(&noise, receive_key, send_key);
    has_session = 1;
    spoil(in, message, RESPONSE_SIZE - MACS_SIZE);
    sign(message, RESPONSE_SIZE);
    take(message, RESPONSE_SIZE);
}

static void act_cookie(struct input *in)
{
    uint8_t message[COOKIE_REPLY_SIZE] = { 0 }, value[COOKIE_SIZE];

    take_bytes(in, value, sizeof(value));
    store32(message, COOKIE);
    store32(message + 4, take8(in) & 1 ? peer.handshake.entry.index : take32(in));
    xaead_seal(message + 32, value, COOKIE_SIZE, peer.cookie.mac1, COOKIE_SIZE, message + 8,
               peer.cookie.reply_key);
    spoil(in, message, COOKIE_REPLY_SIZE);
    take(message, COOKIE_REPLY_SIZE);
}

/* A packet of the bytes that are left, made longer; its first bytes are those of IP unless they are chosen. */
static uint32_t make_packet(struct input *in, uint8_t *packet)
{
    uint32_t bits = take8(in), length = take16(in) % (PACKET + 1);

    memset(packet, 0, PACKET);
    take_rest(in, packet, length);
    if (bits & 1 && length >= 20) {
        packet[0] = bits & 2 ? 0x60 | (packet[0] & 15) : 0x45;
        packet[bits & 2 ? 8 : 12] = packet[bits & 2 ? 24 : 16] = bits & 4 ? 10 : 11;
        if (bits & 8) {
            packet[bits & 2 ? 4 : 2] = (uint8_t)((bits & 2 ? length - 40 : length) >> 8);
            packet[bits & 2 ? 5 : 3] = (uint8_t)(bits & 2 ? length - 40 : length);
        }
    }
    return length;
}

static void act_data(struct input *in)
{
    static uint8_t packet[PACKET], message[PACKET + 64];
    uint64_t counter = take8(in) & 1 ? take16(in) : UINT64_MAX - take16(in);
    uint32_t length, sealed;

    if (!has_session) {
        return;
    }
    length = make_packet(in, packet);
    sealed = seal(message, theirs_index, counter, packet, length, send_key);
    take(message, sealed);
    must(delivered_length <= PACKET);
}

static void act_packet(struct input *in)
{
    static uint8_t reply[1280];
    uint8_t *packet = out_area + HEADER_SIZE;
    uint32_t length = make_packet(in, packet);
    const int is_v6 = packet[0] >> 4 == 6;

    if (length < (is_v6 ? 40u : 20u)) {
        return;
    }
    if (allowed_find(is_v6, packet + (is_v6 ? 24 : 16))) {
        send_packet(&peer, length);
    } else {
        refuse(packet, length, reply, is_v6 ? 1280 : length & 1);
    }
}

void target_record(struct input *in)
{
    static void (*const ACT[])(struct input *) = {
        [RAW] = act_raw,         [INITIATE] = act_initiate,
        [RESPOND] = act_respond, [GIVE_COOKIE] = act_cookie,
        [SEND_DATA] = act_data,  [GET_PACKET] = act_packet,
    };
    uint32_t action = pick(in, ACTIONS);

    if (action == WAIT) {
        device.now += take16(in) * (1.0 + take8(in));
        timers_run();
    } else {
        ACT[action](in);
    }
}

void target_end(void)
{
    must(peer.staged_count <= MAX_STAGED);
    drop_staged(&peer, 0);
    session_forget(&peer);
    for (uint32_t i = 0; i < sizeof(peer.sessions); i++) {
        must(((const uint8_t *)peer.sessions)[i] == 0);
    }
    for (uint32_t i = 0; i < block_count; i++) {
        free(blocks[i]);
    }
}
