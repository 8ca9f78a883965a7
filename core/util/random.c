/* SPDX-License-Identifier: MIT */
/* random.c - keyed randomness of a stack: sequence numbers, ports, lwIP's own needs
 *
 * SipHash-2-4 (Aumasson and Bernstein, 2012) under two keys from the runtime's crypto: one keys the
 * hash of RFC 6528, the other runs over a counter and makes all numbers that must not be guessed.
 */
#include "util/random.h"

static uint64_t hash_key[2], counter_key[2], counter;

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

/**
 * sip_rounds() - Mix the state
 * @v: state
 * @rounds: how often
 */
static void sip_rounds(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

/**
 * siphash() - SipHash-2-4 on a little-endian machine
 * @key: 128 bits
 * @data: message
 * @length: its bytes
 *
 * Return: 64-bit tag
 */
static uint64_t siphash(const uint64_t key[2], const void *data, size_t length)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                      key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
    const uint8_t *bytes = data, *end = bytes + length;
    uint64_t word;
    int rounds;

    /* One loop for all words and the end, so that the rounds are in the module once. */
    do {
        word = (uint64_t)length << 56;
        rounds = 2;
        if (end - bytes >= 8) {
            __builtin_memcpy(&word, bytes, 8);
        } else if (bytes <= end) {
            const uint8_t *last = end;

            while (last > bytes) {
                last--;
                word |= (uint64_t)*last << (8 * (last - bytes));
            }
        } else {
            word = 0;
            v[2] ^= 0xff;
            rounds = 4;
        }
        v[3] ^= word;
        sip_rounds(v, rounds);
        v[0] ^= word;
        bytes += 8;
    } while (rounds == 2);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/**
 * random_init() - Take the keys
 * @seed: 256 bits from the runtime's crypto
 */
void random_init(const uint32_t seed[8])
{
    __builtin_memcpy(hash_key, seed, sizeof(hash_key));
    __builtin_memcpy(counter_key, seed + 4, sizeof(counter_key));
    counter = 0;
}

/**
 * random_u32() - A number that cannot be guessed
 *
 * Return: 32 random bits
 */
uint32_t random_u32(void)
{
    counter++;
    return (uint32_t)siphash(counter_key, &counter, sizeof(counter));
}

/**
 * random_hash() - Keyed hash, the same for the same data as long as the stack lives
 * @data: message
 * @length: its bytes
 *
 * Return: 64-bit hash
 */
uint64_t random_hash(const void *data, size_t length)
{
    return siphash(hash_key, data, length);
}
