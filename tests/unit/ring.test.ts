// SPDX-License-Identifier: MIT
// ring.test - byte rings and wake thresholds of js/ring.ts on one thread: every function, every edge

import { describe, expect, onTestFinished, test } from 'vitest';
import { Arena } from '../../js/memory/arena.ts';
import { ByteConsumer, ByteProducer } from '../../js/ring.ts';
import { stackModule } from '../helpers/built.ts';
import { Prng } from '../helpers/prng.ts';
import { NEAR_WRAP, TestRing } from '../helpers/rings.ts';

const SIZE = 4096;
/** Bytes before the storage wraps, when a ring starts at NEAR_WRAP. */
const TO_WRAP = 256;
/** Positions at which unsigned counters wrap, and signed ones would. */
const WRAPS = [NEAR_WRAP, 0x7fffff00];
const arena = new Arena(stackModule(), 4 << 20);

/** A byte ring, both its sides, and a seeded stream through it. */
class Bytes {
  readonly ring: TestRing;
  readonly p: ByteProducer;
  readonly c: ByteConsumer;
  readonly #writer = new Prng(1);
  readonly #reader = new Prng(1);

  constructor(size = SIZE, start = NEAR_WRAP) {
    this.ring = new TestRing(arena, size, start);
    this.p = new ByteProducer(arena, this.ring.place);
    this.c = new ByteConsumer(arena, this.ring.place);
    onTestFinished(() => {
      expect(this.ring.guardsIntact).toBe(true);
      this.ring.free();
    });
  }

  /** Submits bytes of the stream, as many as fit; returns how many. */
  put(length: number): number {
    let done = 0;
    while (done < length) {
      const room = this.p.reserve(length - done);
      if (room === 0) break;
      this.#writer.fill(this.ring.bytes(this.p.offset, room));
      this.p.submit(room);
      done += room;
    }
    return done;
  }

  /** Checks and releases bytes of the stream, as many as there are; returns how many. */
  get(length = Number.POSITIVE_INFINITY): number {
    let done = 0;
    while (done < length) {
      const found = Math.min(this.c.peek(), length - done);
      if (found === 0) break;
      const expected = this.#reader.bytes(found);
      expect(Buffer.compare(this.ring.bytes(this.c.offset, found), expected)).toBe(0);
      this.c.release(found);
      done += found;
    }
    return done;
  }
}

