// SPDX-License-Identifier: MIT
// ring_c.test - core/ring.c and js/ring.ts on two sides of one ring, on one thread

import { describe, expect, onTestFinished, test } from 'vitest';
import { FRAME_HEADER, RING_LAYOUT_SIZE } from '../../js/abi.ts';
import { Arena } from '../../js/memory/arena.ts';
import { shimModule, stackModule } from '../helpers/built.ts';
import { Prng } from '../helpers/prng.ts';
import { type Field, NEAR_WRAP, TestRing } from '../helpers/rings.ts';
import type { ByteSink, ByteSource, FrameSink, FrameSource, Maker } from './ring_shim.ts';
import { CMaker, jsMaker, SHIM_REGION } from './ring_shim.ts';

const arena = new Arena(stackModule(), 16 << 20);

/** Language of the producer and of the consumer. */
const PAIRINGS = ['C to JS', 'JS to C', 'C to C', 'JS to JS'] as const;
type Pairing = (typeof PAIRINGS)[number];

/** An instance of the access functions in C. */
function newC(within = arena): CMaker {
  const base = within.alloc(SHIM_REGION, 0);
  within.u8.fill(0, base, base + SHIM_REGION);
  onTestFinished(() => within.free(base));
  return new CMaker(shimModule(), within.memory, base);
}

/** A ring with a maker for each side, and the side that gives it storage: C, if C takes part. */
class Rig {
  readonly ring: TestRing;
  readonly producer: Maker;
  readonly consumer: Maker;
  readonly #c: CMaker | undefined;

  constructor(pairing: Pairing, size: number, within = arena) {
    const [from, to] = pairing.split(' to ');
    const js = jsMaker(within);
    const c = newC(within);
    this.#c = pairing === 'JS to JS' ? undefined : c;
    this.producer = from === 'C' ? c : js;
    this.consumer = to === 'C' ? c : js;
    this.ring = new TestRing(within, size);
    onTestFinished(() => {
      expect(this.ring.guardsIntact).toBe(true);
      this.ring.free();
    });
  }

  get settled(): boolean {
    return this.#c ? this.#c.settled(this.ring.place) : this.ring.settled;
  }

  offer(size: number): void {
    if (this.#c) this.#c.offer(this.ring.place, this.ring.newStorage(size), size);
    else this.ring.offer(size);
  }
}

const FIELDS: readonly Field[] = [
  ...(['tail', 'room_mark', 'gen', 'switch_pos', 'want', 'head', 'data_mark', 'cons_gen'] as const),
  ...(['bad', 'size0', 'size1', 'offered', 'data_bell', 'room_bell'] as const),
];

/** Runs random operations on a ring and notes what each found; the seed alone decides which. */
abstract class Script {
  readonly rng: Prng;
  readonly rig: Rig;
  readonly ring: TestRing;
  readonly log: (number | boolean)[] = [];
  readonly #content = new Prng(1);

  constructor(pairing: Pairing, seed: number, size: number) {
    this.rng = new Prng(seed);
    this.rig = new Rig(pairing, size);
    this.ring = this.rig.ring;
  }

  /** Notes what a call returns, or that it was refused. */
  note(call: () => number | boolean | undefined): number {
    try {
      const result = call();
      this.log.push(result ?? -98);
      return Number(result);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.log.push(-99);
      return -99;
    }
  }

  /** Notes where something was found, relative to the storage, and writes or reads its ends. */
  noteBytes(offset: number, length: number, isWrite: boolean): void {
    const bytes = this.ring.bytes(offset, length);
    const isFirst = (offset - this.ring.get('buf0')) >>> 0 <= this.ring.get('size0');
    this.log.push(offset - this.ring.get(isFirst ? 'buf0' : 'buf1'));
    if (isWrite) this.#content.fill(bytes);
    else this.log.push(bytes[0] ?? -1, bytes[length - 1] ?? -1);
  }

  marks(side: 'p' | 'c', p: ByteSource | FrameSource, c: ByteSink | FrameSink): void {
    const room = 1 + this.rng.int(4096);
    switch (this.rng.int(3)) {
      case 0:
        this.note(() => (side === 'p' ? p.arm(room) : c.arm()));
        break;
      case 1:
        this.note(() => (side === 'p' ? p : c).mustNotify());
        break;
      default:
        this.note(() => (side === 'p' ? p : c).held);
    }
  }

  /** Writes a position that may be true or not. */
  corrupt(): void {
    const field = this.rng.pick(['tail', 'head'] as const);
    const near = this.rng.pick([1, 8, 64, 4096]);
    const step = this.rng.chance(0.5) ? this.rng.int(2 * near) - near : this.rng.u32();
    this.ring.set(field, this.ring.get(field) + step);
  }

