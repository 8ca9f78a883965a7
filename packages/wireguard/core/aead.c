/* SPDX-License-Identifier: MIT */
/* aead.c - ChaCha20-Poly1305 (RFC 8439) with the nonces of WireGuard, and XChaCha20-Poly1305
 *
 * ChaCha20 computes four blocks at once: vector i has word i of each. The first four blocks of a packet
 * are the key of Poly1305 and the first 192 bytes of its key stream. Poly1305 has limbs of 26 bits, whose
 * products fit into 64: the widest that wasm multiplies. Both advance in one loop over the packet.
 */

#include <string.h>

#include "crypto.h"

typedef uint32_t v4 __attribute__((vector_size(16)));
typedef uint8_t v16 __attribute__((vector_size(16)));

/* Key stream of four blocks. */
#define BATCH 256

static inline v4 same4(uint32_t word)
{
    return (v4){ word, word, word, word };
}

static inline v4 left16(v4 x)
{
    return (v4)__builtin_shufflevector((v16)x, (v16)x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15,
                                       12, 13);
}

static inline v4 left8(v4 x)
{
    return (v4)__builtin_shufflevector((v16)x, (v16)x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12,
                                       13, 14);
}

static inline void quarter(v4 *a, v4 *b, v4 *c, v4 *d)
{
    *a += *b;
    *d = left16(*d ^ *a);
    *c += *d;
    *b ^= *c;
    *b = *b << 12 | *b >> 20;
    *a += *b;
    *d = left8(*d ^ *a);
    *c += *d;
    *b ^= *c;
    *b = *b << 7 | *b >> 25;
}

static inline void columns(v4 x[16])
{
    quarter(&x[0], &x[4], &x[8], &x[12]);
    quarter(&x[1], &x[5], &x[9], &x[13]);
    quarter(&x[2], &x[6], &x[10], &x[14]);
    quarter(&x[3], &x[7], &x[11], &x[15]);
}

static inline void diagonals(v4 x[16])
{
    quarter(&x[0], &x[5], &x[10], &x[15]);
    quarter(&x[1], &x[6], &x[11], &x[12]);
    quarter(&x[2], &x[7], &x[8], &x[13]);
    quarter(&x[3], &x[4], &x[9], &x[14]);
}

/* The words of a block before the rounds. */
struct chacha {
    uint32_t words[16];
};

