// SPDX-License-Identifier: MIT
// http1.test - heads of HTTP/1.1: what is read, what is refused, and that no bytes break the parser

import { describe, expect, test } from 'vitest';
import {
  formatHead,
  fromLatin1,
  HttpParseError,
  headEnd,
  parseRequestHead,
  parseResponseHead,
  toLatin1,
} from '../../js/codec/http1.ts';
import { Prng } from '../helpers/prng.ts';

const limits = { maxHeaderSize: 16_384, maxHeaders: 100 };
const request = (...lines: string[]) =>
  parseRequestHead(lines.map((line) => `${line}\r\n`).join(''), limits);
const response = (...lines: string[]) =>
  parseResponseHead(lines.map((line) => `${line}\r\n`).join(''), limits);

/** The status that a head is refused with, 0 if it is not. */
function refused(parse: () => unknown): number {
  try {
    parse();
    return 0;
  } catch (error) {
    if (error instanceof HttpParseError) return error.status;
    throw error;
  }
}

const get = (...fields: string[]) =>
  refused(() => request('GET / HTTP/1.1', ...(fields.length > 0 ? fields : ['Host: a'])));

describe('requests', () => {
  test('line and fields', () => {
    const head = request(
      'GET /a?b=c HTTP/1.1',
      'Host: a:80',
      'X-Empty:',
      'X-Tab:\t b \t',
      'X-Tab: c',
    );
    expect(head).toMatchObject({
      method: 'GET',
      target: '/a?b=c',
      minor: 1,
      host: 'a:80',
      keepsAlive: true,
      isChunked: false,
      contentLength: undefined,
      upgrade: undefined,
      expectsContinue: false,
    });
    expect(head.fields).toEqual([
      ['host', 'a:80'],
      ['x-empty', ''],
      ['x-tab', 'b'],
      ['x-tab', 'c'],
    ]);
  });

  test('values are latin1, and only blanks are cut off them', () => {
    const head = request('GET / HTTP/1.1', 'Host: a', 'X: \xa0\xe9\xff ');
    expect(head.fields[1]).toEqual(['x', '\xa0\xe9\xff']);
  });

  test.each([
    ['HTTP/1.1', [], true],
    ['HTTP/1.1', ['Connection: close'], false],
    ['HTTP/1.1', ['Connection: x, Close'], false],
    ['HTTP/1.1', ['Connection: x', 'Connection: close'], false],
    ['HTTP/1.0', [], false],
    ['HTTP/1.0', ['Connection: Keep-Alive'], true],
    ['HTTP/1.0', ['Connection: keep-alive, close'], false],
  ])('%s with %j keeps the connection: %j', (version, fields, keeps) => {
    expect(request(`GET / ${version}`, 'Host: a', ...fields).keepsAlive).toBe(keeps);
  });

  test('framing', () => {
    expect(request('POST / HTTP/1.1', 'Host: a', 'Content-Length: 012').contentLength).toBe(12);
    expect(request('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: Chunked').isChunked).toBe(
      true,
    );
    const upgrade = request(
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: upgrade',
      'Upgrade: websocket',
    );
    expect(upgrade.upgrade).toBe('websocket');
    expect(request('GET / HTTP/1.1', 'Host: a', 'Upgrade: h2c').upgrade).toBe(undefined);
    const expecting = request('PUT / HTTP/1.1', 'Host: a', 'Expect: 100-Continue');
    expect(expecting.expectsContinue).toBe(true);
  });

  test.each([
    ['GET /', 400],
    ['GET  / HTTP/1.1', 400],
    ['GET / HTTP/1.1 ', 400],
    ['GET / http/1.1', 400],
    ['GET\t/ HTTP/1.1', 400],
    ['GET /a b HTTP/1.1', 400],
    ['GET /#a HTTP/1.1', 400],
    ['GET /\xe9 HTTP/1.1', 400],
    ['G(T / HTTP/1.1', 400],
    [' GET / HTTP/1.1', 400],
    ['GET / HTTP/1.1\0', 400],
    ['GET / HTTP/2.0', 505],
    ['GET / HTTP/1.2', 505],
    ['GET / HTTP/0.9', 505],
    ['PRI * HTTP/2.0', 505],
    ['\x16\x03\x01\x02', 400],
  ])('refuses the line %j with %d', (line, status) => {
    expect(refused(() => request(line, 'Host: a'))).toBe(status);
  });
});

