/* SPDX-License-Identifier: MIT */
/* nd.c - messages of neighbor discovery (RFC 4861), and IPv6 packets to hosts of a link
 *
 * It stands in the place of lwIP's nd6.c and ethip6.c and has their names. Addresses go to core/iface/neighbor.c.
 *
 * Solicitations and advertisements only. Routers and prefixes are the program's (routes, addresses), so what a router
 * advertises is for sockets of ICMPv6. Redirects are not believed: all routes are the program's, and a host of the link
 * could send them. The MTU of paths is core/lwext/path_mtu.c.
 */
#include "lwip/nd6.h"

#include "lwip/ethip6.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/mld6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/prot/nd6.h"
#include "lwip/stats.h"
#include "netif/ethernet.h"

#include "iface/neighbor.h"
#include "lwip_port.h"

/* A solicitation or an advertisement, and the option with a MAC address. */
#define MESSAGE 24u
#define WITH_OPTION (MESSAGE + 8u)

/* Offset of the target in either message. */
#define TARGET 8u

static const ip6_addr_t all_nodes = { { PP_HTONL(0xff020000), 0, 0, PP_HTONL(1) }, 0 };

/**
 * find_mac() - The MAC address in the options of a message
 * @p: message; options in the first buffer count
 * @type: ND6_OPTION_TYPE_SOURCE_LLADDR or ND6_OPTION_TYPE_TARGET_LLADDR
 * @mac: set to where it is, NULL: there is none
 *
 * Return: 0, or -1: the options are malformed
 */
static int find_mac(const struct pbuf *p, uint8_t type, const uint8_t **mac)
{
    const uint8_t *m = p->payload;
    uint32_t at = MESSAGE;

    *mac = NULL;
    while (at + 8 <= p->len) {
        if (m[at + 1] == 0) {
            return -1;
        }
        if (m[at] == type && m[at + 1] == 1 && !(m[at + 2] & 1)) {
            *mac = m + at + 2;
        }
        at += m[at + 1] * 8u;
    }
    return 0;
}

/**
 * send() - Send a message
 * @netif: interface
 * @type: ICMP6_TYPE_NS or ICMP6_TYPE_NA
 * @flags: ND6_FLAG_*
 * @target: the address it is about
 * @from: our address, or any
 * @to: destination
 */
static void send(struct netif *netif, uint8_t type, uint8_t flags, const ip6_addr_t *target,
                 const ip6_addr_t *from, const ip6_addr_t *to)
{
    int option = netif->hwaddr_len && !ip6_addr_isany(from);
    struct pbuf *p = pbuf_alloc(PBUF_IP, option ? WITH_OPTION : MESSAGE, PBUF_RAM);
    uint8_t *m;

    if (!p) {
        return;
    }
    m = p->payload;
    __builtin_memset(m, 0, p->len);
    m[0] = type;
    if (flags) {
        m[4] = flags | ((const struct ringif *)netif->state)->router;
    }
    __builtin_memcpy(m + TARGET, target->addr, 16);
    if (option) {
        m[MESSAGE] =
            type == ICMP6_TYPE_NS ? ND6_OPTION_TYPE_SOURCE_LLADDR : ND6_OPTION_TYPE_TARGET_LLADDR;
        m[MESSAGE + 1] = 1;
        __builtin_memcpy(m + MESSAGE + 2, netif->hwaddr, ETH_HWADDR_LEN);
    }
    IF__NETIF_CHECKSUM_ENABLED(netif, NETIF_CHECKSUM_GEN_ICMP6)
    {
        uint16_t sum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->len, from, to);

        __builtin_memcpy(m + 2, &sum, sizeof(sum));
    }
    ip6_output_if(p, ip6_addr_isany(from) ? NULL : from, to, ND6_HOPLIM, 0, IP6_NEXTH_ICMP6, netif);
    pbuf_free(p);
}