  abstract step(isHostile: boolean): void;

  run(steps: number, isHostile: boolean): void {
    for (let i = 0; i < steps; i++) this.step(isHostile);
    for (const field of FIELDS) this.log.push(this.ring.get(field));
  }
}

class ByteScript extends Script {
  readonly #p = this.rig.producer.byteProducer(this.ring.place);
  readonly #c = this.rig.consumer.byteConsumer(this.ring.place);

  step(isHostile: boolean): void {
    if (isHostile && this.rng.chance(0.02)) this.corrupt();
    const length = this.rng.int(6000 >>> this.rng.int(12));
    switch (this.rng.int(8)) {
      case 0:
      case 1:
      case 2: {
        const room = this.note(() => this.#p.reserve(length));
        if (room > 0) this.noteBytes(this.#p.offset, room, true);
        if (this.rng.chance(0.1)) this.#p.cancel();
        this.note(() => void this.#p.submit(this.rng.chance(0.7) ? room : this.rng.int(6000)));
        break;
      }
      case 3:
      case 4:
      case 5: {
        const found = this.note(() => this.#c.peek());
        if (found > 0) this.noteBytes(this.#c.offset, found, false);
        this.note(() => void this.#c.release(this.rng.chance(0.7) ? found : this.rng.int(6000)));
        break;
      }
      case 6:
        this.marks(this.rng.pick(['p', 'c']), this.#p, this.#c);
        break;
      default:
        if (this.note(() => this.rig.settled) === 1 && this.rng.chance(0.1)) {
          this.rig.offer(64 << this.rng.int(7));
        }
    }
  }
}

class FrameScript extends Script {
  readonly #p = this.rig.producer.frameProducer(this.ring.place);
  readonly #c = this.rig.consumer.frameConsumer(this.ring.place, 1600);

  /** Writes anything over a record's length, or where none is. */
  #corruptLength(): void {
    const at = this.ring.get('buf0') + (this.rng.int(this.ring.get('size0')) & -8);
    const length = this.rng.pick([this.rng.u32(), this.rng.int(4096), -1, 2048, 2049]);
    arena.view.setUint32(at, length, true);
  }

  step(isHostile: boolean): void {
    if (isHostile && this.rng.chance(0.02)) this.corrupt();
    if (isHostile && this.rng.chance(0.05)) this.#corruptLength();
    const length = this.rng.int(2500 >>> this.rng.int(11));
    switch (this.rng.int(7)) {
      case 0:
      case 1:
      case 2: {
        const room = this.note(() => this.#p.reserve(length));
        if (room > 0) this.noteBytes(this.#p.offset, length, true);
        if (this.rng.chance(0.1)) this.#p.cancel();
        this.note(() => void this.#p.submit(this.rng.chance(0.7) ? length : this.rng.int(2500)));
        break;
      }
      case 3:
      case 4:
      case 5: {
        const found = this.note(() => this.#c.peek());
        if (found >= 0) this.noteBytes(this.#c.offset - FRAME_HEADER, FRAME_HEADER + found, false);
        if (this.rng.chance(0.9)) this.#c.release();
        break;
      }
      default:
        this.marks(this.rng.pick(['p', 'c']), this.#p, this.#c);
    }
  }
}

describe('whoever produces and consumes, the same calls find the same', () => {
  const makers = {
    bytes: (pairing: Pairing, seed: number) => new ByteScript(pairing, seed, 1024),
    frames: (pairing: Pairing, seed: number) => new FrameScript(pairing, seed, 4096),
  };
  const cases = (['bytes', 'frames'] as const).flatMap((kind) =>
    [false, true].flatMap((isHostile) => [1, 2, 3].map((seed) => ({ kind, isHostile, seed }))),
  );

  test.each(cases)('$kind, garbage: $isHostile, seed $seed', ({ kind, isHostile, seed }) => {
    const logs = PAIRINGS.map((pairing) => {
      const script = makers[kind](pairing, seed);
      script.run(10_000, isHostile);
      return script.log;
    });
    const reference = logs.at(-1) as (number | boolean)[];
    for (const [i, log] of logs.entries()) {
      const at = log.findIndex((value, n) => Number(value) !== Number(reference[n]));
      expect(at < 0 ? [] : log.slice(at - 8, at + 1), `${PAIRINGS[i]}, entry ${at}`).toEqual(
        at < 0 ? [] : reference.slice(at - 8, at + 1),
      );
      expect(log.length).toBe(reference.length);
    }
  });
});

describe.each(PAIRINGS)('%s', (pairing) => {
  test('a seeded stream of bytes while C changes the storage', () => {
    const total = 2 << 20;
    const rng = new Prng(7);
    const [writer, reader] = [new Prng(8), new Prng(8)];
    const rig = new Rig(pairing, 64);
    const p = rig.producer.byteProducer(rig.ring.place);
    const c = rig.consumer.byteConsumer(rig.ring.place);
    let [sent, received, offers] = [0, 0, 0];
    while (received < total) {
      for (let left = rng.int(5000); left > 0 && sent < total; ) {
        const room = Math.min(p.reserve(left), total - sent);
        if (room === 0) break;
        writer.fill(rig.ring.bytes(p.offset, room));
        p.submit(room);
        sent += room;
        left -= room;
      }
      for (let left = rng.int(5000); left > 0; ) {
        const found = Math.min(c.peek(), left);
        if (found === 0) break;
        const bytes = rig.ring.bytes(c.offset, found);
        expect(Buffer.compare(bytes, reader.bytes(found))).toBe(0);
        c.release(found);
        received += found;
        left -= found;
      }
      if (rig.settled && rng.chance(0.3)) {
        rig.offer(64 << rng.int(8));
        offers++;
      }
    }
    expect(offers).toBeGreaterThan(50);
    expect(rig.ring.get('bad')).toBe(0);
    expect(rig.ring.held).toBe(0);
  });

  test('a seeded sequence of frames', () => {
    const rng = new Prng(7);
    const [writer, reader] = [new Prng(8), new Prng(8)];
    const rig = new Rig(pairing, 8192);
    const p = rig.producer.frameProducer(rig.ring.place);
    const c = rig.consumer.frameConsumer(rig.ring.place, 2000);
    const lengths: number[] = [];
    for (let sent = 0; sent < 3000; ) {
      const length = rng.chance(0.5) ? rng.int(100) : rng.int(2001);
      if (p.reserve(length) === 1) {
        writer.fill(rig.ring.bytes(p.offset, length));
        p.submit(length);
        lengths.push(length);
        sent++;
        if (rng.chance(0.7)) continue;
      }
      for (let found = c.peek(); found >= 0; found = c.peek()) {
        expect(found).toBe(lengths.shift());
        const bytes = rig.ring.bytes(c.offset, found);
        expect(Buffer.compare(bytes, reader.bytes(found))).toBe(0);
        c.release();
      }
      expect(lengths).toEqual([]);
    }
    expect(rig.ring.get('bad')).toBe(0);
  });
});

test('a ring that C sets up is the one that the tests lay out', () => {
  const ring = new TestRing(arena, 1024);
  const place = arena.alloc(RING_LAYOUT_SIZE, 0);
  arena.u8.fill(0, place, place + RING_LAYOUT_SIZE);
  newC().ringInit(place, ring.get('buf0'), 1024, NEAR_WRAP);
  const header = (at: number): Uint8Array => arena.u8.slice(at, at + RING_LAYOUT_SIZE);
  expect(header(place)).toEqual(header(ring.place));
});

test.each(PAIRINGS)('%s, above 2 GiB', (pairing) => {
  const high = new Arena(stackModule(), 2 ** 32 - 65536);
  // The smallest blocks lie low; its last ones, which come next, are smaller than 1 GiB.
  while (high.alloc(1, 0) < 2 ** 31) {}
  const rig = new Rig(pairing, 1 << 20, high);
  expect(Math.min(rig.ring.place, rig.ring.get('buf0'))).toBeGreaterThan(2 ** 31);
  const content = new Prng(1).bytes(5000);
  const p = rig.producer.byteProducer(rig.ring.place);
  const c = rig.consumer.byteConsumer(rig.ring.place);
  for (const part of [content.subarray(0, 256), content.subarray(256)]) {
    expect(p.reserve(part.length)).toBe(part.length);
    rig.ring.bytes(p.offset, part.length).set(part);
    p.submit(part.length);
    expect(c.peek()).toBe(part.length);
    expect(rig.ring.bytes(c.offset, part.length)).toEqual(part);
    c.release(part.length);
  }
  const frames = new Rig(pairing, 1 << 20, high);
  const from = frames.producer.frameProducer(frames.ring.place);
  const to = frames.consumer.frameConsumer(frames.ring.place, 5000);
  for (let i = 0; i < 3; i++) {
    expect(from.reserve(content.length)).toBe(1);
    frames.ring.bytes(from.offset, content.length).set(content);
    from.submit(content.length);
    expect(to.peek()).toBe(content.length);
    expect(frames.ring.bytes(to.offset, content.length)).toEqual(content);
    to.release();
  }
});
