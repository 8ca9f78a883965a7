// SPDX-License-Identifier: MIT
// error - the errors of sockets: a TypeError whose message begins "SocketError: "

/** Prefix of every message. */
const PREFIX = 'SocketError: ';

/**
 * The error of a socket.
 *
 * @param message - The failed action, and why.
 * @param cause - The error behind it.
 * @returns A TypeError.
 */
export function socketError(message: string, cause?: unknown): TypeError {
  return new TypeError(`${PREFIX}${message}`, cause === undefined ? undefined : { cause });
}

/**
 * An error as sockets throw it.
 *
 * @param error - Of the transport, or of the program.
 * @returns A SocketError; one that is one already, or a TypeError of the program, as it is.
 */
export function socketErrorOf(error: unknown): unknown {
  if (error instanceof TypeError) return error;
  return socketError(error instanceof Error ? error.message : String(error), error);
}
