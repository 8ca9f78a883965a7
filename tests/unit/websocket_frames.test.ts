// SPDX-License-Identifier: MIT
// websocket_frames.test - frames of the WebSocket protocol and the digest of its handshake

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha1 } from '../../js/codec/sha1.ts';
import {
  applyMask,
  formatFrame,
  isCloseCode,
  OPCODE,
  parseFrame,
  WebSocketError,
} from '../../js/codec/websocket.ts';
import { acceptOf } from '../../js/http/websocket_handshake.ts';
import { Prng } from '../helpers/prng.ts';

const key = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

test('the examples of RFC 6455, 5.7', () => {
  const hello = new TextEncoder().encode('Hello');
  const plain = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
  const masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
  expect([...formatFrame(OPCODE.text, hello, undefined)]).toEqual(plain);
  expect([...formatFrame(OPCODE.text, hello, key)]).toEqual(masked);
  expect(parseFrame(Uint8Array.from(masked), true)).toEqual({
    isFinal: true,
    isCompressed: false,
    opcode: 1,
    length: 5,
    mask: 2,
    size: 6,
  });
  expect([...formatFrame(OPCODE.binary, new Uint8Array(256), undefined)].slice(0, 4)).toEqual([
    0x82, 0x7e, 1, 0,
  ]);
  const long = formatFrame(OPCODE.binary, new Uint8Array(65_536), undefined);
  expect([...long].slice(0, 10)).toEqual([0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
});

test('lengths go there and back', () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]) {
    for (const mask of [undefined, key]) {
      const frame = formatFrame(OPCODE.binary, new Uint8Array(length), mask);
      const header = parseFrame(frame, mask !== undefined);
      expect(header).toMatchObject({ length, isFinal: true });
      expect((header?.size ?? 0) + length).toBe(frame.length);
      for (let n = 0; n < (header?.size ?? 0); n++) {
        expect(parseFrame(frame.subarray(0, n), mask !== undefined)).toBe(undefined);
      }
    }
  }
});

test.each([
  ['a reserved bit', [0xc1, 0x00], false, 1002],
  ['another reserved bit', [0x91, 0x00], false, 1002],
  ['opcode 3', [0x83, 0x00], false, 1002],
  ['opcode 11', [0x8b, 0x00], false, 1002],
  ['no mask from a client', [0x81, 0x00], true, 1002],
  ['a mask from a server', [0x81, 0x80, 0, 0, 0, 0], false, 1002],
  ['a ping in pieces', [0x09, 0x00], false, 1002],
  ['a ping of 126 bytes', [0x89, 0x7e, 0, 126], false, 1002],
  ['a length in two bytes that fits in one', [0x82, 0x7e, 0, 125], false, 1002],
  [
    'a length in eight bytes that fits in two',
    [0x82, 0x7f, 0, 0, 0, 0, 0, 0, 255, 255],
    false,
    1002,
  ],
  ['a length of 2^63', [0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], false, 1009],
])('%s is refused', (_, bytes, isMasked, code) => {
  let found = 0;
  try {
    parseFrame(Uint8Array.from(bytes), isMasked);
  } catch (error) {
    if (error instanceof WebSocketError) found = error.code;
  }
  expect(found).toBe(code);
});

test('a mask is the same however the payload is cut', () => {
  const random = new Prng(3);
  const data = random.bytes(1000);
  const whole = data.slice();
  applyMask(whole, key);
  const pieces = data.slice();
  for (let at = 0; at < 1000; ) {
    const next = Math.min(1000, at + random.between(1, 9));
    applyMask(pieces.subarray(at, next), key, at);
    at = next;
  }
  expect(pieces).toEqual(whole);
  applyMask(whole, key);
  expect(whole).toEqual(data);
});

test('close codes', () => {
  const good = [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999];
  const wrong = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
  expect(good.filter(isCloseCode)).toEqual(good);
  expect(wrong.filter(isCloseCode)).toEqual([]);
});

test('SHA-1 is that of OpenSSL, at every length around a block', () => {
  const random = new Prng(4);
  for (let length = 0; length < 200; length++) {
    const data = random.bytes(length);
    expect(Buffer.from(sha1(data)).toString('hex')).toBe(
      createHash('sha1').update(data).digest('hex'),
    );
  }
  expect(acceptOf('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('fuzz: bytes are a frame, more is needed, or they are refused', () => {
  const random = new Prng(5);
  for (let n = 0; n < 20_000; n++) {
    try {
      const header = parseFrame(random.bytes(random.int(16)), random.chance(0.5));
      if (header) expect(Number.isSafeInteger(header.length)).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(WebSocketError);
    }
  }
});
