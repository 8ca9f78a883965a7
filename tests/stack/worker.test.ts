// SPDX-License-Identifier: MIT
// worker.test - the worker engine alone: start, death, end, and what it leaves of the app's thread

import type { StackOptions } from 'ringstack';
import { createArena, createStack } from 'ringstack';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  openPair,
  outcome,
  plug,
  readUpTo,
  send,
  settle,
  until,
  wiredPair,
} from '../helpers/net.ts';
import {
  CAN_SHARE,
  describeUnless,
  ENGINE,
  HAS_NODE_THREADS,
  nextRound,
  testUnless,
} from '../helpers/runtime.ts';
import { workerAt, workerOf } from '../helpers/thread.ts';

const ENTRY = new URL('../../dist/workers/engine.js', import.meta.url);
const ours = describeUnless(ENGINE === 'worker' ? undefined : 'is about the worker engine');
/** The web's Worker says nothing when it is closed or terminated. */
const SILENT = HAS_NODE_THREADS ? undefined : 'a Worker of the web does not tell that it ended';

/** A thread that runs some code instead of the engine. */
const other = (code: string) => () => workerOf(code);

ours('a worker that does not start', () => {
  const cases: [string, string, Partial<StackOptions>][] = [
    ['never answers', 'ETIMEDOUT', { worker: other('setInterval(() => {}, 1000)') }],
    ['ends at once', SILENT ? 'ETIMEDOUT' : 'ECONNABORTED', { worker: other('') }],
    ['throws', 'ECONNABORTED', { worker: other('throw new Error("no")') }],
    ['is not to be found', 'ECONNABORTED', { worker: new URL('./nowhere.js', ENTRY) }],
    ['says that it failed', 'ECONNABORTED', { worker: other('postMessage({ error: "no" })') }],
  ];

  test.each(cases)('since it %s is %s, and takes nothing', async (_, code, options) => {
    const arena = await createArena();
    const before = arena.freeBytes;
    // The report may be late.
    const startTimeout = code === 'ETIMEDOUT' ? 500 : 20_000;
    const starting = createStack({ engine: 'worker', arena, startTimeout, ...options });
    expect(await outcome(starting)).toBe(code);
    expect(arena.freeBytes).toBe(before);
  });

  test.each(cases.slice(-2))(
    'that it %s is heard, however soon it is',
    async (_, code, options) => {
      const arena = await createArena();
      for (let n = 0; n < 25; n++) {
        const starting = createStack({ engine: 'worker', arena, startTimeout: 20_000, ...options });
        expect(await outcome(starting)).toBe(code);
      }
    },
  );

  test('may be given as URL or function', async () => {
    for (const worker of [ENTRY, ENTRY.href, () => workerAt(ENTRY)]) {
      const stack = await createStack({ engine: 'worker', worker });
      expect((await connectEnds(stack, stack, { host: '127.0.0.1' })).server.localPort).not.toBe(0);
      await stack.close();
    }
  });
});

ours('a worker that dies', () => {
  testUnless(SILENT)('fails everything of its stack, and its peer goes on', async () => {
    const arena = await createArena();
    const before = arena.freeBytes;
    const threads: ReturnType<typeof workerAt>[] = [];
    const worker = () => {
      const thread = workerAt(ENTRY);
      threads.push(thread);
      return thread;
    };
    const { a, b, tapA, tapB } = await openPair({ stack: { arena, worker } });
    // The cable outlives what it was plugged into.
    plug(tapA, tapB, { preventClose: true, preventAbort: true, preventCancel: true });
    const { client, server, listener } = await connectEnds(a, b);
    const waiting = [
      client.readable.getReader().read(),
      client.writable.getWriter().write(new Uint8Array(2 ** 24)),
      client.closed,
      a.connectTcp({ host: '10.0.0.77', port: 1 }),
      (await a.listenTcp({ port: 5 })).accept(),
    ].map((promise) => outcome(promise));
    await threads[0]?.terminate();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ESHUTDOWN']));
    expect(await outcome(a.createTunInterface())).toBe('ESHUTDOWN');
    await a.close();
    expect(tapA.statistics.txPackets).toBeGreaterThan(0);

    // The other stack gets a new neighbour.
    const c = await createStack({ engine: 'worker', arena });
    const tapC = await c.createTapInterface({ ip: `${ENDS[4].a}/24` });
    await until(() => !tapB.readable.locked && !tapB.writable.locked);
    plug(tapB, tapC);
    const again = await c.connectTcp({ host: ENDS[4].b, port: listener.port });
    await send(again.writable, bytes('hello'));
    const accepted = await listener.accept();
    expect(await readUpTo(accepted.readable, 5)).toEqual(bytes('hello'));
    server.abort();
    await c.close();
    await b.close();
    expect(arena.freeBytes).toBe(before);
  });
});

