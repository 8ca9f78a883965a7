// SPDX-License-Identifier: MIT
// lock - what readers and writers answer when their lock is gone, and pipes that a program may forget

import { handled } from '../util/deferred.ts';

/** The error of a reader or writer whose lock was released. */
export function released(action: string): TypeError {
  return new TypeError(`Cannot ${action}: the lock was released`);
}

/**
 * Marks all pipes of a stream as handled, also those of the streams it is piped through. A pipe from a
 * socket or an interface ends with an error whenever the peer resets or the interface goes. Programs
 * start pipes and forget them, and that error must not end them.
 *
 * @param readable - Any stream.
 * @returns The same stream. Awaiting a pipe still gives its error.
 * @throws Never.
 */
export function handlePipes<T>(readable: ReadableStream<T>): ReadableStream<T> {
  const { pipeTo, pipeThrough } = readable;
  readable.pipeTo = (to, options) => handled(pipeTo.call(readable, to, options));
  readable.pipeThrough = (transform, options) =>
    handlePipes(pipeThrough.call(readable, transform as never, options) as ReadableStream<never>);
  return readable;
}
