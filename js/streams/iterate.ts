// SPDX-License-Identifier: MIT
// iterate - `for await` over connections and interfaces

/** The part of a reader that an iterator uses. */
export type ChunkReader<T> = Pick<ReadableStreamDefaultReader<T>, 'read' | 'releaseLock'>;

/**
 * Iterates over a stream.
 *
 * @param readable - Locked until the loop ends.
 * @returns The iterator; leaving the loop early unlocks the stream and cancels nothing.
 * @throws {TypeError} If it is locked.
 */
export function iterate<T>(readable: { getReader(): ChunkReader<T> }): AsyncIterableIterator<T> {
  const reader = readable.getReader();
  let isOver = false;
  const finish = (): IteratorResult<T> => {
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
        // Leaving the loop releases the lock, which fails a read that waits.
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
