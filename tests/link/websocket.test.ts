// SPDX-License-Identifier: MIT
// websocket.test - ringstack/websocket: stacks over a relay, what is no frame, ends, reconnection

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, plugEndpoint } from 'ringstack/link';
import {
  acceptWebSocket,
  connectWebSocket,
  type SessionEndpoint,
  type SocketLike,
} from 'ringstack/websocket';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { sentIntact } from '../helpers/links.ts';
import { openPair, outcome, until } from '../helpers/net.ts';
import { freePort } from '../helpers/ports.ts';

/** A server, its URL, and the next socket it accepts. */
async function serve(port = 0) {
  const server = new WebSocketServer({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accept = async (): Promise<WebSocket> => (await once(server, 'connection'))[0];
  return { server, url, accept };
}

/** Both ends of a connection. */
async function joined(): Promise<{ near: SessionEndpoint; far: WebSocket }> {
  const { url, accept } = await serve();
  const [far, near] = await Promise.all([accept(), connectWebSocket(url, { WebSocket })]);
  onTestFinished(() => near.close());
  return { near, far };
}

describe('over a WebSocket', () => {
  test.each([1500, 65520])('two stacks exchange data both ways, MTU %d', async (mtu) => {
    const { a, b, tapA, tapB } = await openPair({ tap: { mtu } });
    const { near, far } = await joined();
    const links = [connect(tapA, near), connect(tapB, acceptWebSocket(far))];
    await sentIntact(a, b, 2_000_000);
    expect(near.statistics).toMatchObject({ txDropped: 0, tooLong: 0 });
    await near.close();
    for (const link of links) expect(await outcome(link.closed)).toBe('ok');
  });

  test('every frame is one binary message, in memory of its own', async () => {
    const { near, far } = await joined();
    const messages: [Buffer, boolean][] = [];
    far.on('message', (data, isBinary) => messages.push([data as Buffer, isBinary]));
    const shared = new Uint8Array(new SharedArrayBuffer(300)).fill(7, 100);
    const { sink } = near.plug({ send: () => true, ready: async () => {} });
    sink.send(shared.subarray(100));
    sink.send(shared.subarray(0, 3));
    shared.fill(9);
    await until(() => messages.length === 2);
    expect(messages).toEqual([
      [Buffer.alloc(200, 7), true],
      [Buffer.alloc(3), true],
    ]);
  });

  test('text, empty and too long messages are dropped and counted', async () => {
    const { url, accept } = await serve();
    const [far, near] = await Promise.all([
      accept(),
      connectWebSocket(url, { WebSocket, mtu: 1500 }),
    ]);
    const reader = near.readable.getReader();
    far.send('hello');
    far.send(new Uint8Array());
    far.send(new Uint8Array(1519));
    far.send(new Uint8Array(1514));
    expect((await reader.read()).value?.length).toBe(1514);
    expect(near.statistics).toMatchObject({ rxFrames: 1, rxDropped: 2, tooLong: 1 });
    await near.close();
  });

  test('what nobody takes waits up to the queue, and is then dropped', async () => {
    const { url, accept } = await serve();
    const [far, near] = await Promise.all([
      accept(),
      connectWebSocket(url, { WebSocket, queue: 10_000 }),
    ]);
    const reader = near.readable.getReader();
    for (let n = 0; n < 20; n++) far.send(new Uint8Array(1000).fill(n));
    await until(() => near.statistics.rxDropped === 10);
    for (let n = 0; n < 10; n++) expect((await reader.read()).value?.[0]).toBe(n);
    await near.close();
  });

  test('a send queue that is full holds the stack off, and nothing is lost', async () => {
    const { a, b, tapA, tapB } = await openPair();
    const { url, accept } = await serve();
    const [far, near] = await Promise.all([
      accept(),
      connectWebSocket(url, { WebSocket, sendQueue: 4000 }),
    ]);
    connect(tapA, near);
    connect(tapB, acceptWebSocket(far, { sendQueue: 4000 }));
    await sentIntact(a, b, 200_000);
    expect(near.statistics.txDropped).toBe(0);
    await near.close();
  });

  test.each([
    { length: 20, least: 50 },
    { length: 80, least: 20 },
    { length: 200, least: 0 },
  ])('ready() waits until $length of 100 bytes have room', async ({ length, least }) => {
    let [waiting, looks] = [90, 0];
    const socket: SocketLike = {
      readyState: 1,
      get bufferedAmount() {
        looks++;
        return waiting;
      },
      binaryType: '',
      send: () => {},
      close: () => {},
      addEventListener: () => {},
    };
    const endpoint = acceptWebSocket(socket, { sendQueue: 100 });
    const { sink, unplug } = plugEndpoint(endpoint, { send: () => true, ready: async () => {} });
    const frame = new Uint8Array(length);
    expect(sink.send(frame)).toBe(false);
    let isReady = false;
    const ready = sink.ready().then(() => {
      isReady = true;
    });
    [waiting, looks] = [least + 1, 0];
    await until(() => looks > 2);
    expect(isReady).toBe(false);
    waiting = least;
    await ready;
    expect(sink.send(frame)).toBe(true);
    unplug();
    await endpoint.close();
  });
});

describe('it ends', () => {
  test.each([
    [1000, 'ok'],
    [1001, 'ok'],
    [1011, 'ECONNRESET'],
    [4321, 'ECONNRESET'],
  ])('when the other side closes with %d: %s', async (code, how) => {
    const { near, far } = await joined();
    far.close(code, 'why');
    expect(await outcome(near.closed)).toBe(how);
    if (how === 'ok') return;
    await expect(near.closed).rejects.toThrow(`closed with code ${code} (why)`);
  });

  test('with an error when the connection is lost', async () => {
    const { near, far } = await joined();
    far.terminate();
    expect(await outcome(near.closed)).toBe('ECONNRESET');
    expect(near.isOpen).toBe(false);
  });

  test('with its code when it is closed here', async () => {
    const { url, accept } = await serve();
    const options = { WebSocket, closeCode: 3001, closeReason: 'done' };
    const [far, near] = await Promise.all([accept(), connectWebSocket(url, options)]);
    const closing = once(far, 'close');
    await near.close();
    const [code, reason] = await closing;
    expect([code, String(reason)]).toEqual([3001, 'done']);
  });

  test('where nobody listens', async () => {
    const url = `ws://127.0.0.1:${await freePort('tcp')}`;
    expect(await outcome(connectWebSocket(url, { WebSocket }))).toBe('ECONNREFUSED');
  });

  test.each([{ closeCode: 1006 }, { sendQueue: 0 }, { mtu: 1 }])(
    'not at all with %j',
    async (bad) => {
      expect(await outcome(connectWebSocket('ws://127.0.0.1:9', { WebSocket, ...bad }))).toBe(
        'EINVAL',
      );
    },
  );
});

test('comes back when the relay does, and frames meanwhile are dropped', async () => {
  const port = await freePort('tcp');
  const { server, url, accept } = await serve(port);
  const reconnect = { least: 1, most: 5 };
  const [first, near] = await Promise.all([
    accept(),
    connectWebSocket(url, { WebSocket, reconnect }),
  ]);
  server.close();
  first.terminate();
  await until(() => !near.isOpen);
  await near.writable.getWriter().write(new Uint8Array(60));
  expect(near.statistics.txDropped).toBe(1);
  const again = await serve(port);
  const second = await again.accept();
  await until(() => near.isOpen);
  expect(near.sessions).toBe(2);
  const reader = near.readable.getReader();
  second.send(Uint8Array.of(1));
  expect((await reader.read()).value).toEqual(Uint8Array.of(1));
  await near.close();
});
