/* SPDX-License-Identifier: MIT */
/* noise.h - the handshake Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s: the state of one, and its two messages
 *
 * Theory of operation
 *
 *     -> e, es, s, ss      noise_write_first()    noise_read_first()
 *     <- e, ee, se, psk    noise_write_second()   noise_read_second()
 *
 * Both sides keep a chaining key, from which keys are derived, and a hash of everything that was sent.
 * A function that fails leaves a state that is of no use: callers that need the old one read into a copy.
 * The secret of both static keys (ss) never changes and costs a multiplication, so callers keep it.
 */
#ifndef RINGSTACK_WIREGUARD_NOISE_H
#define RINGSTACK_WIREGUARD_NOISE_H

#include "crypto.h"

/* Bytes that the messages have beside their payloads. */
#define FIRST_SIZE (KEY_SIZE + KEY_SIZE + TAG_SIZE + TAG_SIZE)
#define SECOND_SIZE (KEY_SIZE + TAG_SIZE)

struct noise {
    uint8_t chain[HASH_SIZE];
    uint8_t hash[HASH_SIZE];
    uint8_t ephemeral[KEY_SIZE]; /* our private one */
    uint8_t remote[KEY_SIZE];    /* their public one */
};

void noise_begin(struct noise *n, const uint8_t *prologue, uint32_t length,
                 const uint8_t responder[KEY_SIZE]);
int noise_write_first(struct noise *n, uint8_t *out, const uint8_t own_public[KEY_SIZE],
                      const uint8_t remote[KEY_SIZE], const uint8_t shared[KEY_SIZE],
                      const void *payload, uint32_t length);
int noise_read_static(struct noise *n, uint8_t remote[KEY_SIZE], const uint8_t *message,
                      const uint8_t own_private[KEY_SIZE]);
int noise_read_first(struct noise *n, const uint8_t *message, const uint8_t shared[KEY_SIZE],
                     void *payload, uint32_t length);
int noise_write_second(struct noise *n, uint8_t *out, const uint8_t remote[KEY_SIZE],
                       const uint8_t psk[KEY_SIZE], const void *payload, uint32_t length);
int noise_read_second(struct noise *n, const uint8_t *message, const uint8_t own_private[KEY_SIZE],
                      const uint8_t psk[KEY_SIZE], void *payload, uint32_t length);
void noise_split(struct noise *n, uint8_t first[KEY_SIZE], uint8_t second[KEY_SIZE]);

#endif /* RINGSTACK_WIREGUARD_NOISE_H */
