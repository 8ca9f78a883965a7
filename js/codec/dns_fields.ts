// SPDX-License-Identifier: MIT
// dns_fields - how each kind of field of a DNS record is read and written

import { NetError } from '../errors.ts';
import { formatIp, parseIpv4, parseIpv6 } from '../util/address.ts';
import { show } from '../util/check.ts';
import { bytesOf, type DnsReader, type DnsWriter, textOf } from './dns_bytes.ts';
import { type DnsType, TYPE_NAMES } from './dns_numbers.ts';
import { readSvcParams, writeSvcParams } from './dns_svcb.ts';
import type { SvcParams } from './dns_types.ts';

/**
 * Kinds of field. Only in records of RFC 1035 may a name be compressed when it is written (RFC 3597,
 * section 4): `name` there, `whole` elsewhere. `text` and `bytes` go up to the end of the record.
 */
export type DnsKind =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'ip4'
  | 'ip6'
  | 'name'
  | 'whole'
  | 'string'
  | 'strings'
  | 'short'
  | 'text'
  | 'bytes'
  | 'type'
  | 'types'
  | 'params';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes of a character string (RFC 1035, section 3.3). */
const STRING = 255;

function readStrings(reader: DnsReader): Uint8Array[] {
  const strings: Uint8Array[] = [];
  do strings.push(reader.take(reader.u8()));
  while (reader.offset < reader.end);
  return strings;
}

/** Character strings as one text. */
export function joinStrings(strings: readonly Uint8Array[]): string {
  const all = new Uint8Array(strings.reduce((length, one) => length + one.length, 0));
  let at = 0;
  for (const one of strings) {
    all.set(one, at);
    at += one.length;
  }
  return decoder.decode(all);
}

/** Types as blocks of bits (RFC 4034, section 4.1.2). */
function readTypes(reader: DnsReader): DnsType[] {
  const types: DnsType[] = [];
  for (let last = -1; reader.offset < reader.end; ) {
    const block = reader.u8();
    const bits = reader.take(reader.u8());
    if (block <= last || bits.length === 0 || bits.length > 32) {
      throw reader.malformed('a list of types is malformed');
    }
    last = block;
    for (let i = 0; i < bits.length * 8; i++) {
      if ((bits[i >> 3] as number) & (0x80 >> (i & 7)))
        types.push(TYPE_NAMES.name(block * 256 + i));
    }
  }
  return types;
}

/** Reads a field. */
export function readField(reader: DnsReader, kind: DnsKind): unknown {
  switch (kind) {
    case 'u8':
      return reader.u8();
    case 'u16':
      return reader.u16();
    case 'u32':
      return reader.u32();
    case 'ip4': {
      const at = reader.skip(4);
      return reader.bytes.subarray(at, at + 4).join('.');
    }
    case 'ip6':
      return formatIp({ family: 6, bytes: reader.take(16) });
    case 'name':
    case 'whole':
      return reader.name();
    case 'string':
      return textOf(reader.take(reader.u8()));
    case 'strings':
      return readStrings(reader);
    case 'short':
      return reader.take(reader.u8());
    case 'text':
      return textOf(reader.rest());
    case 'bytes':
      return reader.rest();
    case 'type':
      return TYPE_NAMES.name(reader.u16());
    case 'types':
      return readTypes(reader);
    case 'params':
      return readSvcParams(reader);
  }
}

/** The error of a field that cannot be written. */
function refuse(type: string, field: string, value: unknown, reason: string): NetError {
  return new NetError('EINVAL', `Cannot write ${field} ${show(value)} of a ${type} record`, {
    reason,
  });
}

function writeTypes(writer: DnsWriter, types: readonly string[]): void {
  const codes = types.map((type) => TYPE_NAMES.code(type));
  const bad = codes.indexOf(-1);
  if (bad >= 0) throw refuse('NSEC', 'type', types[bad], 'there is no such type');
  for (const block of [...new Set(codes.map((code) => code >> 8))].sort((a, b) => a - b)) {
    const inside = codes.filter((code) => code >> 8 === block).map((code) => code & 0xff);
    const bits = new Uint8Array((Math.max(...inside) >> 3) + 1);
    for (const code of inside) bits[code >> 3] = (bits[code >> 3] as number) | (0x80 >> (code & 7));
    writer.u8(block);
    writer.u8(bits.length);
    writer.raw(bits);
  }
}

/** Text as character strings: at least one. */
export function stringsOf(value: string): Uint8Array[] {
  const bytes = encoder.encode(value);
  const strings = [bytes.subarray(0, STRING)];
  for (let at = STRING; at < bytes.length; at += STRING)
    strings.push(bytes.subarray(at, at + STRING));
  return strings;
}

function writeShort(writer: DnsWriter, type: string, field: string, value: unknown): void {
  const bytes = typeof value === 'string' ? bytesOf(value) : (value as Uint8Array);
  if (bytes.length > STRING) throw refuse(type, field, value, `it is longer than ${STRING} bytes`);
  writer.u8(bytes.length);
  writer.raw(bytes);
}

/** Whether a value can be written as a field of this kind. */
function isFit(kind: DnsKind, value: unknown): boolean {
  const isCount = Number.isInteger(value) && (value as number) >= 0;
  switch (kind) {
    case 'u8':
      return isCount && (value as number) < 2 ** 8;
    case 'u16':
      return isCount && (value as number) < 2 ** 16;
    case 'u32':
      return isCount && (value as number) < 2 ** 32;
    case 'short':
    case 'bytes':
      return value instanceof Uint8Array;
    case 'strings':
    case 'types':
      return Array.isArray(value);
    case 'params':
      return typeof value === 'object' && value !== null;
    default:
      return typeof value === 'string';
  }
}

type Write<T> = (writer: DnsWriter, value: T, type: string, field: string) => void;

const WRITERS: Readonly<Record<DnsKind, Write<never>>> = {
  u8: (writer, value: number) => writer.u8(value),
  u16: (writer, value: number) => writer.u16(value),
  u32: (writer, value: number) => writer.u32(value),
  ip4: (writer, value: string) => writer.raw(parseIpv4(value).bytes.subarray(0, 4)),
  ip6: (writer, value: string) => writer.raw(parseIpv6(value).bytes),
  name: (writer, value: string) => writer.name(value),
  whole: (writer, value: string) => writer.name(value, false),
  string: (writer, value: string, type, field) => writeShort(writer, type, field, value),
  short: (writer, value: Uint8Array, type, field) => writeShort(writer, type, field, value),
  strings: (writer, value: unknown[], type, field) => {
    if (value.length === 0) throw refuse(type, field, value, 'there is one string at least');
    for (const one of value) writeShort(writer, type, field, one);
  },
  text: (writer, value: string) => writer.raw(bytesOf(value)),
  bytes: (writer, value: Uint8Array) => writer.raw(value),
  type: (writer, value: string, type, field) => {
    const code = TYPE_NAMES.code(value);
    if (code < 0) throw refuse(type, field, value, 'there is no such type');
    writer.u16(code);
  },
  types: (writer, value: string[]) => writeTypes(writer, value),
  params: (writer, value: SvcParams) => writeSvcParams(writer, value),
};

/** Writes a field. */
export function writeField(
  writer: DnsWriter,
  type: string,
  field: string,
  kind: DnsKind,
  value: unknown,
): void {
  if (!isFit(kind, value)) throw refuse(type, field, value, 'it is not what the field holds');
  WRITERS[kind](writer, value as never, type, field);
}
