// SPDX-License-Identifier: MIT
// pcapng.test - the blocks of a capture file, byte for byte

import { describe, expect, test } from 'vitest';
import {
  interfaceBlock,
  LINK_TYPE,
  packetBlock,
  sectionBlock,
  statisticsBlock,
} from '../../js/codec/pcapng.ts';

/** Type and body of a block whose frame is sound. */
function open(block: Uint8Array): { type: number; body: DataView } {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const size = view.getUint32(4, true);
  expect([size, view.getUint32(size - 4, true), size % 4]).toEqual([block.length, size, 0]);
  return {
    type: view.getUint32(0, true),
    body: new DataView(block.buffer, block.byteOffset + 8, size - 12),
  };
}

/** The options from an offset on, by code. */
function optionsOf(body: DataView, at: number): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  while (at < body.byteLength) {
    const code = body.getUint16(at, true);
    const length = body.getUint16(at + 2, true);
    if (code === 0) break;
    found.set(code, new Uint8Array(body.buffer, body.byteOffset + at + 4, length));
    at += 4 + ((length + 3) & ~3);
  }
  return found;
}

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe('a pcapng file', () => {
  test('begins with a section in little-endian', () => {
    const { type, body } = open(sectionBlock('me'));
    expect(type).toBe(0x0a0d0d0a);
    expect([body.getUint32(0, true), body.getUint16(4, true), body.getUint16(6, true)]).toEqual([
      0x1a2b3c4d, 1, 0,
    ]);
    expect(textOf(optionsOf(body, 16).get(4))).toBe('me');
  });

  test.each(['', 'a', 'tap0', 'naïve'])('names its interfaces: %j', (name) => {
    const { type, body } = open(interfaceBlock({ name, linkType: LINK_TYPE.raw, snapLength: 96 }));
    expect([type, body.getUint16(0, true), body.getUint32(4, true)]).toEqual([1, 101, 96]);
    const options = optionsOf(body, 8);
    expect(textOf(options.get(2))).toBe(name);
    expect([...(options.get(9) ?? [])]).toEqual([9]);
  });

  test.each([0, 1, 3, 4, 5, 1514])('has frames of %d bytes, padded', (length) => {
    const bytes = new Uint8Array(length).fill(0xa5);
    const time = 1_700_000_000_123_456_789n;
    const block = packetBlock({ interface: 3, time, bytes, length: 9000, direction: 2 });
    const { type, body } = open(block);
    const words = [0, 12, 16].map((at) => body.getUint32(at, true));
    expect([type, ...words]).toEqual([6, 3, length, 9000]);
    const high = BigInt(body.getUint32(4, true));
    expect((high << 32n) | BigInt(body.getUint32(8, true))).toBe(time);
    expect(new Uint8Array(body.buffer, body.byteOffset + 20, length)).toEqual(bytes);
    expect([...(optionsOf(body, 20 + ((length + 3) & ~3)).get(2) ?? [])]).toEqual([2, 0, 0, 0]);
  });

  test('has a comment with a frame', () => {
    const frame = { interface: 0, time: 0n, bytes: new Uint8Array(4), length: 4 } as const;
    const { body } = open(packetBlock({ ...frame, direction: 0, comment: 'lost' }));
    expect(textOf(optionsOf(body, 24).get(1))).toBe('lost');
    expect(open(packetBlock({ ...frame, direction: 0 })).body.byteLength).toBe(24);
  });

  test('ends with what was seen and what was dropped', () => {
    const { type, body } = open(statisticsBlock(1, 5n, 2 ** 33 + 7, 9));
    const options = optionsOf(body, 12);
    const number = (code: number): bigint => {
      const bytes = options.get(code) as Uint8Array;
      return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    };
    expect([type, number(4), number(5)]).toEqual([5, 2n ** 33n + 7n, 9n]);
  });
});
