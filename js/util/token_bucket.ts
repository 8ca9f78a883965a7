// SPDX-License-Identifier: MIT
// token_bucket - a limit: so many a second, at most those of a second at once

/** A bucket of tokens that fills with time. */
export class TokenBucket {
  readonly #rate: number;
  #tokens: number;
  #filled: number;

  /** rate: tokens a second; now: ms of any clock. One that is set back fills nothing, and goes on from there. */
  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#tokens = rate;
    this.#filled = now;
  }

  /** Takes a token; false: there is none. */
  take(now: number): boolean {
    const passed = Math.max(0, now - this.#filled);
    this.#tokens = Math.min(this.#rate, this.#tokens + (passed * this.#rate) / 1000);
    this.#filled = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
