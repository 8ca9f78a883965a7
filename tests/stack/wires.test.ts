// SPDX-License-Identifier: MIT
// wires.test - pipeTo() between interfaces: no frame passes through JavaScript, pipeTo() it remains

import { createArena, type NetworkStack, type TunInterface } from 'ringstack';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ping, readIpv4 } from '../helpers/frames.ts';
import { hashOf, StreamHash } from '../helpers/hash.ts';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  openPair,
  openStack,
  type Pair,
  plug,
  readAll,
  readUpTo,
  send,
  settle,
  until,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

/** Frames that a tap drops before it is plugged: its ARP announcement. */
const UNHEARD = 1;

/** Counts the frames that pass through the readable of an interface. */
function countChunks(): () => number {
  const spy = vi.spyOn(ReadableStreamDefaultController.prototype, 'enqueue');
  onTestFinished(() => spy.mockRestore());
  return () => spy.mock.calls.length;
}

/** Sends so many bytes from a to b and checks them. */
async function expectIntact({ a, b }: { a: NetworkStack; b: NetworkStack }, size = 3_000_000) {
  const data = new Prng(size).bytes(size);
  const { client, server } = await connectEnds(a, b);
  const reading = readAll(server.readable);
  await send(client.writable, data);
  await client.closeWrite();
  expect(hashOf(await reading)).toBe(hashOf(data));
  await server.close();
}

/** Two stacks with tun interfaces; the first can be made to send a numbered packet. */
async function tunPair(): Promise<{ a: TunInterface; b: TunInterface; sendOne(): Promise<void> }> {
  const [one, other] = [await openStack(), await openStack()];
  const a = await one.createTunInterface({ ip: '10.0.0.1/24' });
  const b = await other.createTunInterface({ ip: '10.0.0.2/24' });
  const writer = a.writable.getWriter();
  let sequence = 0;
  return {
    a,
    b,
    async sendOne() {
      const before = a.statistics.txPackets;
      await writer.write(ping('10.0.0.3', '10.0.0.1', ++sequence, new Uint8Array(1000)));
      await until(() => a.statistics.txPackets > before);
    },
  };
}

const numberOf = (packet: Uint8Array | undefined): number =>
  packet ? (readIpv4(packet).payload[7] ?? -1) : -1;

/** Two stacks in an arena each. */
async function farPair(ringSize?: number): Promise<Pair> {
  const size = 32 * 2 ** 20;
  return openPair({
    stack: { arena: await createArena({ size }) },
    stackB: { arena: await createArena({ size }) },
    tap: ringSize === undefined ? {} : { ringSize },
  });
}

