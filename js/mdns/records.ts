// SPDX-License-Identifier: MIT
// records - records of multicast DNS: their class, compared, their data as bytes (RFC 6762, sections 8.2 and 10)

import { DnsWriter } from '../codec/dns_bytes.ts';
import { writeData } from '../codec/dns_data.ts';
import { DNS_TYPES } from '../codec/dns_numbers.ts';
import type { DnsMessage, DnsQuestion, DnsRecord } from '../codec/dns_types.ts';
import { lowerAscii } from '../util/host_name.ts';

/** Class IN with the upper bit: of a record "flush what you have", of a question "answer me alone". */
export const IN_TOP = 'CLASS32769';
/** TTL of records that name or address a host, and of others, seconds. */
export const HOST_TTL = 120;
export const OTHER_TTL = 4500;

/** A record of ours. */
export interface OwnRecord {
  readonly record: DnsRecord;
  /** No other host has records of this name and type. */
  readonly isUnique: boolean;
}

/** A record as others sent it. */
export interface HeardRecord {
  /** With class IN. */
  readonly record: DnsRecord;
  /** Older records of its name and type do not count any more. */
  readonly isFlush: boolean;
}

/** Name and type, compared without regard to case. */
export const keyOf = (name: string, type: string): string => `${type} ${lowerAscii(name)}`;

export const isSameName = (a: string, b: string): boolean => lowerAscii(a) === lowerAscii(b);

/** Whether a record answers a question. */
export const fits = (question: DnsQuestion, { name, type }: DnsRecord): boolean =>
  (question.type === 'ANY' || question.type === type) && isSameName(question.name, name);

/** Whether a question wants an answer of its own. */
export const isUnicast = ({ class: kind }: DnsQuestion): boolean => kind === IN_TOP;

/** Whether a question is of class IN or ANY. */
export const isInternet = ({ class: kind }: DnsQuestion): boolean =>
  kind === undefined || kind === 'IN' || kind === 'ANY' || kind === IN_TOP;

const cached = new WeakMap<DnsRecord, string>();

/** The data of a record, uncompressed, as text of one character a byte. */
export function dataOf(record: DnsRecord): string {
  const known = cached.get(record);
  if (known !== undefined) return known;
  const writer = new DnsWriter();
  let data = '';
  try {
    writeData(writer, record);
  } finally {
    // Also of one that cannot be written, the buffer goes back.
    const bytes = writer.end();
    data = String.fromCharCode(...bytes);
  }
  cached.set(record, data);
  return data;
}

/** Name, type and data: the identity of a record. Names in data differ by case too. */
export const identity = (record: DnsRecord): string =>
  `${keyOf(record.name, record.type)} ${dataOf(record)}`;

/** A record as it came, with class IN; undefined: it is of another class. */
export function heardRecord(record: DnsRecord): HeardRecord | undefined {
  const isFlush = record.class === IN_TOP;
  if (!isFlush && record.class !== 'IN') return undefined;
  return { record: isFlush ? ({ ...record, class: 'IN' } as DnsRecord) : record, isFlush };
}

/** A record of ours as it is sent. */
export function sentRecord({ record, isUnique }: OwnRecord, ttl = record.ttl): DnsRecord {
  return { ...record, ttl, ...(isUnique && { class: IN_TOP }) } as DnsRecord;
}

const typeCode = ({ type }: DnsRecord): number => DNS_TYPES[type as keyof typeof DNS_TYPES] ?? 0;

/** Orders records by type and data. */
function compare(a: DnsRecord, b: DnsRecord): number {
  const types = typeCode(a) - typeCode(b);
  if (types !== 0) return types;
  const [one, other] = [dataOf(a), dataOf(b)];
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/**
 * Which of two hosts that probe for one name at the same time has it.
 *
 * @param ours - Our records.
 * @param theirs - Theirs.
 * @returns Below 0: they have it; 0: the records are the same; above 0: we have it.
 * @throws Never.
 */
export function compareSets(ours: readonly DnsRecord[], theirs: readonly DnsRecord[]): number {
  const [a, b] = [[...ours].sort(compare), [...theirs].sort(compare)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [one, other] = [a[i], b[i]];
    if (!one || !other) return one ? 1 : -1;
    const order = compare(one, other);
    if (order !== 0) return order;
  }
  return 0;
}

/** A response. */
export const response = (
  answers: readonly DnsRecord[],
  additionals: readonly DnsRecord[] = [],
): Partial<DnsMessage> => ({ isResponse: true, authoritative: true, answers, additionals });
