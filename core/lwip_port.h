/* SPDX-License-Identifier: MIT */
/* lwip_port.h - what lwIP asks of a platform: the clock and its hooks (lwipopts.h) */
#ifndef RINGSTACK_LWIP_PORT_H
#define RINGSTACK_LWIP_PORT_H

#include "lwip/err.h"
#include "lwip/ip4.h"
#include "lwip/ip_addr.h"
#include "lwip/prot/udp.h" /* ip4.c looks at a port, but includes this only with lwIP's UDP */

#include "abi.h"

#ifndef RINGSTACK_NATIVE
/* lwIP's IGMP sends options, and so ip4.c puts them in; core/lwext/group.c, which stands in its place, writes its own
   header. Native tests of lwIP alone have lwIP's. */
#undef IP_OPTIONS_SEND
#define IP_OPTIONS_SEND 0
#endif

struct tcp_pcb;
struct tcp_hdr;
struct tcp_seg;
struct pbuf;
struct netif;

void port_set_time(double now);
double port_time(void);

u32_t port_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                   u16_t remote_port);
err_t port_tcp_inpacket(struct tcp_pcb *pcb, struct tcp_hdr *hdr, u16_t optlen, u16_t opt1len,
                        u8_t *opt2, struct pbuf *p);
struct tcp_pcb *port_tcp_find(const ip_addr_t *local_ip, u16_t local_port,
                              const ip_addr_t *remote_ip, u16_t remote_port);
void port_tcp_opened(struct tcp_pcb *pcb);
void port_tcp_freed(struct tcp_pcb *pcb);
int port_tcp_output_later(struct tcp_pcb *pcb);
u16_t port_tcp_new_port(void);
u16_t port_tcp_segment_max(struct tcp_pcb *pcb, struct netif *netif);
struct tcp_seg *port_tcp_cut(struct tcp_pcb *pcb, u32_t window, u16_t most);
err_t port_tcp_rest(struct pbuf *to, const struct pbuf *from, u16_t offset);
s16_t port_tcp_rto(const struct tcp_pcb *pcb);
void port_tcp_rtt(struct tcp_pcb *pcb);
void port_tcp_timed_out(struct tcp_pcb *pcb);
void port_tcp_dupack(struct tcp_pcb *pcb);
void port_tcp_acked(struct tcp_pcb *pcb, u32_t ackno, u32_t acked);
void port_tcp_sack(struct tcp_pcb *pcb, u32_t ackno, u32_t left, u32_t right);
void port_tcp_time(struct tcp_pcb *pcb, const struct tcp_seg *seg);
void port_tcp_lost(struct tcp_pcb *pcb);
int port_tcp_rexmit_all(struct tcp_pcb *pcb);
int port_vlan_input(u16_t tag);
int port_ip4_input(struct pbuf *p, struct netif *netif);
/* Of a pbuf's flags, none of lwIP's: a packet of others, on its way through. */
#define PORT_FORWARDED 0x80u

int port_ip6_input(struct pbuf *p, struct netif *netif);
struct netif *port_ip4_route(const ip4_addr_t *src, const ip4_addr_t *dest);
struct netif *port_ip6_route(const ip6_addr_t *src, const ip6_addr_t *dest);
int port_icmp_error(void);
int port_forward(struct pbuf *p, struct netif *inp);
void port_unreachable(struct pbuf *p);
int port_ip_foreign(const struct netif *inp);
int port_tcp_listens(u16_t listener, u16_t port);
int port_udp_accept(const struct netif *inp, const struct pbuf *p, const void *port);

/* The packet that lwIP looks at is for no address of ours (core/sock/flow.c). */
extern u8_t port_foreign;
/* Flags of IPv4 packets that are made now, network byte order. */
extern u16_t port_ip4_offset;
/* The second word of ICMP errors that are made now, network byte order. */
extern u32_t port_icmp_data;

int port_to_lwip(const struct abi_addr *from, ip_addr_t *to);
void port_from_lwip(const ip_addr_t *from, u16_t port, struct abi_addr *to);
int port_is_any(const struct abi_addr *address);
int port_error(err_t err);
int port_ip_is_same(const ip_addr_t *a, const ip_addr_t *b);
int port_ip_is_any(const ip_addr_t *address);
int port_ip_is_group(const ip_addr_t *address);

#endif /* RINGSTACK_LWIP_PORT_H */
