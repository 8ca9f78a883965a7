// SPDX-License-Identifier: MIT
// router.test - a stack that forwards: between taps, tuns and bridges, with path MTU, traceroute and a strong host model

import type { NetworkStack, TapInterface, TunInterface } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { sentIntact } from '../helpers/links.ts';
import { openStack, outcome, plug } from '../helpers/net.ts';

type Kind = 'tap' | 'tun' | 'bridge';

/** An interface of a router towards a host, and that host. */
async function side(router: NetworkStack, kind: Kind, net: number, mtu: number) {
  const ip = (host: number): string[] => [`10.0.${net}.${host}/24`, `fd00:0:0:${net}::${host}/64`];
  const host = await openStack();
  const gateway = [`10.0.${net}.1`, `fd00:0:0:${net}::1`];
  const options = { ip: ip(2), gateway, mtu };
  if (kind === 'tun') {
    const iface = await router.createTunInterface({ ip: ip(1), mtu });
    const end = await host.createTunInterface(options);
    plug(iface as unknown as TapInterface, end as unknown as TapInterface);
    return { host, iface };
  }
  const end = await host.createTapInterface(options);
  if (kind === 'bridge') {
    const iface = await router.createBridgeInterface({ ip: ip(1), ports: [end] });
    return { host, iface };
  }
  const iface = await router.createTapInterface({ ip: ip(1), mtu });
  plug(iface, end);
  return { host, iface };
}

/** Two hosts with a router between them: 10.0.0.2 and 10.0.1.2, fd00::2 and fd00:0:0:1::2. */
async function routed(kinds: readonly [Kind, Kind] = ['tap', 'tap'], mtus = [1500, 1500]) {
  const router = await openStack({ forwarding: true });
  const a = await side(router, kinds[0], 0, mtus[0] ?? 1500);
  const b = await side(router, kinds[1], 1, mtus[1] ?? 1500);
  return { router, a: a.host, b: b.host, near: a.iface, far: b.iface };
}

