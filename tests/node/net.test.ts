// SPDX-License-Identifier: MIT
// net.test - ringstack-node: sockets and servers with the face of node:net
//
// Node's own tests (make test-node-suite) say whether they behave as Node's; here is what those cannot: both
// engines, links between stacks, memory that is given back.

import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { NetworkStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { createNodeNet } from 'ringstack-node';
import { expect, onTestFinished, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import { openStack } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

/** A server that listens until the test ends. */
async function listen(server: Server, ...args: unknown[]): Promise<number> {
  (server.listen as (...args: unknown[]) => void)(...args);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The bytes of a socket until its end. */
async function read(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Waits until a stack has as many sockets as before. */
async function untilSockets(stack: NetworkStack, count: number): Promise<void> {
  while (stack.statistics.sockets > count) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('bytes arrive in order in both directions, and the events are those of Node', async () => {
  const net = createNodeNet(await openStack());
  const data = new Prng(7).bytes(3_000_001);
  const events: string[] = [];
  const server = net.createServer((socket) => void socket.pipe(socket));
  const port = await listen(server, 0);
  const socket = net.connect(port);
  for (const name of ['connect', 'ready', 'end', 'finish', 'close']) {
    socket.on(name, () => void events.push(name));
  }
  const closed = once(socket, 'close');
  socket.end(Buffer.from(data));
  const echo = await read(socket);
  expect(hashOf(echo)).toBe(hashOf(data));
  await closed;
  expect(events.slice(0, 2)).toEqual(['connect', 'ready']);
  expect(events.at(-1)).toBe('close');
  expect([socket.bytesRead, socket.bytesWritten]).toEqual([data.length, data.length]);
});

test('address() tells the port as soon as listen(0) returns, and connect() may follow at once', async () => {
  const net = createNodeNet(await openStack());
  const server = net.createServer((socket) => void socket.end('now')).listen(0);
  onTestFinished(() => void server.close());
  const { port, family, address } = server.address() as AddressInfo;
  expect([family, address]).toEqual(['IPv6', '::']);
  expect(port).toBeGreaterThan(0);
  const socket = net.connect(port);
  expect(String(await read(socket))).toBe('now');
});

test('a stack that comes later is waited for', async () => {
  let give: (stack: NetworkStack) => void = () => {};
  const net = createNodeNet(
    new Promise((resolve) => {
      give = resolve;
    }),
  );
  const server = net.createServer((socket) => void socket.end('late')).listen(700);
  onTestFinished(() => void server.close());
  const socket = net.connect(700);
  give(await openStack());
  expect(String(await read(socket))).toBe('late');
});

test('errors have the code, the fields and the text of Node', async () => {
  const net = createNodeNet(await openStack());
  const refused = net.connect(9, '127.0.0.1');
  const [error] = await once(refused, 'error').then(
    (found) => found,
    (reason) => [reason],
  );
  expect(error).toMatchObject({
    message: 'connect ECONNREFUSED 127.0.0.1:9',
    code: 'ECONNREFUSED',
    errno: -111,
    syscall: 'connect',
    address: '127.0.0.1',
    port: 9,
  });
  await listen(net.createServer(), 80);
  const second = net.createServer().listen(80);
  const [taken] = await new Promise<[NodeJS.ErrnoException]>((resolve) => {
    second.once('error', (reason) => resolve([reason]));
  });
  expect(taken.message).toBe('listen EADDRINUSE: address already in use :::80');
  expect(second.listening).toBe(false);
  const unknown = net.connect(80, 'no.such.name');
  const [missing] = await new Promise<[NodeJS.ErrnoException]>((resolve) => {
    unknown.once('error', (reason) => resolve([reason]));
  });
  expect(missing).toMatchObject({ code: 'ENOTFOUND', syscall: 'getaddrinfo' });
});

test('a name of the hosts leads over a link to another stack', async () => {
  const [a, b] = [await openStack({ hosts: '10.0.0.2 db.internal' }), await openStack()];
  connect(
    await a.createTunInterface({ ip: '10.0.0.1/24' }),
    await b.createTunInterface({ ip: '10.0.0.2/24' }),
  );
  const server = createNodeNet(b).createServer((socket) => {
    socket.end(`${socket.remoteAddress} ${socket.localAddress}`);
  });
  const port = await listen(server, 5432, '10.0.0.2');
  const socket = createNodeNet(a).connect(port, 'db.internal');
  expect(String(await read(socket))).toBe('10.0.0.1 10.0.0.2');
});

test('a paused socket leaves bytes with the peer, and a reset is ECONNRESET', async () => {
  const net = createNodeNet(await openStack());
  let accepted: Socket | undefined;
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    accepted = socket;
  });
  const port = await listen(server, 0);
  const socket = net.connect(port);
  await once(socket, 'connect');
  const chunk = Buffer.alloc(65_536);
  let isFull = false;
  for (let n = 0; n < 2000 && !isFull; n++) {
    if (socket.write(chunk)) continue;
    const drained = once(socket, 'drain').then(() => false);
    isFull = await Promise.race([drained, new Promise<boolean>((go) => setTimeout(go, 200, true))]);
  }
  expect(isFull).toBe(true);
  expect(accepted?.bytesRead).toBe(0);
  socket.on('error', () => {});
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
  accepted?.resetAndDestroy();
  expect((await failed).code).toBe('ECONNRESET');
});

test('a time-out fires when nothing comes, and a signal destroys the socket', async () => {
  const net = createNodeNet(await openStack());
  const port = await listen(
    net.createServer(() => {}),
    0,
  );
  const socket = net.connect({ port, timeout: 20 });
  await once(socket, 'timeout');
  socket.destroy();
  const abort = new AbortController();
  const other = net.connect({ port, signal: abort.signal });
  await once(other, 'connect');
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => other.once('error', resolve));
  abort.abort();
  expect((await failed).code).toBe('ABORT_ERR');
});

test('two hundred connections leave no socket in the stack', async () => {
  const stack = await openStack();
  const net = createNodeNet(stack);
  const before = stack.statistics.sockets;
  const server = net.createServer((socket) => void socket.resume().end('x'));
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const socket = net.connect(port);
      if (n % 3 === 0) socket.once('connect', () => void socket.destroy());
      await once(socket.resume(), 'close');
    }),
  );
  server.close();
  await once(server, 'close');
  await untilSockets(stack, before);
  expect(stack.statistics.sockets).toBe(before);
});

test('close() of a server waits for its connections, and getConnections() counts them', async () => {
  const net = createNodeNet(await openStack());
  const server = net.createServer();
  server.listen(0);
  await once(server, 'listening');
  const socket = net.connect((server.address() as AddressInfo).port);
  await once(server, 'connection');
  const count = await new Promise((resolve) => server.getConnections((_, found) => resolve(found)));
  expect(count).toBe(1);
  let isClosed = false;
  server.close(() => {
    isClosed = true;
  });
  expect(server.address()).toBe(null);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isClosed).toBe(false);
  socket.destroy();
  await once(server, 'close');
  expect(isClosed).toBe(true);
});
