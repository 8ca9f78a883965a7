// SPDX-License-Identifier: MIT
// fast_path - readers and writers of connections that go to the ring directly
//
// Theory of operation
//
// A read through a byte stream costs ten times as much as one from the ring. So getReader() gives the
// standard reader a read() of its own that takes a chunk out of the ring, or waits for one in
// js/streams/byte_readable.ts; the stream does not know of it. Whenever the stream itself has a read or
// bytes, read() is the standard's, so the order of reads is kept. Writers get a write() that copies
// into the ring while the stream is idle; what does not fit goes through the stream.
//
// releaseLock() takes these methods away again.

import { handled } from '../util/deferred.ts';
import type { Chunk } from './chunk.ts';
import { handlePipes } from './lock.ts';

/** The side of a ring that readers read directly. */
export interface DirectReadable {
  /** Reads from the ring; undefined: the stream must answer this read. */
  readDirect(): Promise<ReadableStreamReadResult<Chunk>> | undefined;
  /** A default reader got the lock. */
  onDefaultReader(): void;
  /** It released the lock; reads that wait fail. */
  onDefaultReleased(): void;
  /** A BYOB reader released the lock; the stream may still have the view of its read. */
  onByobReleased(): void;
}

/** The side of a ring that writers write directly. */
export interface DirectWritable {
  /** Nothing can be written any more. */
  readonly done: boolean;
  /** The error of the stream, or undefined. */
  readonly error: unknown;
  /** Copies into the ring as much as fits; returns how much. */
  writeDirect(bytes: Uint8Array): number;
  /** A promise to wait for before writing on, or undefined. */
  pause(): Promise<void> | undefined;
}

function installReader(reader: ReadableStreamDefaultReader<Chunk>, side: DirectReadable): void {
  const { read, releaseLock } = reader;
  side.onDefaultReader();
  reader.read = () => side.readDirect() ?? read.call(reader);
  reader.releaseLock = () => {
    Object.assign(reader, { read, releaseLock });
    releaseLock.call(reader);
    side.onDefaultReleased();
  };
}

function watchByobReader(reader: ReadableStreamBYOBReader, side: DirectReadable): void {
  const { releaseLock } = reader;
  reader.releaseLock = () => {
    releaseLock.call(reader);
    side.onByobReleased();
  };
}

function installWriter(writer: WritableStreamDefaultWriter<Uint8Array>, side: DirectWritable) {
  const { write, close, releaseLock } = writer;
  let isClosing = false;
  writer.write = (chunk) => {
    if ((isClosing || side.done) && side.error === undefined) {
      // Node 20 throws an internal assertion here when the stream is closed.
      return handled(Promise.reject(new TypeError('Cannot write: the stream is closed')));
    }
    // Idle: nothing is queued or in flight, and the stream has not failed.
    if (side.done || !(chunk instanceof Uint8Array) || writer.desiredSize !== 1) {
      return handled(write.call(writer, chunk));
    }
    const done = side.writeDirect(chunk);
    if (done === chunk.length) return side.pause() ?? Promise.resolve();
    return handled(write.call(writer, chunk.subarray(done)));
  };
  writer.close = () => {
    isClosing = true;
    return handled(close.call(writer));
  };
  writer.releaseLock = () => {
    Object.assign(writer, { write, close, releaseLock });
    releaseLock.call(writer);
  };
}

/** A readable stream whose default readers read from the ring. */
export class FastReadable extends ReadableStream<Chunk> {
  readonly #side: DirectReadable;

  constructor(source: UnderlyingSource<Chunk>, side: DirectReadable) {
    super(source, { highWaterMark: 0 });
    this.#side = side;
  }

  override getReader(options: { mode: 'byob' }): ReadableStreamBYOBReader;
  override getReader(): ReadableStreamDefaultReader<Chunk>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Chunk>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Chunk> {
    const reader = super.getReader(options as undefined);
    if (reader instanceof ReadableStreamDefaultReader) installReader(reader, this.#side);
    else watchByobReader(reader, this.#side);
    return reader;
  }

  override pipeTo(to: WritableStream<Chunk>, options?: StreamPipeOptions): Promise<void> {
    return handled(super.pipeTo(to, options));
  }

  override pipeThrough<T>(
    transform: ReadableWritablePair<T, Chunk>,
    options?: StreamPipeOptions,
  ): ReadableStream<T> {
    return handlePipes(super.pipeThrough(transform, options));
  }

  /** A reader that only holds the lock. */
  lock(): ReadableStreamDefaultReader<Chunk> {
    return super.getReader();
  }
}

/** A writable stream whose writers write into the ring. */
export class FastWritable extends WritableStream<Uint8Array> {
  readonly #side: DirectWritable;

  constructor(sink: UnderlyingSink<Uint8Array>, side: DirectWritable) {
    super(sink);
    this.#side = side;
  }

  override getWriter(): WritableStreamDefaultWriter<Uint8Array> {
    const writer = super.getWriter();
    installWriter(writer, this.#side);
    return writer;
  }

  override close(): Promise<void> {
    return handled(super.close());
  }

  /** A writer that only holds the lock. */
  lock(): WritableStreamDefaultWriter<Uint8Array> {
    return super.getWriter();
  }
}
