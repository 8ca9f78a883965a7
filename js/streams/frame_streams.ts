// SPDX-License-Identifier: MIT
// frame_streams - the two rings of an interface as source and sink of web streams
//
// One frame is one chunk. As with bytes (js/streams.ts), nothing is queued here: a read is answered
// from the ring, and a frame for which the ring has no room waits inside the sink's promise. A stack in
// another thread never makes a loop over frames wait, so the owner's pause() lets the event loop run.

import type { NetError } from '../errors.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import type { FrameConsumer, FrameProducer } from '../ring.ts';
import { FULL_NOW, NEVER_FITS } from '../ring.ts';
import { bytesOf } from '../util/bytes.ts';
import { Deferred } from '../util/deferred.ts';
import { Hold } from '../util/process.ts';
import { type Chunk, copyChunk } from './chunk.ts';

/** Calls of a FrameReadable to its owner. */
export interface FrameReadableOwner {
  /** A promise to wait for before reading on, or undefined. */
  pause(): Promise<void> | undefined;
  /** The other side waits for room, and now there is some. */
  kick(): void;
  /** The stream has a reader that reads, however it was made. */
  reading(): void;
  /** The program cancelled the stream: it is not read again. */
  onUnlistened(): void;
}

/** Calls of a FrameWritable to its owner. */
export interface FrameWritableOwner {
  /** A promise to wait for before writing on, or undefined. */
  pause(): Promise<void> | undefined;
  /** The other side waits for frames, and now there is one. */
  kick(): void;
  /** A frame was too long and is dropped. */
  oversize(): void;
}

/** The frames that a stack sends. */
export class FrameReadable {
  readonly memory: SharedMemory;
  readonly #owner: FrameReadableOwner;
  #ring: FrameConsumer;
  #controller: ReadableStreamDefaultController<Chunk> | undefined;
  #wanted = false;
  /** ready() of zero-copy access. */
  #ready: Deferred<boolean> | undefined;
  #gone: NetError | undefined;

  /** The source to make the stream with. */
  readonly source: UnderlyingDefaultSource<Chunk>;

