// SPDX-License-Identifier: MIT
// rows - the attacks: each makes its frames one by one, from random numbers and a number
//
// A row is a function of (random, number, place) that gives a frame. `place` has what the honest host has opened, so that
// forgeries are about that.

import {
  ACK,
  ALL,
  ATTACKER_MAC,
  anyone4,
  arp,
  checksum,
  datagram,
  FRAGMENT,
  HONEST4,
  HONEST6,
  HOST_MAC,
  ICMP,
  ICMP6,
  icmp6,
  ip4,
  ip6,
  neighbor4,
  neighbor6,
  OURS4,
  OURS6,
  peer4,
  peer6,
  put16,
  put32,
  SYN,
  segment,
  stray,
  TCP,
  tooBig4,
  UDP,
} from './frames.mjs';

/** An IPv4 packet of ours, as an error quotes it. */
const quote4 = (to, protocol, payload) => {
  const packet = ip4(OURS4, protocol, payload, 0x4000, 0, to).slice(14);
  return packet;
};

/** A message of neighbor discovery about the honest host. */
function advertisement(r) {
  const message = new Uint8Array(32);
  message.set([136, 0, 0, 0, 0x60, 0, 0, 0, ...HONEST6, 2, 1, ...ATTACKER_MAC]);
  message[31] = r(256);
  return icmp6(HONEST6, message);
}

function redirect(r) {
  const message = new Uint8Array(48);
  message.set([137, 0, 0, 0, 0, 0, 0, 0, ...peer6(r), ...HONEST6, 2, 1, ...ATTACKER_MAC]);
  return icmp6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2], message);
}

function tooBig6(r) {
  const message = new Uint8Array(56);
  message.set([2, 0, 0, 0, 0, 0, 5, 0, 0x60, 0, 0, 0, 0, 8, UDP, 64, ...OURS6, ...HONEST6]);
  put16(message, 48, r(65536));
  return icmp6(peer6(r), message);
}

/** The four ends of the honest connection, and numbers that are guessed. */
const blind = (r, _, { honest }) =>
  segment({
    source: HONEST4,
    from: honest.from,
    to: honest.to,
    sequence: r(2 ** 32),
    acknowledge: r(2 ** 32),
    flags: ACK,
    data: new Uint8Array(100).fill(0x78),
  });

const SPOOFED = [
  [127, 0, 0, 1],
  [224, 0, 0, 1],
  [255, 255, 255, 255],
  [240, 0, 0, 1],
  [10, 0, 255, 255],
  HONEST4,
];

export const HOST_ROWS = {
  'fragments, IPv4': (r, i) => ip4(peer4(r), UDP, new Uint8Array(1400), 0x2000 | r(100), i),
  'fragments, IPv6': (r, i) => {
    const payload = new Uint8Array(1408);
    payload.set([UDP, 0, r(5), 1, 0, 0, i >>> 8, i & 0xff]);
    return ip6(peer6(r), FRAGMENT, payload);
  },
  'forged ICMP errors': (r) => {
    const quote = quote4(peer4(r), UDP, datagram(7, 1 + r(65535), 0));
    return ip4(peer4(r), ICMP, tooBig4(quote));
  },
  'datagrams to closed ports': (r) => ip4(peer4(r), UDP, datagram(9, 1000 + r(60000), 20)),
  'unknown next headers': (r) => ip6(peer6(r), 253, new Uint8Array(16)),
  'ICMPv6 with a wrong checksum': (r) => ip6(peer6(r), ICMP6, new Uint8Array(16).fill(r(256))),
  'datagrams of 100,000 sources': (r) => ip4(anyone4(r), UDP, datagram(1 + r(65535), 7, 20)),
  'TCP: data for a connection of another link': blind,
  'TCP: land': (r) =>
    segment({ source: OURS4, from: 80, to: 80, sequence: r(2 ** 32), flags: SYN }),
  'TCP: SYNs from addresses that cannot be': (r) =>
    segment({ source: SPOOFED[r(6)], from: 1 + r(65535), to: 80, sequence: 1, flags: SYN }),
  'TCP: SYNs of 65,000 neighbors': (r) =>
    segment({ source: neighbor4(r), from: 1 + r(65535), to: 80, sequence: r(2 ** 32), flags: SYN }),
  'TCP: segments of no connection': (r) =>
    segment({ source: peer4(r), from: 1 + r(65535), to: 80, sequence: r(2 ** 32), flags: ACK }),
  'Packet Too Big about a connection of another link': (r, _, { honest }) => {
    const tcp = new Uint8Array(8);
    put16(tcp, 0, honest.to);
    put16(tcp, 2, honest.from);
    put32(tcp, 4, r(2 ** 32));
    return ip4(HONEST4, ICMP, tooBig4(quote4(HONEST4, TCP, tcp)));
  },
  'Packet Too Big, IPv6': tooBig6,
  'ARP questions of 65,000 neighbors': (r) => arp(1, ATTACKER_MAC, neighbor4(r)),
  'ARP answers nobody asked for': (r) => arp(2, [2, 0, 0, 0, r(256), r(256)], neighbor4(r)),
  'ARP answers about a host of another link': (r) => arp(2, [2, 0, 0, 0, 0, r(256)], HONEST4),
  'neighbor solicitations of 65,000 neighbors': (r) => {
    const message = new Uint8Array(32);
    message.set([135, 0, 0, 0, 0, 0, 0, 0, ...OURS6, 1, 1, ...ATTACKER_MAC]);
    return icmp6(neighbor6(r), message);
  },
  'neighbor advertisements about a host of another link': advertisement,
  redirects: redirect,
  'pings of 65,000 neighbors': (r) => {
    const message = new Uint8Array(16);
    message.set([8, 0, 0, 0, r(256), r(256)]);
    put16(message, 2, checksum(message, 0, 16));
    return ip4(neighbor4(r), ICMP, message);
  },
  'pings of 65,000 neighbors, IPv6': (r) => {
    const message = new Uint8Array(16);
    message.set([128, 0, 0, 0, r(256), r(256)]);
    return icmp6(neighbor6(r), message, 64);
  },
};

/** Frames at a port of a bridge that has a host at another one. */
export const BRIDGE_ROWS = {
  'random addresses to one host (macof)': (r) => stray(r, HOST_MAC),
  broadcasts: (r) => stray(r, ALL),
  'unknown destinations': (r) => stray(r, [2, 9, r(256), r(256), r(256), r(256)]),
  'answers of DHCP servers at a guarded port': (r) =>
    ip4(peer4(r), UDP, datagram(67, 68, 300)).fill(255, 0, 6),
};

/** A datagram for somewhere else. */
function beyond(r, to, ttl = 64) {
  const frame = ip4(peer4(r), UDP, datagram(9, 9, 20));
  frame.set(to, 30);
  frame[22] = ttl;
  put16(frame, 24, 0);
  put16(frame, 24, checksum(frame, 14, 34));
  return frame;
}

/** Frames for a router. */
export const ROUTER_ROWS = {
  'packets without a route': (r) => beyond(r, anyone4(r)),
  'packets whose time is over': (r) => beyond(r, [10, 1, 0, 2], 1),
  'packets to multicast and loopback': (r) => beyond(r, [r(2) ? 127 : 224 + r(16), 0, 0, 5]),
  'packets to hosts that are not there': (r) => beyond(r, [10, 1, 0, 3 + r(250)]),
};
