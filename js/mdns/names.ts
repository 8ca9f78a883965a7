// SPDX-License-Identifier: MIT
// names - names of hosts and services, types, TXT records: to and from their form in DNS (RFC 6763)

import { bytesOf, labelsOf, textOf } from '../codec/dns_bytes.ts';
import { NetError } from '../errors.ts';
import { show } from '../util/check.ts';
import { lowerAscii, normalizeName } from '../util/host_name.ts';
import type { TxtValues } from './types.ts';

export const LOCAL = 'local';
/** All types of services of a link. */
export const ALL_TYPES = '_services._dns-sd._udp.local';

const TYPE = /^_[a-z\d](?:[a-z\d-]{0,13}[a-z\d])?\._(?:tcp|udp)$/i;
const encoder = new TextEncoder();

function refuse(what: string, value: unknown, reason: string): NetError {
  return new NetError('EINVAL', `Cannot use ${show(value)} as ${what}`, { reason });
}

/** A type of services. */
export function readType(type: unknown): string {
  if (typeof type === 'string' && TYPE.test(type)) return lowerAscii(type);
  throw refuse('a type of services', type, "must be such as '_http._tcp', at most 15 characters");
}

/** A subtype. */
export function readSubtype(subtype: unknown): string {
  if (typeof subtype === 'string' && /^[^.\\]{1,63}$/.test(subtype) && fitsLabel(subtype)) {
    return subtype;
  }
  throw refuse('a subtype', subtype, 'must be one label, 1 to 63 bytes');
}

const fitsLabel = (label: string): boolean => {
  const { length } = encoder.encode(label);
  return length > 0 && length <= 63;
};

/** A name for people. */
export function readInstance(name: unknown): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
  if (typeof name === 'string' && fitsLabel(name) && !/[\x00-\x1f\x7f]/.test(name)) return name;
  throw refuse('the name of a service', name, 'must be 1 to 63 bytes of text');
}

/** A host name of one label. */
export function readHostname(name: unknown): string {
  const isLabel = typeof name === 'string' && /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i.test(name);
  if (isLabel) return name;
  throw refuse('a host name', name, 'must be 1 to 63 letters, digits and hyphens, without .local');
}

/** A name that ends in .local, in the form that is compared. */
export function readLocal(name: string): string {
  const plain = normalizeName(name);
  if (plain.endsWith(`.${LOCAL}`)) return plain;
  throw refuse('a name of the link', name, 'must end in .local');
}

/** A label of a name, from text. */
export const labelOf = (text: string): string => text.replaceAll(/[.\\]/g, '\\$&');

/** The text of the first label of a name. */
export function firstLabel(name: string): string {
  const [label = ''] = labelsOf(name);
  if (!label.includes('\\')) return label;
  return label.replaceAll(/\\(\d{3}|.)/g, (_, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number(escaped)) : escaped,
  );
}

/** The name of a service in DNS. */
export const instanceName = (instance: string, type: string): string =>
  `${labelOf(instance)}.${type}.${LOCAL}`;

/** The next name to try: with a number behind it, and as much of the text as a label has room for. */
export function nextName(text: string, form: 'host' | 'instance'): string {
  const pattern = form === 'host' ? /^(.*?)-(\d{1,6})$/ : /^(.*) \((\d{1,6})\)$/s;
  const [, base = text, number = '1'] = pattern.exec(text) ?? [];
  const count = Number(number) + 1;
  const tail = form === 'host' ? `-${count}` : ` (${count})`;
  let head = base;
  while (!fitsLabel(head + tail)) head = Array.from(head).slice(0, -1).join('');
  return head + tail;
}

/** Strings of a TXT record; a record without values has one that is empty. */
export function writeTxt(txt: TxtValues): Uint8Array[] {
  const strings = Object.entries(txt).map(([key, value]) => {
    if (!/^[\x20-\x3c\x3e-\x7e]+$/.test(key)) {
      throw refuse('a key of a TXT record', key, 'must be printable ASCII without =');
    }
    if (value === true) return encoder.encode(key);
    const isValue = typeof value === 'string' || value instanceof Uint8Array;
    if (!isValue) throw refuse(`the value of ${key}`, value, 'must be text, bytes or true');
    const head = encoder.encode(`${key}=`);
    const data = typeof value === 'string' ? bytesOf(value) : value;
    const string = new Uint8Array(head.length + data.length);
    string.set(head);
    string.set(data, head.length);
    return string;
  });
  const long = strings.find(({ length }) => length > 255);
  if (long) throw refuse('a value of a TXT record', textOf(long), 'must be at most 255 bytes');
  const length = strings.reduce((sum, one) => sum + 1 + one.length, 0);
  if (length > 1200) throw refuse('a TXT record', txt, 'must be at most 1200 bytes in all');
  return strings.length > 0 ? strings : [new Uint8Array(0)];
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Values of a TXT record. The first of two with one key counts; one without a key does not. */
export function readTxt(strings: readonly (Uint8Array | string)[]): TxtValues {
  const values = new Map<string, string | Uint8Array | true>();
  const keys = new Set<string>();
  for (const string of strings) {
    const bytes = typeof string === 'string' ? bytesOf(string) : string;
    const equals = bytes.indexOf(0x3d);
    const key = textOf(equals < 0 ? bytes : bytes.subarray(0, equals));
    const lower = lowerAscii(key);
    if (key === '' || keys.has(lower)) continue;
    keys.add(lower);
    values.set(key, equals < 0 ? true : readValue(bytes.subarray(equals + 1)));
  }
  return Object.fromEntries(values);
}

function readValue(bytes: Uint8Array): string | Uint8Array {
  try {
    return strict.decode(bytes);
  } catch {
    return bytes.slice();
  }
}
