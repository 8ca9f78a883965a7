/* SPDX-License-Identifier: MIT */
/* rig.h - one lwIP, a fake tap and a fake tun, and a peer made of bytes
 *
 * Theory of operation
 *
 * A test needs lwIP's own sources and nothing of ours: what lwIP asks of a platform is in
 * platform.h. Include this in one file of a program.
 *
 * In:  rig_feed() hands a packet to a netif the way core/iface/ringif.c does: custom PBUF_REF pbufs over
 *      memory that is not lwIP's. The memory is exactly as long as the packet and ends at a page
 *      without access (under ASan: is a malloc of its own), so one byte read too far kills the
 *      test. rig_slots counts pbufs lwIP has not given back.
 * Out: what lwIP sends is copied to rig_out[], IP header first (the tap's Ethernet header is cut).
 *      rig_full makes the netifs answer ERR_MEM, as a full ring does.
 * Time does not pass by itself; rig_ms() runs the TCP timers.
 *
 * The peer is 10.0.0.2 / fd00::2 behind the tun, 10.0.1.2 / fe80::2 behind the tap; we are .1 / ::1.
 */
#ifndef RINGSTACK_TEST_RIG_H
#define RINGSTACK_TEST_RIG_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef __SANITIZE_ADDRESS__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/iana.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/nd6.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"
#include "netif/ethernet.h"

#include "platform.h"

#if !LWIP_SUPPORT_CUSTOM_PBUF || !LWIP_IPV6 || !TCP_QUEUE_OOSEQ || !LWIP_WND_SCALE
#error "rig.h is for the configuration of lwip/lwipopts.h"
#endif

#define RIG_OUT_MAX 256
#define RIG_PACKET_MAX 65536

/* A packet lwIP sent: len bytes from its IP header on. */
struct rig_packet {
    u16_t len;
    u8_t *data;
};

static struct netif rig_tun, rig_tap;
static struct rig_packet rig_out[RIG_OUT_MAX];
static unsigned rig_out_count;
static int rig_full;       /* netifs answer ERR_MEM */
static unsigned rig_slots; /* received pbufs lwIP still holds */

/* --- Interfaces ----------------------------------------------------------------------------- */

/**
 * rig_send() - keep a copy of what lwIP sends
 * @p: the packet
 * @skip: bytes of link header before the IP header
 *
 * Return: ERR_OK, or ERR_MEM while rig_full
 */
static err_t rig_send(struct pbuf *p, u16_t skip)
{
    struct rig_packet *packet = &rig_out[rig_out_count];

    if (rig_full)
        return ERR_MEM;
    if (rig_out_count == RIG_OUT_MAX)
        abort();
    packet->len = (u16_t)(p->tot_len - skip);
    packet->data = malloc(packet->len);
    if (!packet->data || pbuf_copy_partial(p, packet->data, packet->len, skip) != packet->len)
        abort();
    rig_out_count++;
    return ERR_OK;
}

static err_t rig_tun_output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    LWIP_UNUSED_ARG(netif);
    LWIP_UNUSED_ARG(to);
    return rig_send(p, 0);
}

static err_t rig_tun_output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    LWIP_UNUSED_ARG(netif);
    LWIP_UNUSED_ARG(to);
    return rig_send(p, 0);
}

static err_t rig_tap_linkoutput(struct netif *netif, struct pbuf *p)
{
    LWIP_UNUSED_ARG(netif);
    return rig_send(p, SIZEOF_ETH_HDR);
}

static err_t rig_tun_init(struct netif *netif)
{
    netif->name[0] = 't';
    netif->name[1] = 'u';
    netif->mtu = 1500;
    netif->output = rig_tun_output4;
    netif->output_ip6 = rig_tun_output6;
    return ERR_OK;
}

static err_t rig_tap_init(struct netif *netif)
{
    static const u8_t mac[ETH_HWADDR_LEN] = { 2, 0, 0, 0, 0, 1 };

    netif->name[0] = 't';
    netif->name[1] = 'a';
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, mac, sizeof(mac));
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = rig_tap_linkoutput;
    return ERR_OK;
}

/**
 * rig_add() - add an interface with one IPv4 and one IPv6 address and bring it up
 * @netif: where
 * @ip4: its address, /24
 * @ip6: its address, taken into use without duplicate detection
 * @init: its init function
 * @input: its input function
 */
