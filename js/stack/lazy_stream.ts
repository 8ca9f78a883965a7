// SPDX-License-Identifier: MIT
// lazy_stream - a stream that is made when a program first asks for it, and may be locked before
//
// To make two streams takes longer than to open a socket, and ten thousand sockets with streams keep the garbage
// collector busy. Zero-copy access, receive() and send() need none.

/** The part of a stream that is used here. */
interface Lockable {
  readonly locked: boolean;
  lock(): { releaseLock(): void; readonly closed: Promise<unknown> };
}

/** The lock of a stream that may not exist yet. */
export interface Lock {
  /** Locks the stream, or the one that will be made; throws a TypeError if it is locked. */
  lock(): void;
  /** Undoes lock(). */
  unlock(): void;
}

/** A stream, once it is asked for. */
export class LazyStream<T extends Lockable> implements Lock {
  readonly #make: () => T;
  #stream: T | undefined;
  /** lock() was called; #lock is the reader or writer of a stream that exists. */
  #isHeld = false;
  #lock: ReturnType<T['lock']> | undefined;

  constructor(make: () => T) {
    this.#make = make;
  }

  /** The stream; locked while lock() is in force. */
  get stream(): T {
    if (!this.#stream) {
      this.#stream = this.#make();
      if (this.#isHeld) this.#take(this.#stream);
    }
    return this.#stream;
  }

  /** lock() is in force. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Anybody has the lock. */
  get isLocked(): boolean {
    return this.#isHeld || (this.#stream?.locked ?? false);
  }

  lock(): void {
    if (this.isLocked) throw new TypeError('Cannot lock a stream that is locked');
    if (this.#stream) this.#take(this.#stream);
    this.#isHeld = true;
  }

  #take(stream: T): void {
    this.#lock = stream.lock() as ReturnType<T['lock']>;
    this.#lock.closed.catch(() => {});
  }

  unlock(): void {
    this.#isHeld = false;
    this.#lock?.releaseLock();
    this.#lock = undefined;
  }
}
