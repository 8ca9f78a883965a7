// SPDX-License-Identifier: MIT
// first_result - a client that has just begun: it is given out with its first result, or closed

import { NetError } from '../errors.ts';

/** A client of this folder. */
interface Client {
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** How long to wait, and what to say. */
interface Wait {
  /** Time in ms, 1 to 2^31-1. */
  readonly timeout: number;
  /** Closes the client, also later. */
  readonly signal: AbortSignal | undefined;
  /** First half of the error's message. */
  readonly action: string;
  /** Second half. */
  readonly reason: string;
}

/**
 * Waits for a client's first result.
 *
 * @param client - The client, at work.
 * @param first - Settles with its first result, rejects when it closes without one.
 * @param wait - See Wait.
 * @returns The client.
 * @throws NetError ETIMEDOUT if there is none in time, the signal's reason, or why the client ended; it is closed then.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { withFirstResult } from '../js/dhcp/first_result.ts';
 *
 * const client = { closed: new Promise<void>(() => {}), close: () => Promise.resolve() };
 * const wait = { timeout: 1000, signal: undefined, action: 'Cannot ask', reason: 'nobody answered' };
 * assert.equal(await withFirstResult(client, Promise.resolve(), wait), client);
 * ```
 */
export async function withFirstResult<C extends Client>(
  client: C,
  first: Promise<unknown>,
  wait: Wait,
): Promise<C> {
  const { timeout, signal, action, reason } = wait;
  let failure: unknown;
  const timer = setTimeout(() => {
    failure = new NetError('ETIMEDOUT', action, { reason });
    void client.close();
  }, timeout);
  const abort = (): void => {
    failure = signal?.reason;
    void client.close();
  };
  signal?.addEventListener('abort', abort, { once: true });
  void client.closed.then(() => signal?.removeEventListener('abort', abort));
  try {
    await first;
    return client;
  } catch (error) {
    await client.close();
    throw failure ?? error;
  } finally {
    clearTimeout(timer);
  }
}
