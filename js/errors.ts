// SPDX-License-Identifier: MIT
// errors - the one error class of the API, with Node-style codes

import * as abi from './abi.ts';

/**
 * The stable codes: names that Node programs already know.
 *
 * | code | when |
 * |---|---|
 * | `EACCES` | a file or program may not be used by this user |
 * | `EADDRINUSE` | the port is taken |
 * | `EADDRNOTAVAIL` | no interface has the address, or no port is free |
 * | `EAGAIN` | no room, or nothing to read, at this moment |
 * | `EBADF` | the object is closed or now belongs to another thread |
 * | `EBUSY` | the device is in use |
 * | `ECONNABORTED` | we reset the connection or closed the listener; a worker failed to start |
 * | `ECONNREFUSED` | no listener on the port |
 * | `ECONNRESET` | the peer reset the connection; a link lost its connection |
 * | `EHOSTUNREACH` | no interface has a route to the host |
 * | `EINVAL` | a bad option or argument; the message has its name, value and range |
 * | `EMFILE` | too many sockets (`maxSockets`) or interfaces |
 * | `EMSGSIZE` | a frame that can never fit into the ring |
 * | `ENETUNREACH` | the system has no route for a link of ours |
 * | `ENOBUFS` | the stack's own memory is used up |
 * | `ENODATA` | the name has no record of that type |
 * | `ENODEV` | the interface was removed, or belongs to another stack |
 * | `ENOENT` | no such file, program or namespace; `stack.wasm` is not where it should be |
 * | `ENOMEM` | the arena is full |
 * | `ENOTFOUND` | there is no such host name |
 * | `ENOTSUP` | the runtime, or the page as it was served, cannot do it |
 * | `EPERM` | this process does not have the rights |
 * | `EPIPE` | written after our side was closed |
 * | `EPROTO` | a malformed message; or files or threads of different versions of the package meet |
 * | `EREFUSED` | the name server does not answer this question |
 * | `ESERVFAIL` | the name server failed |
 * | `ESHUTDOWN` | the stack was closed |
 * | `ETIMEDOUT` | no answer in time |
 */
export type NetErrorCode =
  | 'EACCES'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EAGAIN'
  | 'EBADF'
  | 'EBUSY'
  | 'ECONNABORTED'
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'EHOSTUNREACH'
  | 'EINVAL'
  | 'EMFILE'
  | 'EMSGSIZE'
  | 'ENETUNREACH'
  | 'ENOBUFS'
  | 'ENODATA'
  | 'ENODEV'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOTFOUND'
  | 'ENOTSUP'
  | 'EPERM'
  | 'EPIPE'
  | 'EPROTO'
  | 'EREFUSED'
  | 'ESERVFAIL'
  | 'ESHUTDOWN'
  | 'ETIMEDOUT';

/** Every code a NetError can carry, with the text that ends its message by default. */
export const ERROR_REASONS: Readonly<Record<NetErrorCode, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EAGAIN: 'no room now',
  EBADF: 'no longer open',
  EBUSY: 'in use',
  ECONNABORTED: 'connection aborted',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EMFILE: 'too many open sockets',
  EMSGSIZE: 'message too long',
  ENETUNREACH: 'network is unreachable',
  ENOBUFS: 'no buffer space available',
  ENODATA: 'no such record',
  ENODEV: 'no such interface',
  ENOENT: 'not found',
  ENOMEM: 'out of memory',
  ENOTFOUND: 'name not found',
  ENOTSUP: 'operation not supported',
  EPERM: 'operation not permitted',
  EPIPE: 'sending side already closed',
  EPROTO: 'protocol error',
  EREFUSED: 'refused by the name server',
  ESERVFAIL: 'failed by the name server',
  ESHUTDOWN: 'stack closed',
  ETIMEDOUT: 'timed out',
};

