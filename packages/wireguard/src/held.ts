// SPDX-License-Identifier: MIT
// held - packets that wait until a ring has room: a few, since their source waits as well

import { Copies } from './copies.ts';

/** Packets that wait at the most; a source that cannot wait loses the others. */
const MOST = 128;

/** Passes packets on at once, or keeps them. */
export class Held<Where = undefined> {
  readonly #put: (data: Uint8Array, where: Where) => boolean;
  readonly #ready: (length: number) => Promise<void>;
  readonly #waiting: { data: Uint8Array<ArrayBuffer>; where: Where }[] = [];
  readonly #copies = new Copies();
  #room: Promise<void> | undefined;
  /** Packets lost. */
  dropped = 0;

  /**
   * @param put - Puts a packet into the ring; false: no room now. Throws when the ring is gone.
   * @param ready - Waits for room; rejects when the ring is gone.
   */
  constructor(
    put: (data: Uint8Array, where: Where) => boolean,
    ready: (length: number) => Promise<void>,
  ) {
    this.#put = put;
    this.#ready = ready;
  }

  /** Passes on or keeps a packet; false: it was dropped. */
  push(data: Uint8Array, where: Where): boolean {
    try {
      if (this.#waiting.length === 0 && this.#put(data, where)) return true;
    } catch {
      this.dropped++;
      return false;
    }
    if (this.#waiting.length >= MOST) {
      this.dropped++;
      return false;
    }
    this.#waiting.push({ data: this.#copies.keep(data), where });
    this.#room ??= this.#drain();
    return true;
  }

  /** undefined: nothing waits; otherwise settles when that is so. */
  room(): Promise<void> | undefined {
    return this.#room;
  }

  async #drain(): Promise<void> {
    try {
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        await this.#ready(next.data.length);
        if (!this.#put(next.data, next.where)) continue;
        this.#waiting.shift();
        this.#copies.release(next.data);
      }
    } catch {
      this.dropped += this.#waiting.length;
      this.#waiting.length = 0;
    }
    this.#room = undefined;
  }
}
