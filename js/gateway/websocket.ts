// SPDX-License-Identifier: MIT
// websocket - a WebSocket for each connection, its messages are the bytes: proxies such as wsproxy and websockify

import { any, checkOptions, type Rules } from '../util/check.ts';
import { PushedConnection } from './pushed.ts';
import { OpenSocket, type WebSocketClass } from './socket.ts';
import type { OutboundOptions, OutboundTransport } from './types.ts';

/** Options of webSocket(). */
export interface WebSocketWayOptions {
  /** Class of WebSockets. @default that of the runtime */
  readonly WebSocket?: WebSocketClass;
  /** Subprotocols to offer. @default none */
  readonly protocols?: string[];
}

const OPTIONS: Rules<WebSocketWayOptions> = { WebSocket: any, protocols: any };

/**
 * A way out by a proxy that takes a WebSocket for each connection. It is given names where they are known.
 *
 * @param url - URL of the proxy for a destination.
 * @param options - Class and subprotocols.
 * @returns The way out; it has no half close, and no datagrams.
 * @throws NetError EINVAL for an unknown option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { webSocket } from 'ringstack/gateway';
 *
 * const way = webSocket(({ host, port }) => `wss://proxy.example/${host}:${port}`);
 * assert.equal(way.takesNames, true);
 * ```
 */
export function webSocket(
  url: (to: { host: string; port: number }) => string,
  options: WebSocketWayOptions = {},
): OutboundTransport {
  checkOptions('Cannot use WebSockets as a way out', options, OPTIONS);
  return {
    takesNames: true,
    async connect({ host, port, signal }: OutboundOptions) {
      let connection: PushedConnection | undefined;
      const early: Uint8Array[] = [];
      const socket = await OpenSocket.open(
        url({ host, port }),
        options.WebSocket,
        options.protocols,
        {
          message: (data) => void (connection ? connection.push(data) : early.push(data)),
          // A proxy tells an end and a failure by the same event.
          ended: () => connection?.end(),
        },
        signal,
      );
      connection = new PushedConnection(host, port, {
        async write(chunk) {
          socket.send(chunk);
          await socket.room();
        },
        finish: () => socket.close(),
        abort: () => socket.close(),
      });
      for (const data of early) connection.push(data);
      return connection;
    },
  };
}
