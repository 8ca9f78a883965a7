// SPDX-License-Identifier: MIT
// create - createDeno(): the network of Deno over a stack

import type { NetworkStack } from '../../api/stack.ts';
import type { TlsProvider } from '../../http/types.ts';
import type { UpgradeWebSocketOptions, WebSocketUpgrade } from '../../http/websocket_server.ts';
import { checkedPort, checkTransport, reachable } from './address.ts';
import { StackConn } from './conn.ts';
import { listenDatagram } from './datagram.ts';
import { type DenoErrors, denoErrorOf, errors } from './errors.ts';
import { listen } from './listener.ts';
import {
  type DenoRecords,
  type RecordResolver,
  type ResolveDnsOptions,
  resolveDns,
} from './resolve.ts';
import { serve, upgradeWebSocket } from './serve.ts';
import type { DenoHttpServer, ServeHandler, ServeOptions } from './serve_types.ts';
import { connectTls, startTls } from './tls.ts';
import type {
  ConnectOptions,
  ConnectTlsOptions,
  DatagramConn,
  StartTlsOptions,
  TcpConn,
  TcpListener,
  TcpListenOptions,
  TlsConn,
  UdpListenOptions,
} from './types.ts';

/** Options of createDeno(). */
export interface DenoOptions {
  /** Secures connections: what connectTls(), startTls() and serve() with a certificate need. @default none */
  readonly tls?: TlsProvider;
  /** Answers resolveDns(), such as a `Dns` of ringstack/dns. @default the stack's resolver or name server */
  readonly dns?: RecordResolver;
}

/**
 * The network of Deno over a stack. The functions need no `this`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createDeno } from 'ringstack/deno';
 *
 * const stack = await createStack();
 * const Deno = createDeno(stack);
 * const server = Deno.serve({ port: 0 }, (request, { remoteAddr }) => new Response(remoteAddr.hostname));
 * const conn = await Deno.connect({ port: server.addr.port });
 * await conn.write(new TextEncoder().encode('GET / HTTP/1.0\r\nhost: a\r\n\r\n'));
 * assert.match(await new Response(conn.readable).text(), /127.0.0.1$/);
 * await server.shutdown();
 * await stack.close();
 * ```
 */
export interface DenoApi {
  /** Classes of errors: in Deno its own. */
  readonly errors: DenoErrors;
  /**
   * Connects.
   *
   * @param options - Destination.
   * @returns The connection, open.
   * @throws ConnectionRefused, TimedOut, Error (no route, no such name), TypeError, RangeError; or the signal's reason.
   */
  connect(options: ConnectOptions): Promise<TcpConn>;
  /**
   * Listens; the stack begins soon after, before it carries out later calls.
   *
   * @param options - Address and settings.
   * @returns The listener, whose address is known.
   * @throws AddrInUse, AddrNotAvailable, Error (no such name), TypeError, RangeError.
   */
  listen(options: TcpListenOptions): TcpListener;
  /**
   * Opens a socket for datagrams; the stack opens it soon after.
   *
   * @param options - Address and settings.
   * @returns The socket, whose address is known.
   * @throws AddrInUse, AddrNotAvailable, Error (no such name), TypeError, RangeError.
   */
  listenDatagram(options: UdpListenOptions): DatagramConn;
  /**
   * Looks records up.
   *
   * @param query - The name.
   * @param recordType - Type of the records.
   * @param options - Name server and signal.
   * @returns The records, at least one.
   * @throws NotFound if there are none, TimedOut, TypeError for another type; or the signal's reason.
   */
  resolveDns<T extends keyof DenoRecords>(
    query: string,
    recordType: T,
    options?: ResolveDnsOptions,
  ): Promise<DenoRecords[T][]>;
  /**
   * Serves HTTP on port 8000.
   *
   * @param handler - Answers requests.
   * @returns The server.
   * @throws As listen().
   */
  serve(handler: ServeHandler): DenoHttpServer;
  /**
   * Serves HTTP, or HTTPS by the TLS provider.
   *
   * @param options - Address, certificate, and what to call.
   * @param handler - Answers requests.
   * @returns The server.
   * @throws As listen(); NotSupported for a certificate without a provider.
   */
  serve(options: ServeOptions, handler: ServeHandler): DenoHttpServer;
  /**
   * Serves HTTP, or HTTPS by the TLS provider.
   *
   * @param options - The same, and the handler.
   * @returns The server.
   * @throws As listen(); NotSupported for a certificate without a provider.
   */
  serve(options: ServeOptions & { handler: ServeHandler }): DenoHttpServer;
  /**
   * Answers a request of serve() with a WebSocket.
   *
   * @param request - The request.
   * @param options - Protocol and time-out.
   * @returns The socket, and the response that the handler has to return.
   * @throws {TypeError} If the request asks for no WebSocket.
   */
  upgradeWebSocket(request: Request, options?: UpgradeWebSocketOptions): WebSocketUpgrade;
  /**
   * Connects, and secures the connection by the TLS provider, which gets all options.
   *
   * @param options - Destination and settings.
   * @returns The connection, behind its handshake.
   * @throws NotSupported without a provider; as connect(); the provider's error.
   */
  connectTls(options: ConnectTlsOptions): Promise<TlsConn>;
  /**
   * Secures a connection by the TLS provider. The TcpConn is closed then.
   *
   * @param conn - A connection that nothing is read from or written to.
   * @param options - Settings.
   * @returns The connection, behind its handshake.
   * @throws NotSupported without a provider, BadResource, Busy, TypeError if bytes came that were not read; the
   *   provider's error.
   */
  startTls(conn: TcpConn, options?: StartTlsOptions): Promise<TlsConn>;
}

async function connect(stack: NetworkStack, options: ConnectOptions): Promise<TcpConn> {
  checkTransport(options.transport, 'tcp');
  const { signal } = options;
  signal?.throwIfAborted();
  const port = checkedPort(options.port, 1);
  const host = reachable(options.hostname ?? '127.0.0.1');
  try {
    return new StackConn(await stack.connectTcp({ host, port, ...(signal && { signal }) }));
  } catch (error) {
    throw denoErrorOf(error);
  }
}

/**
 * Makes the network of Deno over a stack.
 *
 * @param stack - The stack.
 * @param options - TLS provider and resolver.
 * @returns An object to use in place of `Deno`.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createDeno } from 'ringstack/deno';
 *
 * const stack = await createStack();
 * const Deno = createDeno(stack);
 * using listener = Deno.listen({ port: 0 });
 * assert.throws(() => Deno.listen({ port: listener.addr.port }), Deno.errors.AddrInUse);
 * const conn = await Deno.connect({ port: listener.addr.port });
 * const peer = await listener.accept();
 * await conn.write(new Uint8Array([1, 2, 3]));
 * conn.close();
 * assert.equal(await peer.read(new Uint8Array(10)), 3);
 * assert.equal(await peer.read(new Uint8Array(10)), null);
 * await stack.close();
 * ```
 */
export function createDeno(stack: NetworkStack, options: DenoOptions = {}): DenoApi {
  const { tls, dns } = options;
  return {
    errors,
    connect: (to) => connect(stack, to),
    listen: (at) => listen(stack, at),
    listenDatagram: (at) => listenDatagram(stack, at),
    resolveDns: (query, type, settings) => resolveDns(stack, dns, query, type, settings),
    serve: (first: ServeOptions | ServeHandler, second?: ServeHandler) =>
      serve(stack, tls, first, second),
    upgradeWebSocket,
    connectTls: (to) => connectTls(stack, tls, to),
    startTls: (conn, settings) => startTls(tls, conn, settings),
  };
}
