/* SPDX-License-Identifier: MIT */
/* test_chksum.c - the Internet checksum against the loop of RFC 1071, section 4.1 */
#include "testkit.h"

uint16_t chksum(const void *data, int len);

/**
 * naive() - The sum as RFC 1071 writes it, words in network order
 * @data: bytes
 * @len: how many
 *
 * Return: folded sum, as a word in memory would be read
 */
static uint16_t naive(const uint8_t *data, uint32_t len)
{
    uint32_t sum = 0, i;
    uint8_t bytes[2];
    uint16_t word;

    for (i = 0; i + 1 < len; i += 2) {
        sum += (uint32_t)data[i] << 8 | data[i + 1];
    }
    if (i < len) {
        sum += (uint32_t)data[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[0] = (uint8_t)(sum >> 8);
    bytes[1] = (uint8_t)sum;
    memcpy(&word, bytes, 2);
    return word;
}

/**
 * same() - Whether two sums mean the same: 0 and 0xffff are both zero in one's complement, but a
 * sum of bytes that are not all 0 is never 0
 * @data: bytes
 * @len: how many
 *
 * Return: 1 if chksum() agrees
 */
static int same(const uint8_t *data, uint32_t len)
{
    return chksum(data, (int)len) == naive(data, len);
}

static uint8_t buffer[65535 + 64] __attribute__((aligned(64)));

START_TEST(all_lengths_at_all_alignments)
{
    uint32_t length, at_byte;

    seeded_fill(test_seed, 0, buffer, 1024);
    for (length = 0; length <= 300; length++) {
        for (at_byte = 0; at_byte < 16; at_byte++) {
            must(same(buffer + at_byte, length));
        }
    }
}
END_TEST

START_TEST(nothing_is_read_beside_the_bytes)
{
    uint32_t length, at_byte;

    for (length = 0; length <= 300; length++) {
        /* Its own allocation, so that AddressSanitizer knows where it ends. */
        for (at_byte = 0; at_byte < 8; at_byte++) {
            uint8_t *block = malloc(at_byte + length ? at_byte + length : 1);

            seeded_fill(test_seed, length, block, at_byte + length);
            must(same(block + at_byte, length));
            free(block);
        }
    }
}
END_TEST

START_TEST(longest_packets_of_the_largest_bytes)
{
    static const uint32_t lengths[] = { 65535, 65534, 65533, 65520, 1514, 1500 };
    uint32_t at_byte;

    memset(buffer, 0xff, sizeof(buffer));
    for (at_byte = 0; at_byte < 16; at_byte++) {
        must(same(buffer + at_byte, lengths[_i]));
    }
    seeded_fill(test_seed, 0, buffer, sizeof(buffer));
    for (at_byte = 0; at_byte < 16; at_byte++) {
        must(same(buffer + at_byte, lengths[_i]));
    }
}
END_TEST

START_TEST(zeroes_sum_to_zero_and_a_single_byte_counts_where_it_stands)
{
    uint32_t i;

    memset(buffer, 0, sizeof(buffer));
    ck_assert_uint_eq(chksum(buffer, 65535), 0);
    ck_assert_uint_eq(chksum(buffer, 0), 0);
    for (i = 0; i < 300; i++) {
        buffer[i] = 0x80;
        must(same(buffer, 300));
        must(chksum(buffer, 300) != 0);
        buffer[i] = 0;
    }
}
END_TEST

START_TEST(example_of_the_rfc)
{
    static const uint8_t example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
    static const uint8_t sum[] = { 0xdd, 0xf2 };
    uint16_t word = chksum(example, sizeof(example));

    ck_assert_int_eq(memcmp(&word, sum, 2), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chksum");
    TCase *tc = tcase_create("chksum");

    tcase_add_test(tc, all_lengths_at_all_alignments);
    tcase_add_test(tc, nothing_is_read_beside_the_bytes);
    tcase_add_loop_test(tc, longest_packets_of_the_largest_bytes, 0, 6);
    tcase_add_test(tc, zeroes_sum_to_zero_and_a_single_byte_counts_where_it_stands);
    tcase_add_test(tc, example_of_the_rfc);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
