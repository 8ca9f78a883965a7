// SPDX-License-Identifier: MIT
// shapes_direct.test - ringstack/direct-sockets: the classes of Direct Sockets (WICG)

import type { NetworkStack } from 'ringstack';
import {
  createDirectSockets,
  type DirectSockets,
  type TCPSocket,
  type TCPSocketOpenInfo,
  type UDPSocketOptions,
} from 'ringstack/direct-sockets';
import { describe, expect, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import { bytes, openStack, readAll, readUpTo, send, settle, text, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

interface World extends DirectSockets {
  readonly stack: NetworkStack;
}

async function openWorld(): Promise<World> {
  const stack = await openStack({ hosts: '127.0.0.1 four.test\n::1 six.test\n::1 both.test' });
  return { stack, ...createDirectSockets(stack) };
}

interface Ends {
  readonly client: TCPSocket;
  readonly server: TCPSocket;
  readonly ours: TCPSocketOpenInfo;
  readonly theirs: TCPSocketOpenInfo;
}

/** Both ends of a connection. */
async function openEnds({ TCPSocket, TCPServerSocket }: World): Promise<Ends> {
  const listener = new TCPServerSocket('127.0.0.1');
  const { readable, localPort } = await listener.opened;
  const client = new TCPSocket('127.0.0.1', localPort);
  const reader = readable.getReader();
  const server = (await reader.read()).value as TCPSocket;
  reader.releaseLock();
  await listener.close();
  return { client, server, ours: await client.opened, theirs: await server.opened };
}

/** How a promise ends: 'ok', or the name of its error. */
const outcomeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error) => (error as Error).name,
  );

