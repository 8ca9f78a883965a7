/* SPDX-License-Identifier: MIT */
/* group.c - multicast groups of interfaces: what is received, and who is told (IGMPv2, MLDv1)
 *
 * Theory of operation
 *
 * One table serves both families. It stands in the place of lwIP's igmp.c and mld6.c and has their
 * names, since lwIP asks by these whether a packet to a group is for us, passes what comes of IGMP and
 * MLD, and says when an interface goes.
 *
 * A group is joined once for each socket that wants it (`users`). The first join sends a report, and
 * another one within JOIN_AGAIN, in case the first is lost. A query makes every group it asks for
 * answer at a random moment within the time the query gives. A report of another member in the
 * meantime stands for ours. The last member to report says so when it leaves (RFC 2236, RFC 2710).
 * Queries of IGMPv3 and MLDv2 are answered in the older version, as both allow.
 *
 * The group of all nodes is always received and never reported. The groups that neighbor discovery
 * needs (solicited-node) are received as long as the interface has the address, and reported when
 * somebody asks.
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

/* RFC 2236, 8.10: when the first report is repeated, ms at the most. */
#define JOIN_AGAIN 10000u
/* RFC 2236, 4: the time a query of version 1 leaves, ms. */
#define V1_RESPONSE 10000u
#define SECOND 1000u
/* A router that asked in the last 400 s with version 1 does not know what leaving is. */
#define IGMP_V1_TIMEOUT 400000u

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
static uint32_t v1_seen;
static uint8_t v1_router;

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
 * send_igmp() - Send a message of IGMPv2
 * @netif: interface
 * @type: IGMP_*
 * @group: the group it is about
 */
static void send_igmp(struct netif *netif, u8_t type, const ip4_addr_t *group)
{
    static const u8_t router_alert[4] = { 0x94, 4, 0, 0 };
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, IGMP_MINLEN, PBUF_RAM);
    struct igmp_msg *message;
    ip4_addr_t to;

    if (!p) {
        return;
    }
    ip4_addr_copy(to, *group);
    if (type == IGMP_LEAVE_GROUP) {
        IP4_ADDR(&to, 224, 0, 0, 2); /* all routers */
    }
    message = p->payload;
    message->igmp_msgtype = type;
    message->igmp_maxresp = 0;
    message->igmp_checksum = 0;
    ip4_addr_copy(message->igmp_group_address, *group);
    message->igmp_checksum = inet_chksum(message, IGMP_MINLEN);
    ip4_output_if_opt(p, netif_ip4_addr(netif), &to, IGMP_TTL, 0, IP_PROTO_IGMP, netif,
                      (void *)(uintptr_t)router_alert, sizeof(router_alert));
    pbuf_free(p);
}

/**
 * send_mld() - Send a message of MLDv1
 * @netif: interface
 * @type: ICMP6_TYPE_ML*
 * @group: the group it is about
 */
static void send_mld(struct netif *netif, u8_t type, const ip6_addr_t *group)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, sizeof(struct mld_header) + MLD6_HBH_HLEN, PBUF_RAM);
    const ip6_addr_t *from = IP6_ADDR_ANY6;
    struct mld_header *message;
    ip6_addr_t to = *group;

    if (!p) {
        return;
    }
    pbuf_remove_header(p, MLD6_HBH_HLEN);
    if (ip6_addr_isvalid(netif_ip6_addr_state(netif, 0))) {
        from = netif_ip6_addr(netif, 0); /* the link-local one */
    }
    if (type == ICMP6_TYPE_MLD) {
        ip6_addr_set_allrouters_linklocal(&to);
    }
    ip6_addr_assign_zone(&to, IP6_MULTICAST, netif);
    message = p->payload;
    __builtin_memset(message, 0, sizeof(*message));
    message->type = type;
    ip6_addr_copy_to_packed(message->multicast_address, *group);
    message->chksum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->len, from, &to);
    ip6_options_add_hbh_ra(p, IP6_NEXTH_ICMP6, IP6_ROUTER_ALERT_VALUE_MLD);
    ip6_output_if(p, ip6_addr_isany(from) ? NULL : from, &to, 1, 0, IP6_NEXTH_HOPBYHOP, netif);
    pbuf_free(p);
}

