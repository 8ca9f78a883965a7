/* SPDX-License-Identifier: MIT */
/* neighbor.c - MAC addresses of the hosts of a link, and packets that wait for them: ARP and neighbor discovery
 *
 * Theory of operation
 *
 * One table serves both families, and each interface has its own: nothing that a host says on one link is believed on
 * another. It stands in the place of the tables of lwIP's etharp.c and nd6.c; messages are in core/iface/arp.c and
 * core/iface/nd.c.
 *
 * An entry is in one of the states of RFC 4861, 7.3.2, for IPv4 as well:
 *
 * | state      | what it means                         | ends                                             |
 * |------------|---------------------------------------|--------------------------------------------------|
 * | INCOMPLETE | all hosts are asked, once a second    | an answer: REACHABLE; ASKS without one: freed    |
 * | REACHABLE  | it has answered                       | after 30 s                                       |
 * | STALE      | it may have gone                      | a packet for it: DELAY                           |
 * | DELAY      | it is used, and may yet speak         | after 5 s                                        |
 * | PROBE      | it alone is asked, once a second      | an answer: REACHABLE; PROBES without one:        |
 * |            |                                       | INCOMPLETE                                       |
 *
 * So a host that has come back with another MAC address is found within 39 s, even if it says nothing. If another host
 * says that it has the address now, that is not believed while the one we know answers: it is asked once (PROBE), and
 * if it is silent, everybody is. Nothing else moves an address to another MAC.
 *
 * Packets wait in the queue of an entry, as copies, and leave in order. They stay there while the ring tx of the
 * interface has no room for them (neighbor_retry()). The queues of an interface hold QUEUE_MOST bytes at the most; a
 * datagram that is refused then waits in its socket (`queue_full`).
 *
 * Three kinds of entry, by `rank`, so that a host that makes up addresses takes nothing from anybody else: made by
 * input, and so far used only for answers; asked for by us; used by us. A packet that is forwarded asks as input, and
 * uses what has answered. If the table is full, the lowest
 * rank goes first, and within it the entry that was longest not used. Input pushes out only its own rank, has ASKED_MOST
 * open questions at the most, and a quarter of the queues.
 */
#include "iface/neighbor.h"

#include "lwip/etharp.h"
#include "lwip/ip.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"

#include "iface/route.h"
#include "lwip_port.h"
#include "mem/heap.h"

#define REACHABLE_MS 30000u
#define DELAY_MS 5000u
#define ASK_MS 1000u
/* Entries that nobody used for so long are given back. */
#define UNUSED_MS 300000u
#define ASKS 5u
#define PROBES 3u
/* Of each interface. */
#define MOST 256u
#define ASKED_MOST 16u
#define QUEUE_MOST (1024u * 1024u)

enum { RANK_HEARD, RANK_ASKED, RANK_USED };

struct neighbor {
    struct neighbor *next;
    uint32_t address[4]; /* an IPv4 address and zeros */
    struct pbuf *queue;  /* packets, by `next` */
    struct pbuf **queue_end;
    uint32_t used;  /* last packet for it, in sys_now() */
    uint32_t since; /* last answer, or when the state began or was asked for */
    uint8_t mac[ETH_HWADDR_LEN];
    uint8_t state; /* NEIGHBOR_* */
    uint8_t asks;  /* without an answer */
    uint8_t v6;
    uint8_t ours; /* a packet that answers nothing was for it */
};

uint32_t neighbor_drops;

static uint32_t rank_of(const struct neighbor *n)
{
    return !n->ours ? RANK_HEARD : n->state == NEIGHBOR_INCOMPLETE ? RANK_ASKED : RANK_USED;
}

/**
 * list_of() - The list that has an address
 * @ifc: interface
 * @v6: IPv6
 * @address: its bytes
 *
 * Return: head
 */
static struct neighbor **list_of(struct ringif *ifc, int v6, const uint32_t *address)
{
    uint32_t mix = address[0];

