// SPDX-License-Identifier: MIT
// accept_queue - matches items that arrive with calls that wait for one: the accept() of listeners
//
// Theory of operation
//
// Items wait for a take(), or calls of take() wait for items; never both. end() fails the calls that
// wait and all later ones, and returns the items that were not taken. An item that waits can be
// removed, since a connection may fail while it waits.

import { handled } from './deferred.ts';
import { Queue } from './queue.ts';

/** A call of take() that waits. */
interface Waiter<T> {
  readonly resolve: (item: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Items that arrive, and calls that wait for them, in order. */
export class AcceptQueue<T> {
  readonly #items = new Set<T>();
  readonly #waiters = new Queue<Waiter<T>>();
  readonly #taken: (item: T) => void;
  #error: unknown;

  /** taken: runs when an item is given to a caller of take(), before its promise resolves. */
  constructor(taken: (item: T) => void = () => {}) {
    this.#taken = taken;
  }

  /** Why it has ended; undefined: it has not. */
  get error(): unknown {
    return this.#error;
  }

  /** Items that wait. */
  get size(): number {
    return this.#items.size;
  }

  /** Gives an item to the oldest call that waits, or keeps it; returns whether it was kept. */
  push(item: T): boolean {
    const waiter = this.#waiters.shift();
    if (!waiter) {
      this.#items.add(item);
      return true;
    }
    this.#taken(item);
    waiter.resolve(item);
    return false;
  }

  /** Removes an item that waits; returns whether it did. */
  remove(item: T): boolean {
    return this.#items.delete(item);
  }

  /** Takes the oldest item, or waits for one; rejects with the error of end(). */
  take(): Promise<T> {
    const [item] = this.#items;
    if (item !== undefined) {
      this.#items.delete(item);
      this.#taken(item);
      return Promise.resolve(item);
    }
    const taking = new Promise<T>((resolve, reject) => {
      if (this.#error === undefined) this.#waiters.push({ resolve, reject });
      else reject(this.#error);
    });
    return handled(taking);
  }

  /** Ends it. The first call counts; returns the items that were not taken. */
  end(error: unknown): T[] {
    if (this.#error !== undefined) return [];
    this.#error = error;
    const left = [...this.#items];
    this.#items.clear();
    for (let waiter = this.#waiters.shift(); waiter; waiter = this.#waiters.shift()) {
      waiter.reject(error);
    }
    return left;
  }

  /** Takes item after item, until it ends with an error for which isEnd() is true. */
  async *items(isEnd: (error: unknown) => boolean): AsyncGenerator<T, undefined> {
    for (;;) {
      try {
        yield await this.take();
      } catch (error) {
        if (isEnd(error)) return;
        throw error;
      }
    }
  }
}
