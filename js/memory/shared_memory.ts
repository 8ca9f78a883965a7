// SPDX-License-Identifier: MIT
// shared_memory - a shared memory as one thread sees it: views, copies in and out
//
// Theory of operation
//
// Copies: JavaScript engines copy to and from shared memory byte by byte unless source and
// destination are congruent mod 8 (DESIGN section 4), five times slower. A copy that is not goes
// through a private buffer at a place congruent to the shared side: between private memory any
// offset is fast. That takes a second copy, and neither wasm nor memory of the arena, so that a
// thread which has only the memory can do it.

/** Below this a byte-by-byte copy is cheaper than a detour. */
const SMALL_COPY = 192;
/** Bytes that take the detour at once: they shall still be in the first-level cache on the way back. */
const BOUNCE = 16384;

/** The detour's buffer at each of the eight places mod 8; made when it is first needed. */
let bounces: readonly Uint8Array[] | undefined;

/** The detour's buffer, at a place congruent mod 8 to an offset. */
function bounceAt(offset: number): Uint8Array {
  if (!bounces) {
    const buffer = new ArrayBuffer(BOUNCE + 8);
    bounces = Array.from({ length: 8 }, (_, skew) => new Uint8Array(buffer, skew, BOUNCE));
  }
  return bounces[offset & 7] as Uint8Array;
}

/** The views that this thread has on memories, by id. */
const memories = new Map<string, WeakRef<SharedMemory>>();
const collected = new FinalizationRegistry<string>((id) => {
  if (!memories.get(id)?.deref()) memories.delete(id);
});

/** A shared memory as one thread sees it: views, and copies in and out. */
export class SharedMemory {
  readonly memory: WebAssembly.Memory;
  /** Names the memory in every thread; two views on one memory have the same. */
  readonly id: string;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly view: DataView;
  #copied = 0;
  #whenShared: Set<() => void> | undefined = new Set();

  constructor(memory: WebAssembly.Memory, id: string) {
    this.memory = memory;
    this.id = id;
    this.u8 = new Uint8Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    // Every public object leads here: who prints or compares one shall not go through all these bytes.
    for (const key of ['u8', 'i32', 'view']) {
      Object.defineProperty(this, key, { enumerable: false });
    }
    memories.set(id, new WeakRef(this));
    collected.register(this, id);
  }

  /** The view that this thread has on a memory already, or a new one. */
  static of(memory: WebAssembly.Memory, id: string): SharedMemory {
    return memories.get(id)?.deref() ?? new SharedMemory(memory, id);
  }

  /** Other threads use the memory from now on: they ring bells of this one. */
  markShared(): void {
    const callbacks = this.#whenShared;
    this.#whenShared = undefined;
    for (const callback of callbacks ?? []) callback();
  }

  /** Has a function called as soon as other threads use it; returns what takes that back. */
  whenShared(callback: () => void): () => void {
    const callbacks = this.#whenShared;
    if (callbacks) callbacks.add(callback);
    else callback();
    return () => callbacks?.delete(callback);
  }

  /** Bytes of the whole memory. */
  get size(): number {
    return this.u8.length;
  }

  /** Bytes copied in and out, detours counted. */
  get bytesCopied(): number {
    return this.#copied;
  }

  /** Copies private bytes into the shared memory. */
  copyIn(to: number, from: Uint8Array, start: number, length: number): void {
    const isWhole = start === 0 && length === from.length;
    this.#copied += length;
    if (length < SMALL_COPY || ((from.byteOffset + start - to) & 7) === 0) {
      this.u8.set(isWhole ? from : from.subarray(start, start + length), to);
      return;
    }
    this.#copied += length;
    const bounce = bounceAt(to);
    for (let done = 0; done < length; done += BOUNCE) {
      const step = Math.min(BOUNCE, length - done);
      bounce.set(from.subarray(start + done, start + done + step));
      this.u8.set(step === BOUNCE ? bounce : bounce.subarray(0, step), to + done);
    }
  }

  /** Copies bytes of the shared memory into private memory. */
  copyOut(from: number, to: Uint8Array, start: number, length: number): void {
    this.#copied += length;
    if (length < SMALL_COPY || ((to.byteOffset + start - from) & 7) === 0) {
      to.set(this.u8.subarray(from, from + length), start);
      return;
    }
    this.#copied += length;
    const bounce = bounceAt(from);
    for (let done = 0; done < length; done += BOUNCE) {
      const step = Math.min(BOUNCE, length - done);
      bounce.set(this.u8.subarray(from + done, from + done + step));
      to.set(step === BOUNCE ? bounce : bounce.subarray(0, step), start + done);
    }
  }
}
