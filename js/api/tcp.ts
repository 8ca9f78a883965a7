// SPDX-License-Identifier: MIT
// tcp - the public types of TCP connections and listeners

import type { SharedHandle } from './handle.ts';
import type { KeepsAlive } from './keeps_alive.ts';
import type { ByteRingReader, ByteRingWriter } from './zero_copy.ts';

/** Options of a connection, and of those a listener accepts. */
export interface TcpOptions {
  /** `false` holds small segments back while others are on the way (Nagle). @default true */
  readonly noDelay?: boolean;
  /**
   * Idle time before the first keep-alive probe, ms, up to 2147483647; 0 or false: none, true: two hours.
   * @default false
   */
  readonly keepAlive?: number | boolean;
  /**
   * Receive buffer, which bounds the window: bytes, rounded up to a power of two, 64 KiB to 16 MiB.
   * Memory is taken as data comes. @default that of the stack
   */
  readonly receiveBuffer?: number;
  /** Send buffer: bytes, rounded up to a power of two, 4 KiB to 16 MiB. @default that of the stack */
  readonly sendBuffer?: number;
}

/** Options of connectTcp(). */
export interface TcpConnectOptions extends TcpOptions {
  /** IPv4 or IPv6 address (`fe80::1%2` names an interface), or `localhost`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Address to connect from, one of the stack's. @default chosen by the route */
  readonly localAddress?: string;
  /** Port to connect from, 1 to 65535. @default a random free one */
  readonly localPort?: number;
  /** Gives up after so many ms, up to 2147483647, with ETIMEDOUT. @default about 12 s, when TCP itself does */
  readonly timeout?: number;
  /** Gives up when aborted, with its reason. */
  readonly signal?: AbortSignal;
}

/** Options of listenTcp(). */
export interface TcpListenOptions extends TcpOptions {
  /** Address to listen on, one of the stack's. @default all, of both families */
  readonly host?: string;
  /** 1 to 65535, 0: a random free one (see listener.port). */
  readonly port: number;
  /** Connections half-open or waiting to be accepted, 1 to 65535. @default 4096 */
  readonly backlog?: number;
}

/**
 * A TCP connection.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * await using listener = await stack.listenTcp({ port: 80 });
 * const client = await stack.connectTcp({ host: 'localhost', port: 80 });
 * const server = await listener.accept();
 * const writer = client.writable.getWriter();
 * await writer.write(new TextEncoder().encode('GET /'));
 * void client.close();
 * let text = '';
 * for await (const chunk of server) text += new TextDecoder().decode(chunk);
 * assert.equal(text, 'GET /');
 * await server.close();
 * await stack.close();
 * ```
 */
export interface TcpConnection extends AsyncDisposable, KeepsAlive {
  /**
   * Bytes from the peer, a byte stream (BYOB readers work). Ends when the peer ends its side.
   * Cancelling it resets the connection. Bytes that are not read close the peer's window.
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Bytes to the peer. A write settles when the bytes are in the send buffer; closing it sends FIN
   * behind them and settles when the peer has acknowledged everything. Aborting it resets.
   */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Locks the readable and gives zero-copy access to its bytes.
   *
   * @returns Zero-copy access, until its releaseLock().
   * @throws {TypeError} If the readable is locked already.
   */
  getRingReader(): ByteRingReader;
  /**
   * Locks the writable and gives zero-copy access: room in the send buffer, to be filled without a copy.
   *
   * @returns Zero-copy access, until its releaseLock().
   * @throws {TypeError} If the writable is locked already.
   */
  getRingWriter(): ByteRingWriter;
  /** Settles when the connection is open: at once, since connectTcp() and accept() wait for that. */
  readonly opened: Promise<void>;
  /** Settles when both sides are closed; rejects with the error that ended the connection. */
  readonly closed: Promise<void>;
  /** Our address, numeric. */
  readonly localAddress: string;
  /** Our port. */
  readonly localPort: number;
  /** The peer's address, numeric. */
  readonly remoteAddress: string;
  /** The peer's port. */
  readonly remotePort: number;
  /** Whether small segments go at once, or wait for those on the way (Nagle); may be set. */
  noDelay: boolean;
  /** Idle time before the first keep-alive probe, ms, up to 2147483647; 0: none. May be set. */
  keepAlive: number;
  /**
   * Closes both sides: sends what was written, then FIN; what still comes is thrown away. Settles when
   * the peer has acknowledged everything, for which it may take its time: abort() does not wait.
   *
   * @throws {NetError} ECONNRESET, ETIMEDOUT, … if not everything arrived.
   */
  close(): Promise<void>;
  /**
   * Closes our side only: sends what was written, then FIN. The readable stays open.
   *
   * @throws {NetError} ECONNRESET, ETIMEDOUT, … if not everything arrived.
   */
  closeWrite(): Promise<void>;
  /**
   * Resets the connection at once.
   *
   * @param reason - Error of both streams; ECONNABORTED by default.
   * @throws Never.
   */
  abort(reason?: unknown): void;
  /**
   * Hands the connection to another thread, where attach(handle) opens it: an acceptor can have a pool
   * of workers serve. Bytes that have not been read stay in the connection. This object is closed then: its
   * streams fail with EBADF, `closed` resolves.
   *
   * @returns The handle, which structured cloning (postMessage, workerData) carries; it opens once. A
   *   connection whose handle is not opened stays until its stack is closed.
   * @throws {NetError} EINVAL if a stream is locked, EBADF if the connection is over; ENOMEM, ESHUTDOWN.
   */
  share(): Promise<SharedHandle<TcpConnection>>;
  /**
   * Iterates over the readable; leaving the loop early unlocks it and closes nothing.
   *
   * @returns The iterator; it ends with the peer's FIN.
   * @throws {TypeError} If the readable is locked already.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>>;
}

/**
 * A TCP listener.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const listener = await stack.listenTcp({ port: 0 });
 * const serving = (async () => {
 *   for await (const connection of listener) await connection.readable.pipeTo(connection.writable);
 * })();
 * const connection = await stack.connectTcp({ host: '127.0.0.1', port: listener.port });
 * await connection.closeWrite();
 * assert.equal((await connection.readable.getReader().read()).done, true);
 * await listener.close();
 * await serving;
 * await stack.close();
 * ```
 */
export interface TcpListener extends AsyncDisposable, KeepsAlive {
  /** Address it listens on, numeric; `::` for all of both families. */
  readonly host: string;
  /** Port it listens on; the one that was chosen if 0 was asked for. */
  readonly port: number;
  /**
   * Waits for the next connection; those that came before are not lost.
   *
   * @returns The connection, open.
   * @throws {NetError} ECONNABORTED when the listener is closed, ENODEV when its interface is removed,
   *   ESHUTDOWN when its stack is closed.
   */
  accept(): Promise<TcpConnection>;
  /**
   * Stops listening. Connections that were not accepted are reset; accepted ones go on.
   *
   * @throws Never.
   */
  close(): Promise<void>;
  /**
   * Iterates over connections until the listener or its stack is closed; may be begun again at any time.
   *
   * @returns The iterator.
   * @throws {NetError} ENODEV, from its next(), when the interface it listens on is removed.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<TcpConnection>;
}
