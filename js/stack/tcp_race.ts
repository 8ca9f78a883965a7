// SPDX-License-Identifier: MIT
// tcp_race - connects to the first of several addresses that answers (RFC 8305)

import type { IpAddress } from '../util/address.ts';

/** ms before the next address is tried while the last one has not answered (RFC 8305, 5). */
const DELAY = 250;

/** Takes turns between the families, the first one's first. */
function interleave(found: readonly IpAddress[]): IpAddress[] {
  const [first, second] = [true, false].map((isFirst) =>
    found.filter(({ family }) => (family === found[0]?.family) === isFirst),
  ) as [IpAddress[], IpAddress[]];
  return first
    .flatMap((one, i) => [one, ...second.slice(i, i + 1)])
    .concat(second.slice(first.length));
}

/**
 * Tries addresses one after the other, the next as soon as the last one has failed, or has not answered for a moment.
 *
 * @param found - The addresses, best first.
 * @param connect - Connects to one, until its signal is aborted; what comes too late is reset.
 * @param signal - Ends all tries.
 * @returns The first connection; the other tries end.
 * @throws The error of the last try that failed, or the signal's reason.
 */
export async function race<T extends { abort(): void }>(
  found: readonly IpAddress[],
  connect: (address: IpAddress, signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const ending = new AbortController();
  const end = (): void => ending.abort(signal?.reason);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  const waiting = interleave(found);
  let failure: unknown;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      let open = 0;
      let isWon = false;
      const next = (): void => {
        clearTimeout(timer);
        const address = waiting.shift();
        if (!address || isWon) return;
        open++;
        const own = new AbortController();
        const stop = (): void => own.abort(ending.signal.reason);
        ending.signal.addEventListener('abort', stop, { once: true });
        if (ending.signal.aborted) stop();
        connect(address, own.signal).then(
          (connection) => {
            ending.signal.removeEventListener('abort', stop);
            if (isWon) connection.abort();
            isWon = true;
            resolve(connection);
          },
          (error) => {
            failure = error;
            ending.signal.removeEventListener('abort', stop);
            open--;
            if (open === 0 && waiting.length === 0) reject(failure);
            else next();
          },
        );
        if (waiting.length > 0) timer = setTimeout(next, DELAY);
      };
      next();
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    ending.abort(new Error('another address has answered'));
  }
}
