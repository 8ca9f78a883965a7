// SPDX-License-Identifier: MIT
// fault_lane - one direction of a bad link: decides about every frame, and lets it go when it is due
//
// Theory of operation
//
// Every chance is drawn for every frame, in the same order, whatever the settings are: what happens to the
// n-th frame of a lane depends on the seed and the settings, and neither on timing nor on the other lane.
// Frames keep their order, whatever their delay, unless they are reordered: such a frame is held until
// one to four later ones have passed it, or HOLD ms when nothing follows.
//
//   send() -> drawn -> passed on at once, if nothing waits and nothing delays it
//                   -> queued with the time it is due -> passed on when that has come, in order
//
// The queue is bounded. By default the lane is then full, which holds its source off; with a `queue` of
// its own it drops, as a router does.

import { Random } from '../../util/random.ts';
import { copyOf, Fifo } from '../frames.ts';
import { Retry } from '../retry.ts';
import type { FrameSink } from '../types.ts';
import type { FrameLane } from '../wrap.ts';

/** What to do to the frames of one direction. All default to nothing. */
export interface FaultSettings {
  /** Probability of losing a frame, 0 to 1. */
  readonly drop?: number;
  /** Probability of delivering a frame twice. */
  readonly duplicate?: number;
  /** Probability of flipping random bits of a frame. */
  readonly corrupt?: number;
  /** How many bits at the most; checksums see any one, not all of several. @default 3 */
  readonly corruptBits?: number;
  /** Probability of letting one to four later frames overtake a frame. */
  readonly reorder?: number;
  /** Delay of every frame, ms. */
  readonly delay?: number;
  /** Random addition to the delay, at the most, ms. It does not change the order. */
  readonly jitter?: number;
  /** Bytes a second; 0: as many as there are. */
  readonly rate?: number;
  /**
   * Frames that may wait, for their delay or for the rate; one more is dropped. @default 1024, and one
   * more holds its source off
   */
  readonly queue?: number;
}

/** What happened to the frames of one direction. */
export interface FaultStatistics {
  /** Frames that came. */
  readonly received: number;
  /** Frames passed on, those delivered twice counted twice. */
  readonly delivered: number;
  /** Frames lost on purpose. */
  readonly dropped: number;
  /** Frames delivered twice. */
  readonly duplicated: number;
  /** Frames with flipped bits. */
  readonly corrupted: number;
  /** Frames that others overtook. */
  readonly reordered: number;
  /** Frames dropped because the queue was full. */
  readonly overflowed: number;
}

/** Counters that outlive a lane, and the generator of its direction. */
export interface FaultDirection {
  settings: FaultSettings;
  readonly random: Random;
  readonly counts: { -readonly [Name in keyof FaultStatistics]: number };
}

interface Waiting {
  readonly frame: Uint8Array;
  readonly due: number;
}

interface Held {
  readonly frame: Uint8Array;
  readonly until: number;
  passes: number;
}

/** What was drawn for a frame. */
interface Fate {
  readonly isDropped: boolean;
  readonly isDuplicated: boolean;
  readonly isReordered: boolean;
  readonly delay: number;
  readonly passes: number;
}

/** ms that a reordered frame is held when nothing overtakes it. */
const HOLD = 50;
/** Frames that wait before the source is held off. */
const QUEUE = 1024;

/** One direction of a bad link, plugged in. */
export class FaultLane implements FrameLane {
  readonly #retry = new Retry();
  readonly #next: FrameSink;
  readonly #direction: FaultDirection;
  readonly #queue = new Fifo<Waiting>();
  #held: Held[] = [];
  #lastDue = 0;
  /** When the last frame has left, at the given rate. */
  #lineFree = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #isWaiting = false;
  #isStopped = false;
  #whenRoom: (() => void)[] = [];

  constructor(direction: FaultDirection, next: FrameSink) {
    this.#direction = direction;
    this.#next = next;
  }

  send(frame: Uint8Array): boolean {
    const { counts, settings } = this.#direction;
    if (this.#isStopped) return true;
    if (this.#isFull(settings.queue === undefined ? QUEUE : Number.POSITIVE_INFINITY)) return false;
    counts.received++;
    const bits = this.#drawBits();
    const fate = this.#draw();
    if (fate.isDropped) counts.dropped++;
    else if (this.#isFull(settings.queue ?? Number.POSITIVE_INFINITY)) counts.overflowed++;
    else this.#admit(bits === 0 ? frame : this.#corrupt(frame, bits), fate);
    return true;
  }

  #isFull(limit: number): boolean {
    return this.#queue.length + this.#held.length >= limit;
  }

  /** Where the flipped bits of a frame come from; 0: none are flipped. */
  #drawBits(): number {
    const { random, settings } = this.#direction;
    const isCorrupted = random.chance(settings.corrupt ?? 0);
    const seed = random.u32();
    return isCorrupted ? seed || 1 : 0;
  }

  #draw(): Fate {
    const { random, settings } = this.#direction;
    const { drop = 0, duplicate = 0, reorder = 0, delay = 0, jitter = 0 } = settings;
    return {
      isDropped: random.chance(drop),
      isDuplicated: random.chance(duplicate),
      isReordered: random.chance(reorder),
      delay: delay + (random.u32() / 2 ** 32) * jitter,
      passes: random.between(1, 4),
    };
  }

