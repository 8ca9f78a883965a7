// SPDX-License-Identifier: MIT
// byte_writable - the producer's side of a byte ring as a writable stream
//
// Theory of operation
//
// The stream is made when somebody first asks for it. A write reaches us through the stream, or
// directly: getWriter() gives the standard writer a write() of its own that copies into the ring
// while the stream is idle. What finds no room, and whatever comes while the stream is busy, goes
// through the stream, whose sink waits for room; so order and backpressure are the stream's.
//
// The other side is told of new bytes once for all writes that follow each other in microtasks: in
// the first microtask in which nothing was written, or after LINGER of them. Whoever awaits each of
// many small writes thereby costs a turn a batch, and whoever waits for an answer two microtasks.

import type { SharedMemory } from '../memory/shared_memory.ts';
import type { ByteProducer } from '../ring.ts';
import { nextMicrotask } from '../sched/scheduler.ts';
import { bytesOf } from '../util/bytes.ts';
import { Deferred } from '../util/deferred.ts';

/** Microtasks after which the other side is told of bytes though more keep coming. */
const LINGER = 256;
/** Bytes that are told at once. */
const PLENTY = 64 * 1024;

/** What a ByteWritable needs of its owner. */
export interface WritableOwner {
  /** What to wait for before writing on. */
  pause(): Promise<void> | undefined;
  /** The other side waits for bytes, and now there are some; or we wait for room. */
  kick(): void;
  /** The user closed the stream: settles when all has arrived. */
  closed(): Promise<void>;
  /** The user aborted it. */
  aborted(reason: unknown): void;
}

/** A write that waits for room. */
interface PendingWrite {
  readonly bytes: Uint8Array;
  done: number;
  readonly over: Deferred;
}

/** The stream: its writers write directly. */
class QuickWritable extends WritableStream<Uint8Array> {
  readonly #side: ByteWritable;

  constructor(sink: UnderlyingSink<Uint8Array>, side: ByteWritable) {
    super(sink);
    this.#side = side;
  }

  override getWriter(): WritableStreamDefaultWriter<Uint8Array> {
    const writer = super.getWriter();
    this.#side.quicken(writer);
    return writer;
  }

  /** A writer that only holds the lock. */
  lock(): WritableStreamDefaultWriter<Uint8Array> {
    return super.getWriter();
  }
}

/** A writable stream over the producer's side of a byte ring. */
export class ByteWritable {
  readonly memory: SharedMemory;
  readonly ring: ByteProducer;
  readonly #owner: WritableOwner;
  #stream: QuickWritable | undefined;
  /** The verbs have the lock; #lock is theirs on a stream there is. */
  #isHeld = false;
  #lock: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #controller: WritableStreamDefaultController | undefined;
  #pending: PendingWrite | undefined;
  /** ready() of the verbs. */
  #ready: Deferred | undefined;
  #isWatching = false;
  #done = false;
  #error: unknown;
  /** A microtask will tell the other side. */
  #telling = false;
  /** Since the last of them something was written. */
  #isFresh = false;
  #untold = 0;
  #hops = 0;

  constructor(memory: SharedMemory, ring: ByteProducer, owner: WritableOwner) {
    this.memory = memory;
    this.ring = ring;
    this.#owner = owner;
  }

  get stream(): WritableStream<Uint8Array> {
    return this.#open();
  }

  /** Locks the stream, or what will be it; throws a TypeError if it is locked. */
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

  /** What the stream failed with, or undefined. */
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