describe('byte ring', () => {
  test('an empty one gives nothing', () => {
    const { c } = new Bytes();
    expect(c.peek()).toBe(0);
    expect(c.held).toBe(0);
    expect(() => c.release(1)).toThrow(RangeError);
    c.release(0);
  });

  test.each([0, 5, NEAR_WRAP])('without storage there is no room, at position %d', (start) => {
    const { ring, p, c } = new Bytes(0, start);
    expect(p.reserve(1)).toBe(0);
    expect(p.size).toBe(0);
    expect(c.peek()).toBe(0);
    expect(() => p.submit(1)).toThrow(RangeError);
    expect(ring.get('bad')).toBe(0);
  });

  test('a full one takes no byte more, one release makes room', () => {
    const bytes = new Bytes();
    expect(bytes.put(SIZE + 1)).toBe(SIZE);
    expect(bytes.ring.held).toBe(SIZE);
    expect(bytes.p.held).toBe(SIZE);
    expect(bytes.p.reserve(1)).toBe(0);
    expect(bytes.get(1)).toBe(1);
    expect(bytes.p.reserve(2)).toBe(1);
    bytes.p.submit(0);
    expect(bytes.put(2)).toBe(1);
    expect(bytes.get()).toBe(SIZE);
    expect(bytes.c.held).toBe(0);
  });

  test.each(WRAPS)('positions pass the wrap after %d', (start) => {
    const bytes = new Bytes(SIZE, start);
    for (let round = 0; round < 100; round++) {
      expect(bytes.put(97)).toBe(97);
      expect(bytes.get(97)).toBe(97);
    }
    expect(bytes.ring.get('tail')).toBe((start + 9700) >>> 0);
    expect(bytes.ring.get('head')).toBe(bytes.ring.get('tail'));
    expect(bytes.ring.get('bad')).toBe(0);
  });

  test('room and bytes end at the end of the storage', () => {
    const { ring, p, c } = new Bytes();
    expect(p.reserve(SIZE)).toBe(TO_WRAP);
    expect(p.offset).toBe(ring.get('buf0') + SIZE - TO_WRAP);
    p.submit(TO_WRAP);
    expect(p.reserve(SIZE)).toBe(SIZE - TO_WRAP);
    expect(p.offset).toBe(ring.get('buf0'));
    p.submit(10);
    expect(c.peek()).toBe(TO_WRAP);
    expect(c.offset).toBe(ring.get('buf0') + SIZE - TO_WRAP);
    c.release(TO_WRAP);
    expect(c.peek()).toBe(10);
    expect(c.offset).toBe(ring.get('buf0'));
  });

  test('a want of any size is bounded by the room', () => {
    const bytes = new Bytes();
    expect(bytes.p.reserve(0)).toBe(0);
    for (const want of [TO_WRAP, SIZE, 2 ** 31, 2 ** 32 - 1, 2 ** 40, Number.POSITIVE_INFINITY]) {
      expect(bytes.p.reserve(want)).toBe(TO_WRAP);
    }
    bytes.put(SIZE);
    bytes.get();
    // The cached head is old: whatever is wanted, it must be read again.
    expect(bytes.p.reserve(2 ** 32 - 1)).toBe(TO_WRAP);
  });

  test('submit of more than was reserved is refused, and of what is no length', () => {
    const { ring, p } = new Bytes();
    expect(() => p.submit(1)).toThrow(RangeError);
    expect(p.reserve(10)).toBe(10);
    for (const length of [11, 2 ** 32, -1, Number.NaN]) {
      expect(() => p.submit(length), `${length}`).toThrow(RangeError);
    }
    expect(ring.held).toBe(0);
    p.submit(4);
    expect(ring.held).toBe(4);
    expect(() => p.submit(1)).toThrow(RangeError);
  });

  test('cancel gives up what was reserved', () => {
    const { ring, p } = new Bytes();
    p.reserve(10);
    const { offset } = p;
    p.cancel();
    expect(() => p.submit(10)).toThrow(RangeError);
    expect(ring.held).toBe(0);
    expect(p.reserve(10)).toBe(10);
    expect(p.offset).toBe(offset);
  });

  test('reserve again replaces what was reserved', () => {
    const { ring, p } = new Bytes();
    p.reserve(100);
    p.reserve(10);
    expect(() => p.submit(11)).toThrow(RangeError);
    p.submit(10);
    expect(ring.held).toBe(10);
  });

  test('release of more than there is is refused, and of what is no length', () => {
    const bytes = new Bytes();
    bytes.put(100);
    expect(() => bytes.c.release(1), 'not seen yet').toThrow(RangeError);
    bytes.c.peek();
    for (const length of [101, 2 ** 32, -1, Number.NaN]) {
      expect(() => bytes.c.release(length), `${length}`).toThrow(RangeError);
    }
    expect(bytes.ring.held).toBe(100);
    bytes.c.release(100);
  });

  test('sides made later go on where the positions are', () => {
    const bytes = new Bytes();
    bytes.put(1000);
    bytes.get(300);
    const p = new ByteProducer(arena, bytes.ring.place);
    const c = new ByteConsumer(arena, bytes.ring.place);
    expect(p.held).toBe(700);
    expect(c.held).toBe(700);
    expect(c.peek()).toBe(700);
    expect(c.offset).toBe(bytes.ring.get('buf0') + 300 - TO_WRAP);
    expect(p.reserve(SIZE)).toBe(SIZE - 1000 + TO_WRAP);
  });

  test('want is said to the other side', () => {
    const { ring, p } = new Bytes();
    for (const bytes of [12345, 0]) {
      p.want(bytes);
      expect(ring.get('want')).toBe(bytes);
    }
  });
});

