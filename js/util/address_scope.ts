// SPDX-License-Identifier: MIT
// address_scope - whether an address is public, or of which special range (IANA, special-purpose addresses)

import { type IpAddress, parseCidr } from './address.ts';
import { isIn } from './subnet.ts';

/** Scope in which an address is valid. An address that is neither public nor named otherwise is `reserved`. */
export type AddressScope =
  | 'public'
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'reserved';

const RANGES: readonly (readonly [string, AddressScope])[] = [
  ['0.0.0.0/8', 'reserved'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'private'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'reserved'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'reserved'],
  ['198.51.100.0/24', 'reserved'],
  ['203.0.113.0/24', 'reserved'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'reserved'],
  ['::1/128', 'loopback'],
  ['64:ff9b:1::/48', 'reserved'],
  ['100::/64', 'reserved'],
  ['2001::/23', 'reserved'],
  ['2001:db8::/32', 'reserved'],
  ['3fff::/20', 'reserved'],
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'],
  ['ff00::/8', 'multicast'],
];

/** Ranges of IPv6 that have an IPv4 address in them, and the byte where it begins. */
const EMBEDDED: readonly (readonly [string, number])[] = [
  ['::/96', 12],
  ['::ffff:0:0/96', 12],
  ['64:ff9b::/96', 12],
  ['2002::/16', 2],
];

const SPECIAL = RANGES.map(([cidr, scope]) => ({ ...parseCidr(cidr), scope }));
const CARRIERS = EMBEDDED.map(([cidr, at]) => ({ ...parseCidr(cidr), at }));

/**
 * Says where an address is valid. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is of its
 * scope.
 *
 * @param address - IPv4 or IPv6.
 * @returns The scope.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseIp } from '../js/util/address.ts';
 * import { addressScope } from '../js/util/address_scope.ts';
 *
 * assert.equal(addressScope(parseIp('192.168.1.1')), 'private');
 * assert.equal(addressScope(parseIp('::ffff:127.0.0.1')), 'loopback');
 * assert.equal(addressScope(parseIp('9.9.9.9')), 'public');
 * ```
 */
export function addressScope(address: IpAddress): AddressScope {
  const special = SPECIAL.find((range) => isIn(address, range));
  if (special) return special.scope;
  const carrier = CARRIERS.find((range) => isIn(address, range));
  if (!carrier) return 'public';
  const bytes = new Uint8Array(16);
  bytes.set(address.bytes.subarray(carrier.at, carrier.at + 4));
  return addressScope({ family: 4, bytes });
}