ours('Atomics.waitAsync missing', () => {
  const { waitAsync } = Atomics as { waitAsync?: unknown };
  beforeAll(() => {
    (Atomics as { waitAsync?: unknown }).waitAsync = undefined;
  });
  afterAll(() => {
    (Atomics as { waitAsync?: unknown }).waitAsync = waitAsync;
  });

  test('a posted message wakes the app', async () => {
    const { a, b } = await wiredPair();
    const { client, server } = await connectEnds(a, b);
    server.readable.pipeTo(server.writable).catch(ignore);
    for (let round = 0; round < 50; round++) {
      await send(client.writable, bytes('hello'));
      expect(await readUpTo(client.readable, 5)).toEqual(bytes('hello'));
    }
  });
});

ours('a bulk transfer', () => {
  test('lets the event loop of the app in', async () => {
    const { a, b } = await wiredPair();
    const { client, server } = await connectEnds(a, b);
    let rounds = 0;
    const timer = setInterval(() => rounds++, 1);
    onTestFinished(() => clearInterval(timer));
    const chunk = new Uint8Array(65536);
    const writing = (async () => {
      const writer = client.writable.getWriter();
      for (let n = 0; n < 1600; n++) await writer.write(chunk);
    })();
    await readUpTo(server.readable, 1600 * chunk.length);
    await writing;
    expect(rounds).toBeGreaterThan(5);
  });

  test.each(['reading', 'writing'])('lets it in even if %s could go on for ever', async (what) => {
    const buffers = { sendBuffer: 2 ** 24, receiveBuffer: 2 ** 24 };
    const { a, b } = await wiredPair({ stack: buffers });
    const { client, server } = await connectEnds(a, b);
    const size = 4_000_000;
    if (what === 'reading') {
      await send(client.writable, new Uint8Array(size));
      await settle();
    }
    let rounds = 0;
    let going = true;
    const count = (): void => {
      rounds++;
      if (going) void nextRound().then(count);
    };
    void nextRound().then(count);
    const [reader, writer] = [
      server.readable.getReader({ mode: 'byob' }),
      client.writable.getWriter(),
    ];
    for (let left = size; left > 0; ) {
      if (what === 'reading') left -= (await reader.read(new Uint8Array(64))).value?.length ?? left;
      else await writer.write(new Uint8Array(Math.min(left, 64))).then(() => (left -= 64));
    }
    going = false;
    expect(rounds).toBeGreaterThan(3);
  });
});

describe('a page that cannot share memory', () => {
  const missing =
    CAN_SHARE || crossOriginIsolated ? 'is about a page without the two headers' : undefined;

  testUnless(missing)('is refused a worker engine, told why, and loses nothing', async () => {
    const arena = await createArena();
    const before = arena.freeBytes;
    const starting = createStack({ engine: 'worker', arena });
    await expect(starting).rejects.toMatchObject({
      code: 'ENOTSUP',
      message: expect.stringMatching(
        /Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/,
      ) as string,
    });
    expect(arena.freeBytes).toBe(before);
  });

  test.each(['auto', undefined] as const)(
    'gets an engine that runs by engine: %s',
    async (engine) => {
      const options = engine ? ({ engine } as unknown as StackOptions) : {};
      const stack = await createStack(options);
      const { client, server } = await connectEnds(stack, stack, { host: '127.0.0.1' });
      await send(client.writable, bytes('hello'));
      expect(await readUpTo(server.readable, 5)).toEqual(bytes('hello'));
      await stack.close();
    },
  );
});