describe('change of buffer', () => {
  test.each([0, 5, NEAR_WRAP])('the first one may come by offer, at position %d', (start) => {
    const bytes = new Bytes(0, start);
    bytes.ring.offer(SIZE);
    expect(bytes.ring.settled).toBe(false);
    expect(bytes.put(SIZE + 1)).toBe(SIZE);
    expect(bytes.get()).toBe(SIZE);
    expect(bytes.ring.settled).toBe(true);
  });

  test('the first one may come by being written into the header', () => {
    const bytes = new Bytes(0);
    bytes.ring.set('buf0', bytes.ring.newStorage(SIZE));
    bytes.ring.set('size0', SIZE);
    expect(bytes.put(SIZE + 1)).toBe(SIZE);
    expect(bytes.get()).toBe(SIZE);
  });

  test.each(WRAPS)('bytes before it stay in the old buffer, past %d', (start) => {
    const bytes = new Bytes(SIZE, start);
    const { ring, p, c } = bytes;
    bytes.put(1000);
    ring.offer(4 * SIZE);
    expect(p.size).toBe(SIZE);
    expect(bytes.put(8 * SIZE)).toBe(4 * SIZE - 1000);
    expect(p.size).toBe(4 * SIZE);
    expect(c.peek()).toBe(TO_WRAP);
    expect(c.offset).toBe(ring.get('buf0') + SIZE - TO_WRAP);
    expect(bytes.get(999)).toBe(999);
    expect(ring.settled).toBe(false);
    expect(bytes.get(1)).toBe(1);
    expect(ring.settled).toBe(true);
    expect(bytes.get()).toBe(4 * SIZE - 1000);
    expect(ring.get('bad')).toBe(0);
  });

  test('release may pass it in one step', () => {
    const bytes = new Bytes();
    bytes.put(100);
    bytes.ring.offer(SIZE);
    bytes.put(100);
    bytes.c.peek();
    bytes.c.release(150);
    expect(bytes.ring.settled).toBe(true);
    expect(bytes.c.peek()).toBe(50);
    expect(bytes.c.offset).toBe(bytes.ring.get('buf1') + SIZE - TO_WRAP + 150);
  });

  test('while empty it settles with the next byte', () => {
    const bytes = new Bytes();
    bytes.put(300);
    bytes.get();
    bytes.ring.offer(2 * SIZE);
    expect(bytes.put(1)).toBe(1);
    expect(bytes.get()).toBe(1);
    expect(bytes.ring.settled).toBe(true);
    expect(bytes.put(4 * SIZE)).toBe(2 * SIZE);
    expect(bytes.get()).toBe(2 * SIZE);
  });

  test('while empty a peek settles it once the producer has taken it', () => {
    const { ring, p, c } = new Bytes();
    ring.offer(2 * SIZE);
    expect(c.peek()).toBe(0);
    expect(ring.settled).toBe(false);
    p.reserve(1);
    p.cancel();
    expect(ring.settled).toBe(false);
    expect(c.peek()).toBe(0);
    expect(ring.settled).toBe(true);
  });

  test('several in a row keep the stream, larger and smaller', () => {
    const bytes = new Bytes(16);
    let size = 16;
    for (let round = 0; round < 24; round++) {
      size = round < 12 ? size * 2 : size / 2;
      expect(bytes.ring.settled).toBe(true);
      let written = bytes.put(size / 4);
      bytes.ring.offer(size);
      written += bytes.put(size);
      expect(bytes.get()).toBe(written);
    }
    expect(bytes.ring.get('bad')).toBe(0);
  });

  test('a smaller buffer has room once the rest fits', () => {
    const bytes = new Bytes();
    bytes.put(SIZE);
    bytes.ring.offer(SIZE / 4);
    expect(bytes.p.reserve(1)).toBe(0);
    expect(bytes.get((3 * SIZE) / 4)).toBe((3 * SIZE) / 4);
    expect(bytes.p.reserve(1)).toBe(0);
    expect(bytes.get(1)).toBe(1);
    expect(bytes.put(SIZE)).toBe(1);
    expect(bytes.get()).toBe(SIZE / 4);
    expect(bytes.ring.settled).toBe(true);
    expect(bytes.put(SIZE)).toBe(SIZE / 4);
    expect(bytes.get()).toBe(SIZE / 4);
  });

  test('what was reserved in the old buffer is gone with the next reserve', () => {
    const bytes = new Bytes();
    bytes.p.reserve(10);
    bytes.ring.offer(2 * SIZE);
    bytes.p.reserve(10);
    expect(bytes.p.offset).toBe(bytes.ring.get('buf1') + 2 * SIZE - TO_WRAP);
    bytes.p.submit(10);
    expect(bytes.ring.get('switch_pos')).toBe(NEAR_WRAP);
  });

  test.each([0, 5, NEAR_WRAP])('an offer of no storage leaves no room, at %d', (at) => {
    const bytes = new Bytes(SIZE, at);
    bytes.put(300);
    bytes.ring.offer(0);
    expect(bytes.put(1)).toBe(0);
    expect(bytes.get()).toBe(300);
    expect(bytes.ring.settled).toBe(true);
    bytes.ring.set('size0', 0);
    expect(bytes.c.peek()).toBe(0);
    bytes.ring.offer(SIZE);
    expect(bytes.put(100)).toBe(100);
    expect(bytes.get()).toBe(100);
    expect(bytes.ring.get('bad')).toBe(0);
  });
});