static void chacha_init(struct chacha *s, const uint8_t key[KEY_SIZE], uint64_t nonce)
{
    static const uint32_t CONSTANT[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

    memcpy(s->words, CONSTANT, 16);
    memcpy(s->words + 4, key, 32);
    s->words[12] = 0;
    s->words[13] = 0;
    s->words[14] = (uint32_t)nonce;
    s->words[15] = (uint32_t)(nonce >> 32);
}

/* Four vectors of one word for each block become four of four words for one block each. */
static inline void transpose(v4 *x)
{
    v4 a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
    v4 b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
    v4 c = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
    v4 d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);

    x[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    x[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    x[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    x[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/* Poly1305: the sum, r and r * 5, in limbs of 26 bits. */
struct poly {
    uint32_t h[5], r[5], s[5];
};

#define LIMB 0x3ffffffu

static void poly_init(struct poly *p, const uint8_t key[16])
{
    memset(p, 0, sizeof(*p));
    p->r[0] = load32(key) & 0x3ffffff;
    p->r[1] = load32(key + 3) >> 2 & 0x3ffff03;
    p->r[2] = load32(key + 6) >> 4 & 0x3ffc0ff;
    p->r[3] = load32(key + 9) >> 6 & 0x3f03fff;
    p->r[4] = load32(key + 12) >> 8 & 0x00fffff;
    for (int i = 0; i < 5; i++) {
        p->s[i] = p->r[i] * 5;
    }
}

static inline uint64_t wide(uint32_t a, uint32_t b)
{
    return (uint64_t)a * b;
}

/* Adds a block; `top` is the bit above it, 1 << 24. */
static inline void poly_block(struct poly *p, const uint8_t *from, uint32_t top)
{
    const uint32_t *r = p->r, *s = p->s;
    const uint64_t low = load64(from), high = load64(from + 8);
    const uint32_t h0 = p->h[0] + ((uint32_t)low & LIMB);
    const uint32_t h1 = p->h[1] + ((uint32_t)(low >> 26) & LIMB);
    const uint32_t h2 = p->h[2] + (((uint32_t)(low >> 52) | (uint32_t)high << 12) & LIMB);
    const uint32_t h3 = p->h[3] + ((uint32_t)(high >> 14) & LIMB);
    const uint32_t h4 = p->h[4] + ((uint32_t)(high >> 40) | top);
    uint64_t d0 =
        wide(h0, r[0]) + wide(h1, s[4]) + wide(h2, s[3]) + wide(h3, s[2]) + wide(h4, s[1]);
    uint64_t d1 =
        wide(h0, r[1]) + wide(h1, r[0]) + wide(h2, s[4]) + wide(h3, s[3]) + wide(h4, s[2]);
    uint64_t d2 =
        wide(h0, r[2]) + wide(h1, r[1]) + wide(h2, r[0]) + wide(h3, s[4]) + wide(h4, s[3]);
    uint64_t d3 =
        wide(h0, r[3]) + wide(h1, r[2]) + wide(h2, r[1]) + wide(h3, r[0]) + wide(h4, s[4]);
    uint64_t d4 =
        wide(h0, r[4]) + wide(h1, r[3]) + wide(h2, r[2]) + wide(h3, r[1]) + wide(h4, r[0]);
    uint32_t first;

    d1 += d0 >> 26;
    d2 += d1 >> 26;
    d3 += d2 >> 26;
    d4 += d3 >> 26;
    first = ((uint32_t)d0 & LIMB) + (uint32_t)(d4 >> 26) * 5;
    p->h[0] = first & LIMB;
    p->h[1] = ((uint32_t)d1 & LIMB) + (first >> 26);
    p->h[2] = (uint32_t)d2 & LIMB;
    p->h[3] = (uint32_t)d3 & LIMB;
    p->h[4] = (uint32_t)d4 & LIMB;
}

/* Adds whole blocks. */
static __attribute__((noinline)) void poly_blocks(struct poly *p, const uint8_t *from,
                                                  uint32_t length, uint32_t top)
{
    struct poly local = *p;

    for (; length >= 16; from += 16, length -= 16) {
        poly_block(&local, from, top);
    }
    memcpy(p->h, local.h, sizeof(p->h));
}

/* Adds what the rounds began with, and writes the four blocks; with `from`, its bytes and the key stream. */
static inline void batch_end(struct chacha *s, v4 x[16], v4 first, uint8_t *to, const uint8_t *from)
{
    for (int i = 0; i < 16; i++) {
        x[i] += i == 12 ? first : same4(s->words[i]);
    }
    s->words[12] += 4;
    for (int group = 0; group < 4; group++) {
        transpose(x + 4 * group);
        for (int block = 0; block < 4; block++) {
            v4 word = x[4 * group + block];
            int at = 64 * block + 16 * group;

            if (from) {
                v4 bytes;

                memcpy(&bytes, from + at, 16);
                word ^= bytes;
            }
            memcpy(to + at, &word, 16);
        }
    }
}

static inline v4 batch_begin(const struct chacha *s, v4 x[16])
{
    for (int i = 0; i < 16; i++) {
        x[i] = same4(s->words[i]);
    }
    x[12] += (v4){ 0, 1, 2, 3 };
    return x[12];
}

static __attribute__((noinline)) void key_stream(struct chacha *s, uint8_t *to)
{
    v4 x[16], first = batch_begin(s, x);

    for (int i = 0; i < 10; i++) {
        columns(x);
        diagonals(x);
    }
    batch_end(s, x, first, to, NULL);
}

/* The place of Poly1305 in the ciphertext: what it has not added yet, and what will be there. */
struct tagged {
    const uint8_t *next, *end;
};

/* Batches, and at the same time Poly1305 over the ciphertext: as many blocks as are there, up to 20 a batch. One is made of
 * vectors and the other is not, so a processor computes both at once; alone, Poly1305 waits for each block's carries. If
 * `is_sealing`, what a batch writes is added by those behind it. */
static __attribute__((noinline)) void batches(struct chacha *s, struct poly *p, uint8_t *to,
                                              const uint8_t *from, uint32_t length,
                                              struct tagged *tagged, int is_sealing)
{
    struct poly local = *p;
    const uint8_t *next = tagged->next;

    for (uint32_t at = 0; at < length; at += BATCH) {
        v4 x[16], first = batch_begin(s, x);
        const long blocks = ((is_sealing ? to + at : tagged->end) - next) / 16;

        for (int i = 0; i < 20; i += 2) {
            columns(x);
            if (i < blocks) {
                poly_block(&local, next, 1 << 24);
                next += 16;
            }
            diagonals(x);
            if (i + 1 < blocks) {
                poly_block(&local, next, 1 << 24);
                next += 16;
            }
        }
        if (length - at >= BATCH) {
            batch_end(s, x, first, to + at, from + at);
        } else {
            uint8_t last[BATCH];

            memcpy(last, from + at, length - at);
            batch_end(s, x, first, last, last);
            memcpy(to + at, last, length - at);
            wipe(last, sizeof(last));
        }
    }
    memcpy(p->h, local.h, sizeof(p->h));
    tagged->next = next;
}

static void xor_bytes(uint8_t *to, const uint8_t *from, const uint8_t *stream, uint32_t length)
{
    uint32_t at = 0;

    for (; at + 8 <= length; at += 8) {
        store64(to + at, load64(from + at) ^ load64(stream + at));
    }
    for (; at < length; at++) {
        to[at] = from[at] ^ stream[at];
    }
}

/* Adds bytes, filled up with zeros to a whole block. */
static void poly_padded(struct poly *p, const uint8_t *from, uint32_t length)
{
    uint32_t whole = length & ~15u;
    uint8_t rest[16] = { 0 };

    poly_blocks(p, from, whole, 1 << 24);
    if (whole < length) {
        memcpy(rest, from + whole, length - whole);
        poly_blocks(p, rest, 16, 1 << 24);
    }
}

static void poly_final(struct poly *p, const uint8_t pad[16], uint8_t tag[TAG_SIZE])
{
    uint32_t *h = p->h, g[5], carry = 0, keep;
    uint64_t sum;

    for (int i = 1; i < 11; i++) { /* twice round: all limbs have 26 bits then */
        h[i % 5] += carry;
        carry = h[i % 5] >> 26;
        h[i % 5] &= LIMB;
        carry *= i % 5 == 4 ? 5 : 1;
    }
    h[1] += carry;
    carry = 5; /* h + 5 - 2^130: not negative if h is at least the modulus */
    for (int i = 0; i < 5; i++) {
        g[i] = h[i] + carry;
        carry = g[i] >> 26;
        g[i] &= LIMB;
    }
    keep = carry - 1; /* all ones: h is below the modulus */
    for (int i = 0; i < 5; i++) {
        h[i] = (h[i] & keep) | (g[i] & ~keep);
    }
    sum = (uint64_t)(h[0] | h[1] << 26) + load32(pad);
    store32(tag, (uint32_t)sum);
    sum = (uint64_t)(h[1] >> 6 | h[2] << 20) + load32(pad + 4) + (sum >> 32);
    store32(tag + 4, (uint32_t)sum);
    sum = (uint64_t)(h[2] >> 12 | h[3] << 14) + load32(pad + 8) + (sum >> 32);
    store32(tag + 8, (uint32_t)sum);
    sum = (uint64_t)(h[3] >> 18 | h[4] << 8) + load32(pad + 12) + (sum >> 32);
    store32(tag + 12, (uint32_t)sum);
    wipe(p, sizeof(*p));
}

/* Key stream before the first whole batch: the rest of that which began with the key of Poly1305. */
#define BEGIN (BATCH - 64)

static void tag_begin(struct poly *p, const uint8_t *first, const uint8_t *ad, uint32_t ad_length)
{
    poly_init(p, first);
    poly_padded(p, ad, ad_length);
}

static void tag_end(struct poly *p, const uint8_t *first, uint32_t length, uint32_t ad_length,
                    uint8_t tag[TAG_SIZE])
{
    uint8_t lengths[16];

    store64(lengths, ad_length);
    store64(lengths + 8, length);
    poly_blocks(p, lengths, 16, 1 << 24);
    poly_final(p, first + 16, tag);
}

static void seal(struct chacha *s, uint8_t *to, const uint8_t *from, uint32_t length,
                 const uint8_t *ad, uint32_t ad_length)
{
    const uint32_t begin = length < BEGIN ? length : BEGIN;
    struct tagged tagged = { .next = to, .end = to + length };
    struct poly poly;
    uint8_t first[BATCH];

    key_stream(s, first);
    tag_begin(&poly, first, ad, ad_length);
    xor_bytes(to, from, first + 64, begin);
    if (length > begin) { /* without bytes, from may be NULL */
        batches(s, &poly, to + begin, from + begin, length - begin, &tagged, 1);
    }
    poly_padded(&poly, tagged.next, (uint32_t)(tagged.end - tagged.next));
    tag_end(&poly, first, length, ad_length, to + length);
    wipe(first, sizeof(first));
    wipe(s, sizeof(*s));
}

static int unseal(struct chacha *s, uint8_t *to, const uint8_t *from, uint32_t length,
                  const uint8_t *ad, uint32_t ad_length)
{
    const uint32_t begin = length - TAG_SIZE < BEGIN ? length - TAG_SIZE : BEGIN;
    struct tagged tagged = { .next = from, .end = from + length - TAG_SIZE };
    struct poly poly;
    uint8_t first[BATCH], tag[TAG_SIZE];
    int is_true;

    length -= TAG_SIZE;
    key_stream(s, first);
    tag_begin(&poly, first, ad, ad_length);
    if (length > begin) {
        batches(s, &poly, to + begin, from + begin, length - begin, &tagged, 0);
    }
    poly_padded(&poly, tagged.next, (uint32_t)(tagged.end - tagged.next));
    tag_end(&poly, first, length, ad_length, tag);
    is_true = same_bytes(tag, from + length, TAG_SIZE);
    if (is_true) {
        xor_bytes(to, from, first + 64, begin);
    } else if (length > begin) {
        memset(to + begin, 0, length - begin);
    }
    wipe(first, sizeof(first));
    wipe(s, sizeof(*s));
    return is_true;
}

/**
 * aead_seal() - Encrypt and authenticate
 * @to: length + 16 bytes; may be from
 * @from: message
 * @length: its bytes
 * @ad: bytes that are authenticated alone
 * @ad_length: how many
 * @nonce: number of the message; the nonce is four zeros and this
 * @key: key
 */
void aead_seal(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
               uint32_t ad_length, uint64_t nonce, const uint8_t key[KEY_SIZE])
{
    struct chacha s;

    chacha_init(&s, key, nonce);
    seal(&s, to, from, length, ad, ad_length);
}

/**
 * aead_open() - Verify and decrypt
 * @to: length - 16 bytes, apart from from. Nothing to use unless it is authentic
 * @from: ciphertext and tag
 * @length: bytes of both
 * @ad: bytes that are authenticated alone
 * @ad_length: how many
 * @nonce: number of the message
 * @key: key
 *
 * Return: 1 if it is authentic
 */
int aead_open(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
              uint32_t ad_length, uint64_t nonce, const uint8_t key[KEY_SIZE])
{
    struct chacha s;

    if (length < TAG_SIZE) {
        return 0;
    }
    chacha_init(&s, key, nonce);
    return unseal(&s, to, from, length, ad, ad_length);
}

/* HChaCha20: a key of a key and the first 16 bytes of a long nonce. One lane of the rounds is enough. */
static void xchacha_init(struct chacha *s, const uint8_t key[KEY_SIZE], const uint8_t *nonce)
{
    v4 x[16];
    uint32_t sub[8];

    chacha_init(s, key, 0);
    memcpy(s->words + 12, nonce, 16);
    for (int i = 0; i < 16; i++) {
        x[i] = same4(s->words[i]);
    }
    for (int i = 0; i < 10; i++) {
        columns(x);
        diagonals(x);
    }
    for (int i = 0; i < 4; i++) {
        sub[i] = x[i][0];
        sub[4 + i] = x[12 + i][0];
    }
    chacha_init(s, (const uint8_t *)sub, load64(nonce + 16));
    wipe(x, sizeof(x));
    wipe(sub, sizeof(sub));
}

/**
 * xaead_seal() - As aead_seal(), with a nonce that may be random
 * @to: length + 16 bytes
 * @from: message
 * @length: its bytes
 * @ad: bytes that are authenticated alone
 * @ad_length: how many
 * @nonce: 24 bytes
 * @key: key
 */
void xaead_seal(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
                uint32_t ad_length, const uint8_t nonce[XNONCE_SIZE], const uint8_t key[KEY_SIZE])
{
    struct chacha s;

    xchacha_init(&s, key, nonce);
    seal(&s, to, from, length, ad, ad_length);
}

/**
 * xaead_open() - As aead_open(), with a nonce that may be random
 * @to: length - 16 bytes, apart from from
 * @from: ciphertext and tag
 * @length: bytes of both
 * @ad: bytes that are authenticated alone
 * @ad_length: how many
 * @nonce: 24 bytes
 * @key: key
 *
 * Return: 1 if it is authentic
 */
int xaead_open(uint8_t *to, const uint8_t *from, uint32_t length, const uint8_t *ad,
               uint32_t ad_length, const uint8_t nonce[XNONCE_SIZE], const uint8_t key[KEY_SIZE])
{
    struct chacha s;

    if (length < TAG_SIZE) {
        return 0;
    }
    xchacha_init(&s, key, nonce);
    return unseal(&s, to, from, length, ad, ad_length);
}

/**
 * same_bytes() - Compare in constant time
 * @a: bytes
 * @b: bytes
 * @length: how many
 *
 * Return: 1 if all are equal
 */
int same_bytes(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    uint32_t differ = 0;

    for (uint32_t i = 0; i < length; i++) {
        differ |= a[i] ^ b[i];
    }
    return (int)((differ - 1) >> 31);
}

/**
 * wipe() - Zero a secret; the compiler does not leave it out
 * @data: where it was
 * @length: its bytes
 */
void wipe(void *data, size_t length)
{
    memset(data, 0, length);
    __asm__ volatile("" : : "r"(data) : "memory");
}
