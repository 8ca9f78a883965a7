// SPDX-License-Identifier: MIT
// hash - checksum of a byte stream (FNV-1a and length) that does not depend on chunk borders

/** Feed both ends of a transfer into one of these each and compare `digest()`. */
export class StreamHash {
  #state = 0x811c9dc5 | 0;
  #length = 0;

  /** Bytes seen so far. */
  get length(): number {
    return this.#length;
  }

  /** Takes the next bytes of the stream; they may lie in shared memory. @returns This. */
  update(chunk: Uint8Array): this {
    let state = this.#state;
    for (let i = 0; i < chunk.length; i++) {
      state = Math.imul(state ^ (chunk[i] as number), 0x01000193);
    }
    this.#state = state;
    this.#length += chunk.length;
    return this;
  }

  /** @returns '<length>-<8 hex digits>'; more may be added after it. */
  digest(): string {
    return `${this.#length}-${(this.#state >>> 0).toString(16).padStart(8, '0')}`;
  }
}

/** @returns The digest of one chunk. */
export function hashOf(chunk: Uint8Array): string {
  return new StreamHash().update(chunk).digest();
}
