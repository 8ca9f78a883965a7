// SPDX-License-Identifier: MIT
// dhcp - messages of DHCP to and from bytes (RFC 2131, RFC 2132, RFC 3396)
//
// Pure functions. A message is a fixed head of 236 bytes, a magic number, and options. Options that are split are put
// together, and the fields `file` and `sname` hold options too if option 52 says so. Every length is checked against
// the bytes that are there; nothing is read twice, so the work is bounded by the length of the message.

import { NetError } from '../errors.ts';
import { formatMac } from '../util/address.ts';
import { show } from '../util/check.ts';
import { readDhcpOption } from './dhcp_options.ts';
import { concat, ipBytes, ipText, macBytes, putU16, putU32, u16, u32 } from './fields.ts';

/** Port of servers and relays. */
export const DHCP_SERVER_PORT = 67;
/** Port of clients. */
export const DHCP_CLIENT_PORT = 68;

/** Kind of a message. */
export type DhcpMessageType =
  | 'DISCOVER'
  | 'OFFER'
  | 'REQUEST'
  | 'DECLINE'
  | 'ACK'
  | 'NAK'
  | 'RELEASE'
  | 'INFORM';

/** Kinds by their numbers, from 1. */
const TYPES: readonly DhcpMessageType[] = [
  'DISCOVER',
  'OFFER',
  'REQUEST',
  'DECLINE',
  'ACK',
  'NAK',
  'RELEASE',
  'INFORM',
];

