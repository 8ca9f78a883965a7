// SPDX-License-Identifier: MIT
// websocket_server - upgradeWebSocket(), in the shape that Deno gave it

import { isToken, listOf } from '../codec/http1.ts';
import { wholeNumber } from './options.ts';
import { setSocket } from './upgrade.ts';
import { acceptOffer } from './websocket_deflate.ts';
import { MAX_PAYLOAD, SocketFace } from './websocket_face.ts';
import { acceptOf, isKey } from './websocket_handshake.ts';

/** Options of upgradeWebSocket(). */
export interface UpgradeWebSocketOptions {
  /** One of those that the client offers. @default none */
  readonly protocol?: string;
  /**
   * Seconds without a sign of the client after which it is pinged, and after as many more given up; 0: never.
   * @default 30
   */
  readonly idleTimeout?: number;
  /** Bytes of a message at the most; a longer one fails the WebSocket with 1009. @default 104857600 */
  readonly maxPayload?: number;
  /**
   * Whether messages are compressed (permessage-deflate, RFC 7692) if the client offers it and the runtime can: not
   * in browsers.
   * @default false: it costs more time than the network of a machine
   */
  readonly perMessageDeflate?: boolean;
}

/** Result of upgradeWebSocket(). */
export interface WebSocketUpgrade {
  /** The server's end: open when the answer is sent. */
  readonly socket: WebSocket;
  /** The response that the handler has to return. */
  readonly response: Response;
}

/** The key of a request that can be upgraded. */
function keyOf(request: Request): string {
  const { headers, method } = request;
  const refuse = (why: string): never => {
    throw new TypeError(`Cannot upgrade to a WebSocket: ${why}`);
  };
  if (method !== 'GET') refuse(`the method is ${method}`);
  if (!listOf(headers.get('upgrade') ?? '').includes('websocket')) {
    refuse("Invalid Header: 'upgrade' header must contain 'websocket'");
  }
  if (!listOf(headers.get('connection') ?? '').includes('upgrade')) {
    refuse("Invalid Header: 'connection' header must contain 'Upgrade'");
  }
  if (headers.get('sec-websocket-version') !== '13') refuse("'sec-websocket-version' must be 13");
  const key = headers.get('sec-websocket-key') ?? '';
  if (!isKey(key)) refuse("'sec-websocket-key' is not the base64 of 16 bytes");
  return key;
}

/** Checks the protocol that the server chose. */
function checkedProtocol(request: Request, protocol: string): string {
  const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(/[ \t]*,[ \t]*/);
  if (!isToken(protocol) || !offered.includes(protocol)) {
    throw new TypeError(
      `Protocol '${protocol}' not in the request's protocol list (non negotiable)`,
    );
  }
  return protocol;
}

/**
 * Answers a request with a WebSocket.
 *
 * @param request - A request of serve(), whose handler returns `response`.
 * @param options - Protocol and limits.
 * @returns The socket, which opens when the response is sent, and the response.
 * @throws {TypeError} If the request asks for no WebSocket, or the protocol was not offered.
 * @throws {NetError} EINVAL if an option is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createHttp, upgradeWebSocket } from 'ringstack/http';
 *
 * const stack = await createStack();
 * const { serve, WebSocket } = await createHttp(stack);
 * await serve({ port: 8080 }, (request) => {
 *   const { socket, response } = upgradeWebSocket(request);
 *   socket.onmessage = ({ data }) => socket.send(`echo ${data}`);
 *   return response;
 * });
 * const client = new WebSocket('ws://localhost:8080/');
 * client.onopen = () => client.send('hello');
 * const message = await new Promise((resolve) => {
 *   client.onmessage = ({ data }) => resolve(data);
 * });
 * assert.equal(message, 'echo hello');
 * await stack.close();
 * ```
 */
export function upgradeWebSocket(
  request: Request,
  options: UpgradeWebSocketOptions = {},
): WebSocketUpgrade {
  const accept = acceptOf(keyOf(request));
  const protocol = options.protocol === undefined ? '' : checkedProtocol(request, options.protocol);
  const seconds = options.idleTimeout ?? 30;
  const face = new SocketFace(request.url.replace('http', 'ws'), true, {
    maxPayload: wholeNumber('maxPayload', options.maxPayload, MAX_PAYLOAD, 1),
    idleTimeout: wholeNumber('idleTimeout', Math.round(seconds * 1000), 0),
  });
  const headers: [string, string][] = [
    ['upgrade', 'websocket'],
    ['sec-websocket-accept', accept],
  ];
  const offered = request.headers.get('sec-websocket-extensions');
  const codec = options.perMessageDeflate ? acceptOffer(offered) : undefined;
  if (codec) headers.push(['sec-websocket-extensions', codec.extensions]);
  if (protocol !== '') headers.push(['sec-websocket-protocol', protocol]);
  // A Response cannot have the status 101; what counts is that it is this one.
  const response = new Response(null, { headers });
  Object.defineProperty(response, 'status', { value: 101 });
  setSocket(request, response, {
    headers,
    open: (connection) => face.open(connection, protocol, codec),
    abandon: () => face.refuse(new Error('The request was answered without the WebSocket')),
  });
  return { socket: face as unknown as WebSocket, response };
}
