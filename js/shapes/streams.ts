// SPDX-License-Identifier: MIT
// streams - web streams over the ends of a connection, which may not be open yet
//
// Each shape has its own rules for what the end of a stream does to its socket. So the streams only report: `ended`,
// `cancelled`, `closed`, `aborted`, `failed`. A socket ends them from outside, even if they are locked, by end() and
// fail(); after that nothing is reported.

import { bytesOf } from '../util/bytes.ts';
import type { ByteEnds, ByteSource, Bytes } from './ends.ts';

/** WebKit has no byte streams: there the stream is a plain one, without BYOB readers. */
const KIND = typeof ReadableByteStreamController === 'function' ? { type: 'bytes' as const } : {};

/** Reports of a readable. */
export interface ReadableOwner {
  /** The peer has ended its side, and all bytes were read. */
  ended(): void;
  /** The program cancelled the stream. */
  cancelled(reason: unknown): void;
  /** A read failed; returns the error of the stream. */
  failed(error: unknown): unknown;
}

/** A readable byte stream of a socket. */
export class SocketReadable {
  readonly stream: ReadableStream<Bytes>;
  #controller!: ReadableByteStreamController;
  #isOver = false;

  /** source: rejects if the socket does not open; the socket then fails the stream itself. */
  constructor(source: Promise<ByteSource>, owner: ReadableOwner) {
    const underlying = {
      ...KIND,
      start: (controller: ReadableByteStreamController) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(source, owner),
      cancel: (reason: unknown) => {
        this.#isOver = true;
        owner.cancelled(reason);
      },
    };
    this.stream = new ReadableStream(underlying as UnderlyingSource<Bytes>, { highWaterMark: 0 });
  }

  async #pull(source: Promise<ByteSource>, owner: ReadableOwner): Promise<void> {
    try {
      const hasBytes = await this.#read(await source);
      if (hasBytes || this.#isOver) return;
      this.end();
      owner.ended();
    } catch (error) {
      if (!this.#isOver) this.fail(owner.failed(error));
    }
  }

  /** Answers one read; returns whether there was something. */
  async #read(source: ByteSource): Promise<boolean> {
    const request = this.#controller.byobRequest;
    if (request?.view) {
      const length = await source.fill(request.view as Uint8Array);
      if (length > 0 && !this.#isOver) request.respond(length);
      return length > 0;
    }
    const chunk = await source.take();
    if (chunk && !this.#isOver) this.#controller.enqueue(chunk);
    return chunk !== undefined;
  }

  /** Ends the stream; reads that wait are done. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.close();
    this.#controller.byobRequest?.respond(0);
  }

  /** Fails the stream. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.error(error);
  }

  /** It has ended, failed, or was cancelled. */
  get isOver(): boolean {
    return this.#isOver;
  }
}

/** Reports of a writable. */
export interface WritableOwner {
  /** The program closed the stream; what it wrote is written. */
  closed(): Promise<void> | void;
  /** The program aborted the stream. */
  aborted(reason: unknown): Promise<void> | void;
  /** A write failed; returns the error of the stream. */
  failed(error: unknown): unknown;
}

/** A round of the event loop. */
const nextRound = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** The sink of a writable. */
type Sink = Pick<ByteEnds, 'write'>;

/** A writable byte stream of a socket. */
export class SocketWritable {
  readonly stream: WritableStream<Uint8Array>;
  #controller!: WritableStreamDefaultController;
  #isOver = false;
  #isWriting = false;
  /** Writes that are over. */
  #written = 0;
  /** Ends the write that is under way: a stream waits for it before it fails. */
  #giveUp: (error: unknown) => void = () => {};

  /** sink: rejects if the socket does not open; the socket then fails the stream itself. */
  constructor(sink: Promise<Sink>, owner: WritableOwner, strategy?: QueuingStrategy<Uint8Array>) {
    this.stream = new WritableStream(
      {
        start: (controller) => {
          this.#controller = controller;
          const { signal } = controller;
          signal?.addEventListener('abort', () => this.#giveUp(signal.reason), { once: true });
        },
        write: (chunk) => this.#write(chunk, sink, owner),
        close: () => {
          this.#isOver = true;
          return owner.closed();
        },
        abort: (reason) => {
          this.#isOver = true;
          return owner.aborted(reason);
        },
      },
      strategy,
    );
  }

  #write(chunk: unknown, sink: Promise<Sink>, owner: WritableOwner): Promise<void> {
    const write = async (): Promise<void> => {
      const bytes = bytesOf(chunk);
      await (await sink).write(bytes);
    };
    this.#isWriting = true;
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      const done = (): void => {
        this.#isWriting = false;
        this.#written++;
        resolve();
      };
      write().then(done, (error) => {
        const what = owner.failed(error);
        this.#isOver = true;
        reject(what);
      });
    });
  }

  /** Settles when all chunks are written, or when no more of them go: the send buffer has no room. */
  async flush(): Promise<void> {
    let before: number;
    do {
      before = this.#written;
      // A write may settle a round later than it is over, and the next one begins then.
      await nextRound();
      await nextRound();
    } while (this.#isWriting && this.#written !== before);
  }

  /** Fails the stream: what waits in it is not written. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.error(error);
    this.#giveUp(error);
  }

  /** It was closed or aborted, or has failed. */
  get isOver(): boolean {
    return this.#isOver;
  }
}
