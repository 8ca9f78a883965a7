// SPDX-License-Identifier: MIT
// random - seeded random numbers (xoshiro128**, seeded by splitmix32), the same on every runtime

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** A stream of random numbers that only depends on its seed, of which the low 32 bits count. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  constructor(seed: number) {
    let state = seed | 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** An integer from 0 to 2^32 - 1. */
  u32(): number {
    const result = Math.imul(rotl(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotl(this.#d, 11);
    return result;
  }

  /** An integer from 0 to n - 1, for n up to 2^32. */
  int(n: number): number {
    return Math.floor((this.u32() / 2 ** 32) * n);
  }

  /** An integer from min to max, both included. */
  between(min: number, max: number): number {
    return min + this.int(max - min + 1);
  }

  /** True with probability p, 0 to 1. Draws once, so a p of 0 keeps the sequence. */
  chance(p: number): boolean {
    return this.u32() / 2 ** 32 < p;
  }
}
