/* SPDX-License-Identifier: MIT */
/* group_send.c - messages of IGMP and MLD to the link: their headers and checksums (core/lwext/group.c) */
#include "lwext/group_send.h"

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put_sum(uint8_t *to, const uint8_t *from, uint32_t length)
{
    uint16_t sum = inet_chksum(from, (u16_t)length);

    __builtin_memcpy(to, &sum, 2);
}

/**
 * put_igmp() - Write an IPv4 header before a message of IGMP, and checksums
 * @m: message
 * @length: its bytes
 * @to: where it goes
 * @netif: interface
 */
static void put_igmp(uint8_t *m, uint32_t length, const ip_addr_t *to, const struct netif *netif)
{
    /* Time to live 1, with the option that has routers look at it (RFC 2113). */
    static const uint8_t head[10] = { 0x46, 0xc0, 0, 0, 0, 0, 0x40, 0, 1, IP_PROTO_IGMP },
                         alert[4] = { 0x94, 4, 0, 0 };
    uint8_t *ip = m - 24;

    __builtin_memcpy(ip, head, sizeof(head));
    put16(ip + 2, 24 + length);
    __builtin_memcpy(ip + 12, netif_ip4_addr(netif), 4);
    __builtin_memcpy(ip + 16, to, 4);
    __builtin_memcpy(ip + 20, alert, 4);
    put_sum(ip + 10, ip, 24);
    put_sum(m + 2, m, length);
}

/**
 * put_mld() - Write IPv6 headers before a message of MLD, and its checksum
 * @m: message
 * @length: its bytes
 * @to: where it goes
 * @netif: interface
 */
static void put_mld(uint8_t *m, uint32_t length, const ip_addr_t *to, const struct netif *netif)
{
    /* Hop limit 1; the option has routers look at it (RFC 2711). */
    static const uint8_t head[8] = { 0x60, 0, 0, 0, 0, 0, IP6_NEXTH_HOPBYHOP, 1 },
                         alert[8] = { IP6_NEXTH_ICMP6, 0, 5, 2, 0, 0, 1, 0 };
    uint8_t *ip = m - GROUP_HEADERS;

    __builtin_memcpy(ip, head, sizeof(head));
    put16(ip + 4, 8 + length);
    if (ip6_addr_isvalid(netif_ip6_addr_state(netif, 0))) {
        __builtin_memcpy(ip + 8, netif_ip6_addr(netif, 0), 16); /* the link-local one */
    }
    __builtin_memcpy(ip + 24, to, 16);
    /* Between addresses and message, the rest of the pseudo header makes one block to sum up. */
    put16(m - 6, length);
    m[-1] = IP6_NEXTH_ICMP6;
    put_sum(m + 2, ip + 8, 40 + length);
    __builtin_memcpy(m - 8, alert, sizeof(alert));
}

/**
 * lwext_group_send() - Send a message of IGMP or MLD
 * @p: message behind GROUP_HEADERS; freed
 * @length: its bytes
 * @to: where it goes
 * @netif: interface
 */
void lwext_group_send(struct pbuf *p, uint32_t length, const ip_addr_t *to, struct netif *netif)
{
    uint8_t *m = (uint8_t *)p->payload + GROUP_HEADERS;

    if (IP_IS_V6_VAL(*to)) {
        put_mld(m, length, to, netif);
        pbuf_realloc(p, (u16_t)(GROUP_HEADERS + length));
        netif->output_ip6(netif, p, ip_2_ip6(to));
    } else {
        put_igmp(m, length, to, netif);
        pbuf_remove_header(p, GROUP_HEADERS - 24);
        pbuf_realloc(p, (u16_t)(24 + length));
        netif->output(netif, p, ip_2_ip4(to));
    }
    pbuf_free(p);
}
