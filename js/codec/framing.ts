// SPDX-License-Identifier: MIT
// framing - frames in a byte stream, each behind its length as a big-endian u32
//
// This is the form of QEMU's `-netdev stream`, also used by container2wasm, gvisor-tap-vsock and passt. A frame
// within one chunk of the stream is a view on the chunk. Only a frame that is split over chunks is copied to a
// buffer.

/** Bytes of the length in front of a frame. */
export const HEADER = 4;

/** Splits a byte stream into frames. The frame of peek() is valid until release() or the next push(). */
export class FrameParser {
  readonly #longest: number;
  /** The chunk that is being read, and our offset in it. */
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  /** Header and frame that are split over chunks, and the number of bytes that are there. */
  #part: Uint8Array = new Uint8Array(2048);
  #have = 0;
  /** The frame that peek() gave, until release(). */
  #frame: Uint8Array | undefined;
  /** The first impossible length; -1: there was none. */
  #bad = -1;

  /** @param longest - Length of the longest frame. A larger length is malformed. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** No frame has begun, so the stream may end here. */
  get isWhole(): boolean {
    return this.#frame === undefined && this.#at === this.#chunk.length && this.#have === 0;
  }

  /**
   * Takes the next bytes of the stream. All earlier frames must have been released.
   *
   * @param chunk - The bytes. They must not change until their frames are released.
   * @throws Never.
   */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Reads the next frame.
   *
   * @returns A view; undefined if the frame is not whole yet; a number if the length is that number, which is
   *   impossible: the stream is unusable then.
   * @throws Never.
   */
  peek(): Uint8Array | number | undefined {
    this.#frame ??= this.#have > 0 ? this.#complete() : this.#inChunk();
    if (this.#frame) return this.#frame;
    if (this.#bad >= 0) return this.#bad;
    this.#keepRest();
    return this.#bad >= 0 ? this.#bad : undefined;
  }

  /** Ends the use of the frame that peek() gave. */
  release(): void {
    this.#frame = undefined;
  }

  /** Reads a length; -1 if it is impossible, which makes the stream unusable. */
  #lengthIn(bytes: Uint8Array, at: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    const length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    if (length > 0 && length <= this.#longest) return length;
    this.#bad = length;
    return -1;
  }

  /** Reads a frame that is whole in the chunk. */
  #inChunk(): Uint8Array | undefined {
    const start = this.#at + HEADER;
    if (start > this.#chunk.length || this.#bad >= 0) return undefined;
    const length = this.#lengthIn(this.#chunk, this.#at);
    if (length < 0 || start + length > this.#chunk.length) return undefined;
    this.#at = start + length;
    return this.#chunk.subarray(start, this.#at);
  }

  /** Reads a frame that began in an earlier chunk. */
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

  /** Moves bytes of the chunk into the part until it has `size` bytes. */
  #fill(size: number): void {
    const count = Math.min(size - this.#have, this.#chunk.length - this.#at);
    if (count <= 0) return;
    this.#part.set(this.#chunk.subarray(this.#at, this.#at + count), this.#have);
    this.#have += count;
    this.#at += count;
  }

  /** Keeps the rest of the chunk: it belongs to a frame that goes on in the next chunk. */
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
 * Writes the length in front of a frame.
 *
 * @param to - Buffer.
 * @param at - Offset in it.
 * @param length - Length of the frame.
 * @returns The offset behind it, at which the frame begins.
 * @throws Never.
 */
export function putLength(to: Uint8Array, at: number, length: number): number {
  to[at] = length >>> 24;
  to[at + 1] = length >>> 16;
  to[at + 2] = length >>> 8;
  to[at + 3] = length;
  return at + HEADER;
}
