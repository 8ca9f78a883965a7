/* SPDX-License-Identifier: MIT */
/* dgram.h - datagram sockets: a pair of frame rings (theory of operation: core/sock/dgram.c) */
#ifndef RINGSTACK_DGRAM_H
#define RINGSTACK_DGRAM_H

#include "iface/ringif.h"
#include "sock/sock.h"

/* One group a socket is a member of, on one interface. */
struct membership {
    struct membership *next;
    struct ringif *ifc;
    ip_addr_t group;
    ip_addr_t source; /* only what this host sends; any: whoever sends */
};

/* UDP and ICMP sockets. */
struct dgram_sock {
    struct sock sock;
    struct dgram_sock *next;           /* list of its port */
    struct dgram_sock *next_connected; /* list of its ends, if connected */
    struct dgram_sock *next_blocked;   /* list of those that wait for room in an interface */
    struct membership *groups;
    uint32_t rx_size; /* of the ring rx, whose storage comes with the first datagram */
    uint32_t iface;   /* handle: sends and receives there only; 0: anywhere */
    uint32_t flags;   /* DGRAM_* */
    uint8_t proto;    /* IP_PROTO_UDP, IP_PROTO_ICMP, IP6_NEXTH_ICMP6 */
    uint8_t ttl;
    uint8_t multicast_ttl;
    uint8_t connected;
    uint8_t blocked; /* stands in the list */
};

/* A datagram on its way in. */
struct arrival {
    struct ringif *ifc;
    ip_addr_t from;
    ip_addr_t to;
    uint16_t from_port;
    uint16_t to_port;
    uint8_t proto;
    uint8_t ttl;
    const struct pbuf *p; /* payload begins at offset */
    uint16_t offset;
    uint16_t length;
};

/* A datagram on its way out. */
struct departure {
    struct ringif *ifc;
    ip_addr_t from;
    ip_addr_t to;
    uint16_t from_port;
    uint16_t to_port;
    uint8_t ttl;
    uint8_t proto;
    const uint8_t *link; /* MAC it is sent to, NULL: that of the next hop */
    uint8_t *data;
    uint32_t length;
};

int dgram_open(struct sock *s, const struct cmd_socket *cmd);
void dgram_kick(struct sock *s);
void dgram_abort(struct sock *s, int error);
void dgram_release(struct sock *s);
int dgram_set_option(struct sock *s, uint32_t option, uint32_t value);
int dgram_member(struct sock *s, const struct cmd_group *cmd);
void dgram_run(struct sock *s);
void dgram_failed(struct dgram_sock *d, int error);
void dgram_interface_gone(const struct ringif *ifc);
void dgram_end(void);
void dgram_setup(struct stack_stats *stats);

#endif /* RINGSTACK_DGRAM_H */
