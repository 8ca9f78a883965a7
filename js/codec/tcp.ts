// SPDX-License-Identifier: MIT
// tcp - reads and builds TCP segments (RFC 9293)

import { NetError } from '../errors.ts';
import { transportChecksum } from './checksum.ts';
import {
  addressPair,
  checkField,
  checkSize,
  type IpInput,
  putU16,
  putU32,
  u16,
  u32,
} from './fields.ts';
import { IP_PROTOCOL } from './ip_types.ts';
import { buildTcpOptions, type TcpOptions } from './tcp_options.ts';

export * from './tcp_options.ts';

/** Flags of a segment. */
export const TCP_FLAG = {
  fin: 1,
  syn: 2,
  rst: 4,
  psh: 8,
  ack: 16,
  urg: 32,
  ece: 64,
  cwr: 128,
} as const;

/** Bytes of a header without options. */
export const TCP_HEADER = 20;

/** A TCP segment. Byte fields are views on the segment. */
export interface TcpSegment {
  /** Port it comes from. */
  readonly sourcePort: number;
  /** Port it is for. */
  readonly destinationPort: number;
  /** Sequence number of its first byte, 32 bits. */
  readonly sequence: number;
  /** The next sequence number that its sender expects, 32 bits; counts with the flag ACK only. */
  readonly acknowledgment: number;
  /** Bits of TCP_FLAG. */
  readonly flags: number;
  /** Receive window, not shifted. */
  readonly window: number;
  /** Its checksum. hasRightChecksum() checks it with the IP packet. */
  readonly checksum: number;
  /** Urgent pointer; counts with the flag URG only. */
  readonly urgent: number;
  /** Options, raw; parseTcpOptions() reads them. */
  readonly options: Uint8Array;
  /** Payload. */
  readonly payload: Uint8Array;
}

/** Fields of a TCP segment to build. */
export interface TcpFields {
  /** Source address of the IP packet, which the checksum covers. */
  readonly source: IpInput;
  /** Destination address, of the same IP version. */
  readonly destination: IpInput;
  /** Port it comes from, 0 to 65535. */
  readonly sourcePort: number;
  /** Port it is for, 0 to 65535. */
  readonly destinationPort: number;
  /** Sequence number of its first byte, 0 to 2^32 - 1. */
  readonly sequence: number;
  /** The next sequence number that is expected, 0 to 2^32 - 1. @default 0 */
  readonly acknowledgment?: number;
  /** Bits of TCP_FLAG, 0 to 255. */
  readonly flags: number;
  /** Receive window, 0 to 65535. @default 65535 */
  readonly window?: number;
  /** Urgent pointer, 0 to 65535. @default 0 */
  readonly urgent?: number;
  /** Options: to be built, or raw (at most 40 bytes, a multiple of 4). @default none */
  readonly options?: TcpOptions | Uint8Array;
  /** Payload. @default nothing */
  readonly payload?: Uint8Array;
}

/**
 * Reads a TCP segment.
 *
 * @param bytes - The payload of an IP packet.
 * @returns Its fields; undefined if it is malformed: it ends within its header.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildTcp, parseTcp, parseTcpOptions, TCP_FLAG } from '../js/codec/tcp.ts';
 *
 * const syn = buildTcp({
 *   source: '10.0.0.1',
 *   destination: '10.0.0.2',
 *   sourcePort: 50_000,
 *   destinationPort: 80,
 *   sequence: 1,
 *   flags: TCP_FLAG.syn,
 *   options: { maximumSegmentSize: 1460 },
 * });
 * const segment = parseTcp(syn);
 * assert.equal(segment?.flags, TCP_FLAG.syn);
 * assert.equal(segment && parseTcpOptions(segment.options).maximumSegmentSize, 1460);
 * ```
 */
export function parseTcp(bytes: Uint8Array): TcpSegment | undefined {
  const header = ((bytes[12] ?? 0) >>> 4) * 4;
  if (header < TCP_HEADER || bytes.length < header) return undefined;
  return {
    sourcePort: u16(bytes, 0),
    destinationPort: u16(bytes, 2),
    sequence: u32(bytes, 4),
    acknowledgment: u32(bytes, 8),
    flags: bytes[13] ?? 0,
    window: u16(bytes, 14),
    checksum: u16(bytes, 16),
    urgent: u16(bytes, 18),
    options: bytes.subarray(TCP_HEADER, header),
    payload: bytes.subarray(header),
  };
}

/** The options of a segment to build, as bytes. */
function optionBytes(options: TcpOptions | Uint8Array): Uint8Array {
  if (!(options instanceof Uint8Array)) return buildTcpOptions(options);
  if (options.length <= 40 && options.length % 4 === 0) return options;
  const reason = 'must be 0 to 40 bytes, a multiple of 4';
  const action = `Cannot build a TCP segment with ${options.length} bytes of options`;
  throw new NetError('EINVAL', action, { reason });
}

/**
 * Builds a TCP segment with its checksum, the payload of an IP packet.
 *
 * @param fields - Addresses, ports, sequence number, flags; the rest has defaults.
 * @returns The segment.
 * @throws {NetError} EINVAL for a field that is out of range, or a payload that is too long.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { hasRightChecksum } from '../js/codec/checksum.ts';
 * import { buildIp, IP_PROTOCOL, parseIp } from '../js/codec/ip.ts';
 * import { buildTcp, TCP_FLAG } from '../js/codec/tcp.ts';
 *
 * const ends = { source: 'fd00::1', destination: 'fd00::2' };
 * const flags = TCP_FLAG.rst | TCP_FLAG.ack;
 * const ports = { sourcePort: 80, destinationPort: 50_000 };
 * const payload = buildTcp({ ...ends, ...ports, sequence: 0, acknowledgment: 2, flags });
 * const packet = parseIp(buildIp({ ...ends, protocol: IP_PROTOCOL.tcp, payload }));
 * assert.equal(packet && hasRightChecksum(packet), true);
 * ```
 */
export function buildTcp(fields: TcpFields): Uint8Array<ArrayBuffer> {
  const what = 'a TCP segment';
  const { acknowledgment = 0, window = 0xffff, urgent = 0, options = {} } = fields;
  const { payload = new Uint8Array() } = fields;
  const [source, destination] = addressPair(what, fields.source, fields.destination);
  const raw = optionBytes(options);
  const header = TCP_HEADER + raw.length;
  const bytes = new Uint8Array(checkSize(what, header + payload.length, 0xffff));
  putU16(bytes, 0, checkField(what, 'sourcePort', fields.sourcePort, 0xffff));
  putU16(bytes, 2, checkField(what, 'destinationPort', fields.destinationPort, 0xffff));
  putU32(bytes, 4, checkField(what, 'sequence', fields.sequence, 0xffff_ffff));
  putU32(bytes, 8, checkField(what, 'acknowledgment', acknowledgment, 0xffff_ffff));
  bytes[12] = (header / 4) << 4;
  bytes[13] = checkField(what, 'flags', fields.flags, 255);
  putU16(bytes, 14, checkField(what, 'window', window, 0xffff));
  putU16(bytes, 18, checkField(what, 'urgent', urgent, 0xffff));
  bytes.set(raw, TCP_HEADER);
  bytes.set(payload, header);
  const packet = { source, destination, protocol: IP_PROTOCOL.tcp, payload: bytes };
  putU16(bytes, 16, transportChecksum(packet));
  return bytes;
}
