// SPDX-License-Identifier: MIT
// meter - the phases of a transfer, and what was counted in the timed one
//
// warm-up (every byte checked, not counted) - timed (counted; starts of chunks checked) - tail (every
// byte checked) - stop. The receiver decides by the clock and says so in a shared word; senders, and
// ends on other threads, follow it.

export const WARM = 0;
export const TIMED = 1;
export const TAIL = 2;
export const STOP = 3;

/** Bytes between two looks at the clock, by default. */
const GRAIN = 32 * 1024;

/** A difference of two snapshots of counters, field by field. */
function difference(after, before) {
  const changes = {};
  for (const key of Object.keys(after)) changes[key] = after[key] - before[key];
  return changes;
}

/** Follows the phases; takes snapshots of an end's counters where the timed one begins and ends. */
export class Follower {
  #word;
  #counters;
  #seen = WARM;
  #before;
  #after;

  /**
   * @param {Int32Array} word - One shared word: the phase.
   * @param {() => Record<string, number>} counters
   */
  constructor(word, counters) {
    this.#word = word;
    this.#counters = counters;
    this.bytes = 0;
  }

  /** The phase; notices when it has changed. */
  phase() {
    const phase = Atomics.load(this.#word, 0);
    if (phase !== this.#seen) this.#notice(phase);
    return phase;
  }

  #notice(phase) {
    this.#seen = phase;
    if (phase === TIMED) this.#before = this.#snapshot();
    if (phase >= TAIL) this.#after ??= this.#snapshot();
  }

  #snapshot() {
    return { ms: performance.now(), bytes: this.bytes, ...this.#counters() };
  }

  /** Counts received bytes. */
  add(length) {
    this.bytes += length;
  }

  /** What changed in the timed phase. */
  result() {
    this.phase();
    if (!this.#before || !this.#after) throw new Error('the transfer ended before it was timed');
    return difference(this.#after, this.#before);
  }
}

/** A follower that also says when a phase ends: one a transfer, at the receiver. */
export class Meter extends Follower {
  #word;
  #limits;
  #since = 0;
  #from = performance.now();
  #tail = 0;

  /**
   * @param {Int32Array} word
   * @param {() => Record<string, number>} counters
   * @param {{ warm: number, timed: number, tail: number, grain?: number }} limits - ms, ms, bytes, bytes.
   */
  constructor(word, counters, limits) {
    super(word, counters);
    this.#word = word;
    this.#limits = { grain: GRAIN, ...limits };
  }

  add(length) {
    super.add(length);
    this.#since += length;
    if (this.#since < this.#limits.grain) return;
    this.#since = 0;
    this.#advance();
  }

  #advance() {
    const phase = this.phase();
    const now = performance.now();
    if (phase === WARM && now - this.#from >= this.#limits.warm) this.#enter(TIMED, now);
    else if (phase === TIMED && now - this.#from >= this.#limits.timed) {
      this.#tail = this.bytes + this.#limits.tail;
      this.#enter(TAIL, now);
    } else if (phase === TAIL && this.bytes >= this.#tail) this.#enter(STOP, now);
  }

  #enter(phase, now) {
    this.#from = now;
    Atomics.store(this.#word, 0, phase);
    this.phase();
  }
}
