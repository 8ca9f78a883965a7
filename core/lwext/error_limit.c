/* SPDX-License-Identifier: MIT */
/* error_limit.c - how many ICMP errors are sent (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)): a bucket of tokens */
#include "lwext/error_limit.h"

#include "lwip/sys.h"

#include "lwip_port.h"

/* As Linux: 1000 a second, 50 at once. */
#define BURST 50u

struct error_count lwext_errors;
static uint32_t tokens = BURST, filled;

/**
 * port_icmp_error() - Whether an ICMP error may be sent now (LWIP_HOOK_ICMP_ERROR)
 *
 * Return: 1 if so; it is counted either way
 */
int port_icmp_error(void)
{
    uint32_t now = sys_now(), passed = now - filled; /* a token a millisecond */

    filled = now;
    tokens = passed >= BURST - tokens ? BURST : tokens + passed;
    if (!tokens) {
        lwext_errors.limited++;
        return 0;
    }
    tokens--;
    lwext_errors.sent++;
    return 1;
}
