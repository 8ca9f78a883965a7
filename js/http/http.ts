// SPDX-License-Identifier: MIT
// http - fetch, serve and WebSocket over a stack or any other stream transport (ringstack/http)

import { CAN_DECOMPRESS } from './decompress.ts';
import { type FetchContext, fetchOver } from './fetch.ts';
import { wholeNumber } from './options.ts';
import { Pool } from './pool.ts';
import { serveOver } from './server.ts';
import { type HttpTransport, type StreamTransport, transportOf } from './transport.ts';
import type {
  HttpApi,
  HttpHandler,
  HttpOptions,
  HttpServer,
  ServeHandlerOptions,
  ServeOptions,
} from './types.ts';
import { webSocketOver } from './websocket_client.ts';

export {
  bridgeServiceWorker,
  type ServiceWorkerBridge,
  type ServiceWorkerBridgeOptions,
} from './page/bridge.ts';
export { HttpResponse, type ResponseParts } from './response.ts';
export type {
  HttpTransport,
  StreamConnection,
  StreamListener,
  StreamTransport,
  TcpStack,
} from './transport.ts';
export type {
  HttpApi,
  HttpFetch,
  HttpHandler,
  HttpInfo,
  HttpOptions,
  HttpReply,
  HttpRequestHandler,
  HttpRequestInit,
  HttpServer,
  ServeHandlerOptions,
  ServeOptions,
  TlsProvider,
} from './types.ts';
export {
  type UpgradeWebSocketOptions,
  upgradeWebSocket,
  type WebSocketUpgrade,
} from './websocket_server.ts';

/** Options of createHttp() under the name that @tcpip/http has for them. */
export type CreateHttpOptions = HttpOptions;

const DEFAULT_PORT = 80;

/** The pool that options ask for. */
function poolOf(transport: StreamTransport, options: HttpOptions): Pool {
  const { keepAlive = true, tls } = options;
  const { idleTimeout, maxIdle } = typeof keepAlive === 'object' ? keepAlive : {};
  return new Pool(transport, {
    tls,
    idleTimeout: wholeNumber('keepAlive.idleTimeout', idleTimeout, 4000),
    maxIdle: keepAlive === false ? 0 : wholeNumber('keepAlive.maxIdle', maxIdle, 256),
    maxConnections: wholeNumber(
      'maxConnections',
      options.maxConnections,
      Number.POSITIVE_INFINITY,
      1,
    ),
  });
}

/** Connections, limits and defaults that fetch() and WebSocket use. */
function contextOf(transport: StreamTransport, options: HttpOptions): FetchContext {
  return {
    pool: poolOf(transport, options),
    decompress: options.decompress ?? CAN_DECOMPRESS,
    hasTls: options.tls !== undefined,
    limits: {
      maxHeaderSize: wholeNumber('maxHeaderSize', options.maxHeaderSize, 16_384, 1),
      maxHeaders: wholeNumber('maxHeaders', options.maxHeaders, 2000, 1),
      headersTimeout: wholeNumber('headersTimeout', options.headersTimeout, 300_000),
      bodyTimeout: wholeNumber('bodyTimeout', options.bodyTimeout, 300_000),
    },
  };
}

/** The two arguments of serve() in any of its forms. */
function serveArguments(
  first: HttpHandler | ServeOptions | ServeHandlerOptions,
  second: HttpHandler | undefined,
): { options: ServeOptions; handler: HttpHandler } {
  if (typeof first === 'function') return { options: { port: DEFAULT_PORT }, handler: first };
  const handler = second ?? (first as Partial<ServeHandlerOptions>)?.handler;
  if (typeof handler !== 'function') throw new TypeError('serve options require a handler');
  return { options: { ...first, port: first.port ?? DEFAULT_PORT }, handler };
}

/**
 * Makes HTTP over a transport.
 *
 * @param transport - A stack, its `tcp`, or anything that connects and listens.
 * @param options - Of its fetch() and WebSocket; see HttpOptions.
 * @returns fetch, serve and WebSocket, to be taken apart at will.
 * @throws {TypeError} If it is no transport.
 * @throws {NetError} EINVAL if an option is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createHttp } from 'ringstack/http';
 *
 * const stack = await createStack();
 * const { fetch, serve } = await createHttp(stack);
 * await serve({ port: 8080 }, async (request) => new Response(await request.text()));
 * const response = await fetch('http://localhost:8080/', { method: 'POST', body: 'hello' });
 * assert.equal(await response.text(), 'hello');
 * await stack.close();
 * ```
 */
export async function createHttp(
  transport: HttpTransport,
  options: HttpOptions = {},
): Promise<HttpApi> {
  const streams = transportOf(transport);
  const context = contextOf(streams, options);
  const close = async (): Promise<void> => context.pool.close();
  return {
    fetch: (input, init) => fetchOver(context, input, init),
    WebSocket: webSocketOver(context),
    serve: async (
      first: HttpHandler | ServeOptions | ServeHandlerOptions,
      second?: HttpHandler,
    ): Promise<HttpServer> => {
      const { options: where, handler } = serveArguments(first, second);
      return serveOver(streams, where, handler, options.tls);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The type of createHttp(). */
export type CreateHttp = typeof createHttp;
