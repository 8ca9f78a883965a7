// SPDX-License-Identifier: MIT
// flow - bytes between a connection's rings and a socket's stream
//
// Theory of operation
//
// Reading: readStart() copies what the receive ring has into buffers and pushes them, until the stream has
// enough (push() returns false) or the ring is empty. Then one ready() waits. Its reports run behind the event
// loop, as events of the system do: Node's http loses a `drain` that comes between two of its ticks.
//
// Writing: a write copies into the send ring what fits and is over when all did; otherwise it waits for room.
//
// A socket keeps the process alive while it reads or writes, and not when it is paused or had the end.

import type { ByteRingReader, ByteRingWriter, TcpConnection } from 'ringstack';
import { copyIn, copyOut } from '../bytes.ts';
import { systemErrorOf } from '../errors.ts';
import { type Holder, immediate } from '../runtime.ts';
import { closeInBackground } from './linger.ts';

/** Most bytes of a chunk: what libuv reads at once. */
const CHUNK_MOST = 64 * 1024;

/** A buffer of the program to read into, and what to call with it. */
export interface OnRead {
  buffer: Uint8Array | (() => Uint8Array);
  /** The first buffer. */
  first?: Uint8Array;
  callback(length: number, buffer: Uint8Array): boolean | undefined;
}

/** The part of a socket that its flow needs. */
export interface FlowOwner {
  readonly destroyed: boolean;
  push(chunk: Uint8Array | null): boolean;
  read(size: number): unknown;
  destroy(error?: Error): unknown;
  /** Bytes came or went. */
  _unrefTimer(): void;
}

/** The bytes of one connection. */
export class Flow {
  readonly connection: TcpConnection;
  readonly #owner: FlowOwner;
  readonly #reader: ByteRingReader;
  readonly #writer: ByteRingWriter;
  readonly #holder: Holder;
  readonly #onread: OnRead | undefined;
  #into: Uint8Array | undefined;
  #isReading = false;
  #isWaiting = false;
  #hasEnded = false;
  #isWriting = false;
  #isOver = false;
  /** Bytes that the program got. */
  bytesRead = 0;

  constructor(owner: FlowOwner, connection: TcpConnection, holder: Holder, onread?: OnRead) {
    this.#owner = owner;
    this.connection = connection.unref();
    this.#holder = holder;
    this.#onread = onread;
    this.#into = onread?.first;
    this.#reader = connection.getRingReader();
    this.#writer = connection.getRingWriter();
  }

  /** Bytes are pushed as they come. */
  get isReading(): boolean {
    return this.#isReading;
  }

