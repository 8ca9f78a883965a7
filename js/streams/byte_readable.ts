// SPDX-License-Identifier: MIT
// byte_readable - the consumer's side of a byte ring as a readable byte stream
//
// Theory of operation
//
// The stream is made when somebody first asks for it. A read reaches us in one of two ways:
//
// - through the stream (BYOB readers, pipeTo(), tee(), for await): the stream calls pull(), the ring
//   answers with respond() or enqueue();
// - directly: getReader() gives the standard reader a read() of its own that takes a chunk out of the
//   ring, or waits for one here. The stream knows nothing of it, which is what makes it cheap: a read
//   through a byte stream costs ten times as much. It steps aside (read() is then the standard's)
//   whenever the stream has a read or bytes of its own, so that the order of reads is kept.
//
// The zero-copy verbs (js/streams/byte_access.ts) and the connection's own iterator hold the lock without a
// stream, since making one takes longer than a short connection lasts; if somebody asks for the stream
// meanwhile, it is locked by a reader nobody sees.
//
// States: open; ended or failed with bytes in the ring, which are still delivered; done: the owner is
// told, and the ring is not touched again, since it may be freed.

import type { SharedMemory } from '../memory/shared_memory.ts';
import type { ByteConsumer } from '../ring.ts';
import { type ChunkReader, newChunk, released } from '../streams.ts';
import { Deferred } from '../util/deferred.ts';

/**
 * Largest chunk for a default reader. Larger ones take longer a byte, for the memory they are made of:
 * what malloc() maps and unmaps for each is cleared page by page.
 */
const CHUNK_MOST = 64 * 1024;

/** WebKit has no byte streams: there the stream is a plain one, without BYOB readers. */
const KIND = typeof ReadableByteStreamController === 'function' ? { type: 'bytes' as const } : {};

/** What a ByteReadable needs of its owner. */
export interface ReadableOwner {
  /** What to wait for before reading on. */
  pause(): Promise<void> | undefined;
  /** The other side waits for room, and now there is some. */
  kick(): void;
  /** The stream has ended, or its error was delivered: the ring is not read any more. */
  finished(): void;
  /** The user cancelled it. */
  cancelled(reason: unknown): void;
}

type Result = ReadableStreamReadResult<Uint8Array>;

/** A direct read that waits. */
interface Read {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** The stream: its default readers read directly. */
class QuickReadable extends ReadableStream<Uint8Array> {
  readonly #side: ByteReadable;

  constructor(source: UnderlyingSource<Uint8Array>, side: ByteReadable) {
    super(source, { highWaterMark: 0 });
    this.#side = side;
  }

  override getReader(options: { mode: 'byob' }): ReadableStreamBYOBReader;
  override getReader(): ReadableStreamDefaultReader<Uint8Array>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Uint8Array>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Uint8Array> {
    const reader = super.getReader(options as undefined);
    if (reader instanceof ReadableStreamDefaultReader) this.#side.quicken(reader);
    else this.#side.watch(reader);
    return reader;
  }

  /** A reader that only holds the lock. */
  lock(): ReadableStreamDefaultReader<Uint8Array> {
    return super.getReader();
  }
}

/** A readable byte stream over the consumer's side of a byte ring. */
export class ByteReadable {
  readonly memory: SharedMemory;
  readonly ring: ByteConsumer;
  readonly #owner: ReadableOwner;
  #stream: QuickReadable | undefined;
  /** Somebody has the lock for whom no stream need be made; #lock is theirs on one there is. */
  #isHeld = false;
  #lock: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #controller: ReadableByteStreamController | undefined;
  /** The stream has a read that waits. */
  #wanted = false;
  /** That read was given up by its reader, but the stream still has its view. */
  #isGivenUp = false;
  /** A default reader has the lock. */
  #hasDefault = false;
  /** Direct reads that wait, oldest first. */
  #reads: Read[] = [];
  /** ready() of the verbs. */
  #ready: Deferred<boolean> | undefined;
  #ended = false;
  #done = false;
  #error: unknown;

  constructor(memory: SharedMemory, ring: ByteConsumer, owner: ReadableOwner) {
    this.memory = memory;
    this.ring = ring;
    this.#owner = owner;
  }

  get stream(): ReadableStream<Uint8Array> {
    return this.#open();
  }

