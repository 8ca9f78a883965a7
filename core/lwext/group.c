/* SPDX-License-Identifier: MIT */
/* group.c - multicast groups of interfaces: reception, and reports to routers and switches (IGMP, MLD)
 *
 * Theory of operation
 *
 * One table serves both families. It stands in the place of lwIP's igmp.c and mld6.c and has their
 * names, since lwIP asks by these whether a packet to a group is for us, passes what comes of IGMP and
 * MLD, joins the groups of neighbor discovery (solicited-node), and says when an interface goes.
 *
 * An entry is a group and a source: one host, or any. It is joined once for each socket that wants it (`users`). Of
 * the entries of a group comes what routers are told of it: every source, if one has any (EXCLUDE of none), else the
 * list of sources (INCLUDE).
 *
 * IGMPv3 and MLDv2 (RFC 3376, RFC 3810). A change is reported at once, and again in the next second, in case
 * the first is lost (robustness 2); so an entry that was left stays until that is said. A query makes every group
 * it asks for answer at a random moment within the time the query gives, with all of its sources, whichever the
 * query names. There is a record a report, and several if the sources are more than SOURCES_MOST.
 *
 * A querier of an older version (IGMPv1, IGMPv2, MLDv1) is answered in its version, until none was heard on the
 * interface for OLD_SECONDS (RFC 3376, 8.12; RFC 3810, 9.12). Then sources are not told, a group is left once, when its
 * last entry is, and a report of another member stands for ours.
 *
 * Only links with addresses are told (tap). The group of all nodes is always received and never reported. Queries
 * and reports come from the link: with a time to live of 1, and MLD from a link-local address.
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
#include "iface/ringif.h"
#include "lwext/group_send.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "util/random.h"

#define SECOND 1000u
/* A query is answered within this time, ms, whatever it gives. The clock of seconds runs for longer than this after a
   packet (core/lwext/timers.c). */
#define ANSWER_MOST 10000u
/* Robustness 2, a query each 125 s, 10 s for its answers. */
#define OLD_SECONDS 260u
#define CHANGES 2u
#define SOURCES_MOST 64u
#define MESSAGE_MOST (8u + 4u + 16u + SOURCES_MOST * 16u)

/* Which type of message, of tell(): that of our version. */
#define OURS 3u

/* Types of a record (RFC 3376, 4.2.12). */
enum { IS_INCLUDE = 1, IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE, ALLOW, BLOCK };

struct group {
    struct group *next;
    struct netif *netif;
    ip_addr_t address;
    ip_addr_t source; /* any: every host */
    uint32_t users;   /* 0: it was left, which is still to be said */
    uint32_t due;     /* when to answer a query, in sys_now() */
    uint8_t pending;  /* an answer is due */
    uint8_t changes;  /* how often the last change is still to be reported */
    uint8_t told;     /* it was reported */
};

static struct group *groups;
static uint32_t seconds;
static const ip_addr_t any_source;

static int is_v6(const struct group *g)
{
    return g->address.type == IPADDR_TYPE_V6;
}

/**
 * find() - The entry of a group
 * @netif: interface
 * @address: group
 * @source: one of its sources, or any; NULL: whichever is not left
 *
 * Return: entry, or NULL: not joined there
 */
static struct group *find(const struct netif *netif, const ip_addr_t *address,
                          const ip_addr_t *source)
{
    struct group *g = groups;

    while (g && (g->netif != netif || !port_ip_is_same(&g->address, address) ||
                 !(source ? port_ip_is_same(&g->source, source) : g->users != 0))) {
        g = g->next;
    }
    return g;
}

/**
 * is_exclude() - Whether every source of a group is wanted
 * @g: an entry of the group
 *
 * Return: 1 if so
 */
static int is_exclude(const struct group *g)
{
    const struct group *every = find(g->netif, &g->address, &any_source);

    return every && every->users;
}

/**
 * old_querier() - The oldest version of a querier that was heard
 * @netif: interface
 * @v6: of MLD
 *
 * Return: 1, 2, or 0: none older than ours
 */
static uint32_t old_querier(const struct netif *netif, int v6)
{
    const uint32_t *until = ((const struct ringif *)netif->state)->old_querier + (v6 ? 2 : 0);

    if (until[0] > seconds) {
        return 1;
    }
    return !v6 && until[1] > seconds ? 2 : 0;
}

