// SPDX-License-Identifier: MIT
// ring - the JavaScript side of the rings; twin: core/ring.h, which has the theory of operation and
// the diagram that the letters refer to; what its four classes share: ring_sides.ts

import {
  FRAME_ALIGN,
  FRAME_HEADER,
  FRAME_SKIP,
  RING_BUF,
  RING_CONS_GEN,
  RING_GEN,
  RING_OFFERED,
  RING_SIZE,
  RING_SWITCH_POS,
  RING_TAIL,
  RING_TAKES,
  RING_WANT,
} from './abi.ts';
import type { SharedMemory } from './memory/shared_memory.ts';
import { Consumer, Producer } from './ring/ends.ts';
import { checkCount } from './util/check.ts';

/** reserve() of a frame that can never fit. */
export const NEVER_FITS = -1;
/** reserve() of a frame for which there is no room now. */
export const FULL_NOW = 0;

function recordSize(length: number): number {
  return FRAME_HEADER + ((length + FRAME_ALIGN - 1) & -FRAME_ALIGN);
}

/** Producer of a byte ring. */
export class ByteProducer extends Producer {
  #gen: number;
  #reserved = 0;
  #buf = 0;
  #size = 0;

  constructor(arena: SharedMemory, ring: number) {
    super(arena, ring);
    this.#gen = Atomics.load(this.i32, this.word + (RING_GEN >> 2)); // our own I
    this.#adopt();
  }

  /** Moves to the buffer that was offered. */
  #adopt(): void {
    const offered = Atomics.load(this.i32, this.word + (RING_OFFERED >> 2)); // H, pairs G
    if (offered !== this.#gen) {
      this.#gen = offered;
      this.i32[this.word + (RING_SWITCH_POS >> 2)] = this.tail;
      Atomics.store(this.i32, this.word + (RING_GEN >> 2), offered); // I, pairs J
    } else if (this.#size !== 0) {
      return;
    }
    this.#buf = (this.i32[this.word + (RING_BUF >> 2) + (offered & 1)] ?? 0) >>> 0;
    this.#size = this.i32[this.word + (RING_SIZE >> 2) + (offered & 1)] ?? 0;
  }

  /** Moves to the buffer that was offered, if one was. */
  follow(): void {
    this.#adopt();
  }

  /** Bytes the present buffer takes. */
  get size(): number {
    return this.#size;
  }

  /** Finds contiguous room, up to want bytes, at `offset`; returns how much, 0: full now. */
  reserve(want: number): number {
    this.#adopt();
    let held = (this.tail - this.head) >>> 0;
    if (held + want > this.#size) {
      this.refresh();
      held = (this.tail - this.head) >>> 0;
    }
    const start = this.tail & (this.#size - 1);
    const room = Math.max(0, Math.min(want, this.#size - held, this.#size - start));
    this.offset = this.#buf + start;
    this.#reserved = room;
    return room;
  }

  /** Hands the first bytes of what was reserved to the consumer. */
  submit(length: number): void {
    checkCount('submit', length, 0, this.#reserved);
    this.#reserved = 0;
    this.publish(length);
  }

  /** Gives up what was reserved. */
  cancel(): void {
    this.#reserved = 0;
  }

  /** Says how much room the next write waits for, so that the other side may grow the ring. */
  want(bytes: number): void {
    this.i32[this.word + (RING_WANT >> 2)] = bytes;
  }
}

/** Consumer of a byte ring. */
export class ByteConsumer extends Consumer {
  /** Moves to the producer's buffer if head has reached it; returns where ours ends. */
  #follow(): number {
    const gen = Atomics.load(this.i32, this.word + (RING_GEN >> 2)); // J, pairs I
    if (gen === this.gen) return this.tail;
    const end = this.i32[this.word + (RING_SWITCH_POS >> 2)] ?? 0;
    if (((this.head - end) | 0) < 0) return end;
    this.gen = gen;
    Atomics.store(this.i32, this.word + (RING_CONS_GEN >> 2), gen); // K, pairs L
    return this.tail;
  }

  /** Finds the oldest bytes, contiguous, at `offset`; returns how many, 0: nothing there now. */
  peek(): number {
    if (this.head === this.tail) this.refresh();
    const end = this.#follow();
    const size = this.sizeOf(this.gen);
    const start = this.head & (size - 1);
    this.offset = ((this.i32[this.word + (RING_BUF >> 2) + (this.gen & 1)] ?? 0) >>> 0) + start;
    const held = (this.tail - this.head) >>> 0;
    // A slot without storage has no bytes, wherever head is.
    return Math.max(0, Math.min(held, (end - this.head) >>> 0, size, size - start));
  }

  /** Gives the oldest bytes back to the producer. */
  release(length: number): void {
    checkCount('release', length, 0, (this.tail - this.head) >>> 0);
    this.publish(length);
    this.#follow();
  }
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

  /** Contiguous room for whole records, for span copies; returns its length, `offset` its start. */
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
  readonly #max: number;
  #peeked = 0;

  /** max: the largest frame there can be. */
  constructor(arena: SharedMemory, ring: number, max: number) {
    super(arena, ring);
    this.#buf = (this.i32[this.word + (RING_BUF >> 2)] ?? 0) >>> 0;
    this.#size = this.i32[this.word + (RING_SIZE >> 2)] ?? 0;
    this.#max = max;
    Atomics.store(this.i32, this.word + (RING_TAKES >> 2), 0); // no order: a hint
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

  /** Goes to where the producer says it is, if that cannot be true: an earlier tail was not. */
  #meet(): void {
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
          this.#meet();
          return -1;
        }
      }
      const start = this.head & (this.#size - 1);
      const length = this.#record(this.head);
      if (length === FRAME_SKIP) {
        this.publish(this.#size - start);
      } else if (length < 0) {
        // Where records begin is no longer known: give up what was submitted so far.
        this.bad();
        this.publish(this.tail - this.head);
      } else if (length > this.#max) {
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
      if (frame < 0 || frame === FRAME_SKIP || frame > this.#max) break;
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
