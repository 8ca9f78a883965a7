// SPDX-License-Identifier: MIT
// socket - the part that all Direct Sockets share: opened, closed, close(), and their errors
//
// States: opening, open, closed. close() does nothing but end the streams; what that does to the socket is each class's own.

import { Deferred } from '../../util/deferred.ts';

/** The part of OpenInfo that is looked at here. */
interface Streams {
  readonly readable: ReadableStream;
  readonly writable?: WritableStream;
}

/**
 * An error as Direct Sockets throw it.
 *
 * @param error - Of the stack, or of the program.
 * @returns A NetworkError; a DOMException or TypeError as it is.
 */
export function networkErrorOf(error: unknown): unknown {
  if (error instanceof DOMException || error instanceof TypeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new DOMException(message, 'NetworkError'), { cause: error });
}

const invalidState = (why: string): DOMException => new DOMException(why, 'InvalidStateError');

/** A socket that opens, and is closed by its streams. */
export class DirectSocket<Info extends Streams> {
  readonly #opened = new Deferred<Info>();
  readonly #closed = new Deferred();
  #info: Info | undefined;
  #isOver = false;

  get opened(): Promise<Info> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** It is open. */
  protected setOpen(info: Info): void {
    this.#info = info;
    this.#opened.resolve(info);
  }

  /** It is closed; error: it has failed, or could not be opened. The first call counts. */
  protected setClosed(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#opened.reject(error);
    if (error === undefined) this.#closed.resolve();
    else this.#closed.reject(error);
  }

  async close(): Promise<void> {
    const info = this.#info;
    if (!info) throw invalidState('Cannot close a socket that is not open');
    if (!this.#isOver) {
      const { readable, writable } = info;
      if (readable.locked || writable?.locked) {
        throw invalidState('Cannot close a socket while a stream of it is locked');
      }
      readable.cancel().catch(() => {});
      writable?.abort().catch(() => {});
    }
    await this.closed;
  }
}
