/* SPDX-License-Identifier: MIT */
/* bridge_guard.c - frames that a guest has no business to send; twin: js/link/switch_guard.ts */
#include "iface/bridge_guard.h"

#include "lwip/prot/ethernet.h"

#include "abi.h"

#define ETHTYPE_SERVICE 0x88a8u /* the outer one of two tags (802.1ad) */
#define CHADDR (8 + 28)         /* from the UDP header of a DHCP message to the MAC of its client */

/**
 * bridge_guard_refuses() - Whether a frame is one that only DHCP servers and routers send, or a DHCP request for others
 * @at: frame
 * @length: its bytes
 *
 * Answers of DHCP servers and relays, router advertisements, redirects; hosts take frames with a tag of 802.1Q as well.
 * Behind extension headers of IPv6 that are not whole anything may come (RFC 7113). A host asks for a lease for the
 * address that it sends from: so those of a port are as many as its MAC addresses.
 *
 * Return: 1 if so
 */
int bridge_guard_refuses(const uint8_t *at, uint32_t length)
{
    const uint8_t *end = at + length, *source = at + ETH_HWADDR_LEN;
    uint32_t type, next = 0;

    while (((type = (uint32_t)at[12] << 8 | at[13]) == ETHTYPE_VLAN || type == ETHTYPE_SERVICE) &&
           length >= ETHERNET_HEADER + VLAN_TAG) {
        at += VLAN_TAG;
        length -= VLAN_TAG;
    }
    at += ETHERNET_HEADER;
    if (type == ETHTYPE_IP && length >= ETHERNET_HEADER + 20) {
        next = at[9] == 17 && !((at[6] & 0x1f) | at[7]) ? 17 : 6;
        at += 4 * (at[0] & 15);
    } else if (type == ETHTYPE_IPV6 && length >= ETHERNET_HEADER + 40) {
        next = at[6];
        at += 40;
    } else {
        return 0;
    }
    for (;;) {
        const uint8_t *header = at;

        if (next != 0 && next != 17 && next != 43 && next != 44 && next != 58 && next != 60) {
            return 0;
        }
        if (end - at < 8) {
            return 1;
        }
        if (next == 17) {
            if (type == ETHTYPE_IP && !at[2] && at[3] == 67 &&
                (end - at < CHADDR + ETH_HWADDR_LEN ||
                 __builtin_memcmp(at + CHADDR, source, ETH_HWADDR_LEN) != 0)) {
                return 1;
            }
            return at[0] == (type == ETHTYPE_IP ? 0 : 2) && at[1] == (type == ETHTYPE_IP ? 67 : 35);
        }
        if (next == 58) {
            return at[0] == 134 || at[0] == 137;
        }
        at += next == 44 ? 8 : 8 + 8 * header[1];
        if (next == 44 && (header[2] | (header[3] & 0xf8))) {
            return 0; /* a later fragment */
        }
        next = header[0];
    }
}
