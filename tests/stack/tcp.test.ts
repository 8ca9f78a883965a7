// SPDX-License-Identifier: MIT
// tcp.test - connecting: to where, from where, and every way it can fail

import {
  NetError,
  type NetworkStack,
  type TcpConnectOptions,
  type TcpListenOptions,
} from 'ringstack';
import { describe, expect, test } from 'vitest';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  loopbackEnds,
  openPair,
  openStack,
  outcome,
  passTime,
  readUpTo,
  send,
  settle,
  text,
  until,
  wiredEnds,
  wiredPair,
} from '../helpers/net.ts';

/** Sends a word each way. */
async function expectTalk({ client, server }: Awaited<ReturnType<typeof loopbackEnds>>) {
  await Promise.all([send(client.writable, bytes('ping')), send(server.writable, bytes('pong'))]);
  expect(text(await readUpTo(server.readable, 4))).toBe('ping');
  expect(text(await readUpTo(client.readable, 4))).toBe('pong');
}

describe('a connection is made', () => {
  test.each(['127.0.0.1', '::1', 'localhost', '10.0.0.1', 'fd00::1'])(
    'over loopback to %s',
    async (host) => {
      const stack = await openStack();
      await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
      const ends = await connectEnds(stack, stack, { host });
      const address = host === 'localhost' ? '127.0.0.1' : host;
      expect(ends.client.remoteAddress).toBe(address);
      expect(ends.server.localAddress).toBe(address);
      await expectTalk(ends);
    },
  );

  test('to its own tap address without a loopback interface', async () => {
    const stack = await openStack({ initializeLoopback: false });
    await stack.createTapInterface({ ip: '10.0.0.1/24' });
    const code = await outcome(stack.connectTcp({ host: '10.0.0.1', port: 80, timeout: 300 }));
    expect(['EHOSTUNREACH', 'ECONNREFUSED', 'ETIMEDOUT']).toContain(code);
  });

  test.each([ENDS[4].b, ENDS[6].b])('between two stacks to %s', async (host) => {
    await expectTalk(await wiredEnds({ host }));
  });

  test('between link-local addresses, by the number of the interface', async () => {
    const { a, b } = await wiredPair({ stack: { initializeLoopback: true }, tap: { ip: [] } });
    const tapA = await a.createTapInterface({ ip: 'fe80::a/64' });
    const tapB = await b.createTapInterface({ ip: 'fe80::b/64' });
    tapA.readable.pipeTo(tapB.writable).catch(ignore);
    tapB.readable.pipeTo(tapA.writable).catch(ignore);
    const ends = await connectEnds(a, b, { host: 'fe80::b%3' });
    expect(ends.client.remoteAddress).toBe('fe80::b%3');
    await expectTalk(ends);
    // The zone is that of the other stack: the address can be connected to as it is.
    expect(ends.server.remoteAddress).toMatch(/%3$/);
    const back = await a.listenTcp({ port: 81 });
    await b.connectTcp({ host: ends.server.remoteAddress, port: back.port });
    expect(tapA.linkLocalAddress).toMatch(/^fe80::/);
    const [tun, bare] = [
      await a.createTunInterface({ ip: 'fd00:7::1/64' }),
      await a.createTapInterface({ mac: '02:00:00:00:00:02' }),
    ];
    expect([tun.linkLocalAddress, bare.linkLocalAddress]).toEqual([undefined, undefined]);
    await bare.addAddress('fd00:8::1/64');
    expect(bare.linkLocalAddress).toBe('fe80::ff:fe00:2');
    expect(await outcome(a.connectTcp({ host: 'fe80::b%9', port: 80 }))).toBe('EINVAL');
  });

  test('both ends show the same addresses and ports', async () => {
    const { client, server, listener } = await wiredEnds();
    expect(listener.host).toBe('::');
    expect(client.localAddress).toBe(ENDS[4].a);
    expect(client.remoteAddress).toBe(ENDS[4].b);
    expect(client.remotePort).toBe(listener.port);
    expect(server.localAddress).toBe(client.remoteAddress);
    expect(server.localPort).toBe(client.remotePort);
    expect(server.remoteAddress).toBe(client.localAddress);
    expect(server.remotePort).toBe(client.localPort);
    await Promise.all([client.opened, server.opened]);
  });

  test('from the address and port that were asked for', async () => {
    const connect = { localAddress: ENDS[4].a, localPort: 4321 };
    const { server } = await wiredEnds({ connect });
    expect([server.remoteAddress, server.remotePort]).toEqual([ENDS[4].a, 4321]);
  });

  test('from a random port otherwise', async () => {
    const stack = await openStack();
    const { listener, client } = await connectEnds(stack, stack, { host: '127.0.0.1' });
    const again = await stack.connectTcp({ host: '127.0.0.1', port: listener.port });
    expect(again.localPort).not.toBe(client.localPort);
    for (const { localPort } of [again, client]) expect(localPort).toBeGreaterThanOrEqual(32768);
  });

  test.each([4, 6] as const)('a thousand at once over IPv%d', async (family) => {
    const { a, b } = await wiredPair();
    const listener = await b.listenTcp({ port: 80, backlog: 1000 });
    const clients = Promise.all(
      Array.from({ length: 1000 }, () => a.connectTcp({ host: ENDS[family].b, port: 80 })),
    );
    const servers = Promise.all(Array.from({ length: 1000 }, () => listener.accept()));
    const peers = new Map((await servers).map((server) => [server.remotePort, server]));
    expect(peers.size).toBe(1000);
    for (const [n, client] of (await clients).entries()) {
      await send(client.writable, bytes(`${n}`));
      const server = peers.get(client.localPort);
      expect(server && text(await readUpTo(server.readable, 1))).toBe(`${n}`);
    }
    expect([a.statistics.sockets, b.statistics.sockets]).toEqual([1000, 1001]);
  });
});

