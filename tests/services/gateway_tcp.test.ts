// SPDX-License-Identifier: MIT
// gateway_tcp.test - connections of guests through a gateway

import type { TcpConnection } from 'ringstack';
import type { StreamConnection, TcpFlow } from 'ringstack/gateway';
import { describe, expect, test } from 'vitest';
import { FAR, gatewayNetwork } from '../helpers/gateway.ts';
import { bytes, outcome, readAll, text, until } from '../helpers/net.ts';

/** Reads one chunk. */
async function read(connection: StreamConnection): Promise<string> {
  const reader = connection.readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return text(value as Uint8Array);
}

async function write(connection: StreamConnection, what: string): Promise<void> {
  const writer = connection.writable.getWriter();
  await writer.write(bytes(what));
  writer.releaseLock();
}

describe('a connection', () => {
  test.each([4, 6] as const)('of IPv%i goes out and comes back', async (family) => {
    const { guest, inside, outside, gateway, events } = await gatewayNetwork();
    const listener = await outside.listenTcp({ port: 80 });
    const ours = await guest.connectTcp({ host: FAR[family], port: 80 });
    const theirs = await listener.accept();
    await write(ours, 'question');
    expect(await read(theirs)).toBe('question');
    await write(theirs, 'answer');
    expect(await read(ours)).toBe('answer');
    const [flow] = [...gateway.flows()];
    expect(flow).toMatchObject({
      protocol: 'tcp',
      direction: 'out',
      state: 'open',
      destination: { address: FAR[family], port: 80 },
      bytesOut: 8,
      bytesIn: 6,
    });
    await ours.close();
    await theirs.close();
    await until(() => gateway.statistics.tcpFlows === 0);
    expect([...gateway.flows()]).toEqual([]);
    expect(events.map((event) => event.kind)).toEqual(['open', 'close']);
    expect(events[1]).toMatchObject({ bytesOut: 8, bytesIn: 6 });
    await gateway.close();
    await until(() => inside.statistics.sockets === 0);
  });

  test('is answered only when the far side is there', async () => {
    let connect = (_: StreamConnection): void => {};
    const far = new Promise<StreamConnection>((resolve) => (connect = resolve));
    const { guest, outside } = await gatewayNetwork({ tcp: () => far });
    const listener = await outside.listenTcp({ port: 7 });
    let isOpen = false;
    const opening = guest.connectTcp({ host: FAR[4], port: 80 });
    void opening.then(() => (isOpen = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isOpen).toBe(false);
    const [connection] = await Promise.all([
      outside.connectTcp({ host: '127.0.0.1', port: 7 }),
      listener.accept(),
    ]);
    connect(connection);
    await opening;
  });

  test.each([4, 6] as const)(
    'to a port of IPv%i where nobody listens is refused',
    async (family) => {
      const { guest, gateway, events } = await gatewayNetwork();
      const ends = outcome(guest.connectTcp({ host: FAR[family], port: 81 }));
      expect(await ends).toBe('ECONNREFUSED');
      expect(gateway.statistics).toMatchObject({ failed: 1, tcpFlows: 0, tcpOpened: 0 });
      expect(events).toMatchObject([{ kind: 'fail', error: { code: 'ECONNREFUSED' } }]);
    },
  );

  test('to a host that cannot be reached is unreachable', async () => {
    const { guest } = await gatewayNetwork();
    const ends = outcome(guest.connectTcp({ host: '198.51.100.1', port: 81, timeout: 20_000 }));
    expect(await ends).toBe('EHOSTUNREACH');
  });

  test('to a host that never answers is given up, and nothing is left', async () => {
    let aborted = 0;
    const { guest, gateway, inside } = await gatewayNetwork({
      tcp: ({ signal }: TcpFlow) =>
        new Promise<StreamConnection>(() => signal.addEventListener('abort', () => aborted++)),
      limits: { connectTimeout: 300 },
    });
    const ends = outcome(guest.connectTcp({ host: FAR[4], port: 81, timeout: 20_000 }));
    expect(await ends).toBe('EHOSTUNREACH');
    expect(aborted).toBe(1);
    expect(gateway.statistics).toMatchObject({ failed: 1, tcpFlows: 0 });
    expect(inside.statistics.sockets).toBe(5);
  });

  test('that connects too late is reset', async () => {
    let finish = (_: StreamConnection): void => {};
    const { guest, outside } = await gatewayNetwork({
      tcp: () => new Promise<StreamConnection>((resolve) => (finish = resolve)),
      limits: { connectTimeout: 200 },
    });
    const listener = await outside.listenTcp({ port: 7 });
    await outcome(guest.connectTcp({ host: FAR[4], port: 81, timeout: 20_000 }));
    const [late, theirs] = await Promise.all([
      outside.connectTcp({ host: '127.0.0.1', port: 7 }),
      listener.accept(),
    ]);
    finish(late);
    expect(await outcome(theirs.closed)).toBe('ECONNRESET');
  });

  test.each([
    ['prohibited', 'EHOSTUNREACH', undefined],
    ['refused', 'ECONNREFUSED', 'refused'],
    ['unreachable', 'EHOSTUNREACH', 'unreachable'],
    ['drop', 'ETIMEDOUT', 'drop'],
  ] as const)('that the policy refuses is %s', async (_, code, onDeny) => {
    const { guest, gateway, events } = await gatewayNetwork({
      policy: {},
      ...(onDeny && { onDeny }),
    });
    const ends = outcome(guest.connectTcp({ host: '192.168.1.1', port: 81, timeout: 1500 }));
    expect(await ends).toBe(code);
    expect(gateway.statistics.denied).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({ kind: 'deny', rule: 'floor: private' });
  });

  test('without a way out is unreachable', async () => {
    const { guest } = await gatewayNetwork({ tcp: undefined } as never);
    const ends = outcome(guest.connectTcp({ host: FAR[4], port: 81, timeout: 20_000 }));
    expect(await ends).toBe('EHOSTUNREACH');
  });

  test('is refused by a function as it says, or served by it', async () => {
    const { guest, events } = await gatewayNetwork({
      tcp: async (flow: TcpFlow) => {
        if (flow.destination.port === 1) return 'refused';
        if (flow.destination.port === 2) return flow.reject('unreachable') as undefined;
        const connection = await flow.accept();
        await connection.readable.pipeTo(connection.writable);
        return undefined;
      },
    });
    const to = (port: number) => guest.connectTcp({ host: FAR[4], port, timeout: 20_000 });
    expect(await outcome(to(1))).toBe('ECONNREFUSED');
    expect(await outcome(to(2))).toBe('EHOSTUNREACH');
    const echo = await to(3);
    await write(echo, 'echo');
    await echo.closeWrite();
    expect(text(await readAll(echo.readable))).toBe('echo');
    await until(() => events.some((event) => event.kind === 'close'));
  });
});

describe('each half of a connection closes by itself', () => {
  async function ends(): Promise<{ ours: TcpConnection; theirs: TcpConnection }> {
    const { guest, outside } = await gatewayNetwork();
    const listener = await outside.listenTcp({ port: 80 });
    const [ours, theirs] = await Promise.all([
      guest.connectTcp({ host: FAR[4], port: 80 }),
      listener.accept(),
    ]);
    return { ours, theirs };
  }

  test('the guest first: what comes back still arrives', async () => {
    const { ours, theirs } = await ends();
    await write(ours, 'all');
    await ours.closeWrite();
    expect(text(await readAll(theirs.readable))).toBe('all');
    await write(theirs, 'late answer');
    await theirs.closeWrite();
    expect(text(await readAll(ours.readable))).toBe('late answer');
  });

  test('the far side first: what the guest sends still arrives', async () => {
    const { ours, theirs } = await ends();
    await write(theirs, 'banner');
    await theirs.closeWrite();
    expect(text(await readAll(ours.readable))).toBe('banner');
    await write(ours, 'late');
    await ours.closeWrite();
    expect(text(await readAll(theirs.readable))).toBe('late');
  });

  test('at once, before anything was sent', async () => {
    const { ours, theirs } = await ends();
    await Promise.all([ours.closeWrite(), theirs.closeWrite()]);
    expect(await readAll(ours.readable)).toHaveLength(0);
    expect(await readAll(theirs.readable)).toHaveLength(0);
    await Promise.all([ours.closed, theirs.closed]);
  });

  test('a reset is passed on, both ways', async () => {
    const one = await ends();
    one.ours.abort();
    expect(await outcome(one.theirs.closed)).toBe('ECONNRESET');
    const other = await ends();
    other.theirs.abort();
    expect(await outcome(other.ours.closed)).toBe('ECONNRESET');
  });
});

test('a slow far side holds the guest off', async () => {
  const { guest, outside, gateway } = await gatewayNetwork();
  const listener = await outside.listenTcp({ port: 80 });
  const ours = await guest.connectTcp({ host: FAR[4], port: 80 });
  const theirs = await listener.accept();
  const writer = ours.writable.getWriter();
  let written = 0;
  void (async () => {
    for (;;) {
      await writer.write(new Uint8Array(65_536));
      written += 65_536;
    }
  })().catch(() => {});
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  // Four rings and what streams hold on the way; not without end.
  expect(written).toBeLessThan(32 * 2 ** 20);
  const reader = theirs.readable.getReader();
  let got = 0;
  while (got < before) got += (await reader.read()).value?.length ?? 0;
  await until(() => written > before);
  expect(gateway.statistics.bytesOut).toBeGreaterThanOrEqual(before);
});

test('close() ends what is open and what connects, and leaves nothing', async () => {
  let isAborted = false;
  const { guest, outside, gateway, inside } = await gatewayNetwork((far) => ({
    tcp: (flow: TcpFlow) => {
      if (flow.destination.port === 80) return far.connectTcp({ host: FAR[4], port: 80 });
      flow.signal.addEventListener('abort', () => (isAborted = true));
      return new Promise<StreamConnection>(() => {});
    },
  }));
  const listener = await outside.listenTcp({ port: 80 });
  const open = await guest.connectTcp({ host: FAR[4], port: 80 });
  const theirs = await listener.accept();
  const waiting = outcome(guest.connectTcp({ host: FAR[4], port: 81, timeout: 20_000 }));
  await until(() => gateway.statistics.tcpFlows === 2);
  await gateway.close();
  expect(isAborted).toBe(true);
  expect(await outcome(open.closed)).toBe('ECONNRESET');
  expect(await outcome(theirs.closed)).toBe('ECONNRESET');
  expect(await waiting).not.toBe('open');
  expect(gateway.statistics.tcpFlows).toBe(0);
  await gateway.closed;
  await until(() => inside.statistics.sockets === 0);
});

test('flows are bounded in all and for each guest, and a flood of ten times as many ends', async () => {
  const { guest, outside, gateway, inside, events } = await gatewayNetwork({
    limits: { flows: 20, flowsPerSource: 10, pending: 16 },
  });
  const listener = await outside.listenTcp({ port: 80 });
  const held: TcpConnection[] = [];
  void (async () => {
    for await (const connection of listener) held.push(connection);
  })();
  const opening = Array.from({ length: 100 }, () =>
    guest.connectTcp({ host: FAR[4], port: 80, timeout: 2500 }),
  );
  const results = await Promise.allSettled(opening);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  expect(gateway.statistics.tcpFlows).toBe(10);
  expect(gateway.statistics.limited).toBeGreaterThan(0);
  expect(events.some((event) => event.kind === 'limit')).toBe(true);
  for (const connection of held) connection.abort();
  await until(() => gateway.statistics.tcpFlows === 0);
  const again = await guest.connectTcp({ host: FAR[4], port: 80 });
  again.abort();
  await until(() => gateway.statistics.tcpFlows === 0);
  await until(() => inside.statistics.sockets === 5);
});
