/* SPDX-License-Identifier: MIT */
/* noise.c - the handshake Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (Noise, revision 34) */

#include "noise.h"

#include <string.h>

static void mix_hash(struct noise *n, const void *data, uint32_t length)
{
    struct blake2s s;

    blake2s_init(&s, HASH_SIZE, NULL, 0);
    blake2s_update(&s, n->hash, HASH_SIZE);
    blake2s_update(&s, data, length);
    blake2s_final(&s, n->hash);
}

/* Mixes a secret into the chaining key; `key`: and derives a key, or NULL. */
static void mix_key(struct noise *n, uint8_t *key, const uint8_t secret[KEY_SIZE])
{
    kdf((uint8_t *const[3]){ n->chain, key, NULL }, n->chain, secret, KEY_SIZE);
}

static int mix_dh(struct noise *n, uint8_t *key, const uint8_t own[KEY_SIZE],
                  const uint8_t remote[KEY_SIZE])
{
    uint8_t secret[KEY_SIZE];
    int is_good = x25519(secret, own, remote);

    mix_key(n, key, secret);
    wipe(secret, sizeof(secret));
    return is_good;
}

/* An ephemeral public key is hashed, and with a preshared key in the pattern also mixed. */
static void mix_ephemeral(struct noise *n, const uint8_t ephemeral[KEY_SIZE])
{
    mix_hash(n, ephemeral, KEY_SIZE);
    mix_key(n, NULL, ephemeral);
}

static void mix_psk(struct noise *n, uint8_t key[KEY_SIZE], const uint8_t psk[KEY_SIZE])
{
    uint8_t temp[HASH_SIZE];

    kdf((uint8_t *const[3]){ n->chain, temp, key }, n->chain, psk, KEY_SIZE);
    mix_hash(n, temp, HASH_SIZE);
    wipe(temp, sizeof(temp));
}

static void encrypt(struct noise *n, uint8_t *out, const uint8_t key[KEY_SIZE], const void *data,
                    uint32_t length)
{
    aead_seal(out, data, length, n->hash, HASH_SIZE, 0, key);
    mix_hash(n, out, length + TAG_SIZE);
}

static int decrypt(struct noise *n, void *out, const uint8_t key[KEY_SIZE], const uint8_t *data,
                   uint32_t length)
{
    int is_good = aead_open(out, data, length + TAG_SIZE, n->hash, HASH_SIZE, 0, key);

    mix_hash(n, data, length + TAG_SIZE);
    return is_good;
}

/**
 * noise_begin() - Begin a handshake
 * @n: state
 * @prologue: what both sides have to agree on
 * @length: its bytes
 * @responder: public key of the side that receives the first message
 */
