/* SPDX-License-Identifier: MIT */
/* group.c - multicast groups of interfaces: reception, and reports to routers and switches (IGMPv2, MLDv1)
 *
 * Theory of operation
 *
 * One table serves both families. It stands in the place of lwIP's igmp.c and mld6.c and has their
 * names, since lwIP asks by these whether a packet to a group is for us, passes what comes of IGMP and
 * MLD, joins the groups of neighbor discovery (solicited-node), and says when an interface goes.
 *
 * A group is joined once for each socket that wants it (`users`). The first join sends a report, and
 * another one within JOIN_AGAIN, in case the first is lost. A query makes every group it asks for
 * answer at a random moment within the time the query gives. A report of another member in the
 * meantime stands for ours. The last member to report says so when it leaves (RFC 2236, RFC 2710).
 * Queries of IGMPv3 and MLDv2 are answered in the older version, as both allow.
 *
 * Only links with addresses are told (tap). The group of all nodes is always received and never reported.
 *
 * Queries and reports come from the link: with a time to live of 1, and MLD from a link-local address.
 *
 * The clock is that of the one-second timers: a report may come up to a second late, so a query that
 * leaves no more than a second is answered at once.
 */
#include "lwext/group.h"

#include "lwip/igmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/mld6.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/igmp.h"
#include "lwip/prot/mld6.h"
#include "lwip/sys.h"

#include "abi.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "util/random.h"

/* RFC 2236, 8.10: when the first report is repeated, ms at the most. The clock of seconds runs for longer than
   this after a packet (core/lwext/timers.c). */
#define JOIN_AGAIN 10000u
#define SECOND 1000u
/* RFC 2236, 4: so long after a query of version 1 it is answered in that version, s. */
#define V1_SECONDS 400u

struct group {
    struct group *next;
    struct netif *netif;
    ip_addr_t address;
    uint32_t users;
    uint32_t due;    /* when to report, in sys_now() */
    uint8_t pending; /* a report is due */
    uint8_t last;    /* we were the last to report */
};

static struct group *groups;
static uint32_t v1_left; /* seconds */

/**
 * find() - The entry of a group
 * @netif: interface
 * @address: group
 *
 * Return: entry, or NULL: not joined there
 */
static struct group *find(const struct netif *netif, const ip_addr_t *address)
{
    struct group *g = groups;

    while (g && (g->netif != netif || !port_ip_is_same(&g->address, address))) {
        g = g->next;
    }
    return g;
}

/**
 * put_igmp() - Write a message of IGMPv2 with its IPv4 header
 * @to: 32 bytes, zeroed
 * @g: entry
 * @leave: the group is left
 */
static void put_igmp(uint8_t *to, const struct group *g, int leave)
{
    /* Time to live 1, with the option that has routers look at it (RFC 2113). */
    static const uint8_t head[10] = { 0x46, 0xc0, 0, 32, 0, 0, 0x40, 0, 1, IP_PROTO_IGMP },
                         alert[4] = { 0x94, 4, 0, 0 }, routers[4] = { 224, 0, 0, 2 };
    uint16_t sum;

    __builtin_memcpy(to, head, sizeof(head));
    __builtin_memcpy(to + 12, netif_ip4_addr(g->netif), 4);
    __builtin_memcpy(to + 16, leave ? (const void *)routers : ip_2_ip4(&g->address), 4);
    __builtin_memcpy(to + 20, alert, 4);
    to[24] = leave ? IGMP_LEAVE_GROUP : v1_left ? IGMP_V1_MEMB_REPORT : IGMP_V2_MEMB_REPORT;
    __builtin_memcpy(to + 28, ip_2_ip4(&g->address), 4);
    sum = inet_chksum(to, 24);
    __builtin_memcpy(to + 10, &sum, 2);
    sum = inet_chksum(to + 24, 8);
    __builtin_memcpy(to + 26, &sum, 2);
}

/**
 * put_mld() - Write a message of MLDv1 with its IPv6 headers
 * @to: 72 bytes, zeroed
 * @g: entry
 * @leave: the group is left
 */
