/* SPDX-License-Identifier: MIT */
/* x25519.c - Diffie-Hellman over Curve25519 (RFC 7748) by a Montgomery ladder
 *
 * A number modulo 2^255 - 19 has ten limbs of 26 and 25 bits in turn, with signs. Products of limbs fit
 * into 64 bits: the widest that wasm multiplies. After a multiplication, limbs are at most 1.01 * 2^25 (even) and
 * 1.01 * 2^24 (odd); sums and differences of two of these are multiplied as they are.
 */

#include <string.h>

#include "crypto.h"

typedef int32_t fe[10];

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

static inline int bits_of(int limb)
{
    return limb & 1 ? 25 : 26;
}

/* Carries, so that every limb has its bits again. */
static inline void carry(fe out, int64_t h[10])
{
    static const uint8_t ORDER[12] = { 0, 4, 1, 5, 2, 6, 3, 7, 4, 8, 9, 0 };

    UNROLL for (int i = 0; i < 12; i++)
    {
        const int at = ORDER[i], bits = bits_of(at);
        const int64_t over = (h[at] + ((int64_t)1 << (bits - 1))) >> bits;

        h[at] -= over * ((int64_t)1 << bits);
        h[(at + 1) % 10] += at == 9 ? over * 19 : over;
    }
    UNROLL for (int i = 0; i < 10; i++)
    {
        out[i] = (int32_t)h[i];
    }
}

static __attribute__((noinline)) void fe_mul(fe out, const fe f, const fe g)
{
    int64_t h[10] = { 0 };

    UNROLL for (int i = 0; i < 10; i++)
    {
        UNROLL for (int j = 0; j < 10; j++)
        {
            const int32_t a = i & j & 1 ? 2 * f[i] : f[i];
            const int32_t b = i + j >= 10 ? 19 * g[j] : g[j];

            h[(i + j) % 10] += (int64_t)a * b;
        }
    }
    carry(out, h);
}

static __attribute__((noinline)) void fe_square(fe out, const fe f)
{
    int64_t h[10] = { 0 };

    UNROLL for (int i = 0; i < 10; i++)
    {
        UNROLL for (int j = i; j < 10; j++)
        {
            const int32_t a = f[i] * (i & j & 1 ? 2 : 1) * (i == j ? 1 : 2);
            const int32_t b = i + j >= 10 ? 19 * f[j] : f[j];

            h[(i + j) % 10] += (int64_t)a * b;
        }
    }
    carry(out, h);
}

static void fe_scale(fe out, const fe f, int32_t factor)
{
    int64_t h[10];

    for (int i = 0; i < 10; i++) {
        h[i] = (int64_t)f[i] * factor;
    }
    carry(out, h);
}

static void fe_add(fe out, const fe f, const fe g)
{
    for (int i = 0; i < 10; i++) {
        out[i] = f[i] + g[i];
    }
}

static void fe_sub(fe out, const fe f, const fe g)
{
    for (int i = 0; i < 10; i++) {
        out[i] = f[i] - g[i];
    }
}

/* Exchanges two numbers if `swap` is 1, in constant time. */
static void fe_swap(fe f, fe g, uint32_t swap)
{
    const int32_t mask = -(int32_t)swap;

    for (int i = 0; i < 10; i++) {
        const int32_t both = (f[i] ^ g[i]) & mask;

        f[i] ^= both;
        g[i] ^= both;
    }
}

/* The bit at which a limb begins. */
static inline int place_of_bits(int limb)
{
    return (51 * limb + 1) / 2;
}

static void fe_load(fe out, const uint8_t bytes[32])
{
    for (int i = 0; i < 10; i++) {
        const int at = place_of_bits(i), first = at / 8 > 24 ? 24 : at / 8;

        out[i] = (int32_t)(load64(bytes + first) >> (at - 8 * first) & ((1u << bits_of(i)) - 1));
    }
}

static void fe_store(uint8_t bytes[32], const fe f)
{
    int64_t h[10], q = (19 * (int64_t)f[9] + (1 << 24)) >> 25;

    for (int i = 0; i < 10; i++) {
        h[i] = f[i];
        q = (h[i] + q) >> bits_of(i);
    }
    h[0] += 19 * q; /* now modulo 2^255, which the last carry is */
    for (int i = 0; i < 10; i++) {
        const int64_t over = h[i] >> bits_of(i);

        h[i] -= over * ((int64_t)1 << bits_of(i));
        if (i < 9) {
            h[i + 1] += over;
        }
    }
    memset(bytes, 0, 32);
    for (int i = 0; i < 10; i++) {
        const int at = place_of_bits(i), first = at / 8 > 24 ? 24 : at / 8;

        store64(bytes + first, load64(bytes + first) | (uint64_t)h[i] << (at - 8 * first));
    }
    wipe(h, sizeof(h));
}

