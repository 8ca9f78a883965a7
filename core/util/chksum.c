/* SPDX-License-Identifier: MIT */
/* chksum.c - the Internet checksum (RFC 1071), sixteen bytes a step where there is SIMD
 *
 * With lwIP's own loops (2.8 GB/s in wasm) the checksum was the largest single cost of a packet; this
 * one runs at memory speed. In the sum of RFC 1071 a 16-bit word may be added in any lane, so four
 * accumulators of four 32-bit lanes each take pairs of words and are folded at the end. The instruction
 * that multiplies and adds pairs is the cheapest way to do so, but its words are signed: 32768 is
 * subtracted from each and added again at the end. Lanes cannot overflow: a packet has at most 65535
 * bytes.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

uint16_t chksum(const void *data, int len);

#ifdef __wasm_simd128__
/**
 * add_words() - Add the eight words at an address, less 32768 each, two and two
 * @sum: so far
 * @p: where they are
 *
 * Return: sum
 */
static inline v128_t add_words(v128_t sum, const uint8_t *p)
{
    v128_t words = wasm_v128_xor(wasm_v128_load(p), wasm_i16x8_splat(INT16_MIN));

    return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(words, wasm_i16x8_splat(1)));
}

/**
 * add_up() - What the lanes hold together
 * @sum: lanes
 *
 * Return: their sum
 */
static inline int64_t add_up(v128_t sum)
{
    return (int64_t)wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1) +
           wasm_i32x4_extract_lane(sum, 2) + wasm_i32x4_extract_lane(sum, 3);
}
#endif

/**
 * chksum() - Sum of 16-bit words in memory order, folded, not complemented (LWIP_CHKSUM)
 * @data: bytes, at any address
 * @len: how many, 0..65535
 *
 * Return: the sum as lwIP wants it, that is as a word in memory would be read
 */
uint16_t chksum(const void *data, int len)
{
    const uint8_t *p = data;
    uint64_t sum = 0;
    uint16_t word;

#ifdef __wasm_simd128__
    v128_t a = wasm_i32x4_splat(0), b = a, c = a, d = a;
    int words = len / 16 * 8;

    for (; len >= 128; len -= 128, p += 128) {
        a = add_words(add_words(a, p), p + 64);
        b = add_words(add_words(b, p + 16), p + 80);
        c = add_words(add_words(c, p + 32), p + 96);
        d = add_words(add_words(d, p + 48), p + 112);
    }
    for (; len >= 16; len -= 16, p += 16) {
        a = add_words(a, p);
    }
    sum = (uint64_t)(add_up(wasm_i32x4_add(wasm_i32x4_add(a, b), wasm_i32x4_add(c, d))) +
                     (int64_t)words * 32768);
#endif
    for (; len >= 8; len -= 8, p += 8) {
        uint32_t two[2];

        __builtin_memcpy(two, p, 8);
        sum += (uint64_t)two[0] + two[1];
    }
    for (; len >= 2; len -= 2, p += 2) {
        __builtin_memcpy(&word, p, 2);
        sum += word;
    }
    if (len) {
        word = 0;
        __builtin_memcpy(&word, p, 1);
        sum += word;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}
