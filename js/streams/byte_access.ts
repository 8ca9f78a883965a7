// SPDX-License-Identifier: MIT
// byte_access - zero-copy access to the rings of a connection (js/api/zero_copy.ts)
//
// Each object holds the lock of its stream. Before it touches the ring it asks the stream's side
// (js/streams/byte_readable.ts, byte_writable.ts) whether that is done: then the ring may be freed.

import type { ByteRingReader, ByteRingWriter } from '../api/zero_copy.ts';
import { NetError } from '../errors.ts';
import { checkCount, INT32_MAX } from '../util/check.ts';
import { handled } from '../util/deferred.ts';
import type { ByteReadable } from './byte_readable.ts';
import type { ByteWritable } from './byte_writable.ts';
import { released } from './lock.ts';

const EMPTY = new Uint8Array(0);

/** peek() and release() on what a connection receives. */
export class RingReader implements ByteRingReader {
  readonly #side: ByteReadable;
  #isReleased = false;
  #peeked = 0;

  /** Locks the stream of a side; throws a TypeError if it is locked. */
  constructor(side: ByteReadable) {
    this.#side = side;
    side.lock();
  }

  ready(): Promise<boolean> {
    if (this.#isReleased) return Promise.reject(released('read'));
    if (this.#side.rest.length > 0) return Promise.resolve(true);
    return this.#side.hasLeftovers ? this.#takeLeftovers() : this.#side.wait();
  }

  async #takeLeftovers(): Promise<boolean> {
    await this.#side.takeLeftovers();
    return this.ready();
  }

  peek(): Uint8Array {
    if (this.#isReleased) throw released('read');
    const { done, error, memory, rest, ring } = this.#side;
    if (rest.length > 0) return rest;
    this.#peeked = 0;
    if (!done) this.#peeked = ring.peek();
    else if (error !== undefined) throw error;
    return this.#peeked === 0 ? EMPTY : memory.u8.subarray(ring.offset, ring.offset + this.#peeked);
  }

  release(length: number): void {
    if (this.#isReleased) throw released('read');
    const { done, error, rest, ring } = this.#side;
    checkCount('release', length, 0, rest.length || this.#peeked);
    if (rest.length > 0) {
      this.#side.releaseRest(length);
      return;
    }
    if (done) throw error ?? new NetError('ECONNABORTED', 'Cannot read from a closed connection');
    ring.release(length);
    this.#peeked -= length;
    this.#side.kick();
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#side.cancelWait(released('read'));
    this.#side.unlock();
  }
}

/** reserve() and submit() on what a connection sends. */
export class RingWriter implements ByteRingWriter {
  readonly #side: ByteWritable;
  #isReleased = false;
  #reserved = 0;

  /** Locks the stream of a side; throws a TypeError if it is locked. */
  constructor(side: ByteWritable) {
    this.#side = side;
    side.lock();
  }

  #check(): void {
    if (this.#isReleased) throw released('write');
    const { done, error } = this.#side;
    if (done) throw error ?? new NetError('EPIPE', 'Cannot write to a closed connection');
  }

  async ready(least = 1): Promise<void> {
    checkCount('wait for', least, 1, Number.MAX_SAFE_INTEGER);
    for (;;) {
      this.#check();
      const { behind } = this.#side;
      if (!behind && this.#side.hasRoom(least)) return;
      await (behind ?? this.#side.wait(least));
    }
  }

  reserve(want: number): Uint8Array {
    checkCount('reserve', want, 1, Number.MAX_SAFE_INTEGER);
    this.#check();
    this.#reserved = 0;
    if (this.#side.behind) return EMPTY;
    const { memory, ring } = this.#side;
    this.#reserved = ring.reserve(want);
    ring.want(this.#reserved < want ? Math.min(want, INT32_MAX) : 0);
    return memory.u8.subarray(ring.offset, ring.offset + this.#reserved);
  }

  submit(length: number): void {
    this.#check();
    checkCount('submit', length, 0, this.#reserved);
    this.#reserved = 0;
    this.#side.ring.submit(length);
    this.#side.notifySoon(length);
  }

  cancel(): void {
    this.#reserved = 0;
    if (!this.#isReleased && !this.#side.done) this.#side.ring.cancel();
  }

  close(): Promise<void> {
    if (this.#isReleased) return handled(Promise.reject(released('close')));
    this.cancel();
    return this.#side.close();
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.cancel();
    this.#isReleased = true;
    if (!this.#side.done) this.#side.ring.want(0);
    this.#side.cancelWait(released('write'));
    this.#side.unlock();
  }
}
