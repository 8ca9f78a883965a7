// SPDX-License-Identifier: MIT
// dns_bytes - reads and writes the parts of a DNS message: numbers, names, strings
//
// A name ends in a zero byte or in a pointer to a place before itself (RFC 1035, section 4.1.4). Each
// pointer that is followed must point below the piece that has it, so no loop is possible, and a name has
// at most 255 bytes and 127 pointers, so a message cannot make us work without end.
//
// A name as text has labels joined by dots and no dot at the end. In a label, `.` and `\` have a `\` before
// them, control characters and bytes that are no UTF-8 are written `\DDD` (RFC 1035, section 5.1).

import { NetError } from '../errors.ts';
import { show } from '../util/check.ts';
import { lowerAscii } from '../util/host_name.ts';

/** Bytes of a name on the wire, its last zero included. */
const NAME = 255;
const LABEL = 63;
/** A label takes two bytes at least. */
const HOPS = 127;
/** Beyond it no pointer can point. */
const REACH = 0x4000;

const DOT = 0x2e;
const BACKSLASH = 0x5c;

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes that are no UTF-8 become single surrogates in text from here on: UTF-8 has none of these. */
const ESCAPES = 0xdc00;

/**
 * Bytes as text, so that bytesOf() gives the same bytes again.
 *
 * @param bytes - UTF-8, as a rule.
 * @returns The text; of what is no UTF-8, each byte above 127 is U+DC00 and its value.
 * @throws Never.
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    const codes = Array.from(bytes, (byte) => (byte < 0x80 ? byte : ESCAPES + byte));
    return codes.map((code) => String.fromCharCode(code)).join('');
  }
}

/**
 * Text as bytes.
 *
 * @param text - Text, or what textOf() gave.
 * @returns UTF-8, or the bytes that textOf() was given.
 * @throws Never.
 */
export function bytesOf(text: string): Uint8Array {
  if (!/^[\0-\x7f\udc80-\udcff]*[\udc80-\udcff][\0-\x7f\udc80-\udcff]*$/.test(text)) {
    return encoder.encode(text);
  }
  return Uint8Array.from(text, (one) => one.charCodeAt(0) & 0xff);
}

const escapeByte = (byte: number): string => `\\${String(byte).padStart(3, '0')}`;

/** A label as text. */
function labelText(label: Uint8Array): string {
  let text = '';
  let plain = true;
  for (const byte of label) {
    if (byte < 0x20 || byte === 0x7f) text += escapeByte(byte);
    else if (byte === DOT || byte === BACKSLASH) text += `\\${String.fromCharCode(byte)}`;
    else text += String.fromCharCode(byte);
    if (byte >= 0x80) plain = false;
  }
  return plain ? text : internationalText(label);
}

/** A label with bytes above ASCII: as UTF-8 if it is that, without the second set of control characters. */
function internationalText(label: Uint8Array): string {
  let characters: Iterable<string>;
  try {
    characters = strictDecoder.decode(label);
  } catch {
    characters = Array.from(label, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : escapeByte(byte),
    );
  }
  let text = '';
  for (const one of characters) {
    const code = one.length === 1 ? one.charCodeAt(0) : 0x100;
    if (one.length > 2) text += one;
    else if (one === '.' || one === '\\') text += `\\${one}`;
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
      for (const byte of encoder.encode(one)) text += escapeByte(byte);
    } else text += one;
  }
  return text;
}

/** Reads a message from front to back. Every failure is an EPROTO that says where. */
export class DnsReader {
  readonly bytes: Uint8Array;
  /** Offset at which the next part begins. */
  offset = 0;
  /** Offset at which the part that is being read must end. */
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** The error of what is wrong here. */
  malformed(reason: string): NetError {
    return new NetError('EPROTO', `Cannot parse a DNS message of ${this.bytes.length} bytes`, {
      reason: `${reason} at byte ${this.offset}`,
    });
  }

  /** Moves on by so many bytes. Returns where they begin. */
  skip(count: number): number {
    const start = this.offset;
    if (start + count > this.end) throw this.malformed(`${count} bytes are missing`);
    this.offset = start + count;
    return start;
  }

  u8(): number {
    return this.bytes[this.skip(1)] as number;
  }