  /** Locks the stream, or what will be it; throws a TypeError if it is locked. */
  lock(): void {
    if (this.#isHeld) throw new TypeError('Cannot lock a stream that is locked');
    this.#lock = this.#stream?.lock();
    this.#isHeld = true;
    // A read that waited was given up with its lock.
    this.#wanted = false;
  }

  /** Undoes lock(). */
  unlock(): void {
    this.#isHeld = false;
    this.#lock?.releaseLock();
    this.#lock = undefined;
  }

  /** A reader for an iterator, which needs no stream if there is none yet. */
  getReader(): ChunkReader {
    if (this.#stream) return this.#stream.getReader();
    this.lock();
    let isReleased = false;
    return {
      read: () => (isReleased ? Promise.reject(released('read')) : this.#take()),
      releaseLock: () => {
        if (isReleased) return;
        isReleased = true;
        this.#refuse();
        this.unlock();
      },
    };
  }

  /** The stream has ended one way or another. */
  get done(): boolean {
    return this.#done;
  }

  /** What the stream failed with, or undefined. */
  get error(): unknown {
    return this.#error;
  }

  /** There are bytes that an earlier reader left in the stream. */
  get hasLeftovers(): boolean {
    return (this.#controller?.desiredSize ?? 0) < 0;
  }

  /** Takes them out of the stream, which is locked by lock(). */
  async takeLeftovers(): Promise<Uint8Array | undefined> {
    return (await this.#lock?.read())?.value;
  }

  /** Puts bytes back into the stream that were taken out of it. */
  putBack(bytes: Uint8Array): void {
    if (!this.#done) this.#controller?.enqueue(bytes as Uint8Array<ArrayBuffer>);
  }

  #open(): QuickReadable {
    this.#stream ??= new QuickReadable(
      {
        ...KIND,
        start: (controller) => {
          this.#controller = controller as ReadableByteStreamController;
          if (this.#done) this.#close();
        },
        pull: () => {
          this.#wanted = true;
          this.#pokeAfter(this.#owner.pause());
        },
        cancel: (reason) => {
          this.#done = true;
          this.#settle();
          this.#owner.cancelled(reason);
        },
      } as UnderlyingSource<Uint8Array>,
      this,
    );
    if (this.#isHeld) this.#lock = this.#stream.lock();
    return this.#stream;
  }

  /** Gives a reader a read() that goes to the ring when the stream has nothing to do with it. */
  quicken(reader: ReadableStreamDefaultReader<Uint8Array>): void {
    const { read, releaseLock } = reader;
    this.#hasDefault = true;
    reader.read = () => this.#read() ?? read.call(reader);
    reader.releaseLock = () => {
      Object.assign(reader, { read, releaseLock });
      this.#hasDefault = false;
      releaseLock.call(reader);
      this.#refuse();
    };
  }

  /** Notes whether a BYOB reader gives up a read with its lock. */
  watch(reader: ReadableStreamBYOBReader): void {
    const { releaseLock } = reader;
    reader.releaseLock = () => {
      releaseLock.call(reader);
      if (!this.#controller?.byobRequest) return;
      // Reads that come after it wait for it to be answered, and pull() may never be called for it.
      this.#isGivenUp = true;
      this.#wanted = true;
      this.poke();
    };
  }

  /** Fails the direct reads that wait: their reader gave its lock back. */
  #refuse(): void {
    const reads = this.#reads;
    this.#reads = [];
    for (const read of reads) read.reject(released('read'));
  }

  /** A direct read; undefined: it is for the stream to answer. */
  #read(): Promise<Result> | undefined {
    // A desiredSize that is not 0 tells of bytes in the stream, or of an error.
    const isBusy = this.#done || this.#wanted || this.#controller?.desiredSize !== 0;
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
      else if (this.#reads.length === 1) this.#pokeAfter(pause);
    });
  }

  #pokeAfter(pause: Promise<void> | undefined): void {
    if (pause) void pause.then(() => this.poke());
    else this.poke();
  }

  /** Waits for the verbs: true: there are bytes, false: none come any more. */
  wait(): Promise<boolean> {
    if (!this.#done && this.ring.peek() > 0) return Promise.resolve(true);
    this.#ready ??= new Deferred();
    const { promise } = this.#ready;
    if (this.#done) this.#settle();
    else this.poke();
    return promise;
  }

  /** Fails a wait() that waits. */
  giveUp(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
  }

  /** Answers who waits, if that can be; asks to be told otherwise. */
  poke(): void {
    while (!this.#done) {
      const length = this.ring.peek();
      if (length > 0) {
        const read = this.#reads.shift();
        if (!read) {
          this.#tell(length);
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

  /** Tells the stream or the verbs of bytes. */
  #tell(length: number): void {
    this.#ready?.resolve(true);
    this.#ready = undefined;
    if (this.#wanted) this.#deliver(length);
  }

  /** Takes a chunk out of the ring, which has so many contiguous bytes: more if it wraps there. */
  #cut(length: number): Uint8Array<ArrayBuffer> {
    const { ring } = this;
    const size = Math.min(CHUNK_MOST, length < CHUNK_MOST ? ring.held : length);
    const chunk = newChunk(size, ring.offset);
    const done = this.#fill(chunk, length);
    return done === size ? chunk : chunk.subarray(0, done);
  }

  /** Copies bytes of the ring into a view, the first of which are contiguous; returns how many. */
  #fill(view: Uint8Array, first: number): number {
    const { ring } = this;
    let done = 0;
    for (let left = first; left > 0; left = done < view.length ? ring.peek() : 0) {
      const step = Math.min(left, view.length - done);
      this.memory.copyOut(ring.offset, view, done, step);
      ring.release(step);
      done += step;
    }
    this.kick();
    return done;
  }

  #deliver(length: number): void {
    const controller = this.#controller as ReadableByteStreamController;
    this.#wanted = false;
    // Bytes put into the view of a read that was given up would not answer a default read after it.
    const request = this.#isGivenUp && this.#hasDefault ? null : controller.byobRequest;
    this.#isGivenUp = false;
    if (request?.view) {
      const { buffer, byteOffset, byteLength } = request.view;
      request.respond(this.#fill(new Uint8Array(buffer, byteOffset, byteLength), length));
    } else {
      controller.enqueue(this.#cut(length));
    }
  }

  /** Tells the other side of room, if it waits for some. */
  kick(): void {
    if (this.ring.mustNotify()) this.#owner.kick();
  }

  #finish(): void {
    this.#done = true;
    this.#close();
    this.#settle();
    this.#owner.finished();
  }

  /** Closes or fails the stream, if it was made. */
  #close(): void {
    if (!this.#controller) return;
    if (this.#error !== undefined) {
      this.#controller.error(this.#error);
      return;
    }
    try {
      this.#controller.close();
      this.#controller.byobRequest?.respond(0);
    } catch {
      // It ended within an element of the view that waits: close() has failed that read.
    }
  }

  /** Answers all who wait: nothing comes any more. */
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
