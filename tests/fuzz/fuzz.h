/* SPDX-License-Identifier: MIT */
/* fuzz.h - what a target of libFuzzer is made of (theory of operation: tests/fuzz/fuzz.c) */
#ifndef RINGSTACK_FUZZ_H
#define RINGSTACK_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of an input, or of one of its records, that are left. */
struct input {
    const uint8_t *at, *end;
};

/* A target: it starts a stack for each input, does what a record says, and sees in the end that all is as it must be. */
void target_start(struct input *in);
void target_record(struct input *in);
void target_end(void);
/* Bytes of the arena of a target, which it maps anew for each input. */
uint32_t target_arena(void);

static inline uint32_t left(const struct input *in)
{
    return (uint32_t)(in->end - in->at);
}

/* take8() - The next byte; zero when there is none */
static inline uint32_t take8(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static inline uint32_t take16(struct input *in)
{
    uint32_t low = take8(in);

    return low | take8(in) << 8;
}

static inline uint32_t take32(struct input *in)
{
    uint32_t low = take16(in);

    return low | take16(in) << 16;
}

/* pick() - A number below a bound of at most 256 */
static inline uint32_t pick(struct input *in, uint32_t bound)
{
    return take8(in) % bound;
}

/* take_bytes() - So many bytes; zeros behind the last */
static inline void take_bytes(struct input *in, void *to, uint32_t length)
{
    uint32_t there = left(in) < length ? left(in) : length;

    memset(to, 0, length);
    if (there) {
        memcpy(to, in->at, there);
    }
    in->at += there;
}

/* take_rest() - The bytes that are left, at most so many */
static inline uint32_t take_rest(struct input *in, void *to, uint32_t most)
{
    uint32_t length = left(in) < most ? left(in) : most;

    take_bytes(in, to, length);
    return length;
}

/* take_record() - The next record: two bytes of length, then its bytes */
static inline int take_record(struct input *in, struct input *record)
{
    uint32_t length;

    if (in->at == in->end) {
        return 0;
    }
    length = take16(in) & 2047;
    length = length < left(in) ? length : left(in);
    record->at = in->at;
    record->end = in->at += length;
    return 1;
}

#endif /* RINGSTACK_FUZZ_H */
