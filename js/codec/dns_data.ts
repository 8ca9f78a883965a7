// SPDX-License-Identifier: MIT
// dns_data - the fields of each type of DNS record, as a table

import type { DnsReader, DnsWriter } from './dns_bytes.ts';
import { type DnsKind, joinStrings, readField, stringsOf, writeField } from './dns_fields.ts';
import { type DnsType, TYPE_NAMES } from './dns_numbers.ts';
import type { DnsRecord } from './dns_types.ts';

type Layout = readonly (readonly [field: string, kind: DnsKind])[];

const SERVICE: Layout = [
  ['priority', 'u16'],
  ['target', 'whole'],
  ['params', 'params'],
];
const DIGEST: Layout = [
  ['keyTag', 'u16'],
  ['algorithm', 'u8'],
  ['digestType', 'u8'],
  ['digest', 'bytes'],
];
const KEY: Layout = [
  ['flags', 'u16'],
  ['protocol', 'u8'],
  ['algorithm', 'u8'],
  ['publicKey', 'bytes'],
];
const CERTIFICATE: Layout = [
  ['usage', 'u8'],
  ['selector', 'u8'],
  ['matchingType', 'u8'],
  ['certificate', 'bytes'],
];
const HASH: Layout = [
  ['algorithm', 'u8'],
  ['flags', 'u8'],
  ['iterations', 'u16'],
  ['salt', 'short'],
];
const TEXT: Layout = [['strings', 'strings']];
const OPAQUE: Layout = [['data', 'bytes']];

const LAYOUTS: Readonly<Partial<Record<string, Layout>>> = {
  A: [['ip', 'ip4']],
  AAAA: [['ip', 'ip6']],
  NS: [['ns', 'name']],
  CNAME: [['cname', 'name']],
  DNAME: [['dname', 'whole']],
  PTR: [['ptr', 'name']],
  TXT: TEXT,
  SPF: TEXT,
  MX: [
    ['preference', 'u16'],
    ['exchange', 'name'],
  ],
  SOA: [
    ['mname', 'name'],
    ['rname', 'name'],
    ['serial', 'u32'],
    ['refresh', 'u32'],
    ['retry', 'u32'],
    ['expire', 'u32'],
    ['minimum', 'u32'],
  ],
  SRV: [
    ['priority', 'u16'],
    ['weight', 'u16'],
    ['port', 'u16'],
    ['target', 'whole'],
  ],
  NAPTR: [
    ['order', 'u16'],
    ['preference', 'u16'],
    ['flags', 'string'],
    ['service', 'string'],
    ['regexp', 'string'],
    ['replacement', 'whole'],
  ],
  CAA: [
    ['flags', 'u8'],
    ['tag', 'string'],
    ['value', 'text'],
  ],
  SVCB: SERVICE,
  HTTPS: SERVICE,
  URI: [
    ['priority', 'u16'],
    ['weight', 'u16'],
    ['target', 'text'],
  ],
  HINFO: [
    ['cpu', 'string'],
    ['os', 'string'],
  ],
  RP: [
    ['mbox', 'whole'],
    ['txt', 'whole'],
  ],
  AFSDB: [
    ['subtype', 'u16'],
    ['hostname', 'whole'],
  ],
  KX: [
    ['preference', 'u16'],
    ['exchanger', 'whole'],
  ],
  DS: DIGEST,
  CDS: DIGEST,
  DNSKEY: KEY,
  CDNSKEY: KEY,
  RRSIG: [
    ['typeCovered', 'type'],
    ['algorithm', 'u8'],
    ['labels', 'u8'],
    ['originalTtl', 'u32'],
    ['expiration', 'u32'],
    ['inception', 'u32'],
    ['keyTag', 'u16'],
    ['signer', 'whole'],
    ['signature', 'bytes'],
  ],
  NSEC: [
    ['next', 'whole'],
    ['types', 'types'],
  ],
  NSEC3: [...HASH, ['next', 'short'], ['types', 'types']],
  NSEC3PARAM: HASH,
  TLSA: CERTIFICATE,
  SMIMEA: CERTIFICATE,
  SSHFP: [
    ['algorithm', 'u8'],
    ['fingerprintType', 'u8'],
    ['fingerprint', 'bytes'],
  ],
};

/** A record whose fields are not known yet. */
export interface DnsFields {
  [field: string]: unknown;
  class?: unknown;
  ttl?: unknown;
  value?: unknown;
  strings?: unknown;
  data?: unknown;
}

/**
 * Reads the data of a record, which goes up to the reader's end.
 *
 * @param reader - Stands on its first byte.
 * @param type - Type of the record.
 * @param record - Gets the fields.
 * @throws NetError EPROTO if they are not what the type has.
 */
export function readData(reader: DnsReader, type: DnsType, record: DnsFields): void {
  const layout = LAYOUTS[type] ?? OPAQUE;
  for (const [field, kind] of layout) record[field] = readField(reader, kind);
  if (reader.offset !== reader.end) throw reader.malformed(`a record of type ${type} is too long`);
  if (layout === TEXT) record.value = joinStrings(record.strings as Uint8Array[]);
}

/**
 * Writes the data of a record.
 *
 * @param writer - The writer of the message.
 * @param record - Its type and fields.
 * @throws NetError EINVAL if a field is missing or out of range.
 */
export function writeData(writer: DnsWriter, record: DnsRecord): void {
  const fields = record as unknown as DnsFields;
  // The type may be written by number though it has a name.
  const type = TYPE_NAMES.name(TYPE_NAMES.code(record.type));
  const layout = fields.data instanceof Uint8Array ? OPAQUE : (LAYOUTS[type] ?? OPAQUE);
  for (const [field, kind] of layout) {
    const given = fields[field];
    const isText = layout === TEXT && given === undefined && typeof fields.value === 'string';
    const value = isText ? stringsOf(fields.value as string) : given;
    writeField(writer, type, field, kind, value);
  }
}
