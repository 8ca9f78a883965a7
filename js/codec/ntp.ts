// SPDX-License-Identifier: MIT
// ntp - packets of NTP to and from bytes (RFC 5905, section 7.3)
//
// Pure functions. A time is ms since 1970 with its fraction. On the wire it is seconds since 1900 in 32 bits, which wrap
// in 2036: a reader takes the time that is nearest to now. Extensions and authentication behind the 48 bytes are left out.

import { checkField, putU32, u32 } from './fields.ts';

export const NTP_PORT = 123;
/** Bytes of a packet without extensions. */
export const NTP_SIZE = 48;

/** Seconds from 1900 to 1970. */
const EPOCH = 2_208_988_800;
const ERA = 2 ** 32;

/** A packet. */
export interface NtpPacket {
  /** 0: none, 1: the last minute of the day has 61 s, 2: 59 s, 3: the clock is not set. */
  readonly leap: number;
  /** 1 to 4. */
  readonly version: number;
  /** 3: client, 4: server. */
  readonly mode: number;
  /** 1: has a clock of its own, 2 to 15: steps from one. */
  readonly stratum: number;
  /** Time between packets, as a power of two in seconds. */
  readonly poll: number;
  /** Of the clock, as a power of two in seconds. */
  readonly precision: number;
  /** Way to the clock and back, seconds. */
  readonly rootDelay: number;
  /** Error of the clock, seconds. */
  readonly rootDispersion: number;
  /** The clock, or the address of the server above. */
  readonly referenceId: number;
  /** The four times as they lie in the packet, 8 bytes each. */
  readonly referenceTime: Uint8Array;
  readonly originTime: Uint8Array;
  readonly receiveTime: Uint8Array;
  readonly transmitTime: Uint8Array;
}

const signed = (byte: number): number => (byte << 24) >> 24;

/**
 * Reads a packet.
 *
 * @param bytes - The packet.
 * @returns The packet, its times views; undefined if it is cut or of no version.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseNtp } from '../js/codec/ntp.ts';
 *
 * assert.equal(parseNtp(new Uint8Array(47)), undefined);
 * assert.equal(parseNtp(new Uint8Array(48).fill(0x23, 0, 1))?.version, 4);
 * ```
 */
export function parseNtp(bytes: Uint8Array): NtpPacket | undefined {
  const [first = 0, stratum = 0, poll = 0, precision = 0] = bytes;
  const version = (first >> 3) & 7;
  if (bytes.length < NTP_SIZE || version < 1 || version > 4) return undefined;
  const time = (at: number): Uint8Array => bytes.subarray(at, at + 8);
  return {
    leap: first >> 6,
    version,
    mode: first & 7,
    stratum,
    poll: signed(poll),
    precision: signed(precision),
    rootDelay: u32(bytes, 4) / 0x10000,
    rootDispersion: u32(bytes, 8) / 0x10000,
    referenceId: u32(bytes, 12),
    referenceTime: time(16),
    originTime: time(24),
    receiveTime: time(32),
    transmitTime: time(40),
  };
}

/**
 * Writes a packet.
 *
 * @param packet - Its fields.
 * @returns 48 bytes.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseNtp, serializeNtp, timeBytes } from '../js/codec/ntp.ts';
 *
 * const request = parseNtp(new Uint8Array(48).fill(0x23, 0, 1));
 * const now = timeBytes(Date.now());
 * const answer = serializeNtp({ ...request!, mode: 4, stratum: 1, transmitTime: now });
 * assert.deepEqual(parseNtp(answer)?.transmitTime, now);
 * ```
 */
export function serializeNtp(packet: NtpPacket): Uint8Array<ArrayBuffer> {
  const what = 'an NTP packet';
  const bytes = new Uint8Array(NTP_SIZE);
  const { leap, version, mode } = packet;
  bytes[0] =
    (checkField(what, 'leap', leap, 3) << 6) |
    (checkField(what, 'version', version, 4, 1) << 3) |
    checkField(what, 'mode', mode, 7);
  bytes[1] = checkField(what, 'stratum', packet.stratum, 255);
  bytes[2] = checkField(what, 'poll', packet.poll, 127, -128);
  bytes[3] = checkField(what, 'precision', packet.precision, 127, -128);
  putU32(bytes, 4, Math.round(packet.rootDelay * 0x10000));
  putU32(bytes, 8, Math.round(packet.rootDispersion * 0x10000));
  putU32(bytes, 12, checkField(what, 'referenceId', packet.referenceId, 0xffff_ffff));
  bytes.set(packet.referenceTime, 16);
  bytes.set(packet.originTime, 24);
  bytes.set(packet.receiveTime, 32);
  bytes.set(packet.transmitTime, 40);
  return bytes;
}

/** A time as 8 bytes. */
export function timeBytes(ms: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const seconds = Math.floor(ms / 1000);
  putU32(bytes, 0, ((seconds + EPOCH) % ERA) >>> 0);
  putU32(bytes, 4, Math.floor(((ms - seconds * 1000) / 1000) * ERA) >>> 0);
  return bytes;
}

/** The time of 8 bytes that is nearest to another one. */
export function readTime(bytes: Uint8Array, near: number): number {
  const ms = (u32(bytes, 0) - EPOCH) * 1000 + (u32(bytes, 4) * 1000) / ERA;
  return ms + Math.round((near - ms) / (ERA * 1000)) * ERA * 1000;
}
