// SPDX-License-Identifier: MIT
// http1 - the head of an HTTP/1.1 message: finds its end, reads it, writes it (RFC 9112)
//
// A head is parsed whole, as one latin1 string: the bytes of a field value are its characters. Reading is
// strict, since a message that two programs read in two ways is how requests are smuggled: lines end in CRLF
// and nothing else, no line is folded, nothing stands between a name and its colon, there is one length and
// it is a number, and a message with Transfer-Encoding has no Content-Length. A message that breaks these
// rules is refused, not mended. http1_chunked.ts reads bodies in chunks.

/** A message that is malformed, or more than is taken. */
export class HttpParseError extends Error {
  static {
    HttpParseError.prototype.name = 'HttpParseError';
  }

  /** The status of a server's answer: 400, 431, 505. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Bounds of a head. */
export interface HeadLimits {
  /** Bytes of the whole head. */
  readonly maxHeaderSize: number;
  /** Fields. */
  readonly maxHeaders: number;
}

/** The fields that heads of requests and of responses have in common. */
export interface MessageHead {
  /** 0 or 1: HTTP/1.0 or HTTP/1.1. */
  readonly minor: number;
  /** Name and value of every field in order; names in lower case. */
  readonly fields: [string, string][];
  /** Content-Length; undefined if there is none. */
  readonly contentLength: number | undefined;
  /** Transfer-Encoding: chunked. */
  readonly isChunked: boolean;
  /** Whether the connection may be used again, by version and Connection. */
  readonly keepsAlive: boolean;
  /** Upgrade, if Connection names it. */
  readonly upgrade: string | undefined;
}

/** Head of a request. */
export interface RequestHead extends MessageHead {
  readonly method: string;
  /** The request target as it was sent: ASCII without blanks and `#`. */
  readonly target: string;
  /** Host, if there is exactly one. */
  readonly host: string | undefined;
  /** Expect: 100-continue. */
  readonly expectsContinue: boolean;
}

/** Head of a response. */
export interface ResponseHead extends MessageHead {
  /** 100 to 999. */
  readonly status: number;
  readonly reason: string;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Characters that no head has: controls except HTAB, CR and LF. headEnd() has found a bare CR or LF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: no characters of a field value (RFC 9110, 5.5)
const BAD_VALUE = /[\0-\x08\x0a-\x1f\x7f]|[^\0-\xff]/;
const NOT_ASCII = /[^\0-\x7f]/;
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-"$-~]+) HTTP\/(\d)\.(\d)$/;
const STATUS_LINE = /^HTTP\/(\d)\.(\d) ([1-9]\d\d)(?: (.*))?$/;
/** host [":" port] of RFC 3986: a name or IPv4 address, or an address in brackets; no user, no path. */
const HOST = /^(?:[\w\-.~%!$&'()*+,;=]*|\[[0-9A-Fa-f:.%\w]+\])(?::\d*)?$/;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Makes the error of a malformed message.
 *
 * @param reason - The defect.
 * @returns The error; its status is 400.
 * @throws Never.
 */
export const bad = (reason: string): HttpParseError => new HttpParseError(400, reason);

/** Bytes as characters of the same number (ISO 8859-1; what a TextDecoder calls latin1 is windows-1252). */
export function fromLatin1(bytes: Uint8Array): string {
  // The native decoder is five times faster, and right as long as everything is ASCII.
  const text = utf8.decode(bytes);
  if (!NOT_ASCII.test(text)) return text;
  let latin1 = '';
  for (let at = 0; at < bytes.length; at += 4096) {
    latin1 += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return latin1;
}

/** Characters up to 0xff as bytes of the same number, with room for so many more behind them. */
export function toLatin1(text: string, room = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length + room);
  if (NOT_ASCII.test(text)) {
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  } else {
    encoder.encodeInto(text, bytes);
  }
  return bytes;
}

/** Whether a text is a token: a method, the name of a field, a protocol. */
export const isToken = (text: string): boolean => TOKEN.test(text);

/** Whether a text can be the value of a field: latin1 without CR, LF, NUL and other controls. */
export const isFieldValue = (text: string): boolean => !BAD_VALUE.test(text);

/**
 * Finds the end of a head: the empty line.
 *
 * @param bytes - From the first byte of the head on.
 * @param from - How many were searched by an earlier call.
 * @returns Bytes of the head with the empty line; -1 if its end has not come.
 * @throws {HttpParseError} If a line ends in LF alone.
 */
export function headEnd(bytes: Uint8Array, from: number): number {
  let at = bytes.indexOf(10, from);
  for (; at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at - 1] !== 13) throw bad('a line ends in LF without CR');
    if (at === 1 || bytes[at - 2] === 10) return at + 1;
  }
  return -1;
}

/** A value without the spaces and tabs around it; trim() would take more, such as 0xa0. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === 32 || code === 9;

/** The elements of a list such as that of Connection, in lower case. */
export function listOf(value: string): string[] {
  return value
    .split(',')
    .map((element) => trimmed(element, 0, element.length).toLowerCase())
    .filter((element) => element !== '');
}

/**
 * Reads field lines.
 *
 * @param text - Lines, each with its CRLF.
 * @param from - Offset at which they begin; they end with the text.
 * @param most - Fields at the most.
 * @returns Names in lower case, and values.
 * @throws {HttpParseError} 400, or 431 if there are more.
 */
export function parseFields(text: string, from: number, most: number): [string, string][] {
  const fields: [string, string][] = [];
  for (let at = from; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    if (end < 0) throw bad('a field line does not end');
    if (isBlank(text.charCodeAt(at))) throw bad('a field line is folded');
    const name = colon < 0 || colon > end ? '' : text.slice(at, colon);
    if (!TOKEN.test(name)) throw bad('a field line has no valid name');
    if (fields.length === most) throw new HttpParseError(431, `more than ${most} fields`);
    fields.push([name.toLowerCase(), trimmed(text, colon + 1, end)]);
    at = end + 2;
  }
  return fields;
}

/** How a message is framed, and whether its connection goes on, as its fields say. */
class Framing {
  contentLength: number | undefined;
  isChunked = false;
  host: string | undefined;
  expectsContinue = false;
  #codings: string | undefined;
  #hosts = 0;
  #upgrade: string | undefined;
  #connection = '';

