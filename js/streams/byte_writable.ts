// SPDX-License-Identifier: MIT
// byte_writable - the producer's side of a byte ring as a writable stream
//
// Theory of operation
//
// The stream is made when a program first asks for it. A write arrives through the stream, directly
// (js/streams/fast_path.ts), or by zero-copy access (js/streams/byte_access.ts). A write without room goes
// through the stream, whose sink waits for room; so order and backpressure are the stream's.
//
// The other side is notified once for all writes that follow each other in microtasks: in the first
// microtask in which nothing was written, or after BATCH_HOPS of them. So a program that awaits each of
// many small writes pays for one turn a batch, and one that waits for an answer loses two microtasks.

import type { SharedMemory } from '../memory/shared_memory.ts';
import type { ByteProducer } from '../ring.ts';
import { afterEventLoop, nextMicrotask } from '../sched/scheduler.ts';
import { bytesOf } from '../util/bytes.ts';
import { INT32_MAX } from '../util/check.ts';
import { Deferred, handled } from '../util/deferred.ts';
import { type DirectWritable, FastWritable } from './fast_path.ts';

/** Microtasks after which the other side is notified although more is being written. */
const BATCH_HOPS = 256;
/** Bytes after which it is notified in the next microtask. */
const BATCH_BYTES = 64 * 1024;

/** Calls of a ByteWritable to its owner. */
export interface WritableOwner {
  /** A promise to wait for before writing on, or undefined. */
  pause(): Promise<void> | undefined;
  /** The other side waits for bytes, and now there are some; or we wait for room. */
  kick(): void;
  /** The program closed the stream; settles when all has arrived. */
  closed(): Promise<void>;
  /** The program aborted the stream. */
  aborted(reason: unknown): void;
}

/** A write that waits for room. */
interface PendingWrite {
  readonly bytes: Uint8Array;
  done: number;
  readonly over: Deferred;
}

/** A writable stream over the producer's side of a byte ring. */
export class ByteWritable implements DirectWritable {
  readonly memory: SharedMemory;
  readonly ring: ByteProducer;
  readonly #owner: WritableOwner;
  #stream: FastWritable | undefined;
  /** Zero-copy access has the lock; #lock is its writer of a stream that exists. */
  #isHeld = false;
  #lock: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #controller: WritableStreamDefaultController | undefined;
  #pending: PendingWrite | undefined;
  /** ready() of zero-copy access. */
  #ready: Deferred | undefined;
  #isWatching = false;
  #done = false;
  #error: unknown;
  /** A microtask will notify the other side. */
  #isBatching = false;
  /** Something was written since the last microtask of the batch. */
  #isFresh = false;
  #batchBytes = 0;
  #batchHops = 0;

  constructor(memory: SharedMemory, ring: ByteProducer, owner: WritableOwner) {
    this.memory = memory;
    this.ring = ring;
    this.#owner = owner;
  }

  /** The stream; locked while zero-copy access has the lock. */
  get stream(): WritableStream<Uint8Array> {
    if (this.#stream) return this.#stream;
    const isClosed = this.#done && this.#error === undefined;
    this.#stream = FastWritable.over(
      {
        start: (controller) => {
          this.#controller = controller;
          if (this.#error !== undefined) controller.error(this.#error);
        },
        write: (chunk) => this.#write(this.#check(chunk)),
        close: () => {
          this.#done = true;
          return this.#closed();
        },
        abort: (reason) => this.#abort(reason),
      },
      this,
    );
    if (isClosed) this.#stream.close();
    if (this.#isHeld) this.#lock = this.#stream.lock();
    return this.#stream;
  }

  /** Locks the stream, or the one that will be made; throws a TypeError if it is locked. */
  lock(): void {
    if (this.#isHeld) throw new TypeError('Cannot lock a stream that is locked');
    this.#lock = this.#stream?.lock();
    this.#isHeld = true;
  }

  /** Undoes lock(). */
  unlock(): void {
    this.#isHeld = false;
    this.#lock?.releaseLock();
    this.#lock = undefined;
  }

  get isLocked(): boolean {
    return this.#isHeld || (this.#stream?.locked ?? false);
  }

  /** Settles when the writes that came before lock() are over; undefined: they are. */
  get behind(): Promise<unknown> | undefined {
    return this.#lock && this.#lock.desiredSize !== 1 ? this.#lock.ready : undefined;
  }

  /** The error of the stream, or undefined. */
  get error(): unknown {
    return this.#error;
  }

  /** Nothing can be written any more. */
  get done(): boolean {
    return this.#done;
  }

  /** Settles when the write that waits for room is over, if there is one. */
  get idle(): Promise<void> | undefined {
    return this.#pending?.over.promise.catch(() => {});
  }

  pause(): Promise<void> | undefined {
    return this.#owner.pause();
  }

  /** Closes the ring for the stream. Most closes are over before the event loop runs: those need no watch, which costs 3 us. */
  async #closed(): Promise<void> {
    let isOver = false;
    afterEventLoop(() => {
      if (!isOver) this.#watchAbort();
    });
    try {
      await this.#owner.closed();
    } finally {
      isOver = true;
    }
  }

  /** Sees an abort at once: the stream would call abort() only after the write that is in flight. */
  #watchAbort(): void {
    const signal = this.#isWatching ? undefined : this.#controller?.signal;
    this.#isWatching = true;
    if (signal?.aborted) this.#abort(signal.reason);
    else signal?.addEventListener('abort', () => this.#abort(signal.reason));
  }

  /** Closes the stream, which only lock() may have locked; settles when all has arrived. */
  close(): Promise<void> {
    if (this.#stream) return handled((this.#lock ?? this.#stream).close());
    if (this.#done) {
      return handled(Promise.reject(new TypeError('Cannot close: the stream is closed')));
    }
    this.#done = true;
    return handled(this.#owner.closed());
  }

  /** The bytes of a chunk. One that has none fails the stream: half a message must not end well. */
  #check(chunk: unknown): Uint8Array {
    try {
      return bytesOf(chunk);
    } catch (error) {
      this.#abort(error);
      throw error;
    }
  }

  #write(bytes: Uint8Array): Promise<void> | undefined {
    const done = this.#put(bytes);
    if (done === bytes.length) return this.#owner.pause();
    const over = new Deferred();
    this.#pending = { bytes, done, over };
    this.#watchAbort();
    this.#awaitRoom(bytes.length - done);
    return over.promise;
  }

  writeDirect(chunk: Uint8Array): Uint8Array | undefined {
    if (!(chunk instanceof Uint8Array)) return chunk;
    const done = this.#put(chunk);
    return done === chunk.length ? undefined : chunk.subarray(done);
  }

  /** Copies into the ring as much as fits, and notifies the other side; returns how much. */
  #put(bytes: Uint8Array): number {
    const done = this.#fill(bytes, 0);
    this.notifySoon(done);
    return done;
  }

  /** Copies into the ring as much as fits now; returns the position it reached. */
  #fill(bytes: Uint8Array, from: number): number {
    let done = from;
    while (done < bytes.length) {
      const room = this.ring.reserve(bytes.length - done);
      if (room === 0) break;
      this.memory.copyIn(this.ring.offset, bytes, done, room);
      this.ring.submit(room);
      done += room;
    }
    return done;
  }

