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
 * The outcome of something. Its promise is made when it is first asked for, since most programs ask for
 * few of those that an object has.
 */
export class Outcome {
  #deferred: Deferred | undefined;
  #isOver = false;
  #error: { readonly error: unknown } | undefined;

  /** Settles with the outcome; as with a Deferred, a rejection that is not awaited does not end the program. */
  get promise(): Promise<void> {
    if (!this.#deferred) {
      this.#deferred = new Deferred();
      if (this.#error) this.#deferred.reject(this.#error.error);
      else if (this.#isOver) this.#deferred.resolve();
    }
    return this.#deferred.promise;
  }

  /** It went well. The first call of resolve() or reject() counts. */
  resolve(): void {
    this.#isOver = true;
    this.#deferred?.resolve();
  }

  /** It failed. */
  reject(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = { error };
    this.#deferred?.reject(error);
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