describe('connecting fails with', () => {
  const refused = async (options: Partial<TcpConnectOptions>): Promise<string> => {
    const stack = await openStack();
    return outcome(stack.connectTcp({ host: '127.0.0.1', port: 80, ...options }));
  };

  test('ECONNREFUSED when nobody listens', async () => {
    const { a } = await wiredPair();
    for (const { b } of [ENDS[4], ENDS[6]]) {
      const error = await a.connectTcp({ host: b, port: 81 }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(NetError);
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
      expect(String(error)).toContain(b);
    }
    expect(await refused({})).toBe('ECONNREFUSED');
  });

  test('EHOSTUNREACH without a route', async () => {
    expect(await refused({ host: '10.0.0.1' })).toBe('EHOSTUNREACH');
    expect(await refused({ host: '2001:db8::1' })).toBe('EHOSTUNREACH');
    const stack = await openStack({ initializeLoopback: false });
    await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
    for (const host of ['10.0.1.1', 'fd01::1', 'fe80::1']) {
      expect(await outcome(stack.connectTcp({ host, port: 80 }))).toBe('EHOSTUNREACH');
    }
  });

  test('EHOSTUNREACH when no host answers for the address on the link', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
    const reader = tap.readable.getReader();
    const connecting = outcome(stack.connectTcp({ host: '10.0.0.2', port: 80 }));
    await reader.read();
    // TCP gives up after 12 s, which need not pass in real time.
    await passTime(15_000, [stack]);
    expect(await connecting).toBe('EHOSTUNREACH');
  });

  test('ETIMEDOUT when nothing answers within the timeout', async () => {
    const stack = await openStack();
    await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const start = performance.now();
    const connecting = stack.connectTcp({ host: '10.0.0.2', port: 80, timeout: 150 });
    expect(await outcome(connecting)).toBe('ETIMEDOUT');
    expect(performance.now() - start).toBeGreaterThan(140);
    await until(() => stack.statistics.sockets === 0);
  });

  test('a timeout that does not strike leaves nothing behind', async () => {
    const { client } = await loopbackEnds({ connect: { timeout: 30 } });
    await new Promise((resolve) => setTimeout(resolve, 60)); // past it
    expect(await Promise.race([client.closed.catch(() => 'failed'), 'open'])).toBe('open');
  });

  test("the signal's reason when it is aborted before", async () => {
    const reason = new Error('not now');
    const stack = await openStack();
    const connecting = stack.connectTcp({
      host: '127.0.0.1',
      port: 80,
      signal: AbortSignal.abort(reason),
    });
    await expect(connecting).rejects.toBe(reason);
    expect(stack.statistics.sockets).toBe(0);
  });

  test("the signal's reason when it is aborted at any moment", async () => {
    const stack = await openStack();
    await stack.createTunInterface({ ip: '10.0.0.1/24' });
    for (const rounds of [0, 1, 5]) {
      const reason = new Error('no longer');
      const abort = new AbortController();
      const options = { host: '10.0.0.2', port: 80, signal: abort.signal };
      const connecting = stack.connectTcp(options);
      connecting.catch(ignore);
      await settle(rounds);
      abort.abort(reason);
      await expect(connecting).rejects.toBe(reason);
    }
    await until(() => stack.statistics.sockets === 0);
  });

  test('a signal aborted after the connection is open changes nothing', async () => {
    const abort = new AbortController();
    const ends = await loopbackEnds({ connect: { signal: abort.signal } });
    abort.abort();
    await expectTalk(ends);
  });

  test('EADDRNOTAVAIL when the local address is none of ours', async () => {
    expect(await refused({ localAddress: '10.0.0.1' })).toBe('EADDRNOTAVAIL');
    expect(await refused({ localAddress: '::1' })).toBe('EADDRNOTAVAIL');
  });

  test('EADDRINUSE when the local port is taken', async () => {
    const stack = await openStack();
    const { client, listener } = await connectEnds(stack, stack, { host: '127.0.0.1' });
    const { localPort } = client;
    const connecting = stack.connectTcp({ host: '127.0.0.1', port: listener.port, localPort });
    expect(await outcome(connecting)).toBe('EADDRINUSE');
  });

  test('ESHUTDOWN when the stack is closed', async () => {
    const stack = await openStack();
    await stack.close();
    expect(await outcome(stack.connectTcp({ host: '127.0.0.1', port: 80 }))).toBe('ESHUTDOWN');
    expect(await outcome(stack.listenTcp({ port: 80 }))).toBe('ESHUTDOWN');
  });

  test('EMFILE when all sockets are taken, until one is free again', async () => {
    const stack = await openStack({ maxSockets: 3 });
    const { client, server } = await connectEnds(stack, stack, { host: '127.0.0.1' });
    const connect = () => outcome(stack.connectTcp({ host: '127.0.0.1', port: 9 }));
    expect(await connect()).toBe('EMFILE');
    expect(await outcome(stack.listenTcp({ port: 9 }))).toBe('EMFILE');
    await Promise.all([client.close(), server.close()]);
    await until(() => stack.statistics.sockets === 1);
    expect(await connect()).toBe('ECONNREFUSED');
  });

  test.each<[string, Partial<TcpConnectOptions>]>([
    ['an empty host', { host: '' }],
    ['no host', { host: undefined as unknown as string }],
    ['host 256.0.0.1', { host: '256.0.0.1' }],
    ['a CIDR as host', { host: '10.0.0.1/24' }],
    ['host ::g', { host: '::g' }],
    ['port 0', { port: 0 }],
    ['port 65536', { port: 65536 }],
    ['port -1', { port: -1 }],
    ['port 1.5', { port: 1.5 }],
    ['port "80"', { port: '80' as unknown as number }],
    ['local port 70000', { localPort: 70000 }],
    ['local address x', { localAddress: 'x' }],
    ['timeout -1', { timeout: -1 }],
    ['timeout NaN', { timeout: Number.NaN }],
    ['keepAlive -1', { keepAlive: -1 }],
    ['receiveBuffer 0', { receiveBuffer: 0 }],
    ['receiveBuffer 1 GiB', { receiveBuffer: 2 ** 30 }],
    ['sendBuffer NaN', { sendBuffer: Number.NaN }],
  ])('EINVAL for %s', async (_, options) => {
    expect(await refused(options)).toBe('EINVAL');
  });
});

