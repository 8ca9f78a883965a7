/* SPDX-License-Identifier: MIT */
/* test_native.c - the device of packages/wireguard/core under sanitizers: every message changed, cut and made up
 *
 * The test is the peer: it makes and reads handshakes with the functions of noise.c, so that messages that
 * it spoils are spoiled behind a tag that is true. A message lies in a block of its own length, so that the
 * sanitizer sees what is read beside it.
 */
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

void *memory_take(uint32_t size)
{
    return calloc(1, size);
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

/* A session, begun by us. */
static void shake(uint8_t send_key[KEY_SIZE], uint32_t *index, uint8_t time)
{
    struct noise noise;
    uint8_t message[INITIATION_SIZE], receive_key[KEY_SIZE];

    initiate(&noise, message, time);
    device.now += 100;
    take(message, INITIATION_SIZE);
    ck_assert_uint_eq(sent_length, RESPONSE_SIZE);
    ck_assert_uint_eq(load32(sent + 8), 77);
    must(noise_read_second(&noise, sent + 12, our_private, NO_SECRET, NULL, 0));
    *index = load32(sent + 4);
    noise_split(&noise, send_key, receive_key);
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

START_TEST(handshakes_that_are_changed_or_cut_have_no_answer)
{
    struct noise noise;
    uint8_t message[INITIATION_SIZE], spoiled[INITIATION_SIZE];

    set_up();
    initiate(&noise, message, 1);
    for (uint32_t i = 0; i < INITIATION_SIZE - MACS_SIZE; i++) {
        memcpy(spoiled, message, sizeof(spoiled));
        spoiled[i] ^= 1u << i % 8;
        take(spoiled, INITIATION_SIZE);
        if (i < 4 || i > 7) { /* the sender's index is not authentic by itself */
            sign(spoiled, INITIATION_SIZE);
            take(spoiled, INITIATION_SIZE);
        }
        take(message, i);
    }
    ck_assert_uint_eq(sent_count, 0);
    take(message, INITIATION_SIZE);
    ck_assert_uint_eq(sent_count, 1);
}
END_TEST

START_TEST(packets_of_any_contents_are_delivered_whole_or_not_at_all)
{
    uint8_t key[KEY_SIZE], packet[256], message[512];
    uint32_t index, good = 0;

    set_up();
    shake(key, &index, 1);
    for (uint64_t counter = 0; counter < 20000; counter++) {
        uint32_t length = below(sizeof(packet)), before = delivered;

        host_random(packet, length);
        if (length > 20 && counter % 2) {
            packet[0] = counter % 4 == 1 ? 0x45 : (uint8_t)(packet[0] & 0x0f) | 0x60;
            packet[2] = (uint8_t)below(2);
            packet[12] = 10;
        }
        take(message, seal(message, index, counter, packet, length, key));
        if (delivered > before) {
            good++;
            must(delivered_length <= length && packet[12] == 10 && packet[0] >> 4 == 4);
        }
    }
    must(good > 100);
    ck_assert_uint_eq(device.drops[DROP_UNAUTHENTIC] + device.drops[DROP_REPLAY], 0);
}
END_TEST

START_TEST(messages_of_any_bytes_change_nothing)
{
    uint8_t key[KEY_SIZE], message[512], packet[40] = { 0x45, 0, 0, 40, [12] = 10 };
    uint32_t index;

    set_up();
    shake(key, &index, 1);
    for (uint32_t i = 0; i < 100000; i++) {
        static const uint32_t SIZES[] = { INITIATION_SIZE, RESPONSE_SIZE, COOKIE_REPLY_SIZE, 32 };
        uint32_t type = below(5), length = i % 3 ? below(400) : SIZES[type % 4];

        host_random(message, length);
        if (length >= 16) {
            store32(message, type);
            store32(message + (type == RESPONSE ? 8 : 4),
                    i % 2 ? index : peer.handshake.entry.index);
        }
        if (i % 5 == 0 && (type == INITIATION || type == RESPONSE) && length == SIZES[type - 1]) {
            sign(message, length);
        }
        device.now += 1;
        timers_run();
        take(message, length);
    }
    ck_assert_uint_eq(delivered, 0);
    shake(key, &index, 2);
    take(message, seal(message, index, 0, packet, sizeof(packet), key));
    ck_assert_uint_eq(delivered, 1);
}
END_TEST

START_TEST(packets_that_wait_and_keys_that_expire_are_forgotten)
{
    uint8_t key[KEY_SIZE];
    uint32_t index;

    set_up();
    peer.has_endpoint = 1;
    for (uint32_t i = 0; i < 1000; i++) {
        send_packet(&peer, i % 1420 + 1);
        device.now += 10;
        timers_run();
    }
    ck_assert_uint_eq(peer.staged_count, MAX_STAGED);
    shake(key, &index, 1);
    for (uint32_t i = 0; i < 1000; i++) {
        device.now += 1000;
        timers_run();
    }
    ck_assert_uint_eq(peer.staged_count, 0);
    must(!peer.current && !peer.next && !peer.previous);
    for (uint32_t i = 0; i < sizeof(peer.sessions); i++) {
        ck_assert_uint_eq(((uint8_t *)peer.sessions)[i], 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wireguard");
    TCase *tc = tcase_create("wireguard");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, handshakes_that_are_changed_or_cut_have_no_answer);
    tcase_add_test(tc, packets_of_any_contents_are_delivered_whole_or_not_at_all);
    tcase_add_test(tc, messages_of_any_bytes_change_nothing);
    tcase_add_test(tc, packets_that_wait_and_keys_that_expire_are_forgotten);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
