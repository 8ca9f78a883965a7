// SPDX-License-Identifier: MIT
// frames - copies of frames, and a queue of them
//
// JavaScript engines copy to and from shared memory byte by byte unless source and destination are
// congruent mod 8 (js/memory/shared_memory.ts), five times slower. So private copies are made congruent, and
// into a ring's slot a frame goes through a private buffer that is.

/** Below this a byte-by-byte copy is cheaper than a detour. */
const SMALL_COPY = 192;
/** Longer than any frame. */
const BOUNCE = 65_600;

/** The detour, at each of the eight places mod 8; made when it is first needed. */
let bounce: ArrayBuffer | undefined;

const isShared = ({ buffer }: Uint8Array): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;

/** Copies a frame to where it goes, one of the two in shared memory at the most. */
export function copyInto(to: Uint8Array, frame: Uint8Array): void {
  const { length } = frame;
  if (length < SMALL_COPY || length > BOUNCE || ((frame.byteOffset - to.byteOffset) & 7) === 0) {
    to.set(frame);
    return;
  }
  const shared = isShared(frame) ? frame : to;
  bounce ??= new ArrayBuffer(BOUNCE + 8);
  const detour = new Uint8Array(bounce, shared.byteOffset & 7, length);
  detour.set(frame);
  to.set(detour);
}

/** A copy of a frame in memory of its own. */
export function copyOf(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = frame;
  const skew = length < SMALL_COPY ? 0 : frame.byteOffset & 7;
  const copy = new Uint8Array(new ArrayBuffer(length + skew), skew, length);
  copy.set(frame);
  return copy;
}

/** First in, first out, without moving what waits at every step. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The oldest. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the newest back, if it is this one. */
  takeBack(item: T): boolean {
    if (this.length === 0 || this.#items.at(-1) !== item) return false;
    this.#items.pop();
    return true;
  }

  shift(): T | undefined {
    const item = this.#items[this.#head++];
    if (this.#head >= this.#items.length) this.clear();
    else if (this.#head > 512 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
