// SPDX-License-Identifier: MIT
// body_writer - a head and its body into a connection
//
// A body that is there at once goes as one write: head, body and end. A stream is read as the connection takes
// it, one chunk at a time. A short one often ends right behind its first chunk (that of `new Response('text')`
// does): its end is waited for some microtasks, so that this message is one write as well.

import { toLatin1 } from '../codec/http1.ts';
import { encodeChunk, LAST_CHUNK } from '../codec/http1_chunked.ts';

/** Microtasks that the end of a stream is waited for behind its first chunk. */
const PATIENCE = 12;
/** Chunks above this are not copied behind their size, but written on their own. */
const COPIED = 16_384;

const CRLF = toLatin1('\r\n');
const END = toLatin1(LAST_CHUNK);

/** How a body is framed on its way out. */
export interface OutgoingFrame {
  /** Chunked; else the length tells its end, or the connection's. */
  readonly isChunked: boolean;
  /** Content-Length, if there is one: the body has to have exactly so many bytes. */
  readonly length: number | undefined;
  /** Text behind the last chunk: trailers with their empty line. Asked for when the body is over. */
  readonly trailers?: (() => Promise<string>) | undefined;
}

/** The chunk of a stream as bytes. */
function checked(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`Cannot send ${typeof chunk} in a body: a chunk must be a Uint8Array`);
}

/** One chunk of many. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first) return first;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whether a body that is there goes with its head in one write. */
export function isOneWrite(body: Uint8Array | undefined): boolean {
  return body === undefined || body.length <= COPIED;
}

/** The stream of a body failed; the error tells this failure from one of the connection. */
export class BodyError extends Error {
  constructor(cause: unknown) {
    super('The body failed', { cause });
  }
}

/** Writes messages, one after the other. */
export class MessageWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** Of the stream that is being sent. */
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(writable: WritableStream<Uint8Array>) {
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  /** Unlocks the writable, behind what was written. */
  release(): void {
    this.#writer.releaseLock();
  }

  /** A head, and a body that is there: one write if it is small. */
  async sendBytes(head: string, body: Uint8Array | undefined): Promise<void> {
    if (body === undefined || body.length === 0) return this.write(toLatin1(head));
    const isOne = isOneWrite(body);
    const bytes = toLatin1(head, isOne ? body.length : 0);
    if (isOne) bytes.set(body, head.length);
    await this.write(bytes);
    if (!isOne) await this.write(body);
  }

  /**
   * A head, and a body from a stream. When the connection fails the stream is cancelled.
   *
   * @throws {BodyError} If the stream failed; else what the connection failed with.
   */
  async sendStream(
    head: string,
    stream: ReadableStream<Uint8Array>,
    frame: OutgoingFrame,
  ): Promise<void> {
    const reader = stream.getReader();
    this.#reader = reader;
    try {
      await this.#pump(head, new Outgoing(reader, frame));
    } catch (error) {
      this.cancelBody(error instanceof BodyError ? error.cause : error);
      throw error;
    } finally {
      this.#reader = undefined;
    }
    reader.releaseLock();
  }

  /** Cancels the stream that is being sent, if there is one: nobody wants more of it. */
  cancelBody(reason: unknown): void {
    this.#reader?.cancel(reason).catch(() => {});
  }

  async #pump(head: string, body: Outgoing): Promise<void> {
    const { first, isOver } = await body.start();
    const start = toLatin1(head);
    if (first === undefined) {
      // Nothing has come so far: the head does not wait for the body.
      await this.write(start);
    } else if (isOver) {
      return this.write(joined([start, ...body.framed(first), ...(await body.end())]));
    } else {
      await this.#writeAll(joinable([start, ...body.framed(first)]));
    }
    for (let chunk = await body.next(); chunk; chunk = await body.next()) {
      await this.#writeAll(body.framed(chunk));
    }
    for (const part of await body.end()) await this.write(part);
  }

  async #writeAll(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) await this.write(part);
  }
}

/** Parts as few writes: those that are small in one. */
function joinable(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  return total <= 2 * COPIED ? [joined(parts)] : parts;
}

/** A body that is read and framed. */
class Outgoing {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #frame: OutgoingFrame;
  #sent = 0;
  #ahead: Promise<Uint8Array | undefined> | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, frame: OutgoingFrame) {
    this.#reader = reader;
    this.#frame = frame;
  }

  async #read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await this.#reader.read().catch((error) => {
        throw new BodyError(error);
      });
      if (done) return undefined;
      const chunk = this.#checked(value);
      if (chunk.length > 0) return chunk;
    }
  }

  #checked(value: unknown): Uint8Array {
    try {
      const chunk = checked(value);
      this.#sent += chunk.length;
      const { length } = this.#frame;
      if (length !== undefined && this.#sent > length) {
        throw new TypeError(`Cannot send a body of more than its Content-Length, ${length} bytes`);
      }
      return chunk;
    } catch (error) {
      throw new BodyError(error);
    }
  }

  /** The first chunk if it comes soon, and whether it is known to be the only one. */
  async start(): Promise<{ first: Uint8Array | undefined; isOver: boolean }> {
    const first = await this.#soon();
    if (!first.isThere) return { first: undefined, isOver: false };
    if (first.chunk === undefined) return { first: new Uint8Array(), isOver: true };
    const second = await this.#soon();
    if (second.isThere && second.chunk !== undefined) this.#ahead = Promise.resolve(second.chunk);
    return { first: first.chunk, isOver: second.isThere && second.chunk === undefined };
  }

  /** The chunk of the next read, if it comes within some microtasks; else that read stays ahead. */
  async #soon(): Promise<{ isThere: boolean; chunk: Uint8Array | undefined }> {
    let isThere = false;
    let chunk: Uint8Array | undefined;
    const read = this.#read();
    const note = (value?: Uint8Array): void => {
      isThere = true;
      chunk = value;
    };
    // A failure comes out where #ahead is awaited.
    read.then(note, () => {});
    for (let n = 0; n < PATIENCE && !isThere; n++) await null;
    this.#ahead = isThere ? undefined : read;
    return { isThere, chunk };
  }

  next(): Promise<Uint8Array | undefined> {
    const ahead = this.#ahead ?? this.#read();
    this.#ahead = undefined;
    return ahead;
  }

  /** A chunk as it is sent. */
  framed(chunk: Uint8Array): Uint8Array[] {
    if (!this.#frame.isChunked) return chunk.length > 0 ? [chunk] : [];
    if (chunk.length === 0) return [];
    if (chunk.length <= COPIED) return [encodeChunk(chunk)];
    return [toLatin1(`${chunk.length.toString(16)}\r\n`), chunk, CRLF];
  }

  /** The bytes behind the last chunk. */
  async end(): Promise<Uint8Array[]> {
    const { length, isChunked, trailers } = this.#frame;
    if (length !== undefined && this.#sent !== length) {
      const reason = `Cannot end a body after ${this.#sent} bytes: its Content-Length is ${length}`;
      throw new BodyError(new TypeError(reason));
    }
    if (!isChunked) return [];
    return [trailers ? toLatin1(`0\r\n${await trailers()}`) : END];
  }
}
