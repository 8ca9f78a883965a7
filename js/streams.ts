// SPDX-License-Identifier: MIT
// streams - what the streams over rings have in common: chunks, locks, iteration
//
// Theory of operation
//
// The streams of js/streams/byte_readable.ts, byte_writable.ts and frame_streams.ts queue nothing themselves
// (high-water mark 0): a read is answered from the ring, a write goes into the ring, and what does
// not fit waits inside the sink's promise. Backpressure is thereby the ring's: an unread readable
// leaves its bytes in the ring, which closes the window.
//
// Bytes are copied once each way. A BYOB read is copied straight into the view the stream hands out
// (at its own byteOffset). For a default reader the chunk is allocated so that it is congruent mod 8
// to the bytes in the ring, since anything else is copied five times slower (js/memory/arena.ts); hence the
// chunk's byteOffset may not be 0. Chunks are never over shared memory, and each has a buffer of its
// own: they can be transferred.

import type { SharedMemory } from './memory/shared_memory.ts';

/** Largest array that engines keep in the heap of objects, where it costs next to nothing. */
const TINY = 64;

/**
 * Makes a chunk for bytes that are to be copied out of shared memory.
 *
 * @param length - How many.
 * @param offset - Where they begin.
 * @returns The chunk, congruent mod 8 to the offset unless it is tiny.
 * @throws Never.
 */
export function newChunk(length: number, offset: number): Uint8Array<ArrayBuffer> {
  if (length <= TINY) return new Uint8Array(length);
  const skew = offset & 7;
  return new Uint8Array(new ArrayBuffer(length + skew), skew, length);
}

/**
 * A chunk for the user, copied out of shared memory once.
 *
 * @param memory - The shared memory.
 * @param offset - Where the bytes begin.
 * @param length - How many.
 * @returns The chunk.
 * @throws Never.
 */
export function copyChunk(
  memory: SharedMemory,
  offset: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const chunk = newChunk(length, offset);
  memory.copyOut(offset, chunk, 0, length);
  return chunk;
}

/** What an iterator needs of a reader. */
export type ChunkReader = Pick<ReadableStreamDefaultReader<Uint8Array>, 'read' | 'releaseLock'>;

/**
 * Iterates over a stream.
 *
 * @param readable - Locked until the loop ends.
 * @returns The iterator; leaving the loop early unlocks the stream and cancels nothing.
 * @throws {TypeError} If it is locked.
 */
export function iterate(readable: { getReader(): ChunkReader }): AsyncIterableIterator<Uint8Array> {
  const reader = readable.getReader();
  let isOver = false;
  const finish = (): IteratorResult<Uint8Array> => {
    if (!isOver) reader.releaseLock();
    isOver = true;
    return { done: true, value: undefined };
  };
  return {
    async next() {
      if (isOver) return finish();
      try {
        const result = await reader.read();
        return result.done ? finish() : result;
      } catch (error) {
        // A read that waits when the loop is left fails because of that.
        if (isOver) return finish();
        finish();
        throw error;
      }
    },
    async return() {
      return finish();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** The error of who uses a reader or writer that gave its lock back. */
export function released(action: string): TypeError {
  return new TypeError(`Cannot ${action}: the lock was released`);
}