describe('listening fails with', () => {
  const listen = (stack: NetworkStack, options: Partial<TcpListenOptions>): Promise<string> =>
    outcome(stack.listenTcp({ port: 80, ...options }));

  test('EADDRINUSE when address and port are taken, not when one differs', async () => {
    const { b } = await openPair();
    expect(await listen(b, { host: ENDS[4].b })).toBe('ok');
    expect(await listen(b, { host: ENDS[4].b })).toBe('EADDRINUSE');
    expect(await listen(b, {})).toBe('EADDRINUSE');
    expect(await listen(b, { host: ENDS[6].b })).toBe('ok');
    expect(await listen(b, { host: ENDS[4].b, port: 81 })).toBe('ok');
    expect(await listen(b, { port: 82 })).toBe('ok');
    expect(await listen(b, { port: 82 })).toBe('EADDRINUSE');
    expect(await listen(b, { port: 82, host: ENDS[4].b })).toBe('EADDRINUSE');
    expect(await listen(b, { port: 82, host: ENDS[6].b })).toBe('EADDRINUSE');
  });

  test('EADDRNOTAVAIL for an address that is none of ours', async () => {
    const stack = await openStack();
    expect(await listen(stack, { host: '10.0.0.1' })).toBe('EADDRNOTAVAIL');
    expect(await listen(stack, { host: 'fd00::1' })).toBe('EADDRNOTAVAIL');
  });

  test.each<[string, Partial<TcpListenOptions>]>([
    ['a URL', { host: 'http://example.com' }],
    ['port -1', { port: -1 }],
    ['port 65536', { port: 65536 }],
    ['no port', { port: undefined as unknown as number }],
    ['backlog 0', { backlog: 0 }],
    ['backlog 65536', { backlog: 65536 }],
    ['backlog 1.5', { backlog: 1.5 }],
    ['sendBuffer -1', { sendBuffer: -1 }],
    ['keepAlive -1', { keepAlive: -1 }],
  ])('EINVAL for %s', async (_, options) => {
    expect(await listen(await openStack(), options)).toBe('EINVAL');
  });
});

