// SPDX-License-Identifier: MIT
// qemu.test - ringstack/qemu: stacks over sockets, backpressure, ends, reconnection, what is malformed

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type LinkEndpoint } from 'ringstack/link';
import {
  connectQemu,
  listenQemu,
  openQemuDatagram,
  type QemuListener,
  type SessionEndpoint,
} from 'ringstack/qemu';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import { sentIntact } from '../helpers/links.ts';
import { openPair, outcome, until } from '../helpers/net.ts';
import { freePort } from '../helpers/ports.ts';
import { Prng } from '../helpers/prng.ts';
import { start, testWith } from '../helpers/programs.ts';

/** A place for a unix socket, gone when the test ends. */
function socketPath(): string {
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'net');
}

const PLACES = [
  ['unix', () => ({ path: socketPath() })],
  ['TCP', () => ({ port: 0 })],
  ['TCP over IPv6', () => ({ port: 0, host: '::1' })],
] as const;

interface Joined {
  readonly near: SessionEndpoint;
  readonly far: SessionEndpoint;
  readonly listener: QemuListener;
}

/** Two ends of a socket. */
async function joined(place: { path: string } | { port: number; host?: string }): Promise<Joined> {
  const listener = await listenQemu(place);
  onTestFinished(() => listener.close());
  const near = await connectQemu('path' in place ? place : { ...place, port: listener.port });
  onTestFinished(() => near.close());
  return { near, far: await listener.accept(), listener };
}

/** A socket of Node that listens, and the next connection to it. */
async function rawServer() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as net.AddressInfo;
  const accept = async (): Promise<net.Socket> => (await once(server, 'connection'))[0];
  return { port, accept };
}

describe.each(PLACES)('over %s', (_, place) => {
  test.each([1500, 65520])('two stacks exchange data both ways, MTU %d', async (mtu) => {
    const { a, b, tapA, tapB } = await openPair({ tap: { mtu } });
    const { near, far } = await joined(place());
    const links = [connect(tapA, near), connect(tapB, far)];
    await sentIntact(a, b, 3_000_000);
    // Not Link.statistics.dropped: a stack in a thread of its own fills its ring while we do not run, and
    // then loses an acknowledgement, which the next one stands for.
    for (const { statistics } of [near, far]) {
      expect([statistics.rxDropped, statistics.txDropped]).toEqual([0, 0]);
    }
    expect(near.statistics.txFrames).toBeGreaterThanOrEqual(far.statistics.rxFrames);
    await near.close();
    await Promise.all(links.map((link) => link.closed));
    expect([near.isOpen, far.isOpen]).toEqual([false, false]);
  });
});

