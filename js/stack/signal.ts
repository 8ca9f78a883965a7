// SPDX-License-Identifier: MIT
// signal - the `signal` option of a socket that stays open: it closes the socket

import { handled } from '../util/deferred.ts';

/**
 * Closes a socket when a signal is aborted. The listener is removed when the socket closes.
 *
 * @param socket - The socket, open.
 * @param signal - The signal, or undefined.
 * @returns The socket.
 * @throws The signal's reason, if it is aborted already; the socket is closed then.
 */
export async function closeWhenAborted<
  T extends { close(): Promise<void>; readonly closed: Promise<void> },
>(socket: T, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return socket;
  if (signal.aborted) await socket.close();
  signal.throwIfAborted();
  const onAbort = (): void => void socket.close();
  signal.addEventListener('abort', onAbort, { once: true });
  handled(socket.closed.finally(() => signal.removeEventListener('abort', onAbort)));
  return socket;
}
