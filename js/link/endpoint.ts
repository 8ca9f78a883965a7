// SPDX-License-Identifier: MIT
// endpoint - makes an endpoint of a driver: streams, direct form, queue, counters, closing
//
// Theory of operation
//
// An adapter is a driver: it sends frames to whatever it adapts, and hands over what comes from there.
// Everything else is here, once. What comes from the driver goes to one of:
//
//   plugged            the receiver of plug()
//   readable locked    the stream: to who reads, one frame a read
//   neither            dropped and counted, as on a cable nobody has plugged in
//
// A driver that can be held off offers its frames (`offer`), and is told to go on (`resume`) after one was
// not taken. One that cannot be held off pushes them (`push`): what the receiver does not take waits in a
// queue of bounded bytes; past that it is dropped and counted. A driver uses one or the other.
//
// The end comes once, by close() or by the driver's `end`: streams and plug end or fail with it. To close
// or abort one of the streams ends that stream alone.

import { NetError } from '../errors.ts';
import { bytesOf } from '../util/bytes.ts';
import { Deferred } from '../util/deferred.ts';
import type { EndpointDriver, EndpointOptions, EndpointStatistics } from './endpoint_types.ts';
import { copyOf, Fifo } from './frames.ts';
import { checkRange } from './options.ts';
import { frameLimit, locked } from './plugs.ts';
import { Retry } from './retry.ts';
import type { FramePlug, FrameSink, LinkEndpoint } from './types.ts';

/** Bytes of the queue by default. */
const QUEUE = 2 ** 20;

/** Gives a stream's frames one at a time to who reads it. */
class StreamReceiver implements FrameSink {
  controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isWanted = false;
  #pulled = new Deferred();

  pull(): void {
    this.#isWanted = true;
    this.#pulled.resolve();
    this.#pulled = new Deferred();
  }

  /** The stream is over: whoever waits is let go. */
  over(): void {
    this.controller = undefined;
    this.#pulled.resolve();
  }

  send(frame: Uint8Array): boolean {
    if (!this.controller) return true;
    if (!this.#isWanted) return false;
    this.#isWanted = false;
    this.controller.enqueue(copyOf(frame));
    return true;
  }

  ready(): Promise<void> {
    return this.controller && !this.#isWanted ? this.#pulled.promise : Promise.resolve();
  }
}

/**
 * An endpoint made of a driver.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect, type EndpointController, FrameEndpoint } from 'ringstack/link';
 *
 * // An echo on a cable: whatever is sent comes back.
 * let controller: EndpointController | undefined;
 * const echo = new FrameEndpoint({
 *   start: (given) => {
 *     controller = given;
 *   },
 *   send(frame) {
 *     controller?.push(frame);
 *     return true;
 *   },
 *   ready: async () => {},
 * });
 * const stack = await createStack();
 * const link = connect(await stack.createTapInterface({ ip: '10.0.0.1/24' }), echo);
 * await stack.connectTcp({ host: '10.0.0.2', port: 80, timeout: 50 }).catch(() => {});
 * assert.ok(link.statistics.bToA.frames > 0);
 * await echo.close();
 * await link.closed;
 * await stack.close();
 * ```
 */
export class FrameEndpoint implements LinkEndpoint, AsyncDisposable {
  /** Ethernet frames or IP packets. */
  readonly type: 'tap' | 'tun';
  /** Largest IP packet, bytes; undefined if it is not known. */
  readonly mtu: number | undefined;
  /** Frames from the endpoint. While it is not locked, what comes is dropped and counted. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Frames for the endpoint. */
  readonly writable: WritableStream<Uint8Array>;
  /** Settles when the endpoint has ended; rejects with what it failed with. */
  readonly closed: Promise<void>;
  readonly #driver: EndpointDriver;
  readonly #limit: number;
  readonly #queueMax: number;
  readonly #queue = new Fifo<Uint8Array>();
  readonly #stream = new StreamReceiver();
  readonly #ended = new Deferred();
  /** Of the writable, which waits for the driver. */
  readonly #sending = new Retry();
  /** Of the driver, which waits for who takes its frames. */
  readonly #passing = new Retry();
  readonly #counts = {
    rxFrames: 0,
    rxBytes: 0,
    rxDropped: 0,
    txFrames: 0,
    txBytes: 0,
    txDropped: 0,
    tooLong: 0,
  };
  #queued = 0;
  #writing: WritableStreamDefaultController | undefined;
  #receiver: FrameSink | undefined;
  /** Who is waited for, so that what came is passed on. */
  #waitingFor: FrameSink | undefined;
  #isOver = false;
  #closing: Promise<void> | undefined;

  /**
   * Makes an endpoint.
   *
   * @param driver - Sends frames, and hands over what comes.
   * @param options - Kind, MTU, queue.
   * @throws {NetError} EINVAL for an option that is out of range.
   */
  constructor(driver: EndpointDriver, options: EndpointOptions = {}) {
    const { type = 'tap', mtu, queue = QUEUE } = options;
    checkRange('mtu', mtu ?? 1500, 68, 65_535);
    checkRange('queue', queue, 0, 2 ** 32);
    this.type = type;
    this.mtu = mtu;
    this.#driver = driver;
    this.#queueMax = queue;
    this.#limit = frameLimit({ mtu, type } as LinkEndpoint);
    this.closed = this.#ended.promise;
    this.readable = this.#makeReadable();
    this.writable = this.#makeWritable();
    driver.start?.({
      offer: (frame) => this.#offer(frame),
      push: (frame) => this.#push(frame),
      drop: (way) => {
        if (way === 'rx') this.#counts.rxDropped++;
        else this.#counts.txDropped++;
      },
      end: (error) => this.#end(error),
    });
  }