describe('marks', () => {
  test('only the edge asks for the data bell', () => {
    const bytes = new Bytes();
    expect(bytes.c.arm()).toBe(true);
    bytes.put(10);
    expect(bytes.p.mustNotify()).toBe(true);
    expect(bytes.p.mustNotify()).toBe(false);
    bytes.put(10);
    expect(bytes.p.mustNotify()).toBe(false);
    bytes.get(15);
    // Bytes are left, so the mark is what has been seen of them.
    expect(bytes.c.arm()).toBe(true);
    bytes.put(1);
    expect(bytes.p.mustNotify()).toBe(true);
    expect(bytes.c.mustNotify()).toBe(false);
  });

  test('a new ring is armed for its first byte', () => {
    const bytes = new Bytes();
    bytes.put(1);
    expect(bytes.p.mustNotify()).toBe(true);
    bytes.put(1);
    expect(bytes.p.mustNotify()).toBe(false);
  });

  test('only the edge asks for the room bell', () => {
    const bytes = new Bytes();
    bytes.put(SIZE);
    bytes.get(1);
    expect(bytes.c.mustNotify()).toBe(false);
    bytes.put(1);
    expect(bytes.p.reserve(1)).toBe(0);
    expect(bytes.p.arm(SIZE / 2)).toBe(true);
    bytes.get(SIZE / 2 - 1);
    expect(bytes.c.mustNotify()).toBe(false);
    bytes.get(1);
    expect(bytes.c.mustNotify()).toBe(true);
    expect(bytes.c.mustNotify()).toBe(false);
    bytes.get();
    expect(bytes.c.mustNotify()).toBe(false);
  });

  test('arm of the consumer sees what came in between', () => {
    const bytes = new Bytes();
    expect(bytes.c.peek()).toBe(0);
    bytes.put(10);
    expect(bytes.c.arm()).toBe(false);
    expect(bytes.get()).toBe(10);
    expect(bytes.c.arm()).toBe(true);
  });

  test('arm of the producer sees what was released in between, if it is enough', () => {
    const bytes = new Bytes();
    bytes.put(SIZE);
    expect(bytes.p.reserve(1)).toBe(0);
    bytes.get(10);
    expect(bytes.p.arm(11)).toBe(true);
    bytes.get(11);
    expect(bytes.p.arm(11)).toBe(false);
    expect(bytes.p.reserve(100)).toBe(21);
  });

  test('what moved before the mark was set still rings: a bell too many, never one too few', () => {
    const bytes = new Bytes();
    bytes.put(10);
    bytes.p.mustNotify();
    bytes.c.peek();
    bytes.put(10);
    expect(bytes.c.arm()).toBe(false);
    expect(bytes.p.mustNotify()).toBe(true);
  });
});