static void put_mld(uint8_t *to, const struct group *g, int leave)
{
    /* Hop limit 1; the option has routers look at it (RFC 2711). */
    static const uint8_t head[8] = { 0x60, 0, 0, 0, 0, 32, IP6_NEXTH_HOPBYHOP, 1 },
                         alert[8] = { IP6_NEXTH_ICMP6, 0, 5, 2, 0, 0, 1, 0 },
                         pseudo[8] = { 0, 0, 0, 24, 0, 0, 0, IP6_NEXTH_ICMP6 },
                         routers[16] = { 0xff, 2, [15] = 2 };
    uint16_t sum;

    __builtin_memcpy(to, head, sizeof(head));
    if (ip6_addr_isvalid(netif_ip6_addr_state(g->netif, 0))) {
        __builtin_memcpy(to + 8, netif_ip6_addr(g->netif, 0), 16); /* the link-local one */
    }
    __builtin_memcpy(to + 24, leave ? (const void *)routers : ip_2_ip6(&g->address), 16);
    to[48] = leave ? ICMP6_TYPE_MLD : ICMP6_TYPE_MLR;
    __builtin_memcpy(to + 56, ip_2_ip6(&g->address), 16);
    /* Between addresses and message, the rest of the pseudo header makes one block to sum up. */
    __builtin_memcpy(to + 40, pseudo, sizeof(pseudo));
    sum = inet_chksum(to + 8, 64);
    __builtin_memcpy(to + 50, &sum, 2);
    __builtin_memcpy(to + 40, alert, sizeof(alert));
}

/**
 * tell() - Send a report, or that a group is left; nothing is sent without memory
 * @g: entry
 * @leave: the group is left
 */
static void tell(const struct group *g, int leave)
{
    uint16_t length = IP_IS_V6(&g->address) ? 72 : 32;
    struct pbuf *p = pbuf_alloc(PBUF_LINK, length, PBUF_RAM);

    if (!p) {
        return;
    }
    __builtin_memset(p->payload, 0, length);
    if (IP_IS_V6(&g->address)) {
        put_mld(p->payload, g, leave);
        ip6_output_if(p, NULL, LWIP_IP_HDRINCL, 0, 0, 0, g->netif);
    } else {
        put_igmp(p->payload, g, leave);
        ip4_output_if(p, NULL, LWIP_IP_HDRINCL, 0, 0, 0, g->netif);
    }
    pbuf_free(p);
}

/**
 * is_reported() - Whether anybody is to know that we are in a group
 * @g: entry
 *
 * Return: 1 if so: it leaves the host, and is not that of all nodes
 */
static int is_reported(const struct group *g)
{
    const ip6_addr_t *ip6 = ip_2_ip6(&g->address);

    if (!(g->netif->flags & NETIF_FLAG_ETHARP)) {
        return 0;
    }
    return IP_IS_V6(&g->address)
               ? ip6_addr_multicast_scope(ip6) > IP6_MULTICAST_SCOPE_INTERFACE_LOCAL &&
                     !ip6_addr_isallnodes_linklocal(ip6)
               : ip_2_ip4(&g->address)->addr != PP_HTONL(0xe0000001);
}

/**
 * report() - Say that we are in a group
 * @g: entry
 */
static void report(struct group *g)
{
    g->pending = 0;
    if (is_reported(g)) {
        tell(g, 0);
        g->last = 1;
    }
}

/**
 * schedule() - Report within some time, unless that is due earlier
 * @g: entry
 * @within: ms
 */
static void schedule(struct group *g, uint32_t within)
{
    uint32_t due;

    if (within <= SECOND) {
        report(g);
        return;
    }
    due = sys_now() + random_u32() % (LWIP_MIN(within, JOIN_AGAIN) - SECOND);
    if (!g->pending || (int32_t)(due - g->due) < 0) {
        g->due = due;
        g->pending = 1;
    }
}

/**
 * enter() - Receive what is sent to a group
 * @netif: interface
 * @address: group, of either family
 *
 * Return: its entry, or NULL: out of memory
 */
static struct group *enter(struct netif *netif, const ip_addr_t *address)
{
    struct group *g = find(netif, address);

    if (!g) {
        g = heap_calloc(1, sizeof(*g));
        if (!g) {
            return NULL;
        }
        g->netif = netif;
        g->address = *address;
        g->next = groups;
        groups = g;
    }
    g->users++;
    return g;
}

