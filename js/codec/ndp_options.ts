// SPDX-License-Identifier: MIT
// ndp_options - the options of IPv6 neighbour discovery (RFC 4861, 8106)

import { NetError } from '../errors.ts';
import { formatMac } from '../util/address.ts';
import {
  checkField,
  concat,
  type IpInput,
  ipBytes,
  ipText,
  type MacInput,
  macBytes,
  putU32,
  u32,
} from './fields.ts';

/** Types of options. */
export const NDP_OPTION = {
  sourceMac: 1,
  targetMac: 2,
  prefix: 3,
  redirected: 4,
  mtu: 5,
  dnsServers: 25,
  searchDomains: 31,
} as const;

/** A lifetime without end, seconds. */
export const NDP_INFINITE = 0xffff_ffff;

/** A network that a router advertises. */
export interface NdpPrefix {
  /** The address of the network. */
  readonly prefix: string;
  /** Bits of it that count, 0 to 128. */
  readonly length: number;
  /** Its addresses are reached on this link. @default true */
  readonly isOnLink?: boolean;
  /** Hosts make themselves an address of it. @default true */
  readonly isAutonomous?: boolean;
  /** Seconds for which it is valid; NDP_INFINITE: without end. @default 2592000 */
  readonly validLifetime?: number;
  /** Seconds for which its addresses are preferred. @default 604800 */
  readonly preferredLifetime?: number;
}

/** A list that is valid for a time. */
export interface NdpTimed<T> {
  /** Seconds for which it is valid; 0: no longer; NDP_INFINITE: without end. */
  readonly lifetime: number;
  /** The list. */
  readonly values: readonly T[];
}

/** Options of a message. A reader gives addresses as text. */
export interface NdpOptions {
  /** MAC address of the sender. */
  readonly sourceMac?: MacInput;
  /** MAC address of the target. */
  readonly targetMac?: MacInput;
  /** Networks. */
  readonly prefixes?: readonly NdpPrefix[];
  /** The beginning of the packet that was redirected. */
  readonly redirected?: Uint8Array;
  /** Largest packet of the link, bytes. */
  readonly mtu?: number;
  /** Addresses of DNS servers (RFC 8106). */
  readonly dnsServers?: NdpTimed<IpInput>;
  /** Search domains (RFC 8106), without a dot at the end. */
  readonly searchDomains?: NdpTimed<string>;
}

/** An option as it lies in a message. */
export interface RawNdpOption {
  /** Its type. */
  readonly type: number;
  /** Offset in the options. */
  readonly offset: number;
  /** All of it, with type and length: a view. */
  readonly bytes: Uint8Array;
}

const WHAT = 'a neighbour discovery option';

/**
 * Splits options.
 *
 * @param bytes - All options of a message.
 * @returns One after the other; undefined if one has length 0 or reaches beyond the message, which makes the
 *   message malformed (RFC 4861, section 4.6).
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { splitNdpOptions } from '../js/codec/ndp.ts';
 *
 * assert.equal(splitNdpOptions(Uint8Array.of(5, 1, 0, 0, 0, 0, 5, 220))?.[0]?.type, 5);
 * assert.equal(splitNdpOptions(Uint8Array.of(5, 0, 0, 0, 0, 0, 5, 220)), undefined);
 * ```
 */
export function splitNdpOptions(bytes: Uint8Array): RawNdpOption[] | undefined {
  const options: RawNdpOption[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = (bytes[offset + 1] ?? 0) * 8;
    if (length === 0 || offset + length > bytes.length) return undefined;
    const type = bytes[offset] ?? 0;
    options.push({ type, offset, bytes: bytes.subarray(offset, offset + length) });
    offset += length;
  }
  return options;
}

function readPrefix(bytes: Uint8Array): NdpPrefix {
  const flags = bytes[3] ?? 0;
  return {
    prefix: ipText(bytes.subarray(16, 32)),
    length: bytes[2] ?? 0,
    isOnLink: (flags & 0x80) !== 0,
    isAutonomous: (flags & 0x40) !== 0,
    validLifetime: u32(bytes, 4),
    preferredLifetime: u32(bytes, 8),
  };
}

function readServers(bytes: Uint8Array): NdpTimed<string> {
  const count = Math.floor((bytes.length - 8) / 16);
  const values = Array.from({ length: count }, (_, i) =>
    ipText(bytes.subarray(8 + i * 16, 24 + i * 16)),
  );
  return { lifetime: u32(bytes, 4), values };
}

/** Reads names of labels up to padding; one that is malformed ends the list. */
function readDomains(bytes: Uint8Array): NdpTimed<string> {
  const values: string[] = [];
  let labels: string[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    if (length > 63 || at + 1 + length > bytes.length) break;
    if (length > 0) {
      const label = bytes.subarray(at + 1, at + 1 + length);
      // Only what a host name has: anything else would reach a resolver's configuration as text.
      if (!label.every((byte) => /[\w-]/.test(String.fromCharCode(byte)))) break;
      labels.push(String.fromCharCode(...label));
    } else if (labels.length > 0) {
      const name = labels.join('.');
      if (name.length > 253) break;
      values.push(name);
      labels = [];
    } else break;
    at += 1 + length;
  }
  return { lifetime: u32(bytes, 4), values };
}

/**
 * Reads options. Those that are not known, or of a wrong length, are left out.
 *
 * @param bytes - All options of a message.
 * @returns Those that are there and known; undefined if the message is malformed.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildNdpOptions, parseNdpOptions } from '../js/codec/ndp.ts';
 *
 * const dnsServers = { lifetime: 600, values: ['fd00::1'] };
 * assert.deepEqual(parseNdpOptions(buildNdpOptions({ dnsServers })), { dnsServers });
 * ```
 */
