// SPDX-License-Identifier: MIT
// http1_chunked - the chunked transfer coding, both ways (RFC 9112, 7.1)
//
// The decoder is given the bytes that have come and says how many of them it used, so that it copies nothing:
// data() is called with views. It is strict where others were lenient and requests got smuggled: a size is
// hexadecimal digits and nothing else, lines end in CRLF, and extensions, which nobody uses, have a bound
// over the whole body.

import {
  bad,
  fromLatin1,
  type HeadLimits,
  HttpParseError,
  headEnd,
  parseFields,
  toLatin1,
} from './http1.ts';

/** Digits of a size: 2^52 bytes. */
const MAX_DIGITS = 13;
/** Bytes of all chunk extensions of a body, as Node has it. */
const MAX_EXTENSIONS = 16_384;
/** size [ext]: what stands behind a size begins with ';'. */
const SIZE_LINE = /^([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;
/** Fields that say how a message is framed, or where it goes, mean nothing behind it (RFC 9110, 6.5.1). */
const NO_TRAILERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** States: a size line, data, the CRLF behind data, trailers, over. */
type State = 'size' | 'data' | 'crlf' | 'trailers' | 'done';

/** Result of a step. */
export interface ChunkStep {
  /** Bytes of the input that are used up. */
  readonly used: number;
  /** Data among them, a view on the input; undefined if there is none. */
  readonly data: Uint8Array | undefined;
}

/** Takes a chunked body apart. */
export class ChunkedDecoder {
  readonly #limits: HeadLimits;
  #state: State = 'size';
  /** Bytes of the chunk that are still to come. */
  #left = 0;
  #extensions = 0;
  /** Bytes of trailers that were searched for their end. */
  #searched = 0;
  /** Fields behind the body. */
  trailers: [string, string][] = [];

  /** @param limits - Of the trailers. */
  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** The body is over. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** The next bytes are data. */
  get isInData(): boolean {
    return this.#state === 'data';
  }

  /**
   * Goes one step.
   *
   * @param bytes - The input that has come and was not used up.
   * @returns The bytes that were used; 0: more input must come.
   * @throws {HttpParseError} If the body is malformed.
   */
  step(bytes: Uint8Array): ChunkStep {
    switch (this.#state) {
      case 'size':
        return { used: this.#size(bytes), data: undefined };
      case 'data': {
        const data = bytes.subarray(0, this.#left);
        this.#left -= data.length;
        if (this.#left === 0) this.#state = 'crlf';
        return { used: data.length, data: data.length > 0 ? data : undefined };
      }
      case 'crlf':
        return { used: this.#crlf(bytes), data: undefined };
      case 'trailers':
        return { used: this.#trailer(bytes), data: undefined };
      case 'done':
        return { used: 0, data: undefined };
    }
  }

  #size(bytes: Uint8Array): number {
    const end = bytes.indexOf(10);
    const length = end < 0 ? bytes.length : end + 1;
    if (length > MAX_EXTENSIONS + MAX_DIGITS + 2) throw bad('a chunk extension is too long');
    if (end < 0) {
      // Not even the beginning may be wrong: else garbage would be waited for.
      if (length > 0 && !/^[0-9A-Fa-f]/.test(fromLatin1(bytes.subarray(0, 1)))) {
        throw bad('a chunk has no size');
      }
      return 0;
    }
    const [line, digits = ''] = SIZE_LINE.exec(fromLatin1(bytes.subarray(0, end - 1))) ?? [];
    if (line === undefined || bytes[end - 1] !== 13) throw bad('a chunk has no valid size');
    if (digits.length > MAX_DIGITS) throw bad(`a chunk size has more than ${MAX_DIGITS} digits`);
    this.#extensions += line.length - digits.length;
    if (this.#extensions > MAX_EXTENSIONS) throw bad('too many chunk extensions');
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'data';
    return length;
  }

  #crlf(bytes: Uint8Array): number {
    const [cr, lf] = bytes;
    if ((cr ?? 13) !== 13 || (lf ?? 10) !== 10) throw bad('a chunk is longer than its size');
    if (lf === undefined) return 0;
    this.#state = 'size';
    return 2;
  }

  #trailer(bytes: Uint8Array): number {
    const end = headEnd(bytes, this.#searched);
    const length = end < 0 ? bytes.length : end;
    const { maxHeaderSize, maxHeaders } = this.#limits;
    if (length > maxHeaderSize)
      throw new HttpParseError(431, `trailers above ${maxHeaderSize} bytes`);
    this.#searched = length;
    if (end < 0) return 0;
    const text = fromLatin1(bytes.subarray(0, end - 2));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)/.test(text))
      throw bad('a control character in a trailer');
    const fields = parseFields(text, 0, maxHeaders);
    this.trailers = fields.filter(([name]) => !NO_TRAILERS.has(name));
    this.#state = 'done';
    return end;
  }
}

/** Whether a field may stand behind a body. */
export const isTrailer = (name: string): boolean => !NO_TRAILERS.has(name.toLowerCase());

/** One chunk of data: size, data, CRLF; the data must not be empty. */
export function encodeChunk(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = `${data.length.toString(16)}\r\n`;
  const bytes = toLatin1(size, data.length + 2);
  bytes.set(data, size.length);
  bytes[bytes.length - 2] = 13;
  bytes[bytes.length - 1] = 10;
  return bytes;
}

/** The end of a chunked body, as a head would be written. */
export const LAST_CHUNK = '0\r\n\r\n';
