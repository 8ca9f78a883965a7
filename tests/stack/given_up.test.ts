// SPDX-License-Identifier: MIT
// given_up.test - reads that are given up with their lock lose nothing for the next reader

import type { TcpConnection } from 'ringstack';
import { expect, test } from 'vitest';
import { bytes, loopbackEnds, outcome, readAll, send, settle, text } from '../helpers/net.ts';
import { NO_BYOB, testUnless } from '../helpers/runtime.ts';

/** Has a BYOB reader begin a read of so many bytes, and release its lock while that waits. */
async function giveUp(connection: TcpConnection, size: number): Promise<void> {
  const reader = connection.readable.getReader({ mode: 'byob' });
  const read = outcome(reader.read(new Uint8Array(size)));
  await settle(2);
  reader.releaseLock();
  expect(await read).toBe('TypeError');
}

testUnless(NO_BYOB)('zero-copy access comes between, and a BYOB read gets the bytes', async () => {
  const { client, server } = await loopbackEnds();
  await giveUp(server, 10);
  server.getRingReader().releaseLock();
  const reader = server.readable.getReader({ mode: 'byob' });
  const reading = reader.read(new Uint8Array(100));
  await send(client.writable, bytes('hello'));
  expect(text((await reading).value ?? new Uint8Array())).toBe('hello');
});

testUnless(NO_BYOB)('an iterator comes between, and is left', async () => {
  const { client, server } = await loopbackEnds();
  await giveUp(server, 10);
  const loop = server[Symbol.asyncIterator]();
  const next = loop.next();
  await loop.return?.();
  expect((await next).done).toBe(true);
  await send(client.writable, bytes('hello'));
  await client.closeWrite();
  expect(text(await readAll(server.readable))).toBe('hello');
});

/** A connection whose stream has ten bytes for a read that was given up, and whose peer has ended. */
async function withLeftovers(): Promise<TcpConnection> {
  const { client, server } = await loopbackEnds();
  await giveUp(server, 10);
  await send(client.writable, bytes('0123456789'));
  await settle();
  await client.closeWrite();
  await settle();
  return server;
}

testUnless(NO_BYOB)(
  'zero-copy access releases some of the bytes, and the rest follows',
  async () => {
    const server = await withLeftovers();
    const access = server.getRingReader();
    expect(await access.ready()).toBe(true);
    expect(text(access.peek().slice())).toBe('0123456789');
    access.release(4);
    access.releaseLock();
    expect(text(await readAll(server.readable))).toBe('456789');
    await server.close();
  },
);

testUnless(NO_BYOB)('zero-copy access releases all of them, and sees the end', async () => {
  const server = await withLeftovers();
  const access = server.getRingReader();
  expect(await access.ready()).toBe(true);
  access.release(10);
  expect(await access.ready()).toBe(false);
  access.releaseLock();
  expect(await server.readable.getReader().read()).toEqual({ done: true, value: undefined });
});

testUnless(NO_BYOB)('zero-copy access is left before it has any of them', async () => {
  const server = await withLeftovers();
  const access = server.getRingReader();
  const ready = outcome(access.ready());
  access.releaseLock();
  expect(await ready).toBe('TypeError');
  expect(text(await readAll(server.readable))).toBe('0123456789');
});

testUnless(NO_BYOB)('they come before the error of a reset', async () => {
  const { client, server } = await loopbackEnds();
  await giveUp(server, 10);
  await send(client.writable, bytes('0123456789'));
  await settle();
  client.abort();
  await settle();
  const reader = server.readable.getReader();
  expect(text((await reader.read()).value ?? new Uint8Array())).toBe('0123456789');
  expect(await outcome(reader.read())).toBe('ECONNRESET');
});

test('the readable is a locked stream while an iterator or zero-copy access has it', async () => {
  const { client, server } = await loopbackEnds();
  await send(client.writable, bytes('hello'));
  for (const hold of [() => server[Symbol.asyncIterator](), () => server.getRingReader()]) {
    const held = hold();
    const { readable } = server;
    expect(server.readable).toBe(readable);
    expect([readable.locked, server.readable.locked]).toEqual([true, true]);
    expect(() => readable.getReader()).toThrow(TypeError);
    if ('next' in held) await held.return?.();
    else held.releaseLock();
    expect(readable.locked).toBe(false);
  }
  const writer = server.getRingWriter();
  expect([server.writable.locked, server.writable.locked]).toEqual([true, true]);
  writer.releaseLock();
  expect(server.writable.locked).toBe(false);
});
