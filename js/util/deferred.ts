// SPDX-License-Identifier: MIT
// deferred - a promise that is settled from outside

/** A promise with its resolve() and reject(). A rejection that is not awaited does not end the program. */
export class Deferred<T = void> {
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    handled(this.promise);
  }
}

/**
 * Marks a promise as handled: if it rejects and is not awaited, the program goes on. Awaiting it still
 * gives the error. For promises that a program may ignore, such as that of close().
 *
 * @param promise - Any promise.
 * @returns The same promise.
 * @throws Never.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
