// SPDX-License-Identifier: MIT
// names.test - names in every host option: the hosts of the stack, then its resolver

import type { NetworkStack, ResolvedAddress, StackOptions } from 'ringstack';
import { createDns, createZone } from 'ringstack/dns';
import { createMdns } from 'ringstack/mdns';
import { describe, expect, test } from 'vitest';
import { bytes, openStack, outcome, text, thrown, until, wiredPair } from '../helpers/net.ts';

const HOSTS = { 'db.internal': ['127.0.0.1', '::1'], 'six.internal': '::1' };

/** A resolver that knows some names, and what it was asked for. */
function resolverOf(names: Record<string, string[]>) {
  const asked: string[] = [];
  return {
    asked,
    async lookupAll(name: string, { family }: { family?: 4 | 6 } = {}): Promise<ResolvedAddress[]> {
      asked.push(name);
      const all = (names[name] ?? []).map((address) => ({
        address,
        family: address.includes(':') ? (6 as const) : (4 as const),
      }));
      return all.filter((one) => !family || one.family === family);
    },
  };
}

/** Outcomes of every call that takes a host. */
async function everywhere(stack: NetworkStack, host: string): Promise<string[]> {
  const listener = await stack.listenTcp({ port: 80 });
  const socket = await stack.openUdp();
  const outcomes = [
    await outcome(stack.connectTcp({ host, port: 80 })),
    await outcome(stack.openUdp({ host })),
    await outcome(stack.openUdp({ remote: { host, port: 9 } })),
    await outcome(socket.send(bytes('x'), { host, port: 9 })),
    await outcome(stack.createPingSession({ host })),
    await outcome(stack.traceroute({ host, maxHops: 1, probes: 1 }).next()),
  ];
  await listener.close();
  await socket.close();
  return outcomes;
}

describe('a name of the hosts', () => {
  test('is known to every call', async () => {
    const stack = await openStack({ hosts: HOSTS });
    expect(await everywhere(stack, 'db.internal')).toEqual(Array(6).fill('ok'));
    expect(await everywhere(stack, 'DB.Internal.')).toEqual(Array(6).fill('ok'));
    expect(await everywhere(stack, 'localhost')).toEqual(Array(6).fill('ok'));
  });

  test('can stand in the text of a hosts file, and be set and deleted', async () => {
    const stack = await openStack({ hosts: '127.0.0.1 db.internal db # a comment\n' });
    const session = await stack.createPingSession({ host: 'db' });
    expect(session.host).toBe('127.0.0.1');
    stack.hosts.set('new.internal', '::1');
    expect((await stack.createPingSession({ host: 'new.internal' })).host).toBe('::1');
    expect([...stack.hosts.entries()].map(([name]) => name)).toContain('new.internal');
    expect(stack.hosts.delete('new.internal')).toBe(true);
    expect(stack.hosts.delete('new.internal')).toBe(false);
    expect(await outcome(stack.createPingSession({ host: 'new.internal' }))).toBe('ENOTFOUND');
    expect(await thrown(() => stack.hosts.set('x y', '::1'))).toBe('EINVAL');
    expect(await thrown(() => stack.hosts.set('x', 'no address'))).toBe('EINVAL');
    expect(await outcome(openStack({ hosts: { x: 'no address' } }))).toBe('EINVAL');
  });

  test('gives the address of the family that is asked for', async () => {
    const stack = await openStack({ hosts: HOSTS });
    const host = 'db.internal';
    expect((await stack.createPingSession({ host, family: 6 })).host).toBe('::1');
    const six = await stack.openUdp({ host: '::1', remote: { host, port: 9 } });
    expect(six.remoteAddress).toBe('::1');
    const server = await stack.openUdp({ port: 9, host: '::1' });
    const bound = await stack.openUdp({ host: '::1' });
    const writer = bound.writable.getWriter();
    await writer.write({ host, port: 9, data: bytes('by name') });
    expect(text((await server.receive()).data)).toBe('by name');
    const raw = await stack.openIcmp({ family: 6 });
    await raw.send(Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1), host);
    expect((await raw.receive()).host).toBe('::1');
  });
});

