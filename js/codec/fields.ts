// SPDX-License-Identifier: MIT
// fields - what the packet codecs have in common: big-endian numbers, addresses, checks of fields
//
// Codecs read untrusted bytes. A reader gives undefined for a malformed packet and never throws; its
// result holds views on the bytes that it was given. A builder takes values of the program: a value out
// of range is a mistake, and throws EINVAL.

import { NetError } from '../errors.ts';
import { formatIp, parseIp, parseMac } from '../util/address.ts';
import { checkValue, whole } from '../util/check.ts';

/** Options of readers. */
export interface ReadOptions {
  /**
   * Accepts a payload that is cut, as in a capture with a snap length. The payload is then what is there.
   * @default false: a packet that is cut is malformed
   */
  readonly allowCut?: boolean;
}

/** An IP address: its text, or its 4 or 16 bytes. */
export type IpInput = string | Uint8Array;

/** A MAC address: its text, or its 6 bytes. */
export type MacInput = string | Uint8Array;

/** The big-endian 16-bit number at an offset; bytes that are not there count as 0. */
export const u16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** The big-endian 32-bit number at an offset; bytes that are not there count as 0. */
export const u32 = (bytes: Uint8Array, at: number): number =>
  ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0;

/** Writes a big-endian 16-bit number. */
export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes a big-endian 32-bit number. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  putU16(bytes, at, value >>> 16);
  putU16(bytes, at + 2, value);
}

/**
 * Checks a field of a packet to build.
 *
 * @param what - The packet, such as 'a UDP datagram'.
 * @param name - The field.
 * @param value - The value.
 * @param most - The largest whole number it may be.
 * @param least - The smallest whole number it may be.
 * @returns The value.
 * @throws {NetError} EINVAL if it is anything else.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { checkField } from '../js/codec/fields.ts';
 *
 * assert.equal(checkField('a UDP datagram', 'sourcePort', 53, 65_535), 53);
 * assert.throws(() => checkField('a UDP datagram', 'sourcePort', 70_000, 65_535), { code: 'EINVAL' });
 * ```
 */
export function checkField(
  what: string,
  name: string,
  value: number,
  most: number,
  least = 0,
): number {
  checkValue(`Cannot build ${what}`, name, value, whole(least, most));
  return value;
}

/** Throws for a payload that makes a packet longer than its length field can say. */
export function checkSize(what: string, size: number, most: number): number {
  if (size <= most) return size;
  throw new NetError('EINVAL', `Cannot build ${what} of ${size} bytes`, {
    reason: `must be at most ${most} bytes`,
  });
}

/**
 * The bytes of an IP address.
 *
 * @param address - Its text, or its bytes.
 * @returns 4 or 16 bytes, in network order.
 * @throws {NetError} EINVAL if it is no IP address.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ipBytes } from '../js/codec/fields.ts';
 *
 * assert.deepEqual([...ipBytes('10.0.0.1')], [10, 0, 0, 1]);
 * assert.equal(ipBytes('fd00::1').length, 16);
 * ```
 */
export function ipBytes(address: IpInput): Uint8Array {
  if (typeof address === 'string') {
    const { family, bytes } = parseIp(address);
    return family === 4 ? bytes.subarray(0, 4) : bytes;
  }
  if (address instanceof Uint8Array && (address.length === 4 || address.length === 16)) {
    return address;
  }
  throw new NetError('EINVAL', 'Cannot use an IP address', {
    reason: 'must be text, or a Uint8Array of 4 or 16 bytes',
  });
}

/**
 * The text of an IP address.
 *
 * @param bytes - 4 or 16 bytes, in network order.
 * @returns The text; that of IPv6 in the form of RFC 5952.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ipBytes, ipText } from '../js/codec/fields.ts';
 *
 * assert.equal(ipText(Uint8Array.of(10, 0, 0, 1)), '10.0.0.1');
 * assert.equal(ipText(ipBytes('FD00:0:0::1')), 'fd00::1');
 * ```
 */
export function ipText(bytes: Uint8Array): string {
  return formatIp({ family: bytes.length === 4 ? 4 : 6, bytes });
}

/**
 * The bytes of a MAC address.
 *
 * @param address - Its text, or its bytes.
 * @returns 6 bytes.
 * @throws {NetError} EINVAL if it is no MAC address.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { macBytes } from '../js/codec/fields.ts';
 *
 * assert.deepEqual([...macBytes('02:00:00:00:00:0a')], [2, 0, 0, 0, 0, 10]);
 * ```
 */
export function macBytes(address: MacInput): Uint8Array {
  if (typeof address === 'string') return parseMac(address);
  if (address instanceof Uint8Array && address.length === 6) return address;
  throw new NetError('EINVAL', 'Cannot use a MAC address', {
    reason: 'must be text, or a Uint8Array of 6 bytes',
  });
}

/** Two addresses of one family, as the builders of what IP carries need them. */
export function addressPair(
  what: string,
  source: IpInput,
  destination: IpInput,
): readonly [source: Uint8Array, destination: Uint8Array] {
  const [from, to] = [ipBytes(source), ipBytes(destination)];
  if (from.length === to.length) return [from, to];
  throw new NetError('EINVAL', `Cannot build ${what} from ${ipText(from)} to ${ipText(to)}`, {
    reason: 'both must be of one IP version',
  });
}

/** Parts one after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
