// SPDX-License-Identifier: MIT
// ring_frames.test - frame rings of js/ring.ts on one thread: every function, every edge, spans

import { describe, expect, onTestFinished, test } from 'vitest';
import { FRAME_HEADER, FRAME_SKIP } from '../../js/abi.ts';
import { Arena } from '../../js/memory/arena.ts';
import { FrameConsumer, FrameProducer, FULL_NOW, NEVER_FITS } from '../../js/ring.ts';
import { stackModule } from '../helpers/built.ts';
import { Prng } from '../helpers/prng.ts';
import { NEAR_WRAP, TestRing } from '../helpers/rings.ts';

const SIZE = 4096;
const LARGEST = SIZE / 2 - FRAME_HEADER;
/** Bytes before the storage wraps, when a ring starts at NEAR_WRAP. */
const TO_WRAP = 256;
const arena = new Arena(stackModule(), 4 << 20);

/** Bytes that a frame of a length takes in the ring. */
const record = (length: number): number => FRAME_HEADER + Math.ceil(length / 8) * 8;

/** A frame ring and both its sides; frames are numbered, and their number seeds their bytes. */
class Frames {
  readonly ring: TestRing;
  readonly p: FrameProducer;
  readonly c: FrameConsumer;

  constructor(start = NEAR_WRAP, max = SIZE) {
    this.ring = new TestRing(arena, SIZE, start);
    this.p = new FrameProducer(arena, this.ring.place);
    this.c = new FrameConsumer(arena, this.ring.place, max);
    onTestFinished(() => {
      expect(this.ring.guardsIntact).toBe(true);
      this.ring.free();
    });
  }

  /** Submits a frame; returns what reserve() did. */
  put(number: number, length: number): number {
    const found = this.p.reserve(length);
    if (found === 1) {
      expect(this.p.offset % 8).toBe(0);
      new Prng(number).fill(this.ring.bytes(this.p.offset, length));
      this.p.submit(length);
    }
    return found;
  }

  /** Checks the oldest frame and releases it. */
  get(number: number, length: number): void {
    expect(this.c.peek()).toBe(length);
    expect(this.c.offset % 8).toBe(0);
    const bytes = this.ring.bytes(this.c.offset, length);
    expect(Buffer.compare(bytes, new Prng(number).bytes(length))).toBe(0);
    this.c.release();
  }

  /** Moves both sides so many bytes on. */
  advance(length: number): void {
    this.put(0, length - FRAME_HEADER);
    this.get(0, length - FRAME_HEADER);
  }
}