describe('a wire', () => {
  test('passes no frame through the streams, and copies nothing', async () => {
    const arena = await createArena({ size: 64 * 2 ** 20 });
    const pair = await wiredPair({ stack: { arena } });
    const chunks = countChunks();
    const copied = (): number => arena.bytesCopied;
    const before = copied();
    const { client, server } = await connectEnds(pair.a, pair.b);
    const data = new Prng(1).bytes(2 ** 21);
    const reading = readAll(server.readable);
    await send(client.writable, data);
    await client.close();
    expect(hashOf(await reading)).toBe(hashOf(data));
    expect(chunks()).toBe(0);
    expect((copied() - before) / data.length).toBeLessThan(4.1); // in and out, with detours
    const [tapA, tapB] = [pair.tapA.statistics, pair.tapB.statistics];
    await until(() => pair.tapB.statistics.rxPackets === pair.tapA.statistics.txPackets);
    expect(tapA.txBytes).toBeGreaterThan(data.length);
    expect([tapA.dropped, tapA.lost, tapB.invalid, tapB.lost]).toEqual([UNHEARD, 0, 0, 0]);
  });

  test('between two arenas moves spans, no frame through the streams', async () => {
    const pair = await farPair();
    plug(pair.tapA, pair.tapB);
    const chunks = countChunks();
    await expectIntact(pair);
    await expectIntact({ a: pair.a, b: pair.b }, 100_000);
    expect(chunks()).toBe(0);
    expect(pair.tapB.statistics.invalid).toBe(0);
  });

  test.each([1500, 9000, 65520])('with the smallest rings loses nothing, MTU %d', async (mtu) => {
    const near = await wiredPair({ tap: { mtu, ringSize: 1 } });
    await expectIntact(near);
    const far = await farPair(1);
    plug(far.tapA, far.tapB);
    await expectIntact(far);
    for (const tap of [near.tapA, near.tapB, far.tapA, far.tapB]) {
      expect(tap.statistics).toMatchObject({ dropped: UNHEARD, invalid: 0 });
    }
  });

  test('between different MTUs works', async () => {
    const { a, b } = await openPair();
    const tapA = await a.createTapInterface({ ip: '10.1.0.1/24', mtu: 9000 });
    const tapB = await b.createTapInterface({ ip: '10.1.0.2/24', mtu: 1500 });
    plug(tapA, tapB);
    const { client, server } = await connectEnds(a, b, { host: '10.1.0.2' });
    const data = new Prng(2).bytes(1_000_000);
    const reading = Promise.all([readAll(server.readable), readAll(client.readable)]);
    await Promise.all([send(client.writable, data), send(server.writable, data)]);
    await Promise.all([client.closeWrite(), server.closeWrite()]);
    expect((await reading).map(hashOf)).toEqual([hashOf(data), hashOf(data)]);
  });

  test('one way, with a plain pipe the other way', async () => {
    const pair = await openPair();
    pair.tapA.readable.pipeTo(pair.tapB.writable).catch(ignore);
    pair.tapB.readable.pipeThrough(new TransformStream()).pipeTo(pair.tapA.writable).catch(ignore);
    await expectIntact(pair);
  });

  test('between two interfaces of one stack, and onto itself', async () => {
    const stack = await openStack();
    const [one, other] = [
      await stack.createTapInterface({ ip: '10.0.0.1/24' }),
      await stack.createTapInterface({ ip: '10.0.1.1/24' }),
    ];
    plug(one, other);
    const own = await stack.createTunInterface({ ip: '10.0.2.1/24' });
    own.readable.pipeTo(own.writable).catch(ignore);
    await connectEnds(stack, stack, { host: '10.0.1.1' });
    stack.connectTcp({ host: '10.0.2.9', port: 1, timeout: 50 }).catch(ignore);
    await until(() => own.statistics.rxPackets > 0);
  });

  test('three stacks in a row, with a proxy in the middle', async () => {
    const pair = await wiredPair();
    const c = await openStack();
    const tapB2 = await pair.b.createTapInterface({ ip: '10.2.0.1/24' });
    const tapC = await c.createTapInterface({ ip: '10.2.0.2/24' });
    plug(tapB2, tapC);
    const left = await connectEnds(pair.a, pair.b);
    const right = await connectEnds(pair.b, c, { host: '10.2.0.2' });
    const pipes = [
      left.server.readable.pipeTo(right.client.writable),
      right.client.readable.pipeTo(left.server.writable),
      right.server.readable.pipeTo(right.server.writable), // echo
    ];
    const data = new Prng(3).bytes(3_000_000);
    const reading = readAll(left.client.readable);
    await send(left.client.writable, data);
    await left.client.closeWrite();
    expect(hashOf(await reading)).toBe(hashOf(data));
    await Promise.all(pipes);
  });

  test('a chain through a TransformStream is none, and works', async () => {
    const pair = await openPair();
    const chunks = countChunks();
    for (const [from, to] of [
      [pair.tapA, pair.tapB],
      [pair.tapB, pair.tapA],
    ] as const) {
      from.readable.pipeThrough(new TransformStream()).pipeTo(to.writable).catch(ignore);
    }
    await expectIntact(pair, 500_000);
    expect(chunks()).toBeGreaterThan(300);
  });
});

