// SPDX-License-Identifier: MIT
// udp - reads and builds UDP datagrams (RFC 768, over IPv6 RFC 8200 section 8.1)

import { transportChecksum } from './checksum.ts';
import {
  addressPair,
  checkField,
  checkSize,
  type IpInput,
  putU16,
  type ReadOptions,
  u16,
} from './fields.ts';
import { IP_PROTOCOL } from './ip_types.ts';

/** Bytes of a header. */
export const UDP_HEADER = 8;

/** A UDP datagram. */
export interface UdpDatagram {
  /** Port it comes from; 0: no answer is wanted. */
  readonly sourcePort: number;
  /** Port it is for. */
  readonly destinationPort: number;
  /** Bytes of header and payload, as the header says. */
  readonly length: number;
  /** Its checksum; 0: none. hasRightChecksum() checks it with the IP packet. */
  readonly checksum: number;
  /** Payload: a view. */
  readonly payload: Uint8Array;
}

/** Fields of a UDP datagram to build. */
export interface UdpFields {
  /** Source address of the IP packet, which the checksum covers. */
  readonly source: IpInput;
  /** Destination address, of the same IP version. */
  readonly destination: IpInput;
  /** Port it comes from, 0 to 65535. */
  readonly sourcePort: number;
  /** Port it is for, 0 to 65535. */
  readonly destinationPort: number;
  /** Payload, at most 65527 bytes. @default nothing */
  readonly payload?: Uint8Array;
}

/**
 * Reads a UDP datagram.
 *
 * @param bytes - The payload of an IP packet.
 * @param options - Whether it may be cut.
 * @returns Its fields; undefined if it is malformed: shorter than its header, or than its length says.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildUdp, parseUdp } from '../js/codec/udp.ts';
 *
 * const datagram = buildUdp({
 *   source: '10.0.0.1',
 *   destination: '10.0.0.2',
 *   sourcePort: 1024,
 *   destinationPort: 53,
 *   payload: Uint8Array.of(1, 2, 3),
 * });
 * assert.equal(parseUdp(datagram)?.destinationPort, 53);
 * assert.equal(parseUdp(datagram.subarray(0, 10)), undefined);
 * assert.equal(parseUdp(datagram.subarray(0, 10), { allowCut: true })?.payload.length, 2);
 * ```
 */
export function parseUdp(bytes: Uint8Array, options: ReadOptions = {}): UdpDatagram | undefined {
  const length = u16(bytes, 4);
  if (bytes.length < UDP_HEADER || length < UDP_HEADER) return undefined;
  if (length > bytes.length && !options.allowCut) return undefined;
  return {
    sourcePort: u16(bytes, 0),
    destinationPort: u16(bytes, 2),
    length,
    checksum: u16(bytes, 6),
    payload: bytes.subarray(UDP_HEADER, length),
  };
}

/**
 * Builds a UDP datagram with its checksum, the payload of an IP packet.
 *
 * @param fields - Addresses, ports, payload.
 * @returns The datagram.
 * @throws {NetError} EINVAL for a field that is out of range, or a payload that is too long.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIpv4, IP_PROTOCOL, parseIpv4 } from '../js/codec/ip.ts';
 * import { hasRightChecksum } from '../js/codec/checksum.ts';
 * import { buildUdp } from '../js/codec/udp.ts';
 *
 * const ends = { source: '10.0.0.1', destination: '10.0.0.255' };
 * const payload = buildUdp({ ...ends, sourcePort: 68, destinationPort: 67 });
 * const packet = parseIpv4(buildIpv4({ ...ends, protocol: IP_PROTOCOL.udp, payload }));
 * assert.equal(packet && hasRightChecksum(packet), true);
 * ```
 */
export function buildUdp(fields: UdpFields): Uint8Array<ArrayBuffer> {
  const what = 'a UDP datagram';
  const { payload = new Uint8Array() } = fields;
  const [source, destination] = addressPair(what, fields.source, fields.destination);
  const bytes = new Uint8Array(checkSize(what, UDP_HEADER + payload.length, 0xffff));
  putU16(bytes, 0, checkField(what, 'sourcePort', fields.sourcePort, 0xffff));
  putU16(bytes, 2, checkField(what, 'destinationPort', fields.destinationPort, 0xffff));
  putU16(bytes, 4, bytes.length);
  bytes.set(payload, UDP_HEADER);
  const packet = { source, destination, protocol: IP_PROTOCOL.udp, payload: bytes };
  putU16(bytes, 6, transportChecksum(packet));
  return bytes;
}
