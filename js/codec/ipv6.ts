// SPDX-License-Identifier: MIT
// ipv6 - reads and builds IPv6 packets (RFC 8200); extension headers are stepped over

import { NetError } from '../errors.ts';
import {
  addressPair,
  checkField,
  checkSize,
  concat,
  type IpInput,
  putU16,
  putU32,
  type ReadOptions,
  u16,
  u32,
} from './fields.ts';
import { IP_PROTOCOL } from './ip_types.ts';

/** Bytes of the header in front of all extension headers. */
export const IPV6_HEADER = 40;

const WHAT = 'an IPv6 packet';

/** Extension headers whose second byte is their length in units of 8 bytes, the first not counted. */
const IN_UNITS_OF_8: ReadonlySet<number> = new Set([
  IP_PROTOCOL.hopByHop,
  IP_PROTOCOL.routing,
  IP_PROTOCOL.destinationOptions,
  135, // mobility (RFC 6275)
  139, // host identity (RFC 7401)
  140, // shim6 (RFC 5533)
]);

/** An extension header. */
export interface Ipv6Extension {
  /** Its number among the protocols of IP. */
  readonly type: number;
  /** Offset in the packet. */
  readonly offset: number;
  /** The header, whole: a view. */
  readonly bytes: Uint8Array;
}

/** Fields of a fragment header. */
export interface Ipv6Fragment {
  /** Names the packet that the fragment belongs to. */
  readonly identification: number;
  /** Offset of its payload in that of the whole packet, bytes. Above 0, no header of a protocol follows. */
  readonly offset: number;
  /** Fragments of the same packet come behind this one. */
  readonly more: boolean;
}

/** An IPv6 packet. Byte fields are views on the packet. */
export interface Ipv6Packet {
  /** IP version. */
  readonly version: 6;
  /** Source address, 16 bytes. */
  readonly source: Uint8Array;
  /** Destination address, 16 bytes. */
  readonly destination: Uint8Array;
  /** Number of the protocol that it carries, behind all extension headers. */
  readonly protocol: number;
  /** Routers that it may still pass. */
  readonly hopLimit: number;
  /** The byte of DSCP and ECN. */
  readonly trafficClass: number;
  /** Flow label, 20 bits. */
  readonly flowLabel: number;
  /** Bytes behind the first header, as that says. */
  readonly payloadLength: number;
  /** Extension headers, in their order. */
  readonly extensions: readonly Ipv6Extension[];
  /** Its fragment header; undefined without one. */
  readonly fragment: Ipv6Fragment | undefined;
  /** Payload, behind all extension headers. */
  readonly payload: Uint8Array;
}

/** Fields of an IPv6 packet to build. */
export interface Ipv6Fields {
  /** Source address. */
  readonly source: IpInput;
  /** Destination address. */
  readonly destination: IpInput;
  /** Number of the protocol that it carries, 0 to 255. */
  readonly protocol: number;
  /** Payload, at most 65535 bytes. */
  readonly payload: Uint8Array;
  /** Routers that it may pass, 0 to 255; 255 for neighbour discovery. @default 64 */
  readonly hopLimit?: number;
  /** The byte of DSCP and ECN. @default 0 */
  readonly trafficClass?: number;
  /** Flow label, 0 to 1048575. @default 0 */
  readonly flowLabel?: number;
}

/** Length of an extension header; 0 if a protocol has that number, or an encrypted header. */
function extensionLength(type: number, bytes: Uint8Array, at: number): number {
  if (type === IP_PROTOCOL.fragment) return 8;
  if (type === IP_PROTOCOL.authentication) return ((bytes[at + 1] ?? 0) + 2) * 4;
  return IN_UNITS_OF_8.has(type) ? ((bytes[at + 1] ?? 0) + 1) * 8 : 0;
}

