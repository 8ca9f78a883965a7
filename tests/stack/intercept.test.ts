// SPDX-License-Identifier: MIT
// intercept.test - connections, datagrams and messages to addresses that are not the stack's

import type { HeldConnection, NetworkStack, TapInterface, TcpInterceptor } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { bytes, ignore, openStack, outcome, plug, text, until } from '../helpers/net.ts';

/** A guest whose gateway is the stack, and the interceptor there. */
async function network(options: { pending?: number } = {}): Promise<{
  guest: NetworkStack;
  stack: NetworkStack;
  tap: TapInterface;
  interceptor: TcpInterceptor;
}> {
  const guest = await openStack({ initializeLoopback: false });
  const stack = await openStack({ initializeLoopback: false });
  const far = await guest.createTapInterface({
    ip: ['10.0.0.2/24', 'fd00::2/64'],
    gateway: ['10.0.0.1', 'fd00::1'],
  });
  const tap = await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
  plug(far, tap);
  const interceptor = await stack.interceptTcp({ interface: tap, ...options });
  return { guest, stack, tap, interceptor };
}

describe('a connection of a guest to any address', () => {
  test.each(['198.51.100.7', '2001:db8::7'])('waits for accept(): %s', async (host) => {
    const { guest, interceptor } = await network();
    let isOpen = false;
    const connecting = guest.connectTcp({ host, port: 443 });
    connecting.then(() => (isOpen = true), ignore);
    const held = await interceptor.accept();
    expect(held).toMatchObject({ localAddress: host, localPort: 443, isDecided: false });
    expect(held.remoteAddress).toBe(host.includes(':') ? 'fd00::2' : '10.0.0.2');
    // The guest sends its SYN again, which is the same connection.
    await until(() => interceptor.statistics.repeated > 0);
    expect(isOpen).toBe(false);
    expect(interceptor.statistics).toMatchObject({ pending: 1, held: 1 });
    const [theirs, ours] = await Promise.all([connecting, held.accept()]);
    expect(ours).toMatchObject({ localAddress: host, localPort: 443 });
    expect(ours.remotePort).toBe(held.remotePort);
    expect(interceptor.statistics.pending).toBe(0);
    const writer = theirs.writable.getWriter();
    await writer.write(bytes('hello'));
    const { value } = await ours.readable.getReader().read();
    expect(text(value as Uint8Array)).toBe('hello');
    expect(await outcome(held.accept())).toBe('EBADF');
  });

  test.each([
    ['refused', 'ECONNREFUSED', '198.51.100.7'],
    ['refused', 'ECONNREFUSED', '2001:db8::7'],
    ['unreachable', 'EHOSTUNREACH', '198.51.100.7'],
    ['unreachable', 'EHOSTUNREACH', '2001:db8::7'],
    ['prohibited', 'EHOSTUNREACH', '198.51.100.7'],
    ['prohibited', 'EHOSTUNREACH', '2001:db8::7'],
    ['drop', 'ETIMEDOUT', '198.51.100.7'],
  ] as const)('rejected as %s ends with %s: %s', async (how, code, host) => {
    const { guest, interceptor } = await network();
    const ends = outcome(guest.connectTcp({ host, port: 443, timeout: 1500 }));
    (await interceptor.accept()).reject(how);
    expect(await ends).toBe(code);
  });

  test('is not that of a listener of ours, and the other way round', async () => {
    const { guest, stack, interceptor } = await network();
    const listener = await stack.listenTcp({ port: 80 });
    const [own] = await Promise.all([
      listener.accept(),
      guest.connectTcp({ host: '10.0.0.1', port: 80 }),
    ]);
    expect(own.localAddress).toBe('10.0.0.1');
    const other = outcome(guest.connectTcp({ host: '10.9.9.9', port: 80 }));
    (await interceptor.accept()).reject();
    expect(await other).toBe('ECONNREFUSED');
  });

  test('is reset when the interceptor closes, whether it was accepted or not', async () => {
    const { guest, interceptor, stack } = await network();
    const first = guest.connectTcp({ host: '198.51.100.1', port: 1 });
    const ours = await (await interceptor.accept()).accept();
    const second = outcome(guest.connectTcp({ host: '198.51.100.2', port: 1 }));
    await interceptor.accept();
    await interceptor.close();
    expect(await second).toBe('ECONNREFUSED');
    expect(await outcome(interceptor.accept())).toBe('ECONNABORTED');
    expect(await outcome((await first).closed)).toBe('ECONNRESET');
    expect(await outcome(ours.closed)).toBe('ECONNABORTED');
    await until(() => stack.statistics.sockets === 0);
  });

  test('and its interface goes: all of it ends', async () => {
    const { guest, interceptor, stack, tap } = await network();
    const opening = guest.connectTcp({ host: '198.51.100.1', port: 1 });
    const ours = await (await interceptor.accept()).accept();
    await opening;
    const waits = outcome(interceptor.accept());
    const ended = outcome(ours.closed);
    await stack.removeInterface(tap);
    expect(await waits).toBe('ENODEV');
    expect(await ended).toBe('ENODEV');
    expect(await outcome(interceptor.closed)).toBe('ENODEV');
    await until(() => stack.statistics.sockets === 0);
  });

  test('is dropped while too many wait, and comes again', async () => {
    const { guest, interceptor } = await network({ pending: 4 });
    const ends = Array.from({ length: 6 }, (_, n) =>
      outcome(guest.connectTcp({ host: '198.51.100.1', port: n + 1 })),
    );
    await until(() => interceptor.statistics.dropped >= 2);
    expect(interceptor.statistics.pending).toBe(4);
    const seen: HeldConnection[] = [];
    for (let n = 0; n < 6; n++) {
      const held = await interceptor.accept();
      seen.push(held);
      held.reject();
    }
    expect(await Promise.all(ends)).toEqual(Array.from({ length: 6 }, () => 'ECONNREFUSED'));
    expect(new Set(seen.map((held) => held.localPort)).size).toBe(6);
  });

  test('is refused with EINVAL, EADDRINUSE or ENODEV where it cannot be intercepted', async () => {
    const { stack, tap, guest } = await network();
    expect(await outcome(stack.interceptTcp({ interface: tap }))).toBe('EADDRINUSE');
    expect(await outcome(stack.interceptTcp({ interface: tap, pending: 0 }))).toBe('EINVAL');
    expect(await outcome(guest.interceptTcp({ interface: tap }))).toBe('ENODEV');
    expect(await outcome(stack.openUdp({ transparent: true }))).toBe('EINVAL');
    expect(await outcome(stack.openIcmp({ transparent: true }))).toBe('EINVAL');
  });
});

