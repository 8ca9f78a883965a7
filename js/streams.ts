// SPDX-License-Identifier: MIT
// streams - web streams over the cursors of byte rings (of frame rings: js/frame_streams.ts)
//
// Theory of operation
//
// The streams queue nothing themselves (high-water mark 0): a read is answered from the ring, a
// write goes into the ring, and what does not fit waits inside the sink's promise. Backpressure is
// thereby the ring's: an unread readable leaves its bytes in the ring, which closes the window.
//
// Bytes are copied once each way. A BYOB read is copied straight into the view the stream hands out
// (at its own byteOffset). For a default reader the chunk is allocated so that it is congruent mod 8
// to the bytes in the ring, since anything else is copied ten times slower (js/memory.ts); hence the
// chunk's byteOffset may not be 0. Chunks are never over shared memory.

import type { Arena } from './memory.ts';
import type { ByteConsumer, ByteProducer } from './ring.ts';

/** Largest chunk for a default reader. */
const CHUNK_MOST = 128 * 1024;

/**
 * The bytes of a chunk somebody wrote.
 *
 * @param chunk - What was written.
 * @returns A view on the same memory.
 * @throws {TypeError} If it is neither an ArrayBuffer nor a view on one.
 */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError(`Cannot write ${typeof chunk}: a chunk must be a Uint8Array`);
}

/**
 * A chunk for the user, copied out of the arena once.
 *
 * @param arena - The arena.
 * @param offset - Where the bytes begin.
 * @param length - How many.
 * @returns The chunk, congruent mod 8 to where it came from unless it is tiny.
 * @throws Never.
 */
export function copyChunk(arena: Arena, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const skew = length < 64 ? 0 : offset & 7;
  const chunk = new Uint8Array(new ArrayBuffer(length + skew), skew, length);
  arena.copyOut(offset, chunk, 0, length);
  return chunk;
}

/**
 * Iterates over a stream.
 *
 * @param readable - Locked until the loop ends.
 * @returns The iterator; leaving the loop early unlocks the stream and cancels nothing.
 * @throws {TypeError} If it is locked.
 */
