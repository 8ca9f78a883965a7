// SPDX-License-Identifier: MIT
// resources.test - nothing leaks, limits are errors

import { createArena, type NetworkStack, type StackArena, type TcpConnection } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import {
  bytes,
  connectEnds,
  ENDS,
  type Ends,
  ignore,
  openStack,
  outcome,
  type Pair,
  passTime,
  readAll,
  readUpTo,
  send,
  settle,
  text,
  until,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { describeTime, heapUsed, sameBytes, testOfTime } from '../helpers/runtime.ts';

const MIB = 2 ** 20;

/** Two wired stacks in an arena of their own. */
async function pairIn(size: number): Promise<Pair & { arena: StackArena }> {
  const arena = await createArena({ size });
  return { arena, ...(await wiredPair({ stack: { arena } })) };
}

/** Counters that must be as before when everything is closed again. */
const used = ({ a, b, arena }: Pair & { arena: StackArena }) => ({
  free: arena.freeBytes,
  a: pick(a),
  b: pick(b),
});

const pick = ({ statistics: { sockets, heapBytes, ringBytes } }: NetworkStack) => ({
  sockets,
  heapBytes,
  ringBytes,
});

/**
 * Nothing was left behind. The memory of the busiest moment is kept in blocks, and which moment was that is
 * chance: less than 64 KiB, which 10,000 cycles that lose 8 bytes each would exceed.
 */
function expectNoMore(pair: Pair & { arena: StackArena }, before: ReturnType<typeof used>): void {
  const { free, a, b } = used(pair);
  expect({ a, b }).toEqual({ a: before.a, b: before.b });
  expect(Math.abs(free - before.free)).toBeLessThan(65_536);
}

/** Lets TIME_WAIT and all that is timed pass. */
const quiet = ({ a, b }: Pair): Promise<void> => passTime(30_000, [a, b], 1000);

/** Works through n jobs, so many at once. */
async function many(n: number, atOnce: number, job: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < n) await job(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const HELLO = bytes('hello');

describeTime('10,000 cycles leave nothing behind when', () => {
  const ways: [string, (ends: Ends) => Promise<unknown>][] = [
    ['the client closes first', ({ client, server }) => client.close().then(() => server.close())],
    ['the server closes first', ({ client, server }) => server.close().then(() => client.close())],
    ['both close at once', ({ client, server }) => Promise.all([client.close(), server.close()])],
    [
      'one end aborts',
      async ({ client, server }) => {
        const [one, other] = Math.random() < 0.5 ? [client, server] : [server, client];
        one.abort();
        await outcome(other.closed);
        await readAll(other.readable).catch(ignore);
      },
    ],
  ];

  test.each(ways)(
    '%s',
    async (_, end) => {
      const pair = await pairIn(64 * MIB);
      const listener = await pair.b.listenTcp({ port: 80 });
      const servers = new Map<number, (server: TcpConnection) => void>();
      const accepting = (async () => {
        for await (const server of listener) servers.get(server.remotePort)?.(server);
      })();
      let localPort = 10_000;
      const cycle = async (): Promise<void> => {
        localPort = localPort < 60_000 ? localPort + 1 : 10_000;
        const port = localPort;
        const accepted = new Promise<TcpConnection>((resolve) => servers.set(port, resolve));
        const client = await pair.a.connectTcp({ host: ENDS[4].b, port: 80, localPort: port });
        await send(client.writable, HELLO);
        const server = await accepted;
        servers.delete(port);
        await readUpTo(server.readable, HELLO.length);
        await end({ client, server, listener });
      };
      await many(200, 20, cycle);
      await quiet(pair);
      const before = used(pair);
      await many(10_000, 20, cycle);
      await quiet(pair);
      expectNoMore(pair, before);
      await listener.close();
      await accepting;
    },
    60_000,
  );
});

testOfTime(
  'a million small echoes leave nothing behind',
  async () => {
    const pair = await pairIn(64 * MIB);
    const listener = await pair.b.listenTcp({ port: 7 });
    const connections = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = pair.a.connectTcp({ host: ENDS[4].b, port: 7 });
        const server = await listener.accept();
        server.readable.pipeTo(server.writable).catch(ignore);
        return client;
      }),
    );
    const message = new Prng(1).bytes(16);
    const echo = async (client: TcpConnection, rounds: number): Promise<void> => {
      const writer = client.writable.getWriter();
      const reader = client.readable.getReader();
      for (let round = 0; round < rounds; round++) {
        for (let n = 0; n < 20; n++) void writer.write(message).catch(ignore);
        for (let left = 20 * 16; left > 0; ) left -= (await reader.read()).value?.length ?? left;
      }
      writer.releaseLock();
      reader.releaseLock();
    };
    await Promise.all(connections.map((client) => echo(client, 100)));
    await quiet(pair);
    const before = { ...used(pair), heap: heapUsed() };
    await Promise.all(connections.map((client) => echo(client, 5000)));
    await quiet(pair);
    expectNoMore(pair, before);
    expect((heapUsed() ?? 0) - (before.heap ?? 0)).toBeLessThan(4 * MIB);
  },
  60_000,
);

