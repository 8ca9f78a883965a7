// SPDX-License-Identifier: MIT
// locks - tells that a page, a frame or a service worker has ended, however it did
//
// None of them can say so itself when it is closed, crashes or is stopped. But a lock that it holds is then
// released, and the next that waits for the lock gets it (Web Locks).

/** A name that nobody else has. */
export const lockName = (): string => `ringstack ${crypto.randomUUID()}`;

/**
 * Holds a lock for as long as this page or worker lives.
 *
 * @param name - See lockName().
 * @returns Resolves when it is held; the function releases it.
 * @throws Never.
 */
export function holdLock(name: string): Promise<() => void> {
  return new Promise((held) => {
    const hold = (): Promise<void> => new Promise((release) => held(release));
    navigator.locks.request(name, hold).catch(() => {});
  });
}

/**
 * Waits until a lock is released.
 *
 * @param name - The lock, which is held.
 * @param signal - Gives up.
 * @param run - Is called when it is released, not after the signal.
 * @throws Never.
 */
export function onReleased(name: string, signal: AbortSignal, run: () => void): void {
  const granted = async (): Promise<void> => {
    if (!signal.aborted) run();
  };
  navigator.locks.request(name, { signal }, granted).catch(() => {});
}