    if (v6) {
        mix ^= address[1] ^ address[2] ^ address[3];
    }
    mix ^= mix >> 16;
    mix ^= mix >> 8;
    return &ifc->neighbors[(mix ^ mix >> 4) % NEIGHBOR_LISTS];
}

static struct neighbor *find(struct ringif *ifc, int v6, const uint32_t *address)
{
    struct neighbor *n = *list_of(ifc, v6, address);

    while (n && (n->address[0] != address[0] || n->v6 != v6 ||
                 (v6 && __builtin_memcmp(n->address, address, 16) != 0))) {
        n = n->next;
    }
    return n;
}

/**
 * each() - The next entry of an interface
 * @ifc: interface
 * @link: where the last one is linked, NULL: the first is wanted; set to where the next is
 * @list: number of its list
 *
 * Return: entry, or NULL
 */
static struct neighbor *each(struct ringif *ifc, struct neighbor ***link, uint32_t *list)
{
    if (!*link) {
        *list = 0;
        *link = &ifc->neighbors[0];
    }
    while (!**link && *list < NEIGHBOR_LISTS - 1) {
        *link = &ifc->neighbors[++*list];
    }
    return **link;
}

/**
 * drop_queue() - Nobody will answer: drop what waits
 * @ifc: interface
 * @n: entry
 * @lost: gets the packets, by `next`; NULL: they are freed
 */
static void drop_queue(struct ringif *ifc, struct neighbor *n, struct pbuf **lost)
{
    struct pbuf *p;

    while ((p = n->queue)) {
        n->queue = p->next;
        p->next = NULL;
        ifc->queued -= p->len;
        neighbor_drops++;
        if (lost) {
            p->next = *lost;
            *lost = p;
        } else {
            pbuf_free(p);
        }
    }
    n->queue_end = &n->queue;
    /* Sockets that were refused look again. */
    ifc->blocked |= ifc->queue_full;
    ifc->queue_full = 0;
}

/**
 * unlink() - Take an entry out of its list, and free it
 * @ifc: interface
 * @link: where it is linked
 * @lost: as for drop_queue()
 */
static void unlink_entry(struct ringif *ifc, struct neighbor **link, struct pbuf **lost)
{
    struct neighbor *n = *link;

    drop_queue(ifc, n, lost);
    ifc->last_hop = NULL;
    *link = n->next;
    ifc->neighbor_count--;
    heap_free(n);
}

/**
 * make_room() - See that there may be one more entry
 * @ifc: interface
 * @rank: of the new one: RANK_HEARD, or RANK_ASKED: it is ours
 * @asked: it is a question
 *
 * Return: 0, or -1: there may not
 */
static int make_room(struct ringif *ifc, uint32_t rank, int asked)
{
    struct neighbor **link = NULL, **victim = NULL, *n;
    uint32_t list, open = 0, most = rank == RANK_HEARD ? RANK_HEARD : RANK_USED;
    int question = 0;

    for (; (n = each(ifc, &link, &list)); link = &n->next) {
        uint32_t r = rank_of(n);
        int asks = r == RANK_HEARD && n->state == NEIGHBOR_INCOMPLETE;

        open += (uint32_t)asks;
        if (r > most) {
            continue;
        }
        /* An open question of others goes before what they are known by. */
        if (!victim || r < rank_of(*victim) ||
            (r == rank_of(*victim) &&
             (asks > question || (asks == question && (int32_t)(n->used - (*victim)->used) < 0)))) {
            victim = link;
            question = asks;
        }
    }
    if (ifc->neighbor_count < MOST && !(asked && rank == RANK_HEARD && open >= ASKED_MOST)) {
        return 0;
    }
    if (!victim) {
        return -1;
    }
    unlink_entry(ifc, victim, NULL);
    return 0;
}

/**
 * add() - A new entry
 * @ifc: interface
 * @v6: IPv6
 * @address: its bytes
 * @state: its state
 * @ours: made for a packet of ours, not for what came in
 *
 * Return: entry, or NULL: the table is full, or there is no memory
 */
