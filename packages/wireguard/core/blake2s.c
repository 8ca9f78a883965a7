/* SPDX-License-Identifier: MIT */
/* blake2s.c - BLAKE2s (RFC 7693), HMAC and the key derivation of Noise over it */

#include <string.h>

#include "crypto.h"

static const uint32_t IV[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static const uint8_t SIGMA[10][16] = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
                                       { 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
                                       { 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
                                       { 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
                                       { 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
                                       { 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
                                       { 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
                                       { 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
                                       { 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
                                       { 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 } };

static inline uint32_t right(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static inline void mix(uint32_t *v, int a, int b, int c, int d, uint32_t x, uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = right(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = right(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = right(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = right(v[b] ^ v[c], 7);
}

static void compress(struct blake2s *s, const uint8_t *block, int last)
{
    uint32_t m[16], v[16];

    memcpy(m, block, sizeof(m));
    memcpy(v, s->h, 32);
    memcpy(v + 8, IV, 32);
    v[12] ^= (uint32_t)s->length;
    v[13] ^= (uint32_t)(s->length >> 32);
    v[14] ^= last ? 0xffffffffu : 0;
    for (int round = 0; round < 10; round++) {
        const uint8_t *at = SIGMA[round];

        for (int i = 0; i < 4; i++) {
            mix(v, i, 4 + i, 8 + i, 12 + i, m[at[2 * i]], m[at[2 * i + 1]]);
        }
        for (int i = 0; i < 4; i++) {
            mix(v, i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3), m[at[8 + 2 * i]],
                m[at[9 + 2 * i]]);
        }
    }
    for (int i = 0; i < 8; i++) {
        s->h[i] ^= v[i] ^ v[8 + i];
    }
    wipe(v, sizeof(v));
    wipe(m, sizeof(m));
}

/**
 * blake2s_init() - Begin
 * @s: state
 * @size: bytes of the result, 1 to 32
 * @key: of a keyed hash
 * @key_size: its bytes, 0 to 32
 */
void blake2s_init(struct blake2s *s, uint32_t size, const uint8_t *key, uint32_t key_size)
{
    memset(s, 0, sizeof(*s));
    memcpy(s->h, IV, sizeof(IV));
    s->h[0] ^= 0x01010000u ^ key_size << 8 ^ size;
    s->size = size;
    if (key_size > 0) {
        memcpy(s->block, key, key_size);
        s->held = 64;
    }
}

/**
 * blake2s_update() - Go on
 * @s: state
 * @data: bytes
 * @length: how many
 */
void blake2s_update(struct blake2s *s, const void *data, uint32_t length)
{
    const uint8_t *from = data;

    while (length > 0) {
        uint32_t part = 64 - s->held;

        if (part == 0) {
            s->length += 64;
            compress(s, s->block, 0);
            s->held = 0;
            continue;
        }
        part = part < length ? part : length;
        memcpy(s->block + s->held, from, part);
        s->held += part;
        from += part;
        length -= part;
    }
}

/**
 * blake2s_final() - End; the state is wiped
 * @s: state
 * @out: result
 */
void blake2s_final(struct blake2s *s, uint8_t *out)
{
    memset(s->block + s->held, 0, 64 - s->held);
    s->length += s->held;
    compress(s, s->block, 1);
    memcpy(out, s->h, s->size);
    wipe(s, sizeof(*s));
}

/**
 * blake2s_mac() - Hash of one message, keyed or not
 * @out: result
 * @size: its bytes
 * @key: key
 * @key_size: its bytes, 0: not keyed
 * @data: message
 * @length: its bytes
 */
void blake2s_mac(uint8_t *out, uint32_t size, const uint8_t *key, uint32_t key_size,
                 const void *data, uint32_t length)
{
    struct blake2s s;

    blake2s_init(&s, size, key, key_size);
    blake2s_update(&s, data, length);
    blake2s_final(&s, out);
}

/**
 * blake2s_hmac() - HMAC (RFC 2104) over BLAKE2s
 * @out: 32 bytes; may be the key or the message
 * @key: key
 * @key_size: its bytes, at most 64
 * @data: message
 * @length: its bytes
 */
void blake2s_hmac(uint8_t out[HASH_SIZE], const uint8_t *key, uint32_t key_size, const void *data,
                  uint32_t length)
{
    struct blake2s s;
    uint8_t pad[64] = { 0 }, inner[HASH_SIZE];

    memcpy(pad, key, key_size);
    for (int i = 0; i < 64; i++) {
        pad[i] ^= 0x36;
    }
    blake2s_init(&s, HASH_SIZE, NULL, 0);
    blake2s_update(&s, pad, 64);
    blake2s_update(&s, data, length);
    blake2s_final(&s, inner);
    for (int i = 0; i < 64; i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    blake2s_init(&s, HASH_SIZE, NULL, 0);
    blake2s_update(&s, pad, 64);
    blake2s_update(&s, inner, HASH_SIZE);
    blake2s_final(&s, out);
    wipe(pad, sizeof(pad));
    wipe(inner, sizeof(inner));
}

/**
 * kdf() - HKDF of Noise: one to three keys from a chaining key and a secret
 * @out: places of the keys; ends with the first NULL
 * @chain: chaining key; may be one of the results
 * @data: secret
 * @length: its bytes
 */
void kdf(uint8_t *const out[3], const uint8_t chain[HASH_SIZE], const void *data, uint32_t length)
{
    uint8_t secret[HASH_SIZE], step[HASH_SIZE + 1];

    blake2s_hmac(secret, chain, HASH_SIZE, data, length);
    for (uint8_t i = 0; i < 3 && out[i]; i++) {
        step[i ? HASH_SIZE : 0] = (uint8_t)(i + 1);
        blake2s_hmac(step, secret, HASH_SIZE, step, i ? HASH_SIZE + 1 : 1);
        memcpy(out[i], step, HASH_SIZE);
    }
    wipe(secret, sizeof(secret));
    wipe(step, sizeof(step));
}
