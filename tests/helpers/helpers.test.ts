// SPDX-License-Identifier: MIT
// helpers.test - the helpers that other tests rely on: generator, checksum, impairment

import { describe, expect, test } from 'vitest';
import { hashOf, StreamHash } from './hash.ts';
import { type FrameEnd, type Impairment, impair } from './lossy.ts';
import { Prng } from './prng.ts';

describe('Prng', () => {
  test('depends on the seed only, on every machine', () => {
    const random = new Prng(1);
    const first = [random.u32(), random.u32(), random.u32()];
    expect(first).toEqual([393288148, 2174103013, 3814759091]);
    expect(new Prng(1).u32()).toBe(first[0]);
    expect(new Prng(2).u32()).not.toBe(first[0]);
  });

  test('fill gives the same bytes however they are cut', () => {
    const whole = new Prng(7).bytes(1000);
    const random = new Prng(7);
    const cuts = new Prng(8);
    const parts: number[] = [];
    while (parts.length < 1000) {
      parts.push(...random.bytes(Math.min(cuts.int(10), 1000 - parts.length)));
    }
    expect(parts).toEqual([...whole]);
  });

  test('int and chance stay in range and near their mean', () => {
    const random = new Prng(3);
    const draws = Array.from({ length: 20_000 }, () => random.int(10));
    expect(Math.min(...draws)).toBe(0);
    expect(Math.max(...draws)).toBe(9);
    expect(draws.reduce((sum, n) => sum + n) / draws.length).toBeCloseTo(4.5, 1);
    const hits = draws.filter(() => random.chance(0.25)).length;
    expect(hits / draws.length).toBeCloseTo(0.25, 1);
    expect(draws.some(() => random.chance(0))).toBe(false);
    expect(draws.every(() => random.chance(1))).toBe(true);
  });
});

describe('StreamHash', () => {
  test('does not depend on chunk borders, and sees any flipped bit', () => {
    const random = new Prng(4);
    const data = random.bytes(5000);
    const hash = new StreamHash();
    for (let at = 0; at < data.length; ) {
      const n = random.between(1, 700);
      hash.update(data.subarray(at, at + n));
      at += n;
    }
    expect(hash.digest()).toBe(hashOf(data));
    expect(hash.length).toBe(5000);
    const at = random.int(5000);
    data[at] = (data[at] ?? 0) ^ (1 << random.int(8));
    expect(hash.digest()).not.toBe(hashOf(data));
  });

  test('counts zeros', () => {
    expect(hashOf(new Uint8Array(1))).not.toBe(hashOf(new Uint8Array(2)));
    expect(hashOf(new Uint8Array(0))).toBe('0-811c9dc5');
  });
});

/** A source of numbered frames and a sink that keeps them. */
function ends(count: number): { a: FrameEnd; b: FrameEnd; arrived: Uint8Array[] } {
  const arrived: Uint8Array[] = [];
  let n = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (n === count) return controller.close();
      const frame = new Uint8Array(64);
      new DataView(frame.buffer).setUint32(0, n++);
      controller.enqueue(frame);
    },
  });
  const silent = (): ReadableStream<Uint8Array> => new ReadableStream({ start: (c) => c.close() });
  const sink = new WritableStream<Uint8Array>({ write: (frame) => void arrived.push(frame) });
  return {
    a: { readable: source, writable: new WritableStream() },
    b: { readable: silent(), writable: sink },
    arrived,
  };
}

const numberOf = (frame: Uint8Array): number => Buffer.from(frame).readUInt32BE(0);

const patient = { interval: 1, timeout: 10_000 };

/** Sends `count` frames through an impairment and waits for those that survive. */
async function send(count: number, options: Impairment) {
  const { a, b, arrived } = ends(count);
  const lossy = impair(a, b, options);
  await expect.poll(() => lossy.counts.aToB.read, patient).toBe(count);
  const { dropped, duplicated } = lossy.counts.aToB;
  await expect.poll(() => arrived.length, patient).toBe(count - dropped + duplicated);
  await lossy.stop();
  return { arrived, counts: lossy.counts.aToB, numbers: arrived.map(numberOf) };
}

