// SPDX-License-Identifier: MIT
// address - text forms of IPv4, IPv6, CIDR, MAC and port, checked strictly

import { NetError } from '../errors.ts';
import { show } from './check.ts';

/** An IP address as the ABI carries it. */
export interface IpAddress {
  /** IP version. */
  readonly family: 4 | 6;
  /** 16 bytes in network order; IPv4 fills the first 4, the others are 0. */
  readonly bytes: Uint8Array;
  /** Interface name or index of a scoped IPv6 address, as written after '%'. */
  readonly zone?: string;
}

/** An address with the length of its network prefix. */
export interface Cidr {
  /** The full address, host bits kept. */
  readonly address: IpAddress;
  /** Length of the network prefix in bits, 0 to 32 or 0 to 128. */
  readonly prefix: number;
}

/** How an address may be written. */
export interface ParseOptions {
  /** Accept a zone after an IPv6 address, as in fe80::1%tap0. Default false. */
  readonly zone?: boolean;
}

const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const HEX_GROUP = /^[\da-f]{1,4}$/i;
const ZONE = /^[\w.~-]+$/;
const CIDR = /^([^/]+)\/(0|[1-9]\d{0,2})$/;
const MAC = /^[\da-f]{2}([:-])[\da-f]{2}(?:\1[\da-f]{2}){4}$/i;

function refuse(value: unknown, kind: string, reason: string): NetError {
  return new NetError('EINVAL', `Cannot parse ${show(value)} as ${kind}`, { reason });
}

function padded(bytes: readonly number[]): Uint8Array {
  const all = new Uint8Array(16);
  all.set(bytes);
  return all;
}

function readIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => OCTET.test(part))) return undefined;
  const octets = parts.map(Number);
  return octets.every((octet) => octet <= 255) ? octets : undefined;
}

/** Reads one side of '::'. Only the last group of the whole text may be an IPv4 address. */
function readGroups(text: string, isLast: boolean): number[] | undefined {
  const bytes: number[] = [];
  const groups = text === '' ? [] : text.split(':');
  for (const [i, group] of groups.entries()) {
    if (HEX_GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
    } else {
      const octets = isLast && i === groups.length - 1 ? readIpv4(group) : undefined;
      if (octets === undefined) return undefined;
      bytes.push(...octets);
    }
  }
  return bytes;
}

function readIpv6(text: string): number[] | undefined {
  const [left = '', right, ...more] = text.split('::');
  const head = readGroups(left, right === undefined);
  const tail = readGroups(right ?? '', true);
  if (head === undefined || tail === undefined || more.length > 0) return undefined;
  if (right === undefined) return head.length === 16 ? head : undefined;
  const gap = 16 - head.length - tail.length; // '::' stands for at least one group
  return gap >= 2 ? [...head, ...new Array<number>(gap).fill(0), ...tail] : undefined;
}

/**
 * Reads an IPv4 address in dotted decimal.
 *
 * @param text - Four octets of 0 to 255, no leading zeros.
 * @returns The address.
 * @throws NetError EINVAL when the text is anything else.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseIpv4 } from '../js/util/address.ts';
 *
 * assert.deepEqual([...parseIpv4('10.0.0.2').bytes.subarray(0, 4)], [10, 0, 0, 2]);
 * assert.throws(() => parseIpv4('10.0.0.02'), { code: 'EINVAL' });
 * ```
 */
export function parseIpv4(text: string): IpAddress {
  const octets = typeof text === 'string' ? readIpv4(text) : undefined;
  if (octets !== undefined) return { family: 4, bytes: padded(octets) };
  throw refuse(text, 'an IPv4 address', 'four numbers from 0 to 255 are expected');
}

/**
 * Reads an IPv6 address in any form of RFC 4291, section 2.2.
 *
 * @param text - Groups of hexadecimal digits, '::' at most once, the last 32 bits may be dotted.
 * @param options - Whether a zone is accepted.
 * @returns The address, with its zone if one was written.
 * @throws NetError EINVAL when the text is anything else.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { formatIp, parseIpv6 } from '../js/util/address.ts';
 *
 * assert.equal(formatIp(parseIpv6('2001:DB8:0:0:0:0:0:1')), '2001:db8::1');
 * assert.equal(parseIpv6('fe80::1%tap0', { zone: true }).zone, 'tap0');
 * ```
 */
