/* SPDX-License-Identifier: MIT */
/* address.c - addresses of an interface that change: added, removed, asked for; up and down, and the MTU
 *
 * Theory of operation
 *
 * An interface has slots for its addresses: one for IPv4 and, with the same numbers as lwIP's, three for IPv6. The last
 * one is for the link-local address of a tap, which is made with the first IPv6 address and stays; lwIP has it at 0. A
 * filled slot is also the route to its prefix (core/iface/route.c). The caller ends the sockets of an address before it
 * goes.
 *
 * A new address is announced on the link: by a gratuitous ARP request (lwIP's netif.c), or by an advertisement.
 *
 * Detection asks whether another host has an address. One at a time runs on an interface, and until then its addresses
 * stay as they are. Its clock is that of the one-second timers (`left` counts down):
 *
 * | left | IPv4 (RFC 5227)        | IPv6 (RFC 4862, 5.4)                                |
 * |------|------------------------|-----------------------------------------------------|
 * | 4..2 | a probe each           |                                                     |
 * | 1    | wait                   | solicit; the address is tentative                   |
 * | 0    | nobody has it          | nobody has it                                       |
 *
 * The phase of the clock is the random delay before the first probe. All frames pass detect_input() on their way to
 * lwIP until the end. ARP from the address, or that asks for it as we do, is a conflict; over IPv6, core/iface/nd.c says so. A
 * conflict ends detection at once. The answer of the command is written then; if the event ring has no room, a second
 * later.
 */
#include "iface/address.h"

#include "lwip/etharp.h"
#include "lwip/prot/iana.h"
#include "netif/ethernet.h"

#include "channel.h"
#include "iface/neighbor.h"
#include "iface/route.h"
#include "lwip_port.h"

#define SECONDS_IPV4 5u
#define SECONDS_IPV6 2u

/**
 * set_route() - Fill a slot with its route, or empty it
 * @ifc: interface
 * @slot: slot
 * @address: address with its prefix, of no family: none
 */
static void set_route(struct ringif *ifc, uint32_t slot, const struct abi_addr *address)
{
    struct route *r = &ifc->addrs[slot];

    route_unlink(NULL, 0, r);
    r->ifc = ifc;
    r->entry.destination = *address;
    if (address->family) {
        route_link(r);
    }
}

/**
 * put_ip6() - Give lwIP an IPv6 address
 * @ifc: interface
 * @slot: slot
 * @ip: address
 */
static void put_ip6(struct ringif *ifc, uint32_t slot, const ip_addr_t *ip)
{
    const struct abi_addr *link_local = &ifc->addrs[IFACE_ADDRS].entry.destination;
    struct abi_addr made;

    if (ifc->pub->kind >= IFACE_TAP && !link_local->family) {
        netif_create_ip6_linklocal_address(&ifc->netif, 1);
        netif_ip6_addr_set_state(&ifc->netif, 0, IP6_ADDR_PREFERRED);
        port_from_lwip(netif_ip_addr6(&ifc->netif, 0), 0, &made);
        made.prefix = 64;
        set_route(ifc, IFACE_ADDRS, &made);
    }
    netif_ip6_addr_set(&ifc->netif, (s8_t)slot, ip_2_ip6(ip));
    netif_ip6_addr_set_state(&ifc->netif, (s8_t)slot, IP6_ADDR_PREFERRED);
    if (ifc->pub->kind >= IFACE_TAP && ifc->announced) {
        nd_announce(&ifc->netif, (int)slot);
    }
}

/**
 * address_put() - Fill a slot, or empty it
 * @ifc: interface
 * @slot: slot; what it holds is no socket's any more
 * @address: address with its prefix, of no family: none
 */
void address_put(struct ringif *ifc, uint32_t slot, const struct abi_addr *address)
{
    struct netif *netif = &ifc->netif;
    ip_addr_t ip;
    ip4_addr_t mask;

    port_to_lwip(address, &ip);
    if (slot == 0) {
        mask.addr = address->prefix ? lwip_htonl(0xffffffffu << (32 - address->prefix)) : 0;
        netif_set_addr(netif, ip_2_ip4(&ip), &mask, NULL);
    } else if (address->family) {
        put_ip6(ifc, slot, &ip);
    } else {
        netif_ip6_addr_set_state(netif, (s8_t)slot, IP6_ADDR_INVALID);
    }
    set_route(ifc, slot, address);
}