describe('where a listener listens', () => {
  test('port 0 is a random free one', async () => {
    const stack = await openStack();
    const listeners = await Promise.all(
      Array.from({ length: 200 }, () => stack.listenTcp({ port: 0 })),
    );
    const ports = new Set(listeners.map(({ port }) => port));
    expect(ports.size).toBe(200);
    for (const port of ports) expect(port).toBeGreaterThanOrEqual(32768);
  });

  test.each([
    ['0.0.0.0', [true, true, false]],
    ['::', [true, true, true]],
    ['10.0.0.1', [false, true, false]],
    ['localhost', [true, false, false]],
    ['::1', [false, false, true]],
  ])('a listener on %s is reached there and not elsewhere', async (host, reached) => {
    const stack = await openStack();
    await stack.createTapInterface({ ip: '10.0.0.1/24' });
    const listener = await stack.listenTcp({ host, port: 80 });
    expect(listener).toMatchObject({ port: 80, host: host === 'localhost' ? '127.0.0.1' : host });
    const codes = await Promise.all(
      ['127.0.0.1', '10.0.0.1', '::1'].map((to) =>
        outcome(stack.connectTcp({ host: to, port: 80 })),
      ),
    );
    expect(codes).toEqual(reached.map((is) => (is ? 'ok' : 'ECONNREFUSED')));
  });

  test('its port is free again when it is closed, with connections still open', async () => {
    const stack = await openStack();
    const ends = await connectEnds(stack, stack, { host: '127.0.0.1', listen: { port: 80 } });
    await ends.listener.close();
    expect(await outcome(stack.connectTcp({ host: '127.0.0.1', port: 80 }))).toBe('ECONNREFUSED');
    await connectEnds(stack, stack, { host: '127.0.0.1', listen: { port: 80 } });
    await expectTalk(ends);
  });
});

describe('options', () => {
  test('noDelay is on by default and can be changed', async () => {
    const { client, server } = await loopbackEnds({ connect: { noDelay: false } });
    expect([client.noDelay, server.noDelay]).toEqual([false, true]);
    client.noDelay = true;
    expect(client.noDelay).toBe(true);
    await expectTalk({ client, server } as Awaited<ReturnType<typeof loopbackEnds>>);
  });

  test('without noDelay both ends still exchange small messages at speed', async () => {
    const slow = { noDelay: false };
    const { client, server } = await wiredEnds({ connect: slow, listen: slow });
    server.readable.pipeTo(server.writable).catch(ignore);
    const [writer, reader] = [client.writable.getWriter(), client.readable.getReader()];
    const start = performance.now();
    for (let n = 0; n < 100; n++) {
      await writer.write(bytes('a'));
      await writer.write(bytes('b'));
      for (let got = 0; got < 2; ) got += (await reader.read()).value?.length ?? 2;
    }
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('keepAlive is off by default, takes ms or true, and can be changed', async () => {
    const { client, server } = await loopbackEnds({ connect: { keepAlive: true } });
    expect([client.keepAlive, server.keepAlive]).toEqual([7_200_000, 0]);
    server.keepAlive = 500;
    expect(server.keepAlive).toBe(500);
    expect(() => {
      server.keepAlive = -1;
    }).toThrow(NetError);
  });

  test('keep-alive probes go out when it is idle, and one without answers is ETIMEDOUT', async () => {
    const { a, b, client, tapB } = await wiredEnds({ connect: { keepAlive: 50 } });
    const before = b.statistics.tcpRxSegments;
    await until(() => b.statistics.tcpRxSegments > before);
    expect(await Promise.race([client.closed.catch(() => 'failed'), 'open'])).toBe('open');
    await b.removeInterface(tapB);
    await passTime(15_000, [a]);
    expect(await outcome(client.closed)).toBe('ETIMEDOUT');
  });
});