export function parseNdpOptions(bytes: Uint8Array): NdpOptions | undefined {
  const found: { -readonly [Name in keyof NdpOptions]: NdpOptions[Name] } = {};
  const prefixes: NdpPrefix[] = [];
  const options = splitNdpOptions(bytes);
  if (!options) return undefined;
  for (const { type, bytes: option } of options) {
    const size = option.length;
    if (type === NDP_OPTION.sourceMac && size === 8)
      found.sourceMac = formatMac(option.subarray(2));
    if (type === NDP_OPTION.targetMac && size === 8)
      found.targetMac = formatMac(option.subarray(2));
    if (type === NDP_OPTION.prefix && size === 32) prefixes.push(readPrefix(option));
    if (type === NDP_OPTION.redirected) found.redirected = option.subarray(8);
    if (type === NDP_OPTION.mtu && size === 8) found.mtu = u32(option, 4);
    if (type === NDP_OPTION.dnsServers && size >= 24) found.dnsServers = readServers(option);
    if (type === NDP_OPTION.searchDomains && size >= 16) found.searchDomains = readDomains(option);
  }
  return prefixes.length > 0 ? { ...found, prefixes } : found;
}

/** An option, padded with zeros to a multiple of 8 bytes. */
function option(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 2);
  const units = checkField(WHAT, 'length in units of 8 bytes', (size + 7) >>> 3, 255);
  const whole = concat(Uint8Array.of(type, units), ...parts);
  return concat(whole, new Uint8Array(units * 8 - size));
}

/** A 32-bit number, behind some bytes. */
function word(name: string, value: number, before = 0): Uint8Array {
  const bytes = new Uint8Array(before + 4);
  putU32(bytes, before, checkField(WHAT, name, value, 0xffff_ffff));
  return bytes;
}

function prefixOption(prefix: NdpPrefix): Uint8Array {
  const { isOnLink = true, isAutonomous = true } = prefix;
  const { validLifetime = 2_592_000, preferredLifetime = 604_800 } = prefix;
  const flags = (isOnLink ? 0x80 : 0) | (isAutonomous ? 0x40 : 0);
  return option(
    NDP_OPTION.prefix,
    Uint8Array.of(checkField(WHAT, 'length', prefix.length, 128), flags),
    word('validLifetime', validLifetime),
    word('preferredLifetime', preferredLifetime),
    new Uint8Array(4),
    ipv6Bytes(prefix.prefix),
  );
}

function ipv6Bytes(address: IpInput): Uint8Array {
  const bytes = ipBytes(address);
  if (bytes.length === 16) return bytes;
  throw new NetError('EINVAL', `Cannot build ${WHAT} for the IPv4 address ${ipText(bytes)}`);
}

/** A name as labels, each behind its length, and a zero. */
function nameBytes(name: string): Uint8Array {
  const labels = name.split('.');
  if (name.length > 253 || !labels.every((label) => /^[\w-]{1,63}$/.test(label))) {
    const reason = 'must be labels of 1 to 63 letters, digits, - or _, and at most 253 in all';
    throw new NetError('EINVAL', `Cannot advertise the search domain '${name.slice(0, 60)}'`, {
      reason,
    });
  }
  const bytes = labels.flatMap((label) => [
    label.length,
    ...Array.from(label, (letter) => letter.charCodeAt(0)),
  ]);
  return Uint8Array.from([...bytes, 0]);
}

/**
 * Builds options.
 *
 * @param options - Those to have.
 * @returns A multiple of 8 bytes.
 * @throws {NetError} EINVAL for a value that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildNdpOptions } from '../js/codec/ndp.ts';
 *
 * const bytes = buildNdpOptions({ sourceMac: '02:00:00:00:00:01', mtu: 1400 });
 * assert.deepEqual([...bytes.subarray(8)], [5, 1, 0, 0, 0, 0, 0x05, 0x78]);
 * ```
 */
export function buildNdpOptions(options: NdpOptions): Uint8Array<ArrayBuffer> {
  const { sourceMac, targetMac, prefixes = [], mtu, redirected } = options;
  const { dnsServers, searchDomains } = options;
  const parts: Uint8Array[] = [];
  if (sourceMac !== undefined) parts.push(option(NDP_OPTION.sourceMac, macBytes(sourceMac)));
  if (targetMac !== undefined) parts.push(option(NDP_OPTION.targetMac, macBytes(targetMac)));
  parts.push(...prefixes.map(prefixOption));
  if (mtu !== undefined) parts.push(option(NDP_OPTION.mtu, word('mtu', mtu, 2)));
  if (dnsServers) {
    const head = word('dnsServers.lifetime', dnsServers.lifetime, 2);
    parts.push(option(NDP_OPTION.dnsServers, head, ...dnsServers.values.map(ipv6Bytes)));
  }
  if (searchDomains) {
    const head = word('searchDomains.lifetime', searchDomains.lifetime, 2);
    parts.push(option(NDP_OPTION.searchDomains, head, ...searchDomains.values.map(nameBytes)));
  }
  if (redirected) {
    // Whole units of 8 bytes, so that the receiver sees no padding as a part of the packet.
    const whole = redirected.subarray(0, Math.min(redirected.length & ~7, 1024));
    parts.push(option(NDP_OPTION.redirected, new Uint8Array(6), whole));
  }
  return concat(...parts);
}
