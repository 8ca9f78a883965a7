// SPDX-License-Identifier: MIT
// share.test - objects and arenas handed to other threads, with and without Atomics.waitAsync

import type { NetworkStack, SharedHandle, TapInterface, TcpConnection } from 'ringstack';
import { attach, createArena } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  loopbackEnds,
  openStack,
  outcome,
  plug,
  readAll,
  readUpTo,
  send,
  settle,
  text,
  until,
  wiredEnds,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { ENGINE, NO_SHARING, skipAll, testUnless } from '../helpers/runtime.ts';
import { ThreadPeer, WAKE_WAYS } from '../helpers/thread_peer.ts';

const THREAD = new URL('./workers/thread.mjs', import.meta.url);
const BIG = new Prng(11).bytes(3_000_000);

/** Streams all of BIG through an echo on the other side. */
async function echoed(client: TcpConnection): Promise<void> {
  const reading = readAll(client.readable);
  await send(client.writable, BIG);
  await client.closeWrite();
  expect(hashOf(await reading)).toBe(hashOf(BIG));
}

describe.each(WAKE_WAYS)('another thread that %s', (_, fallback) => {
  skipAll(NO_SHARING);

  test('serves a connection it was handed', async () => {
    const { client, server } = await wiredEnds();
    const peer = new ThreadPeer(THREAD, { fallback });
    peer.start('echo', await server.share());
    await echoed(client);
    expect(await peer.reply()).toEqual({ result: undefined });
  });

  test('reads what had come before', async () => {
    const { client, server } = await loopbackEnds();
    await send(client.writable, bytes('before '));
    await settle();
    const peer = new ThreadPeer(THREAD, { fallback });
    const handle = await server.share();
    await send(client.writable, bytes('between'));
    const closing = client.close();
    expect(await peer.run('read', handle)).toBe('before between');
    await closing;
  });

  test('feeds a tap it was handed', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
    const peer = new ThreadPeer(THREAD, { fallback });
    peer.start('reflect', await tap.share());
    await peer.reply();
    // Its ARP requests come back as if another host had asked; nobody answers them.
    const stop = new AbortController();
    const { signal } = stop;
    const opening = stack.connectTcp({ host: '10.0.0.2', port: 80, signal }).catch(ignore);
    await until(() => tap.statistics.rxPackets > 0);
    stop.abort();
    await opening;
    const { txPackets, rxPackets } = tap.statistics;
    expect(rxPackets).toBeLessThanOrEqual(txPackets);
    await stack.removeInterface(tap);
    expect(Number((await peer.reply()).result)).toBeGreaterThan(0);
  });

  test.each(['one', 'another'])('is wired to a stack in %s arena', async (which) => {
    const arena = await createArena();
    const peer = new ThreadPeer(THREAD, { fallback });
    const theirs = which === 'one' ? arena : await createArena();
    const made = await peer.run('host', await theirs.share(), { ip: `${ENDS[4].b}/24` });
    const tapB = await attach((made as { tap: SharedHandle<TapInterface> }).tap);
    const a = await openStack({ arena });
    const tapA = await a.createTapInterface({ ip: `${ENDS[4].a}/24` });
    plug(tapA, tapB);
    await echoed(await a.connectTcp({ host: ENDS[4].b, port: 7 }));
    // Either side may go first.
    await peer.run('close');
    expect(await outcome(a.connectTcp({ host: ENDS[4].b, port: 7, timeout: 50 }))).toBe(
      'ETIMEDOUT',
    );
    await a.close();
    if (which === 'one') await until(() => arena.freeBytes > arena.size - 2 ** 20);
  });

  test('learns that the stack is closed', async () => {
    const arena = await createArena();
    const { a, b } = await wiredPair({ stackB: { arena } });
    const before = arena.freeBytes;
    const { server } = await connectEnds(a, b);
    const peer = new ThreadPeer(THREAD, { fallback });
    peer.start('closed', await server.share());
    await peer.reply();
    await b.close();
    expect(await peer.reply()).toEqual({ result: 'ESHUTDOWN' });
    expect(arena.freeBytes).toBeGreaterThan(before);
  });
});

