// SPDX-License-Identifier: MIT
// ip - shows IPv4 and IPv6 headers and what they carry

import { ipText, u16, u32 } from '../../js/codec/fields.ts';
import {
  IP_PROTOCOL,
  IPV4_HEADER,
  IPV6_HEADER,
  type Ipv4Packet,
  type Ipv6Extension,
  type Ipv6Packet,
  parseIpv4,
  parseIpv6,
} from '../../js/codec/ip.ts';
import { showIcmp } from './icmp.ts';
import { type Dissection, type FieldOf, hex, type Layer, makeLayer, unreadable } from './layer.ts';
import { showTcp, showUdp } from './tcp.ts';

const NAMES = new Map<number, string>([
  [IP_PROTOCOL.hopByHop, 'Hop-by-hop options'],
  [IP_PROTOCOL.icmp, 'ICMP'],
  [IP_PROTOCOL.igmp, 'IGMP'],
  [IP_PROTOCOL.tcp, 'TCP'],
  [IP_PROTOCOL.udp, 'UDP'],
  [IP_PROTOCOL.routing, 'Routing'],
  [IP_PROTOCOL.fragment, 'Fragment'],
  [IP_PROTOCOL.authentication, 'Authentication'],
  [IP_PROTOCOL.icmpv6, 'ICMPv6'],
  [IP_PROTOCOL.none, 'nothing'],
  [IP_PROTOCOL.destinationOptions, 'Destination options'],
]);

/** Extension headers of IPv6: one that is the protocol of a packet is cut. */
const EXTENSIONS: readonly number[] = [
  IP_PROTOCOL.hopByHop,
  IP_PROTOCOL.routing,
  IP_PROTOCOL.fragment,
  IP_PROTOCOL.authentication,
  IP_PROTOCOL.destinationOptions,
];

const protocolText = (n: number): string => `${n} (${NAMES.get(n) ?? 'other'})`;

/** Shows what a packet carries. */
function showPayload(
  { protocol, version }: Ipv4Packet | Ipv6Packet,
  bytes: Uint8Array,
  at: number,
  size: number,
): Dissection {
  if (protocol === IP_PROTOCOL.tcp) return showTcp(bytes, at, size);
  if (protocol === IP_PROTOCOL.udp) return showUdp(bytes, at);
  if (protocol === IP_PROTOCOL.icmp && version === 4) return showIcmp(bytes, at, size, 4);
  if (protocol === IP_PROTOCOL.icmpv6 && version === 6) return showIcmp(bytes, at, size, 6);
  if (version === 6 && EXTENSIONS.includes(protocol)) {
    return unreadable(NAMES.get(protocol) ?? 'Extension', bytes, at, size);
  }
  return { layers: [], protocol: 'IP', info: `protocol ${protocolText(protocol)}, ${size} bytes` };
}

/** Puts headers in front of what they carry. */
function within(outer: readonly Layer[], packet: Ipv4Packet | Ipv6Packet, inner: Dissection) {
  return {
    ...inner,
    layers: [...outer, ...inner.layers],
    source: ipText(packet.source),
    destination: ipText(packet.destination),
  };
}

function fragmentText({ fragmentOffset, dontFragment, moreFragments }: Ipv4Packet): string {
  const flags = `${dontFragment ? ", don't fragment" : ''}${moreFragments ? ', more' : ''}`;
  return `offset ${fragmentOffset}${flags}`;
}

