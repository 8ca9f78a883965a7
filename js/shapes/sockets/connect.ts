// SPDX-License-Identifier: MIT
// connect - createConnect(): connect() over a stack or any other stream transport

import { type HttpTransport, transportOf } from '../../http/transport.ts';
import type { TlsProvider } from '../../http/types.ts';
import { abortConnection } from '../../util/abort.ts';
import { socketError } from './error.ts';
import { addressOf, settingsOf } from './options.ts';
import { type Route, StackSocket } from './socket.ts';
import type { Socket, SocketAddress, SocketOptions } from './types.ts';

/** Options of createConnect(). */
export interface ConnectSettings {
  /** Secures connections: what `secureTransport` needs. @default none */
  readonly tls?: TlsProvider;
}

/**
 * The module `cloudflare:sockets` over a stack. The function needs no `this`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createConnect } from 'ringstack/sockets';
 *
 * const stack = await createStack();
 * const { connect } = createConnect(stack);
 * const socket = connect('localhost:80');
 * await assert.rejects(socket.opened, { name: 'TypeError', message: /^SocketError: .*connection refused/ });
 * await stack.close();
 * ```
 */
export interface Sockets {
  /**
   * Connects; returns at once.
   *
   * @param address - `host:port`, or host name and port.
   * @param options - TLS and half-open connections.
   * @returns The socket, which opens.
   * @throws {TypeError} A SocketError if an argument is malformed, or TLS is asked for and there is no provider.
   */
  connect(address: string | SocketAddress, options?: SocketOptions): Socket;
}

/**
 * Makes connect() over a stack.
 *
 * @param transport - A stack, an object whose `tcp` is a transport, or a transport.
 * @param settings - TLS provider.
 * @returns An object with connect().
 * @throws {TypeError} If it is no transport.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createConnect } from 'ringstack/sockets';
 *
 * const stack = await createStack();
 * const listener = await stack.listenTcp({ port: 7 });
 * const { connect } = createConnect(stack);
 *
 * const socket = connect({ hostname: '127.0.0.1', port: 7 });
 * const writer = socket.writable.getWriter();
 * void writer.write(new TextEncoder().encode('hello')); // waits until the socket is open
 * const peer = await listener.accept();
 * const { value } = await peer.readable.getReader().read();
 * assert.equal(new TextDecoder().decode(value), 'hello');
 * assert.equal((await socket.opened).remoteAddress, '127.0.0.1:7');
 * await socket.close();
 * await stack.close();
 * ```
 */
export function createConnect(transport: HttpTransport, settings: ConnectSettings = {}): Sockets {
  const streams = transportOf(transport);
  const { tls } = settings;
  return {
    connect(address: string | SocketAddress, options: SocketOptions = {}): Socket {
      const { host, port } = addressOf(address);
      const chosen = settingsOf(options);
      if (chosen.kind !== 'off' && !tls) {
        throw socketError(
          `secureTransport '${chosen.kind}' needs a TLS provider: tls of createConnect()`,
        );
      }
      const { alpn, sni } = chosen;
      const secure: Route['secure'] =
        tls &&
        (async (connection, name, signal) => {
          const to = { host: name ?? sni ?? host.replace(/^\[(.*)\]$/, '$1'), port, alpn, signal };
          try {
            return await tls.connect(connection, to);
          } catch (error) {
            abortConnection(connection, error);
            throw error;
          }
        });
      const open = async (signal: AbortSignal) => {
        const connection = await streams.connect({ host, port, signal });
        return chosen.kind === 'on' && secure ? secure(connection, undefined, signal) : connection;
      };
      return new StackSocket({ open, secure }, chosen);
    },
  };
}
