// SPDX-License-Identifier: MIT
// meter - the phases of a transfer, and what was counted in the timed one
//
// warm-up (every byte checked, not counted) - timed (counted; starts of chunks checked) - tail (every
// byte checked) - stop. The receiver decides by the clock and says so in a shared word, which the sender
// follows. On a busy machine a sender may not look during the whole timed part: the receiver goes on timing
// until a second word says that it has.

export const WARM = 0;
export const TIMED = 1;
export const TAIL = 2;
export const STOP = 3;

/** Words that both ends share: the phase; 1 while there is a follower that has not seen TIMED. */
export const PHASE_WORDS = 2;
const PHASE = 0;
const UNSEEN = 1;

/** Bytes between two looks at the clock, by default. */
const GRAIN = 32 * 1024;

/** A difference of two snapshots of counters, field by field. */
function difference(after, before) {
  const changes = {};
  for (const key of Object.keys(after)) changes[key] = after[key] - before[key];
  return changes;
}

/** One end; takes snapshots of its counters where the timed phase begins and ends. */
class End {
  #words;
  #counters;
  #seen = WARM;
  #before;
  #after;

  /**
   * @param {Int32Array} words - So many as PHASE_WORDS, which both ends share.
   * @param {() => Record<string, number>} counters
   */
  constructor(words, counters) {
    this.#words = words;
    this.#counters = counters;
    this.bytes = 0;
  }

  /** The phase; notices when it has changed. */
  phase() {
    const phase = Atomics.load(this.#words, PHASE);
    if (phase !== this.#seen) this.#notice(phase);
    return phase;
  }

  #notice(phase) {
    this.#seen = phase;
    if (phase === TIMED) {
      this.#before = this.#snapshot();
      this.onTimed();
    }
    if (phase >= TAIL) this.#after ??= this.#snapshot();
  }

  /** The timed phase has begun. */
  onTimed() {}

  #snapshot() {
    return { ms: performance.now(), bytes: this.bytes, ...this.#counters() };
  }

  /** Counts received bytes. */
  add(length) {
    this.bytes += length;
  }

  /** The difference over the timed phase. */
  result() {
    this.phase();
    if (!this.#before || !this.#after) throw new Error('the transfer ended before it was timed');
    return difference(this.#after, this.#before);
  }
}

/** An end that follows the phases of the other: one a transfer, at the sender. */
export class Follower extends End {
  #words;

  constructor(words, counters) {
    super(words, counters);
    this.#words = words;
    Atomics.store(words, UNSEEN, 1);
  }

  onTimed() {
    Atomics.store(this.#words, UNSEEN, 0);
  }
}

/** An end that says when a phase ends: one a transfer, at the receiver. */
export class Meter extends End {
  #words;
  #limits;
  #since = 0;
  /** Bytes at the start of the phase. */
  #start = 0;
  #from = performance.now();
  #tail = 0;

  /**
   * @param {Int32Array} words
   * @param {() => Record<string, number>} counters
   * @param {{ warm: number, timed: number, tail: number, grain?: number, least?: number }} limits - ms, ms, bytes, bytes,
   *   bytes of the warm-up and of the timed part, so many at least.
   */
  constructor(words, counters, limits) {
    super(words, counters);
    this.#words = words;
    this.#limits = { grain: GRAIN, least: 0, ...limits };
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
    const isEnough = this.bytes - this.#start >= this.#limits.least;
    if (phase === WARM && now - this.#from >= this.#limits.warm && isEnough) {
      this.#enter(TIMED, now);
    } else if (
      phase === TIMED &&
      now - this.#from >= this.#limits.timed &&
      isEnough &&
      this.#isSeen()
    ) {
      this.#tail = this.bytes + this.#limits.tail;
      this.#enter(TAIL, now);
    } else if (phase === TAIL && this.bytes >= this.#tail) this.#enter(STOP, now);
  }

  #isSeen() {
    return Atomics.load(this.#words, UNSEEN) === 0;
  }

  #enter(phase, now) {
    this.#from = now;
    this.#start = this.bytes;
    Atomics.store(this.#words, PHASE, phase);
    this.phase();
  }
}