static void fe_squares(fe out, const fe f, int count)
{
    fe_square(out, f);
    for (int i = 1; i < count; i++) {
        fe_square(out, out);
    }
}

/* 1 / f: f to the power of 2^255 - 21. */
static void fe_invert(fe out, const fe f)
{
    fe a, b, c, d;

    fe_square(a, f);     /* 2 */
    fe_squares(b, a, 2); /* 8 */
    fe_mul(b, f, b);     /* 9 */
    fe_mul(a, a, b);     /* 11 */
    fe_square(c, a);     /* 22 */
    fe_mul(b, b, c);     /* 2^5 - 1 */
    fe_squares(c, b, 5);
    fe_mul(b, c, b); /* 2^10 - 1 */
    fe_squares(c, b, 10);
    fe_mul(c, c, b); /* 2^20 - 1 */
    fe_squares(d, c, 20);
    fe_mul(c, d, c); /* 2^40 - 1 */
    fe_squares(c, c, 10);
    fe_mul(b, c, b); /* 2^50 - 1 */
    fe_squares(c, b, 50);
    fe_mul(c, c, b); /* 2^100 - 1 */
    fe_squares(d, c, 100);
    fe_mul(c, d, c); /* 2^200 - 1 */
    fe_squares(c, c, 50);
    fe_mul(b, c, b); /* 2^250 - 1 */
    fe_squares(b, b, 5);
    fe_mul(out, b, a); /* 2^255 - 21 */
    wipe(a, sizeof(a));
    wipe(b, sizeof(b));
    wipe(c, sizeof(c));
    wipe(d, sizeof(d));
}

/* The two points of the ladder, and room to compute. */
struct ladder {
    fe x1, x2, z2, x3, z3, a, b, c, d;
};

static void ladder_step(struct ladder *l)
{
    fe_add(l->a, l->x2, l->z2);
    fe_sub(l->b, l->x2, l->z2);
    fe_add(l->c, l->x3, l->z3);
    fe_sub(l->d, l->x3, l->z3);
    fe_mul(l->d, l->d, l->a);
    fe_mul(l->c, l->c, l->b);
    fe_add(l->x3, l->d, l->c);
    fe_square(l->x3, l->x3);
    fe_sub(l->z3, l->d, l->c);
    fe_square(l->z3, l->z3);
    fe_mul(l->z3, l->z3, l->x1);
    fe_square(l->a, l->a);
    fe_square(l->b, l->b);
    fe_mul(l->x2, l->a, l->b);
    fe_sub(l->b, l->a, l->b);
    fe_scale(l->c, l->b, 121665);
    fe_add(l->c, l->a, l->c);
    fe_mul(l->z2, l->b, l->c);
}

/**
 * x25519_clamp() - Make a scalar of random bytes
 * @scalar: 32 bytes
 */
void x25519_clamp(uint8_t scalar[KEY_SIZE])
{
    scalar[0] &= 248;
    scalar[31] = (uint8_t)((scalar[31] & 127) | 64);
}

/**
 * x25519() - A shared secret
 * @out: 32 bytes
 * @scalar: private key; it is clamped here
 * @point: public key of the other side
 *
 * Return: 0 if the secret is all zeros: the point has a small order
 */
int x25519(uint8_t out[KEY_SIZE], const uint8_t scalar[KEY_SIZE], const uint8_t point[KEY_SIZE])
{
    static const uint8_t ZERO[KEY_SIZE];
    struct ladder l;
    uint8_t e[KEY_SIZE];
    uint32_t swap = 0;

    memcpy(e, scalar, KEY_SIZE);
    x25519_clamp(e);
    memset(&l, 0, sizeof(l));
    fe_load(l.x1, point);
    memcpy(l.x3, l.x1, sizeof(fe));
    l.x2[0] = 1;
    l.z3[0] = 1;
    for (int i = 254; i >= 0; i--) {
        const uint32_t bit = e[i >> 3] >> (i & 7) & 1u;

        swap ^= bit;
        fe_swap(l.x2, l.x3, swap);
        fe_swap(l.z2, l.z3, swap);
        swap = bit;
        ladder_step(&l);
    }
    fe_swap(l.x2, l.x3, swap);
    fe_swap(l.z2, l.z3, swap);
    fe_invert(l.z2, l.z2);
    fe_mul(l.x2, l.x2, l.z2);
    fe_store(out, l.x2);
    wipe(&l, sizeof(l));
    wipe(e, sizeof(e));
    return !same_bytes(out, ZERO, KEY_SIZE);
}

/**
 * x25519_public() - The public key of a private one
 * @out: 32 bytes
 * @scalar: private key
 */
void x25519_public(uint8_t out[KEY_SIZE], const uint8_t scalar[KEY_SIZE])
{
    static const uint8_t BASE[KEY_SIZE] = { 9 };

    (void)x25519(out, scalar, BASE);
}