  constructor(memory: SharedMemory, ring: FrameConsumer, owner: FrameReadableOwner) {
    this.memory = memory;
    this.#ring = ring;
    this.#owner = owner;
    this.source = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#wanted = true;
        owner.reading();
        const pause = owner.pause();
        if (pause) void pause.then(() => this.retry());
        else this.retry();
      },
      cancel: () => {
        this.#controller = undefined;
        owner.onUnlistened();
      },
    };
  }

  /** The stream can still be read. */
  get isOpen(): boolean {
    return this.#controller !== undefined;
  }

  get ring(): FrameConsumer {
    return this.#ring;
  }

  /** Forgets a read that waits: it was given up with its lock. */
  forgetRead(): void {
    this.#wanted = false;
  }

  /** Goes on after another consumer of the ring. */
  resume(ring: FrameConsumer): void {
    this.#ring = ring;
  }

  /** Answers the read that waits, if there is a frame. */
  retry(): void {
    if (!this.#controller || !(this.#wanted || this.#ready)) return;
    const length = this.#next();
    if (length < 0) return;
    this.#ready?.resolve(true);
    this.#ready = undefined;
    if (!this.#wanted) return;
    const frame = copyChunk(this.memory, this.#ring.offset, length);
    this.release();
    this.#wanted = false;
    this.#controller.enqueue(frame);
  }

  /** Releases the frame that was peeked at. */
  release(): void {
    if (this.#gone) throw this.#gone;
    this.#ring.release();
    if (this.#ring.mustNotify()) this.#owner.kick();
  }

  /** Waits for zero-copy access: true: there is a frame, false: no more will come. */
  wait(): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false);
    this.#ready ??= new Deferred();
    const { promise } = this.#ready;
    this.retry();
    return promise;
  }

  /** Fails a wait() that waits. */
  cancelWait(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
  }

  /** Length of the oldest frame, or -1: there is none, and we are notified of the next. */
  #next(): number {
    for (;;) {
      const length = this.#ring.peek();
      if (length >= 0 || this.#ring.arm()) return length;
    }
  }

  /** Ends the stream: the interface is gone. */
  end(error: NetError): void {
    this.#gone = error;
    this.#controller?.close();
    this.#controller = undefined;
    this.#ready?.resolve(false);
    this.#ready = undefined;
  }
}

/** A frame that waits for room. */
interface PendingFrame {
  readonly frame: Uint8Array;
  readonly over: Deferred;
}

/** The frames that a stack takes. */
export class FrameWritable {
  readonly memory: SharedMemory;
  /** Length of the largest frame. */
  max: number;
  readonly #owner: FrameWritableOwner;
  #ring: FrameProducer;
  #controller: WritableStreamDefaultController | undefined;
  #pending: PendingFrame | undefined;
  /** ready() of zero-copy access. */
  #ready: Deferred | undefined;
  #gone: NetError | undefined;
  /** A frame that waits for room keeps the process alive. */
  readonly #hold = new Hold();

  /** The sink to make the stream with. */
  readonly sink: UnderlyingSink<Uint8Array>;

  constructor(memory: SharedMemory, ring: FrameProducer, max: number, owner: FrameWritableOwner) {
    this.memory = memory;
    this.#ring = ring;
    this.max = max;
    this.#owner = owner;
    this.sink = {
      start: (controller) => {
        this.#controller = controller;
        controller.signal.addEventListener('abort', () => {
          this.#failPending(controller.signal.reason);
        });
      },
      write: (chunk) => this.#write(bytesOf(chunk)) ?? owner.pause(),
    };
  }

  get ring(): FrameProducer {
    return this.#ring;
  }

  /** Why the interface is gone, or undefined. */
  get gone(): NetError | undefined {
    return this.#gone;
  }

  /** Goes on after another producer of the ring. */
  resume(ring: FrameProducer): void {
    this.#ring = ring;
  }

  #write(frame: Uint8Array): Promise<void> | undefined {
    if (this.#put(frame)) return undefined;
    const over = new Deferred();
    this.#pending = { frame, over };
    this.#hold.set(true);
    if (!this.#ring.arm(1)) this.retry();
    return over.promise;
  }

  /** Puts a frame into the ring, or counts it as oversize; false: no room now. */
  #put(frame: Uint8Array): boolean {
    const room = frame.length > this.max ? NEVER_FITS : this.#ring.reserve(frame.length);
    if (room === FULL_NOW) return false;
    if (room === NEVER_FITS) {
      this.#owner.oversize();
      return true;
    }
    this.memory.copyIn(this.#ring.offset, frame, 0, frame.length);
    this.submit(frame.length);
    return true;
  }

  /** Hands the reserved frame to the stack. */
  submit(length: number): void {
    this.#ring.submit(length);
    if (this.#ring.mustNotify()) this.#owner.kick();
  }

  /** Waits for zero-copy access, until there may be room. */
  wait(): Promise<void> {
    this.#ready ??= new Deferred();
    this.#hold.set(true);
    const { promise } = this.#ready;
    if (!this.#ring.arm(1)) this.retry();
    return promise;
  }

  /** Fails a wait() that waits. */
  cancelWait(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
    this.#hold.set(this.#pending !== undefined);
  }

  /** Goes on with the frame that waits, if there is room. */
  retry(): void {
    this.#ready?.resolve();
    this.#ready = undefined;
    const write = this.#pending;
    this.#hold.set(write !== undefined);
    if (!write) return;
    while (!this.#put(write.frame)) {
      if (this.#ring.arm(1)) return;
    }
    this.#pending = undefined;
    this.#hold.set(false);
    write.over.resolve();
  }

  #failPending(error: unknown): void {
    this.#pending?.over.reject(error);
    this.#pending = undefined;
    this.#hold.set(this.#ready !== undefined);
  }

  /** Fails the stream and the frame that waits. */
  fail(error: NetError): void {
    this.#gone = error;
    this.cancelWait(error);
    this.#controller?.error(error);
    this.#failPending(error);
  }
}
