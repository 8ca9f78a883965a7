/* SPDX-License-Identifier: MIT */
/* lwipopts.h - our overrides of lwIP's options (see src/include/lwip/opt.h), each with its reason
 *
 * Only options that differ from lwIP's default are here.
 */
#ifndef RINGSTACK_LWIPOPTS_H
#define RINGSTACK_LWIPOPTS_H

/* --- Platform: one thread runs a stack, the loop passes the time in ----------------------- */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
/* core/lwext/timers.c calls the protocol timers itself, and only while a protocol has something to
   time: lwIP's cyclic timers would wake an idle stack ten times a second. */
#define LWIP_TIMERS 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#ifndef RINGSTACK_NATIVE
/* The wasm module cannot print; the native test builds keep the assertions. */
#define LWIP_NOASSERT 1
#endif

/* --- Memory: everything comes from core/mem/heap.c, which grows in the arena ------------------ */
#define MEM_ALIGNMENT 8
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC heap_malloc
#define MEM_CUSTOM_CALLOC heap_calloc
#define MEM_CUSTOM_FREE heap_free
/* Pools are the slabs of core/mem/heap.c: a fixed pool would either cap the number of connections
   or cost its memory on an idle stack. */
#define MEMP_MEM_MALLOC 1
/* Unused: frames never come in pool pbufs. Its size is derived from TCP_MSS and overflows a u16. */
#define PBUF_POOL_SIZE 0
#define PBUF_POOL_BUFSIZE 1600
/* Frames are wrapped where they lie in a ring (custom pbuf, PBUF_REF). */
#define LWIP_SUPPORT_CUSTOM_PBUF 1
/* Payload lies in rings, which outlive the call but not the queue of an address resolution: ARP and ND
   copy all packets they keep. */
#define PBUF_NEEDS_COPY(p) 1

/* --- Hooks: routes, initial sequence numbers, receive memory, the table of connections
   (core/lwip_port.h) ------------------------------------------------------------------------ */
#define LWIP_HOOK_FILENAME "lwip_port.h"
#define LWIP_HOOK_TCP_ISN port_tcp_isn
#define LWIP_HOOK_TCP_INPACKET_PCB port_tcp_inpacket
/* patches/: tcp-find. */
#define LWIP_HOOK_TCP_FIND port_tcp_find
#define LWIP_HOOK_TCP_OPENED port_tcp_opened
#define LWIP_HOOK_TCP_FREED port_tcp_freed
#define LWIP_HOOK_TCP_OUTPUT_LATER port_tcp_output_later
/* patches/: tcp-large-segments (core/lwext/tcp_tso.c). */
#define LWIP_HOOK_TCP_SEGMENT_MAX port_tcp_segment_max
#define LWIP_HOOK_TCP_CUT port_tcp_cut
#define LWIP_HOOK_TCP_REST port_tcp_rest
/* patches/: tcp-rto (core/lwext/tcp_rto.c). */
#define LWIP_HOOK_TCP_RTO port_tcp_rto
#define LWIP_HOOK_TCP_RTT port_tcp_rtt
#define LWIP_HOOK_TCP_TIMED_OUT port_tcp_timed_out
/* patches/: tcp-recovery (core/lwext/tcp_recovery.c). */
#define LWIP_HOOK_TCP_DUPACK port_tcp_dupack
#define LWIP_HOOK_TCP_ACKED port_tcp_acked
#define LWIP_HOOK_TCP_SACK port_tcp_sack
#define LWIP_HOOK_TCP_TIME port_tcp_time
#define LWIP_HOOK_TCP_LOST port_tcp_lost
#define LWIP_HOOK_TCP_REXMIT_ALL port_tcp_rexmit_all
/* patches/: tcp-new-port. */
#define LWIP_HOOK_TCP_NEW_PORT port_tcp_new_port
/* patches/: icmp-errors (core/lwext/error_limit.c). */
#define LWIP_HOOK_ICMP_ERROR port_icmp_error
/* patches/: forward (core/iface/forward.c). */
#define LWIP_HOOK_FORWARD port_forward
#define LWIP_HOOK_ICMP_DATA port_icmp_data
/* patches/: ip4-dont-fragment. Segments of TCP always, datagrams if their socket says so (core/sock/ip_send.c). */
#define LWIP_HOOK_IP4_OFFSET(proto) ((proto) == IP_PROTO_TCP ? PP_HTONS(IP_DF) : port_ip4_offset)
/* patches/: foreign (core/sock/flow.c). The flag is that of the packet at hand. */
#define LWIP_HOOK_IP_FOREIGN(netif, inp)                                                           \
    ((port_foreign = (netif) == NULL) != 0 && port_ip_foreign(inp))
