// SPDX-License-Identifier: MIT
// frame - the two ends of a frame ring; twin: core/ring.c
//
// A record is a header and a frame, padded to 8 bytes and contiguous: where one does not fit before the
// end of the storage, a skip mark stands instead. The contents of a ring are input: lengths are checked
// before they are used, and a record that cannot be one is dropped and counted.

import {
  FRAME_ALIGN,
  FRAME_HEADER,
  FRAME_SKIP,
  RING_BUF,
  RING_GSO_MAX_SIZE,
  RING_SIZE,
  RING_TAIL,
} from '../abi.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { checkCount } from '../util/check.ts';
import { Consumer, Producer } from './ends.ts';

/** reserve() of a frame that can never fit. */
export const NEVER_FITS = -1;
/** reserve() of a frame for which there is no room now. */
export const FULL_NOW = 0;

function recordSize(length: number): number {
  return FRAME_HEADER + ((length + FRAME_ALIGN - 1) & -FRAME_ALIGN);
}

/** Producer of a frame ring. */
export class FrameProducer extends Producer {
  readonly #buf: number;
  readonly #size: number;
  /** -1: no record is reserved. */
  #reserved = -1;
  #skip = 0;
  #span = 0;

  constructor(arena: SharedMemory, ring: number) {
    super(arena, ring);
    this.#buf = (this.i32[this.word + (RING_BUF >> 2)] ?? 0) >>> 0;
    this.#size = this.i32[this.word + (RING_SIZE >> 2)] ?? 0;
  }

  /** Length of the largest frame that fits. */
  get largest(): number {
    return this.#size / 2 - FRAME_HEADER;
  }

  /** Finds room for a frame at `offset`; returns 1, FULL_NOW or NEVER_FITS. */
  reserve(length: number): number {
    if (length > this.#size / 2 - FRAME_HEADER) return NEVER_FITS;
    const start = this.tail & (this.#size - 1);
    const need = recordSize(length);
    const skip = need > this.#size - start ? this.#size - start : 0;
    if (((this.tail - this.head) >>> 0) + skip + need > this.#size) {
      this.refresh();
      if (((this.tail - this.head) >>> 0) + skip + need > this.#size) return FULL_NOW;
    }
    this.#skip = skip;
    this.#reserved = length;
    this.offset = this.#buf + (skip ? 0 : start) + FRAME_HEADER;
    return 1;
  }

  /** Hands the reserved frame to the consumer. */
  submit(length: number): void {
    checkCount('submit', length, 0, this.#reserved);
    this.#reserved = -1;
    if (this.#skip) this.i32[(this.#buf + (this.tail & (this.#size - 1))) >>> 2] = FRAME_SKIP | 0;
    const record = (this.offset - FRAME_HEADER) >>> 2;
    this.i32[record] = length;
    this.i32[record + 1] = 0;
    this.publish(this.#skip + recordSize(length));
  }

  /** Gives up the reserved frame. */
  cancel(): void {
    this.#reserved = -1;
  }

  /** Contiguous room for whole records, for copies of many records at once; returns its length, `offset` is its start. */
  reserveSpan(): number {
    this.refresh();
    const start = this.tail & (this.#size - 1);
    this.offset = this.#buf + start;
    this.#span = Math.min(this.#size - ((this.tail - this.head) >>> 0), this.#size - start);
    return this.#span;
  }

  /** Hands records copied to `offset` to the consumer. */
  submitSpan(length: number): void {
    checkCount('submit', length, 0, this.#span);
    this.#span = 0;
    this.publish(length);
  }

  /** Skips to the start of the storage, if there is room to. */
  wrap(): boolean {
    const start = this.tail & (this.#size - 1);
    const rest = this.#size - start;
    this.refresh();
    if (start === 0 || ((this.tail - this.head) >>> 0) + rest > this.#size) return false;
    this.i32[(this.#buf + start) >>> 2] = FRAME_SKIP | 0;
    this.#span = 0;
    this.publish(rest);
    return true;
  }
}

/** Consumer of a frame ring. */
export class FrameConsumer extends Consumer {
  readonly #buf: number;
  readonly #size: number;
  /** Length of the largest frame there can be. */
  max: number;
  #peeked = 0;

  constructor(arena: SharedMemory, ring: number, max: number) {
    super(arena, ring);
    this.#buf = (this.i32[this.word + (RING_BUF >> 2)] ?? 0) >>> 0;
    this.#size = this.i32[this.word + (RING_SIZE >> 2)] ?? 0;
    this.max = max;
    Atomics.store(this.i32, this.word + (RING_GSO_MAX_SIZE >> 2), 0); // no order: a hint
  }

  /** Length of the record at a position, or -1: it cannot be one; FRAME_SKIP has its own size. */
  #record(at: number): number {
    const held = (this.tail - at) >>> 0;
    const start = at & (this.#size - 1);
    if (held < FRAME_HEADER || start & (FRAME_ALIGN - 1)) return -1;
    const length = (this.i32[(this.#buf + start) >>> 2] ?? 0) >>> 0;
    if (length === FRAME_SKIP) return this.#size - start <= held ? FRAME_SKIP : -1;
    if (length > this.#size / 2) return -1;
    const size = recordSize(length);
    return size <= held && size <= this.#size - start ? length : -1;
  }

  /** Takes over the producer's position if ours is out of reach of it: an earlier tail was not true. */
  #resync(): void {
    const tail = Atomics.load(this.i32, this.word + (RING_TAIL >> 2)); // C, pairs B
    if ((tail - this.head) >>> 0 <= this.#size) return;
    this.tail = tail;
    this.publish(tail - this.head);
  }

  /** Finds the oldest frame at `offset`; returns its length, -1: nothing there now. */
  peek(): number {
    this.#peeked = 0;
    for (;;) {
      if (this.head === this.tail) {
        this.refresh();
        if (this.head === this.tail) {
          this.#resync();
          return -1;
        }
      }
      const start = this.head & (this.#size - 1);
      const length = this.#record(this.head);
      if (length === FRAME_SKIP) {
        this.publish(this.#size - start);
      } else if (length < 0) {
        // The start of the next record is unknown: drop all that was submitted so far.
        this.bad();
        this.publish(this.tail - this.head);
      } else if (length > this.max) {
        this.bad();
        this.publish(recordSize(length));
      } else {
        this.#peeked = recordSize(length);
        this.offset = this.#buf + start + FRAME_HEADER;
        return length;
      }
    }
  }

  /** Gives the frame that was peeked at back to the producer. */
  release(): void {
    this.publish(this.#peeked);
    this.#peeked = 0;
  }

  /** Finds whole records, contiguous, up to limit bytes, at `offset`; returns their length. */
  peekSpan(limit: number): number {
    if (this.peek() < 0) return 0;
    let length = 0;
    for (let at = this.head; at !== this.tail; ) {
      const frame = this.#record(at);
      if (frame < 0 || frame === FRAME_SKIP || frame > this.max) break;
      const size = recordSize(frame);
      if (length + size > limit) break;
      length += size;
      at = (at + size) | 0;
      if ((at & (this.#size - 1)) === 0) break;
    }
    this.offset -= FRAME_HEADER;
    return length;
  }

  /** Gives the records of peekSpan() back. */
  releaseSpan(length: number): void {
    checkCount('release', length, 0, (this.tail - this.head) >>> 0);
    this.#peeked = 0;
    this.publish(length);
  }
}
