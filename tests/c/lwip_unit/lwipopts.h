/* SPDX-License-Identifier: MIT */
/* lwipopts.h - our options, changed where lwIP's own unit tests cannot do with them
 *
 * Each change has its reason. All other options are tested as they are shipped.
 */
#ifndef RINGSTACK_LWIP_UNIT_LWIPOPTS_H
#define RINGSTACK_LWIP_UNIT_LWIPOPTS_H

#include "../../../lwip/lwipopts.h"

/* Lets the tests reach into lwIP's private parts. */
#define LWIP_TESTMODE 1

/* These hooks need the socket slots and interfaces of core/, which these tests do not have. Those of
   core/lwext/tcp_*.c are tested with lwIP. */
#undef LWIP_HOOK_FORWARD
#undef LWIP_HOOK_ICMP_DATA
#undef LWIP_HOOK_IP_FOREIGN
#undef LWIP_HOOK_TCP_LISTENS
#undef LWIP_HOOK_IP4_INPUT
#undef LWIP_HOOK_IP6_INPUT
#undef LWIP_HOOK_TCP_ISN
#undef LWIP_HOOK_TCP_INPACKET_PCB
#undef LWIP_HOOK_TCP_FIND
#undef LWIP_HOOK_TCP_OPENED
#undef LWIP_HOOK_TCP_FREED
#undef LWIP_HOOK_TCP_OUTPUT_LATER
#undef LWIP_HOOK_TCP_SEGMENT_MAX
#undef LWIP_HOOK_TCP_NEW_PORT
#undef LWIP_HOOK_ROUTE_ONLY
#undef LWIP_HOOK_IP4_ROUTE_SRC
#undef LWIP_HOOK_IP6_ROUTE
#undef LWIP_ND6_NUM_ROUTERS
#undef LWIP_ND6_NUM_PREFIXES
#undef LWIP_IP_ACCEPT_UDP_PORT
#undef LWIP_HOOK_ICMP_ERROR
#undef ETHARP_VLAN_CHECK_FN
#undef LWIP_HOOK_IP4_OFFSET

/* The tests prove by these counters that nothing leaks. */
#undef MEM_STATS
#define MEM_STATS 1
#undef MEMP_STATS
#define MEMP_STATS 1

/* Every suite names the pool of lwIP's timeouts; in the product core/lwext/timers.c replaces them. */
#undef LWIP_TIMERS
#define LWIP_TIMERS 1

/* The tests lay out segments by hand and keep twice the window in an array; the
   values are those of lwIP's own test options. */
#undef TCP_MSS
#define TCP_MSS 536
#undef TCP_WND
#define TCP_WND (10 * TCP_MSS)
#undef TCP_SND_BUF
#define TCP_SND_BUF (12 * TCP_MSS)
#undef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN 40
#undef TCP_RCV_SCALE
#define TCP_RCV_SCALE 0

/* The pbuf tests have a chain where 1024 bytes come from the pool: lwIP's default for this MSS. */
#undef PBUF_POOL_BUFSIZE

/* The TCP tests count ticks of lwIP's default clock until a retransmission. */
#undef TCP_TMR_INTERVAL
#define TCP_TMR_INTERVAL 250
#undef LWIP_TCP_RTO_TIME
#define LWIP_TCP_RTO_TIME 3000

/* A TCP test counts the ticks of lwIP's own first window probe, 1.5 s (lwip/patches/0013). */
#define TCP_PERSIST_FIRST(pcb) 3u

/* The ARP tests send their packets by UDP and set static entries. */
#undef LWIP_UDP
#define LWIP_UDP 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 1

/* The IP tests look at the loopback interface; its packets would go to the thread of the socket API,
   which we do not have. */
#undef LWIP_HAVE_LOOPIF
#define LWIP_HAVE_LOOPIF 1
#undef LWIP_NETIF_LOOPBACK
#define LWIP_NETIF_LOOPBACK 1
#define tcpip_thread_poll_one() netif_poll_all()

/* The IP tests count frames: with LWIP_ACD there is no gratuitous ARP in between, and three router
   solicitations are expected. */
#undef LWIP_ACD
#define LWIP_ACD 1
#undef LWIP_IPV6_SEND_ROUTER_SOLICIT
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 1

/* Callbacks that the netif tests test. */
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1

/* They count frames, and want no reports of groups; core/lwext/group.c sends ours. */
#undef LWIP_IGMP
#define LWIP_IGMP 0
#undef LWIP_IPV6_MLD
#define LWIP_IPV6_MLD 0

#endif /* RINGSTACK_LWIP_UNIT_LWIPOPTS_H */
