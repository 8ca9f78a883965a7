// SPDX-License-Identifier: MIT
// relay - a TCP connection in two halves, which a test can cut

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Scope } from './scope.ts';

/** Passes on what comes to a port of its own. */
export interface Relay {
  readonly port: number;
  /** Settles when so many more bytes have come from the far end. */
  passed(bytes: number): Promise<void>;
  /** Ends all connections at once. */
  cut(): void;
}

/** Joins connections to a port of 127.0.0.1, until the end of the scope. */
export async function openRelay(scope: Scope, to: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let count = 0;
  let look = (): void => {};
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    return socket.setNoDelay();
  };
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((near) => {
    keep(near);
    const far = keep(connect(to, '127.0.0.1'));
    far.on('data', ({ length }) => {
      count += length;
      look();
    });
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    cut();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    passed(bytes) {
      const end = count + bytes;
      return new Promise((resolve) => {
        look = () => {
          if (count >= end) resolve();
        };
        look();
      });
    },
  };
}
