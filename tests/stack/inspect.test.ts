// SPDX-License-Identifier: MIT
// inspect.test - what programs see of stacks, interfaces, connections and errors when they print them

import type { NetError, NetworkStack, TapInterface } from 'ringstack';
import { expect, test } from 'vitest';
import { ENDS, openStack, wiredEnds } from '../helpers/net.ts';
import { ENGINE, HAS_NODE_THREADS, testUnless } from '../helpers/runtime.ts';

/** The output of JSON.stringify(), parsed again. */
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('JSON.stringify() says what they are', async () => {
  const { a, tapA, client, listener } = await wiredEnds();
  const tap = {
    type: 'tap',
    mac: tapA.mac,
    addresses: [`${ENDS[4].a}/24`, `${ENDS[6].a}/64`],
    mtu: 1500,
    isUp: true,
  };
  expect(json(tapA)).toEqual(tap);
  expect(json(a.interfaces)).toEqual([tap]);
  expect(json(a)).toEqual({ type: 'stack', engine: ENGINE, isClosed: false, interfaces: [tap] });
  const connection = {
    type: 'tcp',
    localAddress: ENDS[4].a,
    localPort: client.localPort,
    remoteAddress: ENDS[4].b,
    remotePort: listener.port,
  };
  expect(json(client)).toEqual({ ...connection, isOpen: true });
  expect(json(listener)).toEqual({ type: 'tcp', host: '::', port: listener.port, isOpen: true });

  client.abort();
  await listener.close();
  await a.close();
  expect(json(client)).toEqual({ ...connection, isOpen: false });
  expect(json(listener)).toMatchObject({ isOpen: false });
  expect(json(tapA)).toEqual({ ...tap, isUp: false });
  expect(json(a)).toEqual({ type: 'stack', engine: ENGINE, isClosed: true, interfaces: [] });
});

const noInspect = HAS_NODE_THREADS ? undefined : "only Node's util.inspect() is asked";

testUnless(noInspect)('console.log() shows them in a few lines', async () => {
  const { inspect } = await import('node:util');
  const { a, tapA, client, listener } = await wiredEnds();
  const shown: [unknown, string][] = [
    [a, 'NetworkStack {'],
    [a.interfaces, 'StackInterfaces ['],
    [tapA, 'NetworkInterface {'],
    [client, 'TcpConnection {'],
    [listener, 'TcpListener {'],
  ];
  for (const [value, start] of shown) {
    const text = inspect(value);
    expect(text.startsWith(start), text).toBe(true);
    expect(text.split('\n').length, text).toBeLessThan(20);
    expect(inspect({ value }), text).toContain(start);
  }
});

test('the interfaces of a stack are a view that cannot be changed', async () => {
  const stack = await openStack();
  const { interfaces } = stack;
  expect(interfaces.size).toBe(1);
  for (const method of ['add', 'delete', 'clear', 'push']) expect(method in interfaces).toBe(false);
  const tap: TapInterface = await interfaces.createTap({ ip: '10.0.0.1/24' });
  const tun = await interfaces.createTun();
  const loopback = await interfaces.createLoopback({ ip: '127.1.0.1/16' });
  expect([...interfaces].slice(1)).toEqual([tap, tun, loopback]);
  expect(stack.interfaces).toBe(interfaces);
  await interfaces.remove(tun);
  expect(interfaces.size).toBe(3);
});

test('connections and listeners by the names of tcpip.js 0.4', async () => {
  const { tcp }: NetworkStack = await openStack();
  const listener = await tcp.listen({ port: 0 });
  const [client, server] = await Promise.all([
    tcp.connect({ host: '127.0.0.1', port: listener.port }),
    listener.accept(),
  ]);
  expect(server.remotePort).toBe(client.localPort);
});

/** The error of a call, made by a function of this name. */
async function theCaller(call: () => Promise<unknown>): Promise<NetError> {
  try {
    await call();
  } catch (error) {
    return error as NetError;
  }
  throw new Error('It did not fail');
}

const noTrace =
  'captureStackTrace' in Error && HAS_NODE_THREADS
    ? undefined
    : 'the engine has no stack traces of asynchronous functions';

testUnless(noTrace)('errors print as NetError, with the line of the caller', async () => {
  const stack = await openStack();
  const listener = await stack.listenTcp({ port: 0 });
  const { port } = listener;
  const calls = {
    connect: () => stack.connectTcp({ host: '127.0.0.1', port: port ^ 1 }),
    listen: () => stack.listenTcp({ port }),
    options: () => stack.connectTcp({ host: '', port }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = await theCaller(call);
    expect(error.stack?.startsWith(`NetError: ${error.message}`), name).toBe(true);
    expect(error.stack, name).toContain('theCaller');
  }
});

test('what survives of an error: the message by cloning, the code by toJSON()', async () => {
  const stack = await openStack();
  const error = await theCaller(() => stack.connectTcp({ host: '10.9.9.9', port: 1 }));
  expect(structuredClone(error)).toMatchObject({ message: error.message });
  expect(structuredClone(error.toJSON())).toEqual({
    name: 'NetError',
    code: error.code,
    message: error.message,
  });
});
