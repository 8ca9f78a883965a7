// SPDX-License-Identifier: MIT
// plugs - the direct form of any endpoint: over the rings of an interface, over two streams, or its own
//
// Theory of operation
//
// A plug passes the frames from its endpoint to a receiver, and has a sink for frames to it. If the
// receiver is full, the plug waits: the frame stays in the ring, or in the stream's reader, and is offered
// again. Frames are offered one after the other while there are some. When that takes long, the plug waits
// for the event loop in between (js/sched/scheduler.ts).
//
// Removing an interface ends its ring; its plug is then closed, also while it waits for a receiver. When
// streams end or fail, so does their plug. After unplug() no frame is passed and nothing is closed.

import type { FrameRingReader, FrameRingWriter } from '../api/zero_copy.ts';
import { pauseIfOverdue } from '../sched/scheduler.ts';
import { checkValue } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { copyInto, copyOf } from './frame_copy.ts';
import { callback } from './options.ts';
import { Retry } from './retry.ts';
import { checkEndpoint, isInterface, isLocked, locked, type RingEndpoint } from './shape.ts';
import type { FramePlug, FrameSink, LinkEndpoint } from './types.ts';

/** Frames between two looks at the clock: a stack in another thread may never make us wait. */
const BATCH = 256;

/** An interface, plugged in at its rings. */
class RingPlug implements FramePlug, FrameSink {
  readonly sink: FrameSink = this;
  readonly closed: Promise<void>;
  readonly #reader: FrameRingReader;
  readonly #writer: FrameRingWriter;
  readonly #iface: RingEndpoint;
  readonly #lostBefore: number;
  readonly #retry = new Retry();
  #wanted = 1;
  #copied = 0;
  #isUnplugged = false;

  constructor(iface: RingEndpoint, receiver: FrameSink) {
    if (isLocked(iface)) throw locked();
    this.#iface = iface;
    this.#lostBefore = iface.statistics.lost;
    this.#reader = iface.getRingReader();
    this.#writer = iface.getRingWriter();
    const stop = (): void => this.#retry.stop();
    this.#reader.closed.then(stop, stop);
    this.closed = this.#run(receiver);
    this.closed.catch(() => {});
  }

  get dropped(): number {
    return this.#iface.statistics.lost - this.#lostBefore;
  }

  get bytesCopied(): number {
    return this.#copied;
  }

