// SPDX-License-Identifier: MIT
// listener.test - accepting: order, iteration at any time, the backlog, closing

import type { NetworkStack, TcpConnection, TcpListener } from 'ringstack';
import { describe, expect, test } from 'vitest';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  openStack,
  outcome,
  passTime,
  readUpTo,
  send,
  settle,
  text,
  until,
  wiredPair,
} from '../helpers/net.ts';
import { NO_DISPOSE, testUnless } from '../helpers/runtime.ts';

const host = '127.0.0.1';

/** A stack that listens to itself. */
async function listening(
  backlog?: number,
): Promise<{ stack: NetworkStack; listener: TcpListener }> {
  const stack = await openStack();
  const options = backlog === undefined ? {} : { backlog };
  return { stack, listener: await stack.listenTcp({ port: 80, ...options }) };
}

const connect = (stack: NetworkStack): Promise<TcpConnection> =>
  stack.connectTcp({ host, port: 80 });

const connectMany = (stack: NetworkStack, n: number): Promise<TcpConnection[]> =>
  Promise.all(Array.from({ length: n }, () => connect(stack)));

const portsOf = (connections: readonly TcpConnection[]): Set<number> =>
  new Set(connections.map(({ localPort }) => localPort));

describe('accept()', () => {
  test('gives connections in the order they came, whoever waits first', async () => {
    const { stack, listener } = await listening();
    const early = [listener.accept(), listener.accept()];
    const clients: TcpConnection[] = [];
    for (let n = 0; n < 4; n++) clients.push(await connect(stack));
    const servers = await Promise.all([...early, listener.accept(), listener.accept()]);
    expect(servers.map((server) => server.remotePort)).toEqual(
      clients.map((client) => client.localPort),
    );
  });

  test('gives data that came before it was called', async () => {
    const { stack, listener } = await listening();
    const client = await connect(stack);
    await send(client.writable, bytes('early'));
    await client.closeWrite();
    const server = await listener.accept();
    expect(text(await readUpTo(server.readable, 100))).toBe('early');
  });
});

describe('iteration', () => {
  test('gives connections that came before it began', async () => {
    const { stack, listener } = await listening();
    const clients = await connectMany(stack, 20);
    const seen: number[] = [];
    for await (const server of listener) {
      if (seen.push(server.remotePort) === clients.length) break;
    }
    expect(new Set(seen)).toEqual(portsOf(clients));
  });

  test('a second loop never gives a connection twice, and none is lost between loops', async () => {
    const { stack, listener } = await listening();
    const seen: number[] = [];
    const clients: TcpConnection[] = [];
    for (let round = 0; round < 5; round++) {
      clients.push(...(await connectMany(stack, 4)));
      for await (const server of listener) {
        if (seen.push(server.remotePort) % 4 === 0) break;
      }
    }
    expect(seen).toHaveLength(20);
    expect(new Set(seen)).toEqual(portsOf(clients));
  });

  test('a loop that is left while it waits loses no connection', async () => {
    const { stack, listener } = await listening();
    const iterator = listener[Symbol.asyncIterator]();
    const waiting = iterator.next();
    const leaving = iterator.return?.();
    const [client, other] = await connectMany(stack, 2);
    const servers: (TcpConnection | undefined)[] = [(await waiting).value];
    servers.push(await listener.accept());
    await leaving;
    expect(new Set(servers.map((server) => server?.remotePort))).toEqual(
      portsOf([client, other] as TcpConnection[]),
    );
  });

  test('two loops at once share the connections', async () => {
    const { stack, listener } = await listening();
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const server of listener) seen.push(server.remotePort);
    };
    const loops = [loop(), loop()];
    const clients = await connectMany(stack, 50);
    await until(() => seen.length === 50);
    expect(new Set(seen)).toEqual(portsOf(clients));
    await listener.close();
    await Promise.all(loops);
  });

  test('serves an echo to each while it goes on', async () => {
    const { stack, listener } = await listening();
    const serving = (async () => {
      for await (const server of listener) server.readable.pipeTo(server.writable).catch(ignore);
    })();
    for (let n = 0; n < 10; n++) {
      const client = await connect(stack);
      await send(client.writable, bytes(`hello ${n}`));
      expect(text(await readUpTo(client.readable, 7))).toBe(`hello ${n}`);
      await client.close();
    }
    await listener.close();
    await serving;
  });
});