describe('plugging', () => {
  test('frames that were queued on either side are not lost', async () => {
    const { a, b, sendOne } = await tunPair();
    const reader = a.readable.getReader();
    for (let n = 0; n < 5; n++) await sendOne();
    reader.releaseLock();
    await send(b.writable, ping('10.0.0.3', '10.0.0.2', 9, bytes('x')));
    a.readable.pipeTo(b.writable).catch(ignore);
    await sendOne();
    await until(() => b.statistics.rxPackets === 7);
    expect(a.statistics.dropped).toBe(0);
  });

  test.each(['near', 'far'])(
    '%s, JavaScript and wires take turns with the rings',
    async (where) => {
      const pair = where === 'far' ? await farPair() : await openPair();
      const a = await pair.a.createTunInterface({ ip: '10.5.0.1/24' });
      const b = await pair.b.createTunInterface({ ip: '10.5.0.2/24' });
      const writer = a.writable.getWriter();
      for (let round = 1; round <= 20; round++) {
        // By hand: one read that finds a frame, one that is given up.
        const reader = a.readable.getReader();
        await writer.write(ping('10.5.0.3', '10.5.0.1', round, new Uint8Array(round * 50)));
        expect(numberOf((await reader.read()).value)).toBe(round);
        reader.read().catch(ignore);
        reader.releaseLock();
        await send(b.writable, ping('10.5.0.3', '10.5.0.2', round, bytes('x')));
        // By wire.
        const abort = new AbortController();
        const options = { signal: abort.signal, preventCancel: true, preventAbort: true };
        const piping = a.readable.pipeTo(b.writable, options);
        for (let n = 0; n < 5; n++) {
          await writer.write(ping('10.5.0.3', '10.5.0.1', n, new Uint8Array(n * 100)));
        }
        await until(() => b.statistics.rxPackets === round * 6);
        abort.abort();
        await expect(piping).rejects.toThrow();
      }
      expect(b.statistics).toMatchObject({ rxPackets: 120, invalid: 0 });
      expect(a.statistics).toMatchObject({ txPackets: 120, dropped: 0 });
    },
  );

  test.each(['near', 'far'])(
    '%s, a frame too long for the other end is dropped there',
    async (where) => {
      const pair = where === 'far' ? await farPair() : await openPair();
      const a = await pair.a.createTunInterface({ ip: '10.5.0.1/24', mtu: 65520 });
      const b = await pair.b.createTunInterface({ ip: '10.5.0.2/24', mtu: 576, ringSize: 1 });
      a.readable.pipeTo(b.writable).catch(ignore);
      const writer = a.writable.getWriter();
      for (let n = 1; n <= 10; n++) {
        for (const length of [60_000, 10_000, 100]) {
          await writer.write(ping('10.5.0.3', '10.5.0.1', n, new Uint8Array(length)));
        }
        await until(() => b.statistics.rxPackets === n);
      }
      expect(a.statistics.txPackets).toBe(30);
      expect(a.statistics.lost).toBe(20);
    },
  );

  test.each(['near', 'far'])('%s, a connection survives pulling and plugging', async (where) => {
    const pair = where === 'far' ? await farPair() : await openPair();
    const connect = (): (() => Promise<unknown>) => {
      const abort = new AbortController();
      const keep = { preventAbort: true, preventCancel: true, preventClose: true };
      const options = { signal: abort.signal, ...keep };
      const pipes = [
        pair.tapA.readable.pipeTo(pair.tapB.writable, options),
        pair.tapB.readable.pipeTo(pair.tapA.writable, options),
      ];
      return () => {
        abort.abort();
        return Promise.allSettled(pipes);
      };
    };
    let pull = connect();
    const { client, server } = await connectEnds(pair.a, pair.b);
    const data = new Prng(4).bytes(4_000_000);
    const sending = send(client.writable, data).then(() => client.closeWrite());
    const hash = new StreamHash();
    for (let n = 0; n < 4; n++) {
      hash.update(await readUpTo(server.readable, 1));
      await pull();
      await settle(2);
      pull = connect();
    }
    hash.update(await readAll(server.readable));
    await sending;
    expect(hash.digest()).toBe(hashOf(data));
    await server.close();
  });
});