/** A message. */
export interface DhcpMessage {
  /** 1: from a client, 2: from a server. */
  readonly op: 1 | 2;
  /** Kind of the hardware address; 1: Ethernet. */
  readonly htype: number;
  /** Length of the hardware address, bytes. */
  readonly hlen: number;
  /** Relays that it has passed. */
  readonly hops: number;
  /** Number that answers have in common with their question, 32 bits. */
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** The client cannot receive unicast yet. */
  readonly broadcast: boolean;
  /** The client's address, if it has one it can answer for. */
  readonly ciaddr: string;
  /** The address that the client gets. */
  readonly yiaddr: string;
  /** The server for the next step of a boot. */
  readonly siaddr: string;
  /** The relay between client and server. */
  readonly giaddr: string;
  /** The client's MAC address; the first six bytes of another kind of hardware address. */
  readonly mac: string;
  /** Name of the server of the next step; '' if none. */
  readonly sname: string;
  /** Boot file; '' if none. */
  readonly file: string;
  /** Kind; undefined: it is BOOTP, or a kind that has no name here. */
  readonly type: DhcpMessageType | undefined;
  /** Address that the client asks for (50). */
  readonly requestedIP: string | undefined;
  /** Server that is meant, or that answers (54). */
  readonly serverIdentifier: string | undefined;
  /** Options by number, without 0, 52 and 255. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Fields of a message to write. Those that are left out are zero, empty or absent. */
export type DhcpFields = Partial<
  Omit<DhcpMessage, 'type' | 'requestedIP' | 'serverIdentifier' | 'htype' | 'hlen'>
> & {
  /** Kind. */
  readonly type: DhcpMessageType;
  /** The client's MAC address. */
  readonly mac: string;
};

const HEAD = 240;
const MAGIC = 0x63825363;
const SNAME = { at: 44, size: 64 };
const FILE = { at: 108, size: 128 };
const PAD = 0;
const OVERLOAD = 52;
const TYPE = 53;
const END = 255;
/** Length of a BOOTP message, which old clients and relays insist on. */
const SHORTEST = 300;
/** Longest message that every host takes: 576 bytes with its IP and UDP headers. */
export const DHCP_DEFAULT_SIZE = 548;

function malformed(length: number, reason: string): NetError {
  return new NetError('EPROTO', `Cannot parse a DHCP message of ${length} bytes`, { reason });
}

/** Adds the options of one area, each in its parts. */
function readArea(
  bytes: Uint8Array,
  start: number,
  end: number,
  parts: Map<number, Uint8Array[]>,
): void {
  for (let at = start; at < end; ) {
    const code = bytes[at] as number;
    if (code === END) return;
    if (code === PAD) {
      at++;
      continue;
    }
    const from = at + 2;
    const to = from + (bytes[at + 1] ?? 0);
    if (from > end || to > end) {
      throw malformed(bytes.length, `truncated dhcp option ${code} at byte ${at}`);
    }
    const part = bytes.subarray(from, to);
    const before = parts.get(code);
    if (before) before.push(part);
    else parts.set(code, [part]);
    at = to;
  }
}

/** Text of a fixed field, up to its first zero; characters that are not printable end it. */
function fixedText(bytes: Uint8Array, { at, size }: { at: number; size: number }): string {
  let text = '';
  for (const byte of bytes.subarray(at, at + size)) {
    if (byte < 0x20 || byte > 0x7e) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

/**
 * Reads a message.
 *
 * @param bytes - The payload of a datagram.
 * @returns The message; its bytes are copies.
 * @throws {NetError} EPROTO if it is too short, has no magic number, or an option is cut off.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseDhcpMessage, serializeDhcpMessage } from 'ringstack/dhcp';
 *
 * const bytes = serializeDhcpMessage({ op: 1, type: 'DISCOVER', mac: '02:00:00:00:00:01', xid: 7 });
 * assert.equal(parseDhcpMessage(bytes).type, 'DISCOVER');
 * assert.throws(() => parseDhcpMessage(bytes.subarray(0, 239)), { code: 'EPROTO' });
 * ```
 */
export function parseDhcpMessage(bytes: Uint8Array): DhcpMessage {
  const { length } = bytes;
  if (length < HEAD) throw malformed(length, `dhcp message too short: ${HEAD} bytes at least`);
  const op = bytes[0];
  if (op !== 1 && op !== 2) throw malformed(length, 'it is neither a request nor a reply');
  if (u32(bytes, HEAD - 4) !== MAGIC) throw malformed(length, 'it has no magic number');
  const parts = new Map<number, Uint8Array[]>();
  readArea(bytes, HEAD, length, parts);
  const overload = parts.get(OVERLOAD)?.[0]?.[0] ?? 0;
  const hasFile = (overload & 1) !== 0;
  const hasSname = (overload & 2) !== 0;
  if (hasFile) readArea(bytes, FILE.at, FILE.at + FILE.size, parts);
  if (hasSname) readArea(bytes, SNAME.at, SNAME.at + SNAME.size, parts);
  parts.delete(OVERLOAD);
  const options = new Map([...parts].map(([code, all]) => [code, concat(...all)] as const));
  const type = options.get(TYPE);
  const at = (offset: number): string => ipText(bytes.subarray(offset, offset + 4));
  return {
    op,
    htype: bytes[1] as number,
    hlen: bytes[2] as number,
    hops: bytes[3] as number,
    xid: u32(bytes, 4),
    secs: u16(bytes, 8),
    broadcast: (u16(bytes, 10) & 0x8000) !== 0,
    ciaddr: at(12),
    yiaddr: at(16),
    siaddr: at(20),
    giaddr: at(24),
    mac: formatMac(bytes.subarray(28, 34)),
    sname: hasSname ? '' : fixedText(bytes, SNAME),
    file: hasFile ? '' : fixedText(bytes, FILE),
    type: type?.length === 1 ? TYPES[(type[0] as number) - 1] : undefined,
    requestedIP: readDhcpOption(options, 'requestedIP'),
    serverIdentifier: readDhcpOption(options, 'serverIdentifier'),
    options,
  };
}

/** An option as it is on the wire: in parts of at most 255 bytes (RFC 3396). */
function encode(code: number, value: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < value.length; at += 255) {
    const part = value.subarray(at, at + 255);
    parts.push(Uint8Array.of(code, part.length), part);
  }
  return concat(...parts);
}

/** An area that takes options, and its bytes so far. */
class Area {
  readonly parts: Uint8Array[] = [];
  #left: number;

  constructor(size: number) {
    this.#left = size - 1;
  }

  take(option: Uint8Array): boolean {
    if (option.length > this.#left) return false;
    this.#left -= option.length;
    this.parts.push(option);
    return true;
  }

  bytes(): Uint8Array {
    return concat(...this.parts, Uint8Array.of(END));
  }
}

function putText(head: Uint8Array, name: string, text: string, at: number, size: number): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < size) head.set(bytes, at);
  else {
    const reason = `must be at most ${size - 1} bytes`;
    throw new NetError('EINVAL', `Cannot send the ${name} ${show(text)}`, { reason });
  }
}

function headOf(fields: DhcpFields): Uint8Array {
  const head = new Uint8Array(HEAD);
  const { op = 2, hops = 0, xid = 0, secs = 0, broadcast = false, sname = '', file = '' } = fields;
  head.set([op, 1, 6, hops]);
  putU32(head, 4, xid);
  putU16(head, 8, secs);
  putU16(head, 10, broadcast ? 0x8000 : 0);
  const places = [
    [12, fields.ciaddr],
    [16, fields.yiaddr],
    [20, fields.siaddr],
    [24, fields.giaddr],
  ] as const;
  for (const [at, ip] of places) {
    if (ip !== undefined) head.set(ipBytes(ip).subarray(0, 4), at);
  }
  head.set(macBytes(fields.mac), 28);
  putText(head, 'server name', sname, SNAME.at, SNAME.size);
  putText(head, 'boot file', file, FILE.at, FILE.size);
  putU32(head, HEAD - 4, MAGIC);
  return head;
}

/**
 * Writes a message.
 *
 * @param fields - Its fields. `options` are written in their order, so the important ones come first.
 * @param limit - Bytes at the most, 300 to 65507. Options that do not fit go to the fields `file` and `sname` if these
 *   are empty; those that do not fit there either are left out.
 * @returns The bytes, 300 at least.
 * @throws {NetError} EINVAL if a field is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { dhcpOptions, serializeDhcpMessage } from 'ringstack/dhcp';
 *
 * const options = dhcpOptions({ hostName: 'guest' });
 * const mac = '02:00:00:00:00:01';
 * assert.equal(serializeDhcpMessage({ op: 1, type: 'DISCOVER', mac, options }).length, 300);
 * ```
 */
export function serializeDhcpMessage(fields: DhcpFields, limit = DHCP_DEFAULT_SIZE): Uint8Array {
  const head = headOf(fields);
  const main = new Area(Math.max(limit, SHORTEST) - HEAD - 3); // 3 for option 52
  const file = fields.file ? undefined : new Area(FILE.size);
  const sname = fields.sname ? undefined : new Area(SNAME.size);
  main.take(Uint8Array.of(TYPE, 1, TYPES.indexOf(fields.type) + 1));
  for (const [code, value] of fields.options ?? []) {
    if (code === TYPE || code === OVERLOAD) continue;
    const option = encode(code, value);
    if (!main.take(option) && !file?.take(option)) sname?.take(option);
  }
  let overload = 0;
  if (file && file.parts.length > 0) {
    overload |= 1;
    head.set(file.bytes(), FILE.at);
  }
  if (sname && sname.parts.length > 0) {
    overload |= 2;
    head.set(sname.bytes(), SNAME.at);
  }
  if (overload > 0) main.parts.splice(1, 0, Uint8Array.of(OVERLOAD, 1, overload));
  const message = concat(head, main.bytes());
  if (message.length >= SHORTEST) return message;
  return concat(message, new Uint8Array(SHORTEST - message.length));
}
