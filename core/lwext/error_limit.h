/* SPDX-License-Identifier: MIT */
/* error_limit.h - how many ICMP errors are sent (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)) */
#ifndef RINGSTACK_ERROR_LIMIT_H
#define RINGSTACK_ERROR_LIMIT_H

int lwext_error_limit(void);

#endif /* RINGSTACK_ERROR_LIMIT_H */
