/* SPDX-License-Identifier: MIT */
/* path_mtu.h - how large packets to a destination may be (theory of operation: core/lwext/path_mtu.c) */
#ifndef RINGSTACK_PATH_MTU_H
#define RINGSTACK_PATH_MTU_H

#include "lwip/ip_addr.h"

uint32_t lwext_path_mtu(const ip_addr_t *to, uint32_t mtu);
void lwext_path_mtu_sent(const ip_addr_t *to);
uint32_t lwext_path_mtu_lower(const ip_addr_t *to, uint32_t mtu, int is_sent);

#endif /* RINGSTACK_PATH_MTU_H */
