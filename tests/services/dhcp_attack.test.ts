// SPDX-License-Identifier: MIT
// dhcp_attack.test - a DHCP server among hostile guests: floods, garbage, stolen names, and many clients

import fc from 'fast-check';
import { parseDhcpMessage, serializeDhcpMessage } from 'ringstack/dhcp';
import { expect, test, vi } from 'vitest';
import { dhcpPeer, fakeTime, macOf, settle } from '../helpers/dhcp_peer.ts';

test('made-up clients cannot hold a range with offers alone', async () => {
  fakeTime();
  const peer = await dhcpPeer();
  for (let n = 1; n <= 50; n++) await peer.say(n, { type: 'DISCOVER' });
  expect(await peer.say(99, { type: 'DISCOVER' })).toBeUndefined();
  await vi.advanceTimersByTimeAsync(3_100);
  expect(await peer.lease(99)).toBe('10.0.0.100');
  expect(peer.server.leases.size).toBe(1);
});

test('the number of leases is bounded', async () => {
  const leaseRange = { start: '10.0.0.2', end: '10.0.0.250' };
  const peer = await dhcpPeer({ leaseRange, maxLeases: 3 });
  for (let n = 1; n <= 20; n++) await peer.lease(n);
  expect(peer.server.leases.size).toBe(3);
  const values = { requestedIP: '10.0.0.200' };
  expect((await peer.say(30, { type: 'REQUEST', values }))?.message.type).toBe('NAK');
});

test('declines keep no more than a quarter of the range back', async () => {
  const leaseRange = { start: '10.0.0.100', end: '10.0.0.107' };
  const peer = await dhcpPeer({ leaseRange });
  for (let n = 1; n <= 8; n++) {
    const requestedIP = (await peer.lease(n)) as string;
    const values = { requestedIP, serverIdentifier: '10.0.0.1' };
    await peer.say(n, { type: 'DECLINE', values });
  }
  expect(peer.server.leases.size).toBe(0);
  const got = new Set<unknown>();
  for (let n = 11; n <= 18; n++) got.add(await peer.lease(n));
  got.delete(undefined);
  expect(got.size).toBe(6);
});

test('messages beyond the rate are dropped and counted', async () => {
  fakeTime();
  const peer = await dhcpPeer({ maxRate: 10 });
  for (let n = 1; n <= 30; n++) await peer.say(1, { type: 'DISCOVER' });
  expect(peer.server.statistics).toMatchObject({ sent: 10, droppedLimit: 20 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(await peer.lease(1)).toBe('10.0.0.100');
});

test('messages that wait for a probe are bounded', async () => {
  const leaseRange = { start: '10.0.0.2', end: '10.0.0.250' };
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const peer = await dhcpPeer({ leaseRange, decide: () => gate.then(() => undefined) });
  for (let n = 1; n <= 300; n++) await peer.say(n, { type: 'DISCOVER' });
  expect(peer.server.statistics.droppedLimit).toBe(44);
  open();
  for (let i = 0; i < 10; i++) await settle();
  expect(await peer.lease(1)).toBe('10.0.0.2');
});

test.each([
  ['a reply', (bytes: Uint8Array) => bytes.fill(2, 0, 1)],
  ['other hardware', (bytes: Uint8Array) => bytes.fill(6, 1, 2)],
  ['an address of 16 bytes', (bytes: Uint8Array) => bytes.fill(16, 2, 3)],
  ['a group as MAC', (bytes: Uint8Array) => bytes.fill(255, 28, 34)],
  ['no MAC', (bytes: Uint8Array) => bytes.fill(0, 28, 34)],
  ['a cut message', (bytes: Uint8Array) => bytes.subarray(0, 200)],
])('%s is dropped and counted', async (_, change) => {
  const peer = await dhcpPeer();
  peer.raw(change(serializeDhcpMessage({ op: 1, type: 'DISCOVER', mac: macOf(1) })));
  await settle();
  expect(peer.socket.sent).toEqual([]);
  expect(peer.server.statistics.droppedMalformed).toBe(1);
});

test('any changed message leaves the server at work', async () => {
  const types = ['DISCOVER', 'REQUEST', 'DECLINE', 'RELEASE', 'INFORM'] as const;
  const change = fc.record({
    type: fc.constantFrom(...types),
    n: fc.integer({ min: 1, max: 6 }),
    at: fc.integer({ min: 0, max: 299 }),
    value: fc.integer({ min: 0, max: 255 }),
    tail: fc.uint8Array({ maxLength: 40 }),
  });
  const peer = await dhcpPeer({ maxRate: 1_000_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 20 }), async (changes) => {
      for (const { type, n, at, value, tail } of changes) {
        const bytes = serializeDhcpMessage({ op: 1, type, mac: macOf(n), xid: n });
        bytes[at] = value;
        bytes.set(tail, 243);
        peer.raw(bytes);
        await settle();
      }
    }),
    { numRuns: 100 },
  );
  const ips = [...peer.server.leases.values()].map(({ ip }) => ip);
  expect(new Set(ips).size).toBe(ips.length);
  expect(ips.length).toBeLessThanOrEqual(4);
  for (const { data } of peer.socket.sent) expect(parseDhcpMessage(data).op).toBe(2);
  for (const key of [...peer.server.leases.keys()]) await peer.server.release(key);
  const { received } = peer.server.statistics;
  await peer.say(1, { type: 'DISCOVER' });
  expect(peer.server.statistics.received).toBe(received + 1);
});

test('10,000 clients get 10,000 addresses', async () => {
  const peer = await dhcpPeer({
    leaseRange: { start: '10.0.1.0', end: '10.0.63.255' },
    netmask: '255.255.0.0',
    maxRate: 1_000_000,
  });
  const got = new Set<unknown>();
  for (let n = 1; n <= 10_000; n++) got.add(await peer.lease(n));
  expect(got.size).toBe(10_000);
  expect(peer.server.leases.size).toBe(10_000);
});