export function parseIpv6(text: string, options: ParseOptions = {}): IpAddress {
  const kind = 'an IPv6 address';
  if (typeof text !== 'string') throw refuse(text, kind, 'a string is expected');
  const mark = text.indexOf('%');
  const octets = readIpv6(mark < 0 ? text : text.slice(0, mark));
  if (octets === undefined) throw refuse(text, kind, 'eight groups of hex digits are expected');
  if (mark < 0) return { family: 6, bytes: padded(octets) };
  const zone = text.slice(mark + 1);
  if (options.zone !== true) throw refuse(text, kind, 'a zone is not accepted here');
  if (!ZONE.test(zone)) throw refuse(text, kind, 'the zone is malformed');
  return { family: 6, bytes: padded(octets), zone };
}

/**
 * Reads an address of either family; a colon makes it IPv6.
 *
 * @param text - See parseIpv4 and parseIpv6.
 * @param options - Whether a zone is accepted.
 * @returns The address.
 * @throws NetError EINVAL when the text is neither.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseIp } from '../js/util/address.ts';
 *
 * assert.equal(parseIp('192.168.1.2').family, 4);
 * assert.equal(parseIp('::1').family, 6);
 * ```
 */
export function parseIp(text: string, options: ParseOptions = {}): IpAddress {
  if (typeof text === 'string' && text.includes(':')) return parseIpv6(text, options);
  const octets = typeof text === 'string' ? readIpv4(text) : undefined;
  if (octets !== undefined) return { family: 4, bytes: padded(octets) };
  throw refuse(text, 'an IP address', 'an IPv4 or IPv6 address is expected');
}

/** Finds the longest run of zero groups, the first of equals; RFC 5952 shortens no single group. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 1 };
  for (let i = 0, start = 0; i < groups.length; i++) {
    if (groups[i] !== 0) start = i + 1;
    else if (i - start + 1 > best.length) best = { start, length: i - start + 1 };
  }
  return best;
}

function formatIpv6(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i));
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${bytes.subarray(12, 16).join('.')}`;
  const hex = groups.map((group) => group.toString(16));
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/**
 * Writes an address, IPv6 in the canonical form of RFC 5952 (IPv4-mapped ones dotted).
 *
 * @param address - Family and 16 bytes, zone if any.
 * @returns The text, which the parsers read back to the same address.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { formatIp, parseIp } from '../js/util/address.ts';
 *
 * assert.equal(formatIp(parseIp('2001:db8:0:0:1:0:0:1')), '2001:db8::1:0:0:1');
 * assert.equal(formatIp(parseIp('::FFFF:c0a8:101')), '::ffff:192.168.1.1');
 * ```
 */
export function formatIp(address: IpAddress): string {
  if (address.family === 4) return address.bytes.subarray(0, 4).join('.');
  const text = formatIpv6(address.bytes);
  return address.zone === undefined ? text : `${text}%${address.zone}`;
}

/**
 * Writes an address with a port, as messages show it.
 *
 * @param address - The address.
 * @param port - 0 to 65535.
 * @returns The text, IPv6 in brackets.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { formatEndpoint, parseIp } from '../js/util/address.ts';
 *
 * assert.equal(formatEndpoint(parseIp('10.0.0.2'), 80), '10.0.0.2:80');
 * assert.equal(formatEndpoint(parseIp('::1'), 80), '[::1]:80');
 * ```
 */
export function formatEndpoint(address: IpAddress, port: number): string {
  const host = formatIp(address);
  return address.family === 4 ? `${host}:${port}` : `[${host}]:${port}`;
}

/**
 * Reads an address with its prefix length.
 *
 * @param text - An address, '/', and a prefix of 0 to 32 (IPv4) or 0 to 128 (IPv6).
 * @returns The address, host bits kept, and the prefix.
 * @throws NetError EINVAL when the text is anything else.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseCidr } from '../js/util/address.ts';
 *
 * assert.equal(parseCidr('192.168.1.1/24').prefix, 24);
 * assert.equal(parseCidr('fd00::1/64').address.family, 6);
 * assert.throws(() => parseCidr('192.168.1.1/33'), { code: 'EINVAL' });
 * ```
 */
export function parseCidr(text: string): Cidr {
  const [, host = '', digits] = (typeof text === 'string' && CIDR.exec(text)) || [];
  if (digits === undefined) throw refuse(text, 'a CIDR', 'an address and a prefix are expected');
  const octets = host.includes(':') ? readIpv6(host) : readIpv4(host);
  if (octets === undefined) throw refuse(text, 'a CIDR', `${show(host)} is not an IP address`);
  const prefix = Number(digits);
  const bits = octets.length * 8;
  if (prefix > bits) throw refuse(text, 'a CIDR', `the prefix must be 0 to ${bits}`);
  return { address: { family: octets.length === 4 ? 4 : 6, bytes: padded(octets) }, prefix };
}

