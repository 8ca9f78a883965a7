// SPDX-License-Identifier: MIT
// byte_readable - the consumer's side of a byte ring as a readable byte stream
//
// Theory of operation
//
// The stream is made when a program first asks for it. A read arrives in one of three ways:
//
// - through the stream (BYOB readers, pipeTo(), tee()): the stream calls pull(), which is answered from
//   the ring with respond() or enqueue();
// - directly, by readers with the fast path (js/streams/fast_path.ts) and by the connection's own
//   iterator: readDirect() takes a chunk out of the ring, or the read waits here;
// - by zero-copy access (js/streams/byte_access.ts): wait() resolves when peek() has bytes.
//
// Zero-copy access and the iterator lock the stream without making one, since that takes longer than a
// short connection lasts. A stream that is made while they hold the lock is locked by a reader of ours.
//
// Leftovers: if a BYOB read was given up with its lock, the bytes that answer it stay in the stream.
// They come before those of the ring, and the stream ends behind them: while there are any, close() or
// error() of the stream is left to the next pull().
//
// States: open; ended or failed with bytes in the ring, which are still delivered; done: the ring is not
// touched again, since the owner may free it.

import type { SharedMemory } from '../memory/shared_memory.ts';
import type { ByteConsumer } from '../ring.ts';
import { newChunk } from '../util/aligned_copy.ts';
import { Deferred } from '../util/deferred.ts';
import { type Chunk, fillFromRing } from './chunk.ts';
import { type DirectReadable, FastReadable } from './fast_path.ts';
import type { ChunkReader } from './iterate.ts';
import { released } from './lock.ts';

/**
 * Largest chunk for a default reader. Larger ones cost more for each byte: malloc() maps and unmaps
 * their memory, and the system clears it page by page.
 */
const CHUNK_MOST = 64 * 1024;
const EMPTY: Chunk = new Uint8Array(0);

/** WebKit has no byte streams: there the stream is a plain one, without BYOB readers. */
const KIND = typeof ReadableByteStreamController === 'function' ? { type: 'bytes' as const } : {};

/** Calls of a ByteReadable to its owner. */
export interface ReadableOwner {
  /** A promise to wait for before reading on, or undefined. */
  pause(): Promise<void> | undefined;
  /** The other side waits for room, and now there is some. */
  kick(): void;
  /** The stream has ended, or its error was delivered: the ring is not read any more. */
  finished(): void;
  /** The program cancelled the stream. */
  cancelled(reason: unknown): void;
}

type Result = ReadableStreamReadResult<Chunk>;
/** A direct read that waits. */
interface Read {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** A readable byte stream over the consumer's side of a byte ring. */
export class ByteReadable implements DirectReadable {
  readonly memory: SharedMemory;
  readonly ring: ByteConsumer;
  readonly #owner: ReadableOwner;
  #stream: FastReadable | undefined;
  /** Zero-copy access or an iterator has the lock; #lock is its reader of a stream that exists. */
  #isHeld = false;
  #lock: ReadableStreamDefaultReader<Chunk> | undefined;
  #controller: ReadableByteStreamController | undefined;
  /** The stream has a read that waits. */
  #wanted = false;
  /** The BYOB reader of that read released its lock, but the stream still has its view. */
  #isAbandoned = false;
  /** A default reader has the lock. */
  #hasDefault = false;
  /** Leftovers that zero-copy access took out of the stream. */
  #rest = EMPTY;
  /** Leftovers are being taken out. */
  #isTaking = false;
  /** Direct reads that wait, oldest first. */
  #reads: Read[] = [];
  /** ready() of zero-copy access. */
  #ready: Deferred<boolean> | undefined;
  #ended = false;
  #done = false;
  #error: unknown;

  constructor(memory: SharedMemory, ring: ByteConsumer, owner: ReadableOwner) {
    this.memory = memory;
    this.ring = ring;
    this.#owner = owner;
  }

