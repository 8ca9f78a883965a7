// SPDX-License-Identifier: MIT
// ring_garbage.test - what stands in a ring is input: js/ring.ts over lengths and positions that
// cannot be true never leaves the storage, never loops, counts them, and goes on afterwards

import { describe, expect, onTestFinished, test } from 'vitest';
import { FRAME_HEADER, FRAME_SKIP } from '../../js/abi.ts';
import { Arena } from '../../js/memory/arena.ts';
import { ByteConsumer, ByteProducer, FrameConsumer, FrameProducer } from '../../js/ring.ts';
import { stackModule } from '../helpers/built.ts';
import { Prng } from '../helpers/prng.ts';
import { NEAR_WRAP, TestRing } from '../helpers/rings.ts';

const SIZE = 1024;
const MAX = 400;
const arena = new Arena(stackModule(), 2 << 20);

function newRing(size = SIZE): TestRing {
  const ring = new TestRing(arena, size);
  onTestFinished(() => {
    expect(ring.guardsIntact).toBe(true);
    ring.free();
  });
  return ring;
}

/** Takes all frames there are, in a bounded number of steps; returns their lengths. */
function takeAll(ring: TestRing, c: FrameConsumer): number[] {
  const lengths: number[] = [];
  // A ring has room for so many records of no bytes; what was dropped took room too.
  for (let left = SIZE / FRAME_HEADER; left >= 0; left--) {
    const length = c.peek();
    if (length < 0) return lengths;
    expect(length).toBeLessThanOrEqual(MAX);
    ring.bytes(c.offset - FRAME_HEADER, FRAME_HEADER + length);
    lengths.push(length);
    c.release();
  }
  throw new Error(`More frames than can be there: ${ring}`);
}

/** Submits a frame of the given length, all bytes of which are its length. */
function put(ring: TestRing, p: FrameProducer, length: number): void {
  expect(p.reserve(length)).toBe(1);
  ring.bytes(p.offset, length).fill(length);
  p.submit(length);
}

/** A frame ring with three frames of 40, 48 and 56 bytes in it. */
function threeFrames(): { ring: TestRing; p: FrameProducer; c: FrameConsumer; first: number } {
  const ring = newRing();
  const p = new FrameProducer(arena, ring.place);
  const c = new FrameConsumer(arena, ring.place, MAX);
  for (const length of [40, 48, 56]) put(ring, p, length);
  return { ring, p, c, first: ring.get('buf0') + SIZE - 256 };
}