describe('any other name', () => {
  test('is not found without a resolver, and the error says what is missing', async () => {
    const stack = await openStack();
    expect(stack.resolver).toBeUndefined();
    expect(await everywhere(stack, 'db.internal')).toEqual(Array(6).fill('ENOTFOUND'));
    const failed = stack.connectTcp({ host: 'db.internal', port: 80 });
    await expect(failed).rejects.toThrow('which has no name server (nameServer, stack.resolver)');
  });

  test('is what the resolver says', async () => {
    const stack = await openStack({ hosts: HOSTS });
    const resolver = resolverOf({ 'www.test': ['127.0.0.1'], 'none.test': [] });
    stack.resolver = resolver;
    expect(await everywhere(stack, 'www.test')).toEqual(Array(6).fill('ok'));
    expect(await everywhere(stack, 'none.test')).toEqual(Array(6).fill('ENOTFOUND'));
    expect(new Set(resolver.asked)).toEqual(new Set(['www.test', 'none.test']));
    await stack.createPingSession({ host: 'db.internal' });
    expect(resolver.asked).not.toContain('db.internal');
  });

  test('fails as the resolver does', async () => {
    const stack = await openStack();
    stack.resolver = {
      lookupAll: async () => {
        throw new RangeError('the server is on fire');
      },
    };
    const failed = stack.openUdp({ remote: { host: 'www.test', port: 1 } });
    await expect(failed).rejects.toThrow('the server is on fire');
    const socket = await stack.openUdp();
    const writer = socket.writable.getWriter();
    await writer.write({ host: 'www.test', port: 1, data: bytes('x') });
    expect(socket.statistics.txDropped).toBe(1);
  });

  test('has its addresses tried one after the other', async () => {
    const stack = await openStack();
    stack.resolver = resolverOf({ 'two.test': ['192.0.2.1', '::1', '127.0.0.1'] });
    await stack.listenTcp({ host: '127.0.0.1', port: 80 });
    const connection = await stack.connectTcp({ host: 'two.test', port: 80 });
    expect(connection.remoteAddress).toBe('127.0.0.1');
    expect(await outcome(stack.connectTcp({ host: 'two.test', port: 81 }))).toBe('ECONNREFUSED');
  });

  test('is not waited for at an address that does not answer', async () => {
    const { a, b } = await wiredPair();
    const names = ['10.0.0.98', '10.0.0.99', 'fd00::2', '10.0.0.2'];
    a.resolver = resolverOf({ 'slow.test': names });
    const listener = await b.listenTcp({ host: '10.0.0.2', port: 80 });
    const before = a.statistics.sockets;
    const connection = await a.connectTcp({ host: 'slow.test', port: 80 });
    expect(connection.remoteAddress).toBe('10.0.0.2');
    // The tries that were under way are over.
    await until(() => a.statistics.sockets === before + 1);
    const abort = new AbortController();
    const given = outcome(a.connectTcp({ host: 'slow.test', port: 81, signal: abort.signal }));
    abort.abort();
    expect(await given).toBe('AbortError');
    await until(() => a.statistics.sockets === before + 1);
    await listener.close();
  });

  test('is tried in both families in turn', async () => {
    const { a, b } = await wiredPair();
    a.resolver = resolverOf({ 'both.test': ['10.0.0.97', '10.0.0.98', '10.0.0.99', 'fd00::2'] });
    await b.listenTcp({ port: 80 });
    const connection = await a.connectTcp({ host: 'both.test', port: 80 });
    expect(connection.remoteAddress).toBe('fd00::2');
  });

  test('is given up with the signal', async () => {
    const stack = await openStack();
    const abort = new AbortController();
    let told: AbortSignal | undefined;
    stack.resolver = {
      lookupAll: (_, options) => {
        told = options?.signal;
        return new Promise((_, reject) => {
          told?.addEventListener('abort', () => reject(told?.reason));
        });
      },
    };
    const { signal } = abort;
    const failed = [
      stack.connectTcp({ host: 'www.test', port: 80, signal }),
      stack.openUdp({ remote: { host: 'www.test', port: 80 }, signal }),
      stack.traceroute({ host: 'www.test', signal }).next(),
    ].map((promise) => promise.then(String, (error: Error) => error.message));
    abort.abort(new Error('enough'));
    expect(await Promise.all(failed)).toEqual(['enough', 'enough', 'enough']);
    expect(told).toBe(signal);
  });
});

describe('the resolver of a stack', () => {
  const zones = [createZone({ 'www.test': ['127.0.0.1', '::1'] })];

  test('asks the stack itself, if it has a server', async () => {
    const stack = await openStack({ search: ['test'] });
    expect(await outcome(stack.createPingSession({ host: 'www.test' }))).toBe('ENOTFOUND');
    const dns = await createDns(stack);
    const server = await dns.serve({ zones });
    expect(await everywhere(stack, 'www.test')).toEqual(Array(6).fill('ok'));
    expect(await everywhere(stack, 'www')).toEqual(Array(6).fill('ok'));
    const listener = await stack.listenTcp({ host: 'www.test', port: 0 });
    expect(listener.host).toBe('127.0.0.1');
    // Of a name that is in none of its zones the server says nothing.
    expect(await outcome(stack.createPingSession({ host: 'none.test' }))).toBe('EREFUSED');
    await server.close();
    expect(await outcome(stack.createPingSession({ host: 'www.test' }))).toBe('ENOTFOUND');
  });

  test.each<StackOptions>([
    { nameServer: { ip: '10.0.0.2' } },
    {
      nameServers: [
        { ip: '10.0.0.2', port: 54 },
        { ip: '10.0.0.2', port: 53 },
      ],
    },
  ])('asks the servers of the options: %j', async (options) => {
    const { a, b } = await wiredPair({ stack: options });
    const server = await (await createDns(b)).serve({ zones });
    expect((await a.createPingSession({ host: 'www.test' })).host).toBe('127.0.0.1');
    a.resolver = resolverOf({ 'www.test': ['10.0.0.2'] });
    expect((await a.createPingSession({ host: 'www.test' })).host).toBe('10.0.0.2');
    await server.close();
  });

  test('asks the links for names of .local', async () => {
    const { a, b } = await wiredPair();
    const mdns = await createMdns(b, { hostname: 'vm' });
    expect((await a.createPingSession({ host: 'vm.local' })).host).toBe('10.0.0.2');
    expect((await a.createPingSession({ host: 'VM.local.', family: 6 })).host).toMatch(/^f/);
    expect(a.statistics.sockets).toBe(2); // of the ping sessions
    await mdns.close();
    const alone = await openStack();
    expect(await outcome(alone.createPingSession({ host: 'vm.local' }))).toBe('ENODEV');
  });

  test('says what is wrong with a server', async () => {
    const stack = await openStack({ nameServer: { ip: 'ns.test' } });
    expect(await outcome(stack.createPingSession({ host: 'www.test' }))).toBe('EINVAL');
  });
});