  /** The stream; locked while zero-copy access or an iterator has the lock. */
  get stream(): ReadableStream<Chunk> {
    if (this.#stream) return this.#stream;
    this.#stream = FastReadable.over(
      {
        ...KIND,
        start: (controller) => {
          this.#controller = controller as ReadableByteStreamController;
          if (this.#done) this.#close();
        },
        pull: () => this.#pull(),
        cancel: (reason) => {
          this.#done = true;
          this.#settle();
          this.#owner.cancelled(reason);
        },
      } as UnderlyingSource<Chunk>,
      this,
    );
    if (this.#isHeld) this.#lock = this.#stream.lock();
    return this.#stream;
  }

  /** Locks the stream, or the one that will be made; throws a TypeError if it is locked. */
  lock(): void {
    if (this.#isHeld) throw new TypeError('Cannot lock a stream that is locked');
    this.#lock = this.#stream?.lock();
    this.#isHeld = true;
    // A read that waited was given up with its lock; unlock() sees whether the stream has its view.
    this.#wanted = false;
  }

  /** Undoes lock(). */
  unlock(): void {
    this.#isHeld = false;
    this.#lock?.releaseLock();
    this.#lock = undefined;
    this.#putBack();
    this.onByobReleased();
  }

  /** A reader for an iterator, which needs no stream if there is none yet. */
  getReader(): ChunkReader<Chunk> {
    if (this.#stream) return this.#stream.getReader();
    this.lock();
    let isReleased = false;
    return {
      read: () => (isReleased ? Promise.reject(released('read')) : this.#take()),
      releaseLock: () => {
        if (isReleased) return;
        isReleased = true;
        this.#rejectReads();
        this.unlock();
      },
    };
  }

  /** The stream has ended one way or another. */
  get done(): boolean {
    return this.#done;
  }

  /** The error of the stream, or undefined. */
  get error(): unknown {
    return this.#error;
  }

  /** Leftovers that were taken out of the stream, for zero-copy access to read. */
  get rest(): Chunk {
    return this.#rest;
  }

  /** Releases the first bytes of rest. */
  releaseRest(length: number): void {
    this.#rest = this.#rest.subarray(length);
  }

  /** There are leftovers in the stream. */
  get hasLeftovers(): boolean {
    return this.#isTaking || (this.#controller?.desiredSize ?? 0) < 0;
  }

  /** Takes leftovers out of the stream, which lock() has locked, into rest. */
  async takeLeftovers(): Promise<void> {
    this.#isTaking = true;
    const result = await this.#lock?.read();
    this.#isTaking = false;
    if (!this.#done || this.#error === undefined) this.#rest = result?.value ?? EMPTY;
    if (this.#isHeld) return;
    this.#putBack();
    this.retry();
  }

  /** Puts what zero-copy access did not release back into the stream, or ends the stream behind it. */
  #putBack(): void {
    const rest = this.#rest;
    this.#rest = EMPTY;
    if (rest.length > 0) {
      this.#wanted = false;
      this.#controller?.enqueue(rest);
    } else if (this.#done) {
      this.#close();
    }
  }

  /** The stream has a read and no bytes of its own. */
  #pull(): void {
    if (this.#done) {
      this.#close();
      return;
    }
    this.#wanted = true;
    this.#retryAfter(this.#owner.pause());
  }

  onDefaultReader(): void {
    this.#hasDefault = true;
  }

  onDefaultReleased(): void {
    this.#hasDefault = false;
    this.#rejectReads();
  }

  onByobReleased(): void {
    if (this.#done || !this.#controller?.byobRequest) return;
    // Reads that come after it wait until it is answered, and pull() may not be called for it again.
    this.#isAbandoned = true;
    this.#wanted = true;
    this.retry();
  }

  /** Fails the direct reads that wait: their reader released its lock. */
  #rejectReads(): void {
    const reads = this.#reads;
    this.#reads = [];
    for (const read of reads) read.reject(released('read'));
  }

  readDirect(): Promise<Result> | undefined {
    // A desiredSize other than 0 means bytes in the stream, or an error.
    const isBusy =
      this.#done || this.#wanted || this.#isTaking || this.#controller?.desiredSize !== 0;
    return isBusy ? undefined : this.#take();
  }

  /** Takes a chunk out of the ring, or waits for one. */
  #take(): Promise<Result> {
    let pause: Promise<void> | undefined;
    if (this.#reads.length === 0 && !this.#done) {
      const length = this.ring.peek();
      if (length > 0) {
        pause = this.#owner.pause();
        if (!pause) return Promise.resolve({ done: false, value: this.#cut(length) });
      }
    }
    return new Promise((resolve, reject) => {
      this.#reads.push({ resolve, reject });
      if (this.#done) this.#settle();
      else if (this.#reads.length === 1) this.#retryAfter(pause);
    });
  }

  #retryAfter(pause: Promise<void> | undefined): void {
    if (pause) void pause.then(() => this.retry());
    else this.retry();
  }

  /** Waits for zero-copy access: true: there are bytes, false: no more will come. */
  wait(): Promise<boolean> {
    if (!this.#done && this.ring.peek() > 0) return Promise.resolve(true);
    this.#ready ??= new Deferred();
    const { promise } = this.#ready;
    if (this.#done) this.#settle();
    else this.retry();
    return promise;
  }

  /** Fails a wait() that waits. */
  cancelWait(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
  }

  /** Answers the reads that wait as far as the ring can; asks to be notified of more. */
  retry(): void {
    while (!this.#done) {
      const length = this.ring.peek();
      if (length > 0) {
        const read = this.#reads.shift();
        if (!read) {
          this.#answer(length);
          return;
        }
        read.resolve({ done: false, value: this.#cut(length) });
        if (this.#reads.length === 0 && !this.#wanted) return;
      } else if (this.#ended || this.#error !== undefined) {
        this.#finish();
      } else if (this.ring.arm()) {
        return;
      }
    }
  }

  /** Answers the stream or zero-copy access: the ring has bytes. */
  #answer(length: number): void {
    this.#ready?.resolve(true);
    this.#ready = undefined;
    if (this.#wanted && !this.#isTaking) this.#deliver(length);
  }

  /** Takes a chunk out of the ring, which has so many contiguous bytes, and maybe more behind its end. */
  #cut(length: number): Chunk {
    const { ring } = this;
    const size = Math.min(CHUNK_MOST, length < CHUNK_MOST ? ring.held : length);
    const chunk = newChunk(size, ring.offset);
    const done = this.#fill(chunk, length);
    return done === size ? chunk : chunk.fill(0, done).subarray(0, done);
  }

  #fill(view: Uint8Array, first: number): number {
    const done = fillFromRing(view, first, this.memory, this.ring);
    this.kick();
    return done;
  }

  #deliver(length: number): void {
    const controller = this.#controller as ReadableByteStreamController;
    this.#wanted = false;
    // Bytes in the view of an abandoned read would not answer a default read that came after it.
    const request = this.#isAbandoned && this.#hasDefault ? null : controller.byobRequest;
    this.#isAbandoned = false;
    if (request?.view) {
      const { buffer, byteOffset, byteLength } = request.view;
      request.respond(this.#fill(new Uint8Array(buffer, byteOffset, byteLength), length));
    } else {
      controller.enqueue(this.#cut(length));
    }
  }

  /** Notifies the other side of room, if it waits for some. */
  kick(): void {
    if (this.ring.mustNotify()) this.#owner.kick();
  }

  #finish(): void {
    this.#done = true;
    if (!this.hasLeftovers && this.#rest.length === 0) this.#close();
    this.#settle();
    this.#owner.finished();
  }

  /** Closes or fails the stream, if there is one. */
  #close(): void {
    const controller = this.#controller;
    if (!controller || this.#isTaking) return;
    this.#controller = undefined; // once: closing again would throw, which costs a stack trace
    if (this.#error !== undefined) {
      controller.error(this.#error);
      return;
    }
    try {
      controller.close();
      controller.byobRequest?.respond(0);
    } catch {
      // It ended within an element of the view that waits: close() has failed that read.
    }
  }

  /** Answers all reads that wait: nothing comes any more. */
  #settle(): void {
    const reads = this.#reads;
    const ready = this.#ready;
    this.#reads = [];
    this.#ready = undefined;
    if (this.#error !== undefined) {
      for (const read of reads) read.reject(this.#error);
      ready?.reject(this.#error);
    } else {
      for (const read of reads) read.resolve({ done: true, value: undefined });
      ready?.resolve(false);
    }
  }

  /** No more bytes come after those in the ring. */
  end(): void {
    this.#ended = true;
    this.retry();
  }

  /** The stream fails when what is in the ring has been read; after end() it ends, whatever came behind that. */
  fail(error: unknown): void {
    if (!this.#ended) this.#error ??= error;
    this.retry();
  }

  /** Ends (no error) or fails the stream now; what is in the ring is not read. */
  stop(error?: unknown): void {
    if (this.#done) return;
    this.#error ??= error;
    this.#rest = EMPTY;
    this.#finish();
    this.#close();
  }
}