  /** Its counters at this moment. */
  get statistics(): EndpointStatistics {
    return { ...this.#counts };
  }

  #makeReadable(): ReadableStream<Uint8Array> {
    const stream = this.#stream;
    return new ReadableStream(
      {
        start: (controller) => {
          stream.controller = controller;
        },
        pull: () => stream.pull(),
        cancel: () => stream.over(),
      },
      { highWaterMark: 0 },
    );
  }

  #makeWritable(): WritableStream<Uint8Array> {
    return new WritableStream({
      start: (controller) => {
        this.#writing = controller;
        controller.signal.addEventListener('abort', () => this.#sending.stop());
      },
      write: (chunk, controller) => {
        const frame = bytesOf(chunk);
        return this.#send(frame) ? undefined : this.#sendLater(frame, controller.signal);
      },
    });
  }

  /** Waits until the driver takes a frame, the endpoint ends or the stream is aborted. */
  async #sendLater(frame: Uint8Array, signal: AbortSignal): Promise<void> {
    do await this.#sending.wait(this.#driver);
    while (!signal.aborted && !this.#send(frame));
    this.#sending.taken();
  }

  /** Takes a frame for the driver; false: full now. */
  #send(frame: Uint8Array): boolean {
    const counts = this.#counts;
    if (this.#isOver) counts.txDropped++;
    else if (frame.length > this.#limit || frame.length === 0) counts.tooLong++;
    else if (!this.#driver.send(frame)) return false;
    else {
      counts.txFrames++;
      counts.txBytes += frame.length;
    }
    return true;
  }

  /**
   * Uses the endpoint in its direct form, as connect() does.
   *
   * @param receiver - Takes what comes from it.
   * @returns What takes frames for it.
   * @throws {TypeError} If one of its streams is locked.
   */
  plug(receiver: FrameSink): FramePlug {
    if (this.readable.locked || this.writable.locked) throw locked();
    const locks = [this.readable.getReader(), this.writable.getWriter()];
    const droppedBefore = this.#counts.rxDropped;
    const counts = this.#counts;
    this.#receiver = receiver;
    this.#forget(); // what waited for a reader that is no more
    return {
      sink: {
        send: (frame) => (this.#receiver === receiver ? this.#send(frame) : true),
        ready: () => (this.#isOver ? Promise.resolve() : this.#driver.ready()),
      },
      closed: this.closed,
      get dropped() {
        return counts.rxDropped - droppedBefore;
      },
      unplug: () => {
        if (this.#receiver !== receiver) return;
        this.#receiver = undefined;
        this.#forget();
        for (const lock of locks) lock.releaseLock();
      },
    };
  }

  /** Passes a frame on; false: not now. */
  #pass(frame: Uint8Array): boolean {
    const receiver = this.#receiver ?? (this.readable.locked ? this.#stream : undefined);
    if (!receiver || this.#isOver) {
      this.#counts.rxDropped++;
      return true;
    }
    if (frame.length > this.#limit) {
      this.#counts.tooLong++;
      return true;
    }
    if (!receiver.send(frame)) {
      this.#waitFor(receiver);
      return false;
    }
    this.#passing.taken();
    this.#counts.rxFrames++;
    this.#counts.rxBytes += frame.length;
    return true;
  }

  #offer(frame: Uint8Array): boolean {
    return this.#waitingFor === undefined && this.#pass(frame);
  }

  #push(frame: Uint8Array): void {
    if (this.#queue.length === 0 && this.#pass(frame)) return;
    if (this.#isOver || this.#queued + frame.length > this.#queueMax) {
      this.#counts.rxDropped++;
      return;
    }
    this.#queue.push(copyOf(frame));
    this.#queued += frame.length;
  }

  /** Goes on with what waits when a receiver has room. */
  #waitFor(receiver: FrameSink): void {
    this.#waitingFor = receiver;
    void this.#passing.wait(receiver).then(() => {
      if (this.#waitingFor !== receiver) return;
      this.#waitingFor = undefined;
      this.#drain();
    });
  }

  #drain(): void {
    for (;;) {
      const frame = this.#queue.first;
      if (!frame) break;
      if (!this.#pass(frame)) return;
      this.#queue.shift();
      this.#queued -= frame.length;
    }
    if (!this.#isOver) this.#driver.resume?.();
  }

  /** Nobody takes frames any more: what waits is lost, and a source that is held off goes on. */
  #forget(): void {
    this.#counts.rxDropped += this.#queue.length;
    this.#queue.clear();
    this.#queued = 0;
    const wasWaiting = this.#waitingFor !== undefined;
    this.#waitingFor = undefined;
    if (wasWaiting && !this.#isOver) this.#driver.resume?.();
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#forget();
    this.#sending.stop();
    const reading = this.#stream.controller;
    this.#stream.over();
    if (error === undefined) {
      reading?.close();
      this.#writing?.error(new NetError('EPIPE', 'Cannot send a frame', { reason: 'link ended' }));
      this.#ended.resolve();
    } else {
      reading?.error(error);
      this.#writing?.error(error);
      this.#ended.reject(error);
    }
  }

  /**
   * Closes the endpoint and what it adapts.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    if (!this.#closing) {
      const wasOver = this.#isOver;
      this.#end(undefined);
      this.#closing = (async () => {
        if (!wasOver) await this.#driver.close?.();
      })();
    }
    return this.#closing;
  }

  /**
   * As close().
   *
   * @throws Never.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
