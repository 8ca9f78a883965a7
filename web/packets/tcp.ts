// SPDX-License-Identifier: MIT
// tcp - decodes TCP segments with their options (RFC 9293, 7323, 2018), and UDP headers

import type { Dissection } from './layer.ts';
import { hex, LayerReader } from './layer.ts';

/** Names of the flags, from the lowest bit. */
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

const flagNames = (bits: number): string[] => FLAGS.filter((_, i) => bits & (1 << i)).reverse();

/** Well-known services, those this page uses. */
const SERVICES = new Map([
  [7, 'echo'],
  [9, 'discard'],
  [19, 'chargen'],
  [53, 'domain'],
  [80, 'http'],
  [443, 'https'],
]);

const portText = (port: number): string => {
  const service = SERVICES.get(port);
  return service ? `${port} (${service})` : `${port}`;
};

const u32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at);

/** Edges of SACK blocks; a block that is not whole is left out. */
function sackText(value: Uint8Array): string {
  const blocks: string[] = [];
  for (let at = 0; at + 8 <= value.length; at += 8) {
    blocks.push(`${u32(value, at)}-${u32(value, at + 4)}`);
  }
  return blocks.join(' ');
}

/** One option with a length; what it is called, and its value. */
function optionText(kind: number, value: Uint8Array): [name: string, value: string] {
  const size = value.length;
  if (kind === 2 && size === 2) {
    return ['Maximum segment size', `${((value[0] ?? 0) << 8) | (value[1] ?? 0)}`];
  }
  if (kind === 3 && size === 1) {
    return ['Window scale', `${value[0]} (times ${2 ** Math.min(value[0] ?? 0, 14)})`];
  }
  if (kind === 4 && size === 0) return ['SACK permitted', 'yes'];
  if (kind === 5) return ['SACK', sackText(value)];
  if (kind === 8 && size === 8) return ['Timestamps', `${u32(value, 0)}, echo ${u32(value, 4)}`];
  return [`Option ${kind}`, `${size} bytes`];
}

/** Reads options up to the end of the header; returns what is worth a word in the summary. */
function readOptions(reader: LayerReader, bytes: Uint8Array, end: number): string {
  const words: string[] = [];
  while (reader.at < end && reader.left > 0) {
    const kind = bytes[reader.at] ?? 0;
    if (kind === 0) {
      reader.number('End of options', 1);
      break;
    }
    if (kind === 1) {
      reader.skip(1);
      continue;
    }
    const length = bytes[reader.at + 1] ?? 0;
    if (length < 2 || reader.at + length > end) {
      reader.text('Bad option', Math.min(end - reader.at, reader.left), () => `kind ${kind}`);
      break;
    }
    const value = bytes.subarray(reader.at + 2, reader.at + length);
    const [name, text] = optionText(kind, value);
    reader.text(name, length, () => text);
    if (kind === 2) words.push(`MSS=${text}`);
    if (kind === 3) words.push(`WS=${2 ** Math.min(value[0] ?? 0, 14)}`);
    if (kind === 5 && text) words.push(`SACK=${text}`);
  }
  if (reader.at < end) reader.skip(end - reader.at);
  return words.join(' ');
}

/** Decodes a TCP segment of which IP says how long it is; less may have been captured. */
export function decodeTcp(bytes: Uint8Array, at: number, size: number): Dissection {
  const reader = new LayerReader(bytes, at, 'TCP');
  const source = reader.number('Source port', 2, portText);
  const destination = reader.number('Destination port', 2, portText);
  const sequence = reader.number('Sequence number', 4);
  const acknowledged = reader.number('Acknowledgment number', 4);
  const offset = reader.number('Header length', 1, (n) => `${(n >>> 4) * 4} bytes`);
  const header = Math.max(20, (offset >>> 4) * 4);
  const bits = reader.number(
    'Flags',
    1,
    (n) => `${hex(n, 1)} (${flagNames(n).join(', ') || 'none'})`,
  );
  const window = reader.number('Window', 2);
  reader.number('Checksum', 2, (n) => hex(n, 2));
  reader.number('Urgent pointer', 2);
  const options = reader.isCut ? '' : readOptions(reader, bytes, at + header);
  const payload = Math.max(0, size - header);
  const layers = [reader.layer()];
  if (payload > 0 && !reader.isCut) layers.push(payloadLayer(bytes, at + header, payload));
  const flags = flagNames(bits);
  const words = [
    `${source} → ${destination}`,
    `[${flags.join(', ')}]`,
    `Len=${payload}`,
    ...(options ? [options] : []),
    `Seq=${sequence}`,
    ...(flags.includes('ACK') ? [`Ack=${acknowledged}`] : []),
    `Win=${window}`,
  ];
  const info = layers[0]?.isCut && bits === 0 ? 'cut short' : words.join(' ');
  return { layers, protocol: 'TCP', info };
}

/** Decodes a UDP datagram. */
export function decodeUdp(bytes: Uint8Array, at: number): Dissection {
  const reader = new LayerReader(bytes, at, 'UDP');
  const source = reader.number('Source port', 2, portText);
  const destination = reader.number('Destination port', 2, portText);
  const length = reader.number('Length', 2);
  reader.number('Checksum', 2, (n) => hex(n, 2));
  const payload = Math.max(0, length - 8);
  const layers = [reader.layer()];
  if (payload > 0 && !reader.isCut) layers.push(payloadLayer(bytes, reader.at, payload));
  const info = reader.isCut ? 'cut short' : `${source} → ${destination} Len=${payload}`;
  return { layers, protocol: 'UDP', info };
}

/** What a segment carries, as far as it was captured. */
function payloadLayer(bytes: Uint8Array, at: number, size: number): Dissection['layers'][number] {
  const reader = new LayerReader(bytes, at, 'Payload');
  const captured = Math.min(size, reader.left);
  const text = (part: Uint8Array): string =>
    Array.from(part.subarray(0, 64), (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·',
    ).join('');
  reader.text('Bytes', captured, () =>
    captured < size ? `${size} (${captured} captured)` : `${size}`,
  );
  const shown = text(bytes.subarray(at, at + captured));
  if (captured > 0) reader.note('Text', shown, captured);
  return reader.layer();
}