  constructor(fields: readonly [string, string][]) {
    for (const [name, value] of fields) this.#take(name, value);
    this.isChunked = this.#codings !== undefined;
    if (this.isChunked && this.#codings?.toLowerCase() !== 'chunked') {
      throw bad('the transfer coding is not chunked, and chunked alone');
    }
    if (this.isChunked && this.contentLength !== undefined) {
      throw bad('both Transfer-Encoding and Content-Length');
    }
  }

  #take(name: string, value: string): void {
    switch (name) {
      case 'content-length':
        if (!/^\d{1,15}$/.test(value)) throw bad('Content-Length is not one number');
        if (this.contentLength !== undefined) throw bad('more than one Content-Length');
        this.contentLength = Number(value);
        break;
      case 'transfer-encoding':
        this.#codings = this.#codings === undefined ? value : `${this.#codings},${value}`;
        break;
      case 'connection':
        this.#connection += `,${value}`;
        break;
      case 'upgrade':
        this.#upgrade = this.#upgrade === undefined ? value : `${this.#upgrade}, ${value}`;
        break;
      case 'host':
        this.host = this.#hosts++ === 0 ? value : undefined;
        if (this.#hosts > 1) throw bad('more than one Host');
        break;
      case 'expect':
        this.expectsContinue = value.toLowerCase() === '100-continue';
        break;
    }
  }

  /** The part of a head that is common to both kinds. */
  message(minor: number, fields: [string, string][]): MessageHead {
    const { contentLength, isChunked } = this;
    // It came with 1.1: a message of 1.0 that has it cannot be framed (RFC 9112, 6.1).
    if (isChunked && minor === 0) throw bad('Transfer-Encoding in HTTP/1.0');
    const options = this.#connection === '' ? [] : listOf(this.#connection);
    const keepsAlive =
      !options.includes('close') && (minor === 1 || options.includes('keep-alive'));
    const upgrade = options.includes('upgrade') ? this.#upgrade : undefined;
    return { minor, fields, contentLength, isChunked, keepsAlive, upgrade };
  }
}

function minorOf(major: string | undefined, minor: string | undefined): number {
  if (major !== '1' || (minor !== '0' && minor !== '1')) {
    throw new HttpParseError(505, `HTTP/${major}.${minor} is not spoken here`);
  }
  return Number(minor);
}

/** The first line, and where the next begins. */
function firstLine(text: string): { line: string; next: number } {
  if (CONTROL.test(text)) throw bad('a control character in the head');
  const end = text.indexOf('\r\n');
  return { line: text.slice(0, end), next: end + 2 };
}

/**
 * Reads the head of a request.
 *
 * @param text - Lines with their CRLF, without the empty one.
 * @param limits - How many fields it may have.
 * @returns The head.
 * @throws {HttpParseError} With the status to answer.
 */
export function parseRequestHead(text: string, { maxHeaders }: HeadLimits): RequestHead {
  const { line, next } = firstLine(text);
  const match = REQUEST_LINE.exec(line);
  if (!match) throw bad('the request line is malformed');
  const minor = minorOf(match[3], match[4]);
  const fields = parseFields(text, next, maxHeaders);
  const framing = new Framing(fields);
  const { host, expectsContinue } = framing;
  if (host === undefined && minor === 1) throw bad('no Host');
  if (host !== undefined && !HOST.test(host)) throw bad('Host is no host');
  return {
    ...framing.message(minor, fields),
    method: match[1] as string,
    target: match[2] as string,
    host,
    expectsContinue: expectsContinue && minor === 1,
  };
}

/**
 * Reads the head of a response.
 *
 * @param text - Lines with their CRLF, without the empty one.
 * @param limits - How many fields it may have.
 * @returns The head.
 * @throws {HttpParseError} If it is malformed.
 */
export function parseResponseHead(text: string, { maxHeaders }: HeadLimits): ResponseHead {
  const { line, next } = firstLine(text);
  const [, major, minorText, status = '', reason = ''] = STATUS_LINE.exec(line) ?? [];
  if (status === '') throw bad('the status line is malformed');
  const minor = minorOf(major, minorText);
  const fields = parseFields(text, next, maxHeaders);
  return { ...new Framing(fields).message(minor, fields), status: Number(status), reason };
}

/**
 * Writes a head.
 *
 * @param line - Request or status line, checked by the caller.
 * @param fields - Names and values, which are checked here.
 * @returns Text up to and with the empty line.
 * @throws {TypeError} If a name or value cannot stand in a head: a line break would begin another message.
 */
export function formatHead(line: string, fields: Iterable<readonly [string, string]>): string {
  let text = `${line}\r\n`;
  for (const [name, value] of fields) {
    if (!TOKEN.test(name)) throw new TypeError(`Cannot send a field named ${JSON.stringify(name)}`);
    if (BAD_VALUE.test(value)) {
      throw new TypeError(`Cannot send ${name}: ${JSON.stringify(value)} is no field value`);
    }
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}
