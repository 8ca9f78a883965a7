// SPDX-License-Identifier: MIT
// arp - decodes ARP for IPv4 over Ethernet (RFC 826)

import { ipv4Text, macText } from './addresses.ts';
import type { Dissection } from './layer.ts';
import { hex, LayerReader } from './layer.ts';

const OPERATIONS = new Map([
  [1, 'request'],
  [2, 'reply'],
]);

/** Decodes what follows an Ethernet header of type 0x0806. */
export function decodeArp(bytes: Uint8Array, at: number): Dissection {
  const reader = new LayerReader(bytes, at, 'ARP');
  const hardware = reader.number('Hardware type', 2, (n) => (n === 1 ? '1 (Ethernet)' : `${n}`));
  const protocol = reader.number('Protocol type', 2, (n) => hex(n, 2));
  const sizes = [reader.number('Hardware size', 1), reader.number('Protocol size', 1)];
  const operation = reader.number('Operation', 2, (n) => `${n} (${OPERATIONS.get(n) ?? 'other'})`);
  const isOurs = hardware === 1 && protocol === 0x0800 && sizes[0] === 6 && sizes[1] === 4;
  if (!isOurs) {
    const info = reader.isCut
      ? 'cut short'
      : `for hardware ${hardware}, protocol ${hex(protocol, 2)}`;
    return { layers: [reader.layer()], protocol: 'ARP', info };
  }
  const senderMac = reader.text('Sender MAC', 6, macText);
  const senderIp = reader.text('Sender IP', 4, ipv4Text);
  reader.text('Target MAC', 6, macText);
  const targetIp = reader.text('Target IP', 4, ipv4Text);
  const layers = [reader.layer()];
  if (reader.isCut) return { layers, protocol: 'ARP', info: 'cut short' };
  if (operation === 1) {
    return { layers, protocol: 'ARP', info: `Who has ${targetIp}? Tell ${senderIp}` };
  }
  const what = operation === 2 ? '' : ` (operation ${operation})`;
  return { layers, protocol: 'ARP', info: `${senderIp} is at ${senderMac}${what}` };
}
