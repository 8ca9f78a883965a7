// SPDX-License-Identifier: MIT
// datagram_readable - the readable stream of a UDP socket
//
// Theory of operation
//
// A read arrives in one of two ways: directly, by readers with the fast path (js/streams/fast_path.ts), which are
// answered from the ring or wait in #reads; or through the stream (pipeTo(), tee()), which calls pull(). One read
// through the stream may be given up with its lock; the datagram that comes then stays in the ring.
//
// An error about what was sent is no error of the readable. It is for receive().

import type { UdpDatagram } from '../api/udp.ts';
import type { NetError } from '../errors.ts';
import { type DirectReadable, FastReadable, released } from '../streams.ts';
import { Deferred } from '../util/deferred.ts';
import { Queue } from '../util/queue.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import { LazyStream } from './lazy_stream.ts';

type Result = ReadableStreamReadResult<UdpDatagram>;

/** The readable side of a UDP socket. */
export class DatagramReadable implements DirectReadable<UdpDatagram> {
  readonly lazy = new LazyStream(() => this.#open());
  readonly #ends: DatagramEnds;
  readonly #take: (length: number) => UdpDatagram;
  readonly #cancelled: () => void;
  #controller: ReadableStreamDefaultController<UdpDatagram> | undefined;
  /** The stream has a read that waits. */
  #isPulling = false;
  /** Direct reads that wait, oldest first. */
  readonly #reads = new Queue<Deferred<Result>>();
  #isServing = false;

  /** take: takes the datagram that peek() of the ends has found; cancelled: the program cancelled the stream. */
  constructor(ends: DatagramEnds, take: (length: number) => UdpDatagram, cancelled: () => void) {
    this.#ends = ends;
    this.#take = take;
    this.#cancelled = cancelled;
  }

  #open(): FastReadable<UdpDatagram> {
    const source: UnderlyingDefaultSource<UdpDatagram> = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: (controller) => this.#pull(controller),
      cancel: () => {
        this.#controller = undefined;
        this.#cancelled();
      },
    };
    const close = (): void => this.#close();
    void this.#ends.closed.then(close, close);
    return FastReadable.over<UdpDatagram>(source, this);
  }

  #close(): void {
    this.#controller?.close();
    this.#controller = undefined;
  }

  // --- Reads through the stream ---

  #pull(controller: ReadableStreamDefaultController<UdpDatagram>): Promise<void> | void {
    const length = this.#ends.hasReaders ? -1 : this.#ends.peek();
    if (length < 0) return this.#pullLater(controller);
    controller.enqueue(this.#take(length));
    return this.#ends.channel.pause();
  }

  async #pullLater(controller: ReadableStreamDefaultController<UdpDatagram>): Promise<void> {
    this.#isPulling = true;
    while (this.#isPulling) {
      try {
        const isThere = await this.#ends.wait();
        const length = isThere && this.#isAsked ? this.#ends.peek() : -1;
        if (isThere && length < 0 && this.#isAsked) continue;
        this.#isPulling = false;
        if (length >= 0) controller.enqueue(this.#take(length));
        else if (!isThere) this.#close();
        this.#ends.next();
      } catch (error) {
        if (this.#isAsked) continue;
        this.#isPulling = false;
        this.#ends.fail(error as NetError);
      }
    }
  }

  /** false: the reader has given its read up, so what comes is for others. */
  get #isAsked(): boolean {
    return this.lazy.isLocked && !this.lazy.isHeld;
  }

  // --- Direct reads ---

  onDefaultReader(): void {}

  onByobReleased(): void {}

  onDefaultReleased(): void {
    for (let read = this.#reads.shift(); read; read = this.#reads.shift()) {
      read.reject(released('read'));
    }
  }

  readDirect(): Promise<Result> | undefined {
    const ends = this.#ends;
    // A desiredSize other than 0 means a datagram in the stream, or an end.
    if (this.#isPulling || ends.gone || this.#controller?.desiredSize !== 0) return undefined;
    const pause = ends.channel.pause();
    if (!pause && !ends.hasReaders && !this.#isServing) {
      const length = ends.peek();
      if (length >= 0) return Promise.resolve({ done: false, value: this.#take(length) });
    }
    const read = new Deferred<Result>();
    this.#reads.push(read);
    if (!this.#isServing) void this.#serve(pause);
    return read.promise;
  }

  /** Answers the direct reads that wait, until there are none. */
  async #serve(pause: Promise<void> | undefined): Promise<void> {
    this.#isServing = true;
    if (pause) await pause;
    while (this.#reads.length > 0) {
      try {
        const isThere = await this.#ends.wait();
        this.#answer(isThere);
        this.#ends.next();
      } catch (error) {
        if (this.#reads.length === 0) this.#ends.fail(error as NetError);
      }
    }
    this.#isServing = false;
  }

  /** Answers the oldest read with a datagram if there is one, or all with the end. */
  #answer(isThere: boolean): void {
    const length = isThere && this.#reads.length > 0 ? this.#ends.peek() : -1;
    if (length >= 0) this.#reads.shift()?.resolve({ done: false, value: this.#take(length) });
    if (isThere) return;
    for (let read = this.#reads.shift(); read; read = this.#reads.shift()) {
      read.resolve({ done: true, value: undefined });
    }
  }
}
