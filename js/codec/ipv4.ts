// SPDX-License-Identifier: MIT
// ipv4 - reads and builds IPv4 packets (RFC 791), fragments too

import { NetError } from '../errors.ts';
import { internetChecksum } from './checksum.ts';
import {
  addressPair,
  checkField,
  checkSize,
  concat,
  type IpInput,
  putU16,
  type ReadOptions,
  u16,
} from './fields.ts';

/** Bytes of a header without options. */
export const IPV4_HEADER = 20;

const WHAT = 'an IPv4 packet';
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;

/** An IPv4 packet. Byte fields are views on the packet. */
export interface Ipv4Packet {
  /** IP version. */
  readonly version: 4;
  /** Source address, 4 bytes. */
  readonly source: Uint8Array;
  /** Destination address, 4 bytes. */
  readonly destination: Uint8Array;
  /** Number of the protocol that it carries. */
  readonly protocol: number;
  /** Routers that it may still pass. */
  readonly ttl: number;
  /** The byte of DSCP and ECN. */
  readonly trafficClass: number;
  /** Names the packet that a fragment belongs to. */
  readonly identification: number;
  /** Routers may not cut it. */
  readonly dontFragment: boolean;
  /** Fragments of the same packet come behind this one. */
  readonly moreFragments: boolean;
  /** Offset of its payload in that of the whole packet, bytes. Above 0, no header of a protocol follows. */
  readonly fragmentOffset: number;
  /** Bytes of header and payload, as the header says. */
  readonly totalLength: number;
  /** Header checksum. */
  readonly checksum: number;
  /** Whether the header checksum is right. */
  readonly isChecksumRight: boolean;
  /** Options, raw. */
  readonly options: Uint8Array;
  /** Payload, without padding of the link. */
  readonly payload: Uint8Array;
}

/** Fields of an IPv4 packet to build. */
export interface Ipv4Fields {
  /** Source address. */
  readonly source: IpInput;
  /** Destination address. */
  readonly destination: IpInput;
  /** Number of the protocol that it carries, 0 to 255. */
  readonly protocol: number;
  /** Payload, at most 65515 bytes. */
  readonly payload: Uint8Array;
  /** Routers that it may pass, 0 to 255. @default 64 */
  readonly ttl?: number;
  /** The byte of DSCP and ECN. @default 0 */
  readonly trafficClass?: number;
  /** Names the packet that a fragment belongs to, 0 to 65535. @default 0 */
  readonly identification?: number;
  /** Routers may not cut it. @default false */
  readonly dontFragment?: boolean;
  /** Fragments of the same packet come behind this one. @default false */
  readonly moreFragments?: boolean;
  /** Offset of its payload in that of the whole packet: a multiple of 8 bytes, up to 65528. @default 0 */
  readonly fragmentOffset?: number;
  /** Options, raw: at most 40 bytes, a multiple of 4. @default none */
  readonly options?: Uint8Array;
}

/**
 * Reads an IPv4 packet.
 *
 * @param bytes - The packet; bytes behind its total length are padding of the link.
 * @param options - Whether it may be cut.
 * @returns Its fields, as views; undefined if it is malformed. A wrong checksum is told by `isChecksumRight`.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ipText } from '../js/codec/fields.ts';
 * import { buildIpv4, IP_PROTOCOL, parseIpv4 } from '../js/codec/ip.ts';
 *
 * const bytes = buildIpv4({
 *   source: '10.0.0.1',
 *   destination: '10.0.0.2',
 *   protocol: IP_PROTOCOL.udp,
 *   payload: new Uint8Array(8),
 * });
 * const packet = parseIpv4(bytes);
 * assert.equal(packet && ipText(packet.source), '10.0.0.1');
 * assert.equal(packet?.isChecksumRight, true);
 * assert.equal(parseIpv4(bytes.subarray(0, 27)), undefined); // cut
 * ```
 */
