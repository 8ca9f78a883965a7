// SPDX-License-Identifier: MIT
// stable_address - addresses of IPv6 from a prefix and a secret (RFC 7217)

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