describe('frames', () => {
  test.each([
    SIZE / 2 + 1,
    SIZE,
    2 ** 31 - 1,
    2 ** 31,
    FRAME_SKIP - 1,
    FRAME_SKIP - 8,
    168, // more than is left of what was submitted
  ])('a length of %d gives up what was submitted, and only that', (length) => {
    const { ring, p, c, first } = threeFrames();
    expect(c.peek()).toBe(40);
    c.release();
    arena.view.setUint32(first + 48, length, true);
    expect(takeAll(ring, c)).toEqual([]);
    expect(ring.get('bad')).toBe(1);
    expect(ring.held).toBe(0);
    put(ring, p, 72);
    expect(takeAll(ring, c)).toEqual([72]);
    expect(ring.get('bad')).toBe(1);
  });

  test('a skip that ends past what was submitted is dropped', () => {
    const { ring, c, first } = threeFrames();
    arena.view.setUint32(first, FRAME_SKIP, true);
    expect(takeAll(ring, c)).toEqual([]);
    expect(ring.get('bad')).toBe(1);
  });

  test('a length that is longer than the frame was hides what follows, no more', () => {
    const { ring, p, c, first } = threeFrames();
    arena.view.setUint32(first, 40 + 56, true);
    expect(takeAll(ring, c)).toEqual([96, 56]);
    put(ring, p, 1);
    expect(takeAll(ring, c)).toEqual([1]);
  });

  test('a record that runs past the end of the storage is dropped', () => {
    const ring = newRing();
    const p = new FrameProducer(arena, ring.place);
    const c = new FrameConsumer(arena, ring.place, MAX);
    put(ring, p, 240);
    put(ring, p, 240);
    arena.view.setUint32(ring.get('buf0') + SIZE - 256, 256, true);
    expect(takeAll(ring, c)).toEqual([]);
    expect(ring.get('bad')).toBe(1);
    put(ring, p, 8);
    expect(takeAll(ring, c)).toEqual([8]);
  });

  test('after a bad record nothing is released twice', () => {
    const { ring, c, first } = threeFrames();
    expect(c.peek()).toBe(40);
    arena.view.setUint32(first, 2 ** 31, true);
    expect(c.peek()).toBe(-1);
    c.release();
    expect(ring.held).toBe(0);
    expect(c.peekSpan(SIZE)).toBe(0);
  });

  test('a span ends before a bad record, which is dropped when it comes first', () => {
    const { ring, c, first } = threeFrames();
    arena.view.setUint32(first + 48, 2 ** 31, true);
    expect(c.peekSpan(SIZE)).toBe(48);
    c.releaseSpan(48);
    expect(c.peekSpan(SIZE)).toBe(0);
    expect(ring.get('bad')).toBe(1);
    expect(ring.held).toBe(0);
  });

  test.each([1, 2, 3, 4, 5, 6, 7])('a tail %d bytes too far is met again', (skew) => {
    const { ring, p, c } = threeFrames();
    ring.set('tail', ring.get('tail') + skew);
    expect(takeAll(ring, c)).toEqual([40, 48, 56]);
    expect(ring.get('bad')).toBe(1);
    put(ring, p, 64);
    expect(takeAll(ring, c)).toEqual([]);
    for (const length of [72, 80]) {
      put(ring, p, length);
      expect(takeAll(ring, c)).toEqual([length]);
    }
    expect(ring.held).toBe(0);
  });

  test.each([
    ['just past the storage', SIZE + 8],
    ['half of all positions away', 2 ** 31],
    ['before head', -8],
    ['long before head', -(2 ** 20)],
  ])('a tail %s is counted, and the two sides meet again', (_, distance) => {
    const { ring, p, c } = threeFrames();
    expect(takeAll(ring, c)).toEqual([40, 48, 56]);
    const bad = ring.get('bad');
    ring.set('tail', ring.get('head') + distance);
    expect(takeAll(ring, c)).toEqual([]);
    expect(ring.get('bad')).toBe(bad + 1);
    // The first may be lost: its end is where they meet.
    put(ring, p, 64);
    takeAll(ring, c);
    for (const length of [72, 80]) {
      put(ring, p, length);
      expect(takeAll(ring, c)).toEqual([length]);
    }
    expect(ring.held).toBe(0);
  });

  test.each([1, 2, 3, 4])('random storage, head and tail, seed %d', (seed) => {
    const rng = new Prng(seed);
    const ring = newRing();
    let found = 0;
    for (let round = 0; round < 3000; round++) {
      const store = ring.bytes(ring.get('buf0'), SIZE);
      rng.fill(store);
      // Lengths that can be true, so that more than the first record is looked at.
      for (let at = 0; at < SIZE; at += 8) {
        if (rng.chance(0.5)) arena.view.setUint32(ring.get('buf0') + at, rng.int(64), true);
        else if (rng.chance(0.1)) arena.view.setUint32(ring.get('buf0') + at, FRAME_SKIP, true);
      }
      const head = rng.chance(0.5) ? rng.u32() : rng.u32() & -8;
      ring.set('head', head);
      ring.set('tail', head + rng.pick([rng.int(SIZE + 1), rng.int(SIZE + 1) & -8, rng.u32()]));
      ring.set('bad', 0);
      const c = new FrameConsumer(arena, ring.place, MAX);
      const spans = rng.chance(0.3) ? c.peekSpan(SIZE) : 0;
      if (spans > 0) ring.bytes(c.offset, spans);
      found += takeAll(ring, c).length;
      const p = new FrameProducer(arena, ring.place);
      if (p.reserve(8) === 1) ring.bytes(p.offset - FRAME_HEADER, FRAME_HEADER + 8);
    }
    expect(found).toBeGreaterThan(500);
  });

  test('heads that cannot be true give the producer no room that is taken', () => {
    const rng = new Prng(5);
    const { ring, p, c } = threeFrames();
    const tail = ring.get('tail');
    for (let round = 0; round < 10_000; round++) {
      const distance = rng.pick([1, 8, SIZE, 2 ** 31, rng.u32()]);
      // Past tail, or before what was released.
      ring.set('head', rng.chance(0.5) ? tail + distance : NEAR_WRAP - distance);
      if ((tail - ring.get('head')) >>> 0 <= 168) continue;
      expect(p.held).toBe(168);
      expect(p.reserve(SIZE / 2 - 8), 'an empty ring has room for it').toBe(1);
      ring.bytes(p.offset, SIZE / 2 - 8);
      p.cancel();
    }
    ring.set('head', NEAR_WRAP);
    expect(takeAll(ring, c)).toEqual([40, 48, 56]);
    expect(p.held).toBe(0);
  });
});

