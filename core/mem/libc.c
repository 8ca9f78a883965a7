/* SPDX-License-Identifier: MIT */
/* libc.c - the C library functions that lwIP and the compiler call; the module links no libc
 *
 * memcpy, memmove and memset are one instruction each in wasm (bulk memory).
 */
#ifdef __wasm__
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);

/**
 * memcpy() - As ISO C has it
 * @to: where to
 * @from: where from
 * @length: bytes
 *
 * Return: to
 */
void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    return __builtin_memcpy(to, from, length);
}

/**
 * memmove() - As ISO C has it
 * @to: where to
 * @from: where from
 * @length: bytes
 *
 * Return: to
 */
void *memmove(void *to, const void *from, size_t length)
{
    return __builtin_memmove(to, from, length);
}

/**
 * memset() - As ISO C has it
 * @to: where to
 * @byte: value
 * @length: bytes
 *
 * Return: to
 */
void *memset(void *to, int byte, size_t length)
{
    return __builtin_memset(to, byte, length);
}

/**
 * memcmp() - As ISO C has it
 * @a: bytes
 * @b: bytes
 * @length: how many
 *
 * Return: difference of the first pair that differs, or 0
 */
int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *x = a, *y = b;

    for (; length; length--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

/**
 * strlen() - As ISO C has it
 * @text: string
 *
 * Return: bytes before the NUL
 */
size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length]) {
        length++;
    }
    return length;
}
#endif
