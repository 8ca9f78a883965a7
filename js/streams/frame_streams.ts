// SPDX-License-Identifier: MIT
// frame_streams - the two ends of a frame interface as source and sink of web streams
//
// One frame is one chunk. As with bytes (js/streams.ts), nothing is queued here: a read is answered
// from the ring, a frame for which the ring has no room waits inside the sink's promise. Beside a stack
// in another thread, which never makes it wait, a loop over frames lets the event loop in all the same.

import type { NetError } from '../errors.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import type { FrameConsumer, FrameProducer } from '../ring.ts';
import { FULL_NOW, NEVER_FITS } from '../ring.ts';
import { copyChunk } from '../streams.ts';
import { bytesOf } from '../util/bytes.ts';
import { Deferred } from '../util/deferred.ts';

/** Reads frames one at a time for a default stream. */
export class FrameSource {
  readonly memory: SharedMemory;
  readonly #notify: () => void;
  #ring: FrameConsumer;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wanted = false;
  /** ready() of the verbs. */
  #ready: Deferred<boolean> | undefined;
  #gone: NetError | undefined;

  /** The source to make the stream with. */
  readonly source: UnderlyingDefaultSource<Uint8Array>;

  constructor(
    memory: SharedMemory,
    ring: FrameConsumer,
    pause: () => Promise<void> | undefined,
    notify: () => void,
    cancelled: () => void,
  ) {
    this.memory = memory;
    this.#ring = ring;
    this.#notify = notify;
    this.source = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#wanted = true;
        const waiting = pause();
        if (waiting) void waiting.then(() => this.poke());
        else this.poke();
      },
      cancel: () => {
        this.#controller = undefined;
        cancelled();
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

  /** Nobody reads the stream now: a read that waited was given up with its lock. */
  idle(): void {
    this.#wanted = false;
  }

  /** Goes on after another consumer of the ring. */
  resume(ring: FrameConsumer): void {
    this.#ring = ring;
  }

  /** Answers who waits, if there is a frame. */
  poke(): void {
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

  /** Gives the frame that was peeked at back. */
  release(): void {
    if (this.#gone) throw this.#gone;
    this.#ring.release();
    if (this.#ring.mustNotify()) this.#notify();
  }

  /** Waits for the verbs: true: there is a frame, false: none comes any more. */
  wait(): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false);
    this.#ready ??= new Deferred();
    const { promise } = this.#ready;
    this.poke();
    return promise;
  }

  /** Fails a wait() that waits. */
  giveUp(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
  }

  /** Length of the oldest frame; asks to be told when there is none, and returns -1. */
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

/** Writes frames of a stream into a frame ring. */
export class FrameSink {
  readonly memory: SharedMemory;
  #ring: FrameProducer;
  /** Length of the largest frame. */
  readonly max: number;
  readonly #notify: () => void;
  readonly #oversize: () => void;
  #controller: WritableStreamDefaultController | undefined;
  #pending:
    | { frame: Uint8Array; resolve: () => void; reject: (error: unknown) => void }
    | undefined;
  /** ready() of the verbs. */
  #ready: Deferred | undefined;
  #gone: NetError | undefined;

  /** The sink to make the stream with. */
  readonly sink: UnderlyingSink<Uint8Array>;

  constructor(
    memory: SharedMemory,
    ring: FrameProducer,
    max: number,
    pause: () => Promise<void> | undefined,
    notify: () => void,
    oversize: () => void,
  ) {
    this.memory = memory;
    this.#ring = ring;
    this.max = max;
    this.#notify = notify;
    this.#oversize = oversize;
    this.sink = {
      start: (controller) => {
        this.#controller = controller;
        controller.signal.addEventListener('abort', () => {
          this.#pending?.reject(controller.signal.reason);
          this.#pending = undefined;
        });
      },
      write: (chunk) => this.#write(bytesOf(chunk)) ?? pause(),
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
    return new Promise((resolve, reject) => {
      this.#pending = { frame, resolve, reject };
      if (!this.#ring.arm(1)) this.poke();
    });
  }

  /** Puts a frame into the ring, or counts it as unfit; false: no room now. */
  #put(frame: Uint8Array): boolean {
    const room = frame.length > this.max ? NEVER_FITS : this.#ring.reserve(frame.length);
    if (room === FULL_NOW) return false;
    if (room === NEVER_FITS) {
      this.#oversize();
      return true;
    }
    this.memory.copyIn(this.#ring.offset, frame, 0, frame.length);
    this.submit(frame.length);
    return true;
  }

  /** Hands the reserved frame to the stack. */
  submit(length: number): void {
    this.#ring.submit(length);
    if (this.#ring.mustNotify()) this.#notify();
  }

  /** Waits for the verbs, until there may be room. */
  wait(): Promise<void> {
    this.#ready ??= new Deferred();
    const { promise } = this.#ready;
    if (!this.#ring.arm(1)) this.poke();
    return promise;
  }

  /** Fails a wait() that waits. */
  giveUp(error: unknown): void {
    this.#ready?.reject(error);
    this.#ready = undefined;
  }

  /** Goes on with the frame that waits, if there is room. */
  poke(): void {
    this.#ready?.resolve();
    this.#ready = undefined;
    const write = this.#pending;
    if (!write) return;
    while (!this.#put(write.frame)) {
      if (this.#ring.arm(1)) return;
    }
    this.#pending = undefined;
    write.resolve();
  }

  /** Fails the stream and the frame that waits. */
  fail(error: NetError): void {
    this.#gone = error;
    this.giveUp(error);
    this.#controller?.error(error);
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}