describe('share()', () => {
  const fresh = async (): Promise<{ stack: NetworkStack; tap: TapInterface }> => {
    const stack = await openStack();
    return { stack, tap: await stack.createTapInterface({ ip: '10.0.0.1/24' }) };
  };

  test('closes the object here', async () => {
    const { server } = await loopbackEnds();
    const { readable, writable } = server;
    await server.share();
    await server.closed;
    expect(await outcome(readable.getReader().read())).toBe('EBADF');
    expect(await outcome(writable.getWriter().write(bytes('x')))).toBe('EBADF');
    expect(await outcome(server.share())).toBe('EBADF');
    await server.close().catch(ignore);
    server.abort();
  });

  test('of an interface leaves statistics and removal', async () => {
    const { stack, tap } = await fresh();
    await tap.share();
    expect(await outcome(tap.writable.getWriter().write(new Uint8Array(60)))).toBe('EBADF');
    expect((await tap.readable.getReader().read()).done).toBe(true);
    expect(tap.statistics.rxPackets).toBe(0);
    expect(await outcome(tap.share())).toBe('EBADF');
    await stack.removeInterface(tap);
    expect([...stack.interfaces].length).toBe(1);
  });

  test('is refused while a stream is locked', async () => {
    const { client, server } = await loopbackEnds();
    client.readable.getReader();
    server.writable.getWriter();
    expect(await outcome(client.share())).toBe('EINVAL');
    expect(await outcome(server.share())).toBe('EINVAL');
    const { tap } = await fresh();
    tap.readable.getReader();
    expect(await outcome(tap.share())).toBe('EINVAL');
  });

  testUnless(NO_SHARING)('can be done again by who attached it', async () => {
    const { client, server } = await loopbackEnds();
    const first = await attach(structuredClone(await server.share()));
    const second = await attach(structuredClone(await first.share()));
    expect(second.remotePort).toBe(client.localPort);
    expect(await outcome(first.share())).toBe('EBADF');
    second.readable.pipeTo(second.writable).catch(ignore);
    await echoed(client);
  });

  test('gives back every byte, used or not', async () => {
    const arena = await createArena();
    const before = arena.freeBytes;
    for (let round = 0; round < 3; round++) {
      const { a, b, tapA } = await wiredPair({ stack: { arena } });
      const { client, server } = await connectEnds(a, b);
      const unused = await connectEnds(a, b);
      await unused.server.share();
      const attached = await attach(await server.share());
      const tun = await a.createTunInterface({ ip: '10.1.0.1/24' });
      const theirs = await attach(await tun.share());
      expect(theirs.ip).toBe('10.1.0.1');
      await send(client.writable, bytes('hello'));
      expect(text(await readUpTo(attached.readable, 5))).toBe('hello');
      expect(tapA.statistics.txPackets).toBeGreaterThan(0);
      await b.close();
      expect(await outcome(attached.closed)).toBe('ESHUTDOWN');
      await a.close();
      expect(arena.freeBytes).toBe(before);
    }
  });
});

describe('attach()', () => {
  test('opens a handle once', async () => {
    const { server } = await loopbackEnds();
    const handle = await server.share();
    await attach(handle);
    expect(await outcome(attach(handle))).toBe('EBADF');
  });

  test('refuses what is gone, of another version, or no handle', async () => {
    const stack = await openStack();
    const { server } = await connectEnds(stack, stack, { host: '127.0.0.1' });
    const handle = await server.share();
    expect(await outcome(attach({ ...handle, version: 0 } as typeof handle))).toBe('EPROTO');
    await stack.close();
    expect(await outcome(attach(handle))).toBe('EBADF');
    expect(await outcome(attach({ kind: 'other' } as unknown as typeof handle))).toBe('EINVAL');
    expect(await outcome(attach(undefined as unknown as typeof handle))).toBe('EINVAL');
  });

  testUnless(NO_SHARING)('of an arena takes memory that close() gives back', async () => {
    const arena = await createArena();
    const before = arena.freeBytes;
    const theirs = await attach(structuredClone(await arena.share()));
    expect(arena.freeBytes).toBeLessThan(before);
    const stack = await openStack({ arena: theirs, engine: ENGINE });
    await stack.close();
    await theirs.close();
    await theirs.close();
    await arena.close();
    expect(arena.freeBytes).toBe(before);
  });
});
