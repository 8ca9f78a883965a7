/* SPDX-License-Identifier: MIT */
/* ip_input.c - packets for our own protocols, before lwIP's
 *
 * lwIP calls raw_input() with every packet that is for us, reassembled, at its IP header. Its own raw.c
 * searches a list of sockets there. This file takes its place and calls the function that sock/
 * has registered.
 */
#include "lwext/ip_input.h"

#include "lwip/ip.h"
#include "lwip/priv/raw_priv.h"

static ip_input_fn handler;

/**
 * lwext_ip_input_register() - Set the function that is called with every packet
 * @fn: it
 */
void lwext_ip_input_register(ip_input_fn fn)
{
    handler = fn;
}

/**
 * protocol() - The protocol of a packet's payload
 * @p: packet, at its IP header; lwIP has checked its extension headers
 *
 * Return: IP_PROTO_*
 */
static uint8_t protocol(const struct pbuf *p)
{
    const uint8_t *bytes = p->payload;
    uint32_t end = ip_current_header_tot_len(), at = IP6_HLEN;
    uint8_t next;

    if (!ip_current_is_v6()) {
        return IPH_PROTO(ip4_current_header());
    }
    next = IP6H_NEXTH(ip6_current_header());
    while (at < end) {
        uint32_t length = next == IP6_NEXTH_FRAGMENT ? 8u : 8u * (1u + bytes[at + 1]);

        next = bytes[at];
        at += length;
    }
    return next;
}

/**
 * raw_input() - A packet is for us (lwIP's ip4.c and ip6.c)
 * @p: packet, at its IP header
 * @inp: interface it came from
 *
 * Return: RAW_INPUT_EATEN, or RAW_INPUT_NONE: lwIP goes on with it
 */
raw_input_state_t raw_input(struct pbuf *p, struct netif *inp)
{
    return handler && handler(p, inp, protocol(p)) ? RAW_INPUT_EATEN : RAW_INPUT_NONE;
}
