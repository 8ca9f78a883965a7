// SPDX-License-Identifier: MIT
// link_local - the IPv6 address that a tap makes of its MAC

import { formatIp, parseMac } from './address.ts';

/**
 * The link-local address of a MAC.
 *
 * @param mac - The MAC.
 * @returns The address (RFC 4291, appendix A).
 * @throws {NetError} EINVAL for what is no MAC.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { linkLocalOf } from '../js/util/link_local.ts';
 *
 * assert.equal(linkLocalOf('02:00:00:00:00:01'), 'fe80::ff:fe00:1');
 * ```
 */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = parseMac(mac);
  const octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f];
  return formatIp({ family: 6, bytes: Uint8Array.from(octets) });
}
