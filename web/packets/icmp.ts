// SPDX-License-Identifier: MIT
// icmp - decodes ICMP and ICMPv6 with neighbour discovery (RFC 792, 4443, 4861)

import { ipv6Text, macText } from './addresses.ts';
import type { Dissection } from './layer.ts';
import { hex, LayerReader } from './layer.ts';

const V4 = new Map([
  [0, 'Echo reply'],
  [3, 'Destination unreachable'],
  [5, 'Redirect'],
  [8, 'Echo request'],
  [11, 'Time exceeded'],
  [12, 'Parameter problem'],
]);

const V6 = new Map([
  [1, 'Destination unreachable'],
  [2, 'Packet too big'],
  [3, 'Time exceeded'],
  [4, 'Parameter problem'],
  [128, 'Echo request'],
  [129, 'Echo reply'],
  [130, 'Multicast listener query'],
  [131, 'Multicast listener report'],
  [132, 'Multicast listener done'],
  [133, 'Router solicitation'],
  [134, 'Router advertisement'],
  [135, 'Neighbor solicitation'],
  [136, 'Neighbor advertisement'],
  [143, 'Multicast listener report (version 2)'],
]);

/** Reads type, code and checksum; returns the type and what it is called. */
function readHead(reader: LayerReader, types: ReadonlyMap<number, string>): [number, string] {
  const type = reader.number('Type', 1, (n) => `${n} (${types.get(n) ?? 'unknown'})`);
  const code = reader.number('Code', 1);
  reader.number('Checksum', 2, (n) => hex(n, 2));
  const name = types.get(type) ?? `Type ${type}`;
  return [type, code === 0 ? name : `${name}, code ${code}`];
}

function readEcho(reader: LayerReader): string {
  const id = reader.number('Identifier', 2, (n) => hex(n, 2));
  const sequence = reader.number('Sequence number', 2);
  return `id=${hex(id, 2)} seq=${sequence}`;
}

/** Link-layer addresses behind a neighbour message; other options are named by their number. */
function readNeighbourOptions(reader: LayerReader, bytes: Uint8Array, end: number): void {
  while (reader.at + 2 <= end && reader.left >= 2) {
    const kind = bytes[reader.at] ?? 0;
    const length = (bytes[reader.at + 1] ?? 0) * 8;
    if (length === 0 || reader.at + length > end) return;
    if ((kind === 1 || kind === 2) && length === 8) {
      reader.skip(2);
      reader.text(kind === 1 ? 'Source MAC' : 'Target MAC', 6, macText);
    } else {
      reader.text(`Option ${kind}`, length, () => `${length} bytes`);
    }
  }
}

/** Decodes an ICMP message. */
export function decodeIcmp(bytes: Uint8Array, at: number): Dissection {
  const reader = new LayerReader(bytes, at, 'ICMP');
  const [type, name] = readHead(reader, V4);
  const rest = type === 0 || type === 8 ? ` ${readEcho(reader)}` : '';
  const info = reader.isCut ? 'cut short' : `${name}${rest}`;
  return { layers: [reader.layer()], protocol: 'ICMP', info };
}

/** Decodes an ICMPv6 message of which IP says how long it is. */
export function decodeIcmpv6(bytes: Uint8Array, at: number, size: number): Dissection {
  const reader = new LayerReader(bytes, at, 'ICMPv6');
  const [type, name] = readHead(reader, V6);
  let rest = '';
  if (type === 128 || type === 129) rest = ` ${readEcho(reader)}`;
  if (type === 2) rest = `, MTU ${reader.number('MTU', 4)}`;
  if (type === 135 || type === 136) {
    reader.number(type === 135 ? 'Reserved' : 'Flags', 4, (n) => hex(n, 4));
    rest = ` for ${reader.text('Target', 16, ipv6Text)}`;
    readNeighbourOptions(reader, bytes, at + size);
  }
  const info = reader.isCut ? 'cut short' : `${name}${rest}`;
  return { layers: [reader.layer()], protocol: 'ICMPv6', info };
}
