// SPDX-License-Identifier: MIT
// tables.test - the window of counters and the allowed IPs of wireguard.wasm

import { describe, expect, test } from 'vitest';
import { Prng } from '../helpers/prng.ts';
import { AT, Shim } from './shim.ts';

describe('the window of counters', () => {
  const SIZE = 8192n - 64n;
  const LIMIT = SIZE + 1n;
  const REJECT = 2n ** 64n - 2n ** 13n - 1n;
  const shim = new Shim();

  /** Whether each counter in turn is accepted. */
  function accepts(...counters: bigint[]): boolean[] {
    return counters.map((counter) => {
      const low = Number(counter & 0xffffffffn) | 0;
      return shim.run('replay', low, Number(counter >> 32n) | 0) === 1;
    });
  }
  const all = (from: bigint, to: bigint): bigint[] => {
    const step = to >= from ? 1n : -1n;
    return Array.from(
      { length: Number((to - from) * step) + 1 },
      (_, i) => from + BigInt(i) * step,
    );
  };
  const fresh = (): void => void shim.run('replay_clear');

  test('accepts counter 0, each counter once, and none that is too old', () => {
    fresh();
    const cases: [bigint, boolean][] = [
      ...([
        [0n, true],
        [1n, true],
        [1n, false],
        [9n, true],
        [8n, true],
        [7n, true],
      ] as const),
      ...([
        [7n, false],
        [LIMIT, true],
        [LIMIT - 1n, true],
        [LIMIT - 1n, false],
      ] as const),
      ...([
        [LIMIT - 2n, true],
        [2n, true],
        [2n, false],
        [LIMIT + 16n, true],
      ] as const),
      ...([
        [3n, false],
        [LIMIT + 16n, false],
        [LIMIT * 4n, true],
      ] as const),
      ...([
        [LIMIT * 4n - (LIMIT - 1n), true],
        [10n, false],
      ] as const),
      ...([
        [LIMIT * 4n - LIMIT, false],
        [LIMIT * 4n - (LIMIT + 1n), false],
      ] as const),
      ...([
        [LIMIT * 4n - (LIMIT - 2n), true],
        [LIMIT * 4n + 1n - LIMIT, false],
      ] as const),
      ...([
        [0n, false],
        [REJECT, false],
        [REJECT - 1n, true],
        [REJECT, false],
      ] as const),
      ...([
        [REJECT - 1n, false],
        [REJECT - 2n, true],
        [REJECT + 1n, false],
      ] as const),
      ...([
        [REJECT + 2n, false],
        [REJECT - 2n, false],
        [REJECT - 3n, true],
        [0n, false],
      ] as const),
    ].map(([counter, is]) => [counter, is]);
    for (const [i, [counter, isAccepted]] of cases.entries()) {
      expect(accepts(counter), `case ${i}, counter ${counter}`).toEqual([isAccepted]);
    }
  });

  test('accepts a whole window in order and backwards', () => {
    fresh();
    expect(accepts(...all(1n, SIZE))).not.toContain(false);
    expect(accepts(0n, 0n)).toEqual([true, false]);
    fresh();
    expect(accepts(...all(2n, SIZE + 1n))).not.toContain(false);
    expect(accepts(1n, 0n)).toEqual([true, false]);
    fresh();
    expect(accepts(...all(SIZE, 0n))).not.toContain(false);
    fresh();
    expect(accepts(...all(SIZE + 1n, 1n))).not.toContain(false);
    expect(accepts(0n)).toEqual([false]);
    fresh();
    expect(accepts(...all(SIZE, 1n))).not.toContain(false);
    expect(accepts(SIZE + 1n, 0n)).toEqual([true, false]);
    fresh();
    expect(accepts(...all(SIZE, 1n))).not.toContain(false);
    expect(accepts(0n, SIZE + 1n)).toEqual([true, true]);
  });

  test('agrees with a set on random counters', () => {
    const random = new Prng(4);
    fresh();
    const seen = new Set<bigint>();
    let most = 0n;
    for (let i = 0; i < 20_000; i++) {
      const jump = random.int(1000) === 0 ? 20_000 : 300;
      const near = most + BigInt(random.int(jump)) - BigInt(random.int(9000));
      const counter = near < 0n ? 0n : near;
      const isNew = !seen.has(counter) && counter + 1n + SIZE >= most + 1n;
      expect(accepts(counter)).toEqual([isNew]);
      if (isNew) seen.add(counter);
      if (isNew && counter > most) most = counter;
    }
  });
});

describe('allowed IPs', () => {
  /** The same by trying all prefixes. */
  function slow(list: readonly Entry[], address: Uint8Array): number {
    let best: Entry | undefined;
    for (const entry of list) {
      const isIn = Array.from({ length: entry.length }, (_, i) => i).every(
        (i) => bit(entry.address, i) === bit(address, i),
      );
      // Of equal prefixes the last one counts.
      if (isIn && entry.length >= (best?.length ?? 0)) best = entry;
    }
    return best?.peer ?? 0;
  }
  interface Entry {
    readonly address: Uint8Array;
    readonly length: number;
    readonly peer: number;
  }
  const bit = (bytes: Uint8Array, i: number): number => ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1;

  test.each([4, 16])('of %i bytes are found by the longest prefix, as by trying all', (size) => {
    const shim = new Shim();
    const random = new Prng(size);
    // Few different bits, so that prefixes lie in each other.
    const address = (): Uint8Array =>
      Uint8Array.from({ length: size }, (_, i) => (i % 3 ? 0 : random.int(4) << (i % 7)));
    for (let round = 0; round < 20; round++) {
      const list: Entry[] = [];
      shim.run('allow_none');
      for (let i = 1; i <= 10 * round + 1; i++) {
        const entry = { address: address(), length: random.int(size * 8 + 1), peer: i * 16 };
        list.push(entry);
        shim.write(AT.key, entry.address);
        expect(shim.run('allow', size === 16 ? 1 : 0, entry.length, entry.peer)).toBe(1);
      }
      for (let i = 0; i < 300; i++) {
        const wanted = i < list.length ? (list[i]?.address ?? address()) : address();
        shim.write(AT.key, wanted);
        expect(shim.run('allowed', size === 16 ? 1 : 0)).toBe(slow(list, wanted));
      }
    }
  });

  test('of the two families are kept apart, and a route for all takes what is left', () => {
    const shim = new Shim();
    shim.write(AT.key, new Uint8Array(16));
    shim.run('allow', 0, 0, 16);
    shim.write(AT.key, Uint8Array.of(10, 1, 0, 0));
    shim.run('allow', 0, 16, 32);
    expect(shim.run('allowed', 0)).toBe(32);
    expect(shim.run('allowed', 1)).toBe(0);
    shim.write(AT.key, Uint8Array.of(10, 2, 0, 0));
    expect(shim.run('allowed', 0)).toBe(16);
  });
});
