/* SPDX-License-Identifier: MIT */
/* tcp_table.c - which TCP connection a segment is for: a hash table over the four ends
 *
 * Theory of operation
 *
 * Every connection is in the table from the moment it has its four ends (port_tcp_opened()) until
 * its pcb is freed, TIME_WAIT included, whichever of lwIP's lists it is on. Slots are lists through the
 * pcbs. The hash is keyed, since peers choose addresses and ports. It is kept in the pcb, so that
 * growing hashes nothing again.
 *
 * The table doubles when there are more connections than slots and halves when there are eight
 * times fewer. Without memory to grow it stays as it is: the lists become longer, nothing fails.
 *
 * The connection found last is looked at first, which makes a lone stream of segments cheaper than
 * any hash; two of them, since over the loopback interface both ends take turns.
 */
#include "lwext/tcp_table.h"

#include "lwip/tcp.h"

#include "lwext/tcp_park.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "util/random.h"

#define FIRST 64u
/* Set in the hash of a pcb that is in the table. */
#define LISTED 0x80000000u

static struct tcp_pcb *first[FIRST], **table = first;
static uint32_t slots = FIRST, count;
static struct tcp_pcb *last_found[2];

/**
 * hash_of() - Keyed hash of the ends of a connection
 * @local_ip: our address
 * @local_port: our port
 * @remote_ip: their address
 * @remote_port: their port
 *
 * Return: hash, never 0
 */
static uint32_t hash_of(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                        u16_t remote_port)
{
    uint32_t words[9] = { (uint32_t)local_port << 16 | remote_port };

    if (IP_IS_V6(remote_ip)) {
        __builtin_memcpy(words + 1, ip_2_ip6(local_ip)->addr, 16);
        __builtin_memcpy(words + 5, ip_2_ip6(remote_ip)->addr, 16);
        return (uint32_t)random_hash(words, sizeof(words)) | LISTED;
    }
    words[1] = ip_2_ip4(local_ip)->addr;
    words[2] = ip_2_ip4(remote_ip)->addr;
    return (uint32_t)random_hash(words, 3 * sizeof(words[0])) | LISTED;
}

/**
 * is_between() - Whether a connection has these ends
 * @pcb: connection
 * @local_ip: our address
 * @local_port: our port
 * @remote_ip: their address
 * @remote_port: their port
 *
 * Return: 1 if so
 */
static int is_between(const struct tcp_pcb *pcb, const ip_addr_t *local_ip, u16_t local_port,
                      const ip_addr_t *remote_ip, u16_t remote_port)
{
    return pcb->remote_port == remote_port && pcb->local_port == local_port &&
           ip_addr_eq(&pcb->remote_ip, remote_ip) && ip_addr_eq(&pcb->local_ip, local_ip);
}

/**
 * lwext_table_find() - Find the connection between two ends, TIME_WAIT included
 * @local_ip: our address
 * @local_port: our port
 * @remote_ip: their address
 * @remote_port: their port
 *
 * Return: connection, NULL: there is none
 */
struct tcp_pcb *lwext_table_find(const ip_addr_t *local_ip, u16_t local_port,
                                 const ip_addr_t *remote_ip, u16_t remote_port)
{
    uint32_t hash = hash_of(local_ip, local_port, remote_ip, remote_port);
    struct tcp_pcb *pcb = table[hash & (slots - 1)];

    while (pcb && (pcb->table_hash != hash ||
                   !is_between(pcb, local_ip, local_port, remote_ip, remote_port))) {
        pcb = pcb->table_next;
    }
    return pcb;
}

/**
 * lwext_table_uses() - Whether some connection prevents binding to a port
 * @ip: local address
 * @port: local port
 * @listener: what is bound will listen: connections a listener accepted, and those in TIME_WAIT,
 * are in nobody's way
 *
 * Looks through all connections.
 *
 * Return: 1 if so
 */
int lwext_table_uses(const ip_addr_t *ip, u16_t port, int listener)
{
    const struct tcp_pcb *pcb;
    uint32_t i;

    for (i = 0; i < slots; i++) {
        for (pcb = table[i]; pcb; pcb = pcb->table_next) {
            if (pcb->local_port == port && IP_IS_V6(ip) == IP_IS_V6_VAL(pcb->local_ip) &&
                (ip_addr_isany(ip) || ip_addr_eq(&pcb->local_ip, ip)) &&
                !(listener && (ip_get_option(pcb, SOF_REUSEADDR) || pcb->state == TIME_WAIT))) {
                return 1;
            }
        }
    }
    return 0;
}

/**
 * port_tcp_find() - Find the connection a segment is for (LWIP_HOOK_TCP_FIND)
 * @local_ip: our address
 * @local_port: our port
 * @remote_ip: their address
 * @remote_port: their port
 *
 * Return: connection, no longer parked; NULL: there is none
 */
struct tcp_pcb *port_tcp_find(const ip_addr_t *local_ip, u16_t local_port,
                              const ip_addr_t *remote_ip, u16_t remote_port)
{
    struct tcp_pcb **last = &last_found[local_port > remote_port], *pcb = *last;

    if (!pcb || !is_between(pcb, local_ip, local_port, remote_ip, remote_port)) {
        pcb = lwext_table_find(local_ip, local_port, remote_ip, remote_port);
    }
    if (pcb) {
        *last = pcb;
        lwext_unpark(pcb);
    }
    return pcb;
}

/**
 * put() - Put a connection into its slot
 * @pcb: connection with its hash
 */
static void put(struct tcp_pcb *pcb)
{
    struct tcp_pcb **slot = &table[pcb->table_hash & (slots - 1)];

    pcb->table_next = *slot;
    *slot = pcb;
}

/**
 * resize() - Give the table another number of slots, if there is memory for them
 * @new_slots: power of two, FIRST at the least
 */
static void resize(uint32_t new_slots)
{
    struct tcp_pcb **old = table, *pcb, *next;
    uint32_t i, old_slots = slots;

    table = new_slots == FIRST ? first : heap_calloc(new_slots, sizeof(void *));
    if (!table) {
        table = old;
        return;
    }
    slots = new_slots;
    for (i = 0; i < old_slots; i++) {
        for (pcb = old[i]; pcb; pcb = next) {
            next = pcb->table_next;
            put(pcb);
        }
    }
    if (old == first) {
        __builtin_memset(first, 0, sizeof(first));
    } else {
        heap_free(old);
    }
}

/**
 * port_tcp_opened() - A connection has its ends (LWIP_HOOK_TCP_OPENED)
 * @pcb: connection
 */
void port_tcp_opened(struct tcp_pcb *pcb)
{
    if (++count > slots) {
        resize(2 * slots);
    }
    pcb->table_hash = hash_of(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
    put(pcb);
}

/**
 * port_tcp_freed() - A pcb is about to be freed (LWIP_HOOK_TCP_FREED)
 * @pcb: pcb, in the table or not
 */
void port_tcp_freed(struct tcp_pcb *pcb)
{
    struct tcp_pcb **at = &table[pcb->table_hash & (slots - 1)];
    uint32_t i;

    if (!pcb->table_hash) {
        return;
    }
    while (*at != pcb) {
        at = &(*at)->table_next;
    }
    *at = pcb->table_next;
    for (i = 0; i < 2; i++) {
        if (last_found[i] == pcb) {
            last_found[i] = NULL;
        }
    }
    if (--count < slots / 8 && slots > FIRST) {
        resize(slots / 2);
    }
}
