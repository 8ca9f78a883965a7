// SPDX-License-Identifier: MIT
// frames - packets made and read by hand: Ethernet, ARP, IPv4, ICMP and TCP, as much as tests need

import { concat } from './net.ts';

/** EtherTypes. */
export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** A MAC address that no interface of a test has. */
export const STRANGER = '02:00:00:00:00:99';

/** Bytes of 'aa:bb:cc:dd:ee:ff'. */
export const macBytes = (mac: string): number[] =>
  mac.split(':').map((part) => Number.parseInt(part, 16));

/** Bytes of '10.0.0.1'. */
export const ipBytes = (ip: string): number[] => ip.split('.').map(Number);

/** Big-endian u16. */
const u16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff];

/** The u16 at an offset. */
export const word = (chunk: Uint8Array, at: number): number =>
  ((chunk[at] ?? 0) << 8) | (chunk[at + 1] ?? 0);

/** The Internet checksum (RFC 1071). */
export function checksum(chunk: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < chunk.length; i += 2) sum += word(chunk, i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An Ethernet frame. */
export function ethernet(to: string, from: string, type: number, payload: Uint8Array): Uint8Array {
  return concat([Uint8Array.from([...macBytes(to), ...macBytes(from), ...u16(type)]), payload]);
}

/** An ARP request (1) or reply (2) in its Ethernet frame. */
export function arp(
  operation: 1 | 2,
  sender: { mac: string; ip: string },
  target: { mac: string; ip: string },
): Uint8Array {
  const fixed = [0, 1, 8, 0, 6, 4, ...u16(operation)];
  const ends = [sender, target].flatMap(({ mac, ip }) => [...macBytes(mac), ...ipBytes(ip)]);
  const to = operation === 1 ? 'ff:ff:ff:ff:ff:ff' : target.mac;
  return ethernet(to, sender.mac, ETHERTYPE.arp, Uint8Array.from([...fixed, ...ends]));
}

/** An IPv4 packet. */
export function ipv4(from: string, to: string, protocol: number, payload: Uint8Array): Uint8Array {
  const header = Uint8Array.from([
    ...[0x45, 0, ...u16(20 + payload.length), 0, 1, 0, 0, 64, protocol, 0, 0],
    ...ipBytes(from),
    ...ipBytes(to),
  ]);
  header.set(u16(checksum(header)), 10);
  return concat([header, payload]);
}

/** An ICMP echo request as an IPv4 packet. */
export function ping(from: string, to: string, sequence: number, data: Uint8Array): Uint8Array {
  const icmp = concat([Uint8Array.from([8, 0, 0, 0, 0x12, 0x34, ...u16(sequence)]), data]);
  icmp.set(u16(checksum(icmp)), 2);
  return ipv4(from, to, 1, icmp);
}

/** Fields of an IPv4 packet. */
export interface Packet {
  readonly protocol: number;
  readonly from: string;
  readonly to: string;
  readonly payload: Uint8Array;
}

/** Reads an IPv4 packet. */
export function readIpv4(packet: Uint8Array): Packet {
  const header = ((packet[0] ?? 0) & 15) * 4;
  return {
    protocol: packet[9] ?? 0,
    from: packet.subarray(12, 16).join('.'),
    to: packet.subarray(16, 20).join('.'),
    payload: packet.subarray(header, word(packet, 2)),
  };
}

/** Fields of an Ethernet frame. */
export interface EthernetFrame {
  readonly to: string;
  readonly from: string;
  readonly type: number;
  readonly payload: Uint8Array;
}

const macText = (chunk: Uint8Array): string =>
  [...chunk].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

/** Reads an Ethernet frame. */
export function readEthernet(frame: Uint8Array): EthernetFrame {
  return {
    to: macText(frame.subarray(0, 6)),
    from: macText(frame.subarray(6, 12)),
    type: word(frame, 12),
    payload: frame.subarray(14),
  };
}

/** Fields of an ARP packet. */
export function readArp(payload: Uint8Array): { operation: number; ip: string; asked: string } {
  return {
    operation: word(payload, 6),
    ip: payload.subarray(14, 18).join('.'),
    asked: payload.subarray(24, 28).join('.'),
  };
}

/** Flags of a TCP segment. */
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** The flags of the TCP segment in an IPv4 packet, -1 if there is none. */
export function tcpFlags(packet: Uint8Array): number {
  const { protocol, payload } = readIpv4(packet);
  return protocol === 6 ? (payload[13] ?? 0) & 0x3f : -1;
}

/** A UDP datagram as an IPv4 packet, without a checksum. */
export function udp(
  from: { ip: string; port: number },
  to: { ip: string; port: number },
  data: Uint8Array,
): Uint8Array {
  const header = [...u16(from.port), ...u16(to.port), ...u16(8 + data.length), 0, 0];
  return ipv4(from.ip, to.ip, 17, concat([Uint8Array.from(header), data]));
}

/** Ports and payload of a UDP datagram, or undefined for any other IPv4 packet. */
export function readUdp(packet: Uint8Array) {
  const { protocol, payload, ...ends } = readIpv4(packet);
  if (protocol !== 17) return undefined;
  return {
    ...ends,
    fromPort: word(payload, 0),
    toPort: word(payload, 2),
    ttl: packet[8] ?? 0,
    data: payload.subarray(8),
  };
}

/** An ICMP error about an IPv4 packet, as an IPv4 packet. */
export function icmpError(from: string, type: number, code: number, about: Uint8Array): Uint8Array {
  const quote = about.subarray(0, ((about[0] ?? 0) & 15) * 4 + 8);
  const message = concat([Uint8Array.from([type, code, 0, 0, 0, 0, 0, 0]), quote]);
  message.set(u16(checksum(message)), 2);
  return ipv4(from, readIpv4(about).from, 1, message);
}

/** The same for an IPv6 packet; it comes from the address that the packet was sent to. */
export function icmp6Error(type: number, code: number, about: Uint8Array): Uint8Array {
  const quote = about.subarray(0, 48);
  const message = concat([Uint8Array.from([type, code, 0, 0, 0, 0, 0, 0]), quote]);
  const [from, to] = [about.subarray(24, 40), about.subarray(8, 24)];
  const pseudo = Uint8Array.from([0, 0, ...u16(message.length), 0, 0, 0, 58]);
  message.set(u16(checksum(concat([from, to, pseudo, message]))), 2);
  const header = Uint8Array.from([0x60, 0, 0, 0, ...u16(message.length), 58, 64]);
  return concat([header, from, to, message]);
}
