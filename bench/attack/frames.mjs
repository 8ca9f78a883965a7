// SPDX-License-Identifier: MIT
// frames - Ethernet frames as an attacker makes them, from random numbers of a seed

export const [ICMP, TCP, UDP, ICMP6, FRAGMENT] = [1, 6, 17, 58, 44];
export const OURS4 = [10, 0, 0, 1];
export const OURS6 = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
export const OUR_MAC = [2, 0, 0, 0, 0, 1];
/** The attacker itself: it has this address, and answers for it. */
export const ATTACKER4 = [10, 0, 0, 2];
export const ATTACKER_MAC = [2, 0, 0, 0, 0, 2];
/** A host behind another port of a bridge. */
export const HOST_MAC = [2, 0, 0, 0, 0, 7];
/** The honest host, which is on another link (attack/honest.mjs). */
export const HONEST4 = [10, 9, 0, 2];
export const HONEST6 = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
export const ALL = [255, 255, 255, 255, 255, 255];
export const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];

/** Pseudo-random numbers from a seed (mulberry32). */
export function random(from) {
  let state = from >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The checksum of the internet over the bytes from `start` to `end`, added to `sum`. */
export function checksum(bytes, start, end, sum = 0) {
  for (let i = start; i < end; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export const put16 = (bytes, at, value) => bytes.set([(value >>> 8) & 255, value & 255], at);

export function put32(bytes, at, value) {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value & 0xffff);
}

/** An Ethernet frame with an IPv4 packet from a source to the stack. */
export function ip4(source, protocol, payload, field = 0, id = 0, to = OURS4) {
  const frame = new Uint8Array(34 + payload.length);
  frame.set([...OUR_MAC, ...ATTACKER_MAC, 8, 0, 0x45]);
  put16(frame, 16, 20 + payload.length);
  put16(frame, 18, id & 0xffff);
  put16(frame, 20, field);
  frame.set([64, protocol, 0, 0, ...source, ...to], 22);
  put16(frame, 24, checksum(frame, 14, 34));
  frame.set(payload, 34);
  return frame;
}

/** The same over IPv6. */
export function ip6(source, next, payload, hops = 64) {
  const frame = new Uint8Array(54 + payload.length);
  frame.set([...OUR_MAC, ...ATTACKER_MAC, 0x86, 0xdd, 0x60]);
  put16(frame, 18, payload.length);
  frame.set([next, hops, ...source, ...OURS6], 20);
  frame.set(payload, 54);
  return frame;
}

export const peer4 = (r) => [10, 0, 0, 2 + r(200)];
export const anyone4 = (r) => [11, r(256), r(256), 1 + r(250)];
export const peer6 = (r) => [...OURS6.slice(0, 14), 1, 2 + r(200)];
/** One of 65,000 hosts of the attacker's link. */
export const neighbor4 = (r) => [10, 0, r(256), 3 + r(250)];
export const neighbor6 = (r) => [...OURS6.slice(0, 13), 1, r(256), r(256)];

/** A datagram without a checksum: over IPv4 that says there is none. */
export function datagram(from, to, length) {
  const udp = new Uint8Array(8 + length);
  put16(udp, 0, from);
  put16(udp, 2, to);
  put16(udp, 4, 8 + length);
  return udp;
}

/** A TCP segment over IPv4, its checksum right. */
export function segment({
  source,
  from,
  to,
  sequence,
  acknowledge = 0,
  flags,
  window = 65535,
  options = [],
  data = [],
}) {
  const length = 20 + options.length + data.length;
  const tcp = new Uint8Array(length);
  put16(tcp, 0, from);
  put16(tcp, 2, to);
  put32(tcp, 4, sequence);
  put32(tcp, 8, acknowledge);
  tcp[12] = (20 + options.length) << 2;
  tcp[13] = flags;
  put16(tcp, 14, window);
  tcp.set(options, 20);
  tcp.set(data, 20 + options.length);
  put16(
    tcp,
    16,
    checksum(tcp, 0, length, checksum([...source, ...OURS4], 0, 8, TCP + length) ^ 0xffff),
  );
  return ip4(source, TCP, tcp);
}

/** An ICMP error "fragmentation needed" that quotes a packet of ours. */
export function tooBig4(quote) {
  const message = new Uint8Array(8 + quote.length);
  message.set([3, 4, 0, 0, 0, 0, 5, 0x14]);
  message.set(quote, 8);
  put16(message, 2, checksum(message, 0, message.length));
  return message;
}

/** A message of ICMPv6, its checksum right. */
export function icmp6(source, message, hops = 255) {
  const ends = [...source, ...OURS6];
  const sum = checksum(ends, 0, 32, ICMP6 + message.length) ^ 0xffff;
  put16(message, 2, 0);
  put16(message, 2, checksum(message, 0, message.length, sum));
  return ip6(source, ICMP6, message, hops);
}

/** A message of ARP: a question (1) or an answer (2) to the stack. */
export function arp(operation, mac, source, target = OURS4) {
  const frame = new Uint8Array(60);
  frame.set([...(operation === 1 ? ALL : OUR_MAC), ...ATTACKER_MAC, 8, 6, 0, 1, 8, 0, 6, 4]);
  put16(frame, 20, operation);
  frame.set([...mac, ...source, 0, 0, 0, 0, 0, 0, ...target], 22);
  return frame;
}

/** A frame from a random address (macof), or one that all other ports get. */
export function stray(r, to) {
  const frame = new Uint8Array(64).fill(r(256));
  frame.set(to);
  frame.set([2, r(256), r(256), r(256), r(256), r(256)], 6);
  return frame;
}
