// SPDX-License-Identifier: MIT
// ring_model.test - js/ring.ts against simple models, tens of thousands of random operations a seed

import { expect, onTestFinished, test } from 'vitest';
import { FRAME_HEADER } from '../../js/abi.ts';
import { Arena } from '../../js/memory/arena.ts';
import {
  ByteConsumer,
  ByteProducer,
  FrameConsumer,
  FrameProducer,
  FULL_NOW,
  NEVER_FITS,
} from '../../js/ring.ts';
import { stackModule } from '../helpers/built.ts';
import { Prng } from '../helpers/prng.ts';
import { NEAR_WRAP, TestRing } from '../helpers/rings.ts';

const OPERATIONS = 20_000;
const arena = new Arena(stackModule(), 8 << 20);

function newRing(size: number, start: number): TestRing {
  const ring = new TestRing(arena, size, start);
  onTestFinished(() => {
    expect(ring.guardsIntact).toBe(true);
    ring.free();
  });
  return ring;
}

/** A number up to most, small ones as likely as large ones. */
const magnitude = (rng: Prng, most: number): number => rng.int((most >>> rng.int(16)) + 1);

/** Offset in storage of a position, counted from 0. */
const startOf = (position: number, size: number): number => (NEAR_WRAP + position) & (size - 1);
/** Positions of odd seeds pass the wrap of u32, those of even ones that of signed numbers. */
const firstOf = (seed: number): number => (seed % 2 === 1 ? NEAR_WRAP : NEAR_WRAP - 2 ** 31);

/**
 * A byte ring, and what each access must find. Positions are counted from 0 and never wrap; the bytes
 * of the stream are computed on both ends.
 */
class Bytes {
  readonly #rng: Prng;
  readonly #writer = new Prng(99);
  readonly #reader = new Prng(99);
  readonly #start: number;
  readonly #ring: TestRing;
  readonly #p: ByteProducer;
  readonly #c: ByteConsumer;
  #tail = 0;
  #head = 0;
  /** The other side's position as each side saw it last. */
  #headSeen = 0;
  #tailSeen = 0;
  /** Size of the storage: as offered, the producer's, the consumer's; where the producer changed. */
  #offered: number;
  #producing: number;
  #consuming: number;
  #changedAt = 0;
  #dataMark = 0;
  #roomMark = -1;
  #tailTold = 0;
  #headTold = 0;
  changes = 0;

  constructor(seed: number) {
    this.#rng = new Prng(seed);
    const size = 1 << this.#rng.between(4, 14);
    this.#start = firstOf(seed);
    this.#ring = newRing(size, this.#start);
    this.#offered = this.#producing = this.#consuming = size;
    this.#p = new ByteProducer(arena, this.#ring.place);
    this.#c = new ByteConsumer(arena, this.#ring.place);
  }