  #updateHolder(): void {
    this.#holder.set(!this.#isOver && (this.#isWriting || (this.#isReading && !this.#hasEnded)));
  }

  /** Pushes what comes from now on. */
  readStart(): void {
    if (this.#isReading || this.#isOver) return;
    this.#isReading = true;
    if (!this.#isWaiting) this.#pump();
    this.#updateHolder();
  }

  /** Leaves what comes in the ring. */
  readStop(): void {
    this.#isReading = false;
    this.#updateHolder();
  }

  /** The bytes that the ring has; undefined: nothing more now. */
  #peek(): Uint8Array | undefined {
    try {
      const view = this.#reader.peek();
      if (view.length > 0) return view;
      this.#wait();
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  #pump(): void {
    const owner = this.#owner;
    let isWhole = false;
    try {
      while (this.#isReading) {
        const view = this.#peek();
        if (!view) break;
        const isMore = this.#onread ? this.#fill(view, this.#onread) : this.#push(view);
        owner._unrefTimer();
        if (this.#isOver) return;
        if (!isMore) this.#isReading = false;
      }
      isWhole = true;
    } finally {
      // A listener has thrown: a process that goes on reads on.
      if (!isWhole && this.#isReading && !this.#isOver) {
        this.#isWaiting = true;
        immediate(this.#goOn);
      }
    }
    this.#updateHolder();
  }

  #push(view: Uint8Array): boolean {
    const part = view.length > CHUNK_MOST ? view.subarray(0, CHUNK_MOST) : view;
    const chunk = copyOut(part);
    this.#reader.release(chunk.length);
    this.bytesRead += chunk.length;
    return this.#owner.push(chunk);
  }

  #fill(view: Uint8Array, { buffer, callback }: OnRead): boolean {
    const into = this.#into ?? (typeof buffer === 'function' ? buffer() : buffer);
    const part = view.subarray(0, into.length);
    into.set(part);
    const { length } = part;
    this.#reader.release(length);
    this.bytesRead += length;
    const isMore = callback.call(this.#owner, length, into) !== false;
    // The next buffer is asked for before there is something to read, as the system does.
    this.#into = typeof buffer === 'function' ? buffer() : buffer;
    return isMore;
  }

  #wait(): void {
    this.#isWaiting = true;
    this.#reader.ready().then(this.#onReady, this.#onFailure);
  }

  readonly #onReady = (isMore: boolean): void => {
    immediate(isMore ? this.#goOn : this.#end);
  };

  readonly #onFailure = (error: unknown): void => {
    immediate(() => {
      this.#isWaiting = false;
      this.#fail(error);
    });
  };

  readonly #goOn = (): void => {
    this.#isWaiting = false;
    if (this.#isReading && !this.#isOver) this.#pump();
  };

  readonly #end = (): void => {
    this.#isWaiting = false;
    // A paused socket sees the end when it reads on.
    if (!this.#isReading || this.#isOver || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#isReading = false;
    this.#updateHolder();
    this.#owner._unrefTimer();
    this.#owner.push(null);
    this.#owner.read(0);
  };

  #fail(error: unknown): void {
    if (this.#isOver || this.#owner.destroyed) return;
    this.#isReading = false;
    // A program that closes its stack has closed its sockets: that is no error.
    const isClosed = (error as { code?: unknown }).code === 'ESHUTDOWN';
    this.#owner.destroy(isClosed ? undefined : systemErrorOf(error, { syscall: 'read' }));
  }

  /**
   * Sends buffers, in order.
   *
   * @param buffers - Of the program; not changed until all is copied.
   * @param written - Called once, at once if all fitted; with the error otherwise.
   */
  write(buffers: readonly Uint8Array[], written: (error?: Error | null) => void): void {
    this.#put(buffers, 0, 0, written);
  }

  #put(
    buffers: readonly Uint8Array[],
    first: number,
    done: number,
    written: (error?: Error | null) => void,
  ): void {
    let at = first;
    let from = done;
    try {
      for (let bytes = buffers[at]; bytes; bytes = buffers[++at]) {
        while (from < bytes.length) {
          const room = this.#writer.reserve(bytes.length - from);
          if (room.length === 0) {
            this.#awaitRoom(buffers, at, from, written);
            return;
          }
          copyIn(room, bytes, from);
          this.#writer.submit(room.length);
          from += room.length;
        }
        from = 0;
      }
    } catch (error) {
      this.#isWriting = false;
      this.#updateHolder();
      written(systemErrorOf(error, { syscall: 'write' }));
      return;
    }
    if (this.#isWriting) {
      this.#isWriting = false;
      this.#updateHolder();
    }
    written();
  }

  #awaitRoom(
    buffers: readonly Uint8Array[],
    at: number,
    from: number,
    written: (error?: Error | null) => void,
  ): void {
    this.#isWriting = true;
    this.#updateHolder();
    const left = (buffers[at] as Uint8Array).length - from;
    const goOn = (): void =>
      immediate(() => {
        if (this.#isOver) return;
        this.#owner._unrefTimer();
        this.#put(buffers, at, from, written);
      });
    this.#writer.ready(left).then(goOn, goOn);
  }

  /** A write waits for room. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** Sends FIN behind what was written. */
  shutdown(): void {
    if (this.#isOver) return;
    // close() of the connection, or a read, says how it ends.
    this.#writer.close().catch(() => {});
  }

  /** Ends it: in order, or with a reset. Settles when the connection is closed; never rejects. */
  close(isReset: boolean): Promise<void> {
    this.#isOver = true;
    this.#isReading = false;
    this.#holder.set(false);
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    if (!isReset) return closeInBackground(this.connection);
    this.connection.abort();
    return Promise.resolve();
  }
}
