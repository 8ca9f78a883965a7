// SPDX-License-Identifier: MIT
// fast_path - readers and writers of connections and sockets that go to the ring directly
//
// Theory of operation
//
// A read through a byte stream costs ten times as much as one from the ring. So getReader() gives the
// standard reader a read() of its own that takes a chunk out of the ring, or waits for one in
// js/streams/byte_readable.ts or js/stack/datagram_readable.ts; the stream does not know of it. Whenever the stream itself has a read or
// bytes, read() is the standard's, so the order of reads is kept. Writers get a write() that copies
// into the ring while the stream is idle; what does not fit goes through the stream.
//
// releaseLock() takes these methods away again.
//
// The streams are made by the platform's own constructors and get their class afterwards: in Node the
// constructor of a subclass takes 10 us, that of the platform 6, and a short connection makes two.

import { handled } from '../util/deferred.ts';
import type { Chunk } from './chunk.ts';
import { handlePipes } from './lock.ts';

/** The side of a ring that readers read directly. */
export interface DirectReadable<T = Chunk> {
  /** Reads from the ring; undefined: the stream must answer this read. */
  readDirect(): Promise<ReadableStreamReadResult<T>> | undefined;
  /** A default reader got the lock. */
  onDefaultReader(): void;
  /** It released the lock; reads that wait fail. */
  onDefaultReleased(): void;
  /** A BYOB reader released the lock; the stream may still have the view of its read. */
  onByobReleased(): void;
}

/** The side of a ring that writers write directly. */
export interface DirectWritable<T = Uint8Array> {
  /** Nothing can be written any more. */
  readonly done: boolean;
  /** The error of the stream, or undefined. */
  readonly error: unknown;
  /** Copies into the ring as much as fits; returns what is left for the stream, or undefined. */
  writeDirect(chunk: T): T | undefined;
  /** A promise to wait for before writing on, or undefined. */
  pause(): Promise<void> | undefined;
}

function installReader<T>(reader: ReadableStreamDefaultReader<T>, side: DirectReadable<T>): void {
  const { read, releaseLock } = reader;
  side.onDefaultReader();
  reader.read = () => side.readDirect() ?? read.call(reader);
  reader.releaseLock = () => {
    Object.assign(reader, { read, releaseLock });
    releaseLock.call(reader);
    side.onDefaultReleased();
  };
}

function watchByobReader<T>(reader: ReadableStreamBYOBReader, side: DirectReadable<T>): void {
  const { releaseLock } = reader;
  reader.releaseLock = () => {
    releaseLock.call(reader);
    side.onByobReleased();
  };
}

function installWriter<T>(writer: WritableStreamDefaultWriter<T>, side: DirectWritable<T>) {
  const { write, close, releaseLock } = writer;
  let isClosing = false;
  writer.write = (chunk?: T) => {
    if ((isClosing || side.done) && side.error === undefined) {
      // Node 20 throws an internal assertion here when the stream is closed.
      return handled(Promise.reject(new TypeError('Cannot write: the stream is closed')));
    }
    // Idle: nothing is queued or in flight, and the stream has not failed.
    const isIdle = !side.done && writer.desiredSize === 1;
    const rest = isIdle ? side.writeDirect(chunk as T) : chunk;
    if (isIdle && rest === undefined) return side.pause() ?? Promise.resolve();
    return handled(write.call(writer, rest as T));
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

/** The side of a ring that a stream is over. */
const SIDE = Symbol('side');

/** A readable stream whose default readers read from the ring. */
export class FastReadable<T = Chunk> extends ReadableStream<T> {
  declare [SIDE]: DirectReadable<T>;

  /** Makes one. */
  static over<T>(
    source: UnderlyingSource<T> | UnderlyingDefaultSource<T>,
    side: DirectReadable<T>,
  ): FastReadable<T> {
    const stream = new ReadableStream(source as UnderlyingSource<T>, {
      highWaterMark: 0,
    }) as FastReadable<T>;
    Object.setPrototypeOf(stream, FastReadable.prototype);
    stream[SIDE] = side;
    return stream;
  }

  override getReader(options: { mode: 'byob' }): ReadableStreamBYOBReader;
  override getReader(): ReadableStreamDefaultReader<T>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<T>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<T> {
    const reader = super.getReader(options as undefined);
    if (reader instanceof ReadableStreamDefaultReader) installReader(reader, this[SIDE]);
    else watchByobReader(reader, this[SIDE]);
    return reader;
  }

  override pipeTo(to: WritableStream<T>, options?: StreamPipeOptions): Promise<void> {
    return handled(super.pipeTo(to, options));
  }

  override pipeThrough<U>(
    transform: ReadableWritablePair<U, T>,
    options?: StreamPipeOptions,
  ): ReadableStream<U> {
    return handlePipes(super.pipeThrough(transform, options));
  }

  /** A reader that only holds the lock. */
  lock(): ReadableStreamDefaultReader<T> {
    return super.getReader();
  }
}

/** A writable stream whose writers write into the ring. */
export class FastWritable<T = Uint8Array> extends WritableStream<T> {
  declare [SIDE]: DirectWritable<T>;

  /** Makes one. */
  static over<T>(sink: UnderlyingSink<T>, side: DirectWritable<T>): FastWritable<T> {
    const stream = new WritableStream(sink) as FastWritable<T>;
    Object.setPrototypeOf(stream, FastWritable.prototype);
    stream[SIDE] = side;
    return stream;
  }

  override getWriter(): WritableStreamDefaultWriter<T> {
    const writer = super.getWriter();
    installWriter(writer, this[SIDE]);
    return writer;
  }

  override close(): Promise<void> {
    return handled(super.close());
  }

  /** A writer that only holds the lock. */
  lock(): WritableStreamDefaultWriter<T> {
    return super.getWriter();
  }
}
