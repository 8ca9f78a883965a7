/* SPDX-License-Identifier: MIT */
/* crypto_shim.c - the primitives of packages/wireguard/core as functions of an instance of their own
 *
 * Arguments lie in one area: crypto_area() says where. Offsets are those of tests/wireguard/shim.ts.
 */

#include "../../packages/wireguard/core/allowed.h"
#include "../../packages/wireguard/core/memory.h"
#include "../../packages/wireguard/core/noise.h"
#include "../../packages/wireguard/core/replay.h"

#define EXPORT __attribute__((visibility("default"), used))
#define KEY_AT 0
#define NONCE_AT 32
#define POINT_AT 64
#define OUT_AT 96
#define AD_AT 128
#define DATA_AT 4096
#define AREA (128u * 1024)

static uint8_t *area, *plain;
static struct noise noise;
static struct replay window;

EXPORT uint8_t *crypto_area(uint32_t heap, uint32_t end);
EXPORT void seal(uint32_t length, uint32_t ad_length);
EXPORT int unseal(uint32_t length, uint32_t ad_length);
EXPORT void xseal(uint32_t length, uint32_t ad_length);
EXPORT int xunseal(uint32_t length, uint32_t ad_length);
EXPORT void hash(uint32_t length, uint32_t key_size, uint32_t size);
EXPORT void hmac(uint32_t length, uint32_t key_size);
EXPORT int curve(void);
EXPORT uint8_t *noise_state(void);
EXPORT void begin(uint32_t prologue_length);
EXPORT int write_first(uint32_t length);
EXPORT int read_first(uint32_t length);
EXPORT int write_second(uint32_t length);
EXPORT int read_second(uint32_t length);
EXPORT void split(void);
EXPORT void replay_clear(void);
EXPORT int replay(uint32_t low, uint32_t high);
EXPORT int allow(uint32_t is_v6, uint32_t length, uint32_t peer);
EXPORT uint32_t allowed(uint32_t is_v6);
EXPORT void allow_none(void);

uint8_t *crypto_area(uint32_t heap, uint32_t end)
{
    memory_init(heap, end);
    area = memory_take(AREA);
    plain = memory_take(AREA);
    return area;
}

void seal(uint32_t length, uint32_t ad_length)
{
    aead_seal(area + DATA_AT, area + DATA_AT, length, area + AD_AT, ad_length,
              load64(area + NONCE_AT), area + KEY_AT);
}

int unseal(uint32_t length, uint32_t ad_length)
{
    int is_true = aead_open(plain, area + DATA_AT, length, area + AD_AT, ad_length,
                            load64(area + NONCE_AT), area + KEY_AT);

    __builtin_memcpy(area + DATA_AT, plain, length);
    return is_true;
}

void xseal(uint32_t length, uint32_t ad_length)
{
    xaead_seal(area + DATA_AT, area + DATA_AT, length, area + AD_AT, ad_length, area + NONCE_AT,
               area + KEY_AT);
}

int xunseal(uint32_t length, uint32_t ad_length)
{
    int is_true = xaead_open(plain, area + DATA_AT, length, area + AD_AT, ad_length,
                             area + NONCE_AT, area + KEY_AT);

    __builtin_memcpy(area + DATA_AT, plain, length);
    return is_true;
}

void hash(uint32_t length, uint32_t key_size, uint32_t size)
{
    blake2s_mac(area + OUT_AT, size, area + KEY_AT, key_size, area + DATA_AT, length);
}

void hmac(uint32_t length, uint32_t key_size)
{
    blake2s_hmac(area + OUT_AT, area + AD_AT, key_size, area + DATA_AT, length);
}

int curve(void)
{
    return x25519(area + OUT_AT, area + KEY_AT, area + POINT_AT);
}

uint8_t *noise_state(void)
{
    return (uint8_t *)&noise;
}

/* Key: the responder's public one. Data: prologue. */
void begin(uint32_t prologue_length)
{
    noise_begin(&noise, area + DATA_AT, prologue_length, area + KEY_AT);
}

/* Key: the responder's public one. Nonce: our private one. Point: our public one. Data: payload, then message. */
int write_first(uint32_t length)
{
    uint8_t shared[KEY_SIZE], payload[64];

    x25519(shared, area + NONCE_AT, area + KEY_AT);
    __builtin_memcpy(payload, area + DATA_AT, sizeof(payload));
    return noise_write_first(&noise, area + DATA_AT, area + POINT_AT, area + KEY_AT, shared,
                             payload, length);
}

/* Nonce: our private key. Data: message, then payload. Out: the initiator's public key. */
int read_first(uint32_t length)
{
    uint8_t shared[KEY_SIZE], payload[64];

    if (!noise_read_static(&noise, area + OUT_AT, area + DATA_AT, area + NONCE_AT)) {
        return 0;
    }
    x25519(shared, area + NONCE_AT, area + OUT_AT);
    if (!noise_read_first(&noise, area + DATA_AT, shared, payload, length)) {
        return 0;
    }
    __builtin_memcpy(area + DATA_AT, payload, sizeof(payload));
    return 1;
}

/* Key: the initiator's public one. Ad: preshared key. */
int write_second(uint32_t length)
{
    uint8_t payload[64];

    __builtin_memcpy(payload, area + DATA_AT, sizeof(payload));
    return noise_write_second(&noise, area + DATA_AT, area + KEY_AT, area + AD_AT, payload, length);
}

/* Nonce: our private key. Ad: preshared key. */
int read_second(uint32_t length)
{
    uint8_t payload[64];

    if (!noise_read_second(&noise, area + DATA_AT, area + NONCE_AT, area + AD_AT, payload,
                           length)) {
        return 0;
    }
    __builtin_memcpy(area + DATA_AT, payload, sizeof(payload));
    return 1;
}

/* Key and nonce: the two keys. */
void split(void)
{
    noise_split(&noise, area + KEY_AT, area + NONCE_AT);
}

void replay_clear(void)
{
    window = (struct replay){ 0 };
}

int replay(uint32_t low, uint32_t high)
{
    return replay_accept(&window, (uint64_t)high << 32 | low);
}

/* Key: the address. A peer is a number here. */
int allow(uint32_t is_v6, uint32_t length, uint32_t peer)
{
    return allowed_add((int)is_v6, area + KEY_AT, length, (struct peer *)(uintptr_t)peer);
}

uint32_t allowed(uint32_t is_v6)
{
    return (uint32_t)(uintptr_t)allowed_find((int)is_v6, area + KEY_AT);
}

void allow_none(void)
{
    allowed_clear();
}
