// SPDX-License-Identifier: MIT
// body_reader - the body of a message: its bytes out of the connection, chunk by chunk
//
// A body ends by its length, by its last chunk, or (of a response alone) with the connection. It is read when
// the user reads it: the stream pulls, and asks for nothing ahead.

import type { HeadLimits, MessageHead } from '../codec/http1.ts';
import { ChunkedDecoder } from '../codec/http1_chunked.ts';
import { NetError } from '../errors.ts';
import type { ByteSource } from './byte_source.ts';

/** Limits of a body, and how its end is found. */
export interface BodyReaderOptions {
  readonly limits: HeadLimits;
  /** Without a length it lasts until the connection ends. */
  readonly untilClose: boolean;
}

/** Reads one body. */
export class BodyReader {
  readonly #source: ByteSource;
  readonly #chunked: ChunkedDecoder | undefined;
  /** Bytes to come, Infinity if only the end of the connection tells. */
  #left: number;
  #isDone = false;

  constructor(source: ByteSource, head: MessageHead, { limits, untilClose }: BodyReaderOptions) {
    this.#source = source;
    this.#chunked = head.isChunked ? new ChunkedDecoder(limits) : undefined;
    this.#left = head.contentLength ?? (untilClose ? Number.POSITIVE_INFINITY : 0);
    this.#isDone = !head.isChunked && this.#left === 0;
  }

  /** All of it was read. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Whether the rest of it has come: what is left can be taken without waiting. */
  get isHere(): boolean {
    return this.#isDone || (!this.#chunked && this.#source.length >= this.#left);
  }

  /** Bytes that are known to come. */
  get left(): number {
    return this.#chunked ? 0 : this.#left;
  }

  /** The fields behind it, in order. */
  get trailers(): [string, string][] {
    return this.#chunked?.trailers ?? [];
  }

  /**
   * Reads on.
   *
   * @returns The next bytes; undefined: it is over.
   * @throws {HttpParseError} If a chunk is malformed.
   * @throws {NetError} ECONNRESET if the connection ends before it, or what the connection failed with.
   */
  async next(): Promise<Uint8Array | undefined> {
    return this.#chunked ? this.#nextChunk(this.#chunked) : this.#nextPlain();
  }

  async #nextPlain(): Promise<Uint8Array | undefined> {
    if (this.#isDone) return undefined;
    if (this.#source.length === 0 && !(await this.#source.more())) {
      if (this.#left !== Number.POSITIVE_INFINITY) throw cutShort();
      this.#isDone = true;
      return undefined;
    }
    const bytes = this.#source.take(this.#left);
    this.#left -= bytes.length;
    this.#isDone = this.#left === 0;
    return bytes;
  }

  async #nextChunk(decoder: ChunkedDecoder): Promise<Uint8Array | undefined> {
    for (;;) {
      const { used, data } = decoder.step(this.#source.peek());
      if (data) {
        const bytes = this.#source.take(used);
        this.#finishChunked(decoder);
        return bytes;
      }
      this.#source.skip(used);
      this.#isDone = decoder.isDone;
      if (this.#isDone) return undefined;
      if (used === 0 && !(await this.#source.more())) throw cutShort();
    }
  }

  /** Takes what frames the data just read, so that the end is known with the last data if it has come. */
  #finishChunked(decoder: ChunkedDecoder): void {
    while (!decoder.isInData && !this.#isDone && this.#source.length > 0) {
      const { used } = decoder.step(this.#source.peek());
      this.#source.skip(used);
      this.#isDone = decoder.isDone;
      if (used === 0) return;
    }
  }
}

/** The error of a body that the peer did not send to its end. */
function cutShort(): NetError {
  return new NetError('ECONNRESET', 'Cannot read a body', {
    reason: 'the connection ended before it',
  });
}
