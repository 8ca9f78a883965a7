/* SPDX-License-Identifier: MIT */
/* error_limit.c - how many ICMP errors are sent (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)): a bucket of tokens */
#include "lwext/error_limit.h"

#include "lwip/sys.h"

/* As Linux: 1000 a second, 50 at once. */
#define BURST 50u

static uint32_t tokens = BURST, filled;

/**
 * lwext_error_limit() - Whether an ICMP error may be sent now
 *
 * Return: 1 if so: it is counted
 */
int lwext_error_limit(void)
{
    uint32_t now = sys_now(), passed = now - filled; /* a token a millisecond */

    filled = now;
    tokens = passed >= BURST - tokens ? BURST : tokens + passed;
    if (!tokens) {
        return 0;
    }
    tokens--;
    return 1;
}