describe('the socket', () => {
  test('is held off while nobody takes frames, and nothing is lost', async () => {
    const { near, far } = await joined({ port: 0 });
    const reader = far.readable.getReader();
    const random = new Prng(1);
    const frames = Array.from({ length: 4000 }, () => random.bytes(random.between(14, 9000)));
    const writer = near.writable.getWriter();
    let written = 0;
    const writing = (async () => {
      for (const frame of frames) {
        await writer.write(frame);
        written++;
      }
    })();
    // Full: buffers of the system and ours hold less than was sent.
    let before = -1;
    while (before !== written) {
      before = written;
      for (let n = 0; n < 50; n++) await new Promise(setImmediate);
    }
    expect(written).toBeLessThan(frames.length);
    for (const frame of frames) {
      expect(hashOf((await reader.read()).value ?? new Uint8Array())).toBe(hashOf(frame));
    }
    await writing;
    expect(far.statistics).toMatchObject({ rxFrames: frames.length, rxDropped: 0 });
  });

  test('writes many frames at once', async () => {
    const { port, accept } = await rawServer();
    const [socket, near] = await Promise.all([accept(), connectQemu({ port })]);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const { sink, unplug } = near.plug({ send: () => true, ready: async () => {} });
    for (let n = 0; n < 100; n++) sink.send(Uint8Array.of(n, n));
    await until(() => Buffer.concat(chunks).length === 600);
    expect(chunks.length).toBeLessThan(5);
    expect(Buffer.concat(chunks).subarray(-6)).toEqual(Buffer.from([0, 0, 0, 2, 99, 99]));
    unplug();
    await near.close();
  });

  test('ends in order when the other side closes, after all frames', async () => {
    const { near, far } = await joined({ path: socketPath() });
    const reader = far.readable.getReader();
    const writer = near.writable.getWriter();
    for (let n = 1; n <= 20; n++) await writer.write(new Uint8Array(n * 1000));
    const closing = near.close();
    for (let n = 1; n <= 20; n++) expect((await reader.read()).value?.length).toBe(n * 1000);
    expect((await reader.read()).done).toBe(true);
    await closing;
    expect(await outcome(far.closed)).toBe('ok');
    expect(await outcome(far.writable.getWriter().write(new Uint8Array(60)))).toBe('EPIPE');
  });

  test.each([
    ['a length of 0', [0, 0, 0, 0]],
    ['a length that no frame has', [1, 2, 3, 4]],
    ['an end within a frame', [0, 0, 0, 9, 1, 2]],
    ['an end within a length', [0, 0]],
  ])('fails at %s', async (_, bytes) => {
    const { port, accept } = await rawServer();
    const [socket, near] = await Promise.all([accept(), connectQemu({ port })]);
    const reader = near.readable.getReader();
    socket.end(Uint8Array.of(0, 0, 0, 1, 7, ...bytes));
    expect((await reader.read()).value).toEqual(Uint8Array.of(7));
    expect(await outcome(near.closed)).toBe('EPROTO');
    expect(await outcome(reader.read())).toBe('EPROTO');
  });

  test('fails when the connection is reset', async () => {
    const { port, accept } = await rawServer();
    const [socket, near] = await Promise.all([accept(), connectQemu({ port })]);
    socket.resetAndDestroy();
    expect(await outcome(near.closed)).toBe('ECONNRESET');
  });

  test('counts what comes while nobody listens', async () => {
    const { near, far } = await joined({ port: 0 });
    const writer = near.writable.getWriter();
    for (let n = 0; n < 5; n++) await writer.write(new Uint8Array(60));
    await until(() => far.statistics.rxDropped === 5);
    const reader = far.readable.getReader();
    await writer.write(Uint8Array.of(1));
    expect((await reader.read()).value).toEqual(Uint8Array.of(1));
  });

  test('drops frames longer than its MTU, either way', async () => {
    const listener = await listenQemu({ port: 0, mtu: 1500 });
    const near = await connectQemu({ port: listener.port });
    const far = await listener.accept();
    const reader = far.readable.getReader();
    const writer = near.writable.getWriter();
    await writer.write(new Uint8Array(1600));
    await writer.write(new Uint8Array(1514));
    expect((await reader.read()).value?.length).toBe(1514);
    await far.writable.getWriter().write(new Uint8Array(1600));
    expect(far.statistics.tooLong).toBe(2);
    await near.close();
    await listener.close();
  });
});