describe('a router', () => {
  test.each([
    ['tap', 'tap'],
    ['tap', 'tun'],
    ['tun', 'tun'],
    ['bridge', 'tap'],
    ['tun', 'bridge'],
    ['bridge', 'bridge'],
  ] as const)('carries TCP from %s to %s, both families', async (one, other) => {
    const { a, b, near, far } = await routed([one, other]);
    await sentIntact(a, b, 300_000, '10.0.1.2');
    await sentIntact(b, a, 300_000, 'fd00::2');
    const counts = [await near.forwardingStatistics(), await far.forwardingStatistics()];
    for (const { forwarded, ...dropped } of counts) {
      expect(forwarded).toBeGreaterThan(200);
      expect(dropped).toEqual({ expired: 0, noRoute: 0, tooBig: 0, refused: 0, full: 0 });
    }
  });

  test('copies each packet once', async () => {
    const { router, a, b } = await routed();
    await sentIntact(a, b, 1000, '10.0.1.2');
    const before = router.statistics.bytesCopied;
    const size = await sentIntact(a, b, 1_000_000, '10.0.1.2');
    const copied = router.statistics.bytesCopied - before;
    expect(copied).toBeGreaterThan(2 * size);
    expect(copied).toBeLessThan(2.4 * size);
  });

  test('carries UDP whose fragments pass as they are', async () => {
    const { a, b } = await routed();
    const [client, server] = [await a.openUdp(), await b.openUdp({ port: 9 })];
    const data = Uint8Array.from({ length: 20_000 }, (_, n) => n);
    await client.send(data, { host: '10.0.1.2', port: 9 });
    const { host, data: got } = await server.receive();
    expect(host).toBe('10.0.0.2');
    expect(got).toEqual(data);
    await client.send(data, { host: 'fd00:0:0:1::2', port: 9 });
    expect((await server.receive()).data).toEqual(data);
  });

  test('is a hop of traceroute', async () => {
    const { a } = await routed();
    for (const [host, hop] of [
      ['10.0.1.2', '10.0.0.1'],
      ['fd00:0:0:1::2', 'fd00::1'],
    ] as const) {
      const hops: (string | undefined)[] = [];
      for await (const { replies } of a.traceroute({ host, probes: 1 }))
        hops.push(replies[0]?.host);
      expect(hops).toEqual([hop, host]);
    }
  });

  test('tells what is too big, and the path MTU is found', async () => {
    const { a, b, near } = await routed(['tap', 'tap'], [1500, 1300]);
    await sentIntact(a, b, 300_000, '10.0.1.2');
    await sentIntact(a, b, 300_000, 'fd00:0:0:1::2');
    const socket = await a.openUdp({ dontFragment: true });
    await socket.send(new Uint8Array(1400), { host: '10.0.1.2', port: 9 });
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EMSGSIZE' });
    expect(socket.pathMtu).toBe(1300);
    expect((await near.forwardingStatistics()).tooBig).toBeGreaterThan(0);
  });

  test('says that there is no route', async () => {
    const { a, near } = await routed();
    const session = await a.createPingSession({ host: '192.0.2.1' });
    await expect(session.ping()).rejects.toMatchObject({ from: '10.0.0.1' });
    const six = await a.createPingSession({ host: '2001:db8::1' });
    await expect(six.ping()).rejects.toMatchObject({ from: 'fd00::1' });
    expect((await near.forwardingStatistics()).noRoute).toBe(2);
  });

  test('takes packets for its own addresses by their own interface alone', async () => {
    const { router, a } = await routed();
    await router.listenTcp({ port: 80 });
    await a.connectTcp({ host: '10.0.0.1', port: 80 });
    for (const host of ['10.0.1.1', 'fd00:0:0:1::1']) {
      expect(await outcome(a.connectTcp({ host, port: 80, timeout: 200 }))).toBe('ETIMEDOUT');
    }
  });

  test('forwards only between interfaces that say so', async () => {
    const { a, b, far, near } = await routed();
    await far.setForwarding(false);
    expect(await outcome(a.connectTcp({ host: '10.0.1.2', port: 80, timeout: 500 }))).toMatch(
      /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/,
    );
    await far.setForwarding(true);
    await sentIntact(a, b, 10_000, '10.0.1.2');
    await near.setForwarding(false);
    expect(await outcome(a.connectTcp({ host: '10.0.1.2', port: 80, timeout: 200 }))).toBe(
      'ETIMEDOUT',
    );
    expect(await outcome(near.setForwarding(1 as unknown as boolean))).toBe('EINVAL');
  });

  test('does not forward unless it is told to', async () => {
    const stack = await openStack();
    const a = await side(stack, 'tap', 0, 1500);
    const b = await side(stack, 'tap', 1, 1500);
    const { host } = a;
    expect(await outcome(host.connectTcp({ host: '10.0.1.2', port: 80, timeout: 200 }))).toBe(
      'ETIMEDOUT',
    );
    await a.iface.setForwarding(true);
    await b.iface.setForwarding(true);
    await sentIntact(host, b.host, 10_000, '10.0.1.2');
    const [loopback] = [...stack.interfaces] as unknown as [TunInterface];
    expect(await outcome(loopback.setForwarding(true))).toBe('EINVAL');
    await stack.removeInterface(b.iface);
    expect(await outcome(b.iface.setForwarding(true))).toBe('ENODEV');
    expect(await outcome(b.iface.forwardingStatistics())).toBe('ENODEV');
    expect(await outcome(openStack({ forwarding: 1 as unknown as boolean }))).toBe('EINVAL');
  });

  test('routes through other routers', async () => {
    const { router, a, b, far } = await routed();
    const next = await openStack({ forwarding: true });
    const last = await openStack();
    const [one, other] = [await b.createTunInterface(), await next.createTunInterface()];
    plug(one as unknown as TapInterface, other as unknown as TapInterface);
    await one.addAddress('10.0.2.1/24');
    await other.addAddress('10.0.2.2/24');
    for (const iface of b.interfaces)
      if (iface.type !== 'loopback') await iface.setForwarding(true);
    await other.setGateway('10.0.2.1');
    const [end, tap] = [await next.createTapInterface(), await last.createTapInterface()];
    plug(end, tap);
    await end.addAddress('10.0.3.1/24');
    await tap.addAddress('10.0.3.2/24');
    await tap.setGateway('10.0.3.1');
    await router.routes.add({ destination: '10.0.0.0/14', via: '10.0.1.2', interface: far });
    await b.routes.add({ destination: '10.0.3.0/24', via: '10.0.2.2', interface: one });
    await sentIntact(a, last, 50_000, '10.0.3.2');
    const hops: (string | undefined)[] = [];
    for await (const { replies } of a.traceroute({ host: '10.0.3.2', probes: 1 })) {
      hops.push(replies[0]?.host);
    }
    expect(hops).toEqual(['10.0.0.1', '10.0.1.2', '10.0.2.2', '10.0.3.2']);
  });
});