#define LWIP_HOOK_TCP_LISTENS port_tcp_listens
/* patches/: netif-addresses. The sockets of an address end before it goes (core/change.c). */
#define LWIP_HOOK_IP_ADDR_CHANGED(old_addr, new_addr) ((void)(old_addr), (void)(new_addr))
/* patches/: route-only. */
#define LWIP_HOOK_ROUTE_ONLY 1
#define LWIP_HOOK_IP4_ROUTE_SRC port_ip4_route
#define LWIP_HOOK_IP6_ROUTE port_ip6_route
#define LWIP_HOOK_IP4_INPUT port_ip4_input
#define LWIP_HOOK_IP6_INPUT port_ip6_input

/* --- Link and IPv4 ------------------------------------------------------------------------- */
/* Frames that only have a priority (802.1Q, VLAN 0) are taken as if they had none. */
#define ETHARP_SUPPORT_VLAN 1
#define ETHARP_VLAN_CHECK_FN(eth, vlan) port_vlan_input((vlan)->prio_vid)
/* Checksums can be switched off on a wire whose ends share memory. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define IP_REASS_MAX_PBUFS 64
/* core/lwext/ip_input.c and group.c stand in the place of raw.c, igmp.c and mld6.c, core/sock/udp.c of udp.c,
   core/iface/arp.c and nd.c of etharp.c, nd6.c and ethip6.c. */
#define LWIP_RAW 1
#define LWIP_UDP 0
/* A datagram for an interface without an address, such as a DHCP client's. The packet may end before its port. */
#define LWIP_IP_ACCEPT_UDP_PORT(port) port_udp_accept(inp, p, &(port))
#define LWIP_DNS 0
#define LWIP_DHCP 0
#define LWIP_IGMP 1
#define LWIP_ACD 0
/* Own addresses are routed to the loopback interface by port_ip4_route, over a ring. */
#define LWIP_HAVE_LOOPIF 0
#define LWIP_NETIF_LOOPBACK 0

/* --- IPv6: static addresses ------------------------------------------------------------------ */
#define LWIP_IPV6 1
/* One link-local address and three given ones. */
#define LWIP_IPV6_NUM_ADDRESSES 4
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
/* Only for the addresses that a program asks about (core/iface/address.c); the others are valid at once. */
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_IPV6_DHCP6 0
/* A guest's router advertisement must not change our MTU and timers. */
#define LWIP_ND6_ALLOW_RA_UPDATES 0
/* All routes are the program's (LWIP_HOOK_ROUTE_ONLY): what routers advertise is not remembered. */
#define LWIP_ND6_NUM_ROUTERS 0
#define LWIP_ND6_NUM_PREFIXES 0
#define LWIP_ND6_QUEUEING 0
/* A neighbor in use is asked each 35 s: a look-up for each ACK would cost more (core/iface/neighbor.c). */
#define LWIP_ND6_TCP_REACHABILITY_HINTS 0

/* --- TCP -------------------------------------------------------------------------------------- */
/* Compiled for the largest MTU (65520); TCP_CALCULATE_EFF_SEND_MSS does the rest per interface. */
#define TCP_MSS 65480
/* lwIP's sanity checks do 16-bit arithmetic on TCP_MSS and refuse 16383 and up. */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 9
/* The upper bound of the option receiveBuffer; core/sock/tcp_data.c sets each connection's own. */
#define TCP_WND (16 * 1024 * 1024)
/* core/sock/tcp_data.c opens the window itself and decides when an update is worth sending. */
#define TCP_WND_UPDATE_THRESHOLD 1
/* The transmit ring bounds the bytes that are queued, so lwIP's own bound is larger than any ring. */
#define TCP_SND_BUF (32 * 1024 * 1024)
/* Pbufs, two per segment: a peer with a tiny MSS must not cost megabytes. */
#define TCP_SND_QUEUELEN 16384
/* A peer that sends single bytes with gaps between must not cost megabytes either. */
#define TCP_OOSEQ_MAX_PBUFS 4096
/* Payload is never copied into lwIP. */
#define TCP_OVERSIZE 0
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_KEEPALIVE 1
/* The socket of the connection (core/sock/tcp.c); its destructor is called when lwIP frees the pcb. */
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
/* The clock of delayed ACKs (one interval) and of retransmission (two): the default 250 ms
   makes an RTO of at least 1.5 s. */
#define TCP_TMR_INTERVAL 10
/* In ms: RFC 6298, 2.1 and 2.5, and Linux's minimum (core/lwext/tcp_rto.c). */
#define LWIP_TCP_RTO_TIME 1000
#define LWIP_TCP_RTO_MIN 200
#define LWIP_TCP_RTO_MAX 60000
/* lwIP does not back off for SYNs: one a second, for 12 s. */
#define TCP_SYNMAXRTX 12
/* No packet stays on a virtual link for minutes. lwIP has one TCP_MSL for TIME_WAIT and LAST_ACK; it
   keeps its default, and core/lwext/timers.c reaps TIME_WAIT after this time. */
#define TIME_WAIT_MS 10000u

/* --- Counters the engine publishes ------------------------------------------------------------- */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define MIB2_STATS 1
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0

#endif /* RINGSTACK_LWIPOPTS_H */
