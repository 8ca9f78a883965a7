// SPDX-License-Identifier: MIT
// transport - what HTTP runs over: a stack, its `tcp`, or anything that connects and listens

import { abortConnection } from '../util/abort.ts';

/**
 * A connection: two streams of bytes. Those of a stack have all that is optional here.
 *
 * @example
 * ```ts
 * import type { StreamConnection } from 'ringstack/http';
 *
 * async function ask(connection: StreamConnection, text: string): Promise<string> {
 *   const writer = connection.writable.getWriter();
 *   await writer.write(new TextEncoder().encode(text));
 *   const { value } = await connection.readable.getReader().read();
 *   return new TextDecoder().decode(value);
 * }
 * ```
 */
export interface StreamConnection {
  /** Bytes from the peer; ends when the peer ends its side. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes to the peer. */
  readonly writable: WritableStream<Uint8Array>;
  /** Our address. */
  readonly localAddress?: string;
  /** Our port. */
  readonly localPort?: number;
  /** The peer's address. */
  readonly remoteAddress?: string;
  /** The peer's port. */
  readonly remotePort?: number;
  /** The protocol that the two ends agreed on in the handshake of TLS (ALPN), where there was one. */
  readonly alpn?: string;
  /**
   * Sends what was written and closes both sides; the readable ends.
   *
   * @throws The transport's error.
   */
  close(): Promise<void>;
  /**
   * Resets it at once. A connection without it is closed instead.
   *
   * @param reason - The error of its streams.
   * @throws Never.
   */
  abort?(reason?: unknown): void;
}

/**
 * Accepts connections.
 *
 * @example
 * ```ts
 * import type { StreamListener } from 'ringstack/http';
 *
 * async function echo(listener: StreamListener): Promise<void> {
 *   for await (const { readable, writable } of listener) void readable.pipeTo(writable);
 * }
 * ```
 */
export interface StreamListener {
  /** Address it listens on, where the transport tells. */
  readonly host?: string;
  /** Port it listens on, where the transport tells. */
  readonly port?: number;
  /**
   * Stops listening; the iterators end. One without it is asked by the iterator's return().
   *
   * @throws The transport's error.
   */
  close?(): Promise<void>;
  /**
   * Iterates over the connections that come.
   *
   * @returns The iterator.
   * @throws The transport's error.
   */
  [Symbol.asyncIterator](): AsyncIterator<StreamConnection>;
}

/**
 * Opens connections; the shape of @tcpip/transport.
 *
 * @example
 * ```ts
 * import { createHttp, type StreamTransport } from 'ringstack/http';
 *
 * // Whatever the host is called, it is asked at one address.
 * const proxied: StreamTransport = {
 *   connect: ({ signal }) => stack.connectTcp({ host: '10.0.0.1', port: 3128, ...(signal && { signal }) }),
 * };
 * const { fetch } = await createHttp(proxied);
 * ```
 */
export interface StreamTransport {
  /**
   * Connects.
   *
   * @param options - The peer; `signal` gives up.
   * @returns The connection, open.
   * @throws The transport's error, or the signal's reason.
   */
  connect(options: { host: string; port: number; signal?: AbortSignal }): Promise<StreamConnection>;
  /**
   * Listens.
   *
   * @param options - Where.
   * @returns The listener.
   * @throws The transport's error.
   */
  listen?(options: { host?: string; port: number }): Promise<StreamListener>;
}

/**
 * A stack, as far as HTTP needs it.
 *
 * @example
 * ```ts
 * import { createHttp } from 'ringstack/http';
 *
 * const { fetch } = await createHttp(stack);
 * ```
 */
export interface TcpStack {
  /**
   * Connects.
   *
   * @param options - The peer; `signal` gives up.
   * @returns The connection, open.
   * @throws The stack's error, or the signal's reason.
   */
  connectTcp(options: {
    host: string;
    port: number;
    signal?: AbortSignal;
  }): Promise<StreamConnection>;
  /**
   * Listens.
   *
   * @param options - Where.
   * @returns The listener.
   * @throws The stack's error.
   */
  listenTcp?(options: { host?: string; port: number }): Promise<StreamListener>;
}

/** The network for createHttp(): a stack, an object whose `tcp` is a transport, or a transport. */
export type HttpTransport =
  | StreamTransport
  | TcpStack
  | {
      /** Connects and listens. */
      readonly tcp: StreamTransport;
    };

/**
 * The transport in what createHttp() was given.
 *
 * @param given - A stack or a transport.
 * @returns A transport.
 * @throws {TypeError} If it is neither.
 */
export function transportOf(given: HttpTransport): StreamTransport {
  const found = given as Partial<StreamTransport & TcpStack & { tcp: StreamTransport }>;
  if (typeof found?.connectTcp === 'function') {
    const stack = found as TcpStack;
    return {
      connect: (options) => stack.connectTcp(options),
      listen: (options) => {
        if (!stack.listenTcp) throw new TypeError('Cannot serve: the stack has no listenTcp()');
        return stack.listenTcp(options);
      },
    };
  }
  const transport = found?.tcp ?? found;
  if (typeof transport?.connect !== 'function') {
    throw new TypeError('Cannot create HTTP: a stack or a stream transport is expected');
  }
  return transport as StreamTransport;
}

/** ms after which a connection whose peer does not acknowledge our last bytes is reset. */
const LINGER = 60_000;

/**
 * Closes a connection: what was written is still sent, and a peer that never takes it is not waited for
 * without end.
 */
export function closeConnection(connection: StreamConnection): Promise<void> {
  const timer = setTimeout(
    () => abortConnection(connection, new Error('The peer takes nothing')),
    LINGER,
  );
  (timer as { unref?: () => void }).unref?.();
  return connection
    .close()
    .catch(() => {})
    .finally(() => clearTimeout(timer));
}
