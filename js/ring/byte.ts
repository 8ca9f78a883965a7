// SPDX-License-Identifier: MIT
// byte - the two ends of a byte ring; twin: core/ring.c
//
// A byte ring may change its buffer while it is in use (letters G to L of core/ring_resize.h). The producer moves to
// a new buffer as soon as C offers one; the consumer follows when it has read what lies in the old one.

import {
  RING_BUF,
  RING_CONS_GEN,
  RING_GEN,
  RING_OFFERED,
  RING_SIZE,
  RING_SWITCH_POS,
  RING_WANT,
} from '../abi.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { checkCount } from '../util/check.ts';
import { Consumer, Producer } from './ends.ts';

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

  /** Moves to the buffer that was offered, if one was; not while room in the present one is reserved. */
  follow(): void {
    if (this.#reserved === 0) this.#adopt();
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

  /** Cancels what was reserved. */
  cancel(): void {
    this.#reserved = 0;
  }

  /** Tells the other side how much room the next write waits for, so that it may grow the ring. */
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