  u16(): number {
    const at = this.skip(2);
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** The next bytes, copied. */
  take(count: number): Uint8Array {
    const start = this.skip(count);
    return this.bytes.slice(start, start + count);
  }

  /** All bytes up to the end, copied. */
  rest(): Uint8Array {
    return this.take(this.end - this.offset);
  }

  /** A name, compressed or not. */
  name(): string {
    const { bytes } = this;
    const names: string[] = [];
    let at = this.offset;
    let start = at; // of the piece that we are in
    let after = -1; // where reading goes on, once a pointer was followed
    let length = 1;
    for (let hops = 0; ; ) {
      const end = after < 0 ? this.end : bytes.length;
      const size = at < end ? (bytes[at] as number) : -1;
      if (size === 0) break;
      if (size >= 0xc0) {
        const target = at + 1 < end ? ((size & 0x3f) << 8) | (bytes[at + 1] as number) : REACH;
        if (target >= start || ++hops > HOPS) throw this.malformed('a name points nowhere');
        if (after < 0) after = at + 2;
        at = target;
        start = target;
        continue;
      }
      if (size < 0 || size > LABEL || at + 1 + size > end)
        throw this.malformed('a name is cut off');
      length += 1 + size;
      if (length > NAME) throw this.malformed(`a name is longer than ${NAME} bytes`);
      names.push(labelText(bytes.subarray(at + 1, at + 1 + size)));
      at += 1 + size;
    }
    this.offset = after < 0 ? at + 1 : after;
    return names.join('.');
  }
}

/** Puts the bytes of a label, as text with escapes, into an array. Returns what is wrong, if anything. */
function labelBytes(text: string): Uint8Array | string {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) as number;
    if (point >= 0x80) {
      bytes.push(...encoder.encode(String.fromCodePoint(point)));
      if (point > 0xffff) i++;
    } else if (point !== BACKSLASH) bytes.push(point);
    else if (/^\d\d\d/.test(text.slice(i + 1, i + 4))) {
      const value = Number(text.slice(i + 1, i + 4));
      if (value > 255) return 'an escape is above 255';
      bytes.push(value);
      i += 3;
    } else {
      const next = text.charCodeAt(++i);
      if (!(next < 0x80)) return 'an escape has nothing behind it';
      bytes.push(next);
    }
  }
  return Uint8Array.from(bytes);
}

/** The end of the label that begins at `from`: a dot without a backslash before it, or the end of the text. */
function labelEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) return i;
    if (code === BACKSLASH) i++;
  }
  return text.length;
}

/** A name without the dot at its end, which is one unless an escape makes it a letter. */
function withoutDot(name: string): string {
  if (!name.endsWith('.')) return name;
  const escapes = (/\\*$/.exec(name.slice(0, -1)) as RegExpExecArray)[0].length;
  return escapes % 2 === 0 ? name.slice(0, -1) : name;
}

/**
 * The labels of a name as text, escapes kept.
 *
 * @param name - A name, with or without a dot at the end.
 * @returns Its labels; none for the root.
 * @throws Never.
 */
export function labelsOf(name: string): string[] {
  const plain = withoutDot(name);
  if (!plain.includes('\\')) return plain === '' ? [] : plain.split('.');
  const labels: string[] = [];
  for (let at = 0; at < plain.length; ) {
    const end = labelEnd(plain, at);
    labels.push(plain.slice(at, end));
    at = end + 1;
  }
  return labels;
}

/** The buffer of the last writer, for the next one: most messages are small, and are copied at the end. */
let spare: Uint8Array | undefined;
const SPARE = 4096;

/** Writes a message from front to back. A value that cannot be written is an EINVAL that says why. */
export class DnsWriter {
  bytes: Uint8Array;
  /** Offset at which the next part begins. */
  offset = 0;
  /** Places of the names that a pointer may point to, in lower case. */
  readonly #names = new Map<string, number>();

  constructor() {
    this.bytes = spare ?? new Uint8Array(SPARE);
    spare = undefined;
  }

  /** The message. Nothing can be written any more. */
  end(): Uint8Array {
    const { bytes } = this;
    if (bytes.length === SPARE) spare = bytes;
    return bytes.slice(0, this.offset);
  }

  #reserve(count: number): number {
    const start = this.offset;
    const size = start + count;
    if (size > this.bytes.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.bytes.length));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.offset = size;
    return start;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.put16(at, value);
  }

  /** Overwrites a number. */
  put16(at: number, value: number): void {
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  raw(data: Uint8Array): void {
    const at = this.#reserve(data.length);
    this.bytes.set(data, at);
  }

  /** A name, with a pointer to an earlier one if it may have that. */
  name(given: string, compress = true): void {
    const start = this.offset;
    const name = withoutDot(given);
    const key = lowerAscii(name);
    for (let at = 0; at < name.length; ) {
      const suffix = key.slice(at);
      const known = compress ? this.#names.get(suffix) : undefined;
      if (known !== undefined) {
        this.u16(0xc000 | known);
        return;
      }
      if (compress && this.offset < REACH) this.#names.set(suffix, this.offset);
      const end = labelEnd(name, at);
      this.#label(name, at, end);
      if (this.offset - start >= NAME) this.#refuse(name, `it is longer than ${NAME} bytes`);
      at = end + 1;
    }
    this.u8(0);
  }

  #refuse(name: string, reason: string): never {
    throw new NetError('EINVAL', `Cannot use ${show(name)} as a name`, { reason });
  }

  #label(name: string, from: number, to: number): void {
    const at = this.#reserve(1);
    for (let i = from; i < to; i++) {
      const code = name.charCodeAt(i);
      if (code >= 0x80 || code === BACKSLASH) {
        this.offset = at + 1;
        const bytes = labelBytes(name.slice(from, to));
        if (typeof bytes === 'string') this.#refuse(name, bytes);
        this.raw(bytes);
        break;
      }
      this.u8(code);
    }
    const size = this.offset - at - 1;
    if (size === 0) this.#refuse(name, 'a label is empty');
    if (size > LABEL) this.#refuse(name, `a label is longer than ${LABEL} bytes`);
    this.bytes[at] = size;
  }
}
