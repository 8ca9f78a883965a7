/* SPDX-License-Identifier: MIT */
/* error_limit.h - how many ICMP errors are sent (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)) */
#ifndef RINGSTACK_ERROR_LIMIT_H
#define RINGSTACK_ERROR_LIMIT_H

#include <stdint.h>

/* Errors sent, and those that were more than the limit. */
struct error_count {
    uint32_t sent;
    uint32_t limited;
};
extern struct error_count lwext_errors;

#endif /* RINGSTACK_ERROR_LIMIT_H */
