// SPDX-License-Identifier: MIT
// node_transport - the sockets of Node as a stream transport, as plain as it can be

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { StreamConnection, StreamListener, StreamTransport } from 'ringstack/http';

/** A socket of Node as a connection: its streams as plain as they can be, and closed for good by close(). */
function connectionOf(socket: Socket): StreamConnection {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const end = (error?: unknown): void => {
    if (error === undefined) controller?.close();
    else controller?.error(error);
    controller = undefined;
  };
  socket.pause();
  socket.on('data', (chunk: Buffer) => {
    if (!controller) return;
    controller.enqueue(new Uint8Array(chunk));
    socket.pause();
  });
  socket.on('end', () => end());
  socket.on('error', (error) => end(error));
  socket.on('close', () => end(new Error('The socket was destroyed')));
  return {
    readable: new ReadableStream(
      {
        start: (made) => {
          controller = made;
        },
        pull: () => void socket.resume(),
        cancel: () => void socket.destroy(),
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream({
      write: (chunk) =>
        new Promise((resolve, reject) => {
          socket.write(chunk, (error) => (error ? reject(error) : resolve()));
        }),
      close: () => void socket.end(),
      abort: () => void socket.destroy(),
    }),
    remoteAddress: socket.remoteAddress ?? '',
    remotePort: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    close: async () => {
      end();
      socket.resume();
      socket.end();
    },
    abort: () => void socket.destroy(),
  };
}

/** The connections that come to a server of Node. */
function listenerOf(server: Server, port: number): StreamListener {
  return {
    port,
    host: '127.0.0.1',
    close: async () => void server.close(),
    async *[Symbol.asyncIterator]() {
      const waiting: Socket[] = [];
      let wake = (): void => {};
      let isOver = false;
      server.on('connection', (socket) => {
        waiting.push(socket);
        wake();
      });
      server.on('close', () => {
        isOver = true;
        wake();
      });
      while (!isOver || waiting.length > 0) {
        const socket = waiting.shift();
        if (socket) yield connectionOf(socket);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** This machine's TCP as a transport: a plain one, without what a stack has beyond it. */
export const nodeTransport: StreamTransport = {
  async connect({ host, port }) {
    const socket = connect({ host, port, allowHalfOpen: true });
    await once(socket, 'connect');
    return connectionOf(socket);
  },
  async listen({ port }) {
    const server = createServer({ allowHalfOpen: true });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address() as { port: number };
    return listenerOf(server, address.port);
  },
};