  /** Notifies the other side of so many bytes more, soon. */
  notifySoon(bytes: number): void {
    this.#batchBytes += bytes;
    this.#isFresh = true;
    if (this.#isBatching || !this.ring.mustNotify()) return;
    this.#isBatching = true;
    this.#batchBytes = bytes;
    this.#batchHops = 0;
    nextMicrotask(this.#endBatch);
  }

  readonly #endBatch = (): void => {
    if (this.#isFresh && this.#batchBytes < BATCH_BYTES && this.#batchHops++ < BATCH_HOPS) {
      this.#isFresh = false;
      nextMicrotask(this.#endBatch);
      return;
    }
    this.#isBatching = false;
    if (!this.#done) this.#owner.kick();
  };

  /** Room at which a write of so many bytes goes on. */
  #threshold(bytes: number): number {
    // 1/16 of the buffer: waiting for more leaves the send window idle on links with delay.
    return Math.max(1, Math.min(bytes, this.ring.size >> 4));
  }

  /** Asks to be notified of room for so many bytes, or goes on if there is some. */
  #awaitRoom(bytes: number): void {
    this.ring.want(Math.min(bytes, INT32_MAX));
    const isArmed = this.ring.arm(this.#threshold(bytes));
    this.#owner.kick();
    if (!isArmed) this.retry();
  }

  /** Whether zero-copy access need not wait to write so many bytes. */
  hasRoom(bytes: number): boolean {
    this.ring.follow();
    return this.ring.size - this.ring.held >= this.#threshold(bytes);
  }

  /** Waits for zero-copy access, until there may be room. */
  wait(bytes: number): Promise<void> {
    this.#ready ??= new Deferred();
    const { promise } = this.#ready;
    this.#awaitRoom(bytes);
    return promise;
  }

  /** Fails a wait() that waits. */
  cancelWait(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
  }

  /** Goes on with the write that waits, if there is room. */
  retry(): void {
    const write = this.#pending;
    if (!write) {
      this.ring.follow();
      this.#ready?.resolve();
      this.#ready = undefined;
      return;
    }
    write.done = this.#fill(write.bytes, write.done);
    if (write.done < write.bytes.length) {
      this.#awaitRoom(write.bytes.length - write.done);
      return;
    }
    this.#pending = undefined;
    this.ring.want(0);
    if (this.ring.mustNotify()) this.#owner.kick();
    write.over.resolve();
  }

  #abort(reason: unknown): void {
    this.#done = true;
    this.#error ??= reason;
    this.#failWaiting(reason);
    this.#owner.aborted(reason);
  }

  /** Fails the write and the wait() that wait. */
  #failWaiting(error: unknown): void {
    this.#pending?.over.reject(error);
    this.#pending = undefined;
    this.cancelWait(error);
  }

  /** Fails the stream and the write that waits; the ring is not written any more. */
  fail(error: unknown): void {
    if (!this.#done) {
      this.#error = error;
      this.#controller?.error(error);
    }
    this.#done = true;
    this.#failWaiting(error);
  }
}
