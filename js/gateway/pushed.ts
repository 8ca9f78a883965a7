// SPDX-License-Identifier: MIT
// pushed - a connection whose bytes are pushed to us, without a way to hold the other side off
//
// Bytes wait in the readable. A reader that falls behind by more than MOST ends the connection: memory is bounded.

import type { StreamConnection } from '../api/transport.ts';
import { NetError } from '../errors.ts';

const MOST = 16 * 1024 * 1024;

/** The other side, as a connection calls it. */
export interface PushedSink {
  /** Sends bytes; settles when there may be more. */
  write(chunk: Uint8Array): Promise<void>;
  /** Both sides are done. */
  finish(): void;
  /** Ends at once. */
  abort(): void;
}

/** A connection over messages. It has no half close: the way there ends when the way back does. */
export class PushedConnection implements StreamConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #sink: PushedSink;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #failure: unknown;
  #isOver = false;

  constructor(host: string, port: number, sink: PushedSink) {
    this.remoteAddress = host;
    this.remotePort = port;
    this.#sink = sink;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => this.abort(),
      },
      { highWaterMark: MOST, size: (chunk) => chunk.byteLength },
    );
    this.writable = new WritableStream<Uint8Array>({
      write: async (chunk) => {
        if (this.#failure !== undefined) throw this.#failure;
        await sink.write(chunk);
      },
      abort: () => this.abort(),
    });
  }

  /** Bytes came. */
  push(chunk: Uint8Array): void {
    const controller = this.#controller;
    if (!controller) return;
    controller.enqueue(chunk);
    if ((controller.desiredSize ?? 0) > 0) return;
    const reason = 'its reader is too slow';
    this.end(new NetError('ENOBUFS', 'Cannot read the connection', { reason }));
    this.#sink.abort();
  }

  /** The other side has ended; error: it failed. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = error ?? new NetError('ECONNRESET', 'Cannot write to the connection');
    if (error === undefined) this.#controller?.close();
    else this.#controller?.error(error);
    this.#controller = undefined;
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    this.end();
    this.#sink.finish();
  }

  abort(): void {
    if (this.#isOver) return;
    this.end(new NetError('ECONNABORTED', 'Cannot use the connection'));
    this.#sink.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    const reader = this.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  }
}