static struct neighbor *add(struct ringif *ifc, int v6, const uint32_t *address, uint8_t state,
                            int ours)
{
    struct neighbor **list, *n;

    if (make_room(ifc, ours ? RANK_ASKED : RANK_HEARD, state == NEIGHBOR_INCOMPLETE) != 0 ||
        !(n = heap_calloc(1, sizeof(*n)))) {
        return NULL;
    }
    __builtin_memcpy(n->address, address, v6 ? 16 : 4);
    n->v6 = (uint8_t)v6;
    n->state = state;
    n->ours = (uint8_t)ours;
    n->queue_end = &n->queue;
    n->used = n->since = sys_now();
    list = list_of(ifc, v6, address);
    n->next = *list;
    *list = n;
    ifc->neighbor_count++;
    return n;
}

/**
 * ask() - Ask for an address: all hosts, or the one we know
 * @netif: interface
 * @n: entry
 */
static void ask(struct netif *netif, struct neighbor *n)
{
    int known = n->state != NEIGHBOR_INCOMPLETE;

    n->asks++;
    n->since = sys_now();
    if (n->v6) {
        nd_ask(netif, n->address, 0, known);
    } else {
        arp_ask(netif, n->address, netif_ip4_addr(netif), known ? n->mac : NULL);
    }
}

/**
 * send() - Send a packet to a neighbor
 * @netif: interface
 * @n: entry, whose MAC address is known
 * @p: packet, at its IP header
 *
 * Return: as ethernet_output()
 */
static err_t send(struct netif *netif, const struct neighbor *n, struct pbuf *p)
{
    return ethernet_output(netif, p, (const struct eth_addr *)(const void *)netif->hwaddr,
                           (const struct eth_addr *)(const void *)n->mac,
                           n->v6 ? ETHTYPE_IPV6 : ETHTYPE_IP);
}

/**
 * flush() - Send what waited, as far as there is room
 * @ifc: interface
 * @n: entry, whose MAC address is known
 */
static void flush(struct ringif *ifc, struct neighbor *n)
{
    struct pbuf *p;

    while ((p = n->queue) && ringif_has_room(ifc, p->len, p->len) != ABI_EAGAIN) {
        n->queue = p->next;
        p->next = NULL;
        ifc->queued -= p->len;
        send(&ifc->netif, n, p);
        pbuf_free(p);
    }
    if (!n->queue) {
        n->queue_end = &n->queue;
    }
    ifc->blocked |= ifc->queue_full;
    ifc->queue_full = 0;
}

/**
 * enqueue() - Keep a packet until its neighbor answers
 * @ifc: interface
 * @n: entry
 * @p: packet, which is copied
 *
 * Return: ERR_OK, ERR_MEM: too many wait, or out of memory
 */
static err_t enqueue(struct ringif *ifc, struct neighbor *n, struct pbuf *p)
{
    struct pbuf *copy;

    if (ifc->queued + p->tot_len > (n->ours ? QUEUE_MOST : QUEUE_MOST / 4)) {
        ifc->queue_full |= n->ours;
        neighbor_drops += !n->ours;
        return ERR_MEM;
    }
    copy = pbuf_clone(PBUF_LINK, PBUF_RAM, p);
    if (!copy) {
        return ERR_MEM;
    }
    copy->flags = p->flags & PORT_FORWARDED;
    *n->queue_end = copy;
    n->queue_end = &copy->next;
    ifc->queued += copy->len;
    return ERR_OK;
}

/**
 * next_hop() - The neighbor that a packet goes to
 * @netif: tap
 * @v6: IPv6
 * @dest: destination
 * @hop: set to the neighbor's address, NULL: no route
 *
 * Return: its entry, or NULL: there is none yet
 */
static struct neighbor *next_hop(const struct netif *netif, int v6, const void *dest,
                                 const void **hop)
{
    *hop = route_next_hop(netif, v6, dest);
    return *hop ? find(netif->state, v6, *hop) : NULL;
}