describe('bytes', () => {
  test('a tail that cannot be true is counted and not taken', () => {
    const ring = newRing();
    const p = new ByteProducer(arena, ring.place);
    const c = new ByteConsumer(arena, ring.place);
    p.reserve(100);
    p.submit(100);
    for (const tail of [NEAR_WRAP + SIZE + 1, NEAR_WRAP - 1, NEAR_WRAP + 2 ** 31]) {
      ring.set('tail', tail);
      const bad = ring.get('bad');
      expect(c.peek()).toBe(0);
      expect(ring.get('bad')).toBe(bad + 1);
      expect(c.arm()).toBe(true);
    }
    p.reserve(10);
    p.submit(10);
    expect(c.peek()).toBe(110);
    c.release(110);
    expect(p.held).toBe(0);
  });

  test.each([1, 2, 3, 4])('random header words, seed %d', (seed) => {
    const rng = new Prng(seed);
    const ring = newRing();
    ring.set('buf1', ring.newStorage(SIZE / 4));
    let found = 0;
    for (let round = 0; round < 3000; round++) {
      const head = rng.u32();
      ring.set('head', head);
      ring.set('tail', head + rng.pick([rng.int(SIZE + 1), rng.u32()]));
      ring.set('gen', rng.pick([0, 1, 2, rng.u32()]));
      ring.set('cons_gen', rng.pick([0, 1, 2, rng.u32()]));
      ring.set('switch_pos', head + rng.pick([rng.int(SIZE), -rng.int(SIZE), rng.u32()]));
      ring.set('size1', rng.pick([0, SIZE / 4]));
      const c = new ByteConsumer(arena, ring.place);
      const p = new ByteProducer(arena, ring.place);
      for (let i = 0; i < 8; i++) {
        const length = c.peek();
        expect(length).toBeGreaterThanOrEqual(0);
        if (length > 0) ring.bytes(c.offset, length);
        c.release(length);
        found += length;
        const room = p.reserve(SIZE);
        expect(room).toBeGreaterThanOrEqual(0);
        if (room > 0) ring.bytes(p.offset, room);
        p.submit(rng.int(room + 1));
      }
    }
    expect(found).toBeGreaterThan(100_000);
  });

  test('heads that cannot be true give the producer no room that is taken', () => {
    const ring = newRing();
    const p = new ByteProducer(arena, ring.place);
    for (let room = p.reserve(SIZE); room > 0; room = p.reserve(SIZE)) p.submit(room);
    expect(ring.held).toBe(SIZE);
    for (const head of [NEAR_WRAP - 1, NEAR_WRAP + SIZE + 1, NEAR_WRAP + 2 ** 31]) {
      ring.set('head', head);
      expect(p.reserve(1)).toBe(0);
      expect(p.held).toBe(SIZE);
    }
    ring.set('head', NEAR_WRAP + 10);
    expect(p.reserve(20)).toBe(10);
  });
});