/** Options of a NetError. */
export interface NetErrorOptions {
  /** The fault in this case, in place of the default text of the code. */
  readonly reason?: string;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * The error of every failed operation. Programs switch on `code`; people read `message`, which names
 * the action, the value and the reason: "Cannot connect to 10.0.0.2:80: connection refused".
 *
 * structuredClone() and postMessage() make an Error of it, with its message and stack but without `code`,
 * as they do with any error. Post `error.toJSON()` to a thread that needs the code.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { NetError } from '../js/errors.ts';
 *
 * const error = new NetError('ECONNREFUSED', 'Cannot connect to 10.0.0.2:80');
 * assert.equal(error.code, 'ECONNREFUSED');
 * assert.equal(error.message, 'Cannot connect to 10.0.0.2:80: connection refused');
 * ```
 */
export class NetError extends Error {
  /** Stable, for programs. */
  readonly code: NetErrorCode;

  /**
   * Builds the message from its two halves.
   *
   * @param code - Stable code; also gives the default reason.
   * @param action - First half of the message, such as "Cannot listen on port 80".
   * @param options - A closer reason, and the cause.
   * @throws Never.
   */
  constructor(code: NetErrorCode, action: string, options: NetErrorOptions = {}) {
    super(`${action}: ${options.reason ?? ERROR_REASONS[code]}`, options);
    this.code = code;
  }

  /**
   * The form that JSON.stringify() writes and that can be posted to another thread.
   *
   * @returns Its name, code and message.
   * @throws Never.
   */
  toJSON(): Pick<NetError, 'name' | 'code' | 'message'> {
    const { name, code, message } = this;
    return { name, code, message };
  }
}
// Not in the class: a class that names itself is renamed by bundlers.
NetError.prototype.name = 'NetError';

/**
 * Gives an error the stack trace of the asynchronous function that throws it, with the line of its
 * caller. Errors are made where an event of C is dispatched, which tells a program nothing; engines
 * without `Error.captureStackTrace` keep the trace of that line.
 *
 * @param error - Whatever was caught.
 * @returns The same error, to be thrown.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { atCaller, NetError } from '../js/errors.ts';
 *
 * const error = new NetError('ECONNRESET', 'Cannot read');
 * async function failing(): Promise<void> {
 *   await null;
 *   throw atCaller(error);
 * }
 * async function caller(): Promise<void> {
 *   await failing();
 * }
 * await assert.rejects(caller, error);
 * assert.match(error.stack ?? '', /caller/);
 * ```
 */
export function atCaller(error: unknown): unknown {
  const { captureStackTrace } = Error as {
    captureStackTrace?(error: Error, above: unknown): void;
  };
  if (error instanceof NetError) captureStackTrace?.(error, atCaller);
  return error;
}

/** The codes for numbers of C. */
export type ErrorTable = Readonly<Partial<Record<number, NetErrorCode>>>;

/**
 * Turns a numeric result of C into the error to throw.
 *
 * @param table - Numeric code to NetErrorCode.
 * @param code - Numeric code as C returned it, negative.
 * @param action - First half of the message.
 * @returns The error; a number that is not in the table becomes EPROTO and is named.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { netErrorFromTable } from '../js/errors.ts';
 *
 * const table = { [-1]: 'ENOMEM' } as const;
 * assert.equal(netErrorFromTable(table, -1, 'Cannot create a stack').code, 'ENOMEM');
 * assert.equal(netErrorFromTable(table, -9, 'Cannot create a stack').code, 'EPROTO');
 * ```
 */
export function netErrorFromTable(table: ErrorTable, code: number, action: string): NetError {
  const known = table[code];
  if (known !== undefined) return new NetError(known, action);
  return new NetError('EPROTO', action, { reason: `unknown error code ${code}` });
}

const ABI_CODES: ErrorTable = {
  [abi.ABI_EINVAL]: 'EINVAL',
  [abi.ABI_ENOMEM]: 'ENOMEM',
  [abi.ABI_EMFILE]: 'EMFILE',
  [abi.ABI_EADDRINUSE]: 'EADDRINUSE',
  [abi.ABI_EADDRNOTAVAIL]: 'EADDRNOTAVAIL',
  [abi.ABI_EHOSTUNREACH]: 'EHOSTUNREACH',
  [abi.ABI_ECONNREFUSED]: 'ECONNREFUSED',
  [abi.ABI_ECONNRESET]: 'ECONNRESET',
  [abi.ABI_ECONNABORTED]: 'ECONNABORTED',
  [abi.ABI_ETIMEDOUT]: 'ETIMEDOUT',
  [abi.ABI_ENODEV]: 'ENODEV',
  [abi.ABI_EBADF]: 'EBADF',
  [abi.ABI_EMSGSIZE]: 'EMSGSIZE',
  [abi.ABI_EAGAIN]: 'EAGAIN',
  [abi.ABI_EPROTO]: 'EPROTO',
  [abi.ABI_ENOBUFS]: 'ENOBUFS',
  [abi.ABI_EACCES]: 'EACCES',
};

/**
 * Turns a code of core/abi.h into the error to throw.
 *
 * @param code - Numeric code as C returned it, negative.
 * @param action - First half of the message.
 * @returns The error.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { netErrorFromCode } from '../js/errors.ts';
 *
 * assert.equal(netErrorFromCode(-1, 'Cannot listen on port 80').code, 'EINVAL');
 * ```
 */
export function netErrorFromCode(code: number, action: string): NetError {
  return netErrorFromTable(ABI_CODES, code, action);
}
