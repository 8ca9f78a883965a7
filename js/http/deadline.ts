// SPDX-License-Identifier: MIT
// deadline - one timer for all the time-outs of a connection
//
// A connection is always in one state that may last for some time, and changes it with every message. The
// timer is therefore not set and cleared each time: it is left to run, and looks when it fires.

/** Calls back when a state has lasted too long. */
export class Deadline {
  readonly #expired: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When it expires, and when the timer fires. */
  #due = Number.POSITIVE_INFINITY;
  #fires = Number.POSITIVE_INFINITY;

  /** @param expired - Called at most once for each set(). */
  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** Expires in so many ms; 0 or Infinity: never. */
  set(ms: number): void {
    this.#due = ms > 0 ? performance.now() + ms : Number.POSITIVE_INFINITY;
    if (this.#due < this.#fires) this.#arm();
  }

  /** Does not expire. */
  clear(): void {
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Gives the timer back. */
  stop(): void {
    this.clear();
    clearTimeout(this.#timer);
    this.#fires = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#fires = this.#due;
    const wait = Math.min(0x7fffffff, Math.max(0, this.#due - performance.now()));
    this.#timer = setTimeout(() => this.#fire(), wait);
    // A time-out alone is no reason for a process of Node to stay.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  #fire(): void {
    this.#fires = Number.POSITIVE_INFINITY;
    if (this.#due === Number.POSITIVE_INFINITY) return;
    if (this.#due > performance.now()) {
      this.#arm();
      return;
    }
    this.clear();
    this.#expired();
  }
}
