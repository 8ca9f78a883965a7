// SPDX-License-Identifier: MIT
// lossy - joins two tap-like endpoints and impairs the frames between them, from a seed
//
// Each direction is a lane with a generator of its own, so what happens to the n-th frame of a lane
// does not depend on timing or on the other lane. A lane reads frames, decides, queues them and
// writes them when due. Frames keep their order unless `reorder` is given: a reordered frame is held
// until one to four later ones have passed it, or HOLD_MS when nothing follows.

import { Prng } from './prng.ts';

/** What to do to the frames of both directions. All default to nothing. */
export interface Impairment {
  /** Same seed, same decisions. */
  readonly seed: number;
  /** Probability of losing a frame, 0 to 1. */
  readonly drop?: number;
  /** Probability of delivering a frame twice. */
  readonly duplicate?: number;
  /** Probability of letting later frames overtake. */
  readonly reorder?: number;
  /** Probability of flipping random bits. */
  readonly corrupt?: number;
  /** How many bits at the most; checksums see any one, not all of several. Default 3. */
  readonly corruptBits?: number;
  /** Least and greatest delay in milliseconds. */
  readonly delay?: readonly [min: number, max: number];
  /** Bytes per second and direction. */
  readonly rate?: number;
}

/** One end: the streams of a tap or tun interface, or anything shaped like them. */
export interface FrameEnd {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** What happened to the frames of one direction. */
export interface LaneCounts {
  read: number;
  written: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
}

/** A running impairment. */
export interface Lossy {
  /** Lets go of all four streams without closing them; frames still queued are lost. Rejects with
   * the first error a stream raised, if one did. */
  stop(): Promise<void>;
  /** Live counts of each direction. */
  readonly counts: { readonly aToB: Readonly<LaneCounts>; readonly bToA: Readonly<LaneCounts> };
}

const HOLD_MS = 50;
const QUEUE_FRAMES = 1024; // past this the lane stops reading, so its source feels the pressure

/** Something to wait for that anybody may ring, with a limit in milliseconds. */
class Bell {
  #ring: () => void = () => {};

  ring(): void {
    this.#ring();
  }

  wait(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

class Lane {
  readonly counts: LaneCounts = {
    read: 0,
    written: 0,
    dropped: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
  };
  readonly #random: Prng;
  readonly #options: Impairment;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #queue: { frame: Uint8Array; due: number }[] = [];
  readonly #room = new Bell();
  readonly #work = new Bell();
  #held: { frame: Uint8Array; passes: number; until: number }[] = [];
  #lastDue = 0;
  #lineFree = 0; // when the last frame has left, at the given rate
  #ended = false;
  #stopped = false;

  constructor(from: FrameEnd, to: FrameEnd, random: Prng, options: Impairment) {
    this.#random = random;
    this.#options = options;
    this.#reader = from.readable.getReader();
    this.#writer = to.writable.getWriter();
  }

  async run(): Promise<void> {
    try {
      await Promise.all([this.#read(), this.#write()]);
    } catch (error) {
      if (!this.#stopped) throw error;
    } finally {
      this.stop();
      this.#writer.releaseLock();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#reader.releaseLock(); // rejects a pending read
    this.#room.ring();
    this.#work.ring();
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.counts.read++;
      this.#admit(value);
      this.#work.ring();
      while (this.#queue.length >= QUEUE_FRAMES && !this.#stopped) await this.#room.wait();
    }
    this.#ended = true;
    this.#work.ring();
  }

  /** Decides about one frame. Every chance is drawn for every frame, so that none shifts another. */
  #admit(original: Uint8Array): void {
    const { drop = 0, duplicate = 0, reorder = 0, corrupt = 0, delay = [0, 0] } = this.#options;
    const random = this.#random;
    const isDropped = random.chance(drop);
    const isDuplicated = random.chance(duplicate);
    const isReordered = random.chance(reorder);
    const isCorrupted = random.chance(corrupt);
    const delayMs = delay[0] + (random.u32() / 2 ** 32) * (delay[1] - delay[0]);
    const details = random.fork();
    if (isDropped) {
      this.counts.dropped++;
      return;
    }
    const frame = isCorrupted ? this.#flipBits(original, details) : original;
    const due = this.#dueAfter(frame.length, delayMs);
    if (isReordered) {
      this.counts.reordered++;
      this.#held.push({ frame, passes: details.between(1, 4), until: due + HOLD_MS });
      return;
    }
    this.#queue.push({ frame, due });
    if (isDuplicated) {
      this.counts.duplicated++;
      this.#queue.push({ frame: frame.slice(), due: this.#dueAfter(frame.length, 0) });
    }
    for (const held of this.#held) held.passes--;
    this.#release((held) => held.passes <= 0);
  }

  #flipBits(original: Uint8Array, random: Prng): Uint8Array {
    if (original.length === 0) return original;
    this.counts.corrupted++;
    const frame = original.slice();
    for (let n = random.between(1, this.#options.corruptBits ?? 3); n > 0; n--) {
      const i = random.int(frame.length);
      frame[i] = (frame[i] ?? 0) ^ (1 << random.int(8));
    }
    return frame;
  }

  /** Never earlier than the frame before, so a delay does not reorder. */
  #dueAfter(length: number, delayMs: number): number {
    const now = performance.now();
    const { rate } = this.#options;
    if (rate !== undefined) this.#lineFree = Math.max(now, this.#lineFree) + (length / rate) * 1000;
    this.#lastDue = Math.max(this.#lastDue, now + delayMs, this.#lineFree + delayMs);
    return this.#lastDue;
  }

  /** Moves held frames whose time has come behind what is queued. */
  #release(isReady: (held: { passes: number; until: number }) => boolean): void {
    const ready = this.#held.filter(isReady);
    if (ready.length === 0) return;
    this.#held = this.#held.filter((held) => !isReady(held));
    for (const { frame } of ready) this.#queue.push({ frame, due: this.#lastDue });
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const now = performance.now();
      this.#release((held) => held.until <= now || this.#ended);
      const next = this.#queue[0];
      if (next === undefined && this.#ended) return;
      if (next !== undefined && next.due <= now) {
        this.#queue.shift();
        await this.#writer.write(next.frame);
        this.counts.written++;
        this.#room.ring();
        continue;
      }
      const until = Math.min(next?.due ?? Infinity, ...this.#held.map((held) => held.until));
      await this.#work.wait(until === Infinity ? undefined : Math.max(1, until - now));
    }
  }
}

/** Joins `a` and `b` both ways and impairs what passes, until stopped or both readables end. */
export function impair(a: FrameEnd, b: FrameEnd, options: Impairment): Lossy {
  const random = new Prng(options.seed);
  const aToB = new Lane(a, b, random.fork(), options);
  const bToA = new Lane(b, a, random.fork(), options);
  const done = Promise.all([aToB.run(), bToA.run()]);
  done.catch(() => {}); // reported by stop()
  return {
    counts: { aToB: aToB.counts, bToA: bToA.counts },
    async stop() {
      aToB.stop();
      bToA.stop();
      await done;
    },
  };
}
