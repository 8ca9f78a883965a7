// SPDX-License-Identifier: MIT
// shared_memory - a shared memory as one thread sees it: views, copies in and out
//
// Theory of operation
//
// Each thread has one SharedMemory for a memory, found by its id. Copies go through
// js/util/aligned_copy.ts, which is what makes them fast, and are counted.

import { copyAligned } from '../util/aligned_copy.ts';

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
    // Every public object leads here. Printing or comparing one must not go through all these bytes.
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

  /** Other threads use the memory from now on: they ring doorbells of this thread. */
  markShared(): void {
    const callbacks = this.#whenShared;
    this.#whenShared = undefined;
    for (const callback of callbacks ?? []) callback();
  }

  /** Calls a function as soon as other threads use it; returns a function that undoes that. */
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

  /** Bytes copied in and out; a copy through the private buffer counts twice. */
  get bytesCopied(): number {
    return this.#copied;
  }

  /** Copies private bytes into the shared memory. */
  copyIn(to: number, from: Uint8Array, start: number, length: number): void {
    this.#copied += copyAligned(this.u8, to, from, start, length, to);
  }

  /** Copies bytes of the shared memory into private memory. */
  copyOut(from: number, to: Uint8Array, start: number, length: number): void {
    this.#copied += copyAligned(to, start, this.u8, from, length, from);
  }
}
