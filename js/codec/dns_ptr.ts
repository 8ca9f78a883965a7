// SPDX-License-Identifier: MIT
// dns_ptr - names that stand for addresses, below in-addr.arpa and ip6.arpa

import { NetError } from '../errors.ts';
import { formatIp, parseIp } from '../util/address.ts';

/** An address that a name stands for. */
export interface PtrAddress {
  /** Its family. */
  readonly type: 'ipv4' | 'ipv6';
  /** The address. */
  readonly ip: string;
}

const V4 = '.in-addr.arpa';
const V6 = '.ip6.arpa';
const OCTETS = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;
const NIBBLES = /^(?:[\da-f]\.){31}[\da-f]$/;

/**
 * Writes the name under which the name of an address is found.
 *
 * @param ip - IPv4 or IPv6.
 * @returns The name, no dot at the end.
 * @throws NetError EINVAL if it is no address.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ipToPtrName } from 'ringstack/dns';
 *
 * assert.equal(ipToPtrName('10.0.0.1'), '1.0.0.10.in-addr.arpa');
 * assert.match(ipToPtrName('fd00::1'), /^1\.0\.0\..*\.d\.f\.ip6\.arpa$/);
 * ```
 */
export function ipToPtrName(ip: string): string {
  const { family, bytes } = parseIp(ip);
  if (family === 4) return [...bytes.subarray(0, 4)].reverse().join('.') + V4;
  const nibbles = Array.from(bytes, (byte) => [byte >> 4, byte & 15]).flat();
  return (
    nibbles
      .reverse()
      .map((nibble) => nibble.toString(16))
      .join('.') + V6
  );
}

/**
 * Reads the name of a PTR record.
 *
 * @param name - All four numbers or 32 digits, in any case, with or without a dot at the end.
 * @returns The address.
 * @throws NetError EINVAL if the name stands for no address.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ptrNameToIP } from 'ringstack/dns';
 *
 * assert.deepEqual(ptrNameToIP('1.0.0.10.in-addr.arpa'), { type: 'ipv4', ip: '10.0.0.1' });
 * assert.throws(() => ptrNameToIP('10.in-addr.arpa'), { code: 'EINVAL' });
 * ```
 */
export function ptrNameToIP(name: string): PtrAddress {
  const lower = String(name).toLowerCase().replace(/\.$/, '');
  if (lower.endsWith(V4)) {
    const text = lower.slice(0, -V4.length);
    const octets = text.split('.').reverse();
    if (OCTETS.test(text) && octets.every((octet) => Number(octet) <= 255)) {
      return { type: 'ipv4', ip: octets.join('.') };
    }
  } else if (lower.endsWith(V6)) {
    const text = lower.slice(0, -V6.length);
    if (NIBBLES.test(text)) {
      const digits = text.split('.').reverse().join('');
      const bytes = Uint8Array.from(digits.match(/../g) as string[], (two) => Number(`0x${two}`));
      return { type: 'ipv6', ip: formatIp({ family: 6, bytes }) };
    }
  }
  const reason = `invalid PTR name: ${String(name).slice(0, 255)}`;
  throw new NetError('EINVAL', 'Cannot read the name of an address', { reason });
}