/**
 * address_slot() - Where an address is, or can be
 * @ifc: interface
 * @address: address with its prefix
 * @add: it is to be added; else it must be there
 *
 * Return: slot, ABI_EINVAL, ABI_EADDRNOTAVAIL: it is not there, ABI_ENOBUFS: no slot is free,
 * ABI_EAGAIN: a detection runs
 */
int address_slot(const struct ringif *ifc, const struct abi_addr *address, int add)
{
    int slot = address->family == FAMILY_IPV4 ? 0 : 1, end = slot ? IFACE_ADDRS : 1, empty = 0;

    if ((slot && address->family != FAMILY_IPV6) || address->prefix > (slot ? 128 : 32)) {
        return ABI_EINVAL;
    }
    if (ifc->detect_id) {
        return ABI_EAGAIN;
    }
    if (slot == 0 && add) {
        return 0;
    }
    for (; slot < end; slot++) {
        const struct abi_addr *own = &ifc->addrs[slot].entry.destination;

        if (own->family && __builtin_memcmp(own->bytes, address->bytes, 16) == 0) {
            return slot;
        }
        if (!own->family && !empty) {
            empty = slot;
        }
    }
    return !add ? ABI_EADDRNOTAVAIL : empty ? empty : ABI_ENOBUFS;
}

/**
 * address_of() - The address of a slot as lwIP has it
 * @ifc: interface
 * @slot: slot
 *
 * Return: address with its zone, NULL: the slot is empty
 */
const ip_addr_t *address_of(const struct ringif *ifc, uint32_t slot)
{
    if (!ifc->addrs[slot].entry.destination.family) {
        return NULL;
    }
    return slot == 0 ? netif_ip_addr4(&ifc->netif)
                     : netif_ip_addr6(&ifc->netif, slot % IFACE_ADDRS);
}

/**
 * finish() - A detection is over: answer the command
 * @ifc: interface
 * @error: code
 */
static void finish(struct ringif *ifc, int error)
{
    struct event answer = { .kind = EVENT_RESULT, .id = ifc->detect_id, .error = error };

    if (ifc->detect_mac[6]) {
        __builtin_memcpy(&answer.handle, ifc->detect_mac, sizeof(ifc->detect_mac));
    }
    if (channel_write(channel_app(), &answer) == 0) {
        channel_tell(channel_app());
        if (ifc->detect_slot) {
            netif_ip6_addr_set_state(&ifc->netif, (s8_t)ifc->detect_slot, IP6_ADDR_INVALID);
        }
        ifc->netif.input = ethernet_input;
        ifc->detect_id = 0;
    }
}

/**
 * is_conflict() - Whether a frame shows that another host has an IPv4 address, or asks for it as we do
 * @address: its bytes
 * @p: frame, at least an Ethernet header
 *
 * Return: 1 if so
 */
static int is_conflict(const uint8_t *address, const struct pbuf *p)
{
    const struct eth_hdr *eth = p->payload;
    const struct etharp_hdr *arp = (const struct etharp_hdr *)(eth + 1);
    uint32_t wanted, sender, target;

    if (p->len < SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR || eth->type != PP_HTONS(ETHTYPE_ARP)) {
        return 0;
    }
    __builtin_memcpy(&wanted, address, 4);
    __builtin_memcpy(&sender, &arp->sipaddr, 4);
    __builtin_memcpy(&target, &arp->dipaddr, 4);
    return wanted == (sender ? sender : target);
}

/**
 * detect_input() - A frame comes while a detection runs, on its way to lwIP
 * @p: frame
 * @netif: interface
 *
 * Frames of our own that a link brings back are no conflict.
 *
 * Return: ERR_OK
 */
static err_t detect_input(struct pbuf *p, struct netif *netif)
{
    struct ringif *ifc = netif->state;
    int conflict = !ifc->detect_slot && is_conflict(ifc->detect.bytes, p);

    /* The frame may be gone then. */
    __builtin_memcpy(ifc->detect_mac, &((const struct eth_hdr *)p->payload)->src, ETH_HWADDR_LEN);
    if (__builtin_memcmp(ifc->detect_mac, netif->hwaddr, ETH_HWADDR_LEN) == 0) {
        pbuf_free(p);
        return ERR_OK;
    }
    ethernet_input(p, netif);
    if (conflict || (ifc->detect_slot &&
                     ip6_addr_isduplicated(netif_ip6_addr_state(netif, ifc->detect_slot)))) {
        ifc->detect_mac[6] = 1;
        finish(ifc, 0);
    }
    return ERR_OK;
}

