// SPDX-License-Identifier: MIT
// linger.test - a stack that closes waits for connections that are closing, and tells the peers of the rest

import { describe, expect, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import {
  bytes,
  connectEnds,
  openStack,
  outcome,
  readAll,
  settle,
  wiredEnds,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const BIG = new Prng(7).bytes(3_000_000);
/** A time that no test takes: what settles before has not waited for its end. */
const LONG = { stack: { linger: 600_000 } };

/** Whether a promise has settled after all that can happen without waiting. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await settle();
  return settled;
}

/** A stream of all of BIG. */
const source = (): ReadableStream<Uint8Array> => new Blob([BIG]).stream();

describe('stack.close()', () => {
  test('does not reset what a pipe has sent and the peer has not read', async () => {
    const { a, client, server } = await wiredEnds(LONG);
    const reading = readAll(server.readable);
    await source().pipeTo(client.writable);
    const closing = a.close();
    expect(hashOf(await reading)).toBe(hashOf(BIG));
    await server.close();
    await closing;
    await server.closed;
  });

  test('sends what a close() that is not awaited has left', async () => {
    const { a, client, server } = await wiredEnds(LONG);
    const writer = client.writable.getWriter();
    void writer.write(BIG);
    const ended = client.close();
    const closing = a.close();
    expect(hashOf(await readAll(server.readable))).toBe(hashOf(BIG));
    await ended;
    await server.close();
    await closing;
  });

  test('waits for the end of peers whose connections the program has forgotten', async () => {
    const { a, client, server } = await wiredEnds(LONG);
    await client.close();
    const closing = a.close();
    expect(await isSettled(closing)).toBe(false);
    await server.close();
    await closing;
    expect(await outcome(server.closed)).toBe('ok');
  });

  test('waits for no connection that is not closing', async () => {
    const { a, b } = await wiredPair(LONG);
    const closed = await connectEnds(a, b);
    const open = await connectEnds(a, b);
    const waiting = outcome(open.client.readable.getReader().read());
    await closed.client.closeWrite();
    const closing = a.close();
    expect(await waiting).toBe('ESHUTDOWN');
    expect(await outcome(open.server.closed)).toBe('ECONNRESET');
    expect(await isSettled(closing)).toBe(false);
    await closed.server.close();
    await closing;
  });

  test('resets what is left after that time', async () => {
    const { a, client, server } = await wiredEnds({ stack: { linger: 50 } });
    await client.writable.close();
    await a.close();
    expect(await readAll(server.readable)).toHaveLength(0);
    await outcome(server.writable.getWriter().write(bytes('x')));
    expect(await outcome(server.closed)).toBe('ECONNRESET');
  });

  test('also connections that the program has forgotten', async () => {
    const { a, client, server } = await wiredEnds({ stack: { linger: 1 } });
    await client.close();
    await a.close();
    expect(await outcome(server.closed)).toBe('ECONNRESET');
  });

  test('throws away what comes in that time, so that a peer that sends can end', async () => {
    const { a, client, server } = await wiredEnds(LONG);
    const sending = source().pipeTo(server.writable);
    await client.closeWrite();
    const closing = a.close();
    // As a kernel does, it answers bytes that nobody will read with a reset.
    expect(['ok', 'ECONNRESET']).toContain(await outcome(sending));
    await closing;
  });

  test('makes nothing new in that time', async () => {
    const { a, b, client, server } = await wiredEnds(LONG);
    const listener = await a.listenTcp({ port: 90 });
    await client.closeWrite();
    const closing = a.close();
    await settle();
    expect(await outcome(listener.accept())).toBe('ESHUTDOWN');
    expect(await outcome(a.connectTcp({ host: '10.0.0.2', port: 81 }))).toBe('ESHUTDOWN');
    expect(await outcome(a.listenTcp({ port: 91 }))).toBe('ESHUTDOWN');
    expect(await outcome(a.openUdp())).toBe('ESHUTDOWN');
    expect(await outcome(b.connectTcp({ host: '10.0.0.1', port: 90 }))).toBe('ECONNREFUSED');
    await server.close();
    await closing;
  });

  test('waits for no answer of a connect that is under way', async () => {
    const { a, client, server } = await wiredEnds(LONG);
    await client.closeWrite();
    const connecting = outcome(a.connectTcp({ host: '10.0.0.99', port: 1 }));
    const closing = a.close();
    expect(await connecting).toBe('ESHUTDOWN');
    await server.close();
    await closing;
  });

  test('ends with linger: 0 at once', async () => {
    const { a, client, server } = await wiredEnds({ stack: { linger: 0 } });
    await client.closeWrite();
    await a.close();
    expect(await outcome(server.closed)).toBe('ECONNRESET');
  });

  test('does not wait when the peer closes at the same time', async () => {
    const { a, b, client, server } = await wiredEnds(LONG);
    await Promise.all([client.closeWrite(), server.closeWrite()]);
    await Promise.all([a.close(), b.close()]);
  });

  test('refuses a linger that is no time', async () => {
    expect(await outcome(openStack({ linger: -1 }))).toBe('EINVAL');
  });
});
