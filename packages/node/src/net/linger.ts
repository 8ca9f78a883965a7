// SPDX-License-Identifier: MIT
// linger - connections that a program has closed, and whose last bytes are on the way
//
// A kernel goes on with them when the process is gone. A stack ends with the process, so what was written
// keeps the process alive until the peer has acknowledged it, though not longer than MOST: it may be gone.

import type { TcpConnection } from 'ringstack';
import { Hold, unref } from '../../../../js/util/process.ts';

/** ms */
const MOST = 3000;

const waiting = new Map<TcpConnection, number>();
const hold = new Hold();
let timer: ReturnType<typeof setInterval> | undefined;

function done(connection: TcpConnection): void {
  if (!waiting.delete(connection)) return;
  if (waiting.size > 0) return;
  hold.set(false);
  clearInterval(timer);
  timer = undefined;
}

function sweep(): void {
  const now = performance.now();
  for (const [connection, since] of waiting) if (now - since > MOST) done(connection);
}

/**
 * Closes a connection, in order; the process stays until its last bytes arrived.
 *
 * @param connection - A connection with streams that are not locked.
 * @returns Settles when it is closed; never rejects.
 */
export function closeInBackground(connection: TcpConnection): Promise<void> {
  waiting.set(connection, performance.now());
  hold.set(true);
  timer ??= unref(setInterval(sweep, MOST / 3));
  const end = (): void => done(connection);
  return connection.close().then(end, end);
}
