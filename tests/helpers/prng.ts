// SPDX-License-Identifier: MIT
// prng - seeded random numbers (xoshiro128**, seeded by splitmix32), the same on every runtime

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * A stream of random numbers that only depends on its seed.
 *
 * `fill` draws from one byte stream whatever the lengths asked for, so a writer and a reader with
 * the same seed agree while cutting it differently. That holds as long as both only call `fill`:
 * take sizes and chances from another generator, for example a `fork()`.
 */
export class Prng {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;
  #word = 0; // rest of the word that the last fill began
  #left = 0; // bytes left in it

  /** @param seed - Any integer; its low 32 bits count. */
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

  /** @returns An integer from 0 to 2^32 - 1. */
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

  /** @returns An integer from 0 to n - 1, for n up to 2^32. */
  int(n: number): number {
    return Math.floor((this.u32() / 2 ** 32) * n);
  }

  /** @returns An integer from min to max, both included. */
  between(min: number, max: number): number {
    return min + this.int(max - min + 1);
  }

  /** @returns True with probability p, 0 to 1. Draws once, so a p of 0 keeps the sequence. */
  chance(p: number): boolean {
    return this.u32() / 2 ** 32 < p;
  }

  /** @returns One of a list. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  /** Fills a view with the next bytes of the byte stream. @returns The same view. */
  fill<T extends Uint8Array>(view: T): T {
    let i = 0;
    while (i < view.length) {
      if (this.#left === 0) {
        this.#word = this.u32();
        this.#left = 4;
      }
      view[i++] = this.#word;
      this.#word >>>= 8;
      this.#left--;
    }
    return view;
  }

  /** @returns The next n bytes of the byte stream. */
  bytes(n: number): Uint8Array<ArrayBuffer> {
    return this.fill(new Uint8Array(n));
  }

  /** @returns An independent generator, seeded by the next number of this one. */
  fork(): Prng {
    return new Prng(this.u32());
  }
}
