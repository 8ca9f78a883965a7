/* SPDX-License-Identifier: MIT */
/* crypto.h - the primitives of the protocol: ChaCha20-Poly1305, BLAKE2s, X25519
 *
 * All of them are ours and run in constant time: no branch and no address depends on a secret. Each is
 * plain C; those over all bytes of a packet use vectors of four 32-bit words, which are SIMD in wasm.
 * Key, nonce and message are bytes in the order of the RFCs.
 */
#ifndef RINGSTACK_WIREGUARD_CRYPTO_H
#define RINGSTACK_WIREGUARD_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#define KEY_SIZE 32
#define HASH_SIZE 32
#define TAG_SIZE 16
#define COOKIE_SIZE 16
#define XNONCE_SIZE 24

/* BLAKE2s in progress. */
struct blake2s {
    uint32_t h[8];
    uint64_t length;
    uint32_t held; /* bytes in block */
    uint32_t size; /* of the result */
    uint8_t block[64];
};

void blake2s_init(struct blake2s *s, uint32_t size, const uint8_t *key, uint32_t key_size);
void blake2s_update(struct blake2s *s, const void *data, uint32_t length);
void blake2s_final(struct blake2s *s, uint8_t *out);
void blake2s_mac(uint8_t *out, uint32_t size, const uint8_t *key, uint32_t key_size,
                 const void *data, uint32_t length);
void blake2s_hmac(uint8_t out[HASH_SIZE], const uint8_t *key, uint32_t key_size, const void *data,
                  uint32_t length);
void kdf(uint8_t *const out[3], const uint8_t chain[HASH_SIZE], const void *data, uint32_t length);

void aead_seal(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
               uint32_t ad_length, uint64_t nonce, const uint8_t key[KEY_SIZE]);
int aead_open(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
              uint32_t ad_length, uint64_t nonce, const uint8_t key[KEY_SIZE]);
void xaead_seal(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
                uint32_t ad_length, const uint8_t nonce[XNONCE_SIZE], const uint8_t key[KEY_SIZE]);
int xaead_open(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
               uint32_t ad_length, const uint8_t nonce[XNONCE_SIZE], const uint8_t key[KEY_SIZE]);

int x25519(uint8_t out[KEY_SIZE], const uint8_t scalar[KEY_SIZE], const uint8_t point[KEY_SIZE]);
void x25519_public(uint8_t out[KEY_SIZE], const uint8_t scalar[KEY_SIZE]);
void x25519_clamp(uint8_t scalar[KEY_SIZE]);

int same_bytes(const uint8_t *a, const uint8_t *b, uint32_t length);
void wipe(void *data, size_t length);

/**
 * load32() - Read a little-endian word
 * @p: anywhere
 *
 * Return: it; every processor that this runs on is little-endian
 */
static inline uint32_t load32(const void *p)
{
    uint32_t word;

    __builtin_memcpy(&word, p, sizeof(word));
    return word;
}

/**
 * load64() - Read a little-endian double word
 * @p: anywhere
 *
 * Return: it
 */
static inline uint64_t load64(const void *p)
{
    uint64_t word;

    __builtin_memcpy(&word, p, sizeof(word));
    return word;
}

/**
 * store32() - Write a little-endian word
 * @p: anywhere
 * @word: it
 */
static inline void store32(void *p, uint32_t word)
{
    __builtin_memcpy(p, &word, sizeof(word));
}

/**
 * store64() - Write a little-endian double word
 * @p: anywhere
 * @word: it
 */
static inline void store64(void *p, uint64_t word)
{
    __builtin_memcpy(p, &word, sizeof(word));
}

#endif /* RINGSTACK_WIREGUARD_CRYPTO_H */