describe('connecting', () => {
  test('fails where nobody listens', async () => {
    expect(await outcome(connectQemu({ port: await freePort('tcp') }))).toBe('ECONNREFUSED');
    await expect(connectQemu({ path: socketPath() })).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringMatching(/^Cannot connect to .*ringstack-.*: not found$/),
    });
  });

  test.each([{}, { path: '/x', port: 1 }])('refuses %j', async (place) => {
    expect(await outcome(connectQemu(place))).toBe('EINVAL');
    expect(await outcome(listenQemu(place))).toBe('EINVAL');
  });

  test('stops when its signal is aborted, before and while it waits', async () => {
    const path = socketPath();
    await expect(
      connectQemu({ path, signal: AbortSignal.abort(new RangeError('no')) }),
    ).rejects.toThrow('no');
    const stop = new AbortController();
    const waiting = connectQemu({ path, reconnect: true, signal: stop.signal });
    stop.abort(new RangeError('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  test('comes back when the other side does, and a link stays', async () => {
    const path = socketPath();
    const { a, b, tapA, tapB } = await openPair();
    const listener = await listenQemu({ path });
    const near = await connectQemu({ path, reconnect: { least: 1, most: 5 } });
    const link = connect(tapA, near);
    const first = await listener.accept();
    const broken = connect(tapB, first);
    await sentIntact(a, b, 100_000);
    await first.close();
    await broken.closed;
    await until(() => !near.isOpen || near.sessions > 1);
    connect(tapB, await listener.accept());
    await sentIntact(a, b, 100_000);
    expect(near.sessions).toBe(2);
    expect(await Promise.race([link.closed, 'stays'])).toBe('stays');
    await near.close();
    await link.closed;
    await listener.close();
  });

  test('gives up after so many attempts', async () => {
    const port = await freePort('tcp');
    const reconnect = { least: 1, most: 2, attempts: 3 };
    expect(await outcome(connectQemu({ port, reconnect }))).toBe('ECONNREFUSED');
  });

  test('a listener that is closed accepts no more', async () => {
    const listener = await listenQemu({ port: 0 });
    const accepting = listener.accept();
    await listener.close();
    expect(await outcome(accepting)).toBe('ECONNABORTED');
    expect(await outcome(listener.accept())).toBe('ECONNABORTED');
  });

  test('an address that is taken is refused', async () => {
    const { port } = await rawServer();
    expect(await outcome(listenQemu({ port }))).toBe('EADDRINUSE');
  });
});

describe('datagrams', () => {
  /** Two ends that know each other's ports. */
  async function twoEnds(prefix?: Uint8Array): Promise<[LinkEndpoint, LinkEndpoint]> {
    const options = prefix ? { prefix } : {};
    const localPort = await freePort('udp');
    const one = await openQemuDatagram({ port: localPort, ...options });
    const other = await openQemuDatagram({ localPort, port: one.localPort, ...options });
    onTestFinished(async () => {
      await one.close();
      await other.close();
    });
    return [one, other];
  }

  test.each([
    ['alone', undefined],
    ['behind a prefix', Uint8Array.of(0, 0, 0, 1, 2, 3, 4, 5)],
  ])('two stacks exchange data, frames %s', async (_, prefix) => {
    const { a, b, tapA, tapB } = await openPair();
    const [one, other] = await twoEnds(prefix);
    connect(tapA, one);
    connect(tapB, other);
    await sentIntact(a, b, 300_000);
  });

  test('nobody there yet is no error', async () => {
    const one = await openQemuDatagram({ port: 9 });
    const writer = one.writable.getWriter();
    for (let n = 0; n < 10; n++) await writer.write(new Uint8Array(60));
    expect(one.isOpen).toBe(true);
    await one.close();
    expect(await outcome(one.closed)).toBe('ok');
  });

  test('a port that is taken is refused', async () => {
    await using one = await openQemuDatagram({ port: 9 });
    expect(await outcome(openQemuDatagram({ port: 9, localPort: one.localPort }))).toBe(
      'EADDRINUSE',
    );
  });
});

testWith('qemu-system-x86_64')('two stacks on a hub of a real QEMU', async () => {
  const { a, b, tapA, tapB } = await openPair();
  const [one, other] = [socketPath(), socketPath()];
  const listeners = [await listenQemu({ path: one }), await listenQemu({ path: other })] as const;
  const port = (id: string, path: string): string[] => [
    '-netdev',
    `stream,id=${id},server=off,addr.type=unix,addr.path=${path}`,
    '-netdev',
    `hubport,id=h${id},hubid=0,netdev=${id}`,
  ];
  start('qemu-system-x86_64', [
    ...['-M', 'none', '-display', 'none', '-monitor', 'none'],
    ...port('n0', one),
    ...port('n1', other),
  ]);
  const [left, right] = [await listeners[0].accept(), await listeners[1].accept()];
  connect(tapA, left);
  connect(tapB, right);
  await sentIntact(a, b, 2_000_000);
  for (const { statistics } of [left, right]) expect(statistics.rxDropped).toBe(0);
  await Promise.all(listeners.map((listener) => listener.close()));
});
