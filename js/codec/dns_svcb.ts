// SPDX-License-Identifier: MIT
// dns_svcb - the parameters of SVCB and HTTPS records (RFC 9460)

import { NetError } from '../errors.ts';
import { formatIp, parseIpv4, parseIpv6 } from '../util/address.ts';
import { show } from '../util/check.ts';
import { bytesOf, type DnsReader, type DnsWriter, textOf } from './dns_bytes.ts';
import type { SvcParams } from './dns_types.ts';

const KEYS = [
  'mandatory',
  'alpn',
  'no-default-alpn',
  'port',
  'ipv4hint',
  'ech',
  'ipv6hint',
  'dohpath',
] as const;
type Key = (typeof KEYS)[number];

const keyName = (code: number): string => KEYS[code] ?? `key${code}`;

function keyCode(name: string): number {
  const at = KEYS.indexOf(name as Key);
  if (at >= 0) return at;
  const code = /^key\d{1,5}$/.test(name) ? Number(name.slice(3)) : 0xffff;
  if (code < 0xffff) return code;
  throw new NetError('EINVAL', `Cannot write parameter ${show(name)} of a record`, {
    reason: `it is one of ${KEYS.join(', ')}, or key0 to key65534`,
  });
}

function readList<T>(reader: DnsReader, next: () => T): T[] {
  const list: T[] = [];
  while (reader.offset < reader.end) list.push(next());
  if (list.length === 0) throw reader.malformed('a list of parameters is empty');
  return list;
}

function readAddress(reader: DnsReader, family: 4 | 6): string {
  const bytes = new Uint8Array(16);
  bytes.set(reader.take(family === 4 ? 4 : 16));
  return formatIp({ family, bytes });
}

function readParam(reader: DnsReader, key: string): unknown {
  switch (key as Key) {
    case 'mandatory': {
      const codes = readList(reader, () => reader.u16());
      const isSorted = codes.every((code, i) => i === 0 || code > (codes[i - 1] as number));
      if (!isSorted) throw reader.malformed('a list of parameters is out of order');
      return codes.map(keyName);
    }
    case 'alpn':
      return readList(reader, () => textOf(reader.take(reader.u8())));
    case 'no-default-alpn':
      return true;
    case 'port':
      return reader.u16();
    case 'ipv4hint':
      return readList(reader, () => readAddress(reader, 4));
    case 'ipv6hint':
      return readList(reader, () => readAddress(reader, 6));
    case 'dohpath':
      return textOf(reader.rest());
    default:
      return reader.rest();
  }
}

/**
 * Reads parameters up to the reader's end.
 *
 * @param reader - Stands on the first one.
 * @returns The parameters by name.
 * @throws NetError EPROTO if they are malformed or not in the order of their numbers.
 */
export function readSvcParams(reader: DnsReader): SvcParams {
  const params: Record<string, unknown> = {};
  const { end } = reader;
  for (let last = -1; reader.offset < end; ) {
    const code = reader.u16();
    const length = reader.u16();
    if (code <= last) throw reader.malformed('parameters are out of order');
    last = code;
    const start = reader.skip(length);
    reader.offset = start;
    reader.end = start + length;
    params[keyName(code)] = readParam(reader, keyName(code));
    if (reader.offset !== reader.end) throw reader.malformed('a parameter is too long');
    reader.end = end;
  }
  return params as SvcParams;
}

function writeParam(writer: DnsWriter, key: string, value: unknown): void {
  switch (key as Key) {
    case 'mandatory':
      for (const code of (value as string[]).map(keyCode).sort((a, b) => a - b)) writer.u16(code);
      return;
    case 'alpn':
      for (const one of value as string[]) {
        const bytes = bytesOf(one);
        if (bytes.length === 0 || bytes.length > 255) {
          throw new NetError('EINVAL', `Cannot write alpn ${show(one)}`, {
            reason: 'it has 1 to 255 bytes',
          });
        }
        writer.u8(bytes.length);
        writer.raw(bytes);
      }
      return;
    case 'no-default-alpn':
      return;
    case 'port':
      writer.u16(value as number);
      return;
    case 'ipv4hint':
      for (const ip of value as string[]) writer.raw(parseIpv4(ip).bytes.subarray(0, 4));
      return;
    case 'ipv6hint':
      for (const ip of value as string[]) writer.raw(parseIpv6(ip).bytes);
      return;
    case 'dohpath':
      writer.raw(bytesOf(value as string));
      return;
    default:
      writer.raw(value as Uint8Array);
  }
}

/**
 * Writes parameters in the order of their numbers.
 *
 * @param writer - The writer of the message.
 * @param params - The parameters by name; undefined ones are left out.
 * @throws NetError EINVAL if one is unknown or cannot be written.
 */
export function writeSvcParams(writer: DnsWriter, params: SvcParams): void {
  const entries = Object.entries(params).filter(([, value]) => value !== undefined);
  const coded = entries.map(([key, value]) => ({ code: keyCode(key), key, value }));
  for (const { code, key, value } of coded.sort((a, b) => a.code - b.code)) {
    writer.u16(code);
    const at = writer.offset;
    writer.u16(0);
    writeParam(writer, key, value);
    writer.put16(at, writer.offset - at - 2);
  }
}
