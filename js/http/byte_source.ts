// SPDX-License-Identifier: MIT
// byte_source - the bytes of a connection as a parser wants them: to look at, to take, to wait for
//
// Theory of operation
//
// The source holds what has come and was not used: usually one chunk of the stream, of which the parser takes
// parts. Only what has to be contiguous and came in pieces (a head, a size line) is put together. Nothing is
// read ahead of need but by watch(): one read that shows whether the peer goes away while nobody waits for
// bytes. So the window of TCP is the backpressure.

import { fromLatin1, type HeadLimits, HttpParseError, headEnd } from '../codec/http1.ts';

const EMPTY = new Uint8Array();

/** Reads a stream of bytes. */
export class ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #buffer: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;
  /** The read that is under way. */
  #pending: Promise<ReadableStreamReadResult<Uint8Array>> | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #isStopped = false;
  #error: unknown;
  /** Bytes that were searched for the end of a head. */
  #searched = 0;

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#end - this.#at;
  }

  /** The bytes that have come; valid until the next call of anything else. */
  peek(): Uint8Array {
    return this.#buffer.subarray(this.#at, this.#end);
  }

  /** Uses bytes up. */
  skip(length: number): void {
    this.#at += length;
    this.#searched = 0;
  }

  /**
   * Takes so many bytes at the most of what has come. The caller may keep and transfer them: if others are
   * left behind them they are copied.
   */
  take(most: number): Uint8Array {
    const end = Math.min(this.#end, this.#at + most);
    const isAll = end === this.#end;
    const bytes = isAll ? this.#buffer.subarray(this.#at, end) : this.#buffer.slice(this.#at, end);
    this.skip(bytes.length);
    if (isAll) this.#empty();
    return bytes;
  }

  #empty(): void {
    this.#buffer = EMPTY;
    this.#at = 0;
    this.#end = 0;
  }

  /**
   * Waits for more bytes.
   *
   * @returns false: none come any more.
   * @throws The error of the stream.
   */
  async more(): Promise<boolean> {
    this.#pending ??= this.#read();
    const pending = this.#pending;
    const { done, value } = await pending;
    if (this.#pending === pending) this.#pending = undefined;
    if (done || this.#isStopped) return false;
    this.#append(value);
    return true;
  }

  #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#error !== undefined) reject(this.#error);
      else this.#reader.read().then(resolve, reject);
    });
  }

  /** Fails the reads that wait, and all later ones. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#reject?.(error);
  }

  #append(chunk: Uint8Array): void {
    const held = this.length;
    if (held === 0) {
      this.#buffer = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      return;
    }
    if (this.#end + chunk.length > this.#buffer.length || this.#at > 0) {
      const grown = new Uint8Array(Math.max(1024, 2 * (held + chunk.length)));
      grown.set(this.peek());
      this.#buffer = grown;
      this.#at = 0;
      this.#end = held;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * Sees what happens while nobody reads: begins the next read.
   *
   * @returns Settles when bytes come, or the stream ends or fails; undefined if bytes are there already.
   */
  watch(): Promise<unknown> | undefined {
    if (this.length > 0) return undefined;
    this.#pending ??= this.#read();
    return this.#pending;
  }

  /**
   * Reads a head.
   *
   * @param limits - How long it may be.
   * @returns Its lines without the empty one; undefined: it has not come whole.
   * @throws {HttpParseError} If it is too long, or a line ends in LF alone.
   */
  tryHead({ maxHeaderSize }: HeadLimits): string | undefined {
    // An empty line before a message is skipped (RFC 9112, 2.2): some clients send one behind a body.
    while (this.length > 1 && this.#buffer[this.#at] === 13 && this.#buffer[this.#at + 1] === 10) {
      this.skip(2);
    }
    const bytes = this.peek();
    const end = headEnd(bytes, this.#searched);
    if ((end < 0 ? bytes.length : end) > maxHeaderSize) {
      throw new HttpParseError(431, `the head has more than ${maxHeaderSize} bytes`);
    }
    this.#searched = bytes.length;
    if (end < 0) return undefined;
    const text = fromLatin1(bytes.subarray(0, end - 2));
    this.skip(end);
    if (this.length === 0) this.#empty();
    return text;
  }

  /** Nothing is taken from the stream any more: what comes is the end. */
  stop(): void {
    this.#isStopped = true;
    this.#empty();
  }

  /** The bytes as a stream, to hand the connection over: those that have come first. */
  rest(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (this.length > 0 || (await this.more())) controller.enqueue(this.take(this.length));
          else controller.close();
        },
        cancel: (reason) => this.#reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}