/**
 * put_sources() - Write the sources of a record
 * @m: message with the head of the record
 * @g: entry
 * @at: where they begin
 * @rest: where in the table they go on; set to where those of the next report do, NULL: there are no more
 *
 * Return: where they end
 */
static uint32_t put_sources(uint8_t *m, const struct group *g, uint32_t at,
                            const struct group **rest)
{
    uint32_t size = is_v6(g) ? 16 : 4;
    const struct group *s = *rest;

    for (; s && m[11] < SOURCES_MOST; s = s->next) {
        if (m[8] >= ALLOW ? s == g
                          : m[8] & 1 && s->users && s->netif == g->netif &&
                                port_ip_is_same(&s->address, &g->address)) {
            __builtin_memcpy(m + at, &s->source, size);
            m[11]++;
            at += size;
        }
    }
    *rest = s;
    return at;
}

/**
 * tell() - Send a report; nothing is sent without memory
 * @g: entry
 * @type: of its record
 */
static void tell(struct group *g, uint8_t type)
{
    /* A group is left; reports of old versions; of ours. */
    static const uint8_t types[2][4] = {
        { IGMP_LEAVE_GROUP, IGMP_V1_MEMB_REPORT, IGMP_V2_MEMB_REPORT, 0x22 },
        { ICMP6_TYPE_MLD, ICMP6_TYPE_MLR, ICMP6_TYPE_MLR, 143 },
    };
    struct netif *netif = g->netif;
    int v6 = is_v6(g);
    uint32_t old = old_querier(netif, v6), kind = !old ? OURS : g->users ? old : 0;
    uint32_t size = v6 ? 16 : 4, at = !old ? 12 : v6 ? 8 : 4;
    const struct group *rest = groups;

    g->told = 1;
    do {
        struct pbuf *p = pbuf_alloc(PBUF_LINK, GROUP_HEADERS + MESSAGE_MOST, PBUF_RAM);
        uint32_t length = at + size;
        ip_addr_t to = g->address;
        uint8_t *m, *bytes = (uint8_t *)&to;

        if (!p) {
            return;
        }
        __builtin_memset(p->payload, 0, GROUP_HEADERS + MESSAGE_MOST);
        m = (uint8_t *)p->payload + GROUP_HEADERS;
        m[0] = types[v6][kind];
        __builtin_memcpy(m + at, &to, size);
        if (kind % OURS == 0) {
            /* All routers, or all that understand ours. */
            __builtin_memset(bytes, 0, size);
            bytes[0] = v6 ? 0xff : 224;
            bytes[1] = v6 ? 2 : 0;
            bytes[size - 1] = kind ? 22 : 2;
        }
        if (kind == OURS) {
            m[7] = 1;
            m[8] = type;
            length = put_sources(m, g, length, &rest);
        } else {
            rest = NULL;
        }
        lwext_group_send(p, length, &to, netif);
    } while (rest);
}

/**
 * is_reported() - Whether anybody is to know that we are in a group
 * @g: entry
 *
 * Return: 1 if so: it leaves the host, and is not that of all nodes
 */
static int is_reported(const struct group *g)
{
    const uint32_t *words = ip_2_ip6(&g->address)->addr;
    uint32_t all = is_v6(g) ? PP_HTONL(0xff020000) : PP_HTONL(0xe0000001);

    /* Addresses of IPv4 have zeros behind; those of IPv6 their scope in the second byte. */
    return (g->netif->flags & NETIF_FLAG_ETHARP) != 0 &&
           (!is_v6(g) || (lwip_htonl(words[0]) >> 16 & 15) > 1) &&
           !(words[0] == all && !(words[1] | words[2]) && !(words[3] & ~PP_HTONL(1)));
}

/**
 * report() - Say that we are in a group, or what has changed about it
 * @g: entry
 * @change: what has changed
 *
 * If every source is wanted, one more or less is no change. An old querier is told of a group when its last
 * entry is left.
 */
static void report(struct group *g, int change)
{
    int every = port_ip_is_any(&g->source), exclude = is_exclude(g);
    uint8_t type = exclude ? IS_EXCLUDE : IS_INCLUDE;

    if (change) {
        type = every ? g->users ? TO_EXCLUDE : TO_INCLUDE : g->users ? ALLOW : BLOCK;
        if (!g->users && old_querier(g->netif, is_v6(g))) {
            g->changes = 0;
            exclude |= find(g->netif, &g->address, NULL) != NULL;
            every = 0;
        }
        if (exclude && !every) {
            return;
        }
    }
    if (is_reported(g)) {
        tell(g, type);
    }
}

