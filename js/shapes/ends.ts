// SPDX-License-Identifier: MIT
// ends - the two ends of a connection as calls: read into a buffer, take a chunk, write, end, close
//
// Theory of operation
//
// Sockets in the shapes of other platforms are made of this. It holds the locks of both streams of a connection until
// detach() or close(). Reads are answered in the order of their calls; bytes of a chunk for which a buffer had no room
// stay here and come first in the next read. Writes are queued by the stream.
//
// close() gives the locks up: reads that wait fail, writes that wait are still sent. Then it closes the connection in
// order. A peer that never acknowledges the last bytes is waited for LINGER ms; then the connection is reset.

import type { StreamConnection } from '../http/transport.ts';
import { abortConnection } from '../util/abort.ts';
import { unref } from '../util/process.ts';

/** ms that a peer may take to acknowledge our last bytes. */
const LINGER = 60_000;
const EMPTY = new Uint8Array(0);

/** Bytes as the streams of sockets give them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The source of a readable. */
export interface ByteSource {
  /** The next chunk; undefined: the peer has ended its side. */
  take(): Promise<Bytes | undefined>;
  /** Reads into a buffer that is not empty; 0: the peer has ended its side. */
  fill(into: Uint8Array): Promise<number>;
}

/** Both ends of a connection. */
export class ByteEnds implements ByteSource {
  readonly connection: StreamConnection;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #rest: Uint8Array = EMPTY;
  /** Settles when the last read is over. */
  #reading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(connection: StreamConnection) {
    this.connection = connection;
    this.#reader = connection.readable.getReader();
    this.#writer = connection.writable.getWriter();
    const ignore = (): void => {};
    this.#reader.closed.catch(ignore);
    this.#writer.closed.catch(ignore);
    this.#writer.ready.catch(ignore);
  }

  /** Runs reads one after another. */
  #inTurn<T>(read: () => Promise<T>): Promise<T> {
    const reading = this.#reading.then(read);
    this.#reading = reading.catch(() => {});
    return reading;
  }

  async #next(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = EMPTY;
    if (rest.length > 0) return rest;
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      if (value.length > 0) return value;
    }
  }

  take(): Promise<Bytes | undefined> {
    return this.#inTurn(async () => (await this.#next()) as Bytes | undefined);
  }

  fill(into: Uint8Array): Promise<number> {
    return this.#inTurn(async () => {
      const chunk = await this.#next();
      if (!chunk) return 0;
      const length = Math.min(chunk.length, into.length);
      into.set(chunk.subarray(0, length));
      this.#rest = chunk.subarray(length);
      return length;
    });
  }

  /** Settles when the bytes are in the send buffer. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  /** Ends our side; settles when the peer has acknowledged everything. */
  end(): Promise<void> {
    return this.#writer.close();
  }

  /**
   * Gives the connection back, unlocked. Reads that wait fail.
   *
   * @throws {TypeError} If it has bytes that were not read: what follows would come without them.
   */
  detach(): StreamConnection {
    if (this.#rest.length > 0) throw new TypeError('There are bytes that were not read');
    this.#unlock();
    return this.connection;
  }

  #unlock(): void {
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }

  /** Closes the connection in order; settles when it is closed, and never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#unlock();
    const timer = unref(setTimeout(() => this.abort(new Error('The peer takes nothing')), LINGER));
    await this.connection.close().catch(() => {});
    clearTimeout(timer);
  }

  /** Resets the connection. */
  abort(reason?: unknown): void {
    abortConnection(this.connection, reason);
  }
}
