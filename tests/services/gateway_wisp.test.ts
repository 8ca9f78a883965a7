// SPDX-License-Identifier: MIT
// gateway_wisp.test - ways out by WebSockets: wisp() of both versions, webSocket(), against servers of the package ws

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type OutboundTransport, type WebSocketClass, webSocket, wisp } from 'ringstack/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type RawData, WebSocketServer, WebSocket as WsSocket } from 'ws';
import { gatewayNetwork } from '../helpers/gateway.ts';
import { bytes, outcome, readAll, text, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';

const LOCAL = '127.0.0.1';
const WebSocket = WsSocket as unknown as WebSocketClass;
const BUFFER = 8;

/** A server of Node at this computer. */
async function target(serve: (socket: Socket) => void): Promise<number> {
  const made = createServer({ allowHalfOpen: true }, serve).listen(0, LOCAL);
  onTestFinished(() => void made.close());
  await once(made, 'listening');
  return (made.address() as { port: number }).port;
}

async function sockets(serve: (socket: WsSocket, path: string) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: LOCAL });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on('connection', (socket, { url = '' }) => serve(socket, url));
  await once(server, 'listening');
  return `ws://${LOCAL}:${(server.address() as { port: number }).port}/`;
}

function packet(type: number, id: number, payload: Uint8Array | number[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(5));
  head.setUint8(0, type);
  head.setUint32(1, id, true);
  return Uint8Array.of(...new Uint8Array(head.buffer), ...payload);
}

const REASONS: Record<string, number> = { ECONNREFUSED: 0x44, ENOTFOUND: 0x42 };

/** A socket of UDP for one destination at this computer. */
function datagrams(
  port: number,
  receive: (data: Buffer) => void,
): { send(data: Buffer): void; close(): void } {
  const far = createSocket('udp4');
  far.on('message', receive);
  return { send: (data) => far.send(data, port, LOCAL), close: () => void far.close() };
}

/** As much of a Wisp server as the protocol asks for; all names lead to this computer. */
async function wispServer(
  version: 1 | 2,
  extensions: readonly number[] = [1, 5],
): Promise<{ url: string; hosts: string[]; most: () => number; clients: WsSocket[] }> {
  const hosts: string[] = [];
  const clients: WsSocket[] = [];
  let most = 0;
  const url = await sockets((socket) => {
    clients.push(socket);
    const streams = new Map<number, { send(data: Buffer): void; close(): void }>();
    const confirms = version === 2 && extensions.includes(5);
    const send = (type: number, id: number, payload: Uint8Array | number[]): void =>
      socket.send(packet(type, id, payload));
    if (version === 2) send(5, 0, [2, 0, ...extensions.flatMap((one) => [one, 0, 0, 0, 0])]);
    else send(3, 0, [BUFFER, 0, 0, 0]);
    const tcp = (id: number, port: number): void => {
      const far = connect(port, LOCAL);
      let onTheWay = 0;
      far.on('connect', () => confirms && send(3, id, [BUFFER, 0, 0, 0]));
      far.on('data', (data) => send(2, id, data));
      far.on('end', () => send(4, id, [2]));
      far.on('error', ({ code = '' }: NodeJS.ErrnoException) => send(4, id, [REASONS[code] ?? 3]));
      streams.set(id, {
        send: (data) => {
          most = Math.max(most, ++onTheWay);
          far.write(data, () => {
            onTheWay = 0;
            send(3, id, [BUFFER, 0, 0, 0]);
          });
        },
        close: () => far.destroy(),
      });
    };
    const udp = (id: number, port: number): void => {
      streams.set(
        id,
        datagrams(port, (data) => send(2, id, data)),
      );
    };
    socket.on('message', (message: RawData) => {
      const data = message as Buffer;
      const id = data.readUInt32LE(1);
      if (data[0] === 5) send(3, 0, [BUFFER, 0, 0, 0]);
      if (data[0] === 1) {
        hosts.push(data.subarray(8).toString());
        (data[5] === 1 ? tcp : udp)(id, data.readUInt16LE(6));
      }
      if (data[0] === 2) streams.get(id)?.send(data.subarray(5));
      if (data[0] === 4) {
        streams.get(id)?.close();
        streams.delete(id);
      }
    });
    socket.on('close', () => {
      for (const stream of streams.values()) stream.close();
    });
  });
  return { url, clients, hosts, most: () => most };
}

const OPEN = { policy: { override: ['private'] } } as const;

