// SPDX-License-Identifier: MIT
// chosen - the part of the tests that CI runs in runtimes other than the Node it has, and why each file is in it
//
// `make test` runs every file in Node with both engines, so other runtimes need only what depends on a runtime:
// threads, waiting, streams, timers, how files and modules are loaded, sockets, devices. `make test-everywhere`
// runs everything; `make test-everywhere CHOSEN=1` runs this part. tests/tools/everywhere.test.ts checks that
// the part imports every subpath of the package.

/** The reason why a file is in the chosen part, by its name in the table of `make test-everywhere`. */
export const CHOSEN: Readonly<Record<string, string>> = {
  stack:
    'the module found, loaded and compiled; every form of wasm and worker; a busy stack yields to the event loop',
  streams: "the runtime's own streams: BYOB readers, chunks, backpressure, iteration",
  byte_access: 'views of shared memory; locks of streams',
  frame_access: 'the same for frames',
  wires: "the runtime's pipeTo(): abort, errors, locks",
  close: 'promises that settle, unhandled rejections, cancellation',
  share: 'structured clones of memory, Atomics.waitAsync and the way without it',
  share_udp: 'the same for sockets, whose file of JavaScript each thread imports for itself',
  udp_streams: "datagrams through the runtime's own streams, read and written past them, in pipes",
  intercept: 'connections, datagrams and messages for other addresses',
  icmp: 'pings and raw messages: timers, random numbers, iteration',
  worker: 'workers: start, death, end; messages beside shared memory',
  idle: 'no timer runs in an idle stack, and a program with one ends',
  link_direct: 'connect(): the direct form and the streams of the runtime',
  link_fault: 'ringstack/fault; timers of delayed frames',
  link_pcap: 'ringstack/pcap; writable streams of others',
  link_qemu: 'ringstack/qemu over sockets of node:net and node:dgram',
  link_websocket: 'ringstack/websocket over the package ws',
  link_relay: "ringstack/websocket over the runtime's own WebSocket",
  link_v86: 'ringstack/v86: events of an emulator',
  services_dhcp_server: 'ringstack/dhcp; timers, asynchronous iterators',
  services_dns_compatible: 'ringstack/dns; URL and its international names',
  services_gateway_fetch:
    'ringstack/gateway by fetch(): requests of a page, which hides what others show',
  services_gateway_fetch_node:
    'fetch() of each runtime: streams both ways, decompression, redirects',
  services_gateway_native: 'the own sockets of Deno and Bun as a way out',
  services_gateway_node: 'the sockets of each runtime as a way out: half closes, resets',
  services_gateway_tcp: 'ringstack/gateway; streams on both sides, abort signals',
  services_network: 'ringstack/network; the file of the stack, loaded on first use',
  services_mdns_messages: 'ringstack/mdns; multicast, timers',
  services_small_services: 'ringstack/services; the same servers over TCP and UDP',
  services_shapes_deno: 'ringstack/deno; error classes of the runtime, synchronous calls',
  services_shapes_direct: 'ringstack/direct-sockets; DOMException, streams',
  services_shapes_sockets: 'ringstack/sockets; streams that close together',
  services_http_websocket: "upgrades: the runtime's events and random numbers",
  tap: 'ringstack/tap: devices, a child process',
};