/**
 * enter() - Receive what is sent to a group
 * @netif: interface
 * @address: group, of either family
 * @source: the host that may send, any: every one
 *
 * Return: its entry, or NULL: out of memory
 */
static struct group *enter(struct netif *netif, const ip_addr_t *address, const ip_addr_t *source)
{
    struct group *g = find(netif, address, source);

    if (!g) {
        g = heap_calloc(1, sizeof(*g));
        if (!g) {
            return NULL;
        }
        g->netif = netif;
        g->address = *address;
        g->source = *source;
        g->next = groups;
        groups = g;
    }
    g->users++;
    return g;
}

/**
 * changed() - Report a change, now and later
 * @g: entry that is new or left
 */
static void changed(struct group *g)
{
    g->changes = CHANGES - 1;
    report(g, 1);
}

/**
 * lwext_group_join() - Receive what is sent to a group, and say so
 * @netif: interface
 * @address: group, of either family
 * @source: the host that may send, any: every one
 *
 * Return: 0 or ABI_ENOMEM; each call wants one lwext_group_leave()
 */
int lwext_group_join(struct netif *netif, const ip_addr_t *address, const ip_addr_t *source)
{
    struct group *g = enter(netif, address, source);

    if (!g) {
        return ABI_ENOMEM;
    }
    if (g->users == 1) {
        changed(g);
    }
    return 0;
}

/**
 * lwext_group_leave() - Undo one lwext_group_join()
 * @netif: interface
 * @address: group
 * @source: as it was joined
 */
void lwext_group_leave(struct netif *netif, const ip_addr_t *address, const ip_addr_t *source)
{
    struct group *g = find(netif, address, source);

    if (g && g->users && !--g->users) {
        g->pending = 0;
        changed(g);
    }
}

/**
 * sweep() - Report what is due, of both families, and forget what is said
 * @gone: interface whose entries go
 */
static void sweep(const struct netif *gone)
{
    struct group **link = &groups, *g;

    while ((g = *link)) {
        if (g->netif == gone || !(g->users | g->changes)) {
            *link = g->next;
            heap_free(g);
            continue;
        }
        if (!gone && g->changes) {
            g->changes--;
            report(g, 1);
        }
        if (!gone && g->pending && (int32_t)(sys_now() - g->due) >= 0) {
            g->pending = 0;
            report(g, 0);
        }
        link = &g->next;
    }
}

void igmp_tmr(void)
{
    seconds++;
    sweep(NULL);
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
        uint32_t due;

        if (g->address.type != address->type || find(inp, &g->address, NULL) != g ||
            (!port_ip_is_any(address) && !port_ip_is_same(address, &g->address))) {
            continue;
        }
        if (within <= SECOND) {
            g->pending = 0;
            report(g, 0);
            continue;
        }
        due = sys_now() + random_u32() % (LWIP_MIN(within, ANSWER_MOST) - SECOND);
        if (!g->pending || (int32_t)(due - g->due) < 0) {
            g->due = due;
            g->pending = 1;
        }
    }
}

/**
 * message_in() - A message of IGMP or MLD that is as it must be
 * @p: the message; freed
 * @inp: interface it came from
 * @v6: of MLD
 *
 * A query of an old version is as long as its address, one of ours has more behind it.
 */