describe('frame ring', () => {
  test('an empty one gives nothing, and takes nothing back', () => {
    const { ring, c } = new Frames();
    expect(c.peek()).toBe(-1);
    c.release();
    expect(c.held).toBe(0);
    expect(ring.get('head')).toBe(NEAR_WRAP);
  });

  test('a frame that never fits differs from one that does not fit now', () => {
    const frames = new Frames();
    for (const length of [LARGEST + 1, SIZE, FRAME_SKIP, 2 ** 32, Number.POSITIVE_INFINITY]) {
      expect(frames.p.reserve(length), `${length}`).toBe(NEVER_FITS);
    }
    expect(frames.put(0, LARGEST)).toBe(1);
    expect(frames.p.reserve(LARGEST)).toBe(FULL_NOW);
    expect(frames.p.reserve(LARGEST + 1)).toBe(NEVER_FITS);
    frames.get(0, LARGEST);
    expect(frames.put(1, LARGEST)).toBe(1);
  });

  test('the largest frame fits into an empty ring at every position', () => {
    const frames = new Frames();
    for (let i = 0; i < SIZE / 8; i++) {
      expect(frames.put(i, LARGEST)).toBe(1);
      frames.get(i, LARGEST);
      expect(frames.put(i, 0)).toBe(1);
      frames.get(i, 0);
    }
    expect(frames.ring.get('bad')).toBe(0);
  });

  test('a frame skips the end of the storage', () => {
    const { ring, p, c, ...frames } = new Frames();
    expect(Object.keys(frames)).toEqual([]);
    expect(p.reserve(TO_WRAP)).toBe(1);
    p.submit(TO_WRAP);
    expect(ring.held).toBe(TO_WRAP + record(TO_WRAP));
    const skip = ring.get('buf0') + SIZE - TO_WRAP;
    expect(arena.view.getUint32(skip, true)).toBe(FRAME_SKIP);
    expect(c.peek()).toBe(TO_WRAP);
    expect(c.offset).toBe(ring.get('buf0') + FRAME_HEADER);
    c.release();
    expect(ring.held).toBe(0);
  });

  test('a frame that just fits before the wrap does not skip', () => {
    const frames = new Frames();
    frames.put(0, TO_WRAP - FRAME_HEADER);
    expect(frames.ring.held).toBe(TO_WRAP);
    frames.get(0, TO_WRAP - FRAME_HEADER);
    frames.put(1, 1);
    frames.get(1, 1);
  });

  test('a frame that was skipped for may be shorter than reserved', () => {
    const frames = new Frames();
    expect(frames.p.reserve(1000)).toBe(1);
    new Prng(7).fill(frames.ring.bytes(frames.p.offset, 10));
    expect(() => frames.p.submit(1001)).toThrow(RangeError);
    frames.p.submit(10);
    frames.get(7, 10);
    expect(frames.ring.held).toBe(0);
  });

  test('full of small frames', () => {
    const frames = new Frames();
    let n = 0;
    while (frames.put(n, n % 9) === 1) n++;
    expect(frames.ring.held).toBeGreaterThan(SIZE - record(8));
    for (let i = 0; i < n; i++) frames.get(i, i % 9);
    expect(frames.c.peek()).toBe(-1);
    expect(frames.ring.held).toBe(0);
  });

  test('one release makes room for as much', () => {
    const frames = new Frames(0);
    for (let i = 0; i < SIZE / 64; i++) frames.put(i, 56);
    expect(frames.p.reserve(0)).toBe(FULL_NOW);
    frames.get(0, 56);
    expect(frames.p.reserve(57)).toBe(FULL_NOW);
    expect(frames.put(64, 56)).toBe(1);
  });

  test('submit without reserve is refused, of no bytes too', () => {
    const { ring, p } = new Frames();
    expect(() => p.submit(0)).toThrow(RangeError);
    expect(p.reserve(300)).toBe(1);
    p.cancel();
    expect(() => p.submit(0)).toThrow(RangeError);
    expect(() => p.submit(300)).toThrow(RangeError);
    expect(ring.held).toBe(0);
    expect(p.reserve(0)).toBe(1);
    p.submit(0);
    expect(() => p.submit(0)).toThrow(RangeError);
    expect(ring.held).toBe(FRAME_HEADER);
  });

  test('submit of what is no length is refused', () => {
    const { ring, p } = new Frames();
    p.reserve(10);
    for (const length of [11, 2 ** 32, -1, Number.NaN]) {
      expect(() => p.submit(length), `${length}`).toThrow(RangeError);
    }
    expect(ring.held).toBe(0);
    p.submit(10);
    expect(ring.held).toBe(record(10));
  });

  test('a frame is not released twice', () => {
    const frames = new Frames();
    frames.put(0, 10);
    frames.put(1, 20);
    frames.get(0, 10);
    frames.c.release();
    frames.get(1, 20);
  });

  test('peek again finds the same frame', () => {
    const frames = new Frames();
    frames.put(0, 10);
    expect(frames.c.peek()).toBe(10);
    const { offset } = frames.c;
    expect(frames.c.peek()).toBe(10);
    expect(frames.c.offset).toBe(offset);
    frames.get(0, 10);
    expect(frames.c.peek()).toBe(-1);
  });

  test('a frame larger than the consumer takes is dropped and counted', () => {
    const frames = new Frames(NEAR_WRAP, 100);
    for (const [number, length] of [99, 101, 100, LARGEST, 1].entries()) frames.put(number, length);
    frames.get(0, 99);
    frames.get(2, 100);
    frames.get(4, 1);
    expect(frames.ring.get('bad')).toBe(2);
  });

  test('a batch is told once', () => {
    const frames = new Frames();
    expect(frames.c.arm()).toBe(true);
    for (let i = 0; i < 3; i++) frames.put(i, i);
    expect(frames.p.mustNotify()).toBe(true);
    expect(frames.p.mustNotify()).toBe(false);
    for (let i = 0; i < 3; i++) frames.get(i, i);
    expect(frames.c.mustNotify()).toBe(false);
  });

  test('a producer without room is told of the next release', () => {
    const frames = new Frames();
    while (frames.put(1, 100) === 1) {}
    expect(frames.p.arm(1)).toBe(true);
    frames.get(1, 100);
    expect(frames.c.mustNotify()).toBe(true);
    expect(frames.put(1, 100)).toBe(1);
  });
});

