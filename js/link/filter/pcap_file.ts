// SPDX-License-Identifier: MIT
// pcap_file - writes frames that were kept as a pcapng file, and parts that captures use too

import { interfaceBlock, LINK_TYPE, packetBlock, sectionBlock } from '../../codec/pcapng.ts';
import { checkOptions, checkValue, oneOf, range, whole } from '../../util/check.ts';
import { rule } from '../options.ts';

/** A frame for writePcapng(). */
export interface PcapFrame {
  /** Index of its interface among the names. */
  readonly interface: number;
  /** Time, ms since 1970, with a fraction; at most 18446744073709. */
  readonly time: number;
  /** The frame, or its beginning. */
  readonly bytes: Uint8Array;
  /** Length of the whole frame. @default the length of `bytes` */
  readonly length?: number;
  /** Comment that is shown with the packet, at most 65535 bytes. */
  readonly comment?: string;
}

/** Options of writePcapng(). */
export interface PcapFileOptions {
  /** Bytes at which longer frames were cut. @default frames are whole */
  readonly snapLength?: number;
  /** Ethernet frames (`tap`) or raw IP packets (`tun`). @default 'tap' */
  readonly type?: 'tap' | 'tun';
}

/** Longest value of an option in the file. */
const OPTION_MAX = 0xffff;
/** Largest time: 64 bits of ns. */
const TIME_MAX = 18_446_744_073_709;

/** A rule for the length at which frames are cut. */
export const snapLengthRule = whole(1, 2 ** 31, ' bytes');

/** Accepts texts that fit into an option of the file. */
export const isOptionText = rule(
  (value) => typeof value === 'string' && new TextEncoder().encode(value).length <= OPTION_MAX,
  `a string of at most ${OPTION_MAX} bytes`,
);

/** ms since 1970 in ns. */
export function nanoseconds(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * 1_000_000n + BigInt(Math.floor((ms - whole) * 1e6));
}

/** Chunks as one. */
export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Writes frames that were kept as a pcapng file.
 *
 * @param interfaces - Names of the interfaces, at most 65535 bytes each.
 * @param frames - The frames, in their order in the file.
 * @param options - Kind of the frames, and the length at which they were cut.
 * @returns The file.
 * @throws {NetError} EINVAL for an option or a field of a frame that is out of range, or an interface without a
 *   name.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { writePcapng } from 'ringstack/pcap';
 *
 * const frame = { interface: 0, time: Date.now(), bytes: new Uint8Array(60) };
 * const file = writePcapng(['eth0'], [frame], { snapLength: 128 });
 * assert.equal(new DataView(file.buffer).getUint32(0), 0x0a0d0d0a);
 * ```
 */
export function writePcapng(
  interfaces: readonly string[],
  frames: readonly PcapFrame[],
  options: PcapFileOptions = {},
): Uint8Array<ArrayBuffer> {
  const action = 'Cannot write a pcapng file';
  checkOptions(action, options, { snapLength: snapLengthRule, type: oneOf('tap', 'tun') });
  for (const name of interfaces) checkValue(action, 'name', name, isOptionText);
  const { snapLength, type = 'tap' } = options;
  const rules = {
    interface: whole(0, interfaces.length - 1),
    time: range(0, TIME_MAX, ' ms'),
    bytes: rule((value) => value instanceof Uint8Array, 'a Uint8Array'),
    length: whole(0, 2 ** 32 - 1, ' bytes'),
    comment: isOptionText,
  };
  const linkType = type === 'tun' ? LINK_TYPE.raw : LINK_TYPE.ethernet;
  const describe = (name: string) =>
    interfaceBlock({ name, linkType, snapLength: snapLength ?? 0 });
  const packets = frames.map((frame) => {
    checkOptions('Cannot write a frame', frame, rules, ['interface', 'time', 'bytes']);
    const { time, length = frame.bytes.length } = frame;
    return packetBlock({ ...frame, time: nanoseconds(time), length, direction: 0 });
  });
  return join([sectionBlock('ringstack'), ...interfaces.map(describe), ...packets]);
}