static void message_in(struct pbuf *p, const struct netif *inp, int v6)
{
    const uint8_t *m = p->payload;
    uint32_t at = v6 ? 8 : 4, size = v6 ? 16 : 4;
    uint32_t within = v6 ? (uint32_t)m[4] << 8 | m[5] : m[1] * 100u;
    uint32_t *until = ((struct ringif *)inp->state)->old_querier;
    ip_addr_t address = { 0 };
    struct group *g;

    __builtin_memcpy(&address, m + at, size);
    IP_SET_TYPE_VAL(address, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
    if (m[0] == (v6 ? ICMP6_TYPE_MLQ : IGMP_MEMB_QUERY)) {
        if (p->tot_len == at + size) {
            if (!v6 && !within) {
                within = ANSWER_MOST; /* version 1 has no such field, and no more than this */
                until[0] = seconds + OLD_SECONDS;
            } else {
                until[v6 ? 2 : 1] = seconds + OLD_SECONDS;
            }
        }
        queried(inp, &address, within);
    } else if (v6 ? m[0] == ICMP6_TYPE_MLR
                  : m[0] == IGMP_V2_MEMB_REPORT || m[0] == IGMP_V1_MEMB_REPORT) {
        g = find(inp, &address, NULL);
        if (g && old_querier(inp, v6)) {
            g->pending = 0;
        }
    }
    pbuf_free(p);
}

/**
 * igmp_input() - A message of IGMP (lwIP's ip4.c)
 * @p: the message
 * @inp: interface it came from
 * @dest: where it was sent to
 */
void igmp_input(struct pbuf *p, struct netif *inp, const ip4_addr_t *dest)
{
    (void)dest;
    if (p->len < IGMP_MINLEN || IPH_TTL(ip4_current_header()) != 1 || inet_chksum_pbuf(p) != 0) {
        IP_STATS_INC(ip.drop);
        pbuf_free(p);
        return;
    }
    message_in(p, inp, 0);
}

/**
 * mld6_input() - A message of MLD (lwIP's icmp6.c, which has checked its checksum)
 * @p: the message
 * @inp: interface it came from
 */
void mld6_input(struct pbuf *p, struct netif *inp)
{
    if (p->len < sizeof(struct mld_header) || !ip6_addr_islinklocal(ip6_current_src_addr()) ||
        IP6H_HOPLIM(ip6_current_header()) != 1) {
        IP6_STATS_INC(ip6.drop);
        pbuf_free(p);
        return;
    }
    message_in(p, inp, 1);
}

/**
 * igmp_lookfor_group() - Whether the packet that lwIP looks at is for us (ip4.c)
 * @inp: interface it came from
 * @address: the group
 *
 * Return: NULL: it is not; else what lwIP does not look into
 */
struct igmp_group *igmp_lookfor_group(struct netif *inp, const ip4_addr_t *address)
{
    return address->addr == PP_HTONL(0xe0000001) ? (void *)&groups
                                                 : (void *)find(inp, ip_current_dest_addr(), NULL);
}

/**
 * mld6_lookfor_group() - As igmp_lookfor_group() (ip6.c, which knows of all nodes)
 * @inp: interface it came from
 * @address: the group
 *
 * Packets to a solicited-node group are for neighbor discovery, which looks at the address they ask for. So we are
 * found even if there was no memory to join.
 *
 * Return: as igmp_lookfor_group()
 */
struct mld_group *mld6_lookfor_group(struct netif *inp, const ip6_addr_t *address)
{
    return ip6_addr_issolicitednode(address) ? (void *)&groups
                                             : (void *)find(inp, ip_current_dest_addr(), NULL);
}

static ip_addr_t of_ip6(const ip6_addr_t *address)
{
    ip_addr_t group = { .type = IPADDR_TYPE_V6 };

    *ip_2_ip6(&group) = *address;
    return group;
}

/**
 * mld6_joingroup_netif() - An interface has an address, and wants its solicited-node group (core/iface/nd.c)
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

    return enter(netif, &group, &any_source) ? ERR_OK : ERR_MEM;
}

/**
 * mld6_leavegroup_netif() - An interface has an address no longer (core/iface/nd.c)
 * @netif: interface
 * @address: the solicited-node group of it
 *
 * Return: ERR_OK
 */
err_t mld6_leavegroup_netif(struct netif *netif, const ip6_addr_t *address)
{
    ip_addr_t group = of_ip6(address);

    lwext_group_leave(netif, &group, &any_source);
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
    sweep(netif);
    return ERR_OK;
}

/**
 * again() - Report once more the groups that were reported
 * @netif: interface
 * @v6: those of IPv6
 */
static void again(const struct netif *netif, int v6)
{
    struct group *g;

    for (g = groups; g; g = g->next) {
        if (g->netif == netif && g->told && g->users && is_v6(g) == v6) {
            changed(g);
        }
    }
}

/**
 * igmp_report_groups() - An interface came up or has another address (lwIP's netif.c)
 * @netif: interface
 */
void igmp_report_groups(struct netif *netif)
{
    again(netif, 0);
}

/**
 * mld6_report_groups() - As igmp_report_groups()
 * @netif: interface
 */
void mld6_report_groups(struct netif *netif)
{
    again(netif, 1);
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
