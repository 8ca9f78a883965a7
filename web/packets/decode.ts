// SPDX-License-Identifier: MIT
// decode - an Ethernet frame, whole or cut, as headers with fields and a line that sums it up

import { macText } from './addresses.ts';
import { decodeArp } from './arp.ts';
import { decodeIpv4, decodeIpv6 } from './ip.ts';
import type { Dissection, Layer } from './layer.ts';
import { hex, LayerReader } from './layer.ts';

/** A decoded frame. */
export interface Decoded {
  readonly layers: readonly Layer[];
  readonly protocol: string;
  readonly source: string;
  readonly destination: string;
  readonly info: string;
}

const TYPES = new Map([
  [0x0800, 'IPv4'],
  [0x0806, 'ARP'],
  [0x8100, 'VLAN'],
  [0x86dd, 'IPv6'],
]);

const typeText = (n: number): string => {
  if (n < 0x0600) return `${n} (length)`;
  return `${hex(n, 2)} (${TYPES.get(n) ?? 'other'})`;
};

function decodeInner(type: number, bytes: Uint8Array, at: number): Dissection {
  if (type === 0x0800) return decodeIpv4(bytes, at);
  if (type === 0x86dd) return decodeIpv6(bytes, at);
  if (type === 0x0806) return decodeArp(bytes, at);
  const info = type < 0x0600 ? `IEEE 802.3, ${type} bytes` : `type ${hex(type, 2)}`;
  return { layers: [], protocol: 'Ethernet', info };
}

/**
 * Decodes an Ethernet frame.
 *
 * @param bytes - The frame, or its beginning. Anything else as well: garbage is decoded as far as it goes.
 * @returns Its headers from the outside in.
 * @throws Never.
 */
export function decode(bytes: Uint8Array): Decoded {
  const reader = new LayerReader(bytes, 0, 'Ethernet');
  const destination = reader.text('Destination', 6, macText);
  const source = reader.text('Source', 6, macText);
  let type = reader.number('Type', 2, typeText);
  // One tag; frames with more are rare and shown as what the second says.
  if (type === 0x8100) {
    reader.number('VLAN', 2, (n) => `${n & 0xfff}, priority ${n >>> 13}`);
    type = reader.number('Type', 2, typeText);
  }
  const layers = [reader.layer()];
  if (reader.isCut) return { layers, protocol: 'Ethernet', source, destination, info: 'cut short' };
  const inner = decodeInner(type, bytes, reader.at);
  return {
    layers: [...layers, ...inner.layers],
    protocol: inner.protocol,
    source: inner.source ?? source,
    destination:
      inner.destination ?? (destination === 'ff:ff:ff:ff:ff:ff' ? 'broadcast' : destination),
    info: inner.info,
  };
}
