/* SPDX-License-Identifier: MIT */
/* ringif.h - lwIP driver over two frame rings (theory of operation: core/iface/ringif.c) */
#ifndef RINGSTACK_RINGIF_H
#define RINGSTACK_RINGIF_H

#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include "abi.h"
#include "ring.h"

/* Largest frame of a wire between stacks: pbufs count in 16 bits. */
#define RINGIF_GSO_MAX 0xffffu

/* Slots for addresses: 0 is that of IPv4, the last that of the link-local address of IPv6. */
#define IFACE_SLOTS (IFACE_ADDRS + 1)

/* Neighbors are found by a hash of their address (core/iface/neighbor.c). */
#define NEIGHBOR_LISTS 16u

/* An entry of the table of routes (core/iface/route.c). */
struct route {
    struct route *next;
    struct ringif *ifc;
    ip6_addr_t hop; /* entry.via for lwIP; an IPv4 address is the first word */
    struct abi_entry entry;
};

struct ringif {
    struct ringif *next; /* list of all (core/iface/iface.c) */
    struct abi_iface *pub;
    struct netif netif;
    struct producer tx;
    struct consumer rx;
    struct pbuf_custom slot; /* wraps the frame that lwIP is looking at */
    uint32_t slot_used;      /* lwIP still holds it */
    uint32_t (*input)(struct ringif *ifc, uint32_t budget); /* ringif_input(), or of a bridge */
    struct port *port;     /* of a bridge (core/iface/bridge.c), NULL: none */
    uint32_t forwards;     /* it passes packets of others on (core/iface/forward.c) */
    uint32_t gso_max_size; /* largest frame it may send above the MTU, 0: none */
    uint32_t wired;        /* rx is another interface's tx */
    uint32_t own_doorbell; /* data_doorbell of the ring we are wired to, before we took it */
    uint32_t blocked;      /* lwIP got ERR_MEM: tcp_output() again when room returns */
    struct route
        addrs[IFACE_SLOTS]; /* destination of no family: the slot is empty (core/iface/address.c) */
    /* A detection, if one runs. */
    uint32_t detect_id; /* of the command that waits for it, 0: none runs */
    struct abi_addr detect;
    uint32_t detect_left;  /* seconds */
    uint8_t detect_mac[8]; /* of a host that has the address, and a 1 */
    uint8_t detect_slot;   /* 0: IPv4 */
    uint8_t router;        /* ND6_FLAG_ROUTER: a router was advertised here */
    struct neighbor *neighbors[NEIGHBOR_LISTS];
    uint32_t neighbor_count;
    struct neighbor *last_hop; /* where the packet before went to, by the routes of last_epoch */
    uint32_t last_epoch;
    uint8_t last_dest[16];
    uint32_t queued;    /* bytes of packets that wait for a neighbor's MAC address */
    uint32_t defended;  /* when another host was last told that it has our address */
    uint32_t announced; /* pub->listening when our addresses were last announced */
    uint32_t admitted;  /* route_epoch, and 1: IPv6, when the packet with these ends was taken */
    uint8_t admitted_ends[32];
    uint32_t queue_full; /* a packet was refused that is to be tried again */
    uint32_t
        old_querier[3]; /* until when one of IGMPv1, IGMPv2, MLDv1 counts (core/lwext/group.c) */
};

/**
 * ringif_fits() - Whether a ring is large enough for an MTU: four of its packets beside the reserve
 * @ring: size of tx, bytes
 * @mtu: bytes, at most IFACE_MTU_MAX
 *
 * Return: 1 if so
 */
static inline int ringif_fits(uint32_t ring, uint32_t mtu)
{
    return ring >= 4 * mtu + IFACE_TX_RESERVE;
}

/**
 * ringif_frame_max() - The largest frame of an interface: on a tap with header and tag, as far as lwIP can count
 * @kind: its kind
 * @mtu: bytes, at most IFACE_MTU_MAX
 *
 * Return: bytes
 */
static inline uint32_t ringif_frame_max(uint32_t kind, uint32_t mtu)
{
    return kind < IFACE_TAP ? mtu : LWIP_MIN(mtu + ETHERNET_HEADER + VLAN_TAG, 0xffffu);
}

void ringif_setup(struct stack_stats *to);
err_t ringif_init(struct netif *netif);
err_t ringif_output(struct netif *netif, struct pbuf *p);
void ringif_deliver(struct ringif *ifc, const struct span *frame, struct netif *to);
uint32_t ringif_input(struct ringif *ifc, uint32_t budget);
uint32_t ringif_gso_max_size(const struct ringif *ifc);
int ringif_has_room(struct ringif *ifc, uint32_t length, uint32_t mtu);
int ringif_retry(struct ringif *ifc);
void ringif_flush(struct ringif *ifc);
int ringif_arm(struct ringif *ifc);
uint32_t ringif_packets(void);
void ringif_keep_time(void);

#endif /* RINGSTACK_RINGIF_H */
