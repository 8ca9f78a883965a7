/* SPDX-License-Identifier: MIT */
/* chksum.c - the Internet checksum (RFC 1071), sixteen bytes a step where there is SIMD
 *
 * In wasm the checksum was the largest single cost of a packet with lwIP's own loops (2.8 GB/s);
 * this one runs at memory speed. The sum of RFC 1071 does not care in which lane a 16-bit word is
 * added, so four accumulators of four 32-bit lanes each take pairs of words and are folded at the
 * end. Lanes cannot overflow: a packet has at most 65535 bytes.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

uint16_t chksum(const void *data, int len);

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

    for (; len >= 64; len -= 64, p += 64) {
        a = wasm_i32x4_add(a, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(p)));
        b = wasm_i32x4_add(b, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(p + 16)));
        c = wasm_i32x4_add(c, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(p + 32)));
        d = wasm_i32x4_add(d, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(p + 48)));
    }
    for (; len >= 16; len -= 16, p += 16) {
        a = wasm_i32x4_add(a, wasm_u32x4_extadd_pairwise_u16x8(wasm_v128_load(p)));
    }
    a = wasm_i32x4_add(wasm_i32x4_add(a, b), wasm_i32x4_add(c, d));
    sum = (uint64_t)(uint32_t)wasm_i32x4_extract_lane(a, 0) +
          (uint32_t)wasm_i32x4_extract_lane(a, 1) + (uint32_t)wasm_i32x4_extract_lane(a, 2) +
          (uint32_t)wasm_i32x4_extract_lane(a, 3);
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