describe('smuggling', () => {
  test.each([
    ['both lengths', 'Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked'],
    ['two lengths', 'Host: a', 'Content-Length: 3', 'Content-Length: 4'],
    ['the same length twice', 'Host: a', 'Content-Length: 3', 'Content-Length: 3'],
    ['a list of lengths', 'Host: a', 'Content-Length: 3, 3'],
    ['a signed length', 'Host: a', 'Content-Length: +3'],
    ['a negative length', 'Host: a', 'Content-Length: -1'],
    ['a hexadecimal length', 'Host: a', 'Content-Length: 0x3'],
    ['a length with a blank in it', 'Host: a', 'Content-Length: 3 0'],
    ['an empty length', 'Host: a', 'Content-Length:'],
    ['a length beyond numbers', 'Host: a', 'Content-Length: 99999999999999999999'],
    ['an unknown coding', 'Host: a', 'Transfer-Encoding: xchunked'],
    ['chunked twice', 'Host: a', 'Transfer-Encoding: chunked, chunked'],
    [
      'chunked twice in two fields',
      'Host: a',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: chunked',
    ],
    ['chunked not last', 'Host: a', 'Transfer-Encoding: chunked, identity'],
    ['a coding behind two fields', 'Host: a', 'Transfer-Encoding: chunked', 'Transfer-Encoding: x'],
    ['a coding with a comma behind it', 'Host: a', 'Transfer-Encoding: chunked,'],
    ['an empty coding', 'Host: a', 'Transfer-Encoding:'],
    ['a coding in quotes', 'Host: a', 'Transfer-Encoding: "chunked"'],
    ['a vertical tab', 'Host: a', 'Transfer-Encoding: \x0bchunked'],
    ['a blank before the colon', 'Host: a', 'Content-Length : 3'],
    ['a tab before the colon', 'Host: a', 'Transfer-Encoding\t: chunked'],
    ['a name in the middle of blanks', 'Host: a', ' Content-Length: 3'],
    ['a folded line', 'Host: a', 'X: a', ' b'],
    ['a line folded by a tab', 'Host: a', 'X: a', '\tb'],
    ['a line without a colon', 'Host: a', 'Content-Length'],
    ['a line without a name', 'Host: a', ': 3'],
    ['a bare CR in a value', 'Host: a', 'X: a\rContent-Length: 3'],
    ['a bare CR in a name', 'Host: a', 'X\r: a'],
    ['NUL in a value', 'Host: a', 'X: a\0b'],
    ['NUL in a name', 'Host: a', 'X\0: b'],
    ['DEL in a value', 'Host: a', 'X: \x7f'],
    ['a name beyond ASCII', 'Host: a', 'X\xe9: a'],
    ['no Host', 'X: a'],
    ['two Hosts', 'Host: a', 'Host: b'],
    ['the same Host twice', 'Host: a', 'Host: a'],
    ['a list of Hosts', 'Host: a, b'],
    ['a Host with a path', 'Host: a/b'],
    ['a Host with a user', 'Host: user@a'],
  ])('%s is refused', (_, ...fields) => {
    expect(get(...(fields as string[]))).toBe(400);
  });

  test('chunked in HTTP/1.0', () => {
    expect(refused(() => request('POST / HTTP/1.0', 'Transfer-Encoding: chunked'))).toBe(400);
  });

  test.each(['a', 'a.b:80', '[::1]:8080', '10.0.0.1', '', 'xn--a'])('Host %j is one', (host) => {
    expect(get(`Host: ${host}`)).toBe(0);
  });

  test('too many fields', () => {
    expect(get('Host: a', ...Array.from({ length: 99 }, () => 'X: a'))).toBe(0);
    expect(get('Host: a', ...Array.from({ length: 100 }, () => 'X: a'))).toBe(431);
  });
});

describe('responses', () => {
  test('line', () => {
    expect(response('HTTP/1.1 200 OK')).toMatchObject({ status: 200, reason: 'OK', minor: 1 });
    expect(response('HTTP/1.0 404 Not  Found')).toMatchObject({
      status: 404,
      reason: 'Not  Found',
    });
    expect(response('HTTP/1.1 200')).toMatchObject({ status: 200, reason: '' });
    expect(response('HTTP/1.1 299 \xe9')).toMatchObject({ reason: '\xe9' });
  });

  test.each([
    'HTTP/1.1 20',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 x',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 200OK',
    'ICY 200 OK',
    'HTTP/1.1 -20 OK',
    '',
  ])('refuses %j', (line) => {
    expect(refused(() => response(line))).toBe(400);
  });

  test.each([
    [['Content-Length: 3', 'Transfer-Encoding: chunked']],
    [['Content-Length: 3', 'Content-Length: 4']],
    [['Transfer-Encoding: gzip']],
    [['X : a']],
    [['X: a', ' b']],
  ])('refuses %j', (fields) => {
    expect(refused(() => response('HTTP/1.1 200 OK', ...fields))).toBe(400);
  });
});

