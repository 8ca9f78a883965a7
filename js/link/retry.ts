// SPDX-License-Identifier: MIT
// retry - waits for a sink that has refused a frame, and lets the event loop in if that did not help
//
// A sink says with ready() when a frame that it refused is to be offered again. One that says so at once
// and refuses it again, for a fault of its own or because its end comes just then, would keep whoever
// believes it busy in microtasks for ever, and what it waits for could never come. So ready() is believed
// once: who is refused again waits for the event loop first. Where it holds its word, as all of ours do
// but for moments, that costs nothing.

import { afterEventLoop } from '../sched/scheduler.ts';
import type { FrameSink } from './types.ts';

/** Waits on behalf of one who offers frames. */
export class Retry {
  #refusals = 0;
  #isStopped = false;
  #goOn: () => void = () => {};

  /** A frame was taken. */
  taken(): void {
    this.#refusals = 0;
  }

  /** Settles when a sink that has refused a frame is to be offered it again, or with stop(). */
  async wait(sink: FrameSink): Promise<void> {
    if (this.#refusals++ > 0) await new Promise<void>(afterEventLoop);
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      sink.ready().then(resolve, resolve);
    });
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#isStopped = true;
    this.#goOn();
  }
}
