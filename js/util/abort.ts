// SPDX-License-Identifier: MIT
// abort - promises that end early, with a signal or when their time is over; connections that do

/**
 * Waits for a promise, but no longer than until a signal is aborted.
 *
 * @param promise - The promise to wait for; if it settles later, `late` gets its value.
 * @param signal - Ends the wait.
 * @param late - Disposes of a value that came too late.
 * @returns The value.
 * @throws The reason of the signal, or what the promise rejects with.
 */
export function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  late?: (value: T) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let isOver = false;
    const abort = (): void => {
      isOver = true;
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    const settle = (done: () => void): void => {
      signal.removeEventListener('abort', abort);
      done();
    };
    promise.then(
      (value) => settle(() => (isOver ? late?.(value) : resolve(value))),
      (error) => settle(() => reject(error)),
    );
  });
}

/**
 * A group of operations that end together. One signal for all would have a listener for each, and Node warns of more than 10.
 */
export class AbortGroup {
  readonly #members = new Set<AbortController>();
  #isAborted = false;
  #reason: unknown;

  /** Whether it was ended. */
  get aborted(): boolean {
    return this.#isAborted;
  }

  /** Takes a member in; if all was ended already, so is this one. */
  add(member: AbortController): void {
    this.#members.add(member);
    if (this.#isAborted) member.abort(this.#reason);
  }

  /** Leaves a member out. */
  delete(member: AbortController): void {
    this.#members.delete(member);
  }

  /** Ends all members, and those that come. */
  abort(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason;
    for (const member of this.#members) member.abort(reason);
  }

  /** Throws the reason if it was ended. */
  throwIfAborted(): void {
    if (this.#isAborted) throw this.#reason;
  }
}

/**
 * Runs something with a signal that is aborted when its time is over, with its group, or with another signal.
 *
 * @param ms - The time.
 * @param expired - Makes the reason of the signal when the time is over.
 * @param group - Group that ends it.
 * @param outer - The other signal, if any.
 * @param run - Gets the signal, and must heed it.
 * @returns Its result.
 * @throws Its error.
 */
export async function withDeadline<T>(
  ms: number,
  expired: () => Error,
  group: AbortGroup,
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const follow = (): void => controller.abort(outer?.reason);
  group.add(controller);
  if (outer?.aborted) follow();
  else outer?.addEventListener('abort', follow, { once: true });
  const timer = setTimeout(() => controller.abort(expired()), ms);
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
    group.delete(controller);
    outer?.removeEventListener('abort', follow);
  }
}

/**
 * Ends a connection at once, by abort() where it has that.
 *
 * @param connection - The connection.
 * @param reason - For abort().
 * @throws Never.
 */
export function abortConnection(
  connection: { abort?(reason?: unknown): unknown; close(): Promise<unknown> },
  reason?: unknown,
): void {
  if (connection.abort) connection.abort(reason);
  else connection.close().catch(() => {});
}