  #corrupt(original: Uint8Array, seed: number): Uint8Array {
    if (original.length === 0) return original;
    this.#direction.counts.corrupted++;
    const random = new Random(seed);
    const frame = original.slice();
    for (let n = random.between(1, this.#direction.settings.corruptBits ?? 3); n > 0; n--) {
      const at = random.int(frame.length);
      frame[at] = (frame[at] ?? 0) ^ (1 << random.int(8));
    }
    return frame;
  }

  #admit(frame: Uint8Array, fate: Fate): void {
    const { counts } = this.#direction;
    const due = this.#dueAfter(frame.length, fate.delay);
    if (fate.isReordered) {
      counts.reordered++;
      this.#held.push({ frame: copyOf(frame), passes: fate.passes, until: due + HOLD });
      this.#setTimer();
      return;
    }
    this.#queueUp(frame, due);
    if (fate.isDuplicated) {
      counts.duplicated++;
      this.#queueUp(frame, this.#dueAfter(frame.length, fate.delay));
    }
    for (const held of this.#held) held.passes--;
    this.#letGo((held) => held.passes <= 0);
  }

  /** Never earlier than the frame before, so that a delay does not reorder. */
  #dueAfter(length: number, delay: number): number {
    const { rate = 0 } = this.#direction.settings;
    if (rate === 0 && delay === 0) return this.#lastDue;
    const now = performance.now();
    if (rate > 0) this.#lineFree = Math.max(now, this.#lineFree) + (length / rate) * 1000;
    this.#lastDue = Math.max(this.#lastDue, Math.max(now, this.#lineFree) + delay);
    return this.#lastDue;
  }

  /** Passes a frame on, now or when it is due. */
  #queueUp(frame: Uint8Array, due: number): void {
    if (this.#queue.length === 0 && !this.#isWaiting && due <= performance.now()) {
      if (this.#next.send(frame)) {
        this.#direction.counts.delivered++;
        return;
      }
    }
    this.#queue.push({ frame: copyOf(frame), due });
    this.#run();
  }

  /** Moves held frames whose time has come behind what is queued. */
  #letGo(isReady: (held: Held) => boolean): void {
    if (this.#held.length === 0) return;
    const ready = this.#held.filter(isReady);
    this.#held = this.#held.filter((held) => !isReady(held));
    for (const { frame } of ready) this.#queueUp(frame, this.#lastDue);
  }

  /** Passes on what is due, and comes back for the rest. */
  readonly #run = (): void => {
    if (this.#isStopped || this.#isWaiting) return;
    for (;;) {
      const first = this.#queue.first;
      if (!first || first.due > performance.now()) break;
      if (!this.#next.send(first.frame)) {
        this.#isWaiting = true;
        void this.#retry.wait(this.#next).then(() => {
          this.#isWaiting = false;
          this.#run();
        });
        return;
      }
      this.#queue.shift();
      this.#retry.taken();
      this.#direction.counts.delivered++;
    }
    this.#setTimer();
    this.#tellRoom();
  };

  /** Comes back when the next frame is due, if nothing brings us back before. */
  #setTimer(): void {
    const next = Math.min(
      this.#queue.first?.due ?? Number.POSITIVE_INFINITY,
      ...this.#held.map((held) => held.until),
    );
    if (next >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = next;
    this.#timer = setTimeout(this.#onTimer, next - performance.now());
  }

  readonly #onTimer = (): void => {
    this.#timerDue = Number.POSITIVE_INFINITY;
    const now = performance.now();
    this.#letGo((held) => held.until <= now);
    this.#run();
  };

  #tellRoom(): void {
    if (this.#whenRoom.length === 0 || (this.#isFull(QUEUE) && !this.#isStopped)) return;
    const waiting = this.#whenRoom;
    this.#whenRoom = [];
    for (const tell of waiting) tell();
  }

  ready(): Promise<void> {
    const isFree = this.#isStopped || !this.#isFull(QUEUE);
    return isFree ? Promise.resolve() : new Promise((resolve) => this.#whenRoom.push(resolve));
  }

  stop(): void {
    this.#isStopped = true;
    this.#queue.clear();
    this.#held = [];
    clearTimeout(this.#timer);
    this.#tellRoom();
  }
}