/**
 * neighbor_output() - Send a packet to a host of the link, or by way of one
 * @netif: tap
 * @p: packet, at its IP header
 * @v6: IPv6
 * @dest: destination
 *
 * The neighbor is remembered for the next packet.
 *
 * Return: ERR_OK: sent, or it waits; ERR_RTE: no route; ERR_MEM: no room now
 */
err_t neighbor_output(struct netif *netif, struct pbuf *p, int v6, const void *dest)
{
    struct ringif *ifc = netif->state;
    struct neighbor *n = ifc->last_hop;
    uint32_t now = sys_now(), size = v6 ? 16 : 4;
    int ours = !ip_current_input_netif(); /* else it answers what came in */
    const void *hop;

    if (!n || ifc->last_epoch != route_epoch || n->v6 != v6 ||
        __builtin_memcmp(ifc->last_dest, dest, size) != 0) {
        n = next_hop(netif, v6, dest, &hop);
        if (!hop) {
            return ERR_RTE;
        }
        if (!n) {
            n = add(ifc, v6, hop, NEIGHBOR_INCOMPLETE, ours);
            if (!n) {
                neighbor_drops++;
                return ERR_MEM;
            }
            ask(netif, n);
        }
        ifc->last_hop = n;
        ifc->last_epoch = route_epoch;
        __builtin_memcpy(ifc->last_dest, dest, size);
    }
    n->used = now;
    n->ours |= (uint8_t)ours;
    if (n->state == NEIGHBOR_INCOMPLETE) {
        return enqueue(ifc, n, p);
    }
    if (n->queue) {
        ifc->queue_full = 1;
        return ERR_MEM;
    }
    if (n->state == NEIGHBOR_STALE ||
        (n->state == NEIGHBOR_REACHABLE && now - n->since >= REACHABLE_MS)) {
        n->state = NEIGHBOR_DELAY;
        n->since = now;
    }
    return send(netif, n, p);
}

/**
 * neighbor_forwarded() - The packet that was sent last was forwarded: its neighbor, if it has answered, is in use
 * @ifc: interface it left by
 */
void neighbor_forwarded(struct ringif *ifc)
{
    if (ifc->last_hop && ifc->last_hop->state != NEIGHBOR_INCOMPLETE) {
        ifc->last_hop->ours = 1;
    }
}

/**
 * neighbor_heard() - A host of the link has said which MAC address it has
 * @netif: tap
 * @v6: IPv6
 * @address: the host's address
 * @mac: its MAC address, NULL: it has not said
 * @flags: NEIGHBOR_ASKED, NEIGHBOR_WANTS
 */
void neighbor_heard(struct netif *netif, int v6, const void *address, const uint8_t *mac,
                    uint32_t flags)
{
    struct ringif *ifc = netif->state;
    struct neighbor *n = find(ifc, v6, address);

    if (!n) {
        n = mac && flags & NEIGHBOR_WANTS ? add(ifc, v6, address, NEIGHBOR_STALE, 0) : NULL;
        if (n) {
            __builtin_memcpy(n->mac, mac, sizeof(n->mac));
        }
        return;
    }
    if (n->state != NEIGHBOR_INCOMPLETE) {
        if (mac && __builtin_memcmp(n->mac, mac, sizeof(n->mac)) != 0) {
            if (n->state != NEIGHBOR_PROBE) {
                n->state = NEIGHBOR_PROBE;
                n->asks = PROBES - 1;
                ask(netif, n);
            }
            return;
        }
        if (!(flags & NEIGHBOR_ASKED)) {
            return;
        }
    } else if (mac) {
        __builtin_memcpy(n->mac, mac, sizeof(n->mac));
    } else {
        return;
    }
    n->asks = 0;
    n->since = sys_now();
    n->state = flags & NEIGHBOR_ASKED ? NEIGHBOR_REACHABLE : NEIGHBOR_DELAY;
    flush(ifc, n);
}

/**
 * neighbor_retry() - Room has returned: send what waits for it
 * @ifc: interface
 */