/**
 * lwext_group_join() - Receive what is sent to a group, and say so
 * @netif: interface
 * @address: group, of either family
 *
 * Return: 0 or ABI_ENOMEM; each call wants one lwext_group_leave()
 */
int lwext_group_join(struct netif *netif, const ip_addr_t *address)
{
    struct group *g = enter(netif, address);

    if (!g) {
        return ABI_ENOMEM;
    }
    if (g->users == 1) {
        report(g);
        schedule(g, JOIN_AGAIN);
    }
    return 0;
}

/**
 * drop() - Take an entry out of the table
 * @g: entry
 */
static void drop(struct group *g)
{
    struct group **link = &groups;

    while (*link != g) {
        link = &(*link)->next;
    }
    *link = g->next;
    heap_free(g);
}

/**
 * lwext_group_leave() - Undo one lwext_group_join()
 * @netif: interface
 * @address: group
 */
void lwext_group_leave(struct netif *netif, const ip_addr_t *address)
{
    struct group *g = find(netif, address);

    if (!g || --g->users) {
        return;
    }
    if (g->last) {
        tell(g, 1);
    }
    drop(g);
}

/**
 * queried() - A router asks which groups have members
 * @inp: interface
 * @address: the group asked for, any: all
 * @within: time to answer, ms
 */
static void queried(const struct netif *inp, const ip_addr_t *address, uint32_t within)
{
    struct group *g;

    for (g = groups; g; g = g->next) {
        if (g->netif == inp && IP_IS_V6(&g->address) == IP_IS_V6(address) &&
            (port_ip_is_any(address) || port_ip_is_same(address, &g->address))) {
            schedule(g, within);
        }
    }
}

/**
 * heard() - Another member reported a group
 * @inp: interface
 * @address: the group
 */
static void heard(const struct netif *inp, const ip_addr_t *address)
{
    struct group *g = find(inp, address);

    if (g) {
        g->pending = 0;
        g->last = 0;
    }
}

/**
 * igmp_tmr() - Report what is due, of both families; once a second
 */
void igmp_tmr(void)
{
    struct group *g;

    v1_left -= v1_left != 0;
    for (g = groups; g; g = g->next) {
        if (g->pending && (int32_t)(sys_now() - g->due) >= 0) {
            report(g);
        }
    }
}

/**
 * igmp_input() - A message of IGMP (lwIP's ip4.c)
 * @p: the message
 * @inp: interface it came from
 * @dest: where it was sent to
 */
void igmp_input(struct pbuf *p, struct netif *inp, const ip4_addr_t *dest)
{
    const struct igmp_msg *message = p->payload;
    ip_addr_t group = { 0 };

    (void)dest;
    if (p->len < IGMP_MINLEN || IPH_TTL(ip4_current_header()) != 1 || inet_chksum_pbuf(p) != 0) {
        IP_STATS_INC(ip.drop);
        pbuf_free(p);
        return;
    }
    ip_addr_copy_from_ip4(group, message->igmp_group_address);
    if (message->igmp_msgtype == IGMP_MEMB_QUERY) {
        uint32_t within = message->igmp_maxresp * 100u;

        /* Version 1 has no such field, and no more than this. */
        if (!within && p->tot_len == IGMP_MINLEN) {
            within = JOIN_AGAIN;
            v1_left = V1_SECONDS;
        }
        queried(inp, &group, within);
    } else if (message->igmp_msgtype == IGMP_V2_MEMB_REPORT ||
               message->igmp_msgtype == IGMP_V1_MEMB_REPORT) {
        heard(inp, &group);
    }
    pbuf_free(p);
}

/**
 * mld6_input() - A message of MLD (lwIP's icmp6.c, which has checked its checksum)
 * @p: the message
 * @inp: interface it came from
 */
void mld6_input(struct pbuf *p, struct netif *inp)
{
    const struct mld_header *message = p->payload;
    ip_addr_t group = IPADDR6_INIT(0, 0, 0, 0);

    if (p->len < sizeof(*message) || !ip6_addr_islinklocal(ip6_current_src_addr()) ||
        IP6H_HOPLIM(ip6_current_header()) != 1) {
        IP6_STATS_INC(ip6.drop);
    } else {
        __builtin_memcpy(ip_2_ip6(&group)->addr, &message->multicast_address, 16);
        if (message->type == ICMP6_TYPE_MLQ) {
            queried(inp, &group, lwip_ntohs(message->max_resp_delay));
        } else if (message->type == ICMP6_TYPE_MLR) {
            heard(inp, &group);
        }
    }
    pbuf_free(p);
}

