// SPDX-License-Identifier: MIT
// frame_access - the zero-copy verbs on the rings of an interface (js/api/zero_copy.ts)

import type { FrameRingReader, FrameRingWriter } from '../api/zero_copy.ts';
import { NetError } from '../errors.ts';
import { NEVER_FITS } from '../ring.ts';
import { released } from '../streams.ts';
import { checkCount } from '../util/check.ts';
import type { FrameSink, FrameSource } from './frame_streams.ts';

/** peek() and release() on the frames a stack sends. */
export class FrameReader implements FrameRingReader {
  readonly #source: FrameSource;
  readonly #lock: ReadableStreamDefaultReader<Uint8Array>;
  readonly closed: Promise<void>;
  #isReleased = false;

  /** Locks the stream of a source; throws a TypeError if it is locked. */
  constructor(source: FrameSource, stream: ReadableStream<Uint8Array>) {
    this.#lock = stream.getReader();
    this.#source = source;
    this.closed = this.#lock.closed;
    this.closed.catch(() => {});
  }

  async ready(): Promise<boolean> {
    if (this.#isReleased) throw released('read');
    return this.#source.wait();
  }

  peek(): Uint8Array | undefined {
    if (this.#isReleased) throw released('read');
    const { isOpen, memory, ring } = this.#source;
    const length = isOpen ? ring.peek() : -1;
    return length < 0 ? undefined : memory.u8.subarray(ring.offset, ring.offset + length);
  }

  release(): void {
    if (this.#isReleased) throw released('read');
    this.#source.release();
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#source.giveUp(released('read'));
    this.#lock.releaseLock();
  }
}

/** reserve() and submit() of frames a stack takes. */
export class FrameWriter implements FrameRingWriter {
  readonly #sink: FrameSink;
  readonly #lock: WritableStreamDefaultWriter<Uint8Array>;
  #isReleased = false;
  #reserved = 0;

  /** Locks the stream of a sink; throws a TypeError if it is locked. */
  constructor(sink: FrameSink, stream: WritableStream<Uint8Array>) {
    this.#lock = stream.getWriter();
    this.#sink = sink;
  }

  async ready(length: number): Promise<void> {
    for (;;) {
      if (this.reserve(length)) return this.cancel();
      // A frame of the stream itself that waits for room comes first.
      await (this.#lock.desiredSize === 1 ? this.#sink.wait() : this.#lock.ready);
    }
  }

  #check(): void {
    if (this.#isReleased) throw released('write');
    if (this.#sink.gone) throw this.#sink.gone;
  }

  reserve(length: number): Uint8Array | undefined {
    checkCount('reserve', length, 1, Number.MAX_SAFE_INTEGER);
    this.#check();
    this.#reserved = 0;
    const { memory, ring, max } = this.#sink;
    const room = length > max ? NEVER_FITS : ring.reserve(length);
    if (room === NEVER_FITS) {
      throw new NetError('EMSGSIZE', `Cannot send a frame of ${length} bytes`, {
        reason: `the largest has ${max}`,
      });
    }
    if (room !== 1 || this.#lock.desiredSize !== 1) return undefined;
    this.#reserved = length;
    return memory.u8.subarray(ring.offset, ring.offset + length);
  }

  submit(length: number = this.#reserved): void {
    this.#check();
    checkCount('submit', length, 1, this.#reserved);
    this.#reserved = 0;
    this.#sink.submit(length);
  }

  cancel(): void {
    this.#reserved = 0;
    if (!this.#isReleased && !this.#sink.gone) this.#sink.ring.cancel();
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.cancel();
    this.#isReleased = true;
    this.#sink.giveUp(released('write'));
    this.#lock.releaseLock();
  }
}
