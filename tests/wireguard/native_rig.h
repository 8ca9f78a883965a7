/* SPDX-License-Identifier: MIT */
/* native_rig.h - the device of packages/wireguard/core natively, and a peer of it that knows all keys
 *
 * The test is the peer: it makes and reads handshakes with the functions of noise.c, so that messages that
 * it spoils are spoiled behind a tag that is true. A message lies in a block of its own length, so that the
 * sanitizer sees what is read beside it.
 */
#ifndef RINGSTACK_WIREGUARD_NATIVE_RIG_H
#define RINGSTACK_WIREGUARD_NATIVE_RIG_H

#include "../../packages/wireguard/core/allowed.h"
#include "../../packages/wireguard/core/host.h"
#include "../../packages/wireguard/core/memory.h"
#include "../c/testkit.h"

#include <math.h>
#include <stdlib.h>

static const char PROLOGUE[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
static const uint8_t NO_SECRET[KEY_SIZE];

struct device device;
uint8_t *out_area, *plain_area;

static uint8_t out[HEADER_SIZE + LARGEST + 64], plain[LARGEST], sent[LARGEST + 64];
static uint32_t sent_length, sent_count, delivered, delivered_length, seed;
static struct peer peer;
static uint8_t our_private[KEY_SIZE], our_public[KEY_SIZE];
static struct cookie theirs; /* keys of messages for the device */
static const struct endpoint FROM = { .port = 9, .family = 4, .address = { 10, 9, 9, 9 } };

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 4) * limit >> 28);
}

void host_random(uint8_t *to, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        to[i] = (uint8_t)below(256);
    }
}

void host_timestamp(uint8_t *to)
{
    memset(to, 0, TIMESTAMP_SIZE);
}

void host_transmit(const uint8_t *data, uint32_t length, const struct endpoint *to, uint32_t ecn)
{
    (void)to;
    (void)ecn;
    memcpy(sent, data, length);
    sent_length = length;
    sent_count++;
}

uint32_t host_limit(uint32_t transport)
{
    (void)transport;
    return LARGEST;
}

void host_deliver(const uint8_t *data, uint32_t length)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum += data[i];
    }
    delivered += sum > 0;
    delivered_length = length;
}

/* The device takes a message that lies in a block of its own. */
static void take(const uint8_t *message, uint32_t length)
{
    uint8_t *copy = malloc(length ? length : 1);

    memcpy(copy, message, length);
    receive_message(copy, length, &FROM, below(4));
    free(copy);
}

static void set_up(void)
{
    static const uint8_t NET[4] = { 10, 0, 0, 0 };

    seed = 18;
    memset(&device, 0, sizeof(device));
    memset(&peer, 0, sizeof(peer));
    allowed_clear();
    out_area = out;
    plain_area = plain;
    sent_length = sent_count = delivered = 0;
    device.mtu = 1420;
    device.rate = device.tokens = 1e9;
    device.now = device.tokens_at = 1000;
    device.due = INFINITY;
    device.has_key = 1;
    host_random(device.private_key, KEY_SIZE);
    x25519_public(device.public_key, device.private_key);
    cookie_keys(&device.own, device.public_key);
    cookie_keys(&theirs, device.public_key);
    host_random(our_private, KEY_SIZE);
    x25519_public(our_public, our_private);
    memcpy(peer.public_key, our_public, KEY_SIZE);
    peer.is_usable = x25519(peer.shared, device.private_key, our_public);
    cookie_keys(&peer.cookie, our_public);
    device.peers[0] = &peer;
    device.peer_count = 1;
    ck_assert_int_eq(allowed_add(0, NET, 8, &peer), 1);
}

/* mac1 of a message of ours. */
static void sign(uint8_t *message, uint32_t length)
{
    memset(message + length - MACS_SIZE, 0, MACS_SIZE);
    blake2s_mac(message + length - MACS_SIZE, COOKIE_SIZE, theirs.mac1_key, HASH_SIZE, message,
                length - MACS_SIZE);
}

/* An initiation of ours with a timestamp. */
static void initiate(struct noise *noise, uint8_t message[INITIATION_SIZE], uint8_t time)
{
    uint8_t timestamp[TIMESTAMP_SIZE] = { [TIMESTAMP_SIZE - 1] = time };

    memset(message, 0, INITIATION_SIZE);
    store32(message, INITIATION);
    store32(message + 4, 77);
    noise_begin(noise, (const uint8_t *)PROLOGUE, sizeof(PROLOGUE) - 1, device.public_key);
    host_random(noise->ephemeral, KEY_SIZE);
    must(noise_write_first(noise, message + 8, our_public, device.public_key, peer.shared,
                           timestamp, TIMESTAMP_SIZE));
    sign(message, INITIATION_SIZE);
}

/* Data of ours, sealed; returns its length. */
static uint32_t seal(uint8_t *message, uint32_t index, uint64_t counter, const uint8_t *packet,
                     uint32_t length, const uint8_t key[KEY_SIZE])
{
    store32(message, DATA);
    store32(message + 4, index);
    store64(message + 8, counter);
    aead_seal(message + HEADER_SIZE, packet, length, NULL, 0, counter, key);
    return HEADER_SIZE + length + TAG_SIZE;
}

#endif /* RINGSTACK_WIREGUARD_NATIVE_RIG_H */