/**
 * is_reported() - Whether anybody is to know that we are in a group: only one that leaves the host, and
 * not that of all nodes
 * @address: group
 *
 * Return: 1 if so
 */
static int is_reported(const ip_addr_t *address)
{
    if (IP_IS_V6(address)) {
        return ip6_addr_multicast_scope(ip_2_ip6(address)) > IP6_MULTICAST_SCOPE_INTERFACE_LOCAL;
    }
    return ip_2_ip4(address)->addr != PP_HTONL(0xe0000001);
}

/**
 * report() - Say that we are in a group
 * @g: entry
 */
static void report(struct group *g)
{
    if (!(g->netif->flags & NETIF_FLAG_ETHARP) || !is_reported(&g->address)) {
        return;
    }
    if (IP_IS_V6(&g->address)) {
        send_mld(g->netif, ICMP6_TYPE_MLR, ip_2_ip6(&g->address));
    } else {
        u8_t type = IGMP_V2_MEMB_REPORT;

        if (v1_router && sys_now() - v1_seen < IGMP_V1_TIMEOUT) {
            type = IGMP_V1_MEMB_REPORT;
        }
        send_igmp(g->netif, type, ip_2_ip4(&g->address));
    }
    g->last = 1;
}

/**
 * schedule() - Report within some time, unless that is due earlier
 * @g: entry
 * @within: ms
 */
static void schedule(struct group *g, uint32_t within)
{
    uint32_t now = sys_now(), due = now + random_u32() % (within ? within : 1);

    if (within <= SECOND) {
        g->pending = 0;
        report(g);
    } else if (!g->pending || (int32_t)(due - g->due) < 0) {
        g->due = due;
        g->pending = 1;
    }
}

/**
 * group_join() - Receive what is sent to a group
 * @netif: interface
 * @address: group, of either family
 *
 * Return: 0 or ABI_ENOMEM; each call wants one group_leave()
 */
