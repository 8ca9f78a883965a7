// SPDX-License-Identifier: MIT
// plugs - the direct form of any endpoint: of an interface over its rings, of two streams, or its own
//
// Theory of operation
//
// A plug passes what comes from its endpoint to a receiver, and has a sink for what goes to it. A
// receiver that is full makes the plug wait: the frame stays in the ring, or in the stream's reader, and
// is offered again. Frames are offered in runs, for as long as there are some, with the event loop let in
// between runs when they take long (js/sched/scheduler.ts).
//
// An interface that is removed ends its ring; its plug is then closed, also while it waits for a receiver.
// Streams end or fail, and so does their plug. After unplug() nothing is passed either way and nothing is
// closed.

import type { FrameInterface } from '../api/interface.ts';
import type { FrameRingReader, FrameRingWriter } from '../api/zero_copy.ts';
import { pauseIfOverdue } from '../sched/scheduler.ts';
import { Deferred } from '../util/deferred.ts';
import { copyInto, copyOf } from './frames.ts';
import { Retry } from './retry.ts';
import type { FramePlug, FrameSink, LinkEndpoint } from './types.ts';

/** Frames between two looks at the clock: a stack in another thread may never make us wait. */
const SPELL = 256;

/** An interface of a stack, in this thread. */
type RingEndpoint = LinkEndpoint & FrameInterface;

/** Whether an endpoint is an interface of a stack. */
export function isInterface(endpoint: LinkEndpoint): endpoint is RingEndpoint {
  const { getRingReader, getRingWriter } = endpoint as Partial<RingEndpoint>;
  return typeof getRingReader === 'function' && typeof getRingWriter === 'function';
}

/** The largest packets, and the header that goes with them. */
export function frameLimit(endpoint: LinkEndpoint): number {
  const { mtu, type } = endpoint;
  if (mtu === undefined) return Number.POSITIVE_INFINITY;
  if (type === 'tun') return mtu;
  // Other ends may know VLAN tags.
  return mtu + (isInterface(endpoint) ? 14 : 18);
}

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
  #isUnplugged = false;

  constructor(iface: RingEndpoint, receiver: FrameSink) {
    if (iface.readable.locked || iface.writable.locked) throw locked();
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

  send(frame: Uint8Array): boolean {
    if (this.#isUnplugged || frame.length === 0) return true;
    try {
      const room = this.#writer.reserve(frame.length);
      if (!room) {
        this.#wanted = frame.length;
        return false;
      }
      copyInto(room, frame);
      this.#writer.submit();
    } catch {
      // The interface is gone, which closes the plug, or the frame is longer than it can be.
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
      if (count < SPELL) continue;
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
  #isUnplugged = false;

  constructor({ readable, writable }: LinkEndpoint, receiver: FrameSink) {
    if (readable.locked || writable.locked) throw locked();
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.closed = this.#run(receiver);
    this.closed.catch(() => {});
  }

  send(frame: Uint8Array): boolean {
    if (this.#isUnplugged) return true;
    // null: the writable has failed, and takes nothing any more.
    const room = this.#writer.desiredSize;
    if (room !== null && room <= 0) return false;
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
      // Of an interface that is removed the one stream ends and the other fails: that is an end.
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

/** closed of what was unplugged: says nothing any more. */
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

/** The error of who plugs in what is in use. */
export function locked(): TypeError {
  return new TypeError('Cannot plug in an endpoint whose streams are locked');
}

/**
 * Uses an endpoint in its direct form, whichever it has; connect() is made of two of these.
 *
 * @param endpoint - Locked until unplug().
 * @param receiver - Takes what comes from it.
 * @returns What takes frames for it.
 * @throws {TypeError} If one of its streams is locked.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { plugEndpoint } from 'ringstack/link';
 *
 * // What is written to a TransformStream comes out of it again: a loop.
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
  if (endpoint.plug) return endpoint.plug(receiver);
  if (isInterface(endpoint)) return new RingPlug(endpoint, receiver);
  return new StreamPlug(endpoint, receiver);
}
