/* SPDX-License-Identifier: MIT */
/* host.h - what an instance imports from JavaScript (src/core.ts), and the areas that packets lie in */
#ifndef RINGSTACK_WIREGUARD_HOST_H
#define RINGSTACK_WIREGUARD_HOST_H

#include "device.h"

/* Random bytes. */
void host_random(uint8_t *to, uint32_t length);
/* TAI64N of now: later than any before with this key. */
void host_timestamp(uint8_t *to);
/* A datagram goes out; ecn is for its IP header. */
void host_transmit(const uint8_t *data, uint32_t length, const struct endpoint *to, uint32_t ecn);
/* Bytes of the largest datagram that a transport takes now. */
uint32_t host_limit(uint32_t transport);
/* An IP packet has come in. */
void host_deliver(const uint8_t *data, uint32_t length);

/* A message on its way out: header, packet, padding, tag. */
extern uint8_t *out_area;
/* The packet of a message that came. */
extern uint8_t *plain_area;

#endif /* RINGSTACK_WIREGUARD_HOST_H */
