// SPDX-License-Identifier: MIT
// turn_lock - the lock of a stack's state: one thread at a time turns a stack whose engine is a worker
//
// Theory of operation
//
// The word is free, held, or held while the engine's thread waits for it. An app may not block: it
// tries, and leaves the turn to the engine if that is in one. So the engine waits for one turn of the app, never longer.
// Taking it comes after giving it up in the order of Atomics, so each thread sees what the other one's C code has stored.
//
// A thread that dies in a turn never gives it up. The engine is started by the app's thread and ends with it; when the
// engine has died, the app only closes the stack.

const FREE = 0;
const HELD = 1;
const WANTED = 2;

/**
 * Takes the lock if it is free.
 *
 * @param i32 - The memory.
 * @param word - Index of the lock.
 * @returns Whether it is ours now.
 * @throws Never.
 */
export function tryLock(i32: Int32Array, word: number): boolean {
  return Atomics.compareExchange(i32, word, FREE, HELD) === FREE;
}

/**
 * Takes the lock, and waits for it: for threads that may block.
 *
 * @param i32 - The memory.
 * @param word - Index of the lock.
 * @throws Never.
 */
export function lock(i32: Int32Array, word: number): void {
  if (tryLock(i32, word)) return;
  // We cannot know whether others wait, too: it stays WANTED, which costs one notification for nobody.
  while (Atomics.exchange(i32, word, WANTED) !== FREE) Atomics.wait(i32, word, WANTED);
}

/**
 * Gives the lock up.
 *
 * @param i32 - The memory.
 * @param word - Index of the lock.
 * @throws Never.
 */
export function unlock(i32: Int32Array, word: number): void {
  if (Atomics.exchange(i32, word, FREE) === WANTED) Atomics.notify(i32, word, 1);
}
