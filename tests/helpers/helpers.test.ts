// SPDX-License-Identifier: MIT
// helpers.test - the helpers that other tests rely on: generator, checksum

import { describe, expect, test } from 'vitest';
import { hashOf, StreamHash } from './hash.ts';
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
