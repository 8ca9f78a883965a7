// SPDX-License-Identifier: MIT
// network.test - a network in one call: guests get addresses, find each other by name, go out and are reached

import type { NetworkStack, TapInterface } from 'ringstack';
import { requestLease, solicitRouter } from 'ringstack/dhcp';
import { createDns } from 'ringstack/dns';
import { type NodeTransport, node } from 'ringstack/gateway';
import { createNetwork, type NetworkOptions, type VirtualNetwork } from 'ringstack/network';
import { describe, expect, onTestFinished, test } from 'vitest';
import { buildNdp } from '../../js/codec/ndp.ts';
import { bytes, openStack, outcome, text, until } from '../helpers/net.ts';
import { ENGINE } from '../helpers/runtime.ts';

async function network(options: NetworkOptions = {}): Promise<VirtualNetwork> {
  const net = await createNetwork({ engine: ENGINE, ...options });
  onTestFinished(() => net.close());
  return net;
}

/** A guest with a lease, whose names are looked up at the network's name server. */
async function guest(
  net: VirtualNetwork,
  hostname: string,
): Promise<{ stack: NetworkStack; card: TapInterface }> {
  const stack = await openStack({ initializeLoopback: false });
  const card = await stack.createTapInterface();
  net.plug(card);
  await requestLease(card, { hostname });
  const dns = await createDns(stack, { client: { nameServer: { ip: net.address, port: 53 } } });
  stack.resolver = dns;
  return { stack, card };
}