int group_join(struct netif *netif, const ip_addr_t *address)
{
    struct group *g = find(netif, address);

    if (!g) {
        g = heap_calloc(1, sizeof(*g));
        if (!g) {
            return ABI_ENOMEM;
        }
        g->netif = netif;
        g->address = *address;
        g->next = groups;
        groups = g;
        report(g);
        schedule(g, JOIN_AGAIN);
    }
    g->users++;
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
 * group_leave() - Undo one group_join()
 * @netif: interface
 * @address: group
 */
void group_leave(struct netif *netif, const ip_addr_t *address)
{
    struct group *g = find(netif, address);

    if (!g || --g->users) {
        return;
    }
    if (g->last && (netif->flags & NETIF_FLAG_ETHARP) && is_reported(address)) {
        if (IP_IS_V6(address)) {
            send_mld(netif, ICMP6_TYPE_MLD, ip_2_ip6(address));
        } else {
            send_igmp(netif, IGMP_LEAVE_GROUP, ip_2_ip4(address));
        }
    }
    drop(g);
}

/**
 * queried() - Somebody asks which groups have members
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
 * igmp_tmr() - Report what is due; once a second, both families
 */
void igmp_tmr(void)
{
    struct group *g;

    for (g = groups; g; g = g->next) {
        if (g->pending && (int32_t)(sys_now() - g->due) >= 0) {
            g->pending = 0;
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
    if (p->len < IGMP_MINLEN || inet_chksum(message, p->len) != 0) {
        IP_STATS_INC(ip.drop);
    } else {
        ip_addr_copy_from_ip4(group, message->igmp_group_address);
        if (message->igmp_msgtype == IGMP_MEMB_QUERY) {
            uint32_t within = message->igmp_maxresp * 100u;

            if (!within) {
                within = V1_RESPONSE;
                v1_router = 1;
                v1_seen = sys_now();
            }
            queried(inp, &group, within);
        } else if (message->igmp_msgtype == IGMP_V2_MEMB_REPORT ||
                   message->igmp_msgtype == IGMP_V1_MEMB_REPORT) {
            heard(inp, &group);
        }
    }
    pbuf_free(p);
}

/**
 * report_solicited() - Answer a query for the groups that neighbor discovery needs
 * @inp: interface
 * @asked: the group asked for, any: all
 */
static void report_solicited(struct netif *inp, const ip6_addr_t *asked)
{
    s8_t i;

    for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        ip6_addr_t group;

        if (ip6_addr_isvalid(netif_ip6_addr_state(inp, i))) {
            ip6_addr_set_solicitednode(&group, netif_ip6_addr(inp, i)->addr[3]);
            if (ip6_addr_isany(asked) || ip6_addr_zoneless_eq(asked, &group)) {
                send_mld(inp, ICMP6_TYPE_MLR, &group);
            }
        }
    }
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

    /* RFC 2710, 3: from the link only. */
    if (p->len < sizeof(*message) || !ip6_addr_islinklocal(ip6_current_src_addr()) ||
        IP6H_HOPLIM(ip6_current_header()) != 1) {
        IP6_STATS_INC(ip6.drop);
    } else {
        ip6_addr_copy_from_packed(*ip_2_ip6(&group), message->multicast_address);
        if (message->type == ICMP6_TYPE_MLQ) {
            queried(inp, &group, lwip_ntohs(message->max_resp_delay));
            report_solicited(inp, ip_2_ip6(&group));
        } else if (message->type == ICMP6_TYPE_MLR) {
            heard(inp, &group);
        }
    }
    pbuf_free(p);
}

/* A place in memory for lwIP's answer "yes", whose fields it does not look at. */
static struct igmp_group member4;
static struct mld_group member6;

/**
 * igmp_lookfor_group() - Whether packets to a group are for us (lwIP's ip4.c)
 * @inp: interface they come from
 * @address: the group
 *
 * Return: NULL: they are not
 */
struct igmp_group *igmp_lookfor_group(struct netif *inp, const ip4_addr_t *address)
{
    ip_addr_t group;

    ip_addr_copy_from_ip4(group, *address);
    return !is_reported(&group) || find(inp, &group) ? &member4 : NULL;
}

/**
 * mld6_lookfor_group() - Whether packets to a group are for us (lwIP's ip6.c, which knows of all nodes)
 * @inp: interface they come from
 * @address: the group
 *
 * Return: NULL: they are not
 */
struct mld_group *mld6_lookfor_group(struct netif *inp, const ip6_addr_t *address)
{
    ip_addr_t group;
    s8_t i;

    for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES && ip6_addr_issolicitednode(address); i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(inp, i)) &&
            ip6_addr_solicitednode_eq(address, netif_ip6_addr(inp, i))) {
            return &member6;
        }
    }
    ip_addr_copy_from_ip6(group, *address);
    return find(inp, &group) ? &member6 : NULL;
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
 * igmp_report_groups() - An interface came up or has another address (lwIP's netif.c)
 * @netif: interface
 */
void igmp_report_groups(struct netif *netif)
{
    queried(netif, IP4_ADDR_ANY, SECOND);
}

/**
 * mld6_report_groups() - As igmp_report_groups()
 * @netif: interface
 */
void mld6_report_groups(struct netif *netif)
{
    queried(netif, IP6_ADDR_ANY, SECOND);
}

/* What else lwIP calls by these names has nothing to do here. */
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

err_t mld6_joingroup_netif(struct netif *netif, const ip6_addr_t *address)
{
    (void)netif;
    (void)address;
    return ERR_OK;
}

err_t mld6_leavegroup_netif(struct netif *netif, const ip6_addr_t *address)
{
    (void)netif;
    (void)address;
    return ERR_OK;
}
