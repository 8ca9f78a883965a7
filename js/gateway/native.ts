// SPDX-License-Identifier: MIT
// native - a connection over the calls of a runtime: read, write, end
//
// Theory of operation
//
// Each way ends by itself: the readable with the other side's end, the writable with ours. When both have ended, or one has
// failed, the socket is given back. The readable asks for more while less than READ_AHEAD bytes wait in it, and the writable
// writes one chunk at a time: a slow side holds the other one off. A readable that is cancelled goes on reading, and throws
// away what comes, so that the way there stays open.

import type { StreamConnection, StreamListener } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { AcceptQueue } from '../util/accept_queue.ts';
import { Deferred } from '../util/deferred.ts';
import { chunksOf } from './datagrams.ts';

export const READ_AHEAD = 256 * 1024;

/** The calls of an open socket. */
export interface NativeCalls {
  /** Reads a chunk; undefined: the other side has ended. */
  read(): Promise<Uint8Array | undefined>;
  /** Writes all of a chunk; settles when there may be more. */
  write(chunk: Uint8Array): Promise<void>;
  /** Ends our side. */
  end(): Promise<void>;
  /** Gives the socket back; isReset: at once, by a reset where the runtime has one. Never throws. */
  free(isReset: boolean): void;
  /** The error to throw for one of the runtime. */
  errorOf(error: unknown): NetError;
}

/** Both ends of a socket. */
export interface NativeEnds {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** A socket that is open, as a connection. */
export class NativeConnection implements StreamConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #calls: NativeCalls;
  readonly #gone = new Deferred();
  #reading: Promise<void> = Promise.resolve();
  #reader: ReadableStreamDefaultController<Uint8Array> | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #isRead = false;
  #isWritten = false;
  #isOver = false;

  constructor(calls: NativeCalls, ends: NativeEnds) {
    this.#calls = calls;
    this.remoteAddress = ends.remoteAddress;
    this.remotePort = ends.remotePort;
    this.localAddress = ends.localAddress;
    this.localPort = ends.localPort;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#reader = controller;
        },
        pull: () => this.#read(),
        cancel: () => void this.#discard(),
      },
      { highWaterMark: READ_AHEAD, size: (chunk) => chunk.byteLength },
    );
    this.writable = new WritableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#writer = controller;
        },
        write: (chunk) => this.#try(() => calls.write(chunk)),
        close: () => this.#end(),
        abort: () => this.abort(),
      },
      { highWaterMark: READ_AHEAD, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }

  /** Reads once; a read that runs already is waited for. */
  #read(): Promise<void> {
    this.#reading = this.#reading.then(async () => {
      if (this.#isRead || this.#isOver) return;
      try {
        const chunk = await this.#calls.read();
        if (chunk) this.#reader?.enqueue(chunk);
        else this.#endReading();
      } catch (error) {
        this.#fail(this.#calls.errorOf(error));
      }
    });
    return this.#reading;
  }

  #endReading(): void {
    this.#isRead = true;
    this.#reader?.close();
    this.#reader = undefined;
    this.#settle();
  }

  async #discard(): Promise<void> {
    this.#reader = undefined;
    while (!this.#isRead && !this.#isOver) await this.#read();
  }

  async #try(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (cause) {
      const error = this.#calls.errorOf(cause);
      this.#fail(error);
      throw error;
    }
  }

  async #end(): Promise<void> {
    if (this.#isWritten) return;
    this.#isWritten = true;
    await this.#try(() => this.#calls.end());
    this.#settle();
  }

  #settle(): void {
    if (this.#isRead && this.#isWritten) this.#leave(false);
  }

  #leave(isReset: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#calls.free(isReset);
    this.#gone.resolve();
  }

  #fail(error: NetError): void {
    if (this.#isOver) return;
    this.#reader?.error(error);
    this.#reader = undefined;
    this.#writer?.error(error);
    this.#leave(true);
  }

  async close(): Promise<void> {
    this.#reader?.close();
    void this.#discard();
    await this.#end().catch(() => {});
    await this.#gone.promise;
  }

  abort(): void {
    this.#fail(new NetError('ECONNABORTED', 'Cannot use the connection'));
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return chunksOf(this.readable);
  }
}

/** A socket of a runtime that listens. */
export class NativeListener implements StreamListener {
  readonly port: number;
  readonly #stop: () => void | Promise<void>;
  readonly #queue = new AcceptQueue<StreamConnection>();
  #isClosed = false;

  constructor(port: number, stop: () => void | Promise<void>) {
    this.port = port;
    this.#stop = stop;
  }

  /** A connection came. */
  push(connection: StreamConnection): void {
    if (this.#queue.error === undefined) this.#queue.push(connection);
    else connection.abort?.();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.end(new NetError('ECONNABORTED', 'Cannot accept', { reason: 'the listener was closed' }));
    await this.#stop();
  }

  /** It accepts nothing any more. */
  end(error: NetError): void {
    for (const connection of this.#queue.end(error)) connection.abort?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamConnection> {
    return this.#queue.items((error) => (error as NetError).code === 'ECONNABORTED');
  }
}
