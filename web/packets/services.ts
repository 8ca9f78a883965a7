// SPDX-License-Identifier: MIT
// services - shows what is in some UDP datagrams: DNS messages up to their first question, heads of DHCP messages

import { ipText, u16, u32 } from '../../js/codec/fields.ts';
import { formatMac } from '../../js/util/address.ts';
import { type Dissection, type FieldOf, hex, makeLayer } from './layer.ts';

const DNS_HEADER = 12;
/** Up to and with the client's MAC. */
const DHCP_HEAD = 34;

const TYPES = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [65, 'HTTPS'],
]);

const RCODES = ['no error', 'malformed', 'server failure', 'no such name', 'unknown', 'refused'];

/** A name that is written in labels, and the offset behind it; undefined if it is cut or compressed. */
function readName(bytes: Uint8Array, from: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let at = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at + 1 + length > bytes.length) return undefined;
    if (length === 0) return { name: labels.join('.') || '.', end: at + 1 };
    labels.push(new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
}

/** Shows a DNS message; undefined if it is none, or cut before its question ends. */
export function showDns(bytes: Uint8Array, at: number): Dissection | undefined {
  const message = bytes.subarray(at);
  const question = readName(message, DNS_HEADER);
  if (!question || question.end + 4 > message.length) return undefined;
  const flags = u16(message, 2);
  const isAnswer = (flags & 0x8000) !== 0;
  const code = u16(message, question.end);
  const type = TYPES.get(code) ?? `type ${code}`;
  const rcode = RCODES[flags & 15] ?? `rcode ${flags & 15}`;
  const fields: FieldOf[] = [
    ['Identifier', 0, 2, hex(u16(message, 0), 2)],
    ['Flags', 2, 2, `${hex(flags, 2)} (${isAnswer ? `answer, ${rcode}` : 'query'})`],
    ['Questions', 4, 2, u16(message, 4)],
    ['Answers', 6, 2, u16(message, 6)],
    ['Name', DNS_HEADER, question.end - DNS_HEADER, question.name],
    ['Type', question.end, 2, type],
  ];
  const count = u16(message, 6);
  const result = count > 0 ? `${count} record${count === 1 ? '' : 's'}` : rcode;
  const info = `${isAnswer ? 'Answer' : 'Query'} ${type} ${question.name}${isAnswer ? `: ${result}` : ''}`;
  return { layers: [makeLayer('DNS', at, question.end + 4, fields)], protocol: 'DNS', info };
}

/** Shows the head of a DHCP message; undefined if it is cut within. */
export function showDhcp(bytes: Uint8Array, at: number): Dissection | undefined {
  const message = bytes.subarray(at);
  if (message.length < DHCP_HEAD) return undefined;
  const isReply = message[0] === 2;
  const mac = formatMac(message.subarray(28, DHCP_HEAD));
  const ip = (from: number): string => ipText(message.subarray(from, from + 4));
  const fields: FieldOf[] = [
    ['Operation', 0, 1, isReply ? '2 (reply)' : '1 (request)'],
    ['Transaction', 4, 4, hex(u32(message, 4), 4)],
    ["Client's address", 12, 4, ip(12)],
    ['Address for the client', 16, 4, ip(16)],
    ['Next server', 20, 4, ip(20)],
    ["Client's MAC", 28, 6, mac],
  ];
  const info = isReply ? `Reply: ${ip(16)} for ${mac}` : `Request from ${mac}`;
  return { layers: [makeLayer('DHCP', at, DHCP_HEAD, fields)], protocol: 'DHCP', info };
}
