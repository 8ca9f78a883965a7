/* SPDX-License-Identifier: MIT */
/* ringif.h - lwIP network interfaces over two frame rings (theory of operation: core/ringif.c) */
#ifndef RINGSTACK_RINGIF_H
#define RINGSTACK_RINGIF_H

#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include "abi.h"
#include "ring.h"

/* lwIP numbers interfaces with a u8 from 1 to 254. */
#define RINGIF_MAX 254

struct ringif {
    struct iface *pub;
    struct netif netif;
    struct producer tx;
    struct consumer rx;
    struct pbuf_custom slot; /* wraps the frame that lwIP is looking at */
    uint32_t slot_used;      /* lwIP still holds it */
    uint32_t wired;          /* rx is another interface's tx */
    uint32_t own_bell;       /* data_bell of the ring we are wired to, before we took it */
    uint32_t blocked;        /* lwIP was told ERR_MEM: tcp_output again when room returns */
    uint32_t addr_count;
    uint32_t gateway_count;
    struct abi_addr addrs[IFACE_ADDRS];
    struct abi_addr gateways[2];
    ip6_addr_t gateway6;
};

void ringif_setup(uint32_t owner, uint32_t bell, uint32_t app_bell);
int ringif_add(const struct cmd_iface *cmd, uint32_t *handle, uint32_t *place);
int ringif_remove(uint32_t handle);
int ringif_wire(uint32_t handle, uint32_t ring);
int ringif_poll(uint32_t budget);
int ringif_retry(void);
void ringif_flush(void);
int ringif_arm(void);
uint32_t ringif_packets(void);
struct ringif *ringif_next(const struct ringif *after);
struct ringif *ringif_get(uint32_t handle);
uint32_t ringif_handle_of(const struct netif *netif);

#endif /* RINGSTACK_RINGIF_H */
