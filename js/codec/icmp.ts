// SPDX-License-Identifier: MIT
// icmp - reads and builds messages of ICMP (RFC 792, 1191) and ICMPv6 (RFC 4443): echo and errors
//
// The family of a message is that of the addresses of its packet: ICMP has no pseudo header, ICMPv6 has
// one, and their numbers differ. Neighbour discovery is in ndp.ts.

import { internetChecksum, transportChecksum } from './checksum.ts';
import {
  addressPair,
  checkField,
  concat,
  type IpInput,
  putU16,
  putU32,
  u16,
  u32,
} from './fields.ts';
import { IP_PROTOCOL } from './ip_types.ts';

/** Types of ICMP. */
export const ICMP_TYPE = {
  echoReply: 0,
  unreachable: 3,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

/** Types of ICMPv6. */
export const ICMPV6_TYPE = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  listenerQuery: 130,
  listenerReport: 131,
  listenerDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  listenerReport2: 143,
} as const;

/** Bytes of a header: type, code, checksum, and four bytes whose meaning depends on the type. */
export const ICMP_HEADER = 8;

const WHAT = 'an ICMP message';
/** Code of `unreachable` in ICMP: the packet must not be cut and is too long (RFC 1191). */
const FRAGMENTATION_NEEDED = 4;

/** A message of ICMP or ICMPv6. */
export interface IcmpMessage {
  /** Its type: of ICMP_TYPE or ICMPV6_TYPE. */
  readonly type: number;
  /** Its code. */
  readonly code: number;
  /** Its checksum; hasRightChecksum() checks that of ICMPv6, isIcmpChecksumRight() that of ICMP. */
  readonly checksum: number;
  /** All that follows the checksum: a view. */
  readonly body: Uint8Array;
}

/** The ends of the packet that a message goes with. */
export interface IcmpEnds {
  /** Source address of the IP packet: its version decides between ICMP and ICMPv6. */
  readonly source: IpInput;
  /** Destination address, of the same version. */
  readonly destination: IpInput;
}

/** Fields of a message to build. */
export interface IcmpFields extends IcmpEnds {
  /** Its type, 0 to 255: of ICMP_TYPE or ICMPV6_TYPE. */
  readonly type: number;
  /** Its code, 0 to 255. @default 0 */
  readonly code?: number;
  /** All that follows the checksum, at least 4 bytes. */
  readonly body: Uint8Array;
}

/**
 * Reads a message of ICMP or ICMPv6.
 *
 * @param bytes - The payload of an IP packet.
 * @returns Its fields; undefined if it is shorter than the 8 bytes of a header.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ICMP_TYPE, parseIcmp } from '../js/codec/icmp.ts';
 *
 * const message = parseIcmp(Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0, 0));
 * assert.equal(message?.type, ICMP_TYPE.echoRequest);
 * assert.equal(parseIcmp(Uint8Array.of(8, 0, 0xf7, 0xff)), undefined);
 * ```
 */
export function parseIcmp(bytes: Uint8Array): IcmpMessage | undefined {
  if (bytes.length < ICMP_HEADER) return undefined;
  const [type = 0, code = 0] = bytes;
  return { type, code, checksum: u16(bytes, 2), body: bytes.subarray(4) };
}

/**
 * Checks the checksum of an ICMP message, which covers no addresses. For ICMPv6, use hasRightChecksum().
 *
 * @param bytes - The message, whole.
 * @returns Whether it is right.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { isIcmpChecksumRight } from '../js/codec/icmp.ts';
 *
 * assert.equal(isIcmpChecksumRight(Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0, 0)), true);
 * ```
 */
export function isIcmpChecksumRight(bytes: Uint8Array): boolean {
  return internetChecksum(bytes) === 0;
}

/**
 * Builds a message of ICMP or ICMPv6 with its checksum, the payload of an IP packet.
 *
 * @param fields - Addresses, type, code and body.
 * @returns The message.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIcmp, ICMPV6_TYPE } from '../js/codec/icmp.ts';
 *
 * const ends = { source: 'fe80::1', destination: 'ff02::2' };
 * const type = ICMPV6_TYPE.routerSolicitation;
 * const solicitation = buildIcmp({ ...ends, type, body: new Uint8Array(4) });
 * assert.equal(solicitation.length, 8);
 * ```
 */
