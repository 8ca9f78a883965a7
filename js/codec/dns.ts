// SPDX-License-Identifier: MIT
// dns - messages of DNS to and from bytes (RFC 1035, RFC 6891, RFC 3597)
//
// Pure functions. A message bounds the work of reading it by its own length: every record that it counts
// must be there, and takes 11 bytes at least; see dns_bytes.ts for names.

import { NetError } from '../errors.ts';
import { show } from '../util/check.ts';
import { DnsReader, DnsWriter } from './dns_bytes.ts';
import { type DnsFields, readData, writeData } from './dns_data.ts';
import { CLASS_NAMES, DNS_TYPES, OPCODE_NAMES, RCODE_NAMES, TYPE_NAMES } from './dns_numbers.ts';
import type { DnsEdns, DnsMessage, DnsQuestion, DnsRecord } from './dns_types.ts';

/** Bytes in front of the questions. */
export const DNS_HEADER = 12;
/** Longest message: TCP has 16 bits for its length. */
export const DNS_LONGEST = 0xffff;
/** Longest datagram to a peer that does not announce EDNS (RFC 1035, section 4.2.1). */
export const DNS_UDP = 512;
/** Longest datagram that is never fragmented (DNS flag day 2020). */
export const DNS_EDNS_UDP = 1232;

/** Longest TTL; one above counts as 0 (RFC 2181, section 8). */
const LONGEST_TTL = 0x7fffffff;

/** Flags of the header, by their names in RFC 1035 and RFC 4035. */
const QR = 0x8000;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const AD = 0x0020;
const CD = 0x0010;

function flagsOf(message: Partial<DnsMessage>): number {
  return (
    (message.isResponse ? QR : 0) |
    (message.authoritative ? AA : 0) |
    (message.truncated ? TC : 0) |
    (message.recursionDesired ? RD : 0) |
    (message.recursionAvailable ? RA : 0) |
    (message.authenticData ? AD : 0) |
    (message.checkingDisabled ? CD : 0)
  );
}

function readQuestion(reader: DnsReader): DnsQuestion {
  const name = reader.name();
  return { name, type: TYPE_NAMES.name(reader.u16()), class: CLASS_NAMES.name(reader.u16()) };
}

/** The fields of the header and of the OPT record, from which a message is put together. */
interface Parts {
  edns?: DnsEdns;
  /** Upper 8 bits of the result. */
  extended: number;
}

/** The pseudo-record of EDNS: its class and TTL have other meanings. */
function readEdns(reader: DnsReader, parts: Parts): void {
  const udpSize = reader.u16();
  parts.extended = reader.u8();
  const version = reader.u8();
  const dnssecOk = (reader.u16() & 0x8000) !== 0;
  const length = reader.u16();
  const end = reader.skip(length) + length;
  reader.offset -= length;
  reader.end = end;
  const options: { code: number; data: Uint8Array }[] = [];
  while (reader.offset < end) {
    const code = reader.u16();
    options.push({ code, data: reader.take(reader.u16()) });
  }
  reader.end = reader.bytes.length;
  parts.edns = { udpSize, version, dnssecOk, options };
}

function readRecord(reader: DnsReader, name: string, code: number): DnsRecord {
  const type = TYPE_NAMES.name(code);
  const record: DnsFields = { name, type, class: CLASS_NAMES.name(reader.u16()) };
  const ttl = reader.u32();
  record.ttl = ttl > LONGEST_TTL ? 0 : ttl;
  const length = reader.u16();
  reader.end = reader.skip(length) + length;
  reader.offset -= length;
  // An update has records without data (RFC 2136, section 2.4).
  if (length === 0 && (record.class === 'ANY' || record.class === 'NONE')) {
    record.data = new Uint8Array();
  } else readData(reader, type, record);
  reader.end = reader.bytes.length;
  return record as unknown as DnsRecord;
}

function readSection(reader: DnsReader, count: number, parts?: Parts): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.name();
    const code = reader.u16();
    if (code !== DNS_TYPES.OPT) records.push(readRecord(reader, name, code));
    else if (parts === undefined || parts.edns || name !== '') {
      throw reader.malformed('a record of type OPT is where none may be');
    } else readEdns(reader, parts);
  }
  return records;
}

/**
 * Reads a message.
 *
 * @param bytes - The message, without the length that TCP has in front of it. It is not kept.
 * @returns The message. Types without fields of their own have `data`.
 * @throws NetError EPROTO if it is malformed; the message says where.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseDnsMessage, serializeDnsMessage } from 'ringstack/dns';
 *
 * const bytes = serializeDnsMessage({ id: 7, questions: [{ name: 'db.internal', type: 'AAAA' }] });
 * const { id, questions } = parseDnsMessage(bytes);
 * assert.equal(id, 7);
 * assert.deepEqual(questions, [{ name: 'db.internal', type: 'AAAA', class: 'IN' }]);
 * ```
 */
export function parseDnsMessage(bytes: Uint8Array): DnsMessage {
  const reader = new DnsReader(bytes);
  const id = reader.u16();
  const bits = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  const questions: DnsQuestion[] = [];
  for (let i = 0; i < counts[0]; i++) questions.push(readQuestion(reader));
  const parts: Parts = { extended: 0 };
  const answers = readSection(reader, counts[1]);
  const authorities = readSection(reader, counts[2]);
  const additionals = readSection(reader, counts[3], parts);
  const message: DnsMessage = {
    id,
    isResponse: (bits & QR) !== 0,
    authoritative: (bits & AA) !== 0,
    truncated: (bits & TC) !== 0,
    recursionDesired: (bits & RD) !== 0,
    recursionAvailable: (bits & RA) !== 0,
    authenticData: (bits & AD) !== 0,
    checkingDisabled: (bits & CD) !== 0,
    opcode: OPCODE_NAMES.name((bits >> 11) & 15),
    rcode: RCODE_NAMES.name((bits & 15) | (parts.extended << 4)),
    questions,
    answers,
    authorities,
    additionals,
  };
  return parts.edns ? { ...message, edns: parts.edns } : message;
}

