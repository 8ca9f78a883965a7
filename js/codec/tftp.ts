// SPDX-License-Identifier: MIT
// tftp - packets of TFTP to and from bytes (RFC 1350, 2347)
//
// Pure functions. A packet that is no TFTP is undefined; text is ASCII, and other bytes become U+FFFD.

import { concat, putU16, u16 } from './fields.ts';

export const TFTP_PORT = 69;

/** Codes of errors. */
export const TFTP_ERROR = {
  undefined: 0,
  notFound: 1,
  access: 2,
  illegal: 4,
  unknownId: 5,
  options: 8,
} as const;

/** Longest name and option, bytes. */
const LONGEST = 512;
/** Options of a request. */
const OPTIONS = 16;

/** A packet. */
export type TftpPacket =
  | {
      readonly kind: 'read' | 'write';
      readonly file: string;
      readonly mode: string;
      /** Options, names in lower case. */
      readonly options: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'data'; readonly block: number; readonly data: Uint8Array }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'options'; readonly options: ReadonlyMap<string, string> };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Strings that end in a zero byte; undefined: the last one does not, or one is too long. */
function readStrings(bytes: Uint8Array): string[] | undefined {
  const strings: string[] = [];
  for (let at = 0; at < bytes.length && strings.length < 2 + 2 * OPTIONS; ) {
    const end = bytes.indexOf(0, at);
    if (end < 0 || end - at > LONGEST) return undefined;
    strings.push(decoder.decode(bytes.subarray(at, end)));
    at = end + 1;
  }
  return strings;
}

function optionsOf(strings: readonly string[]): Map<string, string> {
  const options = new Map<string, string>();
  for (let i = 0; i + 1 < strings.length; i += 2) {
    const name = (strings[i] as string).toLowerCase();
    if (!options.has(name)) options.set(name, strings[i + 1] as string);
  }
  return options;
}

/**
 * Reads a packet.
 *
 * @param bytes - The packet.
 * @returns Its fields, data as a view; undefined if it is malformed.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildTftp, parseTftp } from '../js/codec/tftp.ts';
 *
 * const request = { kind: 'read', file: 'a', mode: 'octet', options: new Map([['tsize', '0']]) } as const;
 * assert.deepEqual(parseTftp(buildTftp(request)), request);
 * assert.equal(parseTftp(Uint8Array.of(0, 4, 0)), undefined);
 * ```
 */
export function parseTftp(bytes: Uint8Array): TftpPacket | undefined {
  const code = u16(bytes, 0);
  const body = bytes.subarray(2);
  if (bytes.length < 4) return undefined;
  if (code === 3) return { kind: 'data', block: u16(bytes, 2), data: bytes.subarray(4) };
  if (code === 4) return { kind: 'ack', block: u16(bytes, 2) };
  if (code === 5) {
    const [message = ''] = readStrings(bytes.subarray(4, 4 + LONGEST)) ?? [];
    return { kind: 'error', code: u16(bytes, 2), message };
  }
  const strings = readStrings(body);
  if (!strings) return undefined;
  if (code === 6) return { kind: 'options', options: optionsOf(strings) };
  const [file, mode, ...more] = strings;
  if ((code !== 1 && code !== 2) || file === undefined || mode === undefined) return undefined;
  const kind = code === 1 ? 'read' : 'write';
  return { kind, file, mode: mode.toLowerCase(), options: optionsOf(more) };
}

const text = (value: string): Uint8Array => concat(encoder.encode(value), new Uint8Array(1));

const pairs = (options: ReadonlyMap<string, string>): Uint8Array[] =>
  [...options].flatMap(([name, value]) => [text(name), text(value)]);

/**
 * Writes a packet.
 *
 * @param packet - Its fields.
 * @returns The bytes.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildTftp } from '../js/codec/tftp.ts';
 *
 * assert.deepEqual([...buildTftp({ kind: 'ack', block: 258 })], [0, 4, 1, 2]);
 * ```
 */
export function buildTftp(packet: TftpPacket): Uint8Array<ArrayBuffer> {
  const head = (code: number, value: number): Uint8Array => {
    const bytes = new Uint8Array(4);
    bytes[1] = code;
    putU16(bytes, 2, value);
    return bytes;
  };
  switch (packet.kind) {
    case 'data':
      return concat(head(3, packet.block), packet.data);
    case 'ack':
      return concat(head(4, packet.block));
    case 'error':
      return concat(head(5, packet.code), text(packet.message));
    case 'options':
      return concat(Uint8Array.of(0, 6), ...pairs(packet.options));
    default: {
      const code = packet.kind === 'read' ? 1 : 2;
      const names = [text(packet.file), text(packet.mode)];
      return concat(Uint8Array.of(0, code), ...names, ...pairs(packet.options));
    }
  }
}
