// SPDX-License-Identifier: MIT
// udp.test - UDP sockets: where they are bound and connected, what they send and receive

import type { UdpSocketOptions } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { bytes, ENDS, openPair, openStack, outcome, settle, text, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';
import { loopbackPair, receiveMany, udpPair } from '../helpers/udp.ts';

const MOST = { 4: 65_507, 6: 65_487 } as const;

describe('a socket is bound', () => {
  test('to a random port from 49152 to 65535, another one each time', async () => {
    const stack = await openStack();
    const sockets = await Promise.all(Array.from({ length: 20 }, () => stack.openUdp()));
    const ports = sockets.map(({ localPort }) => localPort);
    expect(ports.every((port) => port >= 49_152 && port <= 65_535)).toBe(true);
    expect(new Set(ports).size).toBe(20);
    const isCountedUp = ports.every((port, n) => n === 0 || port === (ports[n - 1] ?? 0) + 1);
    expect(isCountedUp).toBe(false);
  });

  test.each([
    [{}, '::'],
    [{ host: '::' }, '::'],
    [{ host: '::', ipv6Only: true }, '::'],
    [{ host: '0.0.0.0' }, '0.0.0.0'],
    [{ host: '10.0.0.1' }, '10.0.0.1'],
    [{ host: 'fd00::1' }, 'fd00::1'],
    [{ host: 'localhost' }, '127.0.0.1'],
    [{ host: '224.0.0.251' }, '224.0.0.251'],
  ] satisfies [UdpSocketOptions, string][])('by %j to %s', async (options, address) => {
    const stack = await openStack();
    await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
    const socket = await stack.openUdp({ port: 5353, ...options });
    expect(socket.localAddress).toBe(address);
    expect(socket.localPort).toBe(5353);
    expect(socket.remoteAddress).toBeUndefined();
    expect(socket.remotePort).toBeUndefined();
  });

  test.each([
    ['EADDRNOTAVAIL', { host: '10.9.9.9' }],
    ['EINVAL', { port: 65_536 }],
    ['EINVAL', { port: -1 }],
    ['EINVAL', { port: 1.5 }],
    ['EINVAL', { prot: 1 } as UdpSocketOptions],
    ['EINVAL', { ttl: 0 }],
    ['EINVAL', { multicastTtl: 256 }],
    ['EINVAL', { receiveBuffer: 2 ** 25 }],
    ['EINVAL', { remote: { host: '10.0.0.2', port: 0 } }],
    ['EINVAL', { remote: { host: '0.0.0.0', port: 1 } }],
    ['EINVAL', { host: '127.0.0.1', remote: { host: '::1', port: 1 } }],
    ['EHOSTUNREACH', { remote: { host: '192.0.2.1', port: 1 } }],
    ['ENOTFOUND', { host: 'nobody.test' }],
    ['ENOTFOUND', { remote: { host: 'nobody.test', port: 1 } }],
  ] satisfies [string, UdpSocketOptions][])('or refused with %s: %j', async (code, options) => {
    const stack = await openStack();
    expect(await outcome(stack.openUdp(options))).toBe(code);
    // Whether the stack has a name server is seen by a socket, which an engine of its own may still be closing.
    await until(() => stack.statistics.sockets === 0);
  });

  test('but not to the interface of another stack', async () => {
    const { a, tapB } = await openPair();
    expect(await outcome(a.openUdp({ interface: tapB }))).toBe('ENODEV');
  });

  test('to a port of its own, unless all who have it say that it may be used again', async () => {
    const stack = await openStack();
    const first = await stack.openUdp({ port: 9 });
    expect(await outcome(stack.openUdp({ port: 9 }))).toBe('EADDRINUSE');
    expect(await outcome(stack.openUdp({ port: 9, reuseAddress: true }))).toBe('EADDRINUSE');
    expect(await outcome(stack.openUdp({ port: 9, host: '127.0.0.1' }))).toBe('EADDRINUSE');
    await first.close();
    await stack.openUdp({ port: 9, reuseAddress: true });
    await stack.openUdp({ port: 9, reuseAddress: true });
    await stack.openUdp({ port: 10, host: '0.0.0.0' });
    await stack.openUdp({ port: 10, host: '::', ipv6Only: true });
  });

  test('to a port that a socket has just given back', async () => {
    const stack = await openStack();
    for (let n = 0; n < 5; n++) await (await stack.openUdp({ port: 53 })).close();
  });

  test('under the names of tcpip.js 0.4 as well', async () => {
    const stack = await openStack();
    const socket = await stack.udp.open({ host: '127.0.0.1', port: 53 });
    expect(socket.localPort).toBe(53);
  });
});

describe('a datagram arrives', () => {
  test.each([4, 6] as const)('and its answer too, over IPv%i', async (family) => {
    const { client, server, to, tapB, tapA } = await udpPair({ host: ENDS[family].b });
    await client.send(bytes('question'), to);
    const question = await server.receive();
    expect(text(question.data)).toBe('question');
    expect(question).toMatchObject({
      host: ENDS[family].a,
      port: client.localPort,
      local: { address: ENDS[family].b, port: server.localPort },
      ttl: 64,
    });
    expect(question.interface).toBe(tapB);
    await server.send(bytes('answer'), question);
    const answer = await client.receive();
    expect(text(answer.data)).toBe('answer');
    expect(answer.host).toBe(ENDS[family].b);
    expect(answer.interface).toBe(tapA);
  });

  test.each(['127.0.0.1', '::1', 'localhost', '10.0.0.1', 'fd00::1'])(
    'over loopback at %s',
    async (host) => {
      const { stack, client, server, to } = await loopbackPair();
      await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
      await client.send(bytes('hello'), { ...to, host });
      expect(text((await server.receive()).data)).toBe('hello');
    },
  );

  test('as it was, when it is written back as it came', async () => {
    const { client, server, to } = await udpPair({ server: { port: 7 } });
    void server.readable.pipeTo(server.writable);
    for (const word of ['one', '', 'three']) await client.send(bytes(word), to);
    const echoes = await receiveMany(client, 3);
    expect(echoes.map(({ data }) => text(data))).toEqual(['one', '', 'three']);
    expect(echoes.every(({ host, port }) => host === to.host && port === 7)).toBe(true);
  });

  test.each([4, 6] as const)('at its largest over IPv%i, and no larger', async (family) => {
    const { client, server, to } = await udpPair({ host: ENDS[family].b });
    const data = new Prng(family).bytes(MOST[family]);
    await client.send(data, to);
    expect(sameBytes((await server.receive()).data, data)).toBe(true);
    const tooLong = new Uint8Array(MOST[family] + 1);
    expect(await outcome(client.send(tooLong, to))).toBe('EMSGSIZE');
    await expect(client.send(tooLong, to)).rejects.toThrow(String(MOST[family]));
    expect(() => client.trySend(tooLong, to)).toThrow('65');
  });

  test.each([0, 1, 1471, 1472, 1473, 8192])('with %i bytes', async (size) => {
    const { client, server, to } = await udpPair();
    const data = new Prng(size).bytes(size);
    await client.send(data, to);
    expect(sameBytes((await server.receive()).data, data)).toBe(true);
  });

  test('in order, many at once', async () => {
    const { client, server, to } = await udpPair();
    const count = 500;
    for (let n = 0; n < count; n++) await client.send(Uint16Array.of(n), to);
    const all = await receiveMany(server, count);
    expect(all.map(({ data }) => (data[0] ?? 0) + 256 * (data[1] ?? 0))).toEqual(
      Array.from({ length: count }, (_, n) => n),
    );
  });

  test('only at sockets of its family', async () => {
    const { stack, client } = await loopbackPair();
    const four = await stack.openUdp({ host: '0.0.0.0', port: 9 });
    const six = await stack.openUdp({ host: '::', port: 9, ipv6Only: true });
    await client.send(bytes('four'), { host: '127.0.0.1', port: 9 });
    await client.send(bytes('six'), { host: '::1', port: 9 });
    expect(text((await four.receive()).data)).toBe('four');
    expect(text((await six.receive()).data)).toBe('six');
    expect(await outcome(four.send(bytes('x'), { host: '::1', port: 9 }))).toBe('EINVAL');
    expect(await outcome(six.send(bytes('x'), { host: '127.0.0.1', port: 9 }))).toBe('EINVAL');
  });

  test('only at the socket of the address it was sent to', async () => {
    const { stack, client } = await loopbackPair();
    const one = await stack.openUdp({ host: '127.0.0.1', port: 9 });
    const other = await stack.openUdp({ host: '::1', port: 9 });
    await client.send(bytes('one'), { host: '127.0.0.1', port: 9 });
    expect(text((await one.receive()).data)).toBe('one');
    expect(other.statistics.rxDatagrams).toBe(0);
  });

  test('nowhere without a socket, which is counted', async () => {
    const { stack, client } = await loopbackPair();
    await client.send(bytes('x'), { host: '127.0.0.1', port: 1 });
    await until(() => stack.statistics.udpNoSocket === 1 && stack.statistics.icmpErrors === 1);
    expect(stack.statistics.icmpLimited).toBe(0);
    expect(client.statistics.txDatagrams).toBe(1);
  });
});

describe('a connected socket', () => {
  test.each([4, 6] as const)('sends without an address over IPv%i', async (family) => {
    const { a, server, to } = await udpPair({ host: ENDS[family].b });
    const client = await a.openUdp({ remote: to });
    expect(client.remoteAddress).toBe(ENDS[family].b);
    expect(client.remotePort).toBe(to.port);
    expect(client.localAddress).toBe(ENDS[family].a);
    await client.send(bytes('send'));
    client.trySend(bytes('try'));
    const writer = client.writable.getWriter();
    await writer.write({ data: bytes('write') } as never);
    const all = await receiveMany(server, 3);
    expect(all.map(({ data }) => text(data))).toEqual(['send', 'try', 'write']);
    expect(await outcome(server.send(bytes('x')))).toBe('EINVAL');
  });

  test('receives from the other end alone', async () => {
    const { a, b, server, to } = await udpPair();
    const client = await a.openUdp({ remote: to });
    const stranger = await b.openUdp();
    const back = { host: ENDS[4].a, port: client.localPort };
    await stranger.send(bytes('no'), back);
    await server.send(bytes('yes'), back);
    expect(text((await client.receive()).data)).toBe('yes');
    expect(client.statistics.rxDatagrams).toBe(1);
  });

  test('gets what is for it before one that is not connected', async () => {
    const { a, server, to } = await udpPair({ client: { reuseAddress: true } });
    const open = await a.openUdp({ port: 1000, reuseAddress: true });
    const client = await a.openUdp({ port: 1000, reuseAddress: true, remote: to });
    await server.send(bytes('one'), { host: ENDS[4].a, port: 1000 });
    expect(text((await client.receive()).data)).toBe('one');
    expect(open.statistics.rxDatagrams).toBe(0);
  });

  test.each([4, 6] as const)('is told once that nobody listens, IPv%i', async (family) => {
    const { a, b, to, server } = await udpPair({ host: ENDS[family].b });
    await server.close();
    const client = await a.openUdp({ remote: to });
    const received = client.receive();
    await client.send(bytes('x'));
    expect(await outcome(received)).toBe('ECONNREFUSED');
    const again = await b.openUdp({ port: to.port });
    await client.send(bytes('y'));
    const datagram = await again.receive();
    await again.send(bytes('z'), datagram);
    expect(text((await client.receive()).data)).toBe('z');
    expect(client.statistics.txDropped).toBe(1);
  });

  test('is told so later, if nobody waits', async () => {
    const { a, to, server } = await udpPair();
    await server.close();
    const client = await a.openUdp({ remote: to });
    await client.send(bytes('x'));
    await until(() => client.statistics.txDropped === 1);
    await settle();
    expect(await outcome(client.receive())).toBe('ECONNREFUSED');
  });
});

describe('what a socket sends', () => {
  test('has its time to live, or that of the datagram', async () => {
    const { client, server, to } = await udpPair({ client: { ttl: 7 } });
    expect(client.ttl).toBe(7);
    await client.send(bytes('x'), to);
    expect((await server.receive()).ttl).toBe(7);
    client.ttl = 9;
    await client.send(bytes('x'), to);
    expect((await server.receive()).ttl).toBe(9);
    const writer = client.writable.getWriter();
    await writer.write({ ...to, data: bytes('x'), ttl: 200 });
    expect((await server.receive()).ttl).toBe(200);
    expect(() => {
      client.ttl = 256;
    }).toThrow('from 1 to 255');
    await writer.write({ ...to, data: bytes('x'), ttl: 256 });
    expect(client.statistics.txDropped).toBe(1);
  });

  test('is refused above the MTU where it may not be fragmented', async () => {
    const { a, server, to } = await udpPair();
    const client = await a.openUdp({ remote: to, dontFragment: true });
    await client.send(new Uint8Array(1472));
    expect((await server.receive()).data.length).toBe(1472);
    const received = client.receive();
    await client.send(new Uint8Array(1473));
    await expect(received).rejects.toMatchObject({
      code: 'EMSGSIZE',
      message: expect.stringContaining('at most 1500 bytes'),
    });
    expect(client.statistics.txDropped).toBe(1);
    expect(client.pathMtu).toBe(1500);
    await client.close();
    expect(client.pathMtu).toBeUndefined();
  });

  test('comes from the address that the datagram says, if it is ours', async () => {
    const { a, server, to } = await udpPair();
    await a.createTapInterface({ ip: '10.1.0.1/24' });
    const client = await a.openUdp();
    const writer = client.writable.getWriter();
    const local = { address: '10.1.0.1', port: 0 };
    await writer.write({ ...to, data: bytes('x'), local });
    expect((await server.receive()).host).toBe('10.1.0.1');
    await writer.write({ ...to, data: bytes('y'), local: { address: '224.0.0.9', port: 0 } });
    expect((await server.receive()).host).toBe(ENDS[4].a);
  });

  test('goes nowhere without a route, which is counted', async () => {
    const { a } = await udpPair();
    const client = await a.openUdp();
    await client.send(bytes('x'), { host: '192.0.2.1', port: 1 });
    await until(() => client.statistics.txDropped === 1);
    expect(client.statistics.txDatagrams).toBe(0);
  });
});
