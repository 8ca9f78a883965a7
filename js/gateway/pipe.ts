// SPDX-License-Identifier: MIT
// pipe - two connections in memory that are each other's peers: for ways out that serve the guest themselves
//
// Each way holds READ_AHEAD bytes; its writer waits beyond that. A side that closes still takes what the other one
// sends, and throws it away, as a socket does that nobody reads: the guest is to see the end, not a reset.

import type { StreamConnection } from '../api/transport.ts';
import { Deferred } from '../util/deferred.ts';
import { chunksOf } from './datagrams.ts';

const READ_AHEAD = 64 * 1024;

/** One way of a pipe. */
class Way {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  #reader: ReadableStreamDefaultController<Uint8Array> | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #room: Deferred | undefined;

  constructor() {
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#reader = controller;
        },
        pull: () => this.#proceed(),
        cancel: () => this.#discard(),
      },
      { highWaterMark: READ_AHEAD, size: (chunk) => chunk.byteLength },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.end(),
      abort: (reason) => this.fail(reason),
    });
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (!this.#reader || chunk.byteLength === 0) return;
    this.#reader.enqueue(chunk);
    if ((this.#reader.desiredSize ?? 0) > 0) return;
    this.#room ??= new Deferred();
    await this.#room.promise;
  }

  #proceed(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #discard(): void {
    this.#reader = undefined;
    this.#proceed();
  }

  /** Nothing comes any more; what is still written is thrown away. */
  end(): void {
    this.#reader?.close();
    this.#discard();
  }

  fail(reason: unknown): void {
    this.#reader?.error(reason);
    this.#discard();
    this.#writer?.error(reason);
  }
}

/** A connection in memory. */
export interface PipeEnd extends StreamConnection {
  abort(reason?: unknown): void;
}

/**
 * Makes two connections that are each other's peers.
 *
 * @param aborted - Called when one of them is aborted.
 * @returns Both.
 * @throws Never.
 */
export function pipePair(aborted: (reason: unknown) => void): [PipeEnd, PipeEnd] {
  const ways = [new Way(), new Way()] as const;
  const abort = (reason: unknown): void => {
    for (const way of ways) way.fail(reason);
    aborted(reason);
  };
  const end = (from: Way, to: Way): PipeEnd => ({
    readable: from.readable,
    writable: to.writable,
    async close() {
      from.end();
      if (!to.writable.locked) await to.writable.close().catch(() => {});
    },
    abort,
    [Symbol.asyncIterator]: () => chunksOf(from.readable),
  });
  return [end(ways[0], ways[1]), end(ways[1], ways[0])];
}
