// SPDX-License-Identifier: MIT
// chunk - chunks for the program: private copies of bytes in shared memory

import type { SharedMemory } from '../memory/shared_memory.ts';
import type { ByteConsumer } from '../ring.ts';
import { newChunk } from '../util/aligned_copy.ts';

/** A chunk that a stream gives: never over shared memory, with a buffer of its own. */
export type Chunk = Uint8Array<ArrayBuffer>;

/**
 * Copies bytes out of shared memory, once.
 *
 * @param memory - The shared memory.
 * @param offset - Offset of the first byte.
 * @param length - Bytes.
 * @returns The chunk.
 * @throws Never.
 */
export function copyChunk(memory: SharedMemory, offset: number, length: number): Chunk {
  const chunk = newChunk(length, offset);
  memory.copyOut(offset, chunk, 0, length);
  return chunk;
}

/**
 * Moves bytes out of a ring into a view.
 *
 * @param view - Filled from its start.
 * @param first - Bytes that the ring's peek() has found; more may follow behind the end of its storage.
 * @param memory - The memory of the ring.
 * @param ring - The ring.
 * @returns How many bytes were moved.
 * @throws Never.
 */
export function fillFromRing(
  view: Uint8Array,
  first: number,
  memory: SharedMemory,
  ring: ByteConsumer,
): number {
  let done = 0;
  for (let left = first; left > 0; left = done < view.length ? ring.peek() : 0) {
    const step = Math.min(left, view.length - done);
    memory.copyOut(ring.offset, view, done, step);
    ring.release(step);
    done += step;
  }
  return done;
}
