/* SPDX-License-Identifier: MIT */
/* fuzz.c - the entry points of libFuzzer: a new stack for each input, and mutations that keep records whole
 *
 * Theory of operation
 *
 * An input is a byte string. Its first record sets a target up, each other one is a step: a packet, a command, an action
 * of the app, time that passes. The bytes of a record choose; the target makes lengths and checksums right unless they
 * say otherwise, so that most inputs come past the first checks.
 *
 * A core has one stack a program, and its variables are static. They are linked between the two halves of state.c: what
 * stands there before the first input is kept, and copied back before each. The arena is mapped anew. So an input does
 * the same whatever ran before it, and a crash is repeated by its file alone.
 *
 * LLVMFuzzerCustomMutator() changes one record, or removes, repeats, exchanges and adds records; the second mutator of
 * libFuzzer, which joins two inputs, does that at the border of a record.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define INPUT_MOST 8192u
#define RECORDS 64u

extern char fuzz_data_begin[], fuzz_data_end[], fuzz_bss_begin[], fuzz_bss_end[];
extern char *arena_base;
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t max, unsigned seed);

static char *kept;
static uint64_t random_state;

/* Red zones lie between variables and are copied with them: memcpy() would be stopped at the first one. */
static void copy(char *to, const char *from, size_t length)
{
    size_t i;

    for (i = 0; i + 8 <= length; i += 8) {
        *(volatile uint64_t *)(to + i) = *(const uint64_t *)(from + i);
    }
    for (; i < length; i++) {
        *(volatile char *)(to + i) = from[i];
    }
}

/* begin_anew() - Variables and arena as they were before the first input */
static void begin_anew(void)
{
    size_t data = (size_t)(fuzz_data_end - fuzz_data_begin),
           bss = (size_t)(fuzz_bss_end - fuzz_bss_begin);

    if (!kept) {
        kept = malloc(data + bss);
        if (!kept || (char *)&arena_base < fuzz_bss_begin || (char *)&arena_base > fuzz_bss_end) {
            fputs("the variables of the core are not between those of state.c\n", stderr);
            abort();
        }
        copy(kept, fuzz_data_begin, data);
        copy(kept + data, fuzz_bss_begin, bss);
        return;
    }
    munmap(arena_base, target_arena());
    copy(fuzz_data_begin, kept, data);
    copy(fuzz_bss_begin, kept + data, bss);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, data + (size < INPUT_MOST ? size : INPUT_MOST) }, record = { 0 };
    uint32_t records = 0;

    begin_anew();
    take_record(&in, &record);
    target_start(&record);
    while (records++ < RECORDS && take_record(&in, &record)) {
        target_record(&record);
    }
    target_end();
    return 0;
}

/* --- Mutations ------------------------------------------------------------------------------------------ */

static uint32_t chance(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

/* borders() - Where the records of an input begin; the last one is its end */
static uint32_t borders(const uint8_t *data, size_t size, size_t *at)
{
    struct input in = { data, data + size }, record;
    uint32_t count = 0;

    while (count < RECORDS && in.at < in.end) {
        at[count++] = (size_t)(in.at - data);
        take_record(&in, &record);
    }
    at[count] = (size_t)(in.at - data);
    return count;
}

static void set_length(uint8_t *record, size_t length)
{
    record[0] = (uint8_t)length;
    record[1] = (uint8_t)(length >> 8);
}

/* replace() - New bytes for those from one place to another */
static size_t replace(uint8_t *data, size_t size, size_t from, size_t to, const uint8_t *bytes,
                      size_t length)
{
    memmove(data + from + length, data + to, size - to);
    memcpy(data + from, bytes, length);
    return size - (to - from) + length;
}

/* change_record() - libFuzzer's own mutations, for the bytes of one record */
static size_t change_record(uint8_t *data, size_t size, size_t max, const size_t *at, uint32_t n)
{
    static uint8_t record[2050];
    size_t begin = at[n] + 2, length = at[n + 1] > begin ? at[n + 1] - begin : 0, room = max - size;
    size_t most = length + room < 2047 ? length + room : 2047;

    if (at[n + 1] < begin || most == 0) {
        return LLVMFuzzerMutate(data, size, max);
    }
    memcpy(record + 2, data + begin, length);
    length = LLVMFuzzerMutate(record + 2, length, most);
    set_length(record, length);
    return replace(data, size, at[n], at[n + 1], record, length + 2);
}

/* new_record() - A record of random bytes: its kind, and some choices */
static size_t new_record(uint8_t *record)
{
    size_t length = 2 + chance(24), i;

    for (i = 0; i < length; i++) {
        record[2 + i] = (uint8_t)(chance(2) ? chance(8) : chance(256));
    }
    record[2] = (uint8_t)chance(256);
    set_length(record, length);
    return length + 2;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    static uint8_t record[2050];
    size_t at[RECORDS + 1], length;
    uint32_t count, one, two;

    random_state = seed;
    max = max < INPUT_MOST ? max : INPUT_MOST;
    count = size <= max ? borders(data, size, at) : 0;
    if (count == 0 || chance(16) == 0) {
        return LLVMFuzzerMutate(data, size, max);
    }
    one = chance(count);
    two = chance(count);
    switch (chance(8)) {
    case 0: /* remove */
        return count > 1 ? replace(data, size, at[one], at[one + 1], record, 0) : size;
    case 1: /* repeat elsewhere */
        length = at[one + 1] - at[one];
        if (count == RECORDS || size + length > max) {
            return size;
        }
        memcpy(record, data + at[one], length);
        return replace(data, size, at[two], at[two], record, length);
    case 2:
    case 3: /* add */
        length = new_record(record);
        if (count == RECORDS || size + length > max) {
            return size;
        }
        return replace(data, size, at[two + 1], at[two + 1], record, length);
    default:
        return change_record(data, size, max, at, one);
    }
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t max, unsigned seed)
{
    size_t at[RECORDS + 1], head, tail, from;
    uint32_t count;

    random_state = seed;
    count = borders(one, one_size, at);
    head = at[chance(count + 1)];
    count = borders(two, two_size, at);
    from = at[chance(count + 1)];
    tail = two_size - from;
    if (head > max) {
        return 0;
    }
    tail = tail < max - head ? tail : max - head;
    memcpy(out, one, head);
    memcpy(out + head, two + from, tail);
    return head + tail;
}