testOfTime('connections that have gone quiet cost what new ones cost, and work on', async () => {
  const { a, b } = await wiredPair();
  const listener = await b.listenTcp({ port: 80 });
  const data = new Prng(7).bytes(300_000);
  const pairs: { client: TcpConnection; server: TcpConnection }[] = [];
  for (let n = 0; n < 20; n++) {
    const client = await a.connectTcp({ host: ENDS[4].b, port: 80 });
    pairs.push({ client, server: await listener.accept() });
  }
  const fresh = a.statistics.ringBytes + b.statistics.ringBytes;
  const transfer = async (): Promise<void> => {
    for (const { client, server } of pairs) {
      const [got] = await Promise.all([
        readUpTo(server.readable, data.length),
        send(client.writable, data),
      ]);
      expect(sameBytes(got, data)).toBe(true);
    }
  };
  for (let round = 0; round < 3; round++) {
    await transfer();
    expect(a.statistics.ringBytes + b.statistics.ringBytes).toBeGreaterThan(4 * fresh);
    await passTime(10_000, [a, b]);
    // A receive ring has its first block once something came.
    expect(a.statistics.ringBytes + b.statistics.ringBytes).toBeLessThanOrEqual(1.5 * fresh);
  }
  expect(a.statistics.tcpRetransmits).toBe(0);
});

testOfTime(
  '10,000 idle connections fit into 256 MiB, both ends, and give it back',
  async () => {
    const pair = await pairIn(256 * MIB);
    const listener = await pair.b.listenTcp({ port: 80, backlog: 1000 });
    await quiet(pair);
    const before = used(pair);
    const ends: { client: TcpConnection; server: TcpConnection }[] = [];
    await many(10_000, 200, async () => {
      const client = await pair.a.connectTcp({ host: ENDS[4].b, port: 80 });
      ends.push({ client, server: await listener.accept() });
    });
    expect([pair.a.statistics.sockets, pair.b.statistics.sockets]).toEqual([10_000, 10_001]);
    expect(pair.arena.freeBytes).toBeGreaterThan(0);
    // They still work. Indices of clients and of accepted connections do not match.
    const servers = new Map(ends.map(({ server }) => [server.remotePort, server]));
    for (let n = 0; n < 10_000; n += 97) {
      const { client } = ends[n] as (typeof ends)[number];
      await send(client.writable, bytes(`${n}`));
      const server = servers.get(client.localPort) as TcpConnection;
      expect(text(await readUpTo(server.readable, `${n}`.length))).toBe(`${n}`);
    }
    await Promise.all(
      ends.map(({ client, server }) => Promise.all([client.close(), server.close()])),
    );
    await listener.close();
    await quiet(pair);
    const after = used(pair);
    expect([after.a.sockets, after.b.sockets]).toEqual([0, 0]);
    expect([after.a.ringBytes, after.b.ringBytes]).toEqual([0, 0]);
    // The table of sockets keeps its size: eight bytes a socket.
    expect(before.free - after.free).toBeLessThan(1 * MIB);
  },
  60_000,
);

