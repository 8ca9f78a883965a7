// SPDX-License-Identifier: MIT
// retry - waits for a sink that has refused a frame
//
// Theory of operation
//
// The ready() of a sink says when to offer a refused frame again. A faulty sink may resolve ready() at once
// and refuse the frame again. A loop that believes it would run in microtasks without end, and timers and
// I/O would never run. So ready() is believed once: after a second refusal in a row, we wait for the event loop
// first. A sink that keeps its promise is never refused twice, so this costs nothing.

import { afterEventLoop } from '../sched/scheduler.ts';
import type { FrameSink } from './types.ts';

/** The waits of one sender of frames. */
export class Retry {
  #refusals = 0;
  #isStopped = false;
  #goOn: () => void = () => {};

  /** Call when a frame was taken. */
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

  /** Ends the wait that runs, and all later ones. */
  stop(): void {
    this.#isStopped = true;
    this.#goOn();
  }
}
