// SPDX-License-Identifier: MIT
// link - joins two interfaces by a link with delay and seeded loss, frame by frame, in JavaScript
//
// A lane is one direction. Frames wait in it until they are due; within SPIN ms of that the lane looks
// at the clock on every turn of the event loop, since timers have a grain of 1 ms. Losses
// depend only on the seed and the frame's number, not on time.

const SPIN = 1.5;

/** A generator of numbers from 0 to 1 (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Lane {
  #writer;
  #queue = [];
  #head = 0;
  #armed = false;
  counts = { frames: 0, lost: 0 };

  constructor(from, to, { delayMs, loss }, random) {
    this.#writer = to.writable.getWriter();
    this.#read(from, delayMs, loss, random);
  }

  async #read(from, delayMs, loss, random) {
    for await (const frame of from.readable) {
      this.counts.frames++;
      if (random() < loss) {
        this.counts.lost++;
        continue;
      }
      this.#queue.push({ frame, due: performance.now() + delayMs });
      this.#arm();
    }
  }

  #arm() {
    const next = this.#queue[this.#head];
    if (this.#armed || !next) return;
    this.#armed = true;
    const left = next.due - performance.now();
    const step = () => {
      this.#armed = false;
      this.#deliver();
      this.#arm();
    };
    if (left > SPIN) setTimeout(step, left - SPIN);
    else setImmediate(step);
  }

  #deliver() {
    const now = performance.now();
    while (this.#head < this.#queue.length && this.#queue[this.#head].due <= now) {
      // In order, and never held back: what the other end has no room for waits in the stream.
      this.#writer.write(this.#queue[this.#head++].frame).catch(() => {});
    }
    if (this.#head > 1024) this.#queue.splice(0, this.#head);
    if (this.#head > 1024) this.#head = 0;
  }
}

/**
 * Joins two interfaces until the process ends.
 *
 * @param {object} a
 * @param {object} b
 * @param {{ rttMs: number, loss: number, seed: number }} link - Loss: of each direction, 0 to 1.
 */
export function join(a, b, { rttMs, loss, seed }) {
  const lane = { delayMs: rttMs / 2, loss };
  return [new Lane(a, b, lane, seeded(seed)), new Lane(b, a, lane, seeded(seed + 1))];
}

/** The link of a round: other frames are lost in each, the same ones in every run. */
export const roundLink = (link, round = 0) => ({ ...link, seed: link.seed + 100 * round });
