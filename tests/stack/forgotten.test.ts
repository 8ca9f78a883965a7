// SPDX-License-Identifier: MIT
// forgotten.test - promises that a program starts and forgets do not end it when a peer resets
//
// Node and Deno end a process for a rejection that nobody handles; here it is counted.

import { expect, onTestFinished, test } from 'vitest';
import {
  bytes,
  connectEnds,
  loopbackEnds,
  openPair,
  openStack,
  outcome,
  readUpTo,
  send,
  settle,
  text,
  wiredPair,
} from '../helpers/net.ts';

/** Collects rejections that nobody handles until the running test ends. */
function unhandled(): unknown[] {
  const seen: unknown[] = [];
  const { process } = globalThis as { process?: NodeJS.Process };
  if (typeof process?.on === 'function') {
    const listener = (error: unknown): void => void seen.push(error);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
  } else {
    const listener = (event: PromiseRejectionEvent): void => {
      event.preventDefault();
      seen.push(event.reason);
    };
    addEventListener('unhandledrejection', listener);
    onTestFinished(() => removeEventListener('unhandledrejection', listener));
  }
  return seen;
}

test('the echo server of the README goes on when a client resets', async () => {
  const seen = unhandled();
  const stack = await openStack();
  const listener = await stack.listenTcp({ port: 0 });
  void (async () => {
    for await (const connection of listener) connection.readable.pipeTo(connection.writable);
  })();
  const options = { host: '127.0.0.1', port: listener.port };
  const rude = await stack.connectTcp(options);
  await send(rude.writable, bytes('hello'));
  expect(text(await readUpTo(rude.readable, 5))).toBe('hello');
  rude.abort();
  await settle();
  const polite = await stack.connectTcp(options);
  await send(polite.writable, bytes('again'));
  expect(text(await readUpTo(polite.readable, 5))).toBe('again');
  expect(seen).toEqual([]);
});

type End = Awaited<ReturnType<typeof loopbackEnds>>['client'];

/** Calls that a program may forget. */
const CALLS: Record<string, (end: End) => Promise<unknown>> = {
  'a write': (end) => end.writable.getWriter().write(new Uint8Array(8 << 20)),
  'pipeTo()': (end) => end.readable.pipeTo(new WritableStream()),
  'pipeTo() behind pipeThrough()': (end) =>
    end.readable.pipeThrough(new TransformStream()).pipeTo(new WritableStream()),
  'close() behind a write': (end) => {
    void end.writable.getWriter().write(new Uint8Array(8 << 20));
    return end.close();
  },
  'closeWrite()': (end) => end.closeWrite(),
  'close() of a writer': (end) => end.writable.getWriter().close(),
  'close() of the writable': (end) => end.writable.close(),
  'close() of zero-copy access': (end) => end.getRingWriter().close(),
};

test.each(Object.keys(CALLS))('%s that nobody awaits, and the peer resets', async (name) => {
  const start = CALLS[name] as (end: End) => Promise<unknown>;
  const seen = unhandled();
  const { client, server } = await loopbackEnds();
  void start(client);
  server.abort();
  await settle();
  expect(seen).toEqual([]);
});

test.each(Object.keys(CALLS))('who awaits %s gets the error', async (name) => {
  const start = CALLS[name] as (end: End) => Promise<unknown>;
  const { client, server } = await loopbackEnds();
  const waiting = outcome(start(client));
  server.abort();
  // A FIN alone may be acknowledged before the reset.
  expect(/^close.*(?<!write)$/.test(name) ? ['ECONNRESET', 'ok'] : ['ECONNRESET']).toContain(
    await waiting,
  );
});

test('accept() that nobody awaits, and the listener is closed', async () => {
  const seen = unhandled();
  const stack = await openStack();
  const listener = await stack.listenTcp({ port: 0 });
  void listener.accept();
  const awaited = outcome(listener.accept());
  await listener.close();
  expect(await awaited).toBe('ECONNABORTED');
  await settle();
  expect(seen).toEqual([]);
});

test.each(['a', 'b'] as const)(
  'a link through pipeThrough(), and stack %s is closed first',
  async (first) => {
    const seen = unhandled();
    const pair = await openPair();
    pair.tapA.readable.pipeThrough(new TransformStream()).pipeTo(pair.tapB.writable);
    pair.tapB.readable.pipeThrough(new TransformStream()).pipeTo(pair.tapA.writable);
    const { client } = await connectEnds(pair.a, pair.b);
    await send(client.writable, bytes('through'));
    await pair[first].close();
    await settle();
    expect(seen).toEqual([]);
  },
);

test('a wire, and the stack of its far end is closed first', async () => {
  const seen = unhandled();
  const { b, tapA, tapB } = await wiredPair();
  await b.close();
  await settle();
  expect([tapA.readable.locked, tapB.readable.locked]).toEqual([false, false]);
  expect(seen).toEqual([]);
});
