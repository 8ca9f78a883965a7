// SPDX-License-Identifier: MIT
// ends - what byte and frame rings share: positions and wake thresholds; twin: core/ring.h
//
// The theory of operation and the diagram that the letters refer to are in core/ring.h.
//
// Atomics on an Int32Array are sequentially consistent and signed. So positions are compared by
// differences, and made unsigned (>>> 0) only where a length is computed. Offsets in an arena may lie
// above 2^31: they are shifted by >>>.

import {
  RING_BAD,
  RING_CONS_GEN,
  RING_DATA_THRESHOLD,
  RING_GEN,
  RING_HEAD,
  RING_ROOM_THRESHOLD,
  RING_SIZE,
  RING_TAIL,
} from '../abi.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';

/** Whether a position has crossed a wake threshold: it is one of from .. to-1, counted modulo 2^32. */
function crossed(threshold: number, from: number, to: number): boolean {
  return (to - threshold - 1) >>> 0 < (to - from) >>> 0;
}

/** Base of the producers of both kinds. */
export class Producer {
  protected readonly arena: SharedMemory;
  protected readonly i32: Int32Array;
  protected readonly word: number;
  /** Our position. */
  protected tail: number;
  /** The consumer's position, as last seen. */
  protected head: number;
  #notified: number;
  /** Offset of the reserved room. */
  offset = 0;

  constructor(arena: SharedMemory, ring: number) {
    this.arena = arena;
    this.i32 = arena.i32;
    this.word = ring >>> 2;
    this.tail = Atomics.load(this.i32, this.word + (RING_TAIL >> 2)); // our own B
    this.head = Atomics.load(this.i32, this.word + (RING_HEAD >> 2)); // A, pairs D, E
    this.#notified = this.tail;
  }

  protected refresh(): void {
    const head = Atomics.load(this.i32, this.word + (RING_HEAD >> 2)); // A, pairs D, E
    // A head that is not between the last one and tail cannot be true.
    if ((this.tail - head) >>> 0 <= (this.tail - this.head) >>> 0) this.head = head;
  }

  protected publish(length: number): void {
    this.tail = (this.tail + length) | 0;
    Atomics.store(this.i32, this.word + (RING_TAIL >> 2), this.tail); // B, pairs C
  }

  /** Whether the consumer asked to be notified of what was submitted since the last call. */
  mustNotify(): boolean {
    const from = this.#notified;
    if (from === this.tail) return false;
    this.#notified = this.tail;
    const threshold = Atomics.load(this.i32, this.word + (RING_DATA_THRESHOLD >> 2)); // F, pairs E
    return crossed(threshold, from, this.tail);
  }

  /** Asks to be notified when so many more bytes are released; false: they already are. */
  arm(room: number): boolean {
    const seen = this.head;
    const threshold = (seen + room - 1) | 0;
    Atomics.store(this.i32, this.word + (RING_ROOM_THRESHOLD >> 2), threshold); // E, pairs F
    this.refresh();
    return !crossed(threshold, seen, this.head);
  }

  /** Bytes submitted and not released. */
  get held(): number {
    this.refresh();
    return (this.tail - this.head) >>> 0;
  }
}

/** Base of the consumers of both kinds. */
export class Consumer {
  protected readonly arena: SharedMemory;
  protected readonly i32: Int32Array;
  protected readonly word: number;
  /** Our position. */
  protected head: number;
  /** The producer's position, as last seen. */
  protected tail: number;
  /** Generation of the buffer that our position is in; a frame ring has only generation 0. */
  protected gen: number;
  #notified: number;
  /** Offset of the bytes that peek() found. */
  offset = 0;

  constructor(arena: SharedMemory, ring: number) {
    this.arena = arena;
    this.i32 = arena.i32;
    this.word = ring >>> 2;
    this.head = Atomics.load(this.i32, this.word + (RING_HEAD >> 2)); // our own D
    this.gen = Atomics.load(this.i32, this.word + (RING_CONS_GEN >> 2)); // our own K
    this.tail = this.head;
    this.#notified = this.head;
    this.refresh();
  }

  protected refresh(): void {
    const tail = Atomics.load(this.i32, this.word + (RING_TAIL >> 2)); // C, pairs B, E
    const gen = Atomics.load(this.i32, this.word + (RING_GEN >> 2)); // J, pairs I
    // Only slots that the producer uses: the other one may be written at this moment.
    const size = Math.max(this.sizeOf(this.gen), this.sizeOf(gen));
    // A tail further ahead than the storage is large cannot be true.
    if ((tail - this.head) >>> 0 > size) this.bad();
    else this.tail = tail;
  }

  /** Size of a generation's buffer. */
  protected sizeOf(gen: number): number {
    return this.i32[this.word + (RING_SIZE >> 2) + (gen & 1)] ?? 0;
  }

  protected bad(): void {
    Atomics.add(this.i32, this.word + (RING_BAD >> 2), 1); // no order: a counter
  }

  protected publish(length: number): void {
    this.head = (this.head + length) | 0;
    Atomics.store(this.i32, this.word + (RING_HEAD >> 2), this.head); // D, pairs A
  }

  /** Whether the producer asked to be notified of what was released since the last call. */
  mustNotify(): boolean {
    const from = this.#notified;
    if (from === this.head) return false;
    this.#notified = this.head;
    const threshold = Atomics.load(this.i32, this.word + (RING_ROOM_THRESHOLD >> 2)); // F, pairs E
    return crossed(threshold, from, this.head);
  }

  /** Asks to be notified when more is submitted; false: more already was. */
  arm(): boolean {
    const seen = this.tail;
    Atomics.store(this.i32, this.word + (RING_DATA_THRESHOLD >> 2), seen); // E, pairs F
    this.refresh();
    return this.tail === seen;
  }

  /** Bytes submitted and not released. */
  get held(): number {
    this.refresh();
    return (this.tail - this.head) >>> 0;
  }
}
