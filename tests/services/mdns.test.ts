// SPDX-License-Identifier: MIT
// mdns.test - names and services between stacks on one link: published, found, renamed, taken back

import type { NetworkStack, TapInterface } from 'ringstack';
import { createDns } from 'ringstack/dns';
import { createSwitch } from 'ringstack/link';
import { createMdns, type Mdns, type MdnsOptions, type ServiceEvent } from 'ringstack/mdns';
import { expect, onTestFinished, test } from 'vitest';
import { openStack, outcome, until } from '../helpers/net.ts';

/** Hosts on one switch. */
class Lan {
  readonly #switch = createSwitch();
  #count = 0;

  async plug(tap: TapInterface): Promise<void> {
    (await this.#switch).plug(tap);
  }

  async host(
    options: MdnsOptions = {},
    ip?: string[],
  ): Promise<{ stack: NetworkStack; tap: TapInterface; mdns: Mdns }> {
    const n = ++this.#count;
    const stack = await openStack();
    const tap = await stack.createTapInterface({ ip: ip ?? [`10.0.0.${n}/24`, `fd00::${n}/64`] });
    await this.plug(tap);
    const mdns = await createMdns(stack, options);
    onTestFinished(() => mdns.close());
    return { stack, tap, mdns };
  }
}

/** The next event of a browser. */
async function next(events: AsyncIterator<ServiceEvent>): Promise<ServiceEvent> {
  const { value, done } = await events.next();
  if (done) throw new Error('the browser has ended');
  return value;
}

const HTTP = '_http._tcp';

test('a host is found by its name, in both families, and not any more when it is closed', async () => {
  const lan = new Lan();
  const a = await lan.host({ hostname: 'vm' });
  const b = await lan.host();
  expect(a.mdns.hostname).toBe('vm.local');
  expect(await b.mdns.lookup('VM.local.')).toBe('10.0.0.1');
  expect(await b.mdns.lookup('vm.local', { family: 6 })).toBe('fd00::1');
  expect(await b.mdns.lookupAll('vm.local')).toEqual([
    { address: '10.0.0.1', family: 4 },
    { address: 'fd00::1', family: 6 },
  ]);
  await a.mdns.close();
  const find = () => outcome(b.mdns.lookup('vm.local', { timeout: 50 }));
  while ((await find()) === 'ok') await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await find()).toBe('ENOTFOUND');
  expect(await outcome(a.mdns.lookup('vm.local'))).toBe('ESHUTDOWN');
  expect(a.mdns.statistics.conflicts).toBe(0);
});

test('a host without an address of the family says so at once', async () => {
  const lan = new Lan();
  await lan.host({ hostname: 'four' }, ['10.0.0.9/24']);
  const b = await lan.host();
  const asked = b.mdns.lookup('four.local', { family: 6, timeout: 20_000 });
  expect(await outcome(asked)).toBe('ENODATA');
  expect(await b.mdns.lookupAll('four.local', { timeout: 20_000 })).toHaveLength(1);
});

test('the resolver of a stack asks hosts first, mDNS for .local, then DNS', async () => {
  const lan = new Lan();
  const a = await lan.host({ hostname: 'vm' });
  const b = await lan.host();
  const dns = await createDns(a.stack);
  await dns.serve({ hosts: '10.0.0.99 db.internal wrong.local' });
  const client = { nameServer: { ip: '10.0.0.1' }, mdns: b.mdns };
  b.stack.resolver = await createDns(b.stack, { client });
  b.stack.hosts.set('fixed.local', '10.0.0.77');
  const hostOf = async (host: string) => (await b.stack.createPingSession({ host })).host;
  expect(await hostOf('vm.local')).toBe('10.0.0.1');
  expect(await hostOf('fixed.local')).toBe('10.0.0.77');
  expect(await hostOf('db.internal')).toBe('10.0.0.99');
  const session = await b.stack.createPingSession({ host: 'vm.local' });
  await session.ping();
  // mDNS alone is a resolver too.
  b.stack.resolver = b.mdns;
  expect(await hostOf('vm.local')).toBe('10.0.0.1');
});

test('services come, change and go', async () => {
  const lan = new Lan();
  const a = await lan.host({ hostname: 'vm' });
  const b = await lan.host();
  const events = b.mdns.browse(HTTP);
  const first = next(events);
  const bytes = Uint8Array.of(0xff, 0);
  const txt = { path: '/', flag: true, bytes, empty: '' } as const;
  const service = await a.mdns.publish({ name: 'My. Web\\', type: HTTP, port: 80, txt });
  expect(service).toMatchObject({ name: 'My. Web\\', host: 'vm.local', port: 80, type: HTTP });
  const up = await first;
  const seen = { name: 'My. Web\\', type: HTTP, host: 'vm.local', port: 80, txt };
  expect(up).toMatchObject({ kind: 'up', service: seen });
  expect([...up.service.addresses].sort()).toEqual(['10.0.0.1', 'fd00::1']);
  service.update({ path: '/two' });
  expect(await next(events)).toMatchObject({ kind: 'update', service: { txt: { path: '/two' } } });
  await service.close();
  await service.closed;
  expect(await next(events)).toMatchObject({ kind: 'down', service: { name: 'My. Web\\' } });
  expect(() => service.update({})).toThrow(expect.objectContaining({ code: 'ESHUTDOWN' }));
  await b.mdns.close();
  expect((await events.next()).done).toBe(true);
});

