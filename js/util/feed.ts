// SPDX-License-Identifier: MIT
// feed - what happens in a service, for any number of loops
//
// Each loop has a queue of its own. One that falls behind loses its oldest events, so a loop that is never read costs
// a bounded amount of memory.

import { Deferred } from './deferred.ts';
import { Queue } from './queue.ts';

/** Events that wait for one loop. */
const MOST = 1024;

interface Loop<T> {
  readonly queue: Queue<T>;
  wake: Deferred | undefined;
}

/** Events, to be iterated. */
export class Feed<T> implements AsyncIterable<T> {
  readonly #loops = new Set<Loop<T>>();
  #isEnded = false;

  /** Gives an event to all loops. */
  push(event: T): void {
    for (const loop of this.#loops) {
      if (loop.queue.length >= MOST) loop.queue.shift();
      loop.queue.push(event);
      loop.wake?.resolve();
    }
  }

  /** Ends all loops when they have seen what is there. */
  end(): void {
    this.#isEnded = true;
    for (const loop of this.#loops) loop.wake?.resolve();
  }

  /**
   * Iterates over the events from now on.
   *
   * @returns The iterator; it ends when the service is closed.
   * @throws Never.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    const loop: Loop<T> = { queue: new Queue(), wake: undefined };
    if (!this.#isEnded) this.#loops.add(loop);
    const done = { done: true, value: undefined } as const;
    const next = async (): Promise<IteratorResult<T>> => {
      for (;;) {
        const event = loop.queue.shift();
        if (event !== undefined) return { done: false, value: event };
        if (this.#isEnded || !this.#loops.has(loop)) return done;
        loop.wake ??= new Deferred();
        await loop.wake.promise;
        loop.wake = undefined;
      }
    };
    const leave = async (): Promise<IteratorResult<T>> => {
      this.#loops.delete(loop);
      loop.queue.clear();
      loop.wake?.resolve();
      return done;
    };
    const self: AsyncIterableIterator<T> = {
      next,
      return: leave,
      [Symbol.asyncIterator]: () => self,
    };
    return self;
  }
}
