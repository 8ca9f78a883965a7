// SPDX-License-Identifier: MIT
// stable_address - addresses of IPv6 from a prefix and a secret (RFC 7217), and from a MAC

import { concat, ipBytes, ipText, macBytes } from '../codec/fields.ts';
import { sha1 } from '../codec/sha1.ts';

/** Whether an identifier is one that no host may have (RFC 5453). */
function isReserved(id: Uint8Array): boolean {
  const hex = Array.from(id, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return /^0{16}$|^02005efffe|^fdffffffffffff[89a-f]/.test(hex);
}

/**
 * An address that is the same each time in one network, and tells nobody the MAC.
 *
 * @param prefix - The network of 64 bits.
 * @param mac - MAC of the interface.
 * @param secret - Random bytes.
 * @param count - How many addresses of this network were another host's.
 * @returns The address.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { stableAddress } from '../js/dhcp/stable_address.ts';
 *
 * const address = stableAddress('fd00::', '02:00:00:00:00:01', new Uint8Array(16), 0);
 * assert.match(address, /^fd00::/);
 * assert.notEqual(stableAddress('fd00::', '02:00:00:00:00:01', new Uint8Array(16), 1), address);
 * ```
 */
export function stableAddress(
  prefix: string,
  mac: string,
  secret: Uint8Array,
  count: number,
): string {
  const network = ipBytes(prefix).subarray(0, 8);
  for (let i = 0; ; i++) {
    const counter = Uint8Array.of(count, i);
    // A hash of the secret's hash is not extended by what an attacker chooses.
    const inner = sha1(concat(secret, network, macBytes(mac), counter));
    const id = sha1(concat(secret, inner)).subarray(0, 8);
    if (!isReserved(id)) return ipText(concat(network, id));
  }
}

/**
 * The link-local address that a tap makes of its MAC.
 *
 * @param mac - The MAC.
 * @returns The address (RFC 4291, appendix A).
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { linkLocalOf } from '../js/dhcp/stable_address.ts';
 *
 * assert.equal(linkLocalOf('02:00:00:00:00:01'), 'fe80::ff:fe00:1');
 * ```
 */
export function linkLocalOf(mac: string): string {
  const bytes = macBytes(mac);
  const id = concat(bytes.subarray(0, 3), Uint8Array.of(0xff, 0xfe), bytes.subarray(3));
  id[0] = (id[0] as number) ^ 2;
  return ipText(concat(ipBytes('fe80::').subarray(0, 8), id));
}