describe('pipeTo() it remains', () => {
  const code = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'ok',
      (error) => error.code ?? error.name,
    );

  test('both streams are locked meanwhile and not afterwards', async () => {
    const { tapA, tapB } = await openPair();
    const abort = new AbortController();
    const keep = { preventAbort: true, preventCancel: true };
    const piping = tapA.readable.pipeTo(tapB.writable, { signal: abort.signal, ...keep });
    expect([tapA.readable.locked, tapB.writable.locked]).toEqual([true, true]);
    expect(() => tapA.readable.getReader()).toThrow(TypeError);
    expect(() => tapB.writable.getWriter()).toThrow(TypeError);
    await expect(tapA.readable.pipeTo(new WritableStream())).rejects.toThrow(TypeError);
    await expect(tapB.readable.pipeTo(tapB.writable)).rejects.toThrow(TypeError);
    expect(tapB.readable.locked).toBe(false);
    await expect(tapA.readable.cancel()).rejects.toThrow(TypeError);
    abort.abort();
    await expect(piping).rejects.toThrow('abort');
    expect([tapA.readable.locked, tapB.writable.locked]).toEqual([false, false]);
  });

  test('a signal ends it with its reason, cancels the source, aborts the destination', async () => {
    const { tapA, tapB } = await openPair();
    const reason = new Error('unplugged');
    const abort = new AbortController();
    const piping = tapA.readable.pipeTo(tapB.writable, { signal: abort.signal });
    await settle();
    abort.abort(reason);
    await expect(piping).rejects.toBe(reason);
    expect(await tapA.readable.getReader().read()).toMatchObject({ done: true });
    await expect(tapB.writable.getWriter().write(new Uint8Array(60))).rejects.toBe(reason);
  });

  test('a signal that was aborted before', async () => {
    const { tapA, tapB } = await openPair();
    const reason = new Error('never');
    const signal = AbortSignal.abort(reason);
    const keep = { preventAbort: true, preventCancel: true };
    await expect(tapA.readable.pipeTo(tapB.writable, { signal, ...keep })).rejects.toBe(reason);
    plug(tapA, tapB);
    expect(tapA.readable.locked).toBe(true);
  });

  test.each([false, true])('the source is removed, preventClose %s', async (preventClose) => {
    const { a, b, tapA, tapB } = await openPair();
    const piping = code(tapA.readable.pipeTo(tapB.writable, { preventClose }));
    await settle();
    await a.removeInterface(tapA);
    expect(await piping).toBe('ok');
    expect(tapB.writable.locked).toBe(false);
    const again = await a.createTapInterface({ ip: `${ENDS[4].a}/24` });
    if (!preventClose) {
      expect(await code(tapB.writable.getWriter().closed)).toBe('ok');
    } else {
      plug(again, tapB);
      await expectIntact({ a, b }, 100_000);
    }
  });

  test.each([false, true])(
    'the destination is removed, preventCancel %s',
    async (preventCancel) => {
      const { a, b, tapA, tapB } = await openPair();
      const piping = code(tapA.readable.pipeTo(tapB.writable, { preventCancel }));
      await settle();
      await b.removeInterface(tapB);
      expect(await piping).toBe('ENODEV');
      expect(tapA.readable.locked).toBe(false);
      const again = await b.createTapInterface({ ip: `${ENDS[4].b}/24` });
      if (!preventCancel) {
        expect(await tapA.readable.getReader().read()).toMatchObject({ done: true });
      } else {
        plug(tapA, again);
        await expectIntact({ a, b }, 100_000);
      }
    },
  );

  test.each(['near', 'far'])('%s, either stack closes', async (where) => {
    const pairs = [];
    for (let n = 0; n < 2; n++) pairs.push(where === 'far' ? await farPair() : await openPair());
    for (const [n, { a, b, tapA, tapB }] of pairs.entries()) {
      const piping = code(tapA.readable.pipeTo(tapB.writable));
      const back = code(tapB.readable.pipeTo(tapA.writable));
      const { client } = await connectEnds(a, b);
      client.writable
        .getWriter()
        .write(new Uint8Array(2 ** 22))
        .catch(ignore);
      await settle(1);
      await (n === 0 ? a : b).close();
      expect([await piping, await back]).toEqual(
        n === 0 ? ['ok', 'ESHUTDOWN'] : ['ESHUTDOWN', 'ok'],
      );
      await (n === 0 ? b : a).close();
    }
  });

  test('what was sent before the source goes still arrives', async () => {
    const { a, b } = await wiredPair();
    const { client, server } = await connectEnds(a, b);
    const reading = readAll(server.readable);
    await send(client.writable, new Uint8Array(1000).fill(1));
    await client.closeWrite();
    await a.close();
    expect(await reading).toHaveLength(1000);
    await expect(server.close()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