export function parseIpv4(bytes: Uint8Array, options: ReadOptions = {}): Ipv4Packet | undefined {
  const first = bytes[0] ?? 0;
  const header = (first & 15) * 4;
  const totalLength = u16(bytes, 2);
  if (first >>> 4 !== 4 || header < IPV4_HEADER || bytes.length < header) return undefined;
  if (totalLength < header || (totalLength > bytes.length && !options.allowCut)) return undefined;
  const fragment = u16(bytes, 6);
  return {
    version: 4,
    source: bytes.subarray(12, 16),
    destination: bytes.subarray(16, 20),
    protocol: bytes[9] ?? 0,
    ttl: bytes[8] ?? 0,
    trafficClass: bytes[1] ?? 0,
    identification: u16(bytes, 4),
    dontFragment: (fragment & DONT_FRAGMENT) !== 0,
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    totalLength,
    checksum: u16(bytes, 10),
    isChecksumRight: internetChecksum(bytes.subarray(0, header)) === 0,
    options: bytes.subarray(IPV4_HEADER, header),
    payload: bytes.subarray(header, totalLength),
  };
}

/** Flags and offset of a fragment. */
function fragmentWord(fields: Ipv4Fields): number {
  const { dontFragment = false, moreFragments = false, fragmentOffset = 0 } = fields;
  checkField(WHAT, 'fragmentOffset', fragmentOffset, 65_528);
  if (fragmentOffset % 8 !== 0) {
    const reason = 'must be a multiple of 8';
    throw new NetError('EINVAL', `Cannot build ${WHAT} with fragmentOffset ${fragmentOffset}`, {
      reason,
    });
  }
  const flags = (dontFragment ? DONT_FRAGMENT : 0) | (moreFragments ? MORE_FRAGMENTS : 0);
  return flags | (fragmentOffset / 8);
}

/**
 * Builds an IPv4 packet with its header checksum.
 *
 * @param fields - Addresses, protocol, payload; the rest has defaults.
 * @returns The packet.
 * @throws {NetError} EINVAL for a field that is out of range, or a payload that is too long.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIpv4, parseIpv4 } from '../js/codec/ip.ts';
 *
 * const packet = buildIpv4({
 *   source: '10.0.0.1',
 *   destination: '224.0.0.1',
 *   protocol: 2, // IGMP
 *   ttl: 1,
 *   options: Uint8Array.of(0x94, 4, 0, 0), // router alert
 *   payload: Uint8Array.of(0x11, 0, 0xee, 0xff, 0, 0, 0, 0),
 * });
 * assert.equal(packet.length, 32);
 * assert.equal(parseIpv4(packet)?.options.length, 4);
 * ```
 */
export function buildIpv4(fields: Ipv4Fields): Uint8Array<ArrayBuffer> {
  const { payload, ttl = 64, trafficClass = 0, identification = 0 } = fields;
  const { options = new Uint8Array() } = fields;
  const [source, destination] = addressPair(WHAT, fields.source, fields.destination);
  if (source.length !== 4) throw new NetError('EINVAL', `Cannot build ${WHAT} of IPv6 addresses`);
  if (options.length > 40 || options.length % 4 !== 0) {
    const reason = 'must be 0 to 40 bytes, a multiple of 4';
    throw new NetError('EINVAL', `Cannot build ${WHAT} with ${options.length} bytes of options`, {
      reason,
    });
  }
  const head = new Uint8Array(IPV4_HEADER + options.length);
  head[0] = 0x40 | (head.length / 4);
  head[1] = checkField(WHAT, 'trafficClass', trafficClass, 255);
  putU16(head, 2, checkSize(WHAT, head.length + payload.length, 0xffff));
  putU16(head, 4, checkField(WHAT, 'identification', identification, 0xffff));
  putU16(head, 6, fragmentWord(fields));
  head[8] = checkField(WHAT, 'ttl', ttl, 255);
  head[9] = checkField(WHAT, 'protocol', fields.protocol, 255);
  head.set(source, 12);
  head.set(destination, 16);
  head.set(options, IPV4_HEADER);
  putU16(head, 10, internetChecksum(head));
  return concat(head, payload);
}