/** Whether a promise waits for something that does not come by itself. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  promise.then(settled, settled);
  await settle();
  return !isSettled;
}

test('bytes arrive in order both ways, and closed settles when both streams are over', async () => {
  const world = await openWorld();
  const { client, server, ours, theirs } = await openEnds(world);
  expect(server).toBeInstanceOf(world.TCPSocket);
  expect(ours).toMatchObject({
    remoteAddress: '127.0.0.1',
    remotePort: theirs.localPort,
    localAddress: '127.0.0.1',
    localPort: theirs.remotePort,
  });
  const data = new Prng(21).bytes(1_000_003);
  const echo = theirs.readable.pipeTo(theirs.writable);
  const writer = ours.writable.getWriter();
  const sent = writer.write(data).then(() => writer.close());
  expect(hashOf(await readAll(ours.readable))).toBe(hashOf(data));
  await Promise.all([sent, echo, client.closed, server.closed]);
  await client.close();
  await until(() => world.stack.statistics.sockets === 0);
});

test('BYOB readers work where there are byte streams', async ({ skip }) => {
  if (typeof ReadableByteStreamController !== 'function') skip('no byte streams here');
  const { ours, theirs } = await openEnds(await openWorld());
  await send(theirs.writable, bytes('abcdef'));
  const reader = ours.readable.getReader({ mode: 'byob' });
  const { value } = await reader.read(new Uint8Array(4));
  expect(text(value as Uint8Array)).toBe('abcd');
  const rest = await reader.read(new Uint8Array(4));
  expect(text(rest.value as Uint8Array)).toBe('ef');
  const last = reader.read(new Uint8Array(4));
  await theirs.writable.close();
  expect((await last).done).toBe(true);
});

describe('close()', () => {
  test('is refused before the socket is open, and when it could not be opened', async () => {
    const { stack, TCPSocket, TCPServerSocket, UDPSocket } = await openWorld();
    const sockets = [
      new TCPSocket('127.0.0.1', 9),
      new TCPServerSocket('10.9.9.9'),
      new UDPSocket({ localAddress: '10.9.9.9' }),
    ];
    for (const socket of sockets) {
      expect(await outcomeOf(socket.close())).toBe('InvalidStateError');
      expect(await outcomeOf(socket.opened)).toBe('NetworkError');
      expect(await outcomeOf(socket.closed)).toBe('NetworkError');
      expect(await outcomeOf(socket.close())).toBe('InvalidStateError');
    }
    const error = await sockets[0]?.opened.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DOMException);
    expect((error as Error).message).toBe('Cannot connect to 127.0.0.1:9: connection refused');
    expect(((error as Error).cause as { code: string }).code).toBe('ECONNREFUSED');
    await until(() => stack.statistics.sockets === 0);
  });

  test('is refused while a stream is locked', async () => {
    const world = await openWorld();
    const { client, ours, theirs } = await openEnds(world);
    const reader = ours.readable.getReader();
    expect(await outcomeOf(client.close())).toBe('InvalidStateError');
    reader.releaseLock();
    const writer = ours.writable.getWriter();
    expect(await outcomeOf(client.close())).toBe('InvalidStateError');
    await writer.write(bytes('last words'));
    writer.releaseLock();
    await client.close();
    expect(await outcomeOf(client.closed)).toBe('ok');
    expect(text(await readAll(theirs.readable))).toBe('last words');
    await theirs.writable.close();
    await until(() => world.stack.statistics.sockets === 0);
  });

  test('ends a write that waits for a peer which reads nothing', async () => {
    const { client, ours } = await openEnds(await openWorld());
    const writer = ours.writable.getWriter();
    const writing = writer.write(new Uint8Array(20_000_000));
    writing.catch(() => {});
    expect(await isPending(writing)).toBe(true);
    writer.releaseLock();
    await client.close();
    await outcomeOf(writing);
  });
});

describe('streams of a TCPSocket', () => {
  test('end one by one: the other goes on', async () => {
    const { client, server, ours, theirs } = await openEnds(await openWorld());
    await ours.writable.close();
    expect(await readAll(theirs.readable)).toEqual(new Uint8Array());
    expect(await isPending(client.closed)).toBe(true);
    expect(await isPending(server.closed)).toBe(true);
    await send(theirs.writable, bytes('still'));
    expect(text(await readUpTo(ours.readable, 5))).toBe('still');
    await theirs.writable.abort();
    expect(await readAll(ours.readable)).toEqual(new Uint8Array());
    await Promise.all([client.closed, server.closed]);
  });

  test('a cancelled readable leaves the writable', async () => {
    const { client, ours, theirs } = await openEnds(await openWorld());
    await ours.readable.cancel();
    await send(ours.writable, bytes('still'));
    expect(text(await readUpTo(theirs.readable, 5))).toBe('still');
    expect(await isPending(client.closed)).toBe(true);
    await ours.writable.close();
    await client.closed;
  });

  test('fail with a NetworkError when the peer resets', async () => {
    const { stack, TCPSocket } = await openWorld();
    const listener = await stack.listenTcp({ port: 80 });
    const socket = new TCPSocket('127.0.0.1', 80);
    const peer = await listener.accept();
    const { readable, writable } = await socket.opened;
    const reading = readable.getReader().read();
    reading.catch(() => {});
    peer.abort();
    expect(await outcomeOf(socket.closed)).toBe('NetworkError');
    expect(await outcomeOf(reading)).toBe('NetworkError');
    expect(await outcomeOf(writable.getWriter().write(bytes('x')))).toBe('NetworkError');
    await listener.close();
    await until(() => stack.statistics.sockets === 0);
  });

  test('take bytes only', async () => {
    const { ours } = await openEnds(await openWorld());
    const writer = ours.writable.getWriter();
    expect(await outcomeOf(writer.write('text' as unknown as Uint8Array))).toBe('TypeError');
  });
});

test('options that do not fit throw a TypeError', async () => {
  const { TCPSocket, TCPServerSocket, UDPSocket } = await openWorld();
  const tcp = [
    { keepAliveDelay: 999 },
    { sendBufferSize: 0 },
    { receiveBufferSize: 2 ** 32 },
    { dnsQueryType: 'ipv5' as 'ipv4' },
  ];
  for (const options of tcp)
    expect(() => new TCPSocket('127.0.0.1', 80, options)).toThrow(TypeError);
  for (const port of [0, 65_536, Number.NaN]) {
    expect(() => new TCPSocket('127.0.0.1', port)).toThrow(TypeError);
  }
  expect(() => new TCPServerSocket('not.an.address')).toThrow(TypeError);
  for (const options of [{ localPort: 0 }, { backlog: 0 }, { ipv6Only: true }]) {
    expect(() => new TCPServerSocket('127.0.0.1', options)).toThrow(TypeError);
  }
  const udp: UDPSocketOptions[] = [
    {},
    { remoteAddress: '127.0.0.1' },
    { remotePort: 5 },
    { localPort: 5 },
    { localAddress: 'a.test' },
    { localAddress: '127.0.0.1', localPort: 0 },
    { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1', remotePort: 5 },
    { localAddress: '127.0.0.1', dnsQueryType: 'ipv4' },
    { localAddress: '127.0.0.1', ipv6Only: true },
    { remoteAddress: '127.0.0.1', remotePort: 5, ipv6Only: true },
    { localAddress: '127.0.0.1', receiveBufferSize: 0 },
  ];
  for (const options of udp) {
    expect(() => new UDPSocket(options), JSON.stringify(options)).toThrow(TypeError);
  }
});

test('options are taken, and names are looked up for the family that is asked for', async () => {
  const { stack, TCPSocket, TCPServerSocket } = await openWorld();
  const listener = new TCPServerSocket('::', { localPort: 80, backlog: 2 ** 20 });
  expect(await listener.opened).toMatchObject({ localAddress: '::', localPort: 80 });
  const options = {
    noDelay: true,
    keepAliveDelay: 4_000_000_000,
    sendBufferSize: 1,
    receiveBufferSize: 2 ** 31,
  };
  const ask = async (name: string, dnsQueryType?: 'ipv4' | 'ipv6'): Promise<string> => {
    const socket = new TCPSocket(name, 80, { ...options, ...(dnsQueryType && { dnsQueryType }) });
    const info = await socket.opened;
    await socket.close();
    return info.remoteAddress;
  };
  expect(await ask('four.test')).toBe('127.0.0.1');
  expect(await ask('localhost', 'ipv4')).toBe('127.0.0.1');
  expect(await ask('localhost', 'ipv6')).toBe('::1');
  expect(await ask('six.test', 'ipv6')).toBe('::1');
  expect(await outcomeOf(ask('four.test', 'ipv6'))).toBe('NetworkError');
  stack.resolver = { lookupAll: async () => [{ address: '127.0.0.1', family: 4 }] };
  expect(await ask('any.name', 'ipv4')).toBe('127.0.0.1');
  const only = new TCPServerSocket('::', { ipv6Only: true });
  expect(await outcomeOf(only.opened)).toBe('NotSupportedError');
});

test('a TCPServerSocket gives connections until it is closed, and tells that its port is taken', async () => {
  const { stack, TCPServerSocket } = await openWorld();
  const listener = new TCPServerSocket('0.0.0.0', { localPort: 80 });
  const { readable } = await listener.opened;
  expect(await outcomeOf(new TCPServerSocket('127.0.0.1', { localPort: 80 }).opened)).toBe(
    'NetworkError',
  );
  const reader = readable.getReader();
  expect(await outcomeOf(listener.close())).toBe('InvalidStateError');
  const reading = reader.read();
  await stack.connectTcp({ host: '127.0.0.1', port: 80 });
  const { value } = await reading;
  expect((await value?.opened)?.localPort).toBe(80);
  reader.releaseLock();
  await listener.close();
  await listener.closed;
  await (await new TCPServerSocket('0.0.0.0', { localPort: 80 }).opened).readable.cancel();
});

describe('a UDPSocket', () => {
  test('that is bound tells where datagrams come from, and needs to be told where to', async () => {
    const { stack, UDPSocket } = await openWorld();
    const socket = new UDPSocket({ localAddress: '127.0.0.1', localPort: 53 });
    const { readable, writable, ...rest } = await socket.opened;
    expect(rest).toEqual({ localAddress: '127.0.0.1', localPort: 53 });
    const peer = await stack.openUdp({ host: '127.0.0.1' });
    await peer.send(bytes('hello'), { host: '127.0.0.1', port: 53 });
    const reader = readable.getReader();
    const { value } = await reader.read();
    expect(value).toEqual({
      data: bytes('hello'),
      remoteAddress: '127.0.0.1',
      remotePort: peer.localPort,
    });
    const writer = writable.getWriter();
    const to = {
      remoteAddress: 'localhost',
      remotePort: peer.localPort,
      dnsQueryType: 'ipv4' as const,
    };
    await writer.write({ data: bytes('answer').buffer, ...to });
    expect(text((await peer.receive()).data)).toBe('answer');
    expect(await outcomeOf(writer.write({ data: bytes('x') }))).toBe('TypeError');
    reader.releaseLock();
    writer.releaseLock();
    expect(await outcomeOf(socket.close())).toBe('TypeError');
    await peer.close();
    await until(() => stack.statistics.sockets === 0);
  });

  test('that is connected has messages without addresses, and fails when nobody listens', async () => {
    const { stack, UDPSocket } = await openWorld();
    const peer = await stack.openUdp({ host: '127.0.0.1', port: 53 });
    const socket = new UDPSocket({
      remoteAddress: 'four.test',
      remotePort: 53,
      dnsQueryType: 'ipv4',
    });
    const { readable, writable, ...rest } = await socket.opened;
    expect(rest).toMatchObject({ remoteAddress: '127.0.0.1', remotePort: 53 });
    await send(
      writable as unknown as WritableStream<Uint8Array>,
      {
        data: bytes('hello'),
      } as unknown as Uint8Array,
    );
    const { data, port } = await peer.receive();
    expect([text(data), port]).toEqual(['hello', rest.localPort]);
    await peer.send(bytes('answer'), { host: '127.0.0.1', port });
    const reader = readable.getReader();
    expect((await reader.read()).value).toEqual({ data: bytes('answer') });
    await peer.close();
    const writer = writable.getWriter();
    await writer.write({ data: bytes('nobody') });
    expect(await outcomeOf(reader.read())).toBe('NetworkError');
    const refused = writer.write({ data: bytes('x'), remotePort: 53 });
    expect(await outcomeOf(refused)).toBe('TypeError');
    expect(await outcomeOf(socket.closed)).toBe('NetworkError');
    await until(() => stack.statistics.sockets === 0);
  });

  test('ends what waits when it is closed', async () => {
    const { stack, UDPSocket } = await openWorld();
    const socket = new UDPSocket({ localAddress: '::', ipv6Only: true });
    const { readable } = await socket.opened;
    const reader = readable.getReader();
    const reading = reader.read();
    expect(await outcomeOf(socket.close())).toBe('InvalidStateError');
    await reader.cancel();
    expect((await reading).done).toBe(true);
    reader.releaseLock();
    await socket.close();
    await until(() => stack.statistics.sockets === 0);
  });
});

test('sockets of a stack that is closed settle', async () => {
  const world = await openWorld();
  const { client } = await openEnds(world);
  const listener = new world.TCPServerSocket('0.0.0.0');
  const accepting = (await listener.opened).readable.getReader().read();
  accepting.catch(() => {});
  const socket = new world.UDPSocket({ localAddress: '0.0.0.0' });
  const receiving = (await socket.opened).readable.getReader().read();
  receiving.catch(() => {});
  await world.stack.close();
  const waiting = [client.closed, listener.closed, accepting, receiving];
  for (const one of waiting) expect(await outcomeOf(one)).toBe('NetworkError');
  expect(await outcomeOf(new world.TCPSocket('127.0.0.1', 80).opened)).toBe('NetworkError');
});