describe('backlog', () => {
  test.each([1, 5, 255, 300])('of %d holds as many connections and no more', async (backlog) => {
    const { a, b } = await wiredPair();
    const listener = await b.listenTcp({ port: 80, backlog });
    const opened: TcpConnection[] = [];
    const all = backlog + (backlog < 20 ? 5 : 20);
    const open = async (): Promise<void> => {
      opened.push(await a.connectTcp({ host: ENDS[4].b, port: 80 }));
    };
    const connecting = Array.from({ length: backlog }, open);
    // All of these are in the backlog before one comes that it has no room for. On a busy machine a handshake may take
    // longer than 200 ms: its place would be given to another, though its client takes it for open.
    await until(() => b.statistics.sockets === backlog + 1 && opened.length === backlog);
    for (let n = backlog; n < all; n++) connecting.push(open());
    await until(() => b.statistics.synDrops >= all - backlog);
    await settle(200);
    expect(opened.length).toBe(backlog);
    expect(b.statistics.sockets).toBe(backlog + 1);
    // The others come as room is made: their SYN is sent again.
    const accepted: TcpConnection[] = [];
    const accepting = (async () => {
      for await (const server of listener) accepted.push(server);
    })();
    for (let s = 0; s < 12 && opened.length < all; s++) await passTime(500, [a, b]);
    await Promise.all(connecting);
    await until(() => accepted.length === all);
    await listener.close();
    await accepting;
  });

  test('connections that were reset before they were accepted take no place in it', async () => {
    const { stack, listener } = await listening(4);
    for (let n = 0; n < 100; n++) {
      const client = await connect(stack);
      client.abort();
      await until(() => stack.statistics.sockets === 1);
    }
    const client = await connect(stack);
    const server = await listener.accept();
    expect(server.remotePort).toBe(client.localPort);
  });
});

describe('close()', () => {
  test('waiting accepts are rejected and loops end', async () => {
    const { listener } = await listening();
    const accepting = [listener.accept(), listener.accept()].map(outcome);
    const loop = (async () => {
      for await (const _ of listener) throw new Error('a connection from nowhere');
    })();
    await listener.close();
    expect(await Promise.all(accepting)).toEqual(['ECONNABORTED', 'ECONNABORTED']);
    await loop;
    expect(await outcome(listener.accept())).toBe('ECONNABORTED');
    expect(await listener[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
  });

  test('connections nobody accepted are reset, accepted ones go on', async () => {
    const { stack, listener } = await listening();
    const taken = await connect(stack);
    const server = await listener.accept();
    const left = await connectMany(stack, 3);
    await listener.close();
    for (const client of left) expect(await outcome(client.closed)).toBe('ECONNRESET');
    await send(taken.writable, bytes('on'));
    expect(text(await readUpTo(server.readable, 2))).toBe('on');
    await until(() => stack.statistics.sockets === 2);
  });

  test('connections still in their handshake are reset too', async () => {
    const { stack, listener } = await listening();
    const connecting = Array.from({ length: 50 }, () => outcome(connect(stack)));
    const closing = listener.close();
    const codes = new Set(await Promise.all(connecting));
    await closing;
    codes.delete('ok'); // open for a moment
    for (const code of codes) expect(['ECONNREFUSED', 'ECONNRESET']).toContain(code);
    await until(() => stack.statistics.sockets === 0);
  });

  test('twice is as good as once', async () => {
    const { stack, listener } = await listening();
    await Promise.all([listener.close(), listener.close()]);
    await listener.close();
    expect(await outcome(connect(stack))).toBe('ECONNREFUSED');
  });

  testUnless(NO_DISPOSE)(
    'is what asyncDispose does, on listeners, connections and stacks',
    async () => {
      const inner = await openStack();
      let left: { listener: TcpListener; client: TcpConnection; server: TcpConnection };
      {
        await using stack = inner;
        {
          await using listener = await stack.listenTcp({ port: 80 });
          const [client, server] = await Promise.all([connect(stack), listener.accept()]);
          {
            await using one = client;
            await using other = server;
            expect(one.localPort).toBe(other.remotePort);
          }
          await Promise.all([client.closed, server.closed]);
          left = { listener, client, server };
        }
        expect(await outcome(left.listener.accept())).toBe('ECONNABORTED');
        expect([...stack.interfaces]).toHaveLength(1);
      }
      expect(await outcome(inner.listenTcp({ port: 80 }))).toBe('ESHUTDOWN');
      await connectEnds(await openStack(), await openStack(), { host }).catch(ignore);
    },
  );

  test('a stack that closes rejects waiting accepts with ESHUTDOWN, and ends loops', async () => {
    const { stack, listener } = await listening();
    const accepting = outcome(listener.accept());
    const loop = listener[Symbol.asyncIterator]().next();
    await stack.close();
    expect(await accepting).toBe('ESHUTDOWN');
    expect(await loop).toEqual({ done: true, value: undefined });
    await listener.close();
  });
});
