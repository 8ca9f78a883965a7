// SPDX-License-Identifier: MIT
// fault_lane - one direction of a bad link: draws the fate of each frame, and passes it on when it is due
//
// Theory of operation
//
// Every random number is drawn for every frame, in the same order, whatever the settings are. So the fate of
// the n-th frame of a lane depends on the seed and the settings alone, not on timing and not on the other lane.
// Frames keep their order, whatever their delay, unless they are reordered: a reordered frame is held until
// one to four later frames have passed it, or for HOLD ms if none follow.
//
//   send() -> draw -> pass on at once, if no frame waits and the frame has no delay
//                  -> queue with the time when it is due -> pass on at that time, in order
//
// The queue is bounded. By default a full queue makes the lane full, which pauses its source. With the option
// `queue` the lane drops frames instead, as a router does.

import { Queue } from '../../util/queue.ts';
import { Random } from '../../util/random.ts';
import { copyOf } from '../frame_copy.ts';
import { Retry } from '../retry.ts';
import type { FrameSink } from '../types.ts';
import type { FrameLane } from '../wrap.ts';

/** Settings of one direction. By default, frames pass as they are. */
export interface FaultSettings {
  /** Probability of losing a frame, 0 to 1. */
  readonly drop?: number;
  /** Probability of delivering a frame twice. */
  readonly duplicate?: number;
  /** Probability of flipping random bits of a frame. */
  readonly corrupt?: number;
  /** Most bits to flip in a frame. A checksum detects any single one, but not all combinations. @default 3 */
  readonly corruptBits?: number;
  /** Probability of letting one to four later frames overtake a frame. */
  readonly reorder?: number;
  /** Delay of every frame, ms. */
  readonly delay?: number;
  /** Largest random addition to the delay, ms. It does not change the order. */
  readonly jitter?: number;
  /** Bytes a second; 0: no limit. */
  readonly rate?: number;
  /**
   * Frames that may wait for their delay or for the rate; further frames are dropped. @default 1024, and a
   * full queue pauses the source
   */
  readonly queue?: number;
}

/** Counters of one direction. */
export interface FaultStatistics {
  /** Frames that were received. */
  readonly received: number;
  /** Frames that were passed on; a frame that is delivered twice counts twice. */
  readonly delivered: number;
  /** Frames lost on purpose. */
  readonly dropped: number;
  /** Frames delivered twice. */
  readonly duplicated: number;
  /** Frames with flipped bits. */
  readonly corrupted: number;
  /** Frames that later ones overtook. */
  readonly reordered: number;
  /** Frames dropped because the queue was full. */
  readonly overflowed: number;
}

/** Settings, counters and generator of a direction: they outlive a lane. */
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

/** The random draws for a frame. */
interface Fate {
  readonly isDropped: boolean;
  readonly isDuplicated: boolean;
  readonly isReordered: boolean;
  readonly delay: number;
  readonly passes: number;
}

/** ms that a reordered frame is held when nothing overtakes it. */
const HOLD = 50;
/** Frames that wait before the source is paused. */
const QUEUE = 1024;

/** One direction of a bad link, plugged in. */
export class FaultLane implements FrameLane {
  readonly #retry = new Retry();
  readonly #next: FrameSink;
  readonly #direction: FaultDirection;
  readonly #queue = new Queue<Waiting>();
  #held: Held[] = [];
  #lastDue = 0;
  /** Time when the last frame has left, at the given rate. */
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

  /** The seed of the flipped bits of a frame; 0: none are flipped. */
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
    this.#release((held) => held.passes <= 0);
  }

  /** The time when a frame is due: never before the previous frame, so a delay does not reorder. */
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

  /** Moves held frames that are ready to the end of the queue. */
  #release(isReady: (held: Held) => boolean): void {
    if (this.#held.length === 0) return;
    const ready = this.#held.filter(isReady);
    this.#held = this.#held.filter((held) => !isReady(held));
    for (const { frame } of ready) this.#queueUp(frame, this.#lastDue);
  }

  /** Passes on the frames that are due, and sets the timer for the rest. */
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

  /** Sets the timer for the next frame that is due. */
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
    this.#release((held) => held.until <= now);
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
