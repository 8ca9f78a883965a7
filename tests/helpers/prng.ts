// SPDX-License-Identifier: MIT
// prng - seeded random numbers for tests: those of js/util/random.ts, and bytes

import { Random } from '../../js/util/random.ts';

/**
 * A stream of random numbers that only depends on its seed.
 *
 * `fill` draws from one byte stream whatever the lengths asked for, so a writer and a reader with
 * the same seed agree while cutting it differently. This holds as long as both only call `fill`:
 * take sizes and chances from another generator, for example a `fork()`.
 */
export class Prng extends Random {
  #word = 0; // rest of the word that the last fill began
  #left = 0; // bytes left in it

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
