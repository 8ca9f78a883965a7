// SPDX-License-Identifier: MIT
// routes.test - stack.routes and stack.neighbors

import type { Neighbor, NetworkStack, RouteOptions } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { readEthernet } from '../helpers/frames.ts';
import {
  connectEnds,
  ENDS,
  openPair,
  openStack,
  outcome,
  plug,
  wiredPair,
} from '../helpers/net.ts';

/** The destinations of a list and how they are reached, sorted. */
async function listed(stack: NetworkStack): Promise<string[]> {
  const routes = await stack.routes.list();
  return routes.map(({ destination, via, kind }) => `${destination} ${via} ${kind}`).sort();
}

async function neighbors(stack: NetworkStack): Promise<Neighbor[]> {
  const all: Neighbor[] = [];
  for await (const neighbor of stack.neighbors) all.push(neighbor);
  return all;
}

describe('routes', () => {
  test('of addresses, gateways and added ones are listed', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface({
      ip: ['10.0.0.1/24', 'fd00::1/64'],
      gateway: ['10.0.0.254', 'fd00::fe'],
    });
    const route = await stack.routes.add({
      destination: '10.9.8.7/16',
      interface: tun,
      metric: 2 ** 32 - 1,
    });
    expect(route.destination).toBe('10.9.0.0/16');
    expect(await listed(stack)).toEqual([
      '0.0.0.0/0 10.0.0.254 gateway',
      '10.0.0.0/24 undefined connected',
      '10.9.0.0/16 undefined added',
      '127.0.0.0/8 undefined connected',
      '::/0 fd00::fe gateway',
      '::1/128 undefined connected',
      'fd00::/64 undefined connected',
    ]);
    expect(await stack.routes.lookup('10.9.1.1')).toEqual({
      destination: '10.9.0.0/16',
      via: undefined,
      interface: tun,
      metric: 2 ** 32 - 1,
      kind: 'added',
    });
  });

  test('carry connections by way of a router with other addresses', async () => {
    const { a, b, tapB } = await wiredPair();
    await tapB.addAddress('fd00:9::9/128');
    expect(await outcome(a.connectTcp({ host: 'fd00:9::9', port: 80 }))).toBe('EHOSTUNREACH');
    const route = await a.routes.add({ destination: 'fd00:9::/32', via: ENDS[6].b });
    const { client } = await connectEnds(a, b, { host: 'fd00:9::9' });
    expect(client.localAddress).toBe(ENDS[6].a);
    await route.remove();
    expect(await outcome(a.connectTcp({ host: 'fd00:9::9', port: 80 }))).toBe('EHOSTUNREACH');
  });

  test('the longest prefix goes before the lowest metric', async () => {
    const { a, tapA } = await openPair();
    const add = (destination: string, via: string, metric: number) =>
      a.routes.add({ destination, via, metric });
    await add('default', '10.0.0.10', 0);
    await add('192.0.2.0/24', '10.0.0.11', 2);
    const best = await add('192.0.2.0/24', '10.0.0.12', 1);
    await add('192.0.2.7/32', '10.0.0.13', 9);
    const via = async (to: string) => (await a.routes.lookup(to))?.via;
    expect(await via('198.51.100.1')).toBe('10.0.0.10');
    expect(await via('192.0.2.1')).toBe('10.0.0.12');
    expect(await via('192.0.2.7')).toBe('10.0.0.13');
    await best.close();
    expect(await via('192.0.2.1')).toBe('10.0.0.11');
    await tapA.down();
    expect(await a.routes.lookup('192.0.2.1')).toBeNull();
    expect(await a.routes.list()).toEqual([]);
    await tapA.up();
    expect(await via('192.0.2.1')).toBe('10.0.0.11');
  });

  test('to an address of ours is by loopback', async () => {
    const stack = await openStack();
    await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const route = await stack.routes.lookup('10.0.0.1');
    expect([route?.destination, route?.interface.type]).toEqual(['10.0.0.1/32', 'loopback']);
  });

  test('go with their interface, and their handles stay harmless', async () => {
    const { a, tapA } = await openPair();
    const gone = await a.routes.add({ destination: 'default', via: '10.0.0.2' });
    await a.removeInterface(tapA);
    expect(await a.routes.list()).toEqual([]);
    const other = await a.createTunInterface({ ip: '10.0.0.1/24' });
    await using kept = await a.routes.add({ destination: '10.1.0.0/16', interface: other });
    await gone.remove();
    await gone.close();
    expect(await listed(a)).toContain(`${kept.destination} undefined added`);
    await a.close();
    await kept.remove();
    expect(await outcome(a.routes.list())).toBe('ESHUTDOWN');
    expect(await outcome(a.routes.add({ destination: 'default', via: '10.0.0.2' }))).toBe(
      'ESHUTDOWN',
    );
  });

  test('by a link-local next hop, which names its interface', async () => {
    const { a, tapA } = await openPair();
    await a.routes.add({ destination: 'default', via: 'fe80::1%1' });
    await a.routes.add({ destination: '2001:db8::/32', via: 'fe80::2', interface: tapA });
    expect((await a.routes.lookup('2001:db9::1'))?.via).toBe('fe80::1');
    expect((await a.routes.lookup('2001:db8::1'))?.via).toBe('fe80::2');
  });

  test('leave no memory behind', async () => {
    const { a } = await openPair();
    const round = async (): Promise<void> => {
      const route = await a.routes.add({ destination: 'default', via: '10.0.0.2' });
      await a.routes.list();
      await a.routes.lookup('192.0.2.1');
      await neighbors(a);
      await route.remove();
    };
    await round();
    const before = a.statistics.heapBytes;
    for (let i = 0; i < 200; i++) await round();
    expect(a.statistics.heapBytes).toBe(before);
  });

  test.each<[string, unknown, string, RegExp]>([
    ['no options', undefined, 'EINVAL', /an object/],
    ['an unknown option', { destination: 'default', gw: '10.0.0.2' }, 'EINVAL', /'gw'/],
    ['no destination', { via: '10.0.0.2' }, 'EINVAL', /destination undefined/],
    ['a bad destination', { destination: '10.0.0.0', via: '10.0.0.2' }, 'EINVAL', /'10.0.0.0'/],
    ['a bad next hop', { destination: 'default', via: '10.0.0' }, 'EINVAL', /'10.0.0'/],
    ['no way', { destination: '10.1.0.0/16' }, 'EINVAL', /via or interface/],
    ['no way and no family', { destination: 'default' }, 'EINVAL', /0.0.0.0\/0 or ::\/0/],
    ['two families', { destination: '::/0', via: '10.0.0.2' }, 'EINVAL', /IPv6/],
    [
      'a metric below 0',
      { destination: 'default', via: '10.0.0.2', metric: -1 },
      'EINVAL',
      /0 to 4294967295/,
    ],
    [
      'a next hop elsewhere',
      { destination: 'default', via: '10.7.0.2' },
      'EHOSTUNREACH',
      /10.7.0.2 is on no link/,
    ],
    ['an interface of nobody', { destination: 'default', interface: {} }, 'EINVAL', /0.0.0.0\/0/],
    [
      'an interface of another',
      { destination: '10.1.0.0/16', interface: {} },
      'ENODEV',
      /this stack/,
    ],
    ['a zone of nothing', { destination: 'default', via: 'fe80::1%9' }, 'EINVAL', /from 1 to/],
  ])('refuses %s', async (_, options, code, message) => {
    const { a } = await openPair();
    const adding = a.routes.add(options as RouteOptions);
    await expect(adding).rejects.toMatchObject({ code });
    await expect(adding).rejects.toThrow(message);
  });

  test('lookup() refuses what is no address', async () => {
    const { a } = await openPair();
    expect(await outcome(a.routes.lookup('host'))).toBe('EINVAL');
  });
});

describe('neighbors', () => {
  test('are listed with MAC address, interface and state', async () => {
    const { a, b, tapA, tapB } = await openPair();
    expect(await neighbors(a)).toEqual([]);
    plug(tapA, tapB);
    for (const host of [ENDS[4].b, ENDS[6].b]) await connectEnds(a, b, { host });
    const found = await neighbors(a);
    expect(found).toHaveLength(2);
    for (const address of [ENDS[4].b, ENDS[6].b]) {
      const neighbor = found.find((each) => each.address === address);
      expect(neighbor).toMatchObject({ mac: tapB.mac, interface: tapA, state: 'reachable' });
    }
  });

  test('that do not answer have no MAC address', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface({ ip: 'fd00::1/64' });
    const reader = tap.readable.getReader();
    const socket = await stack.openUdp();
    await socket.send(new Uint8Array(1), { host: 'fd00::2', port: 9 });
    // Behind what announces our own addresses.
    for (;;) if (readEthernet((await reader.read()).value as Uint8Array).payload[40] === 135) break;
    const [neighbor] = await neighbors(stack);
    expect(neighbor).toEqual({
      address: 'fd00::2',
      mac: undefined,
      interface: tap,
      state: 'incomplete',
    });
  });
});
