// SPDX-License-Identifier: MIT
// tcp - shows TCP segments with their options, and UDP datagrams

import {
  parseTcp,
  parseTcpOptions,
  TCP_FLAG,
  TCP_HEADER,
  type TcpOptions,
  type TcpSegment,
  walkTcpOptions,
} from '../../js/codec/tcp.ts';
import { parseUdp, UDP_HEADER } from '../../js/codec/udp.ts';
import {
  type Dissection,
  type FieldOf,
  hex,
  makeLayer,
  payloadLayer,
  unreadable,
} from './layer.ts';
import { showDhcp, showDns } from './services.ts';

/** Names of the flags, from the highest bit. */
const flagNames = (bits: number): string[] =>
  Object.entries(TCP_FLAG)
    .filter(([, bit]) => bits & bit)
    .map(([name]) => name.toUpperCase())
    .reverse();

/** Well-known services, those this page uses. */
const SERVICES = new Map([
  [7, 'echo'],
  [9, 'discard'],
  [19, 'chargen'],
  [53, 'domain'],
  [67, 'dhcp server'],
  [68, 'dhcp client'],
  [80, 'http'],
  [443, 'https'],
]);

const portText = (port: number): string => {
  const service = SERVICES.get(port);
  return service ? `${port} (${service})` : `${port}`;
};

/** Edges of SACK blocks. */
const sackText = ({ sack = [] }: TcpOptions): string =>
  sack.map(([from, to]) => `${from}-${to}`).join(' ');

/** How an option that could be read is shown; undefined: by its number. */
function optionText(option: TcpOptions): [name: string, value: string] | undefined {
  const { maximumSegmentSize, windowScale, isSackPermitted, sack, timestamps } = option;
  if (maximumSegmentSize !== undefined) return ['Maximum segment size', `${maximumSegmentSize}`];
  if (windowScale !== undefined) {
    return ['Window scale', `${windowScale} (times ${2 ** windowScale})`];
  }
  if (isSackPermitted) return ['SACK permitted', 'yes'];
  if (sack) return ['SACK', sackText(option)];
  if (timestamps) return ['Timestamps', `${timestamps.value}, echo ${timestamps.echo}`];
  return undefined;
}

function optionFields(options: Uint8Array): FieldOf[] {
  return Array.from(walkTcpOptions(options), ({ kind, offset, length, isBad }): FieldOf => {
    const at = TCP_HEADER + offset;
    if (isBad) return ['Bad option', at, length, `kind ${kind}`];
    const one = parseTcpOptions(options.subarray(offset, offset + length));
    const [name, value] = optionText(one) ?? [`Option ${kind}`, `${length - 2} bytes`];
    return [name, at, length, value];
  });
}

/** Options that are worth a word in the summary. */
function optionWords(options: Uint8Array): string[] {
  const read = parseTcpOptions(options);
  const { maximumSegmentSize, windowScale, sack = [] } = read;
  return [
    ...(maximumSegmentSize === undefined ? [] : [`MSS=${maximumSegmentSize}`]),
    ...(windowScale === undefined ? [] : [`WS=${2 ** windowScale}`]),
    ...(sack.length === 0 ? [] : [`SACK=${sackText(read)}`]),
  ];
}

function headFields(segment: TcpSegment): FieldOf[] {
  const { flags, options } = segment;
  const header = TCP_HEADER + options.length;
  const names = flagNames(flags).join(', ') || 'none';
  return [
    ['Source port', 0, 2, portText(segment.sourcePort)],
    ['Destination port', 2, 2, portText(segment.destinationPort)],
    ['Sequence number', 4, 4, segment.sequence],
    ['Acknowledgment number', 8, 4, segment.acknowledgment],
    ['Header length', 12, 1, `${header} bytes`],
    ['Flags', 13, 1, `${hex(flags, 1)} (${names})`],
    ['Window', 14, 2, segment.window],
    ['Checksum', 16, 2, hex(segment.checksum, 2)],
    ['Urgent pointer', 18, 2, segment.urgent],
  ];
}

/** Shows a TCP segment of which IP says how long it is; less may have been captured. */
export function showTcp(bytes: Uint8Array, at: number, size: number): Dissection {
  const segment = parseTcp(bytes.subarray(at));
  if (!segment) {
    const header = ((bytes[at + 12] ?? 0) >>> 4) * 4;
    return unreadable('TCP', bytes, at, Math.max(TCP_HEADER, header));
  }
  const { flags, options } = segment;
  const header = TCP_HEADER + options.length;
  const payload = Math.max(0, size - header);
  const fields = [...headFields(segment), ...optionFields(options)];
  const layers = [makeLayer('TCP', at, header, fields)];
  if (payload > 0) layers.push(payloadLayer(bytes, at + header, payload));
  const words = [
    `${segment.sourcePort} → ${segment.destinationPort}`,
    `[${flagNames(flags).join(', ')}]`,
    `Len=${payload}`,
    ...optionWords(options),
    `Seq=${segment.sequence}`,
    ...(flags & TCP_FLAG.ack ? [`Ack=${segment.acknowledgment}`] : []),
    `Win=${segment.window}`,
  ];
  return { layers, protocol: 'TCP', info: words.join(' ') };
}

/** The payload of a datagram of a service that is known. */
function showService(bytes: Uint8Array, at: number, ...ports: number[]): Dissection | undefined {
  if (ports.includes(53)) return showDns(bytes, at);
  return ports.includes(67) ? showDhcp(bytes, at) : undefined;
}

/** Shows a UDP datagram. */
export function showUdp(bytes: Uint8Array, at: number): Dissection {
  const datagram = parseUdp(bytes.subarray(at), { allowCut: true });
  if (!datagram) return unreadable('UDP', bytes, at, UDP_HEADER);
  const { sourcePort, destinationPort, length } = datagram;
  const payload = length - UDP_HEADER;
  const layers = [
    makeLayer('UDP', at, UDP_HEADER, [
      ['Source port', 0, 2, portText(sourcePort)],
      ['Destination port', 2, 2, portText(destinationPort)],
      ['Length', 4, 2, length],
      ['Checksum', 6, 2, hex(datagram.checksum, 2)],
    ]),
  ];
  const inner = showService(bytes, at + UDP_HEADER, sourcePort, destinationPort);
  if (inner) return { ...inner, layers: [...layers, ...inner.layers] };
  if (payload > 0) layers.push(payloadLayer(bytes, at + UDP_HEADER, payload));
  return { layers, protocol: 'UDP', info: `${sourcePort} → ${destinationPort} Len=${payload}` };
}
