// SPDX-License-Identifier: MIT
// datagrams - UDP, pings, traceroute, raw ICMP, routes and changes of interfaces: a file of its own, loaded on first use
//
// A page that only needs TCP does not download it. It is one file and not two, since each more would cut the main
// entry into further pieces: 400 bytes.

export { openIcmp } from './icmp_socket.ts';
export { addAddress, removeAddress, setGateway, setMtu, setUp } from './interface_changes.ts';
export { createPingSession } from './ping.ts';
export { addRoute, listNeighbors, listRoutes, lookupRoute } from './routes.ts';
export { traceroute } from './traceroute.ts';
export { attachUdp } from './udp_attach.ts';
export { openUdp } from './udp_open.ts';
