// SPDX-License-Identifier: MIT
// linger - connections that a program has closed, and whose last bytes are on the way
//
// A kernel goes on with them when the process is gone. A stack ends with the process, so what was written
// keeps the process alive until the peer has acknowledged it, though not longer than MOST: it may be gone.

import type { TcpConnection } from 'ringstack';
import { hold, release } from '../runtime.ts';

/** ms */
const MOST = 3000;

const waiting = new Map<TcpConnection, number>();
let timer: ReturnType<typeof setInterval> | undefined;

function done(connection: TcpConnection): void {
  if (!waiting.delete(connection)) return;
  release();
  if (waiting.size > 0) return;
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
  hold();
  if (timer === undefined) {
    timer = setInterval(sweep, MOST / 3);
    (timer as { unref?(): void }).unref?.();
  }
  const end = (): void => done(connection);
  return connection.close().then(end, end);
}