describe.each([1, 2] as const)('wisp() of version %i', (version) => {
  test('carries bytes both ways intact, within what the server takes', async () => {
    const port = await target((socket) => socket.pipe(socket));
    const server = await wispServer(version);
    const way = wisp(server.url, { WebSocket });
    const { guest } = await gatewayNetwork({ tcp: way, ...OPEN });
    const connection = await guest.connectTcp({ host: '10.99.0.1', port });
    const data = new Prng(2).bytes(2_000_000);
    const writer = connection.writable.getWriter();
    void (async () => {
      for (let at = 0; at < data.length; at += 30_000)
        await writer.write(data.slice(at, at + 30_000));
    })();
    const reader = connection.readable.getReader();
    const got: Uint8Array[] = [];
    let length = 0;
    while (length < data.length) {
      const { value } = await reader.read();
      got.push(value as Uint8Array);
      length += (value as Uint8Array).length;
    }
    const all = new Uint8Array(length);
    let at = 0;
    for (const chunk of got) {
      all.set(chunk, at);
      at += chunk.length;
    }
    expect(sameBytes(all, data)).toBe(true);
    expect(server.hosts).toEqual(['10.99.0.1']);
    expect(server.most()).toBeLessThanOrEqual(BUFFER);
  });

  test('sends datagrams, one stream for each destination', async () => {
    const echo = createSocket('udp4');
    onTestFinished(() => void echo.close());
    echo.on('message', (data, { port, address }) => echo.send(data, port, address));
    echo.bind(0, LOCAL);
    await once(echo, 'listening');
    const server = await wispServer(version);
    const way = wisp(server.url, { WebSocket });
    const { guest } = await gatewayNetwork({ tcp: way, udp: way, ...OPEN });
    const socket = await guest.openUdp();
    const { port } = echo.address();
    for (const host of ['10.99.0.1', '10.99.0.2']) {
      await socket.send(bytes(host), { host, port });
      expect(await socket.receive()).toMatchObject({ host, port, data: bytes(host) });
    }
    expect(server.hosts).toEqual(['10.99.0.1', '10.99.0.2']);
  });

  test('ends its connections when the server goes, and connects again', async () => {
    const port = await target((socket) => socket.pipe(socket));
    const server = await wispServer(version);
    const way = wisp(server.url, { WebSocket });
    const first = await way.connect({ host: 'a.example', port });
    const second = await way.connect({ host: 'b.example', port });
    await until(() => server.hosts.length === 2);
    await first.close();
    const reading = outcome(readAll(second.readable));
    for (const client of server.clients) client.terminate();
    expect(await reading).toBe('ECONNRESET');
    const third = await way.connect({ host: 'c.example', port });
    await third.writable.getWriter().write(bytes('still'));
    const { value } = await third.readable.getReader().read();
    expect(text(value as Uint8Array)).toBe('still');
    third.abort?.();
  });
});

describe('wisp()', () => {
  test('of version 2 refuses as the server does, before the guest is answered', async () => {
    const { url } = await wispServer(2);
    const { guest } = await gatewayNetwork({ tcp: wisp(url, { WebSocket }), ...OPEN });
    expect(await outcome(guest.connectTcp({ host: '10.99.0.1', port: 1 }))).toBe('ECONNREFUSED');
  });

  test('without confirmations resets what the server refuses', async () => {
    const { url } = await wispServer(1);
    const { guest } = await gatewayNetwork({ tcp: wisp(url, { WebSocket }), ...OPEN });
    const connection = await guest.connectTcp({ host: '10.99.0.1', port: 1 });
    expect(await outcome(readAll(connection.readable))).toBe('ECONNRESET');
  });

  test('says that a server has no UDP', async () => {
    const { url } = await wispServer(2, [5]);
    expect(await outcome(wisp(url, { WebSocket }).open())).toBe('ENOTSUP');
  });

  test('is refused where nobody listens', async () => {
    const way = wisp('ws://127.0.0.1:1/', { WebSocket });
    expect(await outcome(way.connect({ host: 'a.example', port: 80 }))).toBe('ECONNREFUSED');
  });

  test('survives messages that are no packets', async () => {
    const url = await sockets((socket) => {
      for (const junk of [
        [],
        [3],
        [3, 0, 0, 0, 0],
        [9, 1, 2, 3, 4],
        [2, 7, 0, 0, 0, 1],
        [4, 7, 0, 0, 0],
      ]) {
        socket.send(Uint8Array.from(junk));
      }
      socket.send('text');
      socket.send(packet(5, 0, [2, 0, 1, 255, 255, 255, 255]));
      socket.send(packet(3, 0, [1, 0, 0, 0]));
    });
    const way = wisp(url, { WebSocket });
    const connection = await way.connect({ host: 'a.example', port: 80 });
    connection.abort?.();
  });
});

test('webSocket() has a WebSocket for each connection', async () => {
  const port = await target((socket) => socket.pipe(socket));
  const paths: string[] = [];
  const url = await sockets((socket, path) => {
    paths.push(path);
    const far = connect(Number(path.split(':')[1]), LOCAL);
    socket.on('message', (data: RawData) => far.write(data as Buffer));
    far.on('data', (data) => socket.send(data));
    far.on('end', () => socket.close());
    far.on('error', () => socket.close());
    socket.on('close', () => far.destroy());
  });
  const way: OutboundTransport = webSocket((to) => `${url}${to.host}:${to.port}`, { WebSocket });
  const { guest, gateway } = await gatewayNetwork({ tcp: way, ...OPEN });
  const connection = await guest.connectTcp({ host: '10.99.0.1', port });
  await connection.writable.getWriter().write(bytes('hello'));
  const { value } = await connection.readable.getReader().read();
  expect(text(value as Uint8Array)).toBe('hello');
  expect(paths).toEqual([`/10.99.0.1:${port}`]);
  connection.abort();
  await until(() => gateway.statistics.tcpFlows === 0);
});
