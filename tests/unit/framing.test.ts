// SPDX-License-Identifier: MIT
// framing.test - frames behind their lengths, however the stream is cut, and what is no frame

import { describe, expect, test } from 'vitest';
import { FrameParser, HEADER, putLength } from '../../js/codec/framing.ts';
import { hashOf } from '../helpers/hash.ts';
import { concat } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const LONGEST = 5000;

/** Frames as a stream. */
function streamOf(frames: readonly Uint8Array[]): Uint8Array {
  return concat(
    frames.flatMap((frame) => {
      const head = new Uint8Array(HEADER);
      putLength(head, 0, frame.length);
      return [head, frame];
    }),
  );
}

/** Output of a parser for chunks: copies of the frames, and the length that ended it. */
function parse(chunks: readonly Uint8Array[], parser = new FrameParser(LONGEST)) {
  const frames: Uint8Array[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    for (;;) {
      const frame = parser.peek();
      if (typeof frame === 'number') return { frames, bad: frame, isWhole: parser.isWhole };
      if (!frame) break;
      if (parser.peek() !== frame) throw new Error('peek() moves on');
      frames.push(frame.slice());
      parser.release();
    }
  }
  return { frames, bad: undefined, isWhole: parser.isWhole };
}

const random = new Prng(5);
const FRAMES = Array.from({ length: 60 }, () => random.bytes(random.between(1, 3000)));
FRAMES.push(random.bytes(LONGEST), random.bytes(1));
const HASHES = FRAMES.map(hashOf);
const STREAM = streamOf(FRAMES);

describe('a parser', () => {
  test.each([1, 2, 3, 4, 5, 7, 64, 1460, 65_536, STREAM.length])(
    'finds all frames in chunks of %d bytes',
    (size) => {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < STREAM.length; at += size) chunks.push(STREAM.slice(at, at + size));
      const { frames, bad, isWhole } = parse(chunks);
      expect([frames.map(hashOf), bad, isWhole]).toEqual([HASHES, undefined, true]);
    },
  );

  test('finds all frames in chunks of any size, empty ones too', () => {
    for (let seed = 0; seed < 50; seed++) {
      const cuts = new Prng(seed);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < STREAM.length; ) {
        const size = cuts.int(cuts.pick([2, 10, 2000, 20_000]));
        chunks.push(STREAM.slice(at, at + size));
        at += size;
      }
      expect(parse(chunks).frames.map(hashOf)).toEqual(HASHES);
    }
  });

  test('copies nothing of a frame that lies in one chunk', () => {
    const parser = new FrameParser(LONGEST);
    const stream = streamOf([Uint8Array.of(1, 2, 3)]);
    parser.push(stream);
    const frame = parser.peek() as Uint8Array;
    expect([frame.buffer === stream.buffer, frame.byteOffset]).toEqual([true, HEADER]);
  });

  test.each([0, LONGEST + 1, 0x7fffffff, 0x80000000, 0xffffffff])(
    'refuses the length %d, for good',
    (length) => {
      for (const size of [1, 3, 100]) {
        const stream = concat([streamOf([Uint8Array.of(1)]), new Uint8Array(HEADER), STREAM]);
        putLength(stream, HEADER + 1, length);
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < 100; at += size) chunks.push(stream.slice(at, at + size));
        const parser = new FrameParser(LONGEST);
        const { frames, bad } = parse(chunks, parser);
        expect([frames, bad]).toEqual([[Uint8Array.of(1)], length]);
        expect(parse([STREAM], parser).bad).toBe(length);
      }
    },
  );

  test('knows a stream that ends within a frame', () => {
    const stream = streamOf([Uint8Array.of(1, 2, 3)]);
    for (let length = 0; length <= stream.length; length++) {
      const { isWhole } = parse([stream.slice(0, length)]);
      expect(isWhole).toBe(length === 0 || length === stream.length);
    }
  });

  test('survives garbage', () => {
    for (let seed = 0; seed < 300; seed++) {
      const garbage = new Prng(seed);
      const chunks = Array.from({ length: 5 }, () => {
        const bytes = garbage.bytes(garbage.int(300));
        if (garbage.chance(0.8)) bytes.fill(0, 0, 2); // lengths that can be
        return bytes;
      });
      const { frames } = parse(chunks);
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const used = frames.reduce((sum, frame) => sum + frame.length + HEADER, 0);
      expect(used).toBeLessThanOrEqual(size);
      expect(frames.every((frame) => frame.length > 0 && frame.length <= LONGEST)).toBe(true);
    }
  });
});