static void rig_add(struct netif *netif, const char *ip4, const char *ip6, netif_init_fn init,
                    netif_input_fn input)
{
    ip4_addr_t addr, mask, any = { 0 };
    ip6_addr_t addr6;

    if (!ip4addr_aton(ip4, &addr) || !ip4addr_aton("255.255.255.0", &mask) ||
        !ip6addr_aton(ip6, &addr6) || !netif_add(netif, &addr, &mask, &any, NULL, init, input))
        abort();
    ip6_addr_assign_zone(&addr6, IP6_UNICAST, netif);
    ip_addr_copy_from_ip6(netif->ip6_addr[0], addr6);
    netif_set_up(netif);
    netif_set_link_up(netif);
    netif_ip6_addr_set_state(netif, 0, IP6_ADDR_PREFERRED);
}

/**
 * rig_forget() - empty rig_out[]
 */
static void rig_forget(void)
{
    while (rig_out_count)
        free(rig_out[--rig_out_count].data);
}

/**
 * rig_ms() - let time pass for TCP
 * @ms: milliseconds, a multiple of TCP_TMR_INTERVAL
 */
static void rig_ms(u32_t ms)
{
    for (; ms >= TCP_TMR_INTERVAL; ms -= TCP_TMR_INTERVAL) {
        rig_now += TCP_TMR_INTERVAL;
        tcp_tmr();
    }
}

/**
 * rig_start() - lwIP and both interfaces
 */
static void rig_start(void)
{
    lwip_init();
    rig_add(&rig_tun, "10.0.0.1", "fd00::1", rig_tun_init, ip_input);
    rig_add(&rig_tap, "10.0.1.1", "fe80::1", rig_tap_init, ethernet_input);
    rig_ms(TCP_SLOW_INTERVAL); /* nothing is timed from tick 0 */
    rig_forget();
}

/**
 * rig_stop() - end every connection and take the interfaces away
 *
 * Return: 0, or how many received pbufs and pieces of heap were never given back
 */
static unsigned rig_stop(void)
{
    rig_heap_countdown = -1;
    rig_full = 0;
    rig_output_later = rig_segment_max = 0;
    rig_no_errors = rig_forwards = 0;
    rig_forwarded = port_icmp_data = 0;
    port_ip4_offset = 0;
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    while (tcp_listen_pcbs.pcbs)
        tcp_close(tcp_listen_pcbs.pcbs);
    for (int i = 0; i <= IP_REASS_MAXAGE || i <= IPV6_REASS_MAXAGE; i++) {
        ip_reass_tmr();
        ip6_reass_tmr();
    }
    netif_remove(&rig_tap);
    netif_remove(&rig_tun);
    rig_forget();
    return rig_slots + rig_allocated;
}

/* --- Receiving ------------------------------------------------------------------------------ */

/* A received pbuf and the memory it lies in. */
struct rig_slot {
    struct pbuf_custom pc;
    u8_t *mem;
    size_t mapped;
};

static void rig_slot_free(struct pbuf *p)
{
    struct rig_slot *slot = (struct rig_slot *)p;

#ifdef __SANITIZE_ADDRESS__
    free(slot->mem);
#else
    munmap(slot->mem, slot->mapped);
#endif
    free(slot);
    rig_slots--;
}

/**
 * rig_slot() - a received pbuf whose last byte is the last one that may be read
 * @data: its bytes
 * @len: how many, not 0
 *
 * Return: the pbuf
 */
static struct pbuf *rig_slot(const u8_t *data, u16_t len)
{
    struct rig_slot *slot = calloc(1, sizeof(*slot));
    u8_t *start;

    if (!slot)
        abort();
#ifdef __SANITIZE_ADDRESS__
    slot->mem = start = malloc(len);
    if (!start)
        abort();
#else
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (len + page - 1) / page * page;

    slot->mapped = room + page;
    slot->mem =
        mmap(NULL, slot->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slot->mem == MAP_FAILED || mprotect(slot->mem + room, page, PROT_NONE))
        abort();
    start = slot->mem + room - len;
#endif
    memcpy(start, data, len);
    slot->pc.custom_free_function = rig_slot_free;
    rig_slots++;
    return pbuf_alloced_custom(PBUF_RAW, len, PBUF_REF, &slot->pc, start, len);
}

/**
 * rig_feed_split() - hand a packet in two pbufs to an interface
 * @netif: the interface
 * @data: the packet
 * @len: its length
 * @first: bytes in the first pbuf
 */
static void rig_feed_split(struct netif *netif, const u8_t *data, u16_t len, u16_t first)
{
    struct pbuf *p = rig_slot(data, first);

    if (first < len)
        pbuf_cat(p, rig_slot(data + first, (u16_t)(len - first)));
    netif->input(p, netif);
}

