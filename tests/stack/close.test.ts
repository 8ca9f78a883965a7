// SPDX-License-Identifier: MIT
// close.test - every way a connection ends, and that every promise that waits for it settles

import type { TcpConnection } from 'ringstack';
import { describe, expect, test, vi } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  loopbackEnds,
  openStack,
  outcome,
  passTime,
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
import { NO_LOOPS, nextRound, testOfTime, testUnless } from '../helpers/runtime.ts';

/** Whether a promise is still pending after all that can happen without waiting. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  await settle();
  return (await Promise.race([promise.then(ignore, ignore), 'pending'])) === 'pending';
}

const BIG = new Prng(1).bytes(3_000_000);

describe('half close', () => {
  test('each side may go on sending after the other has ended', async () => {
    const { client, server } = await wiredEnds();
    await send(client.writable, bytes('request'));
    await client.closeWrite();
    expect(text(await readAll(server.readable))).toBe('request');
    for (const part of ['one ', 'two ', 'three']) {
      await send(server.writable, bytes(part));
      expect(text(await readUpTo(client.readable, part.length))).toBe(part);
    }
    expect(await isPending(client.closed)).toBe(true);
    expect(await isPending(server.closed)).toBe(true);
    await server.closeWrite();
    expect(await readAll(client.readable)).toHaveLength(0);
    await Promise.all([client.closed, server.closed]);
  });

  test('the side that was connected to may be the first', async () => {
    const { client, server } = await wiredEnds();
    await server.writable.close();
    expect(await readAll(client.readable)).toHaveLength(0);
    const reading = readAll(server.readable);
    await send(client.writable, BIG);
    await client.writable.close();
    expect(hashOf(await reading)).toBe(hashOf(BIG));
    await Promise.all([client.closed, server.closed]);
  });

  test('for hours', async () => {
    const { a, b, client, server } = await wiredEnds();
    await client.closeWrite();
    await passTime(3 * 3_600_000, [a, b], 60_000);
    await send(server.writable, bytes('at last'));
    await server.close();
    expect(text(await readAll(client.readable))).toBe('at last');
    await Promise.all([client.closed, server.closed]);
  });

  test('writing after it is EPIPE or a closed stream, reading goes on', async () => {
    const { client, server } = await loopbackEnds();
    const writer = client.writable.getWriter();
    await client.closeWrite();
    expect(await outcome(writer.write(bytes('x')))).toBe('EPIPE');
    await send(server.writable, bytes('y'));
    expect(text(await readUpTo(client.readable, 1))).toBe('y');
    await server.writable.close();
    expect(await outcome(send(server.writable, bytes('z')))).not.toBe('ok');
  });

  test('both at the same moment', async () => {
    const { a, b, client, server } = await wiredEnds();
    await Promise.all([client.closeWrite(), server.closeWrite()]);
    await Promise.all([readAll(client.readable), readAll(server.readable)]);
    await Promise.all([client.closed, server.closed]);
    await settle();
    expect([a.statistics.sockets, b.statistics.sockets]).toEqual([0, 1]);
  });
});

describe('close()', () => {
  test.each(['close', 'closeWrite'] as const)('%s() delivers what was written', async (way) => {
    const { client, server } = await wiredEnds();
    const reading = readAll(server.readable);
    const writer = client.writable.getWriter();
    void writer.write(BIG);
    writer.releaseLock();
    const closing = client[way]();
    expect(hashOf(await reading)).toBe(hashOf(BIG));
    await closing;
  });

  test('delivers what is queued behind a locked writer', async () => {
    const { client, server } = await wiredEnds({ connect: { sendBuffer: 4096 } });
    const writer = client.writable.getWriter();
    const writes = Array.from({ length: 30 }, (_, n) =>
      outcome(writer.write(BIG.subarray(n * 100_000, (n + 1) * 100_000))),
    );
    const closing = client.close();
    await settle();
    const reading = readAll(server.readable);
    expect(hashOf(await reading)).toBe(hashOf(BIG));
    await closing;
    expect(new Set(await Promise.all(writes))).toEqual(new Set(['ok']));
    expect(await outcome(writer.write(bytes('late')))).toBe('EPIPE');
    await server.close();
  });

  test('sets no timers while it waits for a peer that does not read', async () => {
    const stack = await openStack();
    const { client, server } = await connectEnds(stack, stack, {
      host: '127.0.0.1',
      listen: { receiveBuffer: 65536 },
      connect: { sendBuffer: 65536 },
    });
    const writer = client.writable.getWriter();
    writer.write(BIG.subarray(0, 200_000)).catch(ignore);
    const closing = client.close();
    await until(() => stack.statistics.ringBytes > 100_000);
    await settle();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const end = performance.now() + 300;
    while (performance.now() < end) await nextRound();
    const { length } = timers.mock.calls;
    timers.mockRestore();
    expect(length).toBeLessThan(60); // those of TCP, a tick of 10 ms each
    expect(await readAll(server.readable)).toHaveLength(200_000);
    await closing;
  });

  test('ends a pending read', async () => {
    const { client } = await loopbackEnds();
    const reading = client.readable.getReader().read();
    const closing = client.close();
    expect(await reading).toMatchObject({ done: true });
    await closing;
  });

  test('throws away what still comes, and resets a peer that goes on', async () => {
    const { client, server } = await wiredEnds();
    const writing = outcome(
      (async () => {
        const writer = server.writable.getWriter();
        for (;;) await writer.write(BIG);
      })(),
    );
    await readUpTo(client.readable, 100_000);
    await client.close();
    await client.closed;
    expect(await writing).toBe('ECONNRESET');
    expect(await outcome(server.closed)).toBe('ECONNRESET');
  });

  test('settles when the peer has everything, though it does not close', async () => {
    const { client, server } = await wiredEnds();
    await client.close();
    await client.closed;
    expect(await isPending(server.closed)).toBe(true);
    expect(await readAll(server.readable)).toHaveLength(0);
    await server.close();
  });

  test('twice, and after the other ways to end, is as good as once', async () => {
    const { client, server } = await loopbackEnds();
    const reading = readAll(server.readable);
    await Promise.all([client.close(), client.close(), client.closeWrite()]);
    await client.close();
    client.abort();
    await client.closed;
    expect(await reading).toHaveLength(0);
    await server.closeWrite();
    await server.close();
    await server.closed;
  });

  test('ends a pipe into the writable with what was in it', async () => {
    const { client, server } = await loopbackEnds();
    let pulls = 0;
    const cancelled = vi.fn();
    const source = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          if (pulls++ < 10) controller.enqueue(new Uint8Array(1000));
        },
        cancel: cancelled,
      },
      { highWaterMark: 0 },
    );
    const piping = outcome(source.pipeTo(client.writable));
    await until(() => pulls > 10);
    await client.close();
    expect(await readAll(server.readable)).toHaveLength(10_000);
    expect(await piping).toBe('EPIPE');
    expect(cancelled).toHaveBeenCalled();
  });

  test('of a stack that was never connected or accepted anything is all it takes', async () => {
    await (await openStack()).close();
  });
});

describe('reset', () => {
  const ways: [string, (client: TcpConnection) => unknown][] = [
    ['abort()', (client) => client.abort()],
    ['cancelling the readable', (client) => client.readable.cancel()],
    ['aborting the writable', (client) => client.writable.abort()],
    [
      'a chunk that is no bytes',
      (client) => outcome(client.writable.getWriter().write(7 as unknown as Uint8Array)),
    ],
  ];

  const expectReset = async (reset: (client: TcpConnection) => unknown): Promise<void> => {
    const { a, b, client, server } = await wiredEnds();
    const reading = outcome(server.readable.getReader().read());
    await reset(client);
    expect(await reading).toBe('ECONNRESET');
    expect(await outcome(server.closed)).toBe('ECONNRESET');
    expect(await outcome(server.writable.getWriter().write(bytes('x')))).toBe('ECONNRESET');
    expect(await outcome(client.closed)).not.toBe('ok');
    await until(() => a.statistics.sockets === 0 && b.statistics.sockets === 1);
  };

  test.each(ways)('%s is ECONNRESET at the peer', (_, reset) => expectReset(reset));

  testUnless(NO_LOOPS)('leaving a loop over the readable is ECONNRESET at the peer', () =>
    expectReset((client) => client.readable.values().return?.()),
  );

  test('the reason is what our own streams fail with', async () => {
    const reason = new Error('enough');
    const { client } = await loopbackEnds();
    const reader = client.readable.getReader();
    const writer = client.writable.getWriter();
    const reading = reader.read();
    client.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await expect(writer.write(bytes('x'))).rejects.toBe(reason);
    await expect(client.closed).rejects.toBe(reason);
  });

  test('a write that waits for room fails', async () => {
    const { client, server } = await loopbackEnds();
    const writing = outcome(client.writable.getWriter().write(new Uint8Array(2 ** 24)));
    await settle();
    server.abort();
    expect(await writing).toBe('ECONNRESET');
  });

  test('aborting a writable whose write waits for room rejects that write', async () => {
    const reason = new Error('enough');
    const { client, server } = await loopbackEnds();
    const writer = client.writable.getWriter();
    const writing = writer.write(new Uint8Array(2 ** 24));
    writing.catch(ignore);
    await settle();
    await writer.abort(reason);
    await expect(writing).rejects.toBe(reason);
    await expect(readAll(server.readable)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('what had arrived is read before the error', async () => {
    const { client, server } = await wiredEnds();
    await send(client.writable, BIG.subarray(0, 200_000));
    await settle();
    client.abort();
    expect(await outcome(server.closed)).toBe('ECONNRESET');
    const reader = server.readable.getReader();
    let length = 0;
    const failing = (async () => {
      for (;;) length += (await reader.read()).value?.length ?? 0;
    })();
    expect(await outcome(failing)).toBe('ECONNRESET');
    expect(length).toBe(200_000);
  });

  test('a peer whose stack is closed is ECONNRESET', async () => {
    const { b, client } = await wiredEnds();
    const reading = outcome(client.readable.getReader().read());
    const writing = outcome(client.writable.getWriter().write(new Uint8Array(2 ** 24)));
    await b.close();
    expect([await reading, await writing]).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(await outcome(client.closed)).toBe('ECONNRESET');
  });

  testOfTime('a peer that vanishes is ETIMEDOUT for who sends to it', async () => {
    const { a, b, client, tapB } = await wiredEnds();
    await b.removeInterface(tapB);
    await send(client.writable, bytes('anybody?'));
    let ended: string | undefined;
    outcome(client.closed).then((code) => {
      ended = code;
    });
    for (let minutes = 0; minutes < 120 && ended === undefined; minutes++) {
      await passTime(60_000, [a], 1000);
    }
    expect(ended).toBe('ETIMEDOUT');
  });
});

describe('stack.close()', () => {
  test('settles all that waits with ESHUTDOWN', async () => {
    const { a, b, client, server, listener } = await wiredEnds();
    const closing = await connectEnds(a, b);
    await send(closing.client.writable, new Uint8Array(100));
    const other = await connectEnds(a, b);
    other.client.writable
      .getWriter()
      .write(new Uint8Array(2 ** 24))
      .catch(ignore);
    const pending = {
      read: client.readable.getReader().read(),
      write: client.writable.getWriter().write(new Uint8Array(2 ** 24)),
      connect: a.connectTcp({ host: '10.0.0.77', port: 80 }),
      close: other.client.close(),
      closeWrite: other.client.closeWrite(),
      closed: client.closed,
      other: other.client.closed,
      accept: a.listenTcp({ port: 80 }).then((one) => one.accept()),
    };
    const outcomes = Object.entries(pending).map(async ([name, promise]) => [
      name,
      await outcome(promise),
    ]);
    await settle();
    await a.close();
    const codes = Object.fromEntries(await Promise.all(outcomes));
    expect(new Set(Object.values(codes)), JSON.stringify(codes)).toEqual(new Set(['ESHUTDOWN']));
    expect(await outcome(server.closed)).toBe('ECONNRESET');
    await listener.close();
  });

  test('afterwards everything of it fails with ESHUTDOWN, and nothing hangs', async () => {
    const { a, client, tapA } = await wiredEnds();
    await a.close();
    await a.close();
    expect(await outcome(client.readable.getReader().read())).toBe('ESHUTDOWN');
    expect(await outcome(send(client.writable, bytes('x')))).toBe('ESHUTDOWN');
    expect(await outcome(client.close())).toBe('ESHUTDOWN');
    expect(await outcome(client.closeWrite())).toBe('ESHUTDOWN');
    client.abort();
    client.noDelay = false;
    client.keepAlive = 1000;
    expect(await outcome(a.createTunInterface())).toBe('ESHUTDOWN');
    expect([...a.interfaces]).toEqual([]);
    expect(await outcome(a.removeInterface(tapA))).toBe('ENODEV');
    expect(await outcome(tapA.writable.getWriter().write(new Uint8Array(60)))).toBe('ESHUTDOWN');
    expect(await tapA.readable.getReader().read()).toMatchObject({ done: true });
    expect(a.statistics.sockets).toBeGreaterThanOrEqual(0);
  });

  test('right after it was created, and while it connects', async () => {
    const stack = await openStack();
    const connecting = outcome(stack.connectTcp({ host: '127.0.0.1', port: 2 }));
    const listening = outcome(stack.listenTcp({ port: 1 }).then((one) => one.accept()));
    const closing = stack.close();
    expect(['ESHUTDOWN', 'ECONNREFUSED']).toContain(await connecting);
    expect(await listening).toBe('ESHUTDOWN');
    await closing;
  });

  test('both ends at once', async () => {
    const { a, b, client, server } = await wiredEnds();
    const outcomes = [client.closed, server.closed].map(outcome);
    await Promise.all([a.close(), b.close()]);
    for (const code of await Promise.all(outcomes)) {
      expect(['ESHUTDOWN', 'ECONNRESET']).toContain(code);
    }
    await wiredPair();
    expect(ENDS[4].a).toBe('10.0.0.1');
  });
});
