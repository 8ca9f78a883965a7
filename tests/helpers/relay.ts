// SPDX-License-Identifier: MIT
// relay - a relay as browsers' VMs use it: a binary message goes to everybody else at the same path
//
// A text message ends all other connections at its path, without a word of farewell.

import type { AddressInfo } from 'node:net';
import type { WebSocket } from 'ws';

/** A relay that was opened. */
export interface Relay {
  /** Its address; a path behind it is a network. */
  readonly url: string;
  close(): void;
}

/** Opens a relay in this process, which must be able to listen. */
export async function openRelay(): Promise<Relay> {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const paths = new Map<WebSocket, string | undefined>();
  server.on('connection', (socket, { url }) => {
    paths.set(socket, url);
    socket.on('close', () => paths.delete(socket));
    socket.on('message', (data, isBinary) => {
      for (const [other, path] of paths) {
        if (other === socket || path !== url) continue;
        if (isBinary) other.send(data);
        else other.terminate();
      }
    });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of paths.keys()) socket.terminate();
      server.close();
    },
  };
}
