/* SPDX-License-Identifier: MIT */
/* dgram_sock.h - the state of a datagram socket, and a datagram (theory of operation: core/sock/dgram.c) */
#ifndef RINGSTACK_DGRAM_SOCK_H
#define RINGSTACK_DGRAM_SOCK_H

#include "iface/ringif.h"
#include "sock/sock.h"

/* One group a socket is a member of, on one interface. */
struct membership {
    struct membership *next;
    struct ringif *ifc;
    ip_addr_t group;
    ip_addr_t source; /* only what this host sends; any: every host */
};

/* UDP and ICMP sockets, and those of SYNs. Decisions are made by these fields: the app may write to the part it sees. */
struct dgram_sock {
    struct sock sock;
    struct dgram_sock *next;           /* list of its port, or of transparent sockets */
    struct dgram_sock *next_connected; /* list of its ends, if connected */
    struct list blocked;               /* those that wait for room in an interface */
    struct membership *groups;
    ip_addr_t local;  /* IPADDR_TYPE_ANY: bound to no family */
    ip_addr_t remote; /* if connected */
    uint32_t rx_size; /* of the ring rx, whose storage comes with the first datagram */
    uint32_t iface;   /* handle: sends and receives there only; 0: anywhere */
    uint32_t flags;   /* DGRAM_* */
    uint16_t port;    /* ICMP: identifier of its echoes, 0: every message */
    uint16_t remote_port;
    uint8_t proto; /* IP_PROTO_UDP, IP_PROTO_ICMP, IP6_NEXTH_ICMP6 */
    uint8_t ttl;
    uint8_t multicast_ttl;
    uint8_t connected;
    uint8_t closed;
};

/* A datagram on its way in or out. */
struct datagram {
    struct ringif *ifc;
    ip_addr_t from;
    ip_addr_t to;
    uint16_t from_port; /* ICMP: 0 */
    uint16_t to_port;
    uint8_t proto;
    uint8_t ttl;
    uint8_t foreign;      /* in: it is for no address of ours */
    uint16_t verdict;     /* out, SOCK_FLOW: VERDICT_* */
    uint16_t offset;      /* in: where the payload begins in p */
    const struct pbuf *p; /* in */
    uint8_t *data;        /* out: the payload, in tx */
    const uint8_t *link;  /* out: MAC it is sent to, NULL: that of the next hop */
    uint32_t length;      /* of the payload */
};

/**
 * dgram_sock_of() - The datagram socket that a socket is
 * @s: socket of kind SOCK_UDP, SOCK_ICMP or SOCK_ICMP6
 *
 * Return: the same
 */
static inline struct dgram_sock *dgram_sock_of(struct sock *s)
{
    return (struct dgram_sock *)(void *)s;
}

#endif /* RINGSTACK_DGRAM_SOCK_H */
