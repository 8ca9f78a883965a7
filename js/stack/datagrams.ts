// SPDX-License-Identifier: MIT
// datagrams - UDP, pings, traceroute and raw ICMP: a file of its own, loaded when a program first uses one of them
//
// A page that only needs TCP does not download it.

export { openIcmp } from './icmp_socket.ts';
export { createPingSession } from './ping.ts';
export { traceroute } from './traceroute.ts';
export { openUdp } from './udp_open.ts';
