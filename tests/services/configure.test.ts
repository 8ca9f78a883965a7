// SPDX-License-Identifier: MIT
// configure.test - taps that the network configures: ip 'dhcp' and 'slaac', their options, their names, their end

import type { NetworkStack, TapInterface, TapInterfaceOptions } from 'ringstack';
import {
  advertiseRouter,
  createDhcp,
  type DhcpServerOptions,
  type RouterOptions,
  serveInformation,
} from 'ringstack/dhcp';
import { createDns } from 'ringstack/dns';
import { connect, createSwitch } from 'ringstack/link';
import { expect, test } from 'vitest';
import { openStack, outcome, until } from '../helpers/net.ts';

/** A LAN of one stack, which serves; taps of other stacks plug in by `link`. */
class Lan {
  readonly stack: NetworkStack;
  readonly port: TapInterface;

  constructor(stack: NetworkStack, port: TapInterface) {
    this.stack = stack;
    this.port = port;
  }

  async lease(options: Partial<DhcpServerOptions> = {}) {
    const { serve } = await createDhcp(this.stack);
    const leaseRange = { start: '10.0.0.100', end: '10.0.0.110' };
    return serve({ leaseRange, ...options });
  }

  advertise(options: RouterOptions = {}) {
    return advertiseRouter(this.port, { dnsServers: ['fd00::1'], interval: 4, ...options });
  }
}

async function openLan(): Promise<Lan> {
  const stack = await openStack();
  return new Lan(stack, await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] }));
}

const SLAAC = { detect: false } as const;

/** A stack with a tap on the LAN. */
async function join(lan: Lan, options: TapInterfaceOptions) {
  const stack = await openStack();
  const tap = await stack.createTapInterface({ link: lan.port, ...options });
  const via = async (to: string): Promise<string | undefined> =>
    (await stack.routes.lookup(to))?.via;
  return { stack, tap, via };
}

test('ip dhcp: address, gateway, MTU and resolver are those of the lease', async () => {
  const lan = await openLan();
  const server = await lan.lease({ dnsServers: ['10.0.0.1'], domainName: 'lan', mtu: 1400 });
  await (await createDns(lan.stack)).serve({ hosts: '10.0.0.9 db.lan' });
  const { stack, tap, via } = await join(lan, { ip: 'dhcp', dhcp: { hostname: 'guest' } });
  expect([tap.ip, tap.mtu, await via('192.0.2.1')]).toEqual(['10.0.0.100', 1400, '10.0.0.1']);
  expect(tap.dhcp?.lease).toMatchObject({ ip: '10.0.0.100', hostname: 'guest' });
  // Names go to the name server of the lease, short ones with its domain.
  expect((await stack.createPingSession({ host: 'db' })).host).toBe('10.0.0.9');
  expect((await tap.dhcp?.renew())?.ip).toBe('10.0.0.100');
  await tap.dhcp?.release();
  expect([tap.addresses, tap.mtu, await via('192.0.2.1')]).toEqual([[], 1500, undefined]);
  await until(() => stack.resolver === undefined);
  await until(() => server.leases.size === 0);
});

test('the tap is there at once, so that it can be plugged in while it waits', async () => {
  const lan = await openLan();
  await lan.lease();
  await lan.advertise();
  const stack = await openStack({ initializeLoopback: false });
  const creating = stack.createTapInterface({ ip: ['fd09::9/64', 'dhcp', 'slaac'], slaac: SLAAC });
  await until(() => stack.interfaces.size === 1);
  const [tap] = stack.interfaces as Iterable<TapInterface>;
  if (!tap) throw new Error('there is no tap');
  void tap.readable.pipeTo(lan.port.writable).catch(() => {});
  void lan.port.readable.pipeTo(tap.writable).catch(() => {});
  expect(await creating).toBe(tap);
  const made = expect.stringMatching(/^fd00::.*\/64$/);
  expect([...tap.addresses].sort()).toEqual(['10.0.0.100/24', made, 'fd09::9/64']);
});

test('a tap that is plugged in late has its lease soon after', async () => {
  const lan = await openLan();
  await lan.lease();
  const stack = await openStack({ initializeLoopback: false });
  const creating = stack.createTapInterface({ ip: 'dhcp', dhcp: { timeout: 20_000 } });
  await new Promise((resolve) => setTimeout(resolve, 1300));
  const [tap] = stack.interfaces as Iterable<TapInterface>;
  const start = performance.now();
  connect(tap as TapInterface, lan.port);
  await creating;
  // It asks every 250 ms; with doubled waits it would have been after 1.7 s.
  expect(performance.now() - start).toBeLessThan(1500);
});