function ipv4Layer(packet: Ipv4Packet, at: number): Layer {
  const options = packet.options.length;
  const header = IPV4_HEADER + options;
  const fields: FieldOf[] = [
    ['Version and header length', 0, 1, `4, ${header} bytes`],
    ['Type of service', 1, 1, hex(packet.trafficClass, 1)],
    ['Total length', 2, 2, packet.totalLength],
    ['Identification', 4, 2, hex(packet.identification, 2)],
    ['Fragment', 6, 2, fragmentText(packet)],
    ['Time to live', 8, 1, packet.ttl],
    ['Protocol', 9, 1, protocolText(packet.protocol)],
    [
      'Header checksum',
      10,
      2,
      `${hex(packet.checksum, 2)} (${packet.isChecksumRight ? 'correct' : 'wrong'})`,
    ],
    ['Source', 12, 4, ipText(packet.source)],
    ['Destination', 16, 4, ipText(packet.destination)],
  ];
  if (options > 0) fields.push(['Options', IPV4_HEADER, options, `${options} bytes`]);
  return makeLayer('IPv4', at, header, fields);
}

/** Shows an IPv4 packet. */
export function showIpv4(bytes: Uint8Array, at: number): Dissection {
  const packet = parseIpv4(bytes.subarray(at), { allowCut: true });
  if (!packet) {
    const header = ((bytes[at] ?? 0) & 15) * 4;
    return unreadable('IPv4', bytes, at, Math.max(IPV4_HEADER, header));
  }
  const header = IPV4_HEADER + packet.options.length;
  const size = packet.totalLength - header;
  const outer = [ipv4Layer(packet, at)];
  if (packet.fragmentOffset > 0) {
    const what = protocolText(packet.protocol);
    const info = `fragment at ${packet.fragmentOffset}, ${size} bytes of ${what}`;
    return within(outer, packet, { layers: [], protocol: 'IPv4', info });
  }
  return within(outer, packet, showPayload(packet, bytes, at + header, size));
}

/** An extension header; `at` is where its packet begins. */
function extensionLayer({ type, offset, bytes }: Ipv6Extension, at: number): Layer {
  const fields: FieldOf[] = [['Next header', 0, 1, protocolText(bytes[0] ?? 0)]];
  if (type === IP_PROTOCOL.fragment) {
    const place = u16(bytes, 2);
    fields.push(
      ['Reserved', 1, 1, bytes[1] ?? 0],
      ['Offset', 2, 2, `${place & 0xfff8}${place & 1 ? ', more' : ''}`],
      ['Identification', 4, 4, hex(u32(bytes, 4), 4)],
    );
  } else fields.push(['Length', 1, 1, bytes[1] ?? 0]);
  return makeLayer(NAMES.get(type) ?? 'Extension', at + offset, bytes.length, fields);
}

function ipv6Layer(packet: Ipv6Packet, at: number, first: number): Layer {
  const { trafficClass, flowLabel } = packet;
  return makeLayer('IPv6', at, IPV6_HEADER, [
    ['Version, class, flow label', 0, 4, `6, ${hex(trafficClass, 1)}, ${hex(flowLabel, 3)}`],
    ['Payload length', 4, 2, packet.payloadLength],
    ['Next header', 6, 1, protocolText(first)],
    ['Hop limit', 7, 1, packet.hopLimit],
    ['Source', 8, 16, ipText(packet.source)],
    ['Destination', 24, 16, ipText(packet.destination)],
  ]);
}

/** Shows an IPv6 packet. */
export function showIpv6(bytes: Uint8Array, at: number): Dissection {
  const packet = parseIpv6(bytes.subarray(at), { allowCut: true });
  if (!packet) return unreadable('IPv6', bytes, at, IPV6_HEADER);
  const layers = packet.extensions.map((extension) => extensionLayer(extension, at));
  const outer = [ipv6Layer(packet, at, bytes[at + 6] ?? 0), ...layers];
  const headers = layers.reduce((sum, { length }) => sum + length, 0);
  const start = at + IPV6_HEADER + headers;
  const size = packet.payloadLength - headers;
  if (packet.fragment && packet.fragment.offset > 0) {
    const info = `fragment, ${size} bytes of ${protocolText(packet.protocol)}`;
    return within(outer, packet, { layers: [], protocol: 'IPv6', info });
  }
  return within(outer, packet, showPayload(packet, bytes, start, size));
}
