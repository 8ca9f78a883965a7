// SPDX-License-Identifier: MIT
// icmp - shows messages of ICMP and ICMPv6, with neighbour discovery

import { ipText, u16, u32 } from '../../js/codec/fields.ts';
import {
  ICMP_HEADER,
  ICMPV6_TYPE,
  type IcmpMessage,
  parseIcmp,
  parseIcmpEcho,
} from '../../js/codec/icmp.ts';
import { NDP_OPTION, splitNdpOptions } from '../../js/codec/ndp.ts';
import { formatMac } from '../../js/util/address.ts';
import { type Dissection, type FieldOf, hex, makeLayer, unreadable } from './layer.ts';

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
  [137, 'Redirect'],
  [143, 'Multicast listener report (version 2)'],
]);

/** Offset of the options of a neighbour solicitation or advertisement. */
const OPTIONS = 24;

/** The shown part of a message beyond its head. */
interface Rest {
  readonly fields: readonly FieldOf[];
  /** Bytes of the message that have fields. */
  readonly length: number;
  /** For the line that sums it up. */
  readonly info: string;
  readonly isCut?: boolean;
}

function showEcho(message: IcmpMessage, version: 4 | 6): Rest | undefined {
  const echo = parseIcmpEcho(message, version);
  if (!echo) return undefined;
  const id = hex(echo.identifier, 2);
  return {
    fields: [
      ['Identifier', 4, 2, id],
      ['Sequence number', 6, 2, echo.sequence],
    ],
    length: ICMP_HEADER,
    info: ` id=${id} seq=${echo.sequence}`,
  };
}

/** Link-layer addresses behind a neighbour message; other options are named by their number. */
function optionFields(options: Uint8Array): FieldOf[] {
  return (splitNdpOptions(options) ?? []).map(({ type, offset, bytes }) => {
    const start = OPTIONS + offset;
    const isMac = type === NDP_OPTION.sourceMac || type === NDP_OPTION.targetMac;
    if (!isMac || bytes.length !== 8) return [`Option ${type}`, start, bytes.length, bytes.length];
    const name = type === NDP_OPTION.sourceMac ? 'Source MAC' : 'Target MAC';
    return [name, start + 2, 6, formatMac(bytes.subarray(2))];
  });
}

/** A neighbour solicitation or advertisement of so many bytes. */
function showNeighbour(bytes: Uint8Array, isSolicitation: boolean, size: number): Rest {
  const isCut = bytes.length < size;
  if (bytes.length < OPTIONS) return { fields: [], length: bytes.length, info: '', isCut: true };
  const target = ipText(bytes.subarray(8, OPTIONS));
  const whole = bytes.subarray(0, Math.max(OPTIONS, size));
  return {
    fields: [
      [isSolicitation ? 'Reserved' : 'Flags', 4, 4, hex(u32(bytes, 4), 4)],
      ['Target', 8, 16, target],
      ...optionFields(whole.subarray(OPTIONS)),
    ],
    length: whole.length,
    info: ` for ${target}`,
    isCut,
  };
}

function showRest(message: IcmpMessage, version: 4 | 6, bytes: Uint8Array, size: number): Rest {
  const echo = showEcho(message, version);
  if (echo) return echo;
  const { type } = message;
  if (version === 6 && type === ICMPV6_TYPE.packetTooBig) {
    const mtu = u32(bytes, 4);
    return { fields: [['MTU', 4, 4, mtu]], length: ICMP_HEADER, info: `, MTU ${mtu}` };
  }
  const isSolicitation = type === ICMPV6_TYPE.neighborSolicitation;
  if (version === 6 && (isSolicitation || type === ICMPV6_TYPE.neighborAdvertisement)) {
    return showNeighbour(bytes, isSolicitation, size);
  }
  return { fields: [], length: 4, info: '' };
}

/** Shows a message of which IP says how long it is. */
export function showIcmp(bytes: Uint8Array, at: number, size: number, version: 4 | 6): Dissection {
  const protocol = version === 4 ? 'ICMP' : 'ICMPv6';
  const rest = bytes.subarray(at);
  const message = parseIcmp(rest);
  if (!message) return unreadable(protocol, bytes, at, ICMP_HEADER);
  const { type, code } = message;
  const known = (version === 4 ? V4 : V6).get(type);
  const more = showRest(message, version, rest, size);
  const head: readonly FieldOf[] = [
    ['Type', 0, 1, `${type} (${known ?? 'unknown'})`],
    ['Code', 1, 1, code],
    ['Checksum', 2, 2, hex(u16(rest, 2), 2)],
  ];
  const layer = makeLayer(protocol, at, more.length, [...head, ...more.fields], more.isCut);
  const name = `${known ?? `Type ${type}`}${code === 0 ? '' : `, code ${code}`}`;
  return { layers: [layer], protocol, info: more.isCut ? 'cut short' : `${name}${more.info}` };
}