test.each(['198.51.100.7', '2001:db8::7'])('datagrams to %s keep both ends', async (host) => {
  const { guest, stack, tap } = await network();
  const all = await stack.openUdp({ interface: tap, transparent: true });
  const own = await stack.openUdp({ port: 53 });
  const one = await guest.openUdp({ port: 4000 });
  await one.send(bytes('query'), { host, port: 53 });
  const query = await all.receive();
  expect(query).toMatchObject({ port: 4000, local: { address: host, port: 53 } });
  expect(text(query.data)).toBe('query');
  const writer = all.writable.getWriter();
  await writer.write({ ...query, data: bytes('answer') });
  // From elsewhere, as a NAT that maps by endpoint lets through.
  await writer.write({
    ...query,
    data: bytes('other'),
    local: { address: host.includes(':') ? '2001:db8::9' : '203.0.113.9', port: 9 },
  });
  expect(await one.receive()).toMatchObject({ host, port: 53, data: bytes('answer') });
  expect(await one.receive()).toMatchObject({ port: 9, data: bytes('other') });
  expect(own.statistics.rxDatagrams).toBe(0);
});

test.each([4, 6] as const)('echo requests of IPv%i are the program’s to answer', async (family) => {
  const { guest, stack, tap } = await network();
  const all = await stack.openIcmp({ family, interface: tap, transparent: true });
  const host = family === 4 ? '198.51.100.7' : '2001:db8::7';
  const session = await guest.createPingSession({ host, timeout: 20_000 });
  const ping = session.ping();
  const request = await all.receive();
  expect(request.local).toBe(host);
  const data = request.data.slice();
  data[0] = family === 4 ? 0 : 129;
  const writer = all.writable.getWriter();
  await writer.write({ host: request.host, local: host, data });
  expect((await ping).host).toBe(host);
});
