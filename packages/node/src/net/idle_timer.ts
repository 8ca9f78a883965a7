// SPDX-License-Identifier: MIT
// idle_timer - setTimeout() of sockets: fires when nothing was read or written for so long

import { unref } from '../../../../js/util/process.ts';

/** A timer that starts anew with every activity, and keeps no process alive. */
export class IdleTimer {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ms = 0;
  readonly #fire: () => void;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  /** Whether it is set. */
  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** Starts it; 0: stops it. */
  set(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#ms = ms;
    if (ms === 0) return;
    this.#timer = unref(setTimeout(this.#fire, ms));
  }

  /** Something was read or written. */
  touch(): void {
    const timer = this.#timer as { refresh?(): void } | undefined;
    if (timer === undefined) return;
    if (timer.refresh) timer.refresh();
    else this.set(this.#ms);
  }
}