  #open(): QuickWritable {
    if (this.#stream) return this.#stream;
    const isClosed = this.#done && this.#error === undefined;
    this.#stream = new QuickWritable(
      {
        start: (controller) => {
          this.#controller = controller;
          if (this.#error !== undefined) controller.error(this.#error);
        },
        write: (chunk) => this.#write(this.#check(chunk)),
        close: () => {
          this.#done = true;
          this.#watch();
          return this.#owner.closed();
        },
        abort: (reason) => this.#abort(reason),
      },
      this,
    );
    if (isClosed) this.#stream.close().catch(() => {});
    if (this.#isHeld) this.#lock = this.#stream.lock();
    return this.#stream;
  }

  /** Sees an abort at once: the stream would wait for what is in flight before it calls abort(). */
  #watch(): void {
    const signal = this.#isWatching ? undefined : this.#controller?.signal;
    this.#isWatching = true;
    signal?.addEventListener('abort', () => this.#abort(signal.reason));
  }

  /** Closes the stream, which only lock() may have locked; settles when all has arrived. */
  async close(): Promise<void> {
    if (this.#stream) return (this.#lock ?? this.#stream).close();
    if (this.#done) throw new TypeError('Cannot close: the stream is closed');
    this.#done = true;
    return this.#owner.closed();
  }

  /** Gives a writer a write() that goes to the ring while the stream is idle. */
  quicken(writer: WritableStreamDefaultWriter<Uint8Array>): void {
    const { write, close, releaseLock } = writer;
    let isClosing = false;
    writer.write = (chunk) => {
      if ((isClosing || this.#done) && this.#error === undefined) {
        // Node 20 throws an internal assertion here when the stream is closed.
        return Promise.reject(new TypeError('Cannot write: the stream is closed'));
      }
      // Idle: nothing queued or on its way, not errored.
      if (this.#done || !(chunk instanceof Uint8Array) || writer.desiredSize !== 1) {
        return write.call(writer, chunk);
      }
      const done = this.#fill(chunk, 0);
      this.tell(done);
      if (done === chunk.length) return this.#owner.pause() ?? Promise.resolve();
      return write.call(writer, chunk.subarray(done));
    };
    writer.close = () => {
      isClosing = true;
      return close.call(writer);
    };
    writer.releaseLock = () => {
      Object.assign(writer, { write, close, releaseLock });
      releaseLock.call(writer);
    };
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
    const done = this.#fill(bytes, 0);
    this.tell(done);
    if (done === bytes.length) return this.#owner.pause();
    const over = new Deferred();
    this.#pending = { bytes, done, over };
    this.#watch();
    this.#wait();
    return over.promise;
  }

  /** Copies into the ring as much as fits now; returns how far it came. */
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

  /** Tells the other side of so many bytes more, soon. */
  tell(bytes: number): void {
    this.#untold += bytes;
    this.#isFresh = true;
    if (this.#telling || !this.ring.mustNotify()) return;
    this.#telling = true;
    this.#untold = bytes;
    this.#hops = 0;
    nextMicrotask(this.#linger);
  }

  readonly #linger = (): void => {
    if (this.#isFresh && this.#untold < PLENTY && this.#hops++ < LINGER) {
      this.#isFresh = false;
      nextMicrotask(this.#linger);
      return;
    }
    this.#telling = false;
    if (!this.#done) this.#owner.kick();
  };

  /** Asks for room for the write that waits. */
  #wait(): void {
    const write = this.#pending;
    if (!write) return;
    this.#awaitRoom(write.bytes.length - write.done);
  }

  /** What is waited for when so many bytes are to be written. */
  #share(bytes: number): number {
    // Room that waits for more room to be worth a write is window that a link with delay misses.
    return Math.max(1, Math.min(bytes, this.ring.size >> 4));
  }

  /** Asks to be told of room, or goes on if there is some. */
  #awaitRoom(bytes: number): void {
    this.ring.want(Math.min(bytes, 0x7fffffff));
    const armed = this.ring.arm(this.#share(bytes));
    this.#owner.kick();
    if (!armed) this.poke();
  }

  /** Whether the verbs need not wait to write so many bytes. */
  hasRoom(bytes: number): boolean {
    this.ring.follow();
    return this.ring.size - this.ring.held >= this.#share(bytes);
  }

  /** Waits for the verbs, until there may be room. */
  wait(bytes: number): Promise<void> {
    this.#ready ??= new Deferred();
    const { promise } = this.#ready;
    this.#awaitRoom(bytes);
    return promise;
  }

  /** Fails a wait() that waits. */
  giveUp(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
  }

  /** Goes on with the write that waits, if there is room. */
  poke(): void {
    const write = this.#pending;
    if (!write) {
      this.ring.follow();
      this.#ready?.resolve();
      this.#ready = undefined;
      return;
    }
    write.done = this.#fill(write.bytes, write.done);
    if (write.done < write.bytes.length) {
      this.#wait();
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
    this.#pending?.over.reject(reason);
    this.#pending = undefined;
    this.giveUp(reason);
    this.#owner.aborted(reason);
  }

  /** Fails the stream and the write that waits; the ring is not written any more. */
  fail(error: unknown): void {
    if (!this.#done) {
      this.#error = error;
      this.#controller?.error(error);
    }
    this.#done = true;
    this.#pending?.over.reject(error);
    this.#pending = undefined;
    this.giveUp(error);
  }
}