describe('the end of a head', () => {
  const end = (text: string, from = 0): number => headEnd(toLatin1(text), from);

  test('is the empty line, however much was searched before', () => {
    const text = 'GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n';
    for (let from = 0; from < 27; from++) expect(end(text, from)).toBe(27);
    expect(end('GET / HTTP/1.1\r\nHost: a\r\n')).toBe(-1);
    expect(end('')).toBe(-1);
  });

  test('a bare LF is refused as soon as it comes', () => {
    expect(refused(() => end('GET / HTTP/1.1\n'))).toBe(400);
    expect(refused(() => end('GET / HTTP/1.1\r\nHost: a\n\n'))).toBe(400);
    expect(refused(() => end('\nGET'))).toBe(400);
    expect(refused(() => end('GET / HTTP/1.1\r\n\n'))).toBe(400);
  });
});

describe('writing', () => {
  test('latin1 goes there and back', () => {
    const text = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)).repeat(40);
    expect(fromLatin1(toLatin1(text))).toBe(text);
    expect(toLatin1('ab', 3)).toHaveLength(5);
    // Bytes that a TextDecoder of that name maps to other characters, and a byte order mark, which one of UTF-8 removes.
    expect(fromLatin1(Uint8Array.of(0x80, 0x9f))).toBe('\x80\x9f');
    expect(fromLatin1(Uint8Array.of(0xef, 0xbb, 0xbf))).toBe('\xef\xbb\xbf');
  });

  test.each([
    ['a\r\nb', 'x'],
    ['a b', 'x'],
    ['', 'x'],
    ['a', 'x\r\ny: z'],
    ['a', 'x\ny'],
    ['a', 'x\0'],
    ['a', 'x\u0100'],
  ])('the field %j: %j is not written', (name, value) => {
    expect(() => formatHead('GET / HTTP/1.1', [[name, value]])).toThrow(TypeError);
  });

  test('what is written is read', () => {
    const fields: [string, string][] = [
      ['host', 'a'],
      ['x', '\xe9 y'],
    ];
    const text = formatHead('GET / HTTP/1.1', fields);
    const bytes = toLatin1(text);
    expect(headEnd(bytes, 0)).toBe(bytes.length);
    expect(parseRequestHead(text.slice(0, -2), limits).fields).toEqual(fields);
  });
});

/** A request that is right, with some bytes of it changed. */
function mangled(random: Prng): Uint8Array {
  const fields = [
    'Host: a',
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'X: \t y',
    'Connection: close',
  ];
  const lines = ['GET /a HTTP/1.1', ...fields.filter(() => random.chance(0.5))];
  const bytes = toLatin1(`${lines.join('\r\n')}\r\n\r\n`);
  for (let n = random.int(4); n > 0; n--) {
    bytes[random.int(bytes.length)] = random.chance(0.5)
      ? random.int(256)
      : random.pick([0, 9, 10, 13, 32, 58]);
  }
  return bytes;
}

test('fuzz: bytes are a head, more is needed, or they are refused', () => {
  const random = new Prng(17);
  let heads = 0;
  for (let n = 0; n < 20_000; n++) {
    const bytes = random.chance(0.2) ? random.bytes(random.int(80)) : mangled(random);
    refused(() => {
      const end = headEnd(bytes, 0);
      if (end < 0) return;
      const head = parseRequestHead(fromLatin1(bytes.subarray(0, end - 2)), limits);
      heads++;
      // An accepted message has one meaning.
      expect(head.isChunked && head.contentLength !== undefined).toBe(false);
      for (const [name, value] of head.fields) {
        expect(name).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
        expect(value).not.toMatch(/[\r\n\0]|^[ \t]|[ \t]$/);
      }
      expect(head.target).toMatch(/^[\x21-\x7e]+$/);
    });
  }
  expect(heads).toBeGreaterThan(1000);
});
