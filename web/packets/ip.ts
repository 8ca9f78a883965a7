// SPDX-License-Identifier: MIT
// ip - decodes IPv4 and IPv6 headers and what they carry (RFC 791, 8200)

import { ipv4Text, ipv6Text } from './addresses.ts';
import { decodeIcmp, decodeIcmpv6 } from './icmp.ts';
import type { Dissection, Layer } from './layer.ts';
import { hex, internetChecksum, LayerReader } from './layer.ts';
import { decodeTcp, decodeUdp } from './tcp.ts';

const PROTOCOLS = new Map([
  [0, 'Hop-by-hop options'],
  [1, 'ICMP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [43, 'Routing'],
  [44, 'Fragment'],
  [58, 'ICMPv6'],
  [59, 'nothing'],
  [60, 'Destination options'],
]);

const protocolText = (n: number): string => `${n} (${PROTOCOLS.get(n) ?? 'other'})`;

/** Decodes what IP carries. */
function decodePayload(protocol: number, bytes: Uint8Array, at: number, size: number): Dissection {
  if (protocol === 6) return decodeTcp(bytes, at, size);
  if (protocol === 17) return decodeUdp(bytes, at);
  if (protocol === 1) return decodeIcmp(bytes, at);
  if (protocol === 58) return decodeIcmpv6(bytes, at, size);
  return { layers: [], protocol: 'IP', info: `protocol ${protocolText(protocol)}, ${size} bytes` };
}

/** Puts a header before what it carries. */
function within(
  outer: readonly Layer[],
  source: string,
  destination: string,
  inner: Dissection,
): Dissection {
  return { ...inner, layers: [...outer, ...inner.layers], source, destination };
}

/** Decodes an IPv4 packet. */
export function decodeIpv4(bytes: Uint8Array, at: number): Dissection {
  const reader = new LayerReader(bytes, at, 'IPv4');
  const first = reader.number('Version and header length', 1, (n) => {
    return `${n >>> 4}, ${(n & 15) * 4} bytes`;
  });
  const header = Math.max(20, (first & 15) * 4);
  reader.number('Type of service', 1, (n) => hex(n, 1));
  const total = reader.number('Total length', 2);
  reader.number('Identification', 2, (n) => hex(n, 2));
  const fragment = reader.number('Fragment', 2, (n) => {
    const flags = [...(n & 0x4000 ? ["don't fragment"] : []), ...(n & 0x2000 ? ['more'] : [])];
    return `offset ${(n & 0x1fff) * 8}${flags.map((flag) => `, ${flag}`).join('')}`;
  });
  reader.number('Time to live', 1);
  const protocol = reader.number('Protocol', 1, protocolText);
  reader.number('Header checksum', 2, (n) => {
    const whole = bytes.subarray(at, at + header);
    if (whole.length < header) return hex(n, 2);
    return `${hex(n, 2)} (${internetChecksum(whole) === 0 ? 'correct' : 'wrong'})`;
  });
  const source = reader.text('Source', 4, ipv4Text);
  const destination = reader.text('Destination', 4, ipv4Text);
  if (header > 20) reader.text('Options', header - 20, () => `${header - 20} bytes`);
  const outer = [reader.layer()];
  if (reader.isCut) return { layers: outer, protocol: 'IPv4', info: 'cut short' };
  const size = Math.max(0, total - header);
  if ((fragment & 0x1fff) !== 0) {
    const info = `fragment at ${(fragment & 0x1fff) * 8}, ${size} bytes of ${protocolText(protocol)}`;
    return { layers: outer, protocol: 'IPv4', source, destination, info };
  }
  return within(outer, source, destination, decodePayload(protocol, bytes, at + header, size));
}

/** Headers that may stand between IPv6's own and the payload, all but the fragment header alike. */
const EXTENSIONS = new Set([0, 43, 60]);

/** Steps over extension headers. Each has 8 bytes at least, so this ends with the packet. */
function readExtensions(
  bytes: Uint8Array,
  from: number,
  first: number,
): {
  layers: Layer[];
  next: number;
  at: number;
  isLaterFragment: boolean;
} {
  const layers: Layer[] = [];
  let next = first;
  let at = from;
  let isLaterFragment = false;
  let isCut = false;
  while ((EXTENSIONS.has(next) || next === 44) && !isLaterFragment && !isCut) {
    const reader = new LayerReader(bytes, at, PROTOCOLS.get(next) ?? 'Extension');
    const isFragment = next === 44;
    next = reader.number('Next header', 1, protocolText);
    const units = reader.number(isFragment ? 'Reserved' : 'Length', 1);
    if (isFragment) {
      const offset = reader.number('Offset', 2, (n) => `${n & 0xfff8}${n & 1 ? ', more' : ''}`);
      isLaterFragment = (offset & 0xfff8) !== 0;
      reader.number('Identification', 4, (n) => hex(n, 4));
    } else {
      reader.skip(units * 8 + 6);
    }
    layers.push(reader.layer());
    at = reader.at;
    isCut = reader.isCut;
  }
  return { layers, next, at, isLaterFragment };
}

/** Decodes an IPv6 packet. */
export function decodeIpv6(bytes: Uint8Array, at: number): Dissection {
  const reader = new LayerReader(bytes, at, 'IPv6');
  reader.number('Version, class, flow label', 4, (n) => {
    return `${n >>> 28}, ${hex((n >>> 20) & 0xff, 1)}, ${hex(n & 0xfffff, 3)}`;
  });
  const length = reader.number('Payload length', 2);
  const first = reader.number('Next header', 1, protocolText);
  reader.number('Hop limit', 1);
  const source = reader.text('Source', 16, ipv6Text);
  const destination = reader.text('Destination', 16, ipv6Text);
  if (reader.isCut) return { layers: [reader.layer()], protocol: 'IPv6', info: 'cut short' };
  const extensions = readExtensions(bytes, reader.at, first);
  const outer = [reader.layer(), ...extensions.layers];
  const size = Math.max(0, length - (extensions.at - reader.at));
  if (extensions.isLaterFragment) {
    const info = `fragment, ${size} bytes of ${protocolText(extensions.next)}`;
    return { layers: outer, protocol: 'IPv6', source, destination, info };
  }
  const inner = decodePayload(extensions.next, bytes, extensions.at, size);
  return within(outer, source, destination, inner);
}