static void solicited_node(const struct netif *netif, const ip6_addr_t *target, ip6_addr_t *group)
{
    ip6_addr_set_solicitednode(group, target->addr[3]);
    ip6_addr_assign_zone(group, IP6_MULTICAST, netif);
}

/**
 * nd_ask() - Ask for the MAC address of a host
 * @netif: tap
 * @target: its bytes
 * @from_any: to see whether anybody has it, from nowhere
 * @unicast: the host we know is asked; 0: all
 */
void nd_ask(struct netif *netif, const void *target, int from_any, int unicast)
{
    const ip6_addr_t *from = IP6_ADDR_ANY6;
    const ip_addr_t *own;
    ip6_addr_t wanted, to;

    __builtin_memcpy(wanted.addr, target, 16);
    ip6_addr_clear_zone(&wanted);
    ip6_addr_assign_zone(&wanted, IP6_UNICAST, netif);
    to = wanted;
    /* So that the host knows our MAC address, too, when it answers our packet. */
    own = from_any ? NULL : ip6_select_source_address(netif, &wanted);
    if (own) {
        from = ip_2_ip6(own);
    }
    if (!unicast) {
        solicited_node(netif, &wanted, &to);
    }
    send(netif, ICMP6_TYPE_NS, 0, &wanted, from, &to);
}

/**
 * nd_announce() - Say which addresses we have (RFC 4861, 7.2.6)
 * @netif: tap
 * @only: number of one of them, -1: all
 */
void nd_announce(struct netif *netif, int only)
{
    int i;

    for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if ((only < 0 || i == only) && ip6_addr_isvalid(netif_ip6_addr_state(netif, i))) {
            send(netif, ICMP6_TYPE_NA, ND6_FLAG_OVERRIDE, netif_ip6_addr(netif, i),
                 netif_ip6_addr(netif, i), &all_nodes);
        }
    }
}

/**
 * asked() - A host asks for one of our addresses
 * @netif: interface
 * @own: number of the address
 * @mac: the host's MAC address, NULL: it has not said
 */
static void asked(struct netif *netif, s8_t own, const uint8_t *mac)
{
    const ip6_addr_t *from = ip6_current_src_addr(), *target = netif_ip6_addr(netif, own);
    uint8_t flags = ND6_FLAG_SOLICITED | ND6_FLAG_OVERRIDE;
    ip6_addr_t to = *from;

    if (ip6_addr_isany(from)) {
        to = all_nodes;
        ip6_addr_assign_zone(&to, IP6_MULTICAST, netif);
        flags = ND6_FLAG_OVERRIDE;
    } else if (netif->hwaddr_len) {
        neighbor_heard(netif, 1, from->addr, mac, NEIGHBOR_WANTS);
    }
    send(netif, ICMP6_TYPE_NA, flags, target, target, &to);
}

/**
 * message_in() - A solicitation or an advertisement that is as it must be
 * @p: message
 * @netif: interface
 * @ask: a solicitation
 *
 * Return: 0, or -1: it is not
 */
static int message_in(const struct pbuf *p, struct netif *netif, int ask)
{
    const ip6_addr_t *from = ip6_current_src_addr(), *dest = ip6_current_dest_addr();
    const uint8_t *m = p->payload, *mac;
    ip6_addr_t target;
    s8_t own;

    if (p->len < MESSAGE || IP6H_HOPLIM(ip6_current_header()) != ND6_HOPLIM || m[1] != 0 ||
        m[TARGET] == 0xff ||
        find_mac(p, ask ? ND6_OPTION_TYPE_SOURCE_LLADDR : ND6_OPTION_TYPE_TARGET_LLADDR, &mac) !=
            0 ||
        (ask ? ip6_addr_isany(from) && (mac || !ip6_addr_issolicitednode(dest))
             : m[4] & ND6_FLAG_SOLICITED && ip6_addr_ismulticast(dest))) {
        return -1;
    }
    __builtin_memcpy(target.addr, m + TARGET, 16);
    ip6_addr_clear_zone(&target);
    ip6_addr_assign_zone(&target, IP6_UNICAST, netif);
    own = netif_get_ip6_addr_match(netif, &target);
    if (own >= 0 && ip6_addr_istentative(netif_ip6_addr_state(netif, own))) {
        /* Another host has the address that we ask about, or wants it at the same time (RFC 4862, 5.4). */
        if (!ask || ip6_addr_isany(from)) {
            netif_ip6_addr_set_state(netif, own, IP6_ADDR_DUPLICATED);
        }
    } else if (own >= 0 && ip6_addr_isvalid(netif_ip6_addr_state(netif, own))) {
        if (ask) {
            asked(netif, own, mac);
        }
    } else if (!ask && netif->hwaddr_len) {
        neighbor_heard(netif, 1, target.addr, mac, m[4] & ND6_FLAG_SOLICITED ? NEIGHBOR_ASKED : 0);
    }
    return 0;
}