/**
 * address_detect() - CHANGE_DETECT: ask whether another host has an address
 * @ifc: interface
 * @id: of the command
 * @address: address with its prefix
 *
 * Return: ADDRESS_LATER, ABI_EINVAL: or no tap, ABI_EADDRINUSE: the interface itself has it, ABI_ENOBUFS, ABI_EAGAIN
 */
int address_detect(struct ringif *ifc, uint32_t id, const struct abi_addr *address)
{
    int slot = address_slot(ifc, address, 1);
    ip_addr_t ip;

    if (slot < 0 || !id || ifc->pub->kind < IFACE_TAP) {
        return slot < 0 ? slot : ABI_EINVAL;
    }
    if (__builtin_memcmp(ifc->addrs[slot].entry.destination.bytes, address->bytes, 16) == 0) {
        return ABI_EADDRINUSE;
    }
    ifc->detect = *address;
    ifc->detect_id = id;
    ifc->detect_slot = (uint8_t)slot;
    ifc->detect_left = slot ? SECONDS_IPV6 : SECONDS_IPV4;
    __builtin_memset(ifc->detect_mac, 0, sizeof(ifc->detect_mac));
    ifc->netif.input = detect_input;
    if (slot) {
        port_to_lwip(address, &ip);
        netif_ip6_addr_set(&ifc->netif, (s8_t)slot, ip_2_ip6(&ip));
        netif_ip6_addr_set_state(&ifc->netif, (s8_t)slot, IP6_ADDR_TENTATIVE);
    }
    ringif_keep_time();
    return ADDRESS_LATER;
}

/**
 * address_tmr() - A second has passed
 * @ifc: interface
 */
void address_tmr(struct ringif *ifc)
{
    static const uint8_t nobody[4];

    if (!ifc->detect_id) {
        return;
    }
    ringif_keep_time();
    ifc->detect_left -= ifc->detect_left != 0;
    if (!ifc->detect_left || ifc->detect_mac[6]) {
        finish(ifc, 0);
    } else if (ifc->detect_slot) {
        nd_ask(&ifc->netif, ifc->detect.bytes, 1, 0);
    } else if (ifc->detect_left > 1) {
        arp_ask(&ifc->netif, ifc->detect.bytes, nobody, NULL);
    }
}

/**
 * address_stop() - The interface goes: its addresses are no routes any more, and no detection runs
 * @ifc: interface
 */
void address_stop(struct ringif *ifc)
{
    route_unlink(ifc, 0, NULL);
    if (ifc->detect_id) {
        finish(ifc, ABI_ENODEV);
    }
}

/**
 * address_up() - Let packets pass again, and say so on the link; or let none pass
 * @ifc: interface
 * @up: 0: down
 */
void address_up(struct ringif *ifc, int up)
{
    route_epoch += 2;
    if (!up) {
        netif_set_down(&ifc->netif);
        return;
    }
    netif_set_up(&ifc->netif);
    if (ifc->pub->kind >= IFACE_TAP) {
        nd_announce(&ifc->netif, -1);
    }
}

/**
 * address_fit() - Have an MTU that is right
 * @ifc: interface
 * @mtu: bytes
 */
void address_fit(struct ringif *ifc, uint32_t mtu)
{
    struct abi_iface *pub = ifc->pub;

    pub->frame_max = ringif_frame_max(pub->kind, mtu);
    pub->mtu = mtu;
    ifc->netif.mtu = (u16_t)mtu;
}

/**
 * address_mtu() - Set the largest packet
 * @ifc: interface
 * @mtu: bytes
 *
 * Open connections that send larger segments have them fragmented.
 *
 * Return: 0, ABI_EINVAL, ABI_EMSGSIZE: too large for its rings
 */
int address_mtu(struct ringif *ifc, uint32_t mtu)
{
    struct abi_iface *pub = ifc->pub;

    if (mtu < IFACE_MTU_MIN || mtu > IFACE_MTU_MAX) {
        return ABI_EINVAL;
    }
    if (pub->kind != IFACE_BRIDGE && !ringif_fits(pub->tx.size[0], mtu)) {
        return ABI_EMSGSIZE;
    }
    address_fit(ifc, mtu);
    return 0;
}
