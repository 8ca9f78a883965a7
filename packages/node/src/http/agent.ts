// SPDX-License-Identifier: MIT
// agent - http.Agent and https.Agent that connect over a stack, and undici's connector

import http from 'node:http';
import https from 'node:https';
import type * as Net from 'node:net';
import tls from 'node:tls';
import type { StackSource } from '../net/context.ts';
import { createNodeNet } from '../net/net.ts';

type ConnectDone = (error: Error | null, socket?: Net.Socket) => void;

/**
 * An agent for `http.request({ agent })`, and for the libraries that take one: axios, got, node-fetch, ws.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import http from 'node:http';
 * import { createStack } from 'ringstack';
 * import { attachHttpServer, StackAgent } from 'ringstack-node/http';
 *
 * const stack = await createStack();
 * const server = http.createServer((_request, response) => response.end('hello'));
 * await attachHttpServer(server, stack, { port: 80 });
 * const agent = new StackAgent(stack);
 * const text = await new Promise<string>((resolve) => {
 *   http.get('http://127.0.0.1/', { agent }, (response) => {
 *     response.setEncoding('utf8').on('data', resolve);
 *   });
 * });
 * assert.equal(text, 'hello');
 * agent.destroy();
 * server.close();
 * await stack.close();
 * ```
 */
export class StackAgent extends http.Agent {
  readonly #net: typeof Net;

  /**
   * Opens nothing yet.
   *
   * @param stack - A stack, or the promise of one.
   * @param options - Of http.Agent.
   */
  constructor(stack: StackSource, options?: http.AgentOptions) {
    super(options);
    this.#net = createNodeNet(stack);
  }

  override createConnection(options: Net.NetConnectOpts): Net.Socket {
    return this.#net.connect(options);
  }
}

/** Options of a TLS connection of an agent. */
type SecureOptions = tls.ConnectionOptions & { host?: string; hostname?: string; port?: number };

/** Opens a connection of a stack and TLS on it. */
function connectSecurely(net: typeof Net, options: SecureOptions): tls.TLSSocket {
  const {
    signal: _signal,
    timeout: _timeout,
    ...plain
  } = options as SecureOptions & {
    signal?: unknown;
    timeout?: unknown;
  };
  const host = options.host ?? 'localhost';
  const socket = net.connect({ ...plain, host } as unknown as Net.NetConnectOpts);
  const servername = options.servername ?? (net.isIP(host) === 0 ? host : '');
  return tls.connect({ ...options, socket, servername });
}

/** The same for `https.request({ agent })`. */
export class StackSecureAgent extends https.Agent {
  readonly #net: typeof Net;

  /**
   * Opens nothing yet.
   *
   * @param stack - A stack, or the promise of one.
   * @param options - Of https.Agent.
   */
  constructor(stack: StackSource, options?: https.AgentOptions) {
    super(options);
    this.#net = createNodeNet(stack);
  }

  override createConnection(options: SecureOptions): tls.TLSSocket {
    return connectSecurely(this.#net, options);
  }
}

/** The options that undici gives its connector. */
export interface UndiciConnectOptions {
  readonly hostname: string;
  readonly host?: string;
  readonly protocol: string;
  readonly port: string;
  readonly servername?: string | null;
  readonly localAddress?: string | null;
  readonly httpSocket?: Net.Socket;
}

/**
 * The `connect` option of undici's Client, Pool and Agent: its requests, and fetch(), then go over a stack.
 *
 * @param stack - A stack, or the promise of one.
 * @param options - Of tls.connect(), for https.
 * @returns The connector.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { undiciConnector } from 'ringstack-node/http';
 *
 * const stack = await createStack();
 * const connect = undiciConnector(stack); // new Agent({ connect })
 * const to = { hostname: '127.0.0.1', protocol: 'http:', port: '80' };
 * const error = await new Promise<Error | null>((resolve) => connect(to, resolve));
 * assert.match(String(error), /ECONNREFUSED/);
 * await stack.close();
 * ```
 */
export function undiciConnector(
  stack: StackSource,
  options: tls.ConnectionOptions = {},
): (to: UndiciConnectOptions, done: ConnectDone) => void {
  const net = createNodeNet(stack);
  return (to, done) => {
    const { hostname, protocol, port, servername, localAddress, httpSocket } = to;
    const isSecure = protocol === 'https:';
    const place = {
      host: hostname,
      port: Number(port) || (isSecure ? 443 : 80),
      ...(localAddress != null && { localAddress }),
    };
    const socket = isSecure
      ? httpSocket
        ? tls.connect({ ...options, socket: httpSocket, servername: servername ?? hostname })
        : connectSecurely(net, { ...options, ...place, ...(servername && { servername }) })
      : net.connect(place);
    socket.setNoDelay(true);
    const finish = (error: Error | null): void => {
      socket.removeListener('error', finish);
      if (error) done(error);
      else done(null, socket);
    };
    socket.once(isSecure ? 'secureConnect' : 'connect', () => finish(null));
    socket.once('error', finish);
  };
}
