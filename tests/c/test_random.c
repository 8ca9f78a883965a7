/* SPDX-License-Identifier: MIT */
/* test_random.c - SipHash-2-4 by its official vectors, and sequence numbers by RFC 6528 */
#include "testkit.h"

#include "lwip_port.h"
#include "util/random.h"

/* Key 00 01 .. 0f, message 00 01 .. of 0 to 63 bytes (vectors_sip64 of the reference code). */
static const uint64_t vectors[64] = {
    0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au, 0x85676696d7fb7e2du,
    0xcf2794e0277187b7u, 0x18765564cd99a68du, 0xcbc9466e58fee3ceu, 0xab0200f58b01d137u,
    0x93f5f5799a932462u, 0x9e0082df0ba9e4b0u, 0x7a5dbbc594ddb9f3u, 0xf4b32f46226bada7u,
    0x751e8fbc860ee5fbu, 0x14ea5627c0843d90u, 0xf723ca908e7af2eeu, 0xa129ca6149be45e5u,
    0x3f2acc7f57c29bdbu, 0x699ae9f52cbe4794u, 0x4bc1b3f0968dd39cu, 0xbb6dc91da77961bdu,
    0xbed65cf21aa2ee98u, 0xd0f2cbb02e3b67c7u, 0x93536795e3a33e88u, 0xa80c038ccd5ccec8u,
    0xb8ad50c6f649af94u, 0xbce192de8a85b8eau, 0x17d835b85bbb15f3u, 0x2f2e6163076bcfadu,
    0xde4daaaca71dc9a5u, 0xa6a2506687956571u, 0xad87a3535c49ef28u, 0x32d892fad841c342u,
    0x7127512f72f27cceu, 0xa7f32346f95978e3u, 0x12e0b01abb051238u, 0x15e034d40fa197aeu,
    0x314dffbe0815a3b4u, 0x027990f029623981u, 0xcadcd4e59ef40c4du, 0x9abfd8766a33735cu,
    0x0e3ea96b5304a7d0u, 0xad0c42d6fc585992u, 0x187306c89bc215a9u, 0xd4a60abcf3792b95u,
    0xf935451de4f21df2u, 0xa9538f0419755787u, 0xdb9acddff56ca510u, 0xd06c98cd5c0975ebu,
    0xe612a3cb9ecba951u, 0xc766e62cfcadaf96u, 0xee64435a9752fe72u, 0xa192d576b245165au,
    0x0a8787bf8ecb74b2u, 0x81b3e73d20b49b6fu, 0x7fa8220ba3b2eceau, 0x245731c13ca42499u,
    0xb78dbfaf3a8d83bdu, 0xea1ad565322a1a0bu, 0x60e61c23a3795013u, 0x6606d7e446282b93u,
    0x6ca4ecb15c5f91e1u, 0x9f626da15c9625f3u, 0xe51b38608ef25f57u, 0x958a324ceb064572u,
};

/**
 * key() - Keys of a stack from one number; key 0 is that of the vectors
 * @number: which
 */
static void key(uint32_t number)
{
    uint32_t seed[8] = { 0x03020100u, 0x07060504u, 0x0b0a0908u, 0x0f0e0d0cu, 1, 2, 3, 4 + number };

    seed[0] ^= number;
    random_init(seed);
}

/* --- SipHash --------------------------------------------------------------------------------- */

START_TEST(hash_agrees_with_the_official_vectors)
{
    uint8_t message[64 + 8];
    uint32_t i, shift;

    key(0);
    for (shift = 0; shift < 8; shift++) {
        for (i = 0; i < 64; i++) {
            message[shift + i] = (uint8_t)i;
        }
        for (i = 0; i < 64; i++) {
            must(random_hash(message + shift, i) == vectors[i]);
        }
    }
}
END_TEST

START_TEST(hash_depends_on_the_key_and_on_nothing_else)
{
    uint64_t first;

    key(0);
    first = random_hash("ringstack", 9);
    random_u32();
    ck_assert_uint_eq(random_hash("ringstack", 9), first);
    key(1);
    ck_assert_uint_ne(random_hash("ringstack", 9), first);
    key(0);
    ck_assert_uint_eq(random_hash("ringstack", 9), first);
}
END_TEST

