/* SPDX-License-Identifier: MIT */
/* path_mtu.c - how large packets to a destination may be, as routers say (RFC 1191, RFC 8201)
 *
 * Theory of operation
 *
 * A destination that a router has named a smaller MTU for has an entry, for 10 minutes after a router last named it;
 * then the whole MTU of the interface is tried again (RFC 1191, 6.3). An entry is only ever lowered. There are as
 * many as the table has slots: one that comes to the slot of another takes its place, which costs the other one
 * large packet and one more error of a router. An entry knows its destination by a keyed hash, which nobody can make
 * the same for two.
 *
 * Not below LEAST for IPv4. The protocol's own floor is 68, at which a packet carries 28 bytes of TCP: a forged error
 * would multiply our packets by 50. Every host takes packets of 576 bytes, and no link in use is smaller. A router that
 * names no MTU (before RFC 1191) stands for LEAST, too. IPv6 has a floor, and errors below it are not believed
 * (RFC 8201, 4).
 *
 * An error about a datagram is believed only if one that large was sent there: `sent` remembers the destinations
 * of large datagrams, the newest in each slot. A socket that is not connected has no other end to compare
 * with. One that was pushed out costs what an evicted entry does.
 */
#include "lwext/path_mtu.h"

#include "lwip/ip6.h"
#include "lwip/sys.h"

#include "util/random.h"

#define PATHS 64u
#define SENT 256u
#define LEAST 576u
#define AGE 600000u /* ms */

static struct path {
    uint32_t to;    /* hash of the destination */
    uint32_t since; /* in sys_now() */
    uint32_t mtu;   /* 0: none */
} paths[PATHS];
static uint32_t sent[SENT], learned; /* there was an entry ever */

static uint32_t hash_of(const ip_addr_t *to)
{
    return (uint32_t)random_hash(ip_2_ip6(to)->addr, 16); /* zeros are behind an IPv4 address */
}

/**
 * lwext_path_mtu() - How large packets to a destination may be
 * @to: destination
 * @mtu: of the interface they leave by
 *
 * Return: bytes, the IP header included
 */
uint32_t lwext_path_mtu(const ip_addr_t *to, uint32_t mtu)
{
    uint32_t hash;
    struct path *p;

    if (!learned) {
        return mtu;
    }
    hash = hash_of(to);
    p = &paths[hash % PATHS];
    if (sys_now() - p->since >= AGE) {
        p->mtu = 0;
    }
    return p->to == hash && p->mtu - 1 < mtu ? p->mtu : mtu;
}

/**
 * lwext_path_mtu_sent() - A large datagram is sent that an error may come about
 * @to: destination
 */
void lwext_path_mtu_sent(const ip_addr_t *to)
{
    uint32_t hash = hash_of(to);

    sent[hash % SENT] = hash;
}

/**
 * lwext_path_mtu_lower() - A router says how large packets to a destination may be
 * @to: destination
 * @mtu: what it says
 * @is_sent: it quotes what only we can have sent; 0: we have to look for that
 *
 * Return: what is known now, 0: it is not believed
 */
uint32_t lwext_path_mtu_lower(const ip_addr_t *to, uint32_t mtu, int is_sent)
{
    uint32_t hash = hash_of(to), least = IP_IS_V6_VAL(*to) ? IP6_MIN_MTU_LENGTH : 1;
    struct path *p = &paths[hash % PATHS];

    if (mtu < least || (!is_sent && sent[hash % SENT] != hash)) {
        return 0;
    }
    p->mtu = lwext_path_mtu(to, LWIP_MAX(mtu, LEAST));
    p->to = hash;
    p->since = sys_now();
    learned = 1;
    return p->mtu;
}
