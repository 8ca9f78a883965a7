// SPDX-License-Identifier: MIT
// http - the part of HTTP/1 that both ends need: heads are read and written, bodies read by length or to the end
//
// A message that can be read in two ways is refused: folded header lines, header lines without a name, lengths
// that differ, transfer codings. Every connection carries one request.

import type { TcpConnection } from 'ringstack';

/** Most bytes of a head. */
const HEAD_MAX = 16_384;

/** A malformed message, and the status that a server answers. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }
}

/** Header fields by their names in lower case; repeated fields are joined by commas. */
export type Headers = ReadonlyMap<string, string>;

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  /** The path as it was sent, beginning with a slash. */
  readonly target: string;
  readonly headers: Headers;
}

/** The head of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly headers: Headers;
}

const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;

function parseHeaders(lines: readonly string[]): Headers {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = FIELD.exec(line) ?? [];
    if (!name || /[\0\r\n]/.test(value)) throw new HttpError(400, `Cannot read header "${line}"`);
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

/**
 * Reads the head of a request.
 *
 * @param head - Everything before the empty line.
 * @returns Its fields.
 * @throws {HttpError} 400 if it cannot be read, 505 for another version than 1.0 and 1.1.
 */
export function parseRequest(head: string): RequestHead {
  const [first = '', ...lines] = head.split('\r\n');
  const found = /^([A-Za-z]+) (\S+) HTTP\/(\d)\.(\d)$/.exec(first);
  if (!found) throw new HttpError(400, `Cannot read request line "${first.slice(0, 80)}"`);
  const [, method = '', target = '', major, minor] = found;
  if (major !== '1') throw new HttpError(505, `Cannot speak HTTP/${major}.${minor}`);
  if (!target.startsWith('/')) throw new HttpError(400, `Cannot serve target "${target}"`);
  const headers = parseHeaders(lines);
  if (minor !== '0' && !headers.has('host')) throw new HttpError(400, 'Cannot find header Host');
  return { method, target, headers };
}

/**
 * Reads the head of a response.
 *
 * @param head - Everything before the empty line.
 * @returns Its fields.
 * @throws {HttpError} 502 if it cannot be read.
 */
export function parseResponse(head: string): ResponseHead {
  const [first = '', ...lines] = head.split('\r\n');
  const found = /^HTTP\/1\.\d (\d{3})(?: (.*))?$/.exec(first);
  if (!found) throw new HttpError(502, `Cannot read status line "${first.slice(0, 80)}"`);
  return { status: Number(found[1]), reason: found[2] ?? '', headers: parseHeaders(lines) };
}

/**
 * Reads the length of a body.
 *
 * @param headers - Header fields of its message.
 * @returns Bytes; undefined if there is no length.
 * @throws {HttpError} 501 for a transfer coding, 400 for a malformed length.
 */
export function bodyLength(headers: Headers): number | undefined {
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) throw new HttpError(501, `Cannot undo transfer coding "${coding}"`);
  const text = headers.get('content-length');
  if (text === undefined) return undefined;
  const lengths = new Set(text.split(/, */));
  const [length = ''] = lengths;
  if (lengths.size !== 1 || !/^\d{1,15}$/.test(length)) {
    throw new HttpError(400, `Cannot read Content-Length "${text}"`);
  }
  return Number(length);
}

/** The bytes of a head. */
export function formatHead(first: string, headers: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new TextEncoder().encode(`${first}\r\n${lines.join('')}\r\n`);
}

/** The offset behind the empty line; -1: it has not come yet. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = Math.max(3, from); at < bytes.length; at++) {
    if (bytes[at] === 10 && bytes[at - 1] === 13 && bytes[at - 2] === 10 && bytes[at - 3] === 13) {
      return at + 1;
    }
  }
  return -1;
}

/** Reads one message of a connection: its head, then its body. */
export class MessageReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(connection: Pick<TcpConnection, 'readable'>) {
    this.#reader = connection.readable.getReader();
  }

  /**
   * Reads the head.
   *
   * @returns The head without the empty line; undefined if the peer has sent nothing at all.
   * @throws {HttpError} 431 if it is too long, 400 if it ends early.
   */
  async head(): Promise<string | undefined> {
    for (let looked = 0; ; ) {
      const end = endOfHead(this.#rest, looked);
      if (Math.max(end, this.#rest.length * Number(end < 0)) > HEAD_MAX) {
        throw new HttpError(431, `Cannot read a head of more than ${HEAD_MAX} bytes`);
      }
      if (end >= 0) {
        const head = new TextDecoder('latin1').decode(this.#rest.subarray(0, end - 4));
        this.#rest = this.#rest.subarray(end);
        return head;
      }
      looked = this.#rest.length;
      const { done, value } = await this.#reader.read();
      if (done) {
        if (looked === 0) return undefined;
        throw new HttpError(400, 'The head ends early');
      }
      const both = new Uint8Array(looked + value.length);
      both.set(this.#rest);
      both.set(value, looked);
      this.#rest = both;
    }
  }

  /**
   * Reads the body.
   *
   * @param length - Its length; undefined: it goes on to the end of the connection.
   * @yields {Uint8Array} Its pieces.
   * @throws {HttpError} 400 if it ends before its length.
   */
  async *body(length: number | undefined): AsyncGenerator<Uint8Array> {
    let left = length ?? Number.POSITIVE_INFINITY;
    while (left > 0) {
      let piece = this.#rest;
      this.#rest = new Uint8Array();
      if (piece.length === 0) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        piece = value;
      }
      if (piece.length > left) piece = piece.subarray(0, left);
      left -= piece.length;
      yield piece;
    }
    if (length !== undefined && left > 0) {
      throw new HttpError(400, `The body ends ${left} bytes early`);
    }
  }

  /**
   * Reads a whole body.
   *
   * @param length - As for body().
   * @param max - Most bytes that are read.
   * @returns The body.
   * @throws {HttpError} 413 if it is longer, 400 if it ends early.
   */
  async wholeBody(length: number | undefined, max: number): Promise<Uint8Array> {
    const tooLong = (): HttpError => new HttpError(413, `Cannot take more than ${max} bytes`);
    if ((length ?? 0) > max) throw tooLong();
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.body(length)) {
      size += piece.length;
      if (size > max) throw tooLong();
      pieces.push(piece);
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}
