/* SPDX-License-Identifier: MIT */
/* tcp_icmp.h - ICMP errors about connections (theory of operation: core/sock/tcp_icmp.c) */
#ifndef RINGSTACK_TCP_ICMP_H
#define RINGSTACK_TCP_ICMP_H

#include "sock/dgram_sock.h"

int tcp_icmp_error(const struct datagram *answer, uint32_t sequence, int error, uint32_t mtu);

#endif /* RINGSTACK_TCP_ICMP_H */