test('a browser that comes later finds what is there: by type, by subtype, and the types', async () => {
  const lan = new Lan();
  const a = await lan.host({ hostname: 'vm' });
  const b = await lan.host();
  await a.mdns.publish({ name: 'One', type: HTTP, port: 80, subtypes: ['_printer'] });
  await a.mdns.publish({ name: 'Two', type: HTTP, port: 81 });
  await a.mdns.publish({ name: 'Other', type: '_ssh._tcp', port: 22, host: 'else.local' });
  const all = b.mdns.browse(HTTP);
  const names = [(await next(all)).service.name, (await next(all)).service.name];
  expect(names.sort()).toEqual(['One', 'Two']);
  const printers = b.mdns.browse(HTTP, { subtype: '_printer' });
  expect((await next(printers)).service.name).toBe('One');
  const types = b.mdns.browse('_services._dns-sd._udp');
  const found = [(await next(types)).service.type, (await next(types)).service.type];
  expect(found.sort()).toEqual([HTTP, '_ssh._tcp']);
  await all.return?.();
  expect((await all.next()).done).toBe(true);
  const abort = new AbortController();
  const aborted = b.mdns.browse(HTTP, { signal: abort.signal });
  await next(aborted);
  await next(aborted);
  const waiting = aborted.next();
  abort.abort();
  expect((await waiting).done).toBe(true);
});

test('a host and a service whose names are taken get others', async () => {
  const lan = new Lan();
  const a = await lan.host({ hostname: 'vm' });
  const b = await lan.host({ hostname: 'vm' });
  expect([a.mdns.hostname, b.mdns.hostname]).toEqual(['vm.local', 'vm-2.local']);
  const one = await a.mdns.publish({ name: 'Web', type: HTTP, port: 80 });
  const two = await b.mdns.publish({ name: 'Web', type: HTTP, port: 80 });
  const three = await b.mdns.publish({ name: 'web', type: HTTP, port: 81 });
  expect([one.name, two.name, three.name]).toEqual(['Web', 'Web (2)', 'web (2)'.replace('2', '3')]);
  expect(b.mdns.statistics.conflicts).toBeGreaterThanOrEqual(2);
});

test('two hosts that claim a name at the same time end with two names', async () => {
  const lan = new Lan();
  const [a, b] = [await lan.host(), await lan.host()];
  const publish = (mdns: Mdns, port: number) =>
    mdns.publish({ name: 'Same', type: HTTP, port, host: `h${port}.local` });
  const services = await Promise.all([publish(a.mdns, 1), publish(b.mdns, 2)]);
  expect(services.map(({ name }) => name).sort()).toEqual(['Same', 'Same (2)']);
});

test('a new address of the interface is announced, and an old one forgotten', async () => {
  const lan = new Lan();
  const a = await lan.host({ hostname: 'vm' });
  const b = await lan.host();
  expect(await b.mdns.lookup('vm.local')).toBe('10.0.0.1');
  await a.tap.addAddress('10.0.0.200/24');
  for (;;) {
    const [found] = await b.mdns.lookupAll('vm.local', { family: 4 });
    if (found?.address === '10.0.0.200') break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('on two interfaces a host has the addresses of each, and hosts of both are found', async () => {
  const [one, other] = [new Lan(), new Lan()];
  const b = await one.host({ hostname: 'b' });
  const c = await other.host({ hostname: 'c' }, ['10.9.0.7/24']);
  const stack = await openStack();
  await one.plug(await stack.createTapInterface({ ip: '10.0.0.50/24' }));
  await other.plug(await stack.createTapInterface({ ip: '10.9.0.50/24' }));
  const mdns = await createMdns(stack, { hostname: 'router' });
  onTestFinished(() => mdns.close());
  expect(await b.mdns.lookupAll('router.local')).toEqual([{ address: '10.0.0.50', family: 4 }]);
  expect(await c.mdns.lookupAll('router.local')).toEqual([{ address: '10.9.0.50', family: 4 }]);
  expect([await mdns.lookup('b.local'), await mdns.lookup('c.local')]).toEqual([
    '10.0.0.1',
    '10.9.0.7',
  ]);
  const events = mdns.browse(HTTP);
  await c.mdns.publish({ name: 'C', type: HTTP, port: 80 });
  await b.mdns.publish({ name: 'B', type: HTTP, port: 80 });
  const found = [(await next(events)).service, (await next(events)).service];
  expect(found.map(({ name }) => name).sort()).toEqual(['B', 'C']);
});

test('an address of IPv6 that is of the link alone has a zone', async () => {
  const lan = new Lan();
  await lan.host({ hostname: 'six' }, ['fe80::6/64']);
  const b = await lan.host();
  const address = await b.mdns.lookup('six.local');
  expect(address).toBe('fe80::6%2'); // after the loopback interface
  const session = await b.stack.createPingSession({ host: address });
  await session.ping();
});

test('it ends with its stack, and its sockets are free', async () => {
  const lan = new Lan();
  const a = await lan.host({ hostname: 'vm' });
  const before = a.stack.statistics.sockets;
  await a.mdns.close();
  await until(() => a.stack.statistics.sockets < before);
  const again = await createMdns(a.stack, { hostname: 'vm' });
  const waiting = outcome(again.lookup('nobody.local', { timeout: 20_000 }));
  const browsing = again.browse(HTTP).next();
  await a.stack.close();
  await again.closed;
  expect(await waiting).toBe('ESHUTDOWN');
  expect((await browsing).done).toBe(true);
});
