// SPDX-License-Identifier: MIT
// share_udp.test - UDP sockets handed to other threads, with and without Atomics.waitAsync

import type { SharedHandle, UdpSocket, UdpStatistics } from 'ringstack';
import { attach, createArena } from 'ringstack';
import { describe, expect, test } from 'vitest';
import {
  bytes,
  ENDS,
  ignore,
  linkLocalPair,
  openStack,
  outcome,
  text,
  until,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { NO_SHARING, sameBytes, skipAll } from '../helpers/runtime.ts';
import { ThreadPeer, WAKE_WAYS } from '../helpers/thread_peer.ts';
import { handHost, loopbackPair, receiveMany, udpPair } from '../helpers/udp.ts';

const THREAD = new URL('./workers/thread.mjs', import.meta.url);
const EMPTY = new Uint8Array();

interface Echoed {
  readonly count: number;
  readonly localPort: number;
  readonly remotePort: number | undefined;
  readonly ttl: number;
  readonly multicastTtl: number;
  readonly statistics: UdpStatistics;
}

/** Shares a socket and attaches it here; the message of a thread is stood for by structuredClone(). */
const handOver = async (socket: UdpSocket): Promise<UdpSocket> =>
  attach(NO_SHARING ? await socket.share() : structuredClone(await socket.share()));

describe.each(WAKE_WAYS)('another thread that %s', (_, fallback) => {
  skipAll(NO_SHARING);

  test.each([4, 6] as const)('serves a socket it was handed, IPv%i', async (family) => {
    const options = { ttl: 7, multicastTtl: 8 };
    const { client, server, to } = await udpPair({ host: ENDS[family].b, server: options });
    const peer = new ThreadPeer(THREAD, { fallback });
    peer.start('echoDatagrams', await server.share());
    const random = new Prng(family);
    const sizes = [1, 64, 1472, 1473, 8192, 65_000];
    for (const size of sizes) {
      const data = random.bytes(size);
      await client.send(data, to);
      const back = await client.receive();
      expect(sameBytes(back.data, data)).toBe(true);
      expect([back.host, back.port, back.ttl]).toEqual([to.host, to.port, options.ttl]);
    }
    await client.send(EMPTY, to);
    const { statistics, ...said } = (await peer.reply()).result as Echoed;
    expect(said).toEqual({ count: 6, localPort: to.port, remotePort: undefined, ...options });
    expect(statistics.rxDatagrams).toBe(sizes.length + 1);
    expect(statistics.txDatagrams).toBe(sizes.length);
  });

  test('gets what had come and was not read, in order', async () => {
    const { client, server, to } = await loopbackPair();
    const words = ['one', 'two', 'three', 'four'];
    for (const word of words) await client.send(bytes(word), to);
    await until(() => server.statistics.rxDatagrams === words.length);
    expect(text((await server.receive()).data)).toBe('one');
    const peer = new ThreadPeer(THREAD, { fallback });
    peer.start('echoDatagrams', await server.share());
    await client.send(bytes('five'), to);
    await client.send(EMPTY, to);
    expect((await peer.reply()).result).toMatchObject({ count: 4 });
    const back = await receiveMany(client, 4);
    expect(back.map(({ data }) => text(data))).toEqual(['two', 'three', 'four', 'five']);
  });

  test('hears of errors of a connected socket', async () => {
    const stack = await openStack();
    const socket = await stack.openUdp({ remote: { host: '127.0.0.1', port: 9 } });
    const peer = new ThreadPeer(THREAD, { fallback });
    peer.start('refused', await socket.share());
    expect(await peer.reply()).toEqual({ result: 'ECONNREFUSED' });
  });

  test('gives back the port when it closes the socket, and all memory', async () => {
    const arena = await createArena();
    const before = arena.freeBytes;
    const { a, b } = await wiredPair({ stack: { arena } });
    const client = await a.openUdp();
    for (let round = 0; round < 3; round++) {
      const peer = new ThreadPeer(THREAD, { fallback });
      const socket = await b.openUdp({ port: 7 });
      peer.start('echoDatagrams', await socket.share());
      await client.send(bytes('x'), { host: ENDS[4].b, port: 7 });
      await client.receive();
      expect(await outcome(b.openUdp({ port: 7 }))).toBe('EADDRINUSE');
      await client.send(EMPTY, { host: ENDS[4].b, port: 7 });
      expect((await peer.reply()).result).toMatchObject({ count: 1 });
      let again: UdpSocket | undefined;
      while (!again) again = await b.openUdp({ port: 7 }).catch(ignore as () => undefined);
      await again.close();
    }
    await a.close();
    await b.close();
    await until(() => arena.freeBytes === before);
  });

  test('learns that the stack is closed', async () => {
    const { client, server, b, to } = await udpPair();
    const peer = new ThreadPeer(THREAD, { fallback });
    peer.start('echoDatagrams', await server.share());
    await client.send(bytes('x'), to);
    await client.receive();
    await b.close();
    expect((await peer.reply()).result).toMatchObject({ count: 1 });
  });
});

describe('share() of a UDP socket', () => {
  test('closes it here', async () => {
    const { server } = await loopbackPair();
    const reading = server.readable.getReader();
    reading.releaseLock();
    const receiving = outcome(server.receive());
    await server.share();
    await server.closed;
    expect(await receiving).toBe('EBADF');
    expect(await outcome(server.receive())).toBe('EBADF');
    expect(await outcome(server.send(bytes('x'), { host: '127.0.0.1', port: 9 }))).toBe('EBADF');
    expect(await outcome(server.share())).toBe('EBADF');
    expect((await server.readable.getReader().read()).done).toBe(true);
    expect(server.statistics.rxDatagrams).toBe(0);
    await server.close();
  });

  test('is refused while a stream is locked, and of one that is closed', async () => {
    const { client, server } = await loopbackPair();
    const reader = client.getRingReader();
    expect(await outcome(client.share())).toBe('EINVAL');
    reader.releaseLock();
    const writer = server.writable.getWriter();
    expect(await outcome(server.share())).toBe('EINVAL');
    writer.releaseLock();
    await server.close();
    expect(await outcome(server.share())).toBe('ESHUTDOWN');
  });

  test('is done once by two calls at a time', async () => {
    const { server } = await loopbackPair();
    const [first, second] = await Promise.all([server.share(), outcome(server.share())]);
    expect(second).toBe('EBADF');
    expect((await attach(first)).localPort).toBe(server.localPort);
  });

  test('sends what waited for room first', async () => {
    const { client, server, to } = await loopbackPair({ client: { sendBuffer: 2048 } });
    const sending = Array.from({ length: 8 }, (_, n) =>
      client.send(new Uint8Array(500).fill(n), to),
    );
    const theirs = await handOver(client);
    await Promise.all(sending);
    await theirs.send(new Uint8Array(500).fill(8), to);
    const all = await receiveMany(server, 9);
    expect(all.map(({ data }) => data[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('keeps its ends, settings, groups and counters', async () => {
    const { client, server } = await udpPair({ server: { port: 5353 } });
    await server.join('224.0.0.251');
    server.ttl = 9;
    const writer = server.writable.getWriter();
    await writer.write({ host: 'nobody.test', port: 1, data: bytes('x') });
    writer.releaseLock();
    const theirs = await handOver(server);
    expect(theirs.localPort).toBe(5353);
    expect(theirs.localAddress).toBe('::');
    expect(theirs.ttl).toBe(9);
    expect(theirs.statistics.txDropped).toBe(1);
    await client.send(bytes('group'), { host: '224.0.0.251', port: 5353 });
    const { data, host, port, interface: through } = await theirs.receive();
    expect(text(data)).toBe('group');
    expect(through).toBeUndefined();
    expect(await outcome(theirs.leave('224.0.0.251'))).toBe('ok');
    expect(await outcome(theirs.leave('224.0.0.251'))).toBe('EADDRNOTAVAIL');
    await theirs.send(bytes('back'), { host, port });
    expect((await client.receive()).ttl).toBe(9);
  });

  test('hands an error on that nobody was told of', async () => {
    const stack = await openStack();
    const socket = await stack.openUdp({ remote: { host: '127.0.0.1', port: 9 } });
    await socket.send(bytes('x'));
    await until(() => socket.statistics.errors > 0);
    const theirs = await handOver(socket);
    expect(theirs.remotePort).toBe(9);
    expect(theirs.statistics.errors).toBe(1);
    expect(await outcome(theirs.receive())).toBe('ECONNREFUSED');
  });

  test('takes the hosts of the stack along, and no interface', async () => {
    const stack = await openStack({ hosts: { 'here.test': '127.0.0.1' } });
    const server = await stack.openUdp({ port: 7 });
    const tun = await stack.createTunInterface({ ip: '10.1.0.1/24' });
    const theirs = await handOver(await stack.openUdp());
    await theirs.send(bytes('x'), { host: 'here.test', port: 7 });
    expect((await server.receive()).port).toBe(theirs.localPort);
    expect(await outcome(theirs.send(bytes('x'), { host: 'nobody.test', port: 7 }))).toBe(
      'ENOTFOUND',
    );
    expect(await outcome(theirs.join('239.1.2.3', { interface: tun }))).toBe('ENODEV');
  });

  test('lets a datagram be written back from the address it came to', async () => {
    const { a, b } = await wiredPair();
    await b.createTunInterface({ ip: '10.5.0.1/24' });
    await a.createTunInterface({ ip: '10.6.0.1/24' });
    const client = await a.openUdp();
    const theirs = await handOver(await b.openUdp({ port: 7 }));
    void theirs.readable.pipeTo(theirs.writable);
    await client.send(bytes('x'), { host: ENDS[4].b, port: 7 });
    expect((await client.receive()).host).toBe(ENDS[4].b);
    await theirs.close();
  });

  test('names the zone of a link-local sender as the stack does', async () => {
    const { a, b } = await linkLocalPair();
    const theirs = await handOver(await b.openUdp({ port: 7 }));
    const client = await a.openUdp();
    await client.send(bytes('x'), { host: 'fe80::b%1', port: 7 });
    const datagram = await theirs.receive();
    expect(datagram.host).toMatch(/^fe80::.*%1$/);
    await theirs.send(bytes('back'), datagram);
    expect(text((await client.receive()).data)).toBe('back');
    expect(await outcome(theirs.send(bytes('x'), { host: 'fe80::1%9', port: 7 }))).toBe('EINVAL');
  });

  test('can be done again by who attached it', async () => {
    const { client, server, to } = await loopbackPair();
    const first = await handOver(server);
    const second = await handOver(first);
    expect(await outcome(first.send(bytes('x'), to))).toBe('EBADF');
    await client.send(bytes('hello'), to);
    expect(text((await second.receive()).data)).toBe('hello');
  });

  test('ends there when its interface is removed', async () => {
    const { stack, tun } = await handHost();
    const theirs = await handOver(await stack.openUdp({ host: '10.0.0.1' }));
    const receiving = outcome(theirs.receive());
    await stack.removeInterface(tun);
    expect(await outcome(theirs.closed)).toBe('EADDRNOTAVAIL');
    expect(await receiving).toBe('EADDRNOTAVAIL');
  });

  test('gives back every byte, used or not', async () => {
    const arena = await createArena();
    const before = arena.freeBytes;
    for (let round = 0; round < 3; round++) {
      const { client, server, a, b, to } = await udpPair({ stack: { arena } });
      await (await b.openUdp()).share();
      await (await a.openUdp()).share();
      const theirs = await handOver(server);
      await client.send(bytes('hello'), to);
      expect(text((await theirs.receive()).data)).toBe('hello');
      const waiting = outcome(theirs.receive());
      await b.close();
      expect(await waiting).toBe('ESHUTDOWN');
      await a.close();
      expect(arena.freeBytes).toBe(before);
    }
  });

  test('refuses a handle twice, of another version, or of a closed stack', async () => {
    const { server, stack } = await loopbackPair();
    const other = await stack.openUdp();
    const handle: SharedHandle<UdpSocket> = await server.share();
    const unused = await other.share();
    expect(await outcome(attach({ ...handle, version: 0 } as typeof handle))).toBe('EPROTO');
    const theirs: UdpSocket = await attach(handle);
    expect(await outcome(attach(handle))).toBe('EBADF');
    await theirs.close();
    await stack.close();
    expect(await outcome(attach(unused))).toBe('EBADF');
  });
});
