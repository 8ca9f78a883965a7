// SPDX-License-Identifier: MIT
// aligned_copy - copies between private and shared memory at full speed
//
// Theory of operation
//
// JavaScript engines copy to and from shared memory byte by byte, five times slower, unless source and
// destination are congruent mod 8 (they have the same offset within 8 bytes). A copy that is not
// congruent goes through a private buffer at an offset congruent to the shared side: between private
// buffers any offset is fast. It is a second copy, but it needs neither wasm nor memory of the
// arena, so a thread that has only the memory can do it.

/** Below this a byte-by-byte copy is cheaper than a second copy. */
const SMALL_COPY = 192;
/** Bytes of the private buffer. They shall still be in the first-level cache on the way back. */
const DETOUR = 16384;
/** From here on memory is taken as it is where the runtime allows it: below, that costs what zeros cost. */
const LARGE = 32768;
/** Largest array that engines keep in their heap of objects, where it costs next to nothing. */
const TINY = 64;

/** The private buffer at each of the eight offsets mod 8; made when it is first needed. */
let detours: readonly Uint8Array[] | undefined;

/** The private buffer, congruent mod 8 to an offset. */
function detourAt(offset: number): Uint8Array {
  if (!detours) {
    const buffer = new ArrayBuffer(DETOUR + 8);
    detours = Array.from({ length: 8 }, (_, skew) => new Uint8Array(buffer, skew, DETOUR));
  }
  return detours[offset & 7] as Uint8Array;
}

/**
 * Copies bytes, one side of which is shared memory.
 *
 * @param to - Destination.
 * @param at - Offset in it.
 * @param from - Source.
 * @param start - Offset in it.
 * @param length - Bytes.
 * @param shared - Offset of the shared side in its memory.
 * @returns Bytes that were copied: twice the length if they went through the private buffer.
 * @throws Never.
 */
export function copyAligned(
  to: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  length: number,
  shared: number,
): number {
  if (length < SMALL_COPY || ((from.byteOffset + start - to.byteOffset - at) & 7) === 0) {
    const isWhole = start === 0 && length === from.length;
    to.set(isWhole ? from : from.subarray(start, start + length), at);
    return length;
  }
  const detour = detourAt(shared);
  for (let done = 0; done < length; done += DETOUR) {
    const step = Math.min(DETOUR, length - done);
    detour.set(from.subarray(start + done, start + done + step));
    to.set(step === DETOUR ? detour : detour.subarray(0, step), at + done);
  }
  return 2 * length;
}

/** Buffer of Node, Deno and Bun. */
const { Buffer } = globalThis as {
  Buffer?: { allocUnsafeSlow?(size: number): Uint8Array };
};

/** A buffer that holds whatever its memory held before; undefined: the runtime gives none. */
function unfilled(size: number): ArrayBuffer | undefined {
  const buffer = Buffer?.allocUnsafeSlow?.(size).buffer;
  // Of its own, not a part of a larger one.
  return buffer?.byteLength === size ? (buffer as ArrayBuffer) : undefined;
}

/**
 * Makes a private chunk to which bytes of shared memory can be copied at full speed. A large one may
 * hold bytes of something else: the caller fills all of it, or clears the rest.
 *
 * @param length - Bytes.
 * @param offset - Offset of the first byte in shared memory.
 * @returns The chunk, congruent mod 8 to the offset unless it is tiny.
 * @throws Never.
 */
export function newChunk(length: number, offset: number): Uint8Array<ArrayBuffer> {
  if (length <= TINY) return new Uint8Array(length);
  const skew = offset & 7;
  const size = length + skew;
  const dirty = length < LARGE ? undefined : unfilled(size);
  // The bytes in front of the chunk are the program's, too.
  if (dirty) new Uint8Array(dirty, 0, skew).fill(0);
  return new Uint8Array(dirty ?? new ArrayBuffer(size), skew, length);
}
