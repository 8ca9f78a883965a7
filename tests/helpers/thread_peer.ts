// SPDX-License-Identifier: MIT
// thread_peer - the other thread of tests that share objects: it is posted a handle and a job, and answers

import type { SharedHandle } from 'ringstack';
import { ignore } from './net.ts';
import { TestThread } from './thread.ts';

/** How the other thread is woken; true: without Atomics.waitAsync. */
export const WAKE_WAYS = [
  ['wakes by waitAsync', false],
  ['wakes by a posted message', true],
] as const;

interface Reply {
  readonly result?: unknown;
  readonly code?: string;
  readonly progress?: true;
}

/** A thread that is ended with the test. */
export class ThreadPeer {
  readonly #thread: TestThread;
  readonly #replies: Reply[] = [];
  #wake = ignore;

  /**
   * Starts it.
   *
   * @param url - Of tests/stack/workers/thread.mjs.
   * @param options - fallback: without Atomics.waitAsync.
   */
  constructor(url: URL, { fallback = false } = {}) {
    this.#thread = new TestThread(url, (reply) => {
      this.#replies.push(reply as Reply);
      this.#wake();
    });
    this.#thread.post({ fallback });
  }

  /** Ends the thread, whatever it does. */
  terminate(): Promise<void> {
    return this.#thread.terminate();
  }

  start(job: string, handle?: SharedHandle<unknown>, rest: object = {}): void {
    this.#thread.post({ job, handle, ...rest });
  }

  async reply(): Promise<Reply> {
    while (this.#replies.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#replies.shift() as Reply;
  }

  async run(job: string, handle?: SharedHandle<unknown>, rest: object = {}): Promise<unknown> {
    this.start(job, handle, rest);
    const { result, code } = await this.reply();
    if (code !== undefined) throw new Error(code);
    return result;
  }
}