/**
 * rig_feed() - hand a packet in one pbuf to an interface
 * @netif: the interface
 * @data: the packet
 * @len: its length
 */
static void rig_feed(struct netif *netif, const u8_t *data, u16_t len)
{
    rig_feed_split(netif, data, len, len);
}

/* --- Making packets ------------------------------------------------------------------------- */

static void put16(u8_t *at, u32_t value)
{
    at[0] = (u8_t)(value >> 8);
    at[1] = (u8_t)value;
}

static void put32(u8_t *at, u32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static u16_t get16(const u8_t *at)
{
    return (u16_t)(at[0] << 8 | at[1]);
}

static u32_t get32(const u8_t *at)
{
    return (u32_t)get16(at) << 16 | get16(at + 2);
}

/**
 * rig_sum() - checksum of an upper-layer packet with its pseudo header
 * @addresses: source and destination, as they lie in the IP header
 * @addresses_len: bytes of both together
 * @proto: protocol number
 * @data: header and payload with a checksum field of 0
 * @len: their length
 *
 * Return: what goes into the checksum field, in network order in memory
 */
static u16_t rig_sum(const u8_t *addresses, int addresses_len, u8_t proto, const u8_t *data,
                     u16_t len)
{
    u8_t tail[4] = { 0, proto };
    u32_t sum;

    put16(tail + 2, len);
    sum = (u32_t)chksum(addresses, addresses_len) + chksum(tail, 4) + chksum(data, len);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16_t)~sum;
}

static int rig_elsewhere; /* the peer sends to 198.51.100.7 and 2001::1 */

/**
 * rig_ip4() - put an IPv4 header from the peer to us at the start of a packet
 * @packet: the packet, its payload already 20 bytes in
 * @len: length of all
 * @proto: protocol number
 */
static void rig_ip4(u8_t *packet, u16_t len, u8_t proto)
{
    u16_t sum;

    memset(packet, 0, IP_HLEN);
    packet[0] = 0x45;
    put16(packet + 2, len);
    packet[8] = 64;
    packet[9] = proto;
    put32(packet + 12, 0x0a000002);
    put32(packet + 16, rig_elsewhere ? 0xc6336407 : 0x0a000001);
    sum = (u16_t)~chksum(packet, IP_HLEN);
    memcpy(packet + 10, &sum, 2);
}

/**
 * rig_ip6() - put an IPv6 header from the peer to us at the start of a packet
 * @packet: the packet, its payload already 40 bytes in
 * @len: length of all
 * @nexth: next header
 * @netif: the tun (fd00::2 to fd00::1) or the tap (fe80::2 to fe80::1)
 */
static void rig_ip6(u8_t *packet, u16_t len, u8_t nexth, const struct netif *netif)
{
    memset(packet, 0, IP6_HLEN);
    packet[0] = 0x60;
    put16(packet + 4, (u32_t)(len - IP6_HLEN));
    packet[6] = nexth;
    packet[7] = 255;
    put16(packet + 8, netif == &rig_tap ? 0xfe80 : 0xfd00);
    packet[23] = 2;
    put16(packet + 24, rig_elsewhere ? 0x2001 : netif == &rig_tap ? 0xfe80 : 0xfd00);
    packet[39] = 1;
}

/**
 * rig_feed_frame() - hand a packet to the tap in an Ethernet frame
 * @packet: the packet, behind SIZEOF_ETH_HDR bytes to overwrite
 * @len: its length
 * @type: Ethernet type
 */
static void rig_feed_frame(u8_t *packet, u16_t len, u16_t type)
{
    u8_t *frame = packet - SIZEOF_ETH_HDR;

    memset(frame, 0, SIZEOF_ETH_HDR);
    put16(frame + 12, type);
    rig_feed(&rig_tap, frame, (u16_t)(SIZEOF_ETH_HDR + len));
}

/**
 * rig_feed_icmp6() - hand an ICMPv6 message to an interface
 * @netif: the interface
 * @message: the message, its checksum 0
 * @len: its length
 * @multicast: destination is all nodes, not us
 */