/**
 * Reads what the `ip` option of an interface takes.
 *
 * @param ip - One CIDR or a list of them; an empty list is no address.
 * @returns The list, in the order given.
 * @throws NetError EINVAL when one of them is malformed; the message shows which.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseCidrs } from '../js/util/address.ts';
 *
 * assert.equal(parseCidrs('10.0.0.1/8').length, 1);
 * assert.equal(parseCidrs(['10.0.0.1/8', 'fd00::1/64']).length, 2);
 * ```
 */
export function parseCidrs(ip: string | readonly string[]): Cidr[] {
  return Array.isArray(ip) ? ip.map((one) => parseCidr(one)) : [parseCidr(ip as string)];
}

/**
 * Writes an address with its prefix length.
 *
 * @param cidr - Address and prefix in bits.
 * @returns The text, such as 'fd00::1/64'.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { formatCidr, parseCidr } from '../js/util/address.ts';
 *
 * assert.equal(formatCidr(parseCidr('FD00:0::1/64')), 'fd00::1/64');
 * ```
 */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.address)}/${cidr.prefix}`;
}

/**
 * Writes the mask of a prefix as an address.
 *
 * @param family - 4 or 6.
 * @param prefix - Bits, 0 to 32 or 0 to 128.
 * @returns The text, such as '255.255.255.0'.
 * @throws NetError EINVAL when the prefix is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { netmask } from '../js/util/address.ts';
 *
 * assert.equal(netmask(4, 24), '255.255.255.0');
 * assert.equal(netmask(6, 64), 'ffff:ffff:ffff:ffff::');
 * ```
 */
export function netmask(family: 4 | 6, prefix: number): string {
  const bits = family === 4 ? 32 : 128;
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > bits) {
    const reason = `the prefix must be 0 to ${bits}`;
    throw new NetError('EINVAL', `Cannot make a netmask of ${show(prefix)} bits`, { reason });
  }
  const bytes = new Uint8Array(16).map(
    (_, i) => 0xff00 >>> Math.min(8, Math.max(0, prefix - 8 * i)),
  );
  return formatIp({ family, bytes });
}

/**
 * Reads a MAC address. The group bit may be set: 01:23:45:67:89:ab is a common example.
 *
 * @param text - Six pairs of hex digits, all separated by ':' or all by '-'.
 * @returns Its 6 bytes.
 * @throws NetError EINVAL when the text is anything else.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseMac } from '../js/util/address.ts';
 *
 * assert.deepEqual([...parseMac('01-23-45-67-89-AB')], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab]);
 * ```
 */
export function parseMac(text: string): Uint8Array {
  if (typeof text !== 'string' || !MAC.test(text)) {
    throw refuse(text, 'a MAC address', 'six pairs of hex digits are expected');
  }
  return Uint8Array.from(text.split(/[:-]/), (pair) => Number.parseInt(pair, 16));
}

/**
 * Writes a MAC address.
 *
 * @param bytes - 6 bytes.
 * @returns The text in lower case, separated by ':'.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { formatMac, parseMac } from '../js/util/address.ts';
 *
 * assert.equal(formatMac(parseMac('01-23-45-67-89-AB')), '01:23:45:67:89:ab');
 * ```
 */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/**
 * Makes up a MAC address: random, locally administered, unicast.
 *
 * @returns 6 bytes.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { randomMac } from '../js/util/address.ts';
 *
 * assert.equal((randomMac()[0] ?? 0) & 0b11, 0b10);
 * ```
 */
export function randomMac(): Uint8Array {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02; // bit 1: locally administered, bit 0: group
  return bytes;
}

/**
 * Checks a port number.
 *
 * @param port - Value from the caller.
 * @param min - Lowest port accepted: 0 where 0 means "any free port", else 1.
 * @returns The port, an integer from min to 65535.
 * @throws NetError EINVAL when it is not.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { checkPort } from '../js/util/address.ts';
 *
 * assert.equal(checkPort(80), 80);
 * assert.throws(() => checkPort(0, 1), { code: 'EINVAL' });
 * ```
 */
export function checkPort(port: unknown, min = 0): number {
  if (typeof port === 'number' && Number.isInteger(port) && port >= min && port <= 65535) {
    return port;
  }
  const reason = `a port is an integer from ${min} to 65535`;
  throw new NetError('EINVAL', `Cannot use port ${show(port)}`, { reason });
}
