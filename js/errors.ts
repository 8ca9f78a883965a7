// SPDX-License-Identifier: MIT
// errors - the one error class of the API, with Node-style codes

import * as abi from './abi.ts';

/**
 * The stable codes: names that Node programs already know.
 *
 * | code | when |
 * |---|---|
 * | `EACCES` | the system does not let this user do it |
 * | `EADDRINUSE` | the port is taken |
 * | `EADDRNOTAVAIL` | no interface has the address, or no port is free |
 * | `EAGAIN` | no room, or nothing there, at this moment |
 * | `EBADF` | what it was asked of is closed, or was handed to another thread |
 * | `EBUSY` | somebody else uses the device |
 * | `ECONNABORTED` | we reset the connection, or closed the listener |
 * | `ECONNREFUSED` | nobody listens there |
 * | `ECONNRESET` | the peer reset the connection |
 * | `EHOSTUNREACH` | no interface has a route to the host |
 * | `EINVAL` | an option or argument that makes no sense; the message names it |
 * | `EMFILE` | too many sockets (`maxSockets`) or interfaces |
 * | `EMSGSIZE` | a frame that can never fit into the ring |
 * | `ENOBUFS` | the stack's own memory is used up |
 * | `ENODATA` | the name has no record of that type |
 * | `ENODEV` | the interface was removed, or is of another stack |
 * | `ENOENT` | no such file, program or namespace |
 * | `ENOMEM` | the arena is full |
 * | `ENOTFOUND` | there is no such name |
 * | `ENOTSUP` | the runtime, or the page as it was served, cannot do it |
 * | `EPERM` | it takes rights that this process has not |
 * | `EPIPE` | written after our side was closed |
 * | `EPROTO` | what came is malformed, or files or threads of different versions of the package meet |
 * | `EREFUSED` | the name server does not answer this question |
 * | `ESERVFAIL` | the name server failed |
 * | `ESHUTDOWN` | the stack was closed |
 * | `ETIMEDOUT` | no answer in time |
 *
 * Nothing fails with `EAFNOSUPPORT`, `EALREADY`, `EISCONN`, `ENETDOWN`, `ENETUNREACH` or `ENOTCONN` so far.
 */
export type NetErrorCode =
  | 'EACCES'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EAFNOSUPPORT'
  | 'EAGAIN'
  | 'EALREADY'
  | 'EBADF'
  | 'EBUSY'
  | 'ECONNABORTED'
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'EHOSTUNREACH'
  | 'EINVAL'
  | 'EISCONN'
  | 'EMFILE'
  | 'EMSGSIZE'
  | 'ENETDOWN'
  | 'ENETUNREACH'
  | 'ENOBUFS'
  | 'ENODATA'
  | 'ENODEV'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOTCONN'
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
  EAFNOSUPPORT: 'address family not supported',
  EAGAIN: 'no room now',
  EALREADY: 'operation already in progress',
  EBADF: 'no longer open',
  EBUSY: 'in use',
  ECONNABORTED: 'connection aborted',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EISCONN: 'already connected',
  EMFILE: 'too many open sockets',
  EMSGSIZE: 'message too long',
  ENETDOWN: 'network is down',
  ENETUNREACH: 'network is unreachable',
  ENOBUFS: 'no buffer space available',
  ENODATA: 'no such record',
  ENODEV: 'no such interface',
  ENOENT: 'not found',
  ENOMEM: 'out of memory',
  ENOTCONN: 'not connected',
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

/** What else a NetError may be given. */
export interface NetErrorOptions {
  /** Says what is wrong in this case, in place of the default text of the code. */
  readonly reason?: string;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * The error of every failed operation. Programs switch on `code`; people read `message`, which names
 * the action, the value and the reason: "Cannot connect to 10.0.0.2:80: connection refused".
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
  static {
    NetError.prototype.name = 'NetError';
  }

  /** Stable, for programs. */
  readonly code: NetErrorCode;

  /**
   * Builds the message from its two halves.
   *
   * @param code - Stable code; also gives the default reason.
   * @param action - What could not be done and with which value, such as "Cannot listen on port 80".
   * @param options - A closer reason, and the cause.
   * @throws Never.
   */
  constructor(code: NetErrorCode, action: string, options: NetErrorOptions = {}) {
    super(`${action}: ${options.reason ?? ERROR_REASONS[code]}`, options);
    this.code = code;
  }
}

/**
 * Gives an error the stack trace of the asynchronous function that throws it, with the line of its
 * caller: errors are made where an event of C is dispatched, which tells a program nothing. Engines without
 * `Error.captureStackTrace` keep the trace of that place.
 *
 * @param error - Whatever was caught.
 * @returns The same error, to be thrown.
 * @throws Never.
 */
export function atCaller(error: unknown): unknown {
  if (error instanceof NetError) {
    (Error as { captureStackTrace?(error: Error): void }).captureStackTrace?.(error);
  }
  return error;
}

/** Which code a number from C stands for. */
export type ErrorTable = Readonly<Partial<Record<number, NetErrorCode>>>;

/**
 * Turns a numeric result of C into the error to throw.
 *
 * @param table - Numeric code to NetErrorCode.
 * @param code - Numeric code as C returned it, negative.
 * @param action - What could not be done and with which value.
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
};

/**
 * Turns a code of core/abi.h into the error to throw.
 *
 * @param code - Numeric code as C returned it, negative.
 * @param action - What could not be done and with which value.
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
