// SPDX-License-Identifier: MIT
// tcp_options - the options of TCP segments (RFC 9293, 7323, 2018)

import { NetError } from '../errors.ts';
import { checkField, putU16, putU32, u16, u32 } from './fields.ts';

/** Kinds of options. */
export const TCP_OPTION = {
  end: 0,
  noOperation: 1,
  maximumSegmentSize: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
} as const;

/** Options of a segment, as far as they are known here. */
export interface TcpOptions {
  /** Maximum segment size, bytes; only with SYN. */
  readonly maximumSegmentSize?: number;
  /** Bits by which windows are shifted, 0 to 14; only with SYN. */
  readonly windowScale?: number;
  /** Selective acknowledgements are understood; only with SYN. */
  readonly isSackPermitted?: boolean;
  /** Received beyond the acknowledgement: first sequence number, and the one behind the last. */
  readonly sack?: readonly (readonly [from: number, to: number])[];
  /** Clock of the sender, and what it echoes. */
  readonly timestamps?: { readonly value: number; readonly echo: number };
}

/** An option as it lies in the header. */
export interface RawTcpOption {
  /** Its kind. */
  readonly kind: number;
  /** Offset in the options. */
  readonly offset: number;
  /** Bytes of all of it. */
  readonly length: number;
  /** Its data, without kind and length: a view. */
  readonly data: Uint8Array;
  /** It has no possible length. Nothing behind it can be read. */
  readonly isBad: boolean;
}

const WHAT = 'TCP options';
/** Bytes of options that a header has room for. */
const MOST = 40;

/**
 * Goes through options as they lie in a header, up to the end of options or one that is malformed.
 *
 * @param bytes - The options of a segment.
 * @returns One after the other, without those that are only padding.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { walkTcpOptions } from '../js/codec/tcp.ts';
 *
 * const bytes = Uint8Array.of(1, 2, 4, 5, 180, 99, 1); // padding, MSS, an impossible length
 * const found = [...walkTcpOptions(bytes)].map(({ kind, isBad }) => [kind, isBad]);
 * assert.deepEqual(found, [[2, false], [99, true]]);
 * ```
 */
export function* walkTcpOptions(bytes: Uint8Array): Generator<RawTcpOption> {
  let offset = 0;
  while (offset < bytes.length) {
    const kind = bytes[offset] ?? 0;
    if (kind === TCP_OPTION.end) return;
    if (kind === TCP_OPTION.noOperation) {
      offset++;
      continue;
    }
    const length = bytes[offset + 1] ?? 0;
    const isBad = length < 2 || offset + length > bytes.length;
    const size = isBad ? bytes.length - offset : length;
    yield { kind, offset, length: size, data: bytes.subarray(offset + 2, offset + size), isBad };
    if (isBad) return;
    offset += length;
  }
}

/** The blocks of a SACK option; one that is not whole is left out. */
function readSack(data: Uint8Array): (readonly [number, number])[] {
  const count = Math.floor(data.length / 8);
  return Array.from({ length: count }, (_, i) => [u32(data, i * 8), u32(data, i * 8 + 4)] as const);
}

/**
 * Reads the options of a segment. An option of a wrong length is ignored, as if it were not there.
 *
 * @param bytes - The `options` of a parsed segment.
 * @returns Those that are there and known.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildTcpOptions, parseTcpOptions } from '../js/codec/tcp.ts';
 *
 * const options = { maximumSegmentSize: 1460, windowScale: 7, isSackPermitted: true };
 * assert.deepEqual(parseTcpOptions(buildTcpOptions(options)), options);
 * ```
 */
export function parseTcpOptions(bytes: Uint8Array): TcpOptions {
  const found: { -readonly [Name in keyof TcpOptions]: TcpOptions[Name] } = {};
  for (const { kind, data, isBad } of walkTcpOptions(bytes)) {
    const size = data.length;
    if (isBad) break;
    if (kind === TCP_OPTION.maximumSegmentSize && size === 2) {
      found.maximumSegmentSize = u16(data, 0);
    } else if (kind === TCP_OPTION.windowScale && size === 1) {
      found.windowScale = Math.min(data[0] ?? 0, 14); // RFC 7323, section 2.3
    } else if (kind === TCP_OPTION.sackPermitted && size === 0) {
      found.isSackPermitted = true;
    } else if (kind === TCP_OPTION.sack) {
      found.sack = readSack(data);
    } else if (kind === TCP_OPTION.timestamps && size === 8) {
      found.timestamps = { value: u32(data, 0), echo: u32(data, 4) };
    }
  }
  return found;
}

/** An option: kind, length, numbers of so many bytes each. */
function option(kind: number, size: 1 | 2 | 4, ...values: number[]): Uint8Array {
  const bytes = new Uint8Array(2 + size * values.length);
  bytes[0] = kind;
  bytes[1] = bytes.length;
  for (const [i, value] of values.entries()) {
    const at = 2 + i * size;
    if (size === 4) putU32(bytes, at, value);
    else if (size === 2) putU16(bytes, at, value);
    else bytes[at] = value;
  }
  return bytes;
}

/**
 * Builds options, padded to a multiple of 4 bytes.
 *
 * @param options - Those to have.
 * @returns At most 40 bytes.
 * @throws {NetError} EINVAL for a value that is out of range, or more than a header has room for.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildTcpOptions } from '../js/codec/tcp.ts';
 *
 * assert.deepEqual([...buildTcpOptions({ maximumSegmentSize: 1460 })], [2, 4, 5, 180]);
 * assert.throws(() => buildTcpOptions({ windowScale: 15 }), { code: 'EINVAL' });
 * ```
 */
export function buildTcpOptions(options: TcpOptions): Uint8Array<ArrayBuffer> {
  const { maximumSegmentSize, windowScale, isSackPermitted, sack, timestamps } = options;
  const sequence = (name: string, value: number): number =>
    checkField(WHAT, name, value, 0xffff_ffff);
  const parts: Uint8Array[] = [];
  if (maximumSegmentSize !== undefined) {
    checkField(WHAT, 'maximumSegmentSize', maximumSegmentSize, 0xffff);
    parts.push(option(TCP_OPTION.maximumSegmentSize, 2, maximumSegmentSize));
  }
  if (windowScale !== undefined) {
    checkField(WHAT, 'windowScale', windowScale, 14);
    parts.push(option(TCP_OPTION.windowScale, 1, windowScale));
  }
  if (isSackPermitted) parts.push(option(TCP_OPTION.sackPermitted, 1));
  if (timestamps) {
    const { value, echo } = timestamps;
    const numbers = [sequence('timestamps.value', value), sequence('timestamps.echo', echo)];
    parts.push(option(TCP_OPTION.timestamps, 4, ...numbers));
  }
  if (sack && sack.length > 0) {
    const edges = sack.flat().map((edge) => sequence('sack', edge));
    parts.push(option(TCP_OPTION.sack, 4, ...edges));
  }
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  if (size > MOST) {
    const reason = `must be at most ${MOST}`;
    throw new NetError('EINVAL', `Cannot build ${size} bytes of ${WHAT}`, { reason });
  }
  const bytes = new Uint8Array((size + 3) & ~3);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
