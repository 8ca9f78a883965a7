// SPDX-License-Identifier: MIT
// endpoint - makes an endpoint of a driver: streams, direct form, queue, counters, closing
//
// Theory of operation
//
// An adapter is a driver: it sends frames over its medium, and passes on the frames that it receives.
// Everything else is here, once. A received frame goes to one of:
//
//   plugged            the receiver of plug()
//   readable locked    the stream: one frame for each read
//   neither            dropped and counted, as on a cable that is not plugged in
//
// A driver that can be paused offers its frames (`offer`), and is told to go on (`resume`) after one was
// not taken. A driver that cannot be paused pushes them (`push`): a frame that the receiver does not take
// waits in a queue of bounded bytes. When the queue is full, frames are dropped and counted. A driver uses
// one or the other.
//
// The endpoint ends once, by close() or by the driver's `end`: streams and plug end or fail with it. Closing
// or aborting one of the streams ends that stream alone.

import { NetError } from '../errors.ts';
import { bytesOf } from '../util/bytes.ts';
import { checkOptions, checkValue } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { Queue } from '../util/queue.ts';
import type { EndpointDriver, EndpointOptions, EndpointStatistics } from './endpoint_types.ts';
import { copyOf } from './frame_copy.ts';
import { callback, ENDPOINT_RULES } from './options.ts';
import { Retry } from './retry.ts';
import { frameLimit, isLocked, locked } from './shape.ts';
import type { FramePlug, FrameSink, LinkEndpoint } from './types.ts';

/** Bytes of the queue by default. */
const QUEUE = 2 ** 20;

/** Gives a stream one frame for each read. */
class StreamReceiver implements FrameSink {
  controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isWanted = false;
  #pulled = new Deferred();

  pull(): void {
    this.#isWanted = true;
    this.#pulled.resolve();
    this.#pulled = new Deferred();
  }

  /** The stream is over: waits end. */
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
 * // An echo on a cable: every frame comes back.
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
  /** Largest IP packet, bytes; undefined if it is unknown. */
  readonly mtu: number | undefined;
  /** Frames from the endpoint. While it is not locked, they are dropped and counted. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Frames for the endpoint. */
  readonly writable: WritableStream<Uint8Array>;
  /** Settles when the endpoint has ended; rejects if it failed. */
  readonly closed: Promise<void>;
  readonly #driver: EndpointDriver;
  readonly #limit: number;
  readonly #queueMax: number;
  readonly #queue = new Queue<Uint8Array>();
  readonly #stream = new StreamReceiver();
  readonly #ended = new Deferred();
  /** Waits of the writable for the driver. */
  readonly #sending = new Retry();
  /** Waits of the driver for the receiver of its frames. */
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
  /** The receiver that has refused a frame, until it is ready. */
  #waitingFor: FrameSink | undefined;
  #isOver = false;
  #closing: Promise<void> | undefined;

  /**
   * Makes an endpoint.
   *
   * @param driver - Sends frames, and passes on those that it receives.
   * @param options - Kind, MTU, queue.
   * @throws {NetError} EINVAL for an option that is unknown or out of range; or the error of driver.start().
   */
  constructor(driver: EndpointDriver, options: EndpointOptions = {}) {
    const action = 'Cannot make an endpoint';
    checkOptions(action, options, ENDPOINT_RULES);
    checkValue(action, 'driver.send', driver?.send, callback);
    const { type = 'tap', mtu, queue = QUEUE } = options;
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
   * @param receiver - Takes the frames from the endpoint.
   * @returns A sink for frames to the endpoint, and a promise of its end.
   * @throws {TypeError} If one of its streams is locked.
   */
  plug(receiver: FrameSink): FramePlug {
    if (isLocked(this)) throw locked();
    const locks = [this.readable.getReader(), this.writable.getWriter()];
    const droppedBefore = this.#counts.rxDropped;
    const counts = this.#counts;
    this.#receiver = receiver;
    this.#forget(); // frames that waited for an earlier reader
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

  /** Goes on with queued frames when a receiver has room. */
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

  /** There is no receiver any more: queued frames are lost, and a paused source goes on. */
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
      this.#writing?.error(
        new NetError('EPIPE', 'Cannot send a frame', { reason: 'the endpoint has ended' }),
      );
      this.#ended.resolve();
    } else {
      reading?.error(error);
      this.#writing?.error(error);
      this.#ended.reject(error);
    }
  }

  /**
   * Closes the endpoint and its driver.
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
