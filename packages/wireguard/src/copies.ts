// SPDX-License-Identifier: MIT
// copies - copies of packets that have to wait, in memory that is used again: most are as long as the one before

/** Copies that are kept for the next packets. */
const MOST = 128;

/** Makes copies of packets. */
export class Copies {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /** A copy, until release(). */
  keep(data: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = this.#free.pop();
    if (copy?.length !== data.length) return new Uint8Array(data);
    copy.set(data);
    return copy;
  }

  /** Nobody reads a copy any more. */
  release(copy: Uint8Array<ArrayBuffer>): void {
    if (this.#free.length < MOST) this.#free.push(copy);
  }
}