export function buildIcmp(fields: IcmpFields): Uint8Array<ArrayBuffer> {
  const { type, code = 0, body } = fields;
  const [source, destination] = addressPair(WHAT, fields.source, fields.destination);
  checkField(WHAT, 'body length', body.length, 65_531, 4);
  const head = Uint8Array.of(
    checkField(WHAT, 'type', type, 255),
    checkField(WHAT, 'code', code, 255),
    0,
    0,
  );
  const payload = concat(head, body);
  const checksum =
    source.length === 4
      ? internetChecksum(payload)
      : transportChecksum({ source, destination, protocol: IP_PROTOCOL.icmpv6, payload });
  putU16(payload, 2, checksum);
  return payload;
}

/** An echo request or reply. */
export interface IcmpEcho {
  /** A reply; otherwise a request. */
  readonly isReply: boolean;
  /** Names the sender of the requests, 0 to 65535. */
  readonly identifier: number;
  /** Number of the request, 0 to 65535. */
  readonly sequence: number;
  /** Bytes that the reply repeats: a view. */
  readonly data: Uint8Array;
}

/** Whether a type is that of an echo reply (true), of a request (false), or neither. */
function echoKind(type: number, version: 4 | 6): boolean | undefined {
  const { echoReply, echoRequest } = version === 4 ? ICMP_TYPE : ICMPV6_TYPE;
  if (type === echoReply) return true;
  return type === echoRequest ? false : undefined;
}

/**
 * Reads a message as an echo request or reply.
 *
 * @param message - From parseIcmp().
 * @param version - Of the IP packet.
 * @returns Its fields; undefined if it is none.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIcmpEcho, parseIcmp, parseIcmpEcho } from '../js/codec/icmp.ts';
 *
 * const ends = { source: '10.0.0.1', destination: '10.0.0.2' };
 * const data = Uint8Array.of(1, 2, 3);
 * const message = parseIcmp(buildIcmpEcho({ ...ends, identifier: 7, sequence: 1, data }));
 * assert.deepEqual(message && parseIcmpEcho(message, 4), {
 *   isReply: false,
 *   identifier: 7,
 *   sequence: 1,
 *   data,
 * });
 * ```
 */
export function parseIcmpEcho(message: IcmpMessage, version: 4 | 6): IcmpEcho | undefined {
  const isReply = echoKind(message.type, version);
  if (isReply === undefined || message.code !== 0) return undefined;
  const { body } = message;
  return { isReply, identifier: u16(body, 0), sequence: u16(body, 2), data: body.subarray(4) };
}

/**
 * Builds an echo request or reply.
 *
 * @param fields - Addresses, identifier, sequence number and data; a request unless `isReply`.
 * @returns The message, the payload of an IP packet.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIcmpEcho, ICMPV6_TYPE } from '../js/codec/icmp.ts';
 *
 * const ends = { source: 'fd00::1', destination: 'fd00::2' };
 * const request = buildIcmpEcho({ ...ends, identifier: 7, sequence: 1 });
 * assert.equal(request[0], ICMPV6_TYPE.echoRequest);
 * ```
 */
export function buildIcmpEcho(
  fields: IcmpEnds & Pick<IcmpEcho, 'identifier' | 'sequence'> & Partial<IcmpEcho>,
): Uint8Array<ArrayBuffer> {
  const { source, destination, isReply = false, data = new Uint8Array() } = fields;
  const [from] = addressPair(WHAT, source, destination);
  const types = from.length === 4 ? ICMP_TYPE : ICMPV6_TYPE;
  const head = new Uint8Array(4);
  putU16(head, 0, checkField(WHAT, 'identifier', fields.identifier, 0xffff));
  putU16(head, 2, checkField(WHAT, 'sequence', fields.sequence, 0xffff));
  const type = isReply ? types.echoReply : types.echoRequest;
  return buildIcmp({ source, destination, type, body: concat(head, data) });
}

/** An error message about a packet. */
export interface IcmpError {
  /** Kind of the error. */
  readonly kind: 'unreachable' | 'packetTooBig' | 'timeExceeded' | 'parameterProblem';
  /** Its code, which says more; the numbers of ICMP and ICMPv6 differ. */
  readonly code: number;
  /** For `packetTooBig`: the largest packet of the next link, bytes; 0: an old router does not say. */
  readonly mtu: number;
  /** For `parameterProblem`: the offset in the packet that is wrong. */
  readonly pointer: number;
  /** The beginning of the packet, from its IP header on: a view. */
  readonly packet: Uint8Array;
}