  send(frame: Uint8Array): boolean {
    if (this.#isUnplugged || frame.length === 0) return true;
    try {
      const room = this.#writer.reserve(frame.length);
      if (!room) {
        this.#wanted = frame.length;
        return false;
      }
      this.#copied += copyInto(room, frame);
      this.#writer.submit();
    } catch {
      // The interface is gone, which closes the plug, or the frame is longer than its ring takes.
    }
    return true;
  }

  async ready(): Promise<void> {
    await this.#writer.ready(this.#wanted).catch(() => {});
  }

  /** Passes frames on until the interface ends. */
  async #run(receiver: FrameSink): Promise<void> {
    const reader = this.#reader;
    let count = 0;
    while (await this.#hasFrames()) {
      for (;;) {
        const frame = reader.peek();
        if (!frame) break;
        if (receiver.send(frame)) {
          reader.release();
          this.#retry.taken();
          count++;
        } else {
          await this.#retry.wait(receiver);
          if (this.#isUnplugged) return never();
        }
      }
      if (count < BATCH) continue;
      count = 0;
      const pause = pauseIfOverdue();
      if (pause) await pause;
    }
    if (this.#isUnplugged) return never();
  }

  async #hasFrames(): Promise<boolean> {
    return !this.#isUnplugged && (await this.#reader.ready().catch(() => false));
  }

  unplug(): void {
    if (this.#isUnplugged) return;
    this.#isUnplugged = true;
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}

/** Two streams, plugged in at a reader and a writer. */
class StreamPlug implements FramePlug, FrameSink {
  readonly sink: FrameSink = this;
  readonly closed: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #retry = new Retry();
  #copied = 0;
  #isUnplugged = false;

  constructor(endpoint: LinkEndpoint, receiver: FrameSink) {
    if (isLocked(endpoint)) throw locked();
    this.#reader = endpoint.readable.getReader();
    this.#writer = endpoint.writable.getWriter();
    this.closed = this.#run(receiver);
    this.closed.catch(() => {});
  }

  get bytesCopied(): number {
    return this.#copied;
  }

  send(frame: Uint8Array): boolean {
    if (this.#isUnplugged) return true;
    // null: the writable has failed, and takes nothing any more.
    const room = this.#writer.desiredSize;
    if (room !== null && room <= 0) return false;
    this.#copied += frame.length;
    this.#writer.write(copyOf(frame)).catch(() => {});
    return true;
  }

  async ready(): Promise<void> {
    await this.#writer.ready.catch(() => {});
  }

  async #run(receiver: FrameSink): Promise<void> {
    const failed = new Deferred<never>();
    this.#writer.closed.catch((error) => failed.reject(error));
    try {
      await Promise.race([this.#read(receiver), failed.promise]);
    } catch (error) {
      // Removing an interface ends its readable and fails its writable: that is an end, no failure.
      if (!this.#isUnplugged && !(await hasEnded(this.#reader))) throw error;
    }
    if (this.#isUnplugged) return never();
  }

  async #read(receiver: FrameSink): Promise<void> {
    while (!this.#isUnplugged) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      while (!this.#isUnplugged && !receiver.send(value)) await this.#retry.wait(receiver);
      this.#retry.taken();
    }
  }

  unplug(): void {
    if (this.#isUnplugged) return;
    this.#isUnplugged = true;
    this.#retry.stop();
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}

/** The `closed` of a plug that was unplugged: never settles. */
function never(): Promise<never> {
  return new Promise(() => {});
}

/** Whether the stream of a reader has come to its end, as far as that is known now. */
export async function hasEnded(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<boolean> {
  let isEnded = false;
  const end = (): void => {
    isEnded = true;
  };
  reader.closed.then(end, () => {});
  await Promise.resolve(); // behind the one above, if it has settled already
  return isEnded;
}

/**
 * Uses an endpoint in its direct form; connect() does that with two endpoints.
 *
 * @param endpoint - Any endpoint; locked until unplug().
 * @param receiver - Takes the frames from the endpoint.
 * @returns A sink for frames to the endpoint, and a promise of its end.
 * @throws {NetError} EINVAL if it is no endpoint, or the receiver no sink.
 * @throws {TypeError} If one of its streams is locked.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { plugEndpoint } from 'ringstack/link';
 *
 * // A TransformStream gives back all that is written to it: a loop.
 * const got: Uint8Array[] = [];
 * const receiver = { send: (frame: Uint8Array) => got.push(frame) > 0, ready: async () => {} };
 * const { sink } = plugEndpoint(new TransformStream(), receiver);
 * await sink.ready();
 * assert.equal(sink.send(Uint8Array.of(1, 2, 3)), true);
 * while (got.length === 0) await new Promise(setImmediate);
 * assert.deepEqual(got, [Uint8Array.of(1, 2, 3)]);
 * ```
 */
export function plugEndpoint(endpoint: LinkEndpoint, receiver: FrameSink): FramePlug {
  const action = 'Cannot plug in an endpoint';
  checkEndpoint(action, 'it', endpoint);
  checkValue(action, 'receiver.send', receiver?.send, callback);
  checkValue(action, 'receiver.ready', receiver?.ready, callback);
  if (endpoint.plug) return endpoint.plug(receiver);
  if (isInterface(endpoint)) return new RingPlug(endpoint, receiver);
  return new StreamPlug(endpoint, receiver);
}
