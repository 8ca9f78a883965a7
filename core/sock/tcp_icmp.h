/* SPDX-License-Identifier: MIT */
/* tcp_icmp.h - ICMP errors about connections (theory of operation: core/sock/tcp_icmp.c) */
#ifndef RINGSTACK_TCP_ICMP_H
#define RINGSTACK_TCP_ICMP_H

#include "lwip/ip_addr.h"

#include "abi.h"

void tcp_icmp_error(const ip_addr_t *local, uint16_t port, const ip_addr_t *remote,
                    uint16_t remote_port, uint32_t sequence, int error);

#endif /* RINGSTACK_TCP_ICMP_H */
