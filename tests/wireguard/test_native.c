/* SPDX-License-Identifier: MIT */
/* test_native.c - the device of packages/wireguard/core under sanitizers: every message changed, cut and made up */
#include "native_rig.h"

void *memory_take(uint32_t size)
{
    return calloc(1, size);
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