const inOrder = (numbers: number[]): boolean =>
  numbers.every((n, i) => i === 0 || n >= (numbers[i - 1] ?? 0));

describe('impair', () => {
  test('passes everything in order when nothing is asked', async () => {
    const { numbers, counts } = await send(3000, { seed: 1 });
    expect(numbers).toEqual(Array.from({ length: 3000 }, (_, i) => i));
    expect(counts).toEqual({
      read: 3000,
      written: 3000,
      dropped: 0,
      duplicated: 0,
      reordered: 0,
      corrupted: 0,
    });
  });

  test('drops and duplicates about as often as asked, in order', async () => {
    const { numbers, counts } = await send(3000, { seed: 2, drop: 0.1, duplicate: 0.1 });
    expect(counts.dropped / 3000).toBeCloseTo(0.1, 1);
    expect(counts.duplicated / 3000).toBeCloseTo(0.1, 1);
    expect(inOrder(numbers)).toBe(true);
  });

  test('reorders only with reorder, by a few places, and loses nothing', async () => {
    const { numbers, counts } = await send(3000, { seed: 3, reorder: 0.1 });
    expect(counts.reordered).toBeGreaterThan(200);
    expect(inOrder(numbers)).toBe(false);
    expect(numbers.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });

  test('a reordered frame that nothing follows arrives all the same', async () => {
    const { numbers } = await send(1, { seed: 3, reorder: 1 });
    expect(numbers).toEqual([0]);
  });

  test('corruption flips one to three bits and leaves the length', async () => {
    const { arrived, counts } = await send(500, { seed: 4, corrupt: 0.5 });
    const flips = arrived.map((frame, i) => {
      const sent = Buffer.alloc(64);
      sent.writeUInt32BE(i);
      return sent.reduce((sum, byte, at) => {
        const diff = (byte ^ (frame[at] ?? 0)).toString(2);
        return sum + diff.replaceAll('0', '').length;
      }, 0);
    });
    expect(Math.max(...flips)).toBeLessThanOrEqual(3);
    expect(flips.filter((n) => n > 0).length).toBeGreaterThan(counts.corrupted * 0.95);
    expect(arrived.every((frame) => frame.length === 64)).toBe(true);
  });

  test('the same seed does the same again', async () => {
    const options = { seed: 5, drop: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1 };
    const [first, second] = [await send(1000, options), await send(1000, options)];
    expect(second.arrived).toEqual(first.arrived);
    expect((await send(1000, { ...options, seed: 6 })).arrived).not.toEqual(first.arrived);
  });

  test('delays keep the order and take their time', async () => {
    const start = performance.now();
    const { numbers } = await send(200, { seed: 6, delay: [20, 40] });
    expect(performance.now() - start).toBeGreaterThanOrEqual(19);
    expect(inOrder(numbers)).toBe(true);
  });

  test('the rate holds', async () => {
    const start = performance.now();
    await send(100, { seed: 7, rate: 64_000 }); // 6400 bytes: 100 ms
    expect(performance.now() - start).toBeGreaterThanOrEqual(95);
  });

  test('stop lets go of the streams and leaves them open', async () => {
    const end = (): FrameEnd => new TransformStream<Uint8Array, Uint8Array>();
    const [a, b] = [end(), end()];
    const lossy = impair(a, b, { seed: 8, delay: [1000, 1000] });
    expect(a.readable.locked && b.writable.locked).toBe(true);
    await lossy.stop();
    for (const { readable, writable } of [a, b]) {
      expect([readable.locked, writable.locked]).toEqual([false, false]);
    }
    const reader = a.readable.getReader();
    const read = reader.read();
    await a.writable.getWriter().write(new Uint8Array(1));
    expect((await read).done).toBe(false);
  });

  test('stop reports the error that a stream raised', async () => {
    const { a, b } = ends(3);
    const writable = new WritableStream({ write: () => Promise.reject(new Error('unplugged')) });
    const lossy = impair(a, { ...b, writable }, { seed: 9 });
    await expect.poll(() => writable.locked, patient).toBe(false);
    await expect(lossy.stop()).rejects.toThrow('unplugged');
  });
});
