/* SPDX-License-Identifier: MIT */
/* arp.c - messages of ARP (RFC 826), and IPv4 packets to hosts of a link
 *
 * It stands in the place of lwIP's etharp.c and has its names. Addresses go to core/iface/neighbor.c.
 *
 * A host that says it has our address is told once in DEFEND_MS that we have it (RFC 5227, 2.4 (b)).
 */
#include "lwip/etharp.h"

#include "lwip/prot/iana.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"

#include "iface/neighbor.h"

#define DEFEND_MS 10000u

/**
 * arp_send() - Send a message
 * @netif: tap
 * @opcode: ARP_REQUEST or ARP_REPLY
 * @source: our address, or that nobody has
 * @target: address that is asked for, or of the host that is answered
 * @mac: the host's, NULL: all are asked
 */
static void arp_send(struct netif *netif, uint16_t opcode, const void *source, const void *target,
                     const uint8_t *mac)
{
    struct pbuf *p = pbuf_alloc(PBUF_LINK, SIZEOF_ETHARP_HDR, PBUF_RAM);
    struct etharp_hdr *arp;

    if (!p) {
        return;
    }
    arp = p->payload;
    arp->hwtype = PP_HTONS(LWIP_IANA_HWTYPE_ETHERNET);
    arp->proto = PP_HTONS(ETHTYPE_IP);
    arp->hwlen = ETH_HWADDR_LEN;
    arp->protolen = sizeof(ip4_addr_t);
    arp->opcode = lwip_htons(opcode);
    __builtin_memcpy(&arp->shwaddr, netif->hwaddr, ETH_HWADDR_LEN);
    __builtin_memcpy(&arp->sipaddr, source, sizeof(ip4_addr_t));
    __builtin_memcpy(&arp->dhwaddr, mac ? mac : ethzero.addr, ETH_HWADDR_LEN);
    __builtin_memcpy(&arp->dipaddr, target, sizeof(ip4_addr_t));
    ethernet_output(netif, p, &arp->shwaddr,
                    mac ? (const struct eth_addr *)(const void *)mac : &ethbroadcast, ETHTYPE_ARP);
    pbuf_free(p);
}

/**
 * arp_ask() - Ask for the MAC address of a host
 * @netif: tap
 * @target: the address
 * @source: ours, or that nobody has
 * @mac: the host that is asked, NULL: all
 */
void arp_ask(struct netif *netif, const void *target, const void *source, const uint8_t *mac)
{
    arp_send(netif, ARP_REQUEST, source, target, mac);
}

/**
 * etharp_request() - As arp_ask(), for lwIP's netif.c, which announces an address by asking for it
 * @netif: tap
 * @ipaddr: the address
 *
 * Return: ERR_OK
 */
err_t etharp_request(struct netif *netif, const ip4_addr_t *ipaddr)
{
    arp_ask(netif, ipaddr, netif_ip4_addr(netif), NULL);
    return ERR_OK;
}

/**
 * etharp_input() - A message has come (lwIP's ethernet.c)
 * @p: the message; freed
 * @netif: tap
 */
void etharp_input(struct pbuf *p, struct netif *netif)
{
    const struct etharp_hdr *arp = p->payload;
    uint32_t own = netif_ip4_addr(netif)->addr, source, target;
    struct ringif *ifc = netif->state;
    const uint8_t *mac = arp->shwaddr.addr;
    int ask, for_us;

    if (p->len < SIZEOF_ETHARP_HDR || arp->hwtype != PP_HTONS(LWIP_IANA_HWTYPE_ETHERNET) ||
        arp->hwlen != ETH_HWADDR_LEN || arp->protolen != sizeof(ip4_addr_t) ||
        arp->proto != PP_HTONS(ETHTYPE_IP) || (mac[0] & 1)) {
        ETHARP_STATS_INC(etharp.drop);
        goto end;
    }
    __builtin_memcpy(&source, &arp->sipaddr, sizeof(source));
    __builtin_memcpy(&target, &arp->dipaddr, sizeof(target));
    /* Our own message, which the link has brought back. */
    if (__builtin_memcmp(mac, netif->hwaddr, ETH_HWADDR_LEN) == 0) {
        goto end;
    }
    if (own && source == own) {
        if (sys_now() - ifc->defended >= DEFEND_MS) {
            ifc->defended = sys_now();
            etharp_gratuitous(netif);
        }
        goto end;
    }
    ask = arp->opcode == PP_HTONS(ARP_REQUEST);
    for_us = own && target == own;
    if (source) {
        neighbor_heard(netif, 0, &source, mac, !for_us ? 0 : ask ? NEIGHBOR_WANTS : NEIGHBOR_ASKED);
    }
    if (ask && for_us) {
        arp_send(netif, ARP_REPLY, &own, &source, mac);
    }
end:
    pbuf_free(p);
}

/**
 * etharp_output() - Send an IPv4 packet (netif->output of a tap)
 * @netif: tap
 * @p: packet, at its IP header
 * @dest: destination
 *
 * Return: ERR_OK, ERR_RTE: no route, ERR_MEM: no room now
 */
err_t etharp_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
    struct eth_addr mac = ethbroadcast;

    if (ip4_addr_ismulticast(dest)) {
        uint32_t low = lwip_ntohl(dest->addr);

        mac = (struct eth_addr){ { LL_IP4_MULTICAST_ADDR_0, LL_IP4_MULTICAST_ADDR_1,
                                   LL_IP4_MULTICAST_ADDR_2, (low >> 16) & 0x7f, (uint8_t)(low >> 8),
                                   (uint8_t)low } };
    } else if (!ip4_addr_isbroadcast(dest, netif)) {
        return neighbor_output(netif, p, 0, dest);
    }
    return ethernet_output(netif, p, (const struct eth_addr *)(const void *)netif->hwaddr, &mac,
                           ETHTYPE_IP);
}

/**
 * etharp_cleanup_netif() - A link is down, or its interface goes (lwIP's netif.c): what is known of it goes, too
 * @netif: interface
 */
void etharp_cleanup_netif(struct netif *netif)
{
    neighbor_forget(netif->state);
}