describe('guests', () => {
  test('get addresses and names, and talk to each other by name', async () => {
    const net = await network();
    const [one, two] = [await guest(net, 'one'), await guest(net, 'Two')];
    expect([...net.guests()].map(({ name }) => name)).toEqual(['one', 'two']);
    expect(net.addressOf('one')).toBe('10.0.0.2');
    expect(net.addressOf('TWO.internal')).toBe('10.0.0.3');
    expect(net.addressOf('three')).toBeUndefined();
    expect(net.addressOf('')).toBe('10.0.0.2');
    const listener = await two.stack.listenTcp({ port: 80 });
    const [, peer] = await Promise.all([
      one.stack.connectTcp({ host: 'two.internal', port: 80 }),
      listener.accept(),
    ]);
    expect(peer.remoteAddress).toBe('10.0.0.2');
    await one.stack.connectTcp({ host: 'two', port: 80 });
    const nobody = outcome(one.stack.connectTcp({ host: 'nobody.internal', port: 80 }));
    expect(await nobody).toBe('ENOTFOUND');
    const ping = await one.stack.createPingSession({ host: 'gateway.internal' });
    await ping.ping();
  });

  test('have names in both families, when they have made an IPv6 address', async () => {
    const net = await network();
    const [one, two] = [await guest(net, 'one'), await guest(net, 'two')];
    await solicitRouter(two.card);
    const own = two.card.addresses.flatMap((cidr) => /^fd00:5253:.*(?=\/64)/.exec(cidr)?.[0] ?? []);
    expect(own).toHaveLength(1);
    const seen = (): readonly string[] => [...net.guests()].at(1)?.ipv6Addresses ?? [];
    await until(() => seen().length > 0);
    expect(seen()).toEqual(own);
    expect(net.stack.hosts.lookup('two.internal')).toEqual([
      { address: net.addressOf('two'), family: 4 },
      { address: own[0], family: 6 },
    ]);
    const found = await one.stack.resolver?.lookupAll('two.internal');
    expect(found?.map(({ address }) => address).sort()).toEqual(
      [net.addressOf('two') as string, own[0] as string].sort(),
    );
    await solicitRouter(one.card);
    const listener = await two.stack.listenTcp({ port: 80, host: own[0] as string });
    const [connection] = await Promise.all([
      one.stack.connectTcp({ host: 'two.internal', port: 80 }),
      listener.accept(),
    ]);
    expect(connection.remoteAddress).toBe(own[0]);
  });

  test('cannot have an address of theirs taken for one of another guest', async () => {
    const net = await network();
    const [one, evil] = [await guest(net, 'one'), await guest(net, 'evil')];
    // A solicitation for the gateway that says: this address is at the MAC of the other guest.
    const address = 'fd00:5253::666';
    const target = 'fd00:5253::1';
    const socket = await evil.stack.openIcmp({
      family: 6,
      interface: evil.card,
      transparent: true,
      ttl: 255,
    });
    const writer = socket.writable.getWriter();
    const data = buildNdp(
      { source: address, destination: target },
      { kind: 'neighborSolicitation', target, options: { sourceMac: one.card.mac } },
    );
    const isTaken = async (): Promise<boolean> => {
      for await (const { address: known, mac } of net.stack.neighbors) {
        if (known === address && mac === one.card.mac) return true;
      }
      return false;
    };
    while (!(await isTaken())) {
      await writer.write({ data, host: 'ff02::1:ff00:1', local: address });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await solicitRouter(one.card);
    const seen = (): readonly string[] => [...net.guests()].at(0)?.ipv6Addresses ?? [];
    await until(() => seen().length > 0);
    const own = one.card.addresses.flatMap((cidr) => /^fd00:.*(?=\/64)/.exec(cidr)?.[0] ?? []);
    expect(seen()).toEqual(own);
  });

  test('reach nothing without a way out', async () => {
    const net = await network();
    const { stack } = await guest(net, 'vm');
    const ends = outcome(stack.connectTcp({ host: '9.9.9.9', port: 80, timeout: 20_000 }));
    expect(await ends).toBe('EHOSTUNREACH');
    expect(net.gateway.statistics.failed).toBe(1);
  });

  test('go out by name, if the policy allows the name', async () => {
    const outside = await openStack();
    const listener = await outside.listenTcp({ port: 80 });
    const net = await network({
      tcp: () => outside.connectTcp({ host: '127.0.0.1', port: 80 }),
      dns: {
        hosts: { 'api.example.com': '9.9.9.9', 'evil.example.com': '9.9.9.10' },
      },
      policy: { allow: ['api.example.com'] },
    });
    const { stack } = await guest(net, 'vm');
    const [connection] = await Promise.all([
      stack.connectTcp({ host: 'api.example.com', port: 80 }),
      listener.accept(),
    ]);
    expect(connection.remoteAddress).toBe('9.9.9.9');
    const [flow] = [...net.gateway.flows()];
    expect(flow?.destination.name).toBe('api.example.com');
    expect(flow?.source.name).toBe('vm');
    const evil = outcome(stack.connectTcp({ host: 'evil.example.com', port: 80 }));
    expect(await evil).toBe('EREFUSED');
    const direct = outcome(stack.connectTcp({ host: '9.9.9.10', port: 80, timeout: 20_000 }));
    expect(await direct).toBe('EHOSTUNREACH');
  });

  test('are reached by forwarded ports', async () => {
    const net = await network({ out: node() });
    const { stack } = await guest(net, 'vm');
    const listener = await stack.listenTcp({ port: 22 });
    const forward = await net.forward('127.0.0.1:0:22');
    const client = await node().connect({ host: '127.0.0.1', port: forward.port as number });
    const peer = await listener.accept();
    await client.writable.getWriter().write(bytes('ssh'));
    const { value } = await peer.readable.getReader().read();
    expect(text(value as Uint8Array)).toBe('ssh');
    const named = await net.forward({
      listen: { host: '127.0.0.1', port: 0 },
      to: { host: 'vm', port: 22 },
    });
    await node().connect({ host: '127.0.0.1', port: named.port as number });
    await listener.accept();
  });

  test('ask other names at the name servers of the way out', async () => {
    const asked: string[] = [];
    const way = node();
    const { createServer } = await import('node:net');
    void createServer;
    const dgram = await import('node:dgram');
    const server = dgram.createSocket('udp4');
    onTestFinished(() => void server.close());
    const { DnsServer } = await import('ringstack/dns');
    const answers = new DnsServer(null, { hosts: { 'far.example.com': '9.9.9.9' } });
    server.on('message', (query, { port, address }) => {
      asked.push(address);
      void answers.answer(query).then((response) => server.send(response, port, address));
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    const out: NodeTransport = {
      ...way,
      nameServers: () => [{ ip: '127.0.0.1', port: server.address().port }],
    };
    const net = await network({ out });
    const { stack } = await guest(net, 'vm');
    expect(await stack.resolver?.lookupAll('far.example.com')).toEqual([
      { address: '9.9.9.9', family: 4 },
    ]);
    expect(asked.length).toBeGreaterThan(0);
    // Names of our own are nobody's business.
    const before = asked.length;
    expect(await outcome(stack.resolver?.lookupAll('x.internal') as Promise<unknown>)).toBe(
      'ENOTFOUND',
    );
    expect(asked.length).toBe(before);
  });
});

test('close() leaves nothing', async () => {
  const net = await network({ out: node() });
  const { stack } = await guest(net, 'vm');
  await stack.listenTcp({ port: 22 });
  await net.forward('0:22');
  await net.close();
  await net.close();
  expect(net.stack.statistics.sockets).toBe(0);
  expect([...net.switch.ports]).toEqual([]);
  await until(() => net.gateway.statistics.tcpFlows === 0);
});

test.each([
  { cidr: '10.0.0.0/31' },
  { cidr: '10.0.0.0/4' },
  { cidr: 'fd00::/64' },
  { cidr: 'x' },
  { cidr6: 'fd00::/63' },
  { cidr6: true },
  { mtu: 100 },
  { domain: 'a..b' },
  { policy: { allow: ['10.0.0'] } },
  { limits: { flows: 0 } },
  { port: 1 },
  { engine: 'other' },
] as never[])('%j is refused with EINVAL, and nothing is left open', async (options) => {
  expect(await outcome(createNetwork(options))).toBe('EINVAL');
});

test('text forwards need a way to listen', async () => {
  const net = await network();
  expect(await outcome(net.forward('8080:80'))).toBe('ENOTSUP');
  expect(await outcome(net.forward('8080'))).toBe('EINVAL');
});