test('domains that are none do not disturb', async () => {
  const lan = await openLan();
  await lan.lease({ dnsServers: ['10.0.0.1'], options: { 15: 'no..domain' } });
  await (await createDns(lan.stack)).serve({ hosts: '10.0.0.9 db.lan' });
  const { stack, tap } = await join(lan, { ip: 'dhcp' });
  expect(tap.dhcp?.lease.domainName).toBe('no..domain');
  expect((await stack.createPingSession({ host: 'db.lan' })).host).toBe('10.0.0.9');
});

test('an address that another host has is declined', async () => {
  const lan = await openLan();
  const server = await lan.lease();
  const other = await openStack();
  const hub = await createSwitch();
  hub.plug(lan.port);
  hub.plug(await other.createTapInterface({ ip: '10.0.0.100/24' }));
  const stack = await openStack();
  const events = server.events[Symbol.asyncIterator]();
  const creating = outcome(stack.createTapInterface({ ip: 'dhcp', dhcp: { detect: true } }));
  await until(() => stack.interfaces.size === 2);
  hub.plug([...stack.interfaces].at(-1) as TapInterface);
  const kinds: string[] = [];
  while (kinds.at(-1) !== 'decline') kinds.push((await events.next()).value.kind);
  expect(kinds).toContain('lease');
  await stack.close(); // it would ask for another one after 10 s
  expect(await creating).toBe('ESHUTDOWN');
});

test('ip slaac: address, router, MTU, on-link prefixes and name servers are advertised ones', async () => {
  const lan = await openLan();
  const router = await lan.advertise({
    mtu: 1400,
    searchDomains: ['lan'],
    prefix: ['fd00::/64', { prefix: 'fd05::/48', autonomous: false }],
  });
  await (await createDns(lan.stack)).serve({ hosts: 'fd00::9 db.lan' });
  const { stack, tap, via } = await join(lan, { ip: 'slaac', slaac: SLAAC });
  const slaac = tap.slaac as NonNullable<TapInterface['slaac']>;
  expect(tap.addresses).toEqual(slaac.addresses);
  expect(slaac).toMatchObject({ dnsServers: ['fd00::1'], searchDomains: ['lan'], mtu: 1400 });
  expect(tap.mtu).toBe(1400);
  expect(await via('2001:db8::1')).toBe(slaac.router);
  expect(slaac.router).toMatch(/^fe80::/);
  await until(() => slaac.dnsServers.length > 0);
  expect(await stack.routes.lookup('fd05::7')).toMatchObject({ kind: 'added', via: undefined });
  const session = await stack.createPingSession({ host: 'fd00::1', timeout: 5000 });
  await session.ping();
  expect((await stack.createPingSession({ host: 'db' })).host).toBe('fd00::9');
  // The router says goodbye: no default route any more, but the address is still valid.
  await router.close();
  await until(() => slaac.router === undefined);
  expect(await via('2001:db8::1')).toBeUndefined();
  expect(tap.addresses).toHaveLength(1);
  await slaac.close();
  expect([tap.addresses, tap.mtu, stack.resolver]).toEqual([[], 1500, undefined]);
  expect(await via('fd05::7')).toBeUndefined();
});

test('with its secret a tap has the same address again, and it is not made of the MAC', async () => {
  const lan = await openLan();
  await lan.advertise();
  const secret = new Uint8Array(16).fill(7);
  const slaac = { ...SLAAC, secret };
  const mac = '02:00:00:00:00:77';
  const first = await join(lan, { ip: 'slaac', slaac, mac });
  const [address] = first.tap.addresses;
  await first.stack.close();
  const again = await join(lan, { ip: 'slaac', slaac, mac });
  expect(again.tap.addresses).toEqual([address]);
  await again.stack.close();
  const other = await join(lan, { ip: 'slaac', slaac: SLAAC, mac });
  expect(other.tap.addresses).not.toEqual([address]);
  expect(address).not.toMatch(/ff:fe/);
});

test('an address that another host has is replaced by another one', async () => {
  const lan = await openLan();
  const secret = new Uint8Array(16).fill(3);
  const mac = '02:00:00:00:00:78';
  const slaac = { secret, detect: true };
  await lan.advertise();
  const first = await join(lan, { ip: 'slaac', slaac: { ...slaac, detect: false }, mac });
  const [taken = ''] = first.tap.addresses;
  await first.stack.close();
  await lan.port.addAddress(taken);
  const { tap } = await join(lan, { ip: 'slaac', slaac, mac });
  expect(tap.addresses).toHaveLength(1);
  expect(tap.addresses).not.toEqual([taken]);
  expect(tap.slaac?.statistics.conflicts).toBe(1);
});

