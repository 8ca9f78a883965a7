// SPDX-License-Identifier: MIT
// wisp_server - a Wisp server, version 1, whose names all lead to servers at this computer

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type RawData, WebSocketServer } from 'ws';

const TYPE = { connect: 1, data: 2, continue: 3, close: 4 } as const;
const LOCAL = '127.0.0.1';
/** Packets that a stream may have on the way. */
const BUFFER = 64;

function packet(type: number, id: number, payload: Uint8Array | readonly number[]): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(type);
  head.writeUInt32LE(id, 1);
  return Buffer.concat([head, Uint8Array.from(payload)]);
}

/** A web server that answers with the Host it was asked for; returns its port. */
export async function hostServer(): Promise<number> {
  const server = createServer((request, response) => {
    response.end(`You have reached ${request.headers.host}\n`);
  });
  server.listen(0, LOCAL);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/**
 * Starts a Wisp server until the running test ends.
 *
 * @param port - Port that all streams lead to, whatever host and port they name.
 * @returns Its URL, and the hosts that were asked for.
 */
export async function wispServer(port: number): Promise<{ url: string; hosts: string[] }> {
  const server = new WebSocketServer({ port: 0, host: LOCAL });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const hosts: string[] = [];
  server.on('connection', (client) => {
    const streams = new Map<number, Socket>();
    client.send(packet(TYPE.continue, 0, [BUFFER, 0, 0, 0]));
    client.on('message', (message: RawData) => {
      const data = message as Buffer;
      const id = data.readUInt32LE(1);
      if (data[0] === TYPE.connect) {
        hosts.push(`${data.subarray(8)}:${data.readUInt16LE(6)}`);
        const far = connect(port, LOCAL);
        far.on('data', (bytes) => client.send(packet(TYPE.data, id, bytes)));
        far.on('end', () => client.send(packet(TYPE.close, id, [2])));
        far.on('error', () => client.send(packet(TYPE.close, id, [3])));
        streams.set(id, far);
      } else if (data[0] === TYPE.data) {
        streams.get(id)?.write(data.subarray(5));
        client.send(packet(TYPE.continue, id, [BUFFER, 0, 0, 0]));
      } else if (data[0] === TYPE.close) streams.get(id)?.destroy();
    });
    client.on('close', () => {
      for (const stream of streams.values()) stream.destroy();
    });
  });
  await once(server, 'listening');
  return { url: `ws://${LOCAL}:${(server.address() as AddressInfo).port}/`, hosts };
}
