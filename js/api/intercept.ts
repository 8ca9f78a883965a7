// SPDX-License-Identifier: MIT
// intercept - the public interfaces of connections to addresses that are not the stack's

import type { NetworkInterface } from './interface.ts';
import type { TcpConnection, TcpOptions } from './tcp.ts';

/** Options of interceptTcp(), and of the connections that are accepted. */
export interface TcpInterceptOptions extends TcpOptions {
  /** Connections that come by it are intercepted. */
  readonly interface: NetworkInterface;
  /** Connections that wait for a decision, and those whose handshake is under way: at most so many each, 1 to 65535. @default 1024 */
  readonly pending?: number;
  /** Closes the interceptor when aborted. */
  readonly signal?: AbortSignal;
}

/**
 * How a held connection is refused: `refused` by a reset, `unreachable` and `prohibited` by an ICMP error, `drop` by
 * nothing, so that the guest goes on trying.
 */
export type RejectReason = 'refused' | 'unreachable' | 'prohibited' | 'drop';

/**
 * A connection that a guest opens to some address: its SYN is held until accept() or reject().
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import type { HeldConnection } from 'ringstack';
 *
 * const answer = async (held: HeldConnection): Promise<void> => {
 *   if (held.localPort === 25) held.reject('prohibited');
 *   else await held.accept();
 * };
 * assert.equal(typeof answer, 'function');
 * ```
 */
export interface HeldConnection {
  /** The guest, numeric. */
  readonly remoteAddress: string;
  /** Its port. */
  readonly remotePort: number;
  /** Its destination, numeric: none of the stack's addresses. */
  readonly localAddress: string;
  /** Port of its destination. */
  readonly localPort: number;
  /** Decided, or the interceptor was closed. */
  readonly isDecided: boolean;
  /**
   * Answers the SYN. The connection has the guest's destination as its local address.
   *
   * @returns The connection, when the guest has answered too.
   * @throws {NetError} EBADF if it is decided, ETIMEDOUT if the guest does not answer within 21 s, ESHUTDOWN.
   */
  accept(): Promise<TcpConnection>;
  /**
   * Refuses it. Nothing happens if it is decided.
   *
   * @param how - See RejectReason. @default 'refused'
   * @throws {NetError} EINVAL if it is none of them.
   */
  reject(how?: RejectReason): void;
}

/** Counters of an interceptor. */
export interface InterceptStatistics {
  /** Connections that wait for a decision, or whose handshake is under way. */
  readonly pending: number;
  /** Connections held so far. */
  readonly held: number;
  /** SYNs that were sent again before they were decided. */
  readonly repeated: number;
  /** SYNs dropped since too many wait. */
  readonly dropped: number;
}

/**
 * Connections of the guests behind one interface to any address.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * const interceptor = await stack.interceptTcp({ interface: tap });
 * assert.equal(interceptor.statistics.pending, 0);
 * await interceptor.close();
 * await stack.close();
 * ```
 */
export interface TcpInterceptor extends AsyncDisposable {
  /** Counters. */
  readonly statistics: InterceptStatistics;
  /** Settles when it is closed; rejects with the error that ended it (its interface is gone). */
  readonly closed: Promise<void>;
  /**
   * Waits for the next connection.
   *
   * @returns The connection, held.
   * @throws {NetError} ECONNABORTED if the interceptor is closed, ENODEV if its interface is gone, ESHUTDOWN.
   */
  accept(): Promise<HeldConnection>;
  /**
   * Stops: connections that are not decided are reset, and so are those that were accepted.
   *
   * @throws Never.
   */
  close(): Promise<void>;
  /**
   * Goes through the connections.
   *
   * @returns One after the other, until the interceptor is closed.
   * @throws {NetError} ENODEV if its interface is gone.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<HeldConnection>;
}
