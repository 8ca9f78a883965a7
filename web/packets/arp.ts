// SPDX-License-Identifier: MIT
// arp - shows ARP packets

import { ARP_OPERATION, parseArp } from '../../js/codec/arp.ts';
import { ipText } from '../../js/codec/fields.ts';
import { formatMac } from '../../js/util/address.ts';
import { type Dissection, makeLayer, unreadable } from './layer.ts';

const SIZE = 28;

const operationText = (operation: number): string => {
  if (operation === ARP_OPERATION.request) return `${operation} (request)`;
  return `${operation} (${operation === ARP_OPERATION.reply ? 'reply' : 'other'})`;
};

/** Shows what follows an Ethernet header of type 0x0806. */
export function showArp(bytes: Uint8Array, at: number): Dissection {
  const packet = parseArp(bytes.subarray(at));
  if (!packet) return unreadable('ARP', bytes, at, SIZE);
  const { operation } = packet;
  const [senderMac, targetMac] = [formatMac(packet.senderMac), formatMac(packet.targetMac)];
  const [senderIp, targetIp] = [ipText(packet.senderIp), ipText(packet.targetIp)];
  const layer = makeLayer('ARP', at, SIZE, [
    ['Hardware type', 0, 2, '1 (Ethernet)'],
    ['Protocol type', 2, 2, '0x0800'],
    ['Hardware size', 4, 1, 6],
    ['Protocol size', 5, 1, 4],
    ['Operation', 6, 2, operationText(operation)],
    ['Sender MAC', 8, 6, senderMac],
    ['Sender IP', 14, 4, senderIp],
    ['Target MAC', 18, 6, targetMac],
    ['Target IP', 24, 4, targetIp],
  ]);
  const isRequest = operation === ARP_OPERATION.request;
  const other = operation === ARP_OPERATION.reply ? '' : ` (operation ${operation})`;
  const info = isRequest
    ? `Who has ${targetIp}? Tell ${senderIp}`
    : `${senderIp} is at ${senderMac}${other}`;
  return { layers: [layer], protocol: 'ARP', info };
}
