// SPDX-License-Identifier: MIT
// decode - an Ethernet frame, whole or cut, as headers with fields and a line that sums it up

import {
  ETHER_TYPE,
  ETHERNET_HEADER,
  type EthernetFrame,
  parseEthernet,
} from '../../js/codec/ethernet.ts';
import { formatMac } from '../../js/util/address.ts';
import { showArp } from './arp.ts';
import { showIpv4, showIpv6 } from './ip.ts';
import { type Dissection, type FieldOf, hex, type Layer, makeLayer, unreadable } from './layer.ts';

/** A decoded frame. */
export interface Decoded {
  readonly layers: readonly Layer[];
  readonly protocol: string;
  readonly source: string;
  readonly destination: string;
  readonly info: string;
}

const TYPES = new Map<number, string>([
  [ETHER_TYPE.ipv4, 'IPv4'],
  [ETHER_TYPE.arp, 'ARP'],
  [ETHER_TYPE.vlan, 'VLAN'],
  [ETHER_TYPE.ipv6, 'IPv6'],
]);

/** Below this, the type is a length (IEEE 802.3). */
const LEAST_TYPE = 0x0600;

const typeText = (n: number): string => {
  if (n < LEAST_TYPE) return `${n} (length)`;
  return `${hex(n, 2)} (${TYPES.get(n) ?? 'other'})`;
};

function showInner(type: number, bytes: Uint8Array, at: number): Dissection {
  if (type === ETHER_TYPE.ipv4) return showIpv4(bytes, at);
  if (type === ETHER_TYPE.ipv6) return showIpv6(bytes, at);
  if (type === ETHER_TYPE.arp) return showArp(bytes, at);
  const info = type < LEAST_TYPE ? `IEEE 802.3, ${type} bytes` : `type ${hex(type, 2)}`;
  return { layers: [], protocol: 'Ethernet', info };
}

/** Fields of the type, and of the tag in front of it. */
function typeFields({ vlan, type }: EthernetFrame): FieldOf[] {
  if (!vlan) return [['Type', 12, 2, typeText(type)]];
  return [
    ['Type', 12, 2, typeText(ETHER_TYPE.vlan)],
    ['VLAN', 14, 2, `${vlan.id}, priority ${vlan.priority}`],
    ['Type', 16, 2, typeText(type)],
  ];
}

/**
 * Decodes an Ethernet frame.
 *
 * @param bytes - The frame, or its beginning. Anything else as well: garbage is decoded as far as it goes.
 * @returns Its headers from the outside in.
 * @throws Never.
 */
export function decode(bytes: Uint8Array): Decoded {
  const frame = parseEthernet(bytes);
  if (!frame) {
    const needed = bytes.length < ETHERNET_HEADER ? ETHERNET_HEADER : ETHERNET_HEADER + 4;
    return { ...unreadable('Ethernet', bytes, 0, needed), source: '', destination: '' };
  }
  const at = bytes.length - frame.payload.length;
  const [source, destination] = [formatMac(frame.source), formatMac(frame.destination)];
  const layer = makeLayer('Ethernet', 0, at, [
    ['Destination', 0, 6, destination],
    ['Source', 6, 6, source],
    ...typeFields(frame),
  ]);
  const inner = showInner(frame.type, bytes, at);
  const isBroadcast = destination === 'ff:ff:ff:ff:ff:ff';
  return {
    layers: [layer, ...inner.layers],
    protocol: inner.protocol,
    source: inner.source ?? source,
    destination: inner.destination ?? (isBroadcast ? 'broadcast' : destination),
    info: inner.info,
  };
}
