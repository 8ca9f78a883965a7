// SPDX-License-Identifier: MIT
// stack.test - what createStack() and createArena() take, and that a busy stack shares its thread

import type { StackArena, StackOptions } from 'ringstack';
import { createArena, createStack } from 'ringstack';
import { describe, expect, test } from 'vitest';
import {
  bytes,
  connectEnds,
  loopbackEnds,
  openStack,
  outcome,
  readUpTo,
  send,
  text,
  wiredEnds,
} from '../helpers/net.ts';
import { readUrl } from '../helpers/runtime.ts';

const MIB = 2 ** 20;
const WASM = new URL('../../dist/stack.wasm', import.meta.url);

describe('createStack() refuses with EINVAL', () => {
  test.each<[string, StackOptions]>([
    ['maxSockets 0', { maxSockets: 0 }],
    ['maxSockets 65536', { maxSockets: 65536 }],
    ['maxSockets 1.5', { maxSockets: 1.5 }],
    ['receiveBuffer 0', { receiveBuffer: 0 }],
    ['sendBuffer 1 GiB', { sendBuffer: 2 ** 30 }],
    ['startTimeout 0', { startTimeout: 0 }],
    ['an arena that is none', { arena: {} as StackArena }],
  ])('%s', async (_, options) => {
    expect(await outcome(createStack(options))).toBe('EINVAL');
  });

  test('an engine that is not there is EINVAL', async () => {
    const options = { engine: 'steam' } as unknown as StackOptions;
    expect(await outcome(createStack(options))).toBe('EINVAL');
  });
});

describe('the module', () => {
  test.each<[string, () => Promise<NonNullable<StackOptions['wasm']>>]>([
    ['a URL', async () => WASM],
    ['the text of a URL', async () => WASM.href],
    ['bytes', () => readUrl(WASM)],
    ['a compiled module', async () => WebAssembly.compile(await readUrl(WASM))],
  ])('may be given as %s', async (_, source) => {
    const stack = await openStack({ wasm: await source() });
    await connectEnds(stack, stack, { host: '127.0.0.1' });
  });

  test('that cannot be had is an error, and no harm to other stacks', async () => {
    await expect(createStack({ wasm: new URL('./nowhere.wasm', WASM) })).rejects.toThrow();
    await expect(createStack({ wasm: new Uint8Array(8) })).rejects.toThrow();
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    await expect(createStack({ wasm: empty })).rejects.toThrow();
    await loopbackEnds();
  });
});

describe('an arena', () => {
  test.each([0, 1000, MIB - 1, 2 ** 32, Number.NaN, -1])('of %d bytes is EINVAL', async (size) => {
    expect(await outcome(createArena({ size }))).toBe('EINVAL');
  });

  test('has the size that was asked for, and most of it free', async () => {
    const arena = await createArena({ size: 16 * MIB });
    expect(arena.size).toBe(16 * MIB);
    expect(arena.freeBytes).toBeGreaterThan(15 * MIB);
  });

  test.each([1, 2047, 4095])('of %d MiB works', async (mib) => {
    const arena = await createArena({ size: mib * MIB });
    const stack = await openStack({ arena, initializeLoopback: false });
    const loopback = await stack.createLoopbackInterface({ mtu: 1500, ringSize: 1 });
    expect(loopback.mtu).toBe(1500);
    const { client, server } = await connectEnds(stack, stack, { host: '127.0.0.1' });
    await send(client.writable, bytes('hello'));
    expect(text(await readUpTo(server.readable, 5))).toBe('hello');
  });

  test('holds many stacks, which do not see each other', async () => {
    const arena = await createArena({ size: 128 * MIB });
    const stacks = await Promise.all(Array.from({ length: 50 }, () => openStack({ arena })));
    const listeners = await Promise.all(stacks.map((stack) => stack.listenTcp({ port: 80 })));
    for (const [n, stack] of stacks.entries()) {
      const client = await stack.connectTcp({ host: '127.0.0.1', port: 80 });
      const server = await listeners[n]?.accept();
      expect(server?.remotePort).toBe(client.localPort);
    }
  });

  test('is shared by default', async () => {
    const { a, b, client, server } = await wiredEnds();
    await send(client.writable, bytes('x'));
    await readUpTo(server.readable, 1);
    expect(a.statistics.turns + b.statistics.turns).toBeGreaterThan(0);
  });
});

test('a stack without a loopback interface reaches its own addresses', async () => {
  const stack = await openStack({ initializeLoopback: false });
  expect(stack.interfaces.size).toBe(0);
  await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
  for (const host of ['10.0.0.1', 'fd00::1']) {
    const { client, server } = await connectEnds(stack, stack, { host });
    await send(client.writable, bytes('hello'));
    expect(text(await readUpTo(server.readable, 5))).toBe('hello');
  }
  expect(await outcome(stack.connectTcp({ host: '127.0.0.1', port: 80 }))).toBe('EHOSTUNREACH');
  expect([...stack.interfaces].map(({ type }) => type)).toEqual(['tap']);
  await stack.createLoopbackInterface();
  expect(await outcome(stack.connectTcp({ host: '127.0.0.1', port: 80 }))).toBe('ECONNREFUSED');
});

test('a bulk transfer lets timers and I/O in', async () => {
  const { client, server } = await wiredEnds({ tap: { mtu: 65520 } });
  let stop = false;
  let [length, rounds] = [0, 0];
  const chunk = new Uint8Array(MIB);
  const writer = client.writable.getWriter();
  const writing = (async () => {
    while (!stop) await writer.write(chunk);
    await writer.close();
  })();
  const reading = (async () => {
    for await (const part of server) length += part.length;
  })();
  // As long as both need: either would starve if the other kept the thread to itself.
  for (; length < 64 * MIB || rounds < 20; rounds++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  stop = true;
  await Promise.all([writing, reading]);
  // However fast it is, a timer comes more often than once in 32 MiB.
  expect(length / rounds).toBeLessThan(32 * MIB);
});