void noise_begin(struct noise *n, const uint8_t *prologue, uint32_t length,
                 const uint8_t responder[KEY_SIZE])
{
    static const char NAME[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

    blake2s_mac(n->chain, HASH_SIZE, NULL, 0, NAME, sizeof(NAME) - 1);
    memcpy(n->hash, n->chain, HASH_SIZE);
    mix_hash(n, prologue, length);
    mix_hash(n, responder, KEY_SIZE);
}

/**
 * noise_write_first() - e, es, s, ss
 * @n: state; our ephemeral key is in it
 * @out: FIRST_SIZE + length bytes
 * @own_public: our static key
 * @remote: theirs
 * @shared: the secret of both
 * @payload: what else it says
 * @length: its bytes
 *
 * Return: 0 if their key has a small order
 */
int noise_write_first(struct noise *n, uint8_t *out, const uint8_t own_public[KEY_SIZE],
                      const uint8_t remote[KEY_SIZE], const uint8_t shared[KEY_SIZE],
                      const void *payload, uint32_t length)
{
    uint8_t key[KEY_SIZE];
    int is_good;

    x25519_public(out, n->ephemeral);
    mix_ephemeral(n, out);
    is_good = mix_dh(n, key, n->ephemeral, remote);
    encrypt(n, out + KEY_SIZE, key, own_public, KEY_SIZE);
    mix_key(n, key, shared);
    encrypt(n, out + 2 * KEY_SIZE + TAG_SIZE, key, payload, length);
    wipe(key, sizeof(key));
    return is_good;
}

/**
 * noise_read_static() - The part of the first message that says whose it is
 * @n: state
 * @remote: their static key
 * @message: the first message
 * @own_private: our static key
 *
 * Return: 0 if it is not authentic
 */
int noise_read_static(struct noise *n, uint8_t remote[KEY_SIZE], const uint8_t *message,
                      const uint8_t own_private[KEY_SIZE])
{
    uint8_t key[KEY_SIZE];
    int is_good;

    memcpy(n->remote, message, KEY_SIZE);
    mix_ephemeral(n, message);
    is_good = mix_dh(n, key, own_private, message) &&
              decrypt(n, remote, key, message + KEY_SIZE, KEY_SIZE);
    wipe(key, sizeof(key));
    return is_good;
}

/**
 * noise_read_first() - The rest of the first message
 * @n: state after noise_read_static()
 * @message: the first message
 * @shared: the secret of both static keys
 * @payload: what else it says
 * @length: its bytes
 *
 * Return: 0 if it is not authentic
 */
int noise_read_first(struct noise *n, const uint8_t *message, const uint8_t shared[KEY_SIZE],
                     void *payload, uint32_t length)
{
    uint8_t key[KEY_SIZE];
    int is_good;

    mix_key(n, key, shared);
    is_good = decrypt(n, payload, key, message + 2 * KEY_SIZE + TAG_SIZE, length);
    wipe(key, sizeof(key));
    return is_good;
}

/**
 * noise_write_second() - e, ee, se, psk
 * @n: state; our ephemeral key is in it
 * @out: SECOND_SIZE + length bytes
 * @remote: their static key
 * @psk: preshared key, or zeros
 * @payload: what else it says
 * @length: its bytes
 *
 * Return: 0 if a key of theirs has a small order
 */
int noise_write_second(struct noise *n, uint8_t *out, const uint8_t remote[KEY_SIZE],
                       const uint8_t psk[KEY_SIZE], const void *payload, uint32_t length)
{
    uint8_t key[KEY_SIZE];
    int is_good;

    x25519_public(out, n->ephemeral);
    mix_ephemeral(n, out);
    is_good = mix_dh(n, NULL, n->ephemeral, n->remote);
    is_good &= mix_dh(n, NULL, n->ephemeral, remote);
    mix_psk(n, key, psk);
    encrypt(n, out + KEY_SIZE, key, payload, length);
    wipe(key, sizeof(key));
    return is_good;
}

/**
 * noise_read_second() - The answer to our first message
 * @n: state after noise_write_first()
 * @message: the second message
 * @own_private: our static key
 * @psk: preshared key, or zeros
 * @payload: what else it says
 * @length: its bytes
 *
 * Return: 0 if it is not authentic
 */
int noise_read_second(struct noise *n, const uint8_t *message, const uint8_t own_private[KEY_SIZE],
                      const uint8_t psk[KEY_SIZE], void *payload, uint32_t length)
{
    uint8_t key[KEY_SIZE];
    int is_good;

    mix_ephemeral(n, message);
    is_good = mix_dh(n, NULL, n->ephemeral, message) && mix_dh(n, NULL, own_private, message);
    if (is_good) {
        mix_psk(n, key, psk);
        is_good = decrypt(n, payload, key, message + KEY_SIZE, length);
        wipe(key, sizeof(key));
    }
    return is_good;
}

/**
 * noise_split() - The keys of both directions; the state is wiped
 * @n: state after the second message
 * @first: key of what the initiator sends
 * @second: key of what the responder sends
 */
void noise_split(struct noise *n, uint8_t first[KEY_SIZE], uint8_t second[KEY_SIZE])
{
    kdf((uint8_t *const[3]){ first, second, NULL }, n->chain, NULL, 0);
    wipe(n, sizeof(*n));
}