/**
 * Reads an IPv6 packet.
 *
 * @param bytes - The packet; bytes behind its length are padding of the link. Jumbograms are malformed.
 * @param options - Whether it may be cut.
 * @returns Its fields, as views; undefined if it is malformed, or ends within an extension header. If it may be
 *   cut and is cut there, `protocol` is the number of that header.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ipText } from '../js/codec/fields.ts';
 * import { buildIpv6, IP_PROTOCOL, parseIpv6 } from '../js/codec/ip.ts';
 *
 * const bytes = buildIpv6({
 *   source: 'fd00::1',
 *   destination: 'fd00::2',
 *   protocol: IP_PROTOCOL.udp,
 *   payload: new Uint8Array(8),
 * });
 * const packet = parseIpv6(bytes);
 * assert.equal(packet && ipText(packet.destination), 'fd00::2');
 * assert.equal(packet?.protocol, 17);
 * ```
 */
export function parseIpv6(bytes: Uint8Array, options: ReadOptions = {}): Ipv6Packet | undefined {
  const word = u32(bytes, 0);
  if (word >>> 28 !== 6 || bytes.length < IPV6_HEADER) return undefined;
  const payloadLength = u16(bytes, 4);
  const end = IPV6_HEADER + payloadLength;
  if (end > bytes.length && !options.allowCut) return undefined;
  const extensions: Ipv6Extension[] = [];
  let protocol = bytes[6] ?? 0;
  let at = IPV6_HEADER;
  let fragment: Ipv6Fragment | undefined;
  // Every extension header has 8 bytes at least, so this ends with the packet.
  for (;;) {
    const length = extensionLength(protocol, bytes, at);
    // Behind the fragment header of a later fragment lies the middle of something.
    if (length === 0 || (fragment && fragment.offset > 0)) break;
    if (at + length > end) return undefined;
    if (at + length > bytes.length) break; // cut, and that is allowed: see above
    const type = protocol;
    extensions.push({ type, offset: at, bytes: bytes.subarray(at, at + length) });
    if (type === IP_PROTOCOL.fragment) {
      const place = u16(bytes, at + 2);
      const identification = u32(bytes, at + 4);
      fragment = { identification, offset: place & 0xfff8, more: (place & 1) !== 0 };
    }
    protocol = bytes[at] ?? 0;
    at += length;
  }
  return {
    version: 6,
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    protocol,
    hopLimit: bytes[7] ?? 0,
    trafficClass: (word >>> 20) & 0xff,
    flowLabel: word & 0xfffff,
    payloadLength,
    extensions,
    fragment,
    payload: bytes.subarray(at, end),
  };
}

/**
 * Builds an IPv6 packet. Extension headers, if it shall have some, are the first part of the payload, and
 * `protocol` is the number of the first one.
 *
 * @param fields - Addresses, protocol, payload; the rest has defaults.
 * @returns The packet.
 * @throws {NetError} EINVAL for a field that is out of range, or a payload that is too long.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIpv6, IP_PROTOCOL, parseIpv6 } from '../js/codec/ip.ts';
 *
 * // A hop-by-hop header with a router alert, in front of nothing.
 * const payload = Uint8Array.of(IP_PROTOCOL.none, 0, 5, 2, 0, 0, 1, 0);
 * const protocol = IP_PROTOCOL.hopByHop;
 * const bytes = buildIpv6({ source: 'fe80::1', destination: 'ff02::1', protocol, payload });
 * assert.equal(parseIpv6(bytes)?.extensions.length, 1);
 * assert.equal(parseIpv6(bytes)?.protocol, IP_PROTOCOL.none);
 * ```
 */
export function buildIpv6(fields: Ipv6Fields): Uint8Array<ArrayBuffer> {
  const { payload, hopLimit = 64, trafficClass = 0, flowLabel = 0 } = fields;
  const [source, destination] = addressPair(WHAT, fields.source, fields.destination);
  if (source.length !== 16) throw new NetError('EINVAL', `Cannot build ${WHAT} of IPv4 addresses`);
  const head = new Uint8Array(IPV6_HEADER);
  checkField(WHAT, 'trafficClass', trafficClass, 255);
  checkField(WHAT, 'flowLabel', flowLabel, 0xfffff);
  putU32(head, 0, (6 << 28) | (trafficClass << 20) | flowLabel);
  putU16(head, 4, checkSize(`the payload of ${WHAT}`, payload.length, 0xffff));
  head[6] = checkField(WHAT, 'protocol', fields.protocol, 255);
  head[7] = checkField(WHAT, 'hopLimit', hopLimit, 255);
  head.set(source, 8);
  head.set(destination, 24);
  return concat(head, payload);
}
