// SPDX-License-Identifier: MIT
// shared_clock - one clock for all threads that turn a stack
//
// Theory of operation
//
// performance.now() begins at another moment in every thread. So the time of the last turn stands in the memory, and each
// thread keeps how far that was ahead of its own clock, at least: no turn is earlier than the one before. From then on
// its turns are ahead by as much, and the time goes on at its pace. A thread that is ahead is followed by the others.

/** The clock of a stack, as one thread reads it. The thread has the lock of the turn. */
export class SharedClock {
  readonly #f64: Float64Array;
  readonly #index: number;
  #ahead: number;

  /** f64: the memory; index: of the double; ahead: ms that it is ahead of this thread's clock, as far as is known. */
  constructor(f64: Float64Array, index: number, ahead = 0) {
    this.#f64 = f64;
    this.#index = index;
    this.#ahead = ahead;
  }

  /** The time of a turn, ms; ownNow: performance.now() of this thread. */
  read(ownNow: number): number {
    const now = Math.max(ownNow + this.#ahead, this.#f64[this.#index] ?? 0);
    this.#ahead = now - ownNow;
    this.#f64[this.#index] = now;
    return now;
  }
}