describe('out of memory', () => {
  /** A stack in a small arena, filled with connections to a peer in another until one fails. */
  async function filled() {
    const arena = await createArena({ size: 3 * MIB });
    const pair = await wiredPair({ stackB: { arena } });
    const { a, b } = pair;
    const listener = await a.listenTcp({ port: 80, backlog: 1000 });
    const accepted = new Map<number, TcpConnection>();
    const accepting = (async () => {
      for await (const one of listener) accepted.set(one.remotePort, one);
    })();
    const first = await b.connectTcp({ host: ENDS[4].a, port: 80 });
    await until(() => accepted.size === 1);
    const peer = accepted.get(first.localPort) as TcpConnection;
    await send(peer.writable, HELLO); // it takes its receive ring
    await readUpTo(first.readable, 5);
    const others: TcpConnection[] = [];
    let code = 'ok';
    while (code === 'ok') {
      code = await outcome(
        b.connectTcp({ host: ENDS[4].a, port: 80 }).then((one) => others.push(one)),
      );
    }
    return { ...pair, arena, first, peer, others, code, listener, accepting };
  }

  test('is ENOMEM to who connects, others go on, and it works again after closing', async () => {
    const { b, first, peer, others, code } = await filled();
    expect(code).toBe('ENOMEM');
    expect(others.length).toBeGreaterThan(50);
    expect(await outcome(b.createTapInterface())).toBe('ENOMEM');
    await send(first.writable, HELLO);
    expect(await readUpTo(peer.readable, 5)).toEqual(HELLO);
    await send(peer.writable, HELLO);
    expect(await readUpTo(first.readable, 5)).toEqual(HELLO);
    for (const one of others.splice(0, 20)) one.abort();
    await settle();
    expect(await outcome(b.connectTcp({ host: ENDS[4].a, port: 80 }))).toBe('ok');
  });

  test('is a reset to a peer that connects', async () => {
    const { a, b, others } = await filled();
    const listener = await b.listenTcp({ port: 81 }).catch(() => undefined);
    if (!listener) others.pop()?.abort();
    const target = listener ?? (await b.listenTcp({ port: 81 }));
    const codes: string[] = [];
    for (let n = 0; n < 5; n++) {
      const client = a.connectTcp({ host: ENDS[4].b, port: target.port });
      codes.push(await outcome(client.then((one) => one.closed)));
    }
    expect(new Set(codes)).toEqual(new Set(['ECONNRESET']));
  });

  test('of a receiver holds the sender up until there is some', async () => {
    const { b, first, peer, others } = await filled();
    const data = new Prng(2).bytes(500_000);
    const reading = readAll(first.readable);
    const sending = send(peer.writable, data).then(() => peer.closeWrite());
    await until(() => b.statistics.noMemoryDrops > 0);
    for (const one of others) one.abort();
    expect(hashOf(await reading)).toBe(hashOf(data));
    await sending;
  });

  test('of a sender slows it, at any alignment', async () => {
    const { first, peer } = await filled();
    const data = new Prng(3).bytes(100_001);
    const reading = readUpTo(peer.readable, 100_000);
    await send(first.writable, data.subarray(1));
    expect(hashOf(await reading)).toBe(hashOf(data.subarray(1)));
  });

  test('for a stack is ENOMEM, and takes nothing', async () => {
    const arena = await createArena({ size: 1 * MIB });
    const stacks: NetworkStack[] = [];
    let code = 'ok';
    while (code === 'ok') {
      const before = arena.freeBytes;
      code = await outcome(openStack({ arena }).then((stack) => stacks.push(stack)));
      if (code !== 'ok') expect(arena.freeBytes).toBe(before);
    }
    expect(code).toBe('ENOMEM');
    expect(stacks.length).toBeGreaterThan(0);
    await connectEnds(...([stacks[0], stacks[0]] as [NetworkStack, NetworkStack]), {
      host: '127.0.0.1',
    });
  });
});

test('closing a stack gives back exactly what it took, whatever it was doing', async () => {
  const arena = await createArena({ size: 64 * MIB });
  const rounds: number[] = [];
  for (let round = 0; round < 4; round++) {
    const { a, b } = await wiredPair({ stack: { arena, initializeLoopback: true } });
    const ends: Ends[] = [];
    for (let n = 0; n < 20; n++) ends.push(await connectEnds(a, b));
    ends.push(await connectEnds(a, a, { host: '::1' }));
    const data = new Prng(4).bytes(2_000_001).subarray(1);
    for (const { client } of ends) send(client.writable, data).catch(ignore);
    for (const [n, { client, server }] of ends.entries()) {
      if (n % 3 === 0) await readUpTo(server.readable, 100_000);
      if (n % 4 === 0) server.close().catch(ignore);
      if (n % 5 === 0) client.abort();
      if (n % 7 === 0) client.close().catch(ignore);
    }
    a.connectTcp({ host: '10.0.0.99', port: 1 }).catch(ignore);
    await (round & 1 ? a : b).close();
    await settle(round);
    await (round & 1 ? b : a).close();
    rounds.push(arena.freeBytes);
  }
  // The first round counts in what the arena itself took once, to copy with.
  expect(new Set(rounds).size).toBe(1);
  expect(64 * MIB - (rounds[0] ?? 0)).toBeLessThan(1 * MIB);
});