  #write(): void {
    const want = this.#rng.chance(0.05) ? 2 ** 32 - 1 : magnitude(this.#rng, 1 << 15);
    this.#adopt();
    const size = this.#producing;
    if (this.#tail - this.#headSeen + want > size) this.#headSeen = this.#head;
    const free = Math.max(0, size - (this.#tail - this.#headSeen));
    const room = this.#p.reserve(want);
    expect(room).toBe(Math.min(want, free, size - startOf(this.#tail, size)));
    if (this.#rng.chance(0.1)) {
      this.#p.cancel();
      expect(() => this.#p.submit(1)).toThrow(RangeError);
      return;
    }
    expect(() => this.#p.submit(room + 1)).toThrow(RangeError);
    const length = this.#rng.chance(0.5) ? room : magnitude(this.#rng, room);
    if (length > 0) this.#writer.fill(this.#ring.bytes(this.#p.offset, room).subarray(0, length));
    this.#p.submit(length);
    this.#tail += length;
  }

  #adopt(): void {
    if (this.#producing === this.#offered) return;
    this.#producing = this.#offered;
    this.#changedAt = this.#tail;
  }

  #follow(): void {
    if (this.#consuming !== this.#producing && this.#head >= this.#changedAt) {
      this.#consuming = this.#producing;
    }
  }

  #read(): void {
    if (this.#head === this.#tailSeen) this.#tailSeen = this.#tail;
    this.#follow();
    const isOld = this.#consuming !== this.#producing;
    const end = isOld ? Math.min(this.#changedAt, this.#tailSeen) : this.#tailSeen;
    const found = this.#c.peek();
    const rest = this.#consuming - startOf(this.#head, this.#consuming);
    expect(found).toBe(Math.min(end - this.#head, rest));
    expect(() => this.#c.release(this.#tailSeen - this.#head + 1)).toThrow(RangeError);
    const length = this.#rng.chance(0.5) ? found : magnitude(this.#rng, found);
    if (length > 0) {
      const bytes = this.#ring.bytes(this.#c.offset, found).subarray(0, length);
      expect(Buffer.compare(bytes, this.#reader.bytes(length))).toBe(0);
    }
    this.#c.release(length);
    this.#head += length;
    this.#follow();
  }

  #change(): void {
    const isSettled = this.#offered === this.#consuming;
    expect(this.#ring.settled).toBe(isSettled);
    if (!isSettled || !this.#rng.chance(0.2)) return;
    // Another size each time, so that sizes tell the buffers apart.
    const sizes = Array.from({ length: 11 }, (_, i) => 16 << i);
    this.#offered = this.#rng.pick(sizes.filter((size) => size !== this.#offered));
    this.#ring.offer(this.#offered);
    this.changes++;
  }

  #consumerMarks(): void {
    if (this.#rng.chance(0.5)) {
      const seen = this.#tailSeen;
      this.#dataMark = seen;
      this.#tailSeen = this.#tail;
      expect(this.#c.arm()).toBe(this.#tail === seen);
    } else {
      const isPassed = this.#roomMark >= this.#headTold && this.#roomMark < this.#head;
      expect(this.#c.mustNotify()).toBe(isPassed);
      this.#headTold = this.#head;
    }
  }

  #producerMarks(): void {
    if (this.#rng.chance(0.5)) {
      const room = 1 + magnitude(this.#rng, 1 << 14);
      const seen = this.#headSeen;
      this.#roomMark = seen + room - 1;
      this.#headSeen = this.#head;
      expect(this.#p.arm(room)).toBe(this.#head < seen + room);
    } else {
      const isPassed = this.#dataMark >= this.#tailTold && this.#dataMark < this.#tail;
      expect(this.#p.mustNotify()).toBe(isPassed);
      this.#tailTold = this.#tail;
    }
  }

  /** One random operation. */
  step(): void {
    const operations = [this.#write, this.#write, this.#read, this.#read];
    operations.push(this.#change, this.#consumerMarks, this.#producerMarks);
    this.#rng.pick(operations).call(this);
  }

  /** Reads what is left and looks at the header. */
  finish(): void {
    while (this.#head < this.#tail) this.#read();
    expect(this.#ring.get('tail')).toBe((this.#start + this.#tail) >>> 0);
    expect(this.#ring.get('head')).toBe((this.#start + this.#head) >>> 0);
    expect(this.#ring.get('bad')).toBe(0);
    expect(this.#tail, 'past the wrap').toBeGreaterThan(256);
  }
}

/** A frame ring, and a queue of the frames in it. */
class Frames {
  readonly #rng: Prng;
  readonly #size: number;
  readonly #start: number;
  readonly #ring: TestRing;
  readonly #p: FrameProducer;
  readonly #c: FrameConsumer;
  readonly #queue: { number: number; length: number; end: number }[] = [];
  #tail = 0;
  /** End of the last record the consumer has passed, skips after it not counted. */
  #head = 0;
  #sent = 0;

  constructor(seed: number) {
    this.#rng = new Prng(seed);
    this.#size = 1 << this.#rng.between(6, 14);
    this.#start = firstOf(seed);
    this.#ring = newRing(this.#size, this.#start);
    this.#p = new FrameProducer(arena, this.#ring.place);
    this.#c = new FrameConsumer(arena, this.#ring.place, this.#size);
  }

  #write(): void {
    const largest = this.#size / 2 - FRAME_HEADER;
    const length = this.#rng.chance(0.1)
      ? this.#rng.int(this.#size)
      : magnitude(this.#rng, largest);
    const rest = this.#size - startOf(this.#tail, this.#size);
    const record = (n: number): number => FRAME_HEADER + Math.ceil(n / 8) * 8;
    const skip = record(length) > rest ? rest : 0;
    const fits = this.#ring.held + skip + record(length) <= this.#size;
    const found = this.#p.reserve(length);
    expect(found).toBe(length > largest ? NEVER_FITS : fits ? 1 : FULL_NOW);
    if (found !== 1) return;
    expect(() => this.#p.submit(length + 1)).toThrow(RangeError);
    if (this.#rng.chance(0.1)) {
      this.#p.cancel();
      return;
    }
    const room = this.#ring.bytes(this.#p.offset, length);
    const used = this.#rng.chance(0.8) ? length : this.#rng.int(length + 1);
    new Prng(this.#sent).fill(room.subarray(0, used));
    this.#p.submit(used);
    this.#tail += skip + record(used);
    this.#queue.push({ number: this.#sent++, length: used, end: this.#tail });
  }

  #read(): void {
    const oldest = this.#queue[0];
    expect(this.#c.peek()).toBe(oldest?.length ?? -1);
    if (oldest === undefined || this.#rng.chance(0.2)) return;
    const bytes = this.#ring.bytes(this.#c.offset, oldest.length);
    expect(Buffer.compare(bytes, new Prng(oldest.number).bytes(oldest.length))).toBe(0);
    this.#c.release();
    this.#head = oldest.end;
    this.#queue.shift();
    expect(this.#ring.get('head')).toBe((this.#start + this.#head) >>> 0);
  }

  /** A span of whole records in place of one frame. */
  #readSpan(): void {
    const limit = this.#rng.int(this.#size);
    const length = this.#c.peekSpan(limit);
    expect(length).toBeLessThanOrEqual(limit);
    if (length === 0) return;
    this.#ring.bytes(this.#c.offset, length);
    const head = this.#tail - this.#ring.held;
    this.#c.releaseSpan(length);
    this.#head = head + length;
    while ((this.#queue[0]?.end ?? Number.POSITIVE_INFINITY) <= this.#head) this.#queue.shift();
  }

  #skip(): void {
    const rest = this.#size - startOf(this.#tail, this.#size);
    const fits = rest < this.#size && this.#ring.held + rest <= this.#size;
    expect(this.#p.wrap()).toBe(fits);
    if (fits) this.#tail += rest;
  }

  /** One random operation. */
  step(): void {
    const often = [this.#write, this.#write, this.#write, this.#read, this.#read, this.#read];
    this.#rng.pick([...often, this.#readSpan, this.#skip]).call(this);
  }

  /** Reads what is left and looks at the header. */
  finish(): void {
    while (this.#queue.length > 0) this.#read();
    expect(this.#c.peek()).toBe(-1);
    expect(this.#ring.get('tail')).toBe((this.#start + this.#tail) >>> 0);
    expect(this.#ring.held).toBe(0);
    expect(this.#ring.get('bad')).toBe(0);
    expect(this.#sent).toBeGreaterThan(OPERATIONS / 100);
  }
}

test.each([1, 2, 3, 4, 5, 6])('byte ring against its model, seed %d', (seed) => {
  const bytes = new Bytes(seed);
  for (let i = 0; i < OPERATIONS; i++) bytes.step();
  bytes.finish();
  expect(bytes.changes).toBeGreaterThan(OPERATIONS / 1000);
});

test.each([1, 2, 3, 4, 5, 6])('frame ring against its model, seed %d', (seed) => {
  const frames = new Frames(seed);
  for (let i = 0; i < OPERATIONS; i++) frames.step();
  frames.finish();
});