/**
 * nd6_input() - A message has come (lwIP's icmp6.c, which has checked its checksum)
 * @p: the message; freed
 * @inp: interface
 */
void nd6_input(struct pbuf *p, struct netif *inp)
{
    uint8_t type = *(const uint8_t *)p->payload;

    if ((type == ICMP6_TYPE_NS || type == ICMP6_TYPE_NA) &&
        message_in(p, inp, type == ICMP6_TYPE_NS) != 0) {
        IP6_STATS_INC(ip6.drop);
    }
    pbuf_free(p);
}

/**
 * ethip6_output() - Send an IPv6 packet (netif->output_ip6 of a tap)
 * @netif: tap
 * @p: packet, at its IP header
 * @dest: destination
 *
 * Return: ERR_OK, ERR_RTE: no route, ERR_MEM: no room now
 */
err_t ethip6_output(struct netif *netif, struct pbuf *p, const ip6_addr_t *dest)
{
    struct eth_addr mac = { { LL_IP6_MULTICAST_ADDR_0, LL_IP6_MULTICAST_ADDR_1 } };

    if (!ip6_addr_ismulticast(dest)) {
        return neighbor_output(netif, p, 1, dest->addr);
    }
    __builtin_memcpy(mac.addr + 2, &dest->addr[3], 4);
    return ethernet_output(netif, p, (const struct eth_addr *)(const void *)netif->hwaddr, &mac,
                           ETHTYPE_IPV6);
}

/**
 * nd6_get_destination_mtu() - How large packets may be (lwIP's tcp.c, ip6.c and ip6_frag.c)
 * @dest: destination, of no use here
 * @netif: interface, or NULL
 *
 * Return: bytes
 */
u16_t nd6_get_destination_mtu(const ip6_addr_t *dest, struct netif *netif)
{
    (void)dest;
    return netif ? netif_mtu6(netif) : IP6_MIN_MTU_LENGTH;
}

/**
 * nd6_adjust_mld_membership() - The state of an address changes (lwIP's netif.c): its solicited-node group
 * @netif: interface
 * @addr_idx: number of the address
 * @new_state: IP6_ADDR_*
 */
void nd6_adjust_mld_membership(struct netif *netif, s8_t addr_idx, u8_t new_state)
{
    uint8_t old = netif_ip6_addr_state(netif, addr_idx);
    int was = old != IP6_ADDR_INVALID && old != IP6_ADDR_DUPLICATED,
        is = new_state != IP6_ADDR_INVALID && new_state != IP6_ADDR_DUPLICATED;
    ip6_addr_t group;

    if (was != is) {
        solicited_node(netif, netif_ip6_addr(netif, addr_idx), &group);
        if (is) {
            mld6_joingroup_netif(netif, &group);
        } else {
            mld6_leavegroup_netif(netif, &group);
        }
    }
}

/* The other functions of lwIP's nd6.c that it calls have nothing to do here. */
void nd6_cleanup_netif(struct netif *netif)
{
    (void)netif;
}

void nd6_restart_netif(struct netif *netif)
{
    (void)netif;
}