export function iterate(readable: ReadableStream<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  const reader = readable.getReader();
  let isOver = false;
  const finish = (): IteratorResult<Uint8Array> => {
    if (!isOver) reader.releaseLock();
    isOver = true;
    return { done: true, value: undefined };
  };
  return {
    async next() {
      if (isOver) return finish();
      try {
        const result = await reader.read();
        return result.done ? finish() : result;
      } catch (error) {
        // A read that waits when the loop is left fails because of that.
        if (isOver) return finish();
        finish();
        throw error;
      }
    },
    async return() {
      return finish();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A promise with its handles; a rejection nobody waits for is no error of the program. */
export class Deferred {
  resolve!: () => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    this.promise.catch(() => {});
  }
}

/** What a ByteReadable needs of its owner. */
export interface ReadableOwner {
  /** The other side waits for room, and now there is some. */
  kick(): void;
  /** The stream has ended, or its error was delivered: the ring is not read any more. */
  finished(): void;
  /** The user cancelled it. */
  cancelled(reason: unknown): void;
}

/** A readable byte stream over the consumer's side of a byte ring. */
export class ByteReadable {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #arena: Arena;
  readonly #ring: ByteConsumer;
  readonly #owner: ReadableOwner;
  #controller!: ReadableByteStreamController;
  #wanted = false;
  #ended = false;
  #done = false;
  #error: unknown;

  constructor(arena: Arena, ring: ByteConsumer, owner: ReadableOwner) {
    this.#arena = arena;
    this.#ring = ring;
    this.#owner = owner;
    this.stream = new ReadableStream<Uint8Array>({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller as ReadableByteStreamController;
      },
      pull: () => {
        this.#wanted = true;
        this.poke();
      },
      cancel: (reason) => {
        this.#done = true;
        this.#owner.cancelled(reason);
      },
    }) as ReadableStream<Uint8Array>;
  }

  /** The stream has ended one way or another. */
  get done(): boolean {
    return this.#done;
  }

  /** Answers the read that waits, if it can be; asks to be told otherwise. */
  poke(): void {
    if (this.#done) return;
    for (;;) {
      const length = this.#ring.peek();
      if (length > 0) {
        if (this.#wanted) this.#deliver(length);
        return;
      }
      if (this.#ended || this.#error !== undefined) {
        this.#finish();
        return;
      }
      if (this.#ring.arm()) return;
    }
  }

  #deliver(length: number): void {
    this.#wanted = false;
    const request = this.#controller.byobRequest;
    if (request?.view) {
      const { buffer, byteOffset, byteLength } = request.view;
      const view = new Uint8Array(buffer, byteOffset, byteLength);
      let done = 0;
      for (let left = length; left > 0 && done < byteLength; left = this.#ring.peek()) {
        const step = Math.min(left, byteLength - done);
        this.#arena.copyOut(this.#ring.offset, view, done, step);
        this.#ring.release(step);
        done += step;
      }
      this.#kick();
      request.respond(done);
    } else {
      const step = Math.min(length, CHUNK_MOST);
      const chunk = copyChunk(this.#arena, this.#ring.offset, step);
      this.#ring.release(step);
      this.#kick();
      this.#controller.enqueue(chunk);
    }
  }

  #kick(): void {
    if (this.#ring.mustNotify()) this.#owner.kick();
  }

  #finish(): void {
    this.#done = true;
    if (this.#error !== undefined) {
      this.#controller.error(this.#error);
    } else {
      try {
        this.#controller.close();
        this.#controller.byobRequest?.respond(0);
      } catch {
        // It ended within an element of the view that waits: close() has failed that read.
      }
    }
    this.#owner.finished();
  }

  /** No more bytes come after those in the ring. */
  end(): void {
    this.#ended = true;
    this.poke();
  }

  /** The stream fails when what is in the ring has been read. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.poke();
  }

  /** Ends (no error) or fails the stream now; what is in the ring is not read. */
  stop(error?: unknown): void {
    if (this.#done) return;
    this.#error ??= error;
    this.#finish();
  }
}

/** What a ByteWritable needs of its owner. */
export interface WritableOwner {
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

/** A writable stream over the producer's side of a byte ring. */
export class ByteWritable {
  readonly stream: WritableStream<Uint8Array>;
  readonly #arena: Arena;
  readonly #ring: ByteProducer;
  readonly #owner: WritableOwner;
  #controller!: WritableStreamDefaultController;
  #pending: PendingWrite | undefined;
  #done = false;

  constructor(arena: Arena, ring: ByteProducer, owner: WritableOwner) {
    this.#arena = arena;
    this.#ring = ring;
    this.#owner = owner;
    this.stream = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        // The stream itself waits for a write in flight before it calls abort().
        controller.signal.addEventListener('abort', () => this.#abort(controller.signal.reason));
      },
      write: (chunk) => this.#write(this.#check(chunk)),
      close: () => {
        this.#done = true;
        return this.#owner.closed();
      },
    });
  }

  /** Settles when the write that waits for room is over, if there is one. */
  get idle(): Promise<void> | undefined {
    return this.#pending?.over.promise.catch(() => {});
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
    if (this.#ring.mustNotify()) this.#owner.kick();
    if (done === bytes.length) return undefined;
    const over = new Deferred();
    this.#pending = { bytes, done, over };
    this.#wait();
    return over.promise;
  }

  /** Copies into the ring as much as fits now; returns how far it came. */
  #fill(bytes: Uint8Array, from: number): number {
    let done = from;
    while (done < bytes.length) {
      const room = this.#ring.reserve(bytes.length - done);
      if (room === 0) break;
      this.#arena.copyIn(this.#ring.offset, bytes, done, room);
      this.#ring.submit(room);
      done += room;
    }
    return done;
  }

  /** Asks for room for the write that waits. */
  #wait(): void {
    const write = this.#pending;
    if (!write) return;
    const rest = write.bytes.length - write.done;
    this.#ring.want(rest);
    // Room that waits for more room to be worth a write is window that a link with delay misses.
    const armed = this.#ring.arm(Math.max(1, Math.min(rest, this.#ring.size >> 4)));
    this.#owner.kick();
    if (!armed) this.poke();
  }

  /** Goes on with the write that waits, if there is room. */
  poke(): void {
    const write = this.#pending;
    if (!write) {
      this.#ring.follow();
      return;
    }
    write.done = this.#fill(write.bytes, write.done);
    if (write.done < write.bytes.length) {
      this.#wait();
      return;
    }
    this.#pending = undefined;
    this.#ring.want(0);
    if (this.#ring.mustNotify()) this.#owner.kick();
    write.over.resolve();
  }

  #abort(reason: unknown): void {
    this.#done = true;
    this.#pending?.over.reject(reason);
    this.#pending = undefined;
    this.#owner.aborted(reason);
  }

  /** Fails the stream and the write that waits; the ring is not written any more. */
  fail(error: unknown): void {
    if (!this.#done) this.#controller.error(error);
    this.#done = true;
    this.#pending?.over.reject(error);
    this.#pending = undefined;
  }
}