test('stateless DHCPv6 tells the name servers that advertisements do not', async () => {
  const lan = await openLan();
  const server = await serveInformation(lan.port, {
    dnsServers: ['fd00::53'],
    searchDomains: ['eng.lan', 'lan'],
  });
  await lan.advertise({ other: true, dnsServers: [] });
  const { tap } = await join(lan, { ip: 'slaac', slaac: SLAAC });
  await until(() => tap.slaac?.dnsServers.length === 1);
  expect(tap.slaac).toMatchObject({ dnsServers: ['fd00::53'], searchDomains: ['eng.lan', 'lan'] });
  expect(server.statistics).toMatchObject({ sent: 1, droppedMalformed: 0, droppedOther: 0 });
  await server.close();
});

test('a resolver of the program stays', async () => {
  const lan = await openLan();
  await lan.lease({ dnsServers: ['10.0.0.1'] });
  const stack = await openStack();
  const own = { lookupAll: async () => [] };
  stack.resolver = own;
  const tap = await stack.createTapInterface({ link: lan.port, ip: 'dhcp' });
  expect(stack.resolver).toBe(own);
  await tap.dhcp?.release();
  expect(stack.resolver).toBe(own);
});

test('without a server it gives up, and no interface is left', async () => {
  const lan = await openLan();
  const stack = await openStack({ initializeLoopback: false });
  const [dhcp, slaac] = [{ timeout: 30 }, { timeout: 30 }];
  const create = (options: TapInterfaceOptions) =>
    outcome(stack.createTapInterface({ link: lan.port, ...options }));
  expect(await create({ ip: 'dhcp', dhcp })).toBe('ETIMEDOUT');
  expect(await create({ ip: ['slaac'], slaac })).toBe('ETIMEDOUT');
  const signal = AbortSignal.abort(new TypeError('enough'));
  expect(await create({ ip: 'dhcp', dhcp: { signal } })).toBe('TypeError');
  expect(await create({ ip: 'slaac', slaac: { signal } })).toBe('TypeError');
  expect(stack.interfaces.size).toBe(0);
  expect(lan.port.readable.locked).toBe(false);
});

test('it ends with its interface, and with its stack', async () => {
  const lan = await openLan();
  await lan.lease();
  await lan.advertise();
  const one = await join(lan, { ip: ['dhcp', 'slaac'], slaac: SLAAC });
  await one.stack.removeInterface(one.tap);
  await Promise.all([one.tap.dhcp?.closed, one.tap.slaac?.closed]);
  const two = await join(lan, { ip: ['dhcp', 'slaac'], slaac: SLAAC });
  await two.stack.close();
  await Promise.all([two.tap.dhcp?.closed, two.tap.slaac?.closed]);
});

test('a tap can be plugged in without more', async () => {
  const lan = await openLan();
  const { stack } = await join(lan, { ip: '10.0.0.7/24' });
  await (await stack.createPingSession({ host: '10.0.0.1', timeout: 5000 })).ping();
});

test.each<[TapInterfaceOptions, RegExp]>([
  [{ ip: ['10.0.0.1/24', 'dhcp'] }, /either one IPv4 address or 'dhcp'/],
  [{ ip: ['slaac', 'dchp'] }, /ip 'dchp': must be addresses as CIDRs, 'dhcp' or 'slaac'/],
  [{ ip: 'slaac', dhcp: {} }, /with the option dhcp: must go with ip: 'dhcp'/],
  [{ ip: 'dhcp', slaac: {} }, /with the option slaac: must go with ip: 'slaac'/],
  [{ ip: ['slaac', 'fd00::/x'] }, /fd00::\/x/],
  [{ ip: 'dhcp', dhcp: { timeout: 0 } }, /timeout 0: must be a whole number/],
  [{ ip: 'slaac', slaac: { secret: new Uint8Array(15) } }, /must be a Uint8Array of 16 bytes or/],
  [{ link: 5 as never }, /Cannot connect/],
])('refuses %j', async (options, message) => {
  const stack = await openStack({ initializeLoopback: false });
  await expect(stack.createTapInterface(options)).rejects.toThrow(message);
  expect(stack.interfaces.size).toBe(0);
});