/**
 * igmp_lookfor_group() - Whether packets to a group are for us (lwIP's ip4.c)
 * @inp: interface they come from
 * @address: the group
 *
 * Return: NULL: they are not; else what lwIP does not look into
 */
struct igmp_group *igmp_lookfor_group(struct netif *inp, const ip4_addr_t *address)
{
    ip_addr_t group;

    ip_addr_copy_from_ip4(group, *address);
    return address->addr == PP_HTONL(0xe0000001) ? (void *)&groups : (void *)find(inp, &group);
}

/**
 * of_ip6() - Convert a group of lwIP's IPv6
 * @address: the group
 *
 * Return: the same, as one of either family
 */
static ip_addr_t of_ip6(const ip6_addr_t *address)
{
    ip_addr_t group;

    ip_addr_copy_from_ip6(group, *address);
    return group;
}

/**
 * mld6_lookfor_group() - Whether packets to a group are for us (lwIP's ip6.c, which knows of all nodes)
 * @inp: interface they come from
 * @address: the group
 *
 * Packets to a solicited-node group are for neighbor discovery, which looks at the address they ask for. So we are
 * found even if there was no memory to join.
 *
 * Return: as igmp_lookfor_group()
 */
struct mld_group *mld6_lookfor_group(struct netif *inp, const ip6_addr_t *address)
{
    ip_addr_t group = of_ip6(address);

    return ip6_addr_issolicitednode(address) ? (void *)&groups : (void *)find(inp, &group);
}

/**
 * mld6_joingroup_netif() - An interface has an address, and wants its solicited-node group (lwIP's nd6.c)
 * @netif: interface
 * @address: the group
 *
 * It is reported when a router asks.
 *
 * Return: ERR_OK, ERR_MEM: nor then
 */
err_t mld6_joingroup_netif(struct netif *netif, const ip6_addr_t *address)
{
    ip_addr_t group = of_ip6(address);

    return enter(netif, &group) ? ERR_OK : ERR_MEM;
}

/**
 * mld6_leavegroup_netif() - An interface has an address no longer (lwIP's nd6.c)
 * @netif: interface
 * @address: the solicited-node group of it
 *
 * Return: ERR_OK
 */
err_t mld6_leavegroup_netif(struct netif *netif, const ip6_addr_t *address)
{
    ip_addr_t group = of_ip6(address);

    lwext_group_leave(netif, &group);
    return ERR_OK;
}

/**
 * igmp_stop() - An interface goes (lwIP's netif.c): its groups of both families go with it
 * @netif: interface
 *
 * Return: ERR_OK
 */
err_t igmp_stop(struct netif *netif)
{
    struct group *g, *next;

    for (g = groups; g; g = next) {
        next = g->next;
        if (g->netif == netif) {
            drop(g);
        }
    }
    return ERR_OK;
}

/**
 * again() - Report once more the groups that were reported last by us
 * @netif: interface
 * @family: an address of the family
 */
static void again(const struct netif *netif, const ip_addr_t *family)
{
    struct group *g;

    for (g = groups; g; g = g->next) {
        if (g->netif == netif && g->last && IP_IS_V6(&g->address) == IP_IS_V6(family)) {
            report(g);
        }
    }
}

/**
 * igmp_report_groups() - An interface came up or has another address (lwIP's netif.c)
 * @netif: interface
 */
void igmp_report_groups(struct netif *netif)
{
    again(netif, IP4_ADDR_ANY);
}

/**
 * mld6_report_groups() - As igmp_report_groups()
 * @netif: interface
 */
void mld6_report_groups(struct netif *netif)
{
    again(netif, IP6_ADDR_ANY);
}

/* The other functions of these files that lwIP calls have nothing to do here. */
void mld6_tmr(void)
{
}

void igmp_init(void)
{
}

err_t igmp_start(struct netif *netif)
{
    (void)netif;
    return ERR_OK;
}

err_t mld6_stop(struct netif *netif)
{
    (void)netif;
    return ERR_OK;
}
