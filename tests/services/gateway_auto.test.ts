// SPDX-License-Identifier: MIT
// gateway_auto.test - forwarded ports that follow what a guest listens at

import type { NetworkStack, TapInterface } from 'ringstack';
import { requestLease } from 'ringstack/dhcp';
import type { AutoForward, AutoForwardOptions, OpenPort } from 'ringstack/gateway';
import { createNetwork, type NetworkOptions, type VirtualNetwork } from 'ringstack/network';
import { expect, onTestFinished, test } from 'vitest';
import { bytes, openStack, outcome, readAll, text, until } from '../helpers/net.ts';
import { ENGINE } from '../helpers/runtime.ts';

interface Followed {
  readonly net: VirtualNetwork;
  readonly guest: NetworkStack;
  readonly card: TapInterface;
  /** Forwarded ports listen here. */
  readonly outside: NetworkStack;
  readonly opened: OpenPort[];
  readonly closed: OpenPort[];
  follow(options?: AutoForwardOptions): Promise<AutoForward>;
}

/** A network with a guest, which has a lease. */
async function followed(options: NetworkOptions = {}): Promise<Followed> {
  const net = await createNetwork({ engine: ENGINE, ...options });
  onTestFinished(() => net.close());
  const guest = await openStack({ initializeLoopback: false });
  const outside = await openStack();
  const card = await guest.createTapInterface();
  net.plug(card);
  await requestLease(card, { hostname: 'vm' });
  const [opened, closed]: [OpenPort[], OpenPort[]] = [[], []];
  const follow = (more: AutoForwardOptions = {}): Promise<AutoForward> =>
    net.forward('auto', {
      listen: { transport: outside.tcp },
      rate: 1000,
      interval: 100,
      ports: [80, '8000-8002'],
      onOpen: (port) => void opened.push(port),
      onClose: (port) => void closed.push(port),
      ...more,
    });
  return { net, guest, card, outside, opened, closed, follow };
}

/** The server of the guest greets once. */
async function greeted(from: NetworkStack, port: number): Promise<string> {
  const connection = await from.connectTcp({ host: '127.0.0.1', port });
  const greeting = text(await readAll(connection.readable));
  await connection.close();
  return greeting;
}

test('a port is forwarded when the guest begins to listen, and no more when it stops', async () => {
  const { guest, outside, opened, closed, follow } = await followed();
  const auto = await follow();
  expect([...auto.ports()]).toEqual([]);
  const listener = await guest.listenTcp({ port: 8001 });
  let accepted = 0;
  void (async () => {
    for await (const connection of listener) {
      accepted++;
      const writer = connection.writable.getWriter();
      await writer.write(bytes('hello'));
      await writer.close();
    }
  })();
  await until(() => opened.length === 1);
  expect(opened[0]).toMatchObject({
    guest: { address: '10.0.0.2', name: 'vm', port: 8001 },
    forward: { port: 8001 },
  });
  // Some rounds later: no probe was ever a connection.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(accepted).toBe(0);
  expect(await greeted(outside, 8001)).toBe('hello');
  expect(accepted).toBe(1);
  await listener.close();
  await until(() => closed.length === 1);
  expect(closed).toEqual(opened);
  expect(await outcome(outside.connectTcp({ host: '127.0.0.1', port: 8001 }))).toBe('ECONNREFUSED');
  await auto.close();
  await guest.listenTcp({ port: 8001 });
  expect(opened).toHaveLength(1);
});

test('a number that is taken outside is replaced', async () => {
  const { guest, outside, opened, follow } = await followed();
  await outside.listenTcp({ port: 80 });
  await guest.listenTcp({ port: 80 });
  await follow();
  await until(() => opened.length === 1);
  const at = opened[0]?.forward?.port as number;
  expect(at).not.toBe(80);
  await outside.connectTcp({ host: '127.0.0.1', port: at });
});

test('connections outlive the listener of the guest', async () => {
  const { guest, outside, opened, closed, follow } = await followed();
  const listener = await guest.listenTcp({ port: 80 });
  await follow();
  await until(() => opened.length === 1);
  const [ours, theirs] = await Promise.all([
    outside.connectTcp({ host: '127.0.0.1', port: 80 }),
    listener.accept(),
  ]);
  await listener.close();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(closed).toEqual([]);
  await theirs.close();
  await ours.close();
  await until(() => closed.length === 1);
});

test('a guest that is gone has no ports', async () => {
  const { net, card, guest, opened, closed, follow } = await followed();
  await guest.listenTcp({ port: 80 });
  const auto = await follow({ to: 'vm' });
  await until(() => opened.length === 1);
  await net.dhcp.release(card.mac);
  await until(() => closed.length === 1);
  expect([...auto.ports()]).toEqual([]);
});

test('ports are told without being forwarded, and close() ends all of it', async () => {
  const { net, guest, opened, closed, follow } = await followed();
  await guest.listenTcp({ port: 80 });
  const auto = await follow({ listen: undefined } as never);
  await until(() => opened.length === 1);
  expect(opened[0]?.forward).toBeUndefined();
  await net.gateway.close();
  await auto.closed;
  expect(closed).toHaveLength(1);
});

test('a network without room for a prober cannot', async () => {
  const net = await createNetwork({ cidr: '10.0.0.0/30' });
  onTestFinished(() => net.close());
  expect(await outcome(net.forward('auto'))).toBe('ENOTSUP');
});

test.each([
  [{ ports: [] }, 'ports'],
  [{ ports: [0] }, '0'],
  [{ ports: ['9-8'] }, '9-8'],
  [{ ports: ['1-70000'] }, '1-70000'],
  [{ rate: 0 }, 'rate'],
  [{ interval: 1 }, 'interval'],
  [{ listen: {} }, 'listen'],
  [{ onOpen: 1 }, 'onOpen'],
])('the options %j are refused', async (options, named) => {
  const net = await createNetwork();
  onTestFinished(() => net.close());
  await expect(net.forward('auto', options as never)).rejects.toThrow(named);
});