function errorKind(type: number, code: number, version: 4 | 6): IcmpError['kind'] | undefined {
  const types = version === 4 ? ICMP_TYPE : ICMPV6_TYPE;
  if (version === 6 && type === ICMPV6_TYPE.packetTooBig) return 'packetTooBig';
  if (type === types.unreachable) {
    return version === 4 && code === FRAGMENTATION_NEEDED ? 'packetTooBig' : 'unreachable';
  }
  if (type === types.timeExceeded) return 'timeExceeded';
  return type === types.parameterProblem ? 'parameterProblem' : undefined;
}

/**
 * Reads a message as an error. ICMP's "fragmentation needed" is `packetTooBig`, as in ICMPv6.
 *
 * @param message - From parseIcmp().
 * @param version - Of the IP packet.
 * @returns Its fields; undefined if it is none. The quoted packet is untrusted: parse it with `allowCut`.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIcmpError, parseIcmp, parseIcmpError } from '../js/codec/icmp.ts';
 *
 * const ends = { source: '10.0.0.254', destination: '10.0.0.1' };
 * const packet = new Uint8Array(1500);
 * const bytes = buildIcmpError({ ...ends, kind: 'packetTooBig', mtu: 1280, packet });
 * const message = parseIcmp(bytes);
 * const error = message && parseIcmpError(message, 4);
 * assert.deepEqual([error?.kind, error?.mtu], ['packetTooBig', 1280]);
 * ```
 */
export function parseIcmpError(message: IcmpMessage, version: 4 | 6): IcmpError | undefined {
  const { type, code, body } = message;
  const kind = errorKind(type, code, version);
  if (kind === undefined) return undefined;
  const mtu = version === 4 ? u16(body, 2) : u32(body, 0);
  const pointer = version === 4 ? (body[0] ?? 0) : u32(body, 0);
  return {
    kind,
    code,
    mtu: kind === 'packetTooBig' ? mtu : 0,
    pointer: kind === 'parameterProblem' ? pointer : 0,
    packet: body.subarray(4),
  };
}

/**
 * Builds an error about a packet, of which it quotes as much as may be quoted: the message with its IP
 * header has at most 576 bytes over IPv4 (RFC 1812), 1280 over IPv6 (RFC 4443).
 *
 * @param fields - Addresses, kind, and the packet; code, MTU or pointer as the kind needs them.
 * @returns The message, the payload of an IP packet.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIcmpError, ICMPV6_TYPE } from '../js/codec/icmp.ts';
 *
 * const ends = { source: 'fd00::1', destination: 'fd00::2' };
 * const packet = new Uint8Array(2000);
 * const error = buildIcmpError({ ...ends, kind: 'unreachable', code: 4, packet });
 * assert.deepEqual([error[0], error.length], [ICMPV6_TYPE.unreachable, 1240]);
 * ```
 */
export function buildIcmpError(
  fields: IcmpEnds & Pick<IcmpError, 'kind' | 'packet'> & Partial<IcmpError>,
): Uint8Array<ArrayBuffer> {
  const { source, destination, kind, mtu = 0, pointer = 0, packet } = fields;
  const isV4 = addressPair(WHAT, source, destination)[0].length === 4;
  const types = isV4 ? { ...ICMP_TYPE, packetTooBig: ICMP_TYPE.unreachable } : ICMPV6_TYPE;
  const isTooBig = kind === 'packetTooBig';
  const { code = isV4 && isTooBig ? FRAGMENTATION_NEEDED : 0 } = fields;
  const head = new Uint8Array(4);
  if (isTooBig) putU32(head, 0, checkField(WHAT, 'mtu', mtu, isV4 ? 0xffff : 0xffff_ffff));
  else if (kind === 'parameterProblem') {
    checkField(WHAT, 'pointer', pointer, isV4 ? 255 : 0xffff_ffff);
    putU32(head, 0, isV4 ? pointer * 2 ** 24 : pointer);
  }
  const quoted = packet.subarray(0, isV4 ? 576 - 20 - ICMP_HEADER : 1280 - 40 - ICMP_HEADER);
  return buildIcmp({ source, destination, type: types[kind], code, body: concat(head, quoted) });
}