describe('spans', () => {
  /** Moves what is in one ring to another by spans; returns how many bytes. */
  function move(from: Frames, to: Frames): number {
    let moved = 0;
    for (;;) {
      const room = to.p.reserveSpan();
      const target = to.ring.bytes(to.p.offset, room);
      const length = from.c.peekSpan(room);
      if (length === 0) {
        if (from.c.held > 0 && to.p.wrap()) continue;
        return moved;
      }
      target.set(from.ring.bytes(from.c.offset, length));
      from.c.releaseSpan(length);
      to.p.submitSpan(length);
      moved += length;
    }
  }

  test('room ends at the end of the storage and at the oldest byte', () => {
    const { ring, p, ...frames } = new Frames();
    expect(frames.c.peekSpan(SIZE)).toBe(0);
    expect(p.reserveSpan()).toBe(TO_WRAP);
    expect(p.offset).toBe(ring.get('buf0') + SIZE - TO_WRAP);
    p.reserve(LARGEST);
    p.submit(LARGEST);
    expect(p.reserveSpan()).toBe(SIZE - TO_WRAP - SIZE / 2);
    expect(p.offset).toBe(ring.get('buf0') + SIZE / 2);
  });

  test('peekSpan finds whole records up to a limit, the wrap, a skip or an oversize frame', () => {
    const frames = new Frames(0, 500);
    for (const [number, length] of [0, 100, 200, 501, 300].entries()) frames.put(number, length);
    const ends = [record(0), record(0) + record(100), record(0) + record(100) + record(200)];
    expect(frames.c.peekSpan(record(0) - 1)).toBe(0);
    for (const end of ends) expect(frames.c.peekSpan(end)).toBe(end);
    expect(frames.c.peekSpan((ends[2] as number) - 1)).toBe(ends[1]);
    expect(frames.c.peekSpan(SIZE)).toBe(ends[2]);
    expect(frames.c.offset).toBe(frames.ring.get('buf0'));
    frames.c.releaseSpan(ends[2] as number);
    expect(frames.c.peekSpan(SIZE)).toBe(record(300));
    frames.c.releaseSpan(record(300));
    expect(frames.c.peekSpan(SIZE)).toBe(0);
    expect(frames.ring.get('bad')).toBe(1);
    const last = SIZE - record(92);
    while (frames.ring.get('head') < last)
      frames.advance(Math.min(256, last - frames.ring.get('head')));
    frames.put(9, 92);
    frames.put(10, 10);
    expect(frames.c.peekSpan(SIZE)).toBe(record(92));
  });

  test('wrap skips the rest of the storage if there is room to, and never at its start', () => {
    const { ring, p, c } = new Frames();
    expect(p.wrap()).toBe(true);
    expect(ring.held).toBe(TO_WRAP);
    expect(p.wrap()).toBe(false);
    expect(c.peek()).toBe(-1);
    expect(ring.held).toBe(0);
    for (let i = 0; i < SIZE / 64 - 1; i++) {
      expect(p.reserve(56)).toBe(1);
      p.submit(56);
    }
    for (let i = 0; i < 4; i++) {
      expect(c.peek()).toBe(56);
      c.release();
    }
    expect(p.wrap()).toBe(true);
    expect(ring.held).toBe(SIZE - 256);
    expect(p.reserve(56)).toBe(1);
    p.submit(56);
    expect(p.wrap(), 'no room').toBe(false);
  });

  test('a span moved to a ring at another position is the same frames', () => {
    const rng = new Prng(3);
    const source = new Frames();
    const sink = new Frames(8);
    const lengths: number[] = [];
    let taken = 0;
    while (taken < 3000) {
      const length = rng.pick([0, 1, 60, 1500, LARGEST, rng.int(LARGEST + 1)]);
      if (source.put(lengths.length, length) === 1) lengths.push(length);
      else move(source, sink);
      while (rng.chance(0.7) && sink.c.peek() >= 0) {
        sink.get(taken, lengths[taken] as number);
        taken++;
      }
    }
    while (taken < lengths.length) {
      move(source, sink);
      sink.get(taken, lengths[taken] as number);
      taken++;
    }
    expect(source.ring.get('bad') + sink.ring.get('bad')).toBe(0);
    expect(source.ring.held + sink.ring.held).toBe(0);
  });

  test('marks and release() are right after spans', () => {
    const frames = new Frames(0);
    frames.put(0, 100);
    frames.put(1, 100);
    frames.p.arm(2 * record(100));
    expect(frames.c.peek()).toBe(100);
    expect(frames.c.peekSpan(SIZE)).toBe(2 * record(100));
    frames.c.releaseSpan(2 * record(100));
    frames.c.release();
    expect(frames.ring.held).toBe(0);
    expect(frames.c.mustNotify()).toBe(true);
  });

  test('a span longer than what was found is refused', () => {
    const frames = new Frames();
    expect(() => frames.p.submitSpan(8)).toThrow(RangeError);
    const room = frames.p.reserveSpan();
    for (const length of [room + 8, -8, Number.NaN]) {
      expect(() => frames.p.submitSpan(length), `${length}`).toThrow(RangeError);
    }
    frames.put(0, 100);
    expect(() => frames.c.releaseSpan(record(100))).toThrow(RangeError);
    const found = frames.c.peekSpan(SIZE);
    for (const length of [found + 8, -8, Number.NaN]) {
      expect(() => frames.c.releaseSpan(length), `${length}`).toThrow(RangeError);
    }
    frames.c.releaseSpan(found);
    expect(() => frames.c.releaseSpan(8)).toThrow(RangeError);
    expect(frames.ring.held).toBe(0);
  });
});
