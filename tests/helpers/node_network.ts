// SPDX-License-Identifier: MIT
// node_network - transports over the sockets of Node, bound to 127.0.0.1, for services against real peers

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import type {
  Datagram,
  DatagramSocket,
  DatagramTransport,
  StreamConnection,
  StreamTransport,
} from 'ringstack/dns';

const HOST = '127.0.0.1';

/** Datagrams over node:dgram. */
export const nodeUdp: DatagramTransport = {
  async open({ host = HOST, port = 0 } = {}): Promise<DatagramSocket> {
    const socket = createSocket('udp4');
    socket.bind(port, host);
    await once(socket, 'listening');
    const readable = new ReadableStream<Datagram>({
      start(controller) {
        socket.on('message', (data, { address, port: from }) => {
          controller.enqueue({ host: address, port: from, data: new Uint8Array(data) });
        });
        socket.on('close', () => controller.close());
      },
    });
    const send = ({ host: to, port: at, data }: Datagram): Promise<void> =>
      new Promise((resolve, reject) => {
        socket.send(data, at, to, (error) => (error ? reject(error) : resolve()));
      });
    return {
      writable: new WritableStream({ write: send }),
      close: () => new Promise((resolve) => void socket.close(() => resolve())),
      [Symbol.asyncIterator]: () => readable.values({ preventCancel: true }),
    };
  },
};

function connectionOf(socket: Socket): StreamConnection {
  socket.on('error', () => {});
  const { remoteAddress = '', remotePort = 0 } = socket;
  const readable = Readable.toWeb(socket) as ReadableStream<Uint8Array>;
  return {
    readable,
    writable: Writable.toWeb(socket),
    remoteAddress,
    remotePort,
    close: async () => void socket.end(),
    abort: () => void socket.destroy(),
    [Symbol.asyncIterator]: () => readable.values({ preventCancel: true }),
  };
}

/** Streams over node:net. */
export const nodeTcp: StreamTransport = {
  async connect({ host, port }) {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return connectionOf(socket);
  },
  async listen({ host = HOST, port }) {
    const server = createServer({ allowHalfOpen: true });
    const connections = new ReadableStream<StreamConnection>({
      start(controller) {
        server.on('connection', (socket) => controller.enqueue(connectionOf(socket)));
        server.on('close', () => controller.close());
      },
    });
    server.listen(port, host);
    await once(server, 'listening');
    return {
      port,
      close: async () => void server.close(),
      [Symbol.asyncIterator]: () => connections.values({ preventCancel: true }),
    };
  },
};

/** Both, as a stack has them. */
export const nodeNetwork = { udp: nodeUdp, tcp: nodeTcp };
