// SPDX-License-Identifier: MIT
// relay - two connections as one: bytes both ways, half closes, resets
//
// Theory of operation
//
// Each way is a loop: read a chunk, wait until the other side takes more, write it. So a side that is slow holds the
// other one off: its receive window closes. The end of one way closes the writable of the other side, and the way
// back goes on as long as it likes. A failure of either side resets both.

import type { StreamConnection } from '../api/transport.ts';

/** Told of bytes as they pass. */
export type Counter = (bytes: number) => void;

/** Moves one way; settles when all of it has arrived. */
async function move(
  from: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  count: Counter,
): Promise<void> {
  const reader = from.getReader();
  const writer = to.getWriter();
  // A write that fails says so at the next one, or at the end.
  writer.closed.catch(() => {});
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      count(value.byteLength);
      await writer.ready;
      writer.write(value).catch(() => {});
    }
    await writer.close();
  } catch (error) {
    reader.cancel(error).catch(() => {});
    writer.abort(error).catch(() => {});
    throw error;
  }
}

/** Resets a connection. */
export function reset(connection: StreamConnection, reason?: unknown): void {
  if (connection.abort) {
    connection.abort(reason);
    return;
  }
  // A stream that is locked fails by the loop that reads or writes it.
  if (!connection.writable.locked) connection.writable.abort(reason).catch(() => {});
  if (!connection.readable.locked) connection.readable.cancel(reason).catch(() => {});
}

/**
 * Makes two connections one.
 *
 * @param one - One of them.
 * @param other - The other one.
 * @param counts - Told of the bytes from one to other, and back.
 * @param counts.out - From one.
 * @param counts.back - To one.
 * @returns When both ways have ended.
 * @throws The error of the side that failed first; both are reset then.
 */
export async function relay(
  one: StreamConnection,
  other: StreamConnection,
  counts: { out: Counter; back: Counter },
): Promise<void> {
  const fail = (error: unknown): never => {
    reset(one, error);
    reset(other, error);
    throw error;
  };
  const ways = [
    move(one.readable, other.writable, counts.out).catch(fail),
    move(other.readable, one.writable, counts.back).catch(fail),
  ];
  const results = await Promise.allSettled(ways);
  for (const side of [one, other]) side.close().catch(() => {});
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