void neighbor_retry(struct ringif *ifc)
{
    struct neighbor **link = NULL, *n;
    uint32_t list;

    if (!ifc->queued) {
        return;
    }
    for (; (n = each(ifc, &link, &list)); link = &n->next) {
        if (n->state != NEIGHBOR_INCOMPLETE) {
            flush(ifc, n);
        }
    }
}

/**
 * neighbor_tmr() - Some time has passed, a second at the most often
 * @ifc: interface
 */
void neighbor_tmr(struct ringif *ifc)
{
    struct neighbor **link = NULL, *n;
    struct pbuf *lost = NULL, *p;
    uint32_t list, now = sys_now();

    while ((n = each(ifc, &link, &list))) {
        uint32_t passed = now - n->since;

        if (n->state == NEIGHBOR_DELAY && passed >= DELAY_MS) {
            n->state = NEIGHBOR_PROBE;
            ask(&ifc->netif, n);
        } else if (n->state == NEIGHBOR_PROBE && passed >= ASK_MS) {
            if (n->asks >= PROBES) {
                n->state = NEIGHBOR_INCOMPLETE;
                n->asks = 0;
            }
            ask(&ifc->netif, n);
        } else if (n->state == NEIGHBOR_INCOMPLETE && passed >= ASK_MS && n->asks < ASKS) {
            ask(&ifc->netif, n);
        } else if (n->state == NEIGHBOR_INCOMPLETE ? passed >= ASK_MS
                                                   : now - n->used >= UNUSED_MS) {
            unlink_entry(ifc, link, &lost);
            continue;
        }
        link = &n->next;
    }
    /* Not before: what tells their senders may change the list. */
    while ((p = lost)) {
        lost = p->next;
        p->next = NULL;
        if (p->flags & PORT_FORWARDED) {
            port_unreachable(p);
        }
        pbuf_free(p);
    }
}

/**
 * neighbor_announce() - Say on the link which addresses we have
 * @ifc: tap
 */
void neighbor_announce(struct ringif *ifc)
{
    if (ifc->pub->kind >= IFACE_TAP && netif_is_up(&ifc->netif)) {
        if (netif_ip4_addr(&ifc->netif)->addr) {
            etharp_gratuitous(&ifc->netif);
        }
        nd_announce(&ifc->netif, -1);
    }
}

/**
 * neighbor_forget() - The interface is down, or goes
 * @ifc: interface
 */
void neighbor_forget(struct ringif *ifc)
{
    struct neighbor **link = NULL;
    uint32_t list;

    while (each(ifc, &link, &list)) {
        unlink_entry(ifc, link, NULL);
    }
}

/**
 * neighbor_answers() - Whether the MAC address of the next hop to a host is known
 * @netif: tap
 * @v6: IPv6
 * @dest: the host's address
 *
 * Return: 1 if so, 0 also if there is no route
 */
int neighbor_answers(const struct netif *netif, int v6, const void *dest)
{
    const void *hop;
    const struct neighbor *n = next_hop(netif, v6, dest, &hop);

    return n && n->state != NEIGHBOR_INCOMPLETE;
}

/**
 * neighbor_list() - ROUTE_NEIGHBORS: the entries of an interface
 * @ifc: interface
 * @to: room for neighbor_count entries
 *
 * Return: how many
 */
uint32_t neighbor_list(struct ringif *ifc, struct abi_entry *to)
{
    struct neighbor **link = NULL, *n;
    uint32_t list, count = 0;

    for (; (n = each(ifc, &link, &list)); link = &n->next, count++, to++) {
        __builtin_memset(to, 0, sizeof(*to));
        __builtin_memcpy(to->destination.bytes, n->address, sizeof(n->address));
        to->destination.family = n->v6 ? FAMILY_IPV6 : FAMILY_IPV4;
        __builtin_memcpy(to->via.bytes, n->mac, sizeof(n->mac));
        to->iface = ifc->pub->handle;
        to->metric = n->state;
    }
    return count;
}