static inline void rig_feed_icmp6(struct netif *netif, const u8_t *message, u16_t len,
                                  int multicast)
{
    static u8_t frame[RIG_PACKET_MAX];
    u8_t *packet = frame + SIZEOF_ETH_HDR;
    u16_t total = (u16_t)(IP6_HLEN + len), sum;

    rig_ip6(packet, total, IP6_NEXTH_ICMP6, netif);
    if (multicast)
        put16(packet + 24, 0xff02);
    memcpy(packet + IP6_HLEN, message, len);
    memset(packet + IP6_HLEN + 2, 0, 2);
    sum = rig_sum(packet + 8, 32, IP6_NEXTH_ICMP6, packet + IP6_HLEN, len);
    memcpy(packet + IP6_HLEN + 2, &sum, 2);
    if (netif == &rig_tap)
        rig_feed_frame(packet, total, ETHTYPE_IPV6);
    else
        rig_feed(netif, packet, total);
}

/* A TCP segment of the peer; what is not set is 0 or none. */
struct rig_seg {
    u32_t seq, ack;
    u16_t from, to, wnd;
    u8_t flags;
    u8_t optlen; /* a multiple of 4 */
    const u8_t *opt;
    const u8_t *data;
    u16_t len;
    u16_t split; /* bytes of IP packet in the first of two pbufs; 0: one pbuf (tun only) */
    int ip6;     /* over IPv6: behind the tun */
    int tap;     /* over IPv6: behind the tap */
};

/**
 * rig_feed_tcp() - hand a segment of the peer to an interface
 * @seg: the segment
 */
static void rig_feed_tcp(const struct rig_seg *seg)
{
    static u8_t frame[RIG_PACKET_MAX];
    u16_t ip = seg->ip6 || seg->tap ? IP6_HLEN : IP_HLEN,
          tcp_len = (u16_t)(TCP_HLEN + seg->optlen + seg->len);
    u16_t total = (u16_t)(ip + tcp_len), sum;
    u8_t *packet = frame + SIZEOF_ETH_HDR, *tcp = packet + ip;

    memset(tcp, 0, TCP_HLEN);
    put16(tcp, seg->from);
    put16(tcp + 2, seg->to);
    put32(tcp + 4, seg->seq);
    put32(tcp + 8, seg->ack);
    put16(tcp + 12, (u32_t)(5 + seg->optlen / 4) << 12 | seg->flags);
    put16(tcp + 14, seg->wnd);
    if (seg->optlen)
        memcpy(tcp + TCP_HLEN, seg->opt, seg->optlen);
    if (seg->len)
        memcpy(tcp + TCP_HLEN + seg->optlen, seg->data, seg->len);
    if (ip == IP6_HLEN)
        rig_ip6(packet, total, IP6_NEXTH_TCP, seg->tap ? &rig_tap : &rig_tun);
    else
        rig_ip4(packet, total, IP_PROTO_TCP);
    sum = rig_sum(packet + (ip == IP6_HLEN ? 8 : 12), ip == IP6_HLEN ? 32 : 8, IP_PROTO_TCP, tcp,
                  tcp_len);
    memcpy(tcp + 16, &sum, 2);
    if (seg->tap)
        rig_feed_frame(packet, total, ETHTYPE_IPV6);
    else
        rig_feed_split(&rig_tun, packet, total, seg->split ? seg->split : total);
}

/**
 * rig_sent() - look at a segment lwIP sent over IPv4 or IPv6
 * @i: index in rig_out[]
 * @seg: filled in; opt and data point into the packet
 *
 * Return: 1, or 0 if there is no packet of that number or it is not TCP
 */
static int rig_sent(unsigned i, struct rig_seg *seg)
{
    const u8_t *packet, *tcp;
    u16_t ip, hlen;

    memset(seg, 0, sizeof(*seg));
    if (i >= rig_out_count)
        return 0;
    packet = rig_out[i].data;
    seg->ip6 = packet[0] >> 4 == 6;
    ip = seg->ip6 ? IP6_HLEN : IP_HLEN;
    if (packet[seg->ip6 ? 6 : 9] != IP_PROTO_TCP || rig_out[i].len < ip + TCP_HLEN)
        return 0;
    tcp = packet + ip;
    hlen = (u16_t)((tcp[12] >> 4) * 4);
    seg->from = get16(tcp);
    seg->to = get16(tcp + 2);
    seg->seq = get32(tcp + 4);
    seg->ack = get32(tcp + 8);
    seg->flags = tcp[13];
    seg->wnd = get16(tcp + 14);
    seg->optlen = (u8_t)(hlen - TCP_HLEN);
    seg->opt = tcp + TCP_HLEN;
    seg->data = tcp + hlen;
    seg->len = (u16_t)(rig_out[i].len - ip - hlen);
    return 1;
}

#endif /* RINGSTACK_TEST_RIG_H */
