/* SPDX-License-Identifier: MIT */
/* replay.h - the window of counters that were received (RFC 6479): each is accepted once */
#ifndef RINGSTACK_WIREGUARD_REPLAY_H
#define RINGSTACK_WIREGUARD_REPLAY_H

#include <stdint.h>

/* Bits kept; counters as old as these less one word are accepted still. */
#define WINDOW_BITS 8192
#define WINDOW_SIZE (WINDOW_BITS - 64)
/* No counter from here on: nonces would come back. */
#define REJECT_AFTER_MESSAGES (UINT64_MAX - (1u << 13))

struct replay {
    uint64_t next; /* one more than the greatest received */
    uint64_t bits[WINDOW_BITS / 64];
};

/**
 * replay_accept() - Take note of a counter
 * @r: window
 * @counter: of an authentic message
 *
 * Return: 0 if it was there before, or is too old to say
 */
static inline int replay_accept(struct replay *r, uint64_t counter)
{
    uint64_t word, bit, position = counter + 1;

    if (counter >= REJECT_AFTER_MESSAGES || position + WINDOW_SIZE < r->next) {
        return 0;
    }
    word = position / 64;
    if (position > r->next) {
        uint64_t steps = word - r->next / 64;

        for (uint64_t i = 1; i <= steps && i <= WINDOW_BITS / 64; i++) {
            r->bits[(r->next / 64 + i) % (WINDOW_BITS / 64)] = 0;
        }
        r->next = position;
    }
    bit = (uint64_t)1 << position % 64;
    if (r->bits[word % (WINDOW_BITS / 64)] & bit) {
        return 0;
    }
    r->bits[word % (WINDOW_BITS / 64)] |= bit;
    return 1;
}

#endif /* RINGSTACK_WIREGUARD_REPLAY_H */
