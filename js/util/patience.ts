// SPDX-License-Identifier: MIT
// patience - waits for what may never come

/**
 * Waits for a promise, but no longer than a time.
 *
 * @param promise - The promise.
 * @param ms - The time.
 * @returns Whether it has settled by then.
 * @throws The error of the promise, if it rejects by then.
 */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