/** The number of a name, or an error that says what there is no such one of. */
function codeOf(names: { code(name: unknown): number }, kind: string, name: unknown): number {
  const code = names.code(name);
  if (code >= 0) return code;
  throw new NetError('EINVAL', `Cannot write ${kind} ${show(name)}`, {
    reason: `there is no such ${kind}`,
  });
}

function checkCount(what: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new NetError('EINVAL', `Cannot write ${what} ${value}`, {
    reason: `it is a whole number from 0 to ${most}`,
  });
}

/** Writes records while they fit. Returns how many did. */
function writeSection(writer: DnsWriter, records: readonly DnsRecord[], limit: number): number {
  for (const [i, record] of records.entries()) {
    const start = writer.offset;
    writer.name(record.name);
    writer.u16(codeOf(TYPE_NAMES, 'type', record.type));
    writer.u16(codeOf(CLASS_NAMES, 'class', record.class ?? 'IN'));
    writer.u32(checkCount('ttl', record.ttl, LONGEST_TTL));
    const at = writer.offset;
    writer.u16(0);
    writeData(writer, record);
    if (writer.offset > limit) {
      writer.offset = start;
      return i;
    }
    writer.put16(at, writer.offset - at - 2);
  }
  return records.length;
}

function writeEdns(writer: DnsWriter, edns: DnsEdns, rcode: number): void {
  writer.u8(0);
  writer.u16(DNS_TYPES.OPT);
  writer.u16(checkCount('udpSize', edns.udpSize ?? DNS_EDNS_UDP, 0xffff));
  writer.u8(rcode >> 4);
  writer.u8(checkCount('version', edns.version ?? 0, 255));
  writer.u16(edns.dnssecOk ? 0x8000 : 0);
  writer.u16(optionsLength(edns));
  for (const { code, data } of edns.options ?? []) {
    writer.u16(checkCount('option', code, 0xffff));
    writer.u16(checkCount('the length of an option', data.length, 0xffff));
    writer.raw(data);
  }
}

function optionsLength({ options = [] }: DnsEdns): number {
  return options.reduce((length, { data }) => length + 4 + data.length, 0);
}

/** How serializeDnsMessage() writes. */
export interface DnsSerializeOptions {
  /**
   * Longest message in bytes, 512 to 65535. Records that do not fit are left out; if they are answers or
   * of the authorities, the message says that it is truncated. @default 65535
   */
  readonly limit?: number;
}

/**
 * Writes a message, its names compressed.
 *
 * @param message - Fields left out are 0, false, or none; `opcode` QUERY, `rcode` NOERROR, each class IN.
 * @param options - How long it may be.
 * @returns The bytes, without the length that TCP has in front of them.
 * @throws NetError EINVAL if something cannot be written: the message says what. EMSGSIZE if the questions
 *   alone are too long.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseDnsMessage, serializeDnsMessage } from 'ringstack/dns';
 *
 * const answers = Array.from({ length: 100 }, (_, i) => {
 *   return { name: 'a.internal', class: 'IN', type: 'A', ttl: 60, ip: `10.0.0.${i}` } as const;
 * });
 * const bytes = serializeDnsMessage({ isResponse: true, answers }, { limit: 512 });
 * assert.ok(bytes.length <= 512);
 * assert.equal(parseDnsMessage(bytes).truncated, true);
 * ```
 */
export function serializeDnsMessage(
  message: Partial<DnsMessage>,
  { limit = DNS_LONGEST }: DnsSerializeOptions = {},
): Uint8Array {
  const { questions = [], answers = [], authorities = [], additionals = [], edns } = message;
  const rcode = codeOf(RCODE_NAMES, 'rcode', message.rcode ?? 'NOERROR');
  if (rcode > 15 && !edns) {
    throw new NetError('EINVAL', `Cannot write rcode ${message.rcode}`, {
      reason: 'it needs edns',
    });
  }
  const room = limit - (edns ? 11 + optionsLength(edns) : 0);
  const writer = new DnsWriter();
  writer.u16(checkCount('id', message.id ?? 0, 0xffff));
  const opcode = codeOf(OPCODE_NAMES, 'opcode', message.opcode ?? 'QUERY');
  const bits = (opcode << 11) | flagsOf(message) | (rcode & 15);
  writer.u16(bits);
  for (let i = 0; i < 4; i++) writer.u16(0);
  for (const question of questions) {
    writer.name(question.name);
    writer.u16(codeOf(TYPE_NAMES, 'type', question.type));
    writer.u16(codeOf(CLASS_NAMES, 'class', question.class ?? 'IN'));
  }
  if (writer.offset > room) {
    throw new NetError('EMSGSIZE', `Cannot write ${questions.length} questions in ${limit} bytes`);
  }
  const count = writeSection(writer, answers, room);
  const isShort = count < answers.length;
  const more = isShort ? 0 : writeSection(writer, authorities, room);
  const isCut = isShort || more < authorities.length;
  const extra = isCut ? 0 : writeSection(writer, additionals, room);
  if (edns) writeEdns(writer, edns, rcode);
  if (isCut) writer.put16(2, bits | TC);
  const counts = [questions.length, count, more, extra + (edns ? 1 : 0)];
  for (const [i, value] of counts.entries()) writer.put16(4 + 2 * i, value);
  return writer.end();
}
