// SPDX-License-Identifier: MIT
// frame_access - zero-copy access to the rings of an interface (js/api/zero_copy.ts)

import type { FrameRingReader, FrameRingWriter } from '../api/zero_copy.ts';
import { NetError } from '../errors.ts';
import { NEVER_FITS } from '../ring.ts';
import { checkCount } from '../util/check.ts';
import { handled } from '../util/deferred.ts';
import type { FrameReadable, FrameWritable } from './frame_streams.ts';
import { released } from './lock.ts';

/** peek() and release() on the frames a stack sends. */
export class FrameReader implements FrameRingReader {
  readonly #side: FrameReadable;
  readonly #lock: ReadableStreamDefaultReader<Uint8Array>;
  readonly closed: Promise<void>;
  #isReleased = false;

  /** Locks the stream of a side; throws a TypeError if it is locked. */
  constructor(side: FrameReadable, stream: ReadableStream<Uint8Array>) {
    this.#lock = stream.getReader();
    this.#side = side;
    this.closed = handled(this.#lock.closed);
  }

  async ready(): Promise<boolean> {
    if (this.#isReleased) throw released('read');
    return this.#side.wait();
  }

  peek(): Uint8Array | undefined {
    if (this.#isReleased) throw released('read');
    const { isOpen, memory, ring } = this.#side;
    const length = isOpen ? ring.peek() : -1;
    return length < 0 ? undefined : memory.u8.subarray(ring.offset, ring.offset + length);
  }

  release(): void {
    if (this.#isReleased) throw released('read');
    this.#side.release();
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#side.cancelWait(released('read'));
    this.#lock.releaseLock();
  }
}

/** reserve() and submit() of frames a stack takes. */
export class FrameWriter implements FrameRingWriter {
  readonly #side: FrameWritable;
  readonly #lock: WritableStreamDefaultWriter<Uint8Array>;
  #isReleased = false;
  #reserved = 0;

  /** Locks the stream of a side; throws a TypeError if it is locked. */
  constructor(side: FrameWritable, stream: WritableStream<Uint8Array>) {
    this.#lock = stream.getWriter();
    this.#side = side;
  }

  async ready(length: number): Promise<void> {
    for (;;) {
      if (this.reserve(length)) return this.cancel();
      // A frame of the stream itself that waits for room comes first.
      await (this.#lock.desiredSize === 1 ? this.#side.wait() : this.#lock.ready);
    }
  }

  #check(): void {
    if (this.#isReleased) throw released('write');
    if (this.#side.gone) throw this.#side.gone;
  }

  reserve(length: number): Uint8Array | undefined {
    checkCount('reserve', length, 1, Number.MAX_SAFE_INTEGER);
    this.#check();
    this.#reserved = 0;
    const { memory, ring, max } = this.#side;
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
    this.#side.submit(length);
  }

  cancel(): void {
    this.#reserved = 0;
    if (!this.#isReleased && !this.#side.gone) this.#side.ring.cancel();
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.cancel();
    this.#isReleased = true;
    this.#side.cancelWait(released('write'));
    this.#lock.releaseLock();
  }
}
