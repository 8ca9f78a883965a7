// SPDX-License-Identifier: MIT
// framing - frames in a stream of bytes, each behind its length as a big-endian u32
//
// The form of QEMU's `-netdev stream` and of what speaks it: container2wasm, gvisor-tap-vsock, passt. A frame
// that lies within one chunk of the stream is a view on it; only one that is cut by the end of a
// chunk is put together in a buffer of its own.

/** Bytes of the length in front of a frame. */
export const HEADER = 4;

/** Takes a stream of bytes apart. The frame that peek() gives is valid until release() or the next push(). */
export class FrameParser {
  readonly #longest: number;
  /** The chunk that is being taken apart, and where we are in it. */
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  /** Header and frame that lay in more than one chunk, and how much of it is there. */
  #part: Uint8Array = new Uint8Array(2048);
  #have = 0;
  /** What peek() gave and release() has not taken back. */
  #frame: Uint8Array | undefined;
  /** A length that cannot be, -1 as long as there was none. */
  #bad = -1;

  /** @param longest - Length of the longest frame; one that says it is longer is malformed. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** No frame has begun: here the stream may end. */
  get isWhole(): boolean {
    return this.#frame === undefined && this.#at === this.#chunk.length && this.#have === 0;
  }

  /**
   * Takes the next bytes of the stream. All frames before must have been released.
   *
   * @param chunk - Not to be changed until they are released.
   * @throws Never.
   */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next frame.
   *
   * @returns A view; undefined if it has not come whole; a number if that is what its length says, which
   *   cannot be: the stream is unusable then.
   * @throws Never.
   */
  peek(): Uint8Array | number | undefined {
    this.#frame ??= this.#have > 0 ? this.#complete() : this.#inChunk();
    if (this.#frame) return this.#frame;
    if (this.#bad >= 0) return this.#bad;
    this.#keepRest();
    return this.#bad >= 0 ? this.#bad : undefined;
  }

  /** Gives the frame back that peek() returned. */
  release(): void {
    this.#frame = undefined;
  }

  /** Reads a length; -1 and a stream that is unusable if it cannot be. */
  #lengthIn(bytes: Uint8Array, at: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    const length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    if (length > 0 && length <= this.#longest) return length;
    this.#bad = length;
    return -1;
  }

  /** A frame that lies in the chunk. */
  #inChunk(): Uint8Array | undefined {
    const start = this.#at + HEADER;
    if (start > this.#chunk.length || this.#bad >= 0) return undefined;
    const length = this.#lengthIn(this.#chunk, this.#at);
    if (length < 0 || start + length > this.#chunk.length) return undefined;
    this.#at = start + length;
    return this.#chunk.subarray(start, this.#at);
  }

  /** A frame whose beginning came with an earlier chunk. */
  #complete(): Uint8Array | undefined {
    if (this.#bad >= 0) return undefined;
    this.#fill(HEADER);
    if (this.#have < HEADER) return undefined;
    const length = this.#lengthIn(this.#part, 0);
    if (length < 0) return undefined;
    const size = HEADER + length;
    if (size > this.#part.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#part.length));
      larger.set(this.#part.subarray(0, this.#have));
      this.#part = larger;
    }
    this.#fill(size);
    if (this.#have < size) return undefined;
    this.#have = 0;
    return this.#part.subarray(HEADER, size);
  }

  /** Moves bytes of the chunk into the part until it has so many. */
  #fill(size: number): void {
    const count = Math.min(size - this.#have, this.#chunk.length - this.#at);
    if (count <= 0) return;
    this.#part.set(this.#chunk.subarray(this.#at, this.#at + count), this.#have);
    this.#have += count;
    this.#at += count;
  }

  /** Keeps what is left of the chunk: it belongs to a frame that goes on in the next one. */
  #keepRest(): void {
    if (this.#at < this.#chunk.length && this.#have === 0) {
      this.#fill(1);
      this.#complete();
    }
    this.#chunk = new Uint8Array();
    this.#at = 0;
  }
}

/**
 * Writes the length that stands in front of a frame.
 *
 * @param to - Where to.
 * @param at - Offset there.
 * @param length - Of the frame.
 * @returns The offset behind it, where the frame goes.
 * @throws Never.
 */
export function putLength(to: Uint8Array, at: number, length: number): number {
  to[at] = length >>> 24;
  to[at + 1] = length >>> 16;
  to[at + 2] = length >>> 8;
  to[at + 3] = length;
  return at + HEADER;
}