START_TEST(numbers_differ_from_call_to_call_and_from_key_to_key)
{
    uint32_t first[1000], i, k, bits[32] = { 0 }, same = 0;

    key(0);
    for (i = 0; i < 1000; i++) {
        first[i] = random_u32();
        for (k = 0; k < 32; k++) {
            bits[k] += first[i] >> k & 1;
        }
        for (k = 0; k < i; k++) {
            same += first[k] == first[i];
        }
    }
    ck_assert_uint_le(same, 1);
    for (k = 0; k < 32; k++) {
        ck_assert_uint_gt(bits[k], 400);
        ck_assert_uint_lt(bits[k], 600);
    }
    key(1);
    same = 0;
    for (i = 0; i < 1000; i++) {
        same += random_u32() == first[i];
    }
    ck_assert_uint_le(same, 1);
}
END_TEST

/* --- Initial sequence numbers ------------------------------------------------------------------ */

/**
 * isn() - Sequence number of a connection from 10.0.0.last to 10.0.0.9
 * @now: ms
 * @last: last byte of our address
 * @local_port: our port
 * @remote_port: their port
 *
 * Return: the number
 */
static uint32_t isn(double now, uint8_t last, uint16_t local_port, uint16_t remote_port)
{
    ip_addr_t local = IPADDR4_INIT_BYTES(10, 0, 0, last), remote = IPADDR4_INIT_BYTES(10, 0, 0, 9);

    port_set_time(now);
    return port_tcp_isn(&local, local_port, &remote, remote_port);
}

START_TEST(same_ends_advance_by_250_a_millisecond)
{
    uint32_t start;

    key(0);
    start = isn(1000, 1, 40000, 80);
    ck_assert_uint_eq(isn(1000, 1, 40000, 80), start);
    ck_assert_uint_eq(isn(1001, 1, 40000, 80), start + 250);
    ck_assert_uint_eq(isn(1000.5, 1, 40000, 80), start + 125);
    ck_assert_uint_eq(isn(2000, 1, 40000, 80), start + 250000);
    /* 2^32 steps of 4 us: the clock wraps, and nothing else happens. */
    ck_assert_uint_eq(isn(1000 + 4294967296.0 / 250, 1, 40000, 80), start);
    ck_assert_uint_eq(isn(1000 + 10 * 4294967296.0 / 250 + 4, 1, 40000, 80), start + 1000);
}
END_TEST

START_TEST(different_ends_have_unrelated_numbers)
{
    uint32_t a, b;

    key(0);
    a = isn(1000, 1, 40000, 80);
    b = isn(1000, 1, 40001, 80);
    /* Neighbours must not be near each other: an attacker knows one of them. */
    ck_assert_uint_gt(b - a + 1000000, 2000000);
    b = isn(1000, 1, 40000, 81);
    ck_assert_uint_gt(b - a + 1000000, 2000000);
    b = isn(1000, 2, 40000, 80);
    ck_assert_uint_gt(b - a + 1000000, 2000000);
    key(1);
    b = isn(1000, 1, 40000, 80);
    ck_assert_uint_gt(b - a + 1000000, 2000000);
}
END_TEST

START_TEST(families_with_the_same_bytes_differ)
{
    ip_addr_t four = IPADDR4_INIT_BYTES(10, 0, 0, 1),
              six = IPADDR6_INIT(four.u_addr.ip4.addr, 0, 0, 0);

    key(0);
    port_set_time(5);
    ck_assert_uint_ne(port_tcp_isn(&four, 1, &four, 2), port_tcp_isn(&six, 1, &six, 2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *hash = tcase_create("hash"), *numbers = tcase_create("isn");

    tcase_add_test(hash, hash_agrees_with_the_official_vectors);
    tcase_add_test(hash, hash_depends_on_the_key_and_on_nothing_else);
    tcase_add_test(hash, numbers_differ_from_call_to_call_and_from_key_to_key);
    tcase_add_test(numbers, same_ends_advance_by_250_a_millisecond);
    tcase_add_test(numbers, different_ends_have_unrelated_numbers);
    tcase_add_test(numbers, families_with_the_same_bytes_differ);
    suite_add_tcase(suite, hash);
    suite_add_tcase(suite, numbers);
    return run_suite(suite);
}
