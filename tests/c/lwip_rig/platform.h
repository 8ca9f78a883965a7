/* SPDX-License-Identifier: MIT */
/* platform.h - heap, checksum, clock and routes for an lwIP that is tested without our core
 *
 * Replaces core/mem/heap.c, core/util/chksum.c, core/util/random.c and core/lwip_port.c (lwip/arch/cc.h and
 * lwip/lwipopts.h name what they define). A test can run the heap dry and count what is in use.
 */
#ifndef RINGSTACK_TEST_PLATFORM_H
#define RINGSTACK_TEST_PLATFORM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/sys.h"
#include "lwip/tcp.h"

#include "lwip_port.h"

static unsigned rig_allocated;      /* pieces of heap in use */
static int rig_heap_countdown = -1; /* allocations until the heap is empty; -1: never */
static u32_t rig_now;               /* the clock */
static struct tcp_pcb *rig_opened;  /* the connection that was opened last */
static int rig_output_later;        /* result of port_tcp_output_later() */
static u16_t rig_segment_max;       /* result of port_tcp_segment_max(); 0: the MSS */
static u16_t rig_port = 49152;      /* last result of port_tcp_new_port() */
static int rig_no_route;            /* there is no route to anywhere but on the link */

/**
 * heap_malloc() - lwIP's heap (lwip/arch/cc.h), which a test can run dry
 * @size: bytes
 *
 * Return: memory, or NULL
 */
void *heap_malloc(size_t size)
{
    if (rig_heap_countdown == 0)
        return NULL;
    if (rig_heap_countdown > 0)
        rig_heap_countdown--;
    rig_allocated++;
    return malloc(size);
}

/**
 * heap_calloc() - heap_malloc() of zeroed memory
 * @count: elements
 * @size: bytes of each
 *
 * Return: memory, or NULL
 */
void *heap_calloc(size_t count, size_t size)
{
    void *mem = heap_malloc(count * size);

    if (mem)
        memset(mem, 0, count * size);
    return mem;
}

/**
 * heap_free() - give back heap_malloc()'s memory
 * @mem: the memory
 */
void heap_free(void *mem)
{
    rig_allocated--;
    free(mem);
}

/**
 * chksum() - sum of 16-bit words as they lie in memory, folded, not inverted
 * @data: bytes
 * @len: how many
 *
 * Return: the sum
 */
uint16_t chksum(const void *data, int len)
{
    const u8_t *bytes = data;
    u32_t sum = 0;
    u16_t word;

    for (; len > 1; len -= 2, bytes += 2) {
        memcpy(&word, bytes, 2);
        sum += word;
    }
    if (len) {
        word = 0;
        memcpy(&word, bytes, 1);
        sum += word;
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16_t)sum;
}

/**
 * random_u32() - a generator that starts the same in every test
 *
 * Return: a number
 */
uint32_t random_u32(void)
{
    static u32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return state;
}

/**
 * sys_now() - the clock, which only rig_ms() moves
 *
 * Return: milliseconds
 */
u32_t sys_now(void)
{
    return rig_now;
}

/**
 * port_tcp_isn() - our initial sequence number: close to the wrap
 * @local_ip: unused
 * @local_port: unused
 * @remote_ip: unused
 * @remote_port: unused
 *
 * Return: the number
 */
u32_t port_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                   u16_t remote_port)
{
    LWIP_UNUSED_ARG(local_ip);
    LWIP_UNUSED_ARG(local_port);
    LWIP_UNUSED_ARG(remote_ip);
    LWIP_UNUSED_ARG(remote_port);
    return 0xffffff00u;
}

/**
 * port_tcp_inpacket() - lets every segment through
 * @pcb: unused
 * @hdr: unused
 * @optlen: unused
 * @opt1len: unused
 * @opt2: unused
 * @p: unused
 *
 * Return: ERR_OK
 */
err_t port_tcp_inpacket(struct tcp_pcb *pcb, struct tcp_hdr *hdr, u16_t optlen, u16_t opt1len,
                        u8_t *opt2, struct pbuf *p)
{
    LWIP_UNUSED_ARG(pcb);
    LWIP_UNUSED_ARG(hdr);
    LWIP_UNUSED_ARG(optlen);
    LWIP_UNUSED_ARG(opt1len);
    LWIP_UNUSED_ARG(opt2);
    LWIP_UNUSED_ARG(p);
    return ERR_OK;
}

/**
 * port_tcp_find() - find a connection (lwip/patches: tcp-find) in a table of one
 * @local_ip: our address
 * @local_port: our port
 * @remote_ip: their address
 * @remote_port: their port
 *
 * Return: the connection of which port_tcp_opened() told last, if it is that and not freed
 */
struct tcp_pcb *port_tcp_find(const ip_addr_t *local_ip, u16_t local_port,
                              const ip_addr_t *remote_ip, u16_t remote_port)
{
    return rig_opened && rig_opened->local_port == local_port &&
                   rig_opened->remote_port == remote_port &&
                   ip_addr_eq(&rig_opened->local_ip, local_ip) &&
                   ip_addr_eq(&rig_opened->remote_ip, remote_ip)
               ? rig_opened
               : NULL;
}

