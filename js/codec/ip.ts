// SPDX-License-Identifier: MIT
// ip - IP packets of either version: the face of ipv4.ts and ipv6.ts

import type { ReadOptions } from './fields.ts';
import { ipBytes } from './fields.ts';
import { buildIpv4, type Ipv4Fields, type Ipv4Packet, parseIpv4 } from './ipv4.ts';
import { buildIpv6, type Ipv6Packet, parseIpv6 } from './ipv6.ts';

export { IP_PROTOCOL } from './ip_types.ts';
export * from './ipv4.ts';
export * from './ipv6.ts';

/** An IP packet of either version. */
export type IpPacket = Ipv4Packet | Ipv6Packet;

/** Fields of an IP packet of either version to build. */
export type IpFields = Pick<
  Ipv4Fields,
  'source' | 'destination' | 'protocol' | 'payload' | 'trafficClass'
> & {
  /** Routers that it may pass, 0 to 255. @default 64 */
  readonly hopLimit?: number;
};

/**
 * Reads an IP packet; its first bits say which version it is.
 *
 * @param bytes - The packet.
 * @param options - Whether it may be cut.
 * @returns Its fields, as views; undefined if it is malformed, or of no version that we know.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIp, parseIp } from '../js/codec/ip.ts';
 *
 * const payload = new Uint8Array(8);
 * const packet = buildIp({ source: 'fd00::1', destination: 'fd00::2', protocol: 17, payload });
 * assert.equal(parseIp(packet)?.version, 6);
 * assert.equal(parseIp(Uint8Array.of(0x50)), undefined);
 * ```
 */
export function parseIp(bytes: Uint8Array, options: ReadOptions = {}): IpPacket | undefined {
  return (bytes[0] ?? 0) >>> 4 === 4 ? parseIpv4(bytes, options) : parseIpv6(bytes, options);
}

/**
 * Builds an IP packet of the version that its addresses have.
 *
 * @param fields - Addresses, protocol, payload.
 * @returns The packet.
 * @throws {NetError} EINVAL for a field that is out of range, or a payload that is too long.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIp } from '../js/codec/ip.ts';
 *
 * const payload = new Uint8Array(8);
 * const packet = buildIp({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, payload });
 * assert.equal(packet.length, 28);
 * ```
 */
export function buildIp(fields: IpFields): Uint8Array<ArrayBuffer> {
  const { hopLimit = 64, ...rest } = fields;
  if (ipBytes(fields.source).length === 16) return buildIpv6({ ...rest, hopLimit });
  return buildIpv4({ ...rest, ttl: hopLimit });
}
