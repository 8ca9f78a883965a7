// SPDX-License-Identifier: MIT
// http1_chunked.test - chunked bodies: however they are cut, and what is refused

import { describe, expect, test } from 'vitest';
import { fromLatin1, HttpParseError, toLatin1 } from '../../js/codec/http1.ts';
import { ChunkedDecoder, encodeChunk, LAST_CHUNK } from '../../js/codec/http1_chunked.ts';
import { concat } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const limits = { maxHeaderSize: 1000, maxHeaders: 10 };

/** Output of a decoder for pieces: data, trailers, how many bytes were not used, whether it is over. */
function decode(pieces: readonly Uint8Array[]) {
  const decoder = new ChunkedDecoder(limits);
  const data: Uint8Array[] = [];
  let held: Uint8Array = new Uint8Array();
  for (const piece of pieces) {
    held = concat([held, piece]);
    for (;;) {
      const step = decoder.step(held);
      if (step.data) data.push(step.data.slice());
      held = held.subarray(step.used);
      if (step.used === 0) break;
    }
  }
  const { trailers, isDone } = decoder;
  return { text: fromLatin1(concat(data)), trailers, rest: held.length, isDone };
}

/** Cuts bytes in pieces. */
function cut(bytes: Uint8Array, random: Prng, most: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = at + random.between(1, most);
    pieces.push(bytes.subarray(at, next));
    at = next;
  }
  return pieces;
}

const body = (text: string) => decode([toLatin1(text)]);

test('chunks, extensions and trailers', () => {
  const text =
    '5\r\nhello\r\n6;a=b;c="d"\r\n world\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\nGET';
  expect(body(text)).toEqual({
    text: 'hello world',
    trailers: [['x-sum', '1']],
    rest: 3,
    isDone: true,
  });
  expect(body('0\r\n\r\n')).toMatchObject({ text: '', isDone: true });
  expect(body('00A\r\n0123456789\r\n000\r\n\r\n')).toMatchObject({
    text: '0123456789',
    isDone: true,
  });
});

test('what is not whole waits', () => {
  for (const text of [
    '',
    '5',
    '5\r',
    '5\r\n',
    '5\r\nhel',
    '5\r\nhello',
    '5\r\nhello\r',
    '0\r\n',
    '0\r\nX: 1\r\n',
  ]) {
    expect(body(text).isDone).toBe(false);
  }
});

describe('refused', () => {
  test.each([
    ['no size', '\r\nhello'],
    ['a signed size', '+5\r\nhello'],
    ['a negative size', '-5\r\nhello'],
    ['a size with a prefix', '0x5\r\nhello'],
    ['a blank before the size', ' 5\r\nhello'],
    ['a blank behind the size', '5 \r\nhello\r\n'],
    ['something else behind the size', '5 x\r\nhello\r\n'],
    ['LF alone behind the size', '5\nhello\r\n'],
    ['CR alone behind the size', '5\rhello\r\n0\r\n\r\n'],
    ['LF alone behind the data', '5\r\nhello\n0\r\n\r\n'],
    ['more data than the size', '5\r\nhello!\r\n'],
    ['CR and something behind the data', '5\r\nhello\rx'],
    ['a size of 2^64', '10000000000000000\r\n'],
    ['a size of many digits', `${'0'.repeat(20)}5\r\nhello`],
    ['a bare LF in an extension', '5;a\nb\r\nhello'],
    ['a control in an extension', '5;a\0\r\nhello'],
    ['a folded trailer', '0\r\nX: 1\r\n y\r\n\r\n'],
    ['a trailer without a colon', '0\r\nX\r\n\r\n'],
    ["a blank before a trailer's colon", '0\r\nX : 1\r\n\r\n'],
    ['LF alone behind a trailer', '0\r\nX: 1\n\r\n'],
    ['NUL in a trailer', '0\r\nX: \0\r\n\r\n'],
    ['a request in a trailer', '0\r\nGET / HTTP/1.1\r\n\r\n'],
  ])('%s', (_, text) => {
    expect(() => body(text)).toThrow(HttpParseError);
  });

  test('extensions and trailers without end', () => {
    expect(() => body(`5;${'a'.repeat(20_000)}`)).toThrow(HttpParseError);
    const many = Array.from({ length: 20 }, () => `1;${'a'.repeat(1000)}\r\nx\r\n`).join('');
    expect(() => body(many)).toThrow(HttpParseError);
    expect(() => body(`0\r\nX: ${'a'.repeat(1000)}`)).toThrow(HttpParseError);
    expect(() => body(`0\r\n${'X: a\r\n'.repeat(11)}\r\n`)).toThrow(HttpParseError);
  });
});

test('fuzz: what is written is read, however it is cut', () => {
  const random = new Prng(18);
  for (let n = 0; n < 300; n++) {
    const chunks = Array.from({ length: random.int(8) }, () =>
      random.bytes(random.between(1, 300)),
    );
    const bytes = concat([
      ...chunks.map(encodeChunk),
      toLatin1(LAST_CHUNK),
      random.bytes(random.int(5)),
    ]);
    const whole = decode(cut(bytes, random, random.pick([1, 7, 1000])));
    expect(whole.isDone).toBe(true);
    expect(whole.text).toBe(fromLatin1(concat(chunks)));
  }
});

test('fuzz: changed bytes are refused or are another body, and never more than came', () => {
  const random = new Prng(19);
  for (let n = 0; n < 5000; n++) {
    const bytes = toLatin1('5\r\nhello\r\n3;a=b\r\nxyz\r\n0\r\nX: 1\r\n\r\n');
    for (let m = random.between(1, 3); m > 0; m--)
      bytes[random.int(bytes.length)] = random.int(256);
    try {
      expect(decode([bytes]).text.length).toBeLessThan(bytes.length);
    } catch (error) {
      expect(error).toBeInstanceOf(HttpParseError);
    }
  }
});