/**
 * port_tcp_opened() - a connection has its ends and is on the list of the active ones
 * @pcb: the connection
 */
void port_tcp_opened(struct tcp_pcb *pcb)
{
    rig_opened = pcb;
}

/**
 * port_tcp_freed() - a pcb is about to be freed
 * @pcb: the pcb
 */
void port_tcp_freed(struct tcp_pcb *pcb)
{
    rig_opened = rig_opened == pcb ? NULL : rig_opened;
}

/**
 * port_tcp_output_later() - lets TCP send after each segment, unless a test does it
 * @pcb: unused
 *
 * Return: rig_output_later
 */
int port_tcp_output_later(struct tcp_pcb *pcb)
{
    LWIP_UNUSED_ARG(pcb);
    return rig_output_later;
}

/**
 * port_tcp_segment_max() - no segment is larger than the MSS, unless a test wants it
 * @pcb: connection
 * @netif: unused
 *
 * Return: rig_segment_max or the MSS
 */
u16_t port_tcp_segment_max(struct tcp_pcb *pcb, struct netif *netif)
{
    LWIP_UNUSED_ARG(netif);
    return rig_segment_max ? rig_segment_max : pcb->mss;
}

/**
 * port_tcp_new_port() - a port to connect from
 *
 * Return: always another one
 */
u16_t port_tcp_new_port(void)
{
    return ++rig_port;
}

/**
 * port_ip4_route() - the interface whose subnet an address is in
 * @src: unused
 * @dest: destination
 *
 * Return: interface, or NULL: none, or the test wants none
 */
struct netif *port_ip4_route(const ip4_addr_t *src, const ip4_addr_t *dest)
{
    struct netif *netif;

    LWIP_UNUSED_ARG(src);
    NETIF_FOREACH(netif)
    {
        if (!rig_no_route && ip4_addr_net_eq(dest, netif_ip4_addr(netif), netif_ip4_netmask(netif)))
            return netif;
    }
    return NULL;
}

/**
 * port_ip6_route() - the interface whose /64 an address is in
 * @src: unused
 * @dest: destination without a zone
 *
 * Return: interface, or NULL: none, or the test wants none
 */
struct netif *port_ip6_route(const ip6_addr_t *src, const ip6_addr_t *dest)
{
    struct netif *netif;

    LWIP_UNUSED_ARG(src);
    NETIF_FOREACH(netif)
    {
        if (!rig_no_route && ip6_addr_net_eq(dest, netif_ip6_addr(netif, 0)))
            return netif;
    }
    return NULL;
}

/* Flags of IPv4 packets that are not TCP's. */
u16_t port_ip4_offset;
static int rig_no_errors; /* no ICMP error may be sent */

/**
 * port_icmp_error() - whether an ICMP error may be sent
 *
 * Return: 1, unless the test says no
 */
int port_icmp_error(void)
{
    return !rig_no_errors;
}

static int rig_forwards;           /* interfaces forward */
static u32_t rig_forwarded;        /* packets that were for others */
static u8_t rig_forwarded_version; /* of the last one */
u32_t port_icmp_data;

/**
 * port_forward() - notes a packet that is for others
 * @p: packet
 * @inp: unused
 *
 * Return: 1 if the test forwards
 */
int port_forward(struct pbuf *p, struct netif *inp)
{
    (void)inp;
    rig_forwarded += (u32_t)rig_forwards;
    rig_forwarded_version = *(const u8_t *)p->payload >> 4;
    return rig_forwards;
}

u8_t port_foreign;
static int rig_gateway; /* packets for other addresses are taken, for the listener of port 0 */

/**
 * port_ip_foreign() - whether a packet for another address is taken
 * @inp: unused
 *
 * Return: 0, unless the test says otherwise
 */
int port_ip_foreign(const struct netif *inp)
{
    LWIP_UNUSED_ARG(inp);
    return rig_gateway;
}

/**
 * port_tcp_listens() - whether a listener is for a segment
 * @listener: its port
 * @port: the segment's
 *
 * Return: 1 if so
 */
int port_tcp_listens(u16_t listener, u16_t port)
{
    return port_foreign ? listener == 0 : listener == port;
}

/**
 * port_udp_accept() - takes no packets for others
 * @inp: unused
 * @p: unused
 * @port: unused
 *
 * Return: 0
 */
int port_udp_accept(const struct netif *inp, const struct pbuf *p, const void *port)
{
    LWIP_UNUSED_ARG(inp);
    LWIP_UNUSED_ARG(p);
    LWIP_UNUSED_ARG(port);
    return 0;
}

/**
 * port_vlan_input() - every tag is taken
 * @tag: it
 *
 * Return: 1
 */
int port_vlan_input(u16_t tag)
{
    (void)tag;
    return 1;
}

/**
 * port_ip4_input() - every packet is taken
 * @p: packet
 * @netif: interface
 *
 * Return: 0
 */
int port_ip4_input(struct pbuf *p, struct netif *netif)
{
    LWIP_UNUSED_ARG(p);
    LWIP_UNUSED_ARG(netif);
    return 0;
}

int port_ip6_input(struct pbuf *p, struct netif *netif)
{
    return port_ip4_input(p, netif);
}

#endif /* RINGSTACK_TEST_PLATFORM_H */
