// SPDX-License-Identifier: MIT
// subnet - whether an address lies in a network

import type { Cidr, IpAddress } from './address.ts';

/**
 * Says whether an address lies in a network.
 *
 * @param address - The address.
 * @param cidr - The network; what is behind its prefix does not count.
 * @returns Whether it is of the same family and has the same prefix.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseCidr, parseIp } from '../js/util/address.ts';
 * import { isIn } from '../js/util/subnet.ts';
 *
 * assert.equal(isIn(parseIp('10.1.255.7'), parseCidr('10.1.0.0/16')), true);
 * assert.equal(isIn(parseIp('10.2.0.1'), parseCidr('10.1.0.0/16')), false);
 * ```
 */
export function isIn({ family, bytes }: IpAddress, { address, prefix }: Cidr): boolean {
  if (family !== address.family) return false;
  for (let bit = 0; bit < prefix; bit += 8) {
    const mask = 0xff00 >> Math.min(8, prefix - bit);
    const differs = (bytes[bit >> 3] as number) ^ (address.bytes[bit >> 3] as number);
    if ((differs & mask & 0xff) !== 0) return false;
  }
  return true;
}

/**
 * Says whether an IPv6 address is a link-local one.
 *
 * @param ip - Its bytes, or its text.
 * @returns Whether it is of fe80::/10.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { isLinkLocal } from '../js/util/subnet.ts';
 *
 * assert.equal(isLinkLocal('fe80::1%tap0'), true);
 * assert.equal(isLinkLocal('fe8::1'), false);
 * ```
 */
export function isLinkLocal(ip: Uint8Array | string): boolean {
  if (typeof ip === 'string') return /^fe[89ab][\da-f]:/i.test(ip);
  return ip[0] === 0xfe && ((ip[1] as number) & 0xc0) === 0x80;
}
