// SPDX-License-Identifier: MIT
// traceroute.test - the way to a host: hops by hand, both methods, both families, every end

import type { Hop } from 'ringstack';
import { expect, test } from 'vitest';
import { icmp6Error, icmpError } from '../helpers/frames.ts';
import { ENDS, linkLocalPair, openStack, outcome, wiredPair } from '../helpers/net.ts';
import { type HandHost, handHost } from '../helpers/udp.ts';

const METHODS = ['icmp', 'udp'] as const;

async function all(hops: AsyncIterable<Hop>): Promise<Hop[]> {
  const found: Hop[] = [];
  for await (const hop of hops) found.push(hop);
  return found;
}

/** Answers probes as routers at 10.0.0.TTL would, and as the host itself where the time to live is `distance`. */
async function answer({ next, send }: HandHost, distance: number, type = 3, code = 3) {
  for (;;) {
    const packet = await next(([version = 0]) => version >> 4 === 4);
    const ttl = packet[8] ?? 0;
    if (ttl < distance) await send(icmpError(`10.0.0.${ttl + 1}`, 11, 0, packet));
    else await send(icmpError('192.0.2.9', type, code, packet));
  }
}

test.each(METHODS)('a host next to us is one hop away, by %s', async (method) => {
  for (const family of [4, 6] as const) {
    const { a } = await wiredPair();
    const [hop, ...more] = await all(a.traceroute({ host: ENDS[family].b, method }));
    expect(more).toEqual([]);
    expect(hop?.ttl).toBe(1);
    expect(hop?.replies.length).toBe(3);
    for (const reply of hop?.replies ?? []) {
      expect(reply.host).toBe(ENDS[family].b);
      expect(reply.kind).toBe('reply');
      expect(reply.roundTripTime).toBeGreaterThan(0);
    }
  }
});

test.each(METHODS)('a link-local host is found by its zone, by %s', async (method) => {
  const { a } = await linkLocalPair();
  const [hop, ...more] = await all(a.traceroute({ host: 'fe80::b%1', method, probes: 1 }));
  expect(more).toEqual([]);
  expect(hop?.replies.map(({ kind }) => kind)).toEqual(['reply']);
  // An error comes from the address that lwIP prefers on that interface.
  expect(hop?.replies[0]?.host).toMatch(method === 'icmp' ? /^fe80::b$/ : /^fe80::/);
});

test('routers on the way say who they are', async () => {
  const host = await handHost();
  void answer(host, 4);
  const hops = await all(host.stack.traceroute({ host: '192.0.2.9', method: 'udp', probes: 2 }));
  const froms = hops.map(({ replies }) => replies.map((reply) => reply.host));
  expect(froms).toEqual([
    ['10.0.0.2', '10.0.0.2'],
    ['10.0.0.3', '10.0.0.3'],
    ['10.0.0.4', '10.0.0.4'],
    ['192.0.2.9', '192.0.2.9'],
  ]);
  const kinds = hops.map(({ replies }) => replies[0]?.kind);
  expect(kinds).toEqual(['time-exceeded', 'time-exceeded', 'time-exceeded', 'reply']);
  expect(hops[0]?.replies[0]?.code).toBe(0);
});

test('one of them says that there is no way on', async () => {
  const host = await handHost();
  void answer(host, 2, 3, 13);
  const hops = await all(host.stack.traceroute({ host: '192.0.2.9', probes: 1 }));
  expect(hops.length).toBe(2);
  expect(hops[1]?.replies[0]).toMatchObject({ kind: 'unreachable', code: 13 });
});

test('an IPv6 router is heard too', async () => {
  const { stack, send, next } = await handHost();
  const tracing = all(stack.traceroute({ host: 'fd00::2', probes: 1, maxHops: 1 }));
  const probe = await next((packet) => packet[6] === 58 && packet[40] === 128);
  await send(icmp6Error(3, 0, probe));
  expect((await tracing)[0]?.replies[0]).toMatchObject({ host: 'fd00::2', kind: 'time-exceeded' });
});

test('one that says nothing has no replies, and the hops have an end', async () => {
  const { stack } = await handHost();
  const options = { host: '192.0.2.9', maxHops: 2, timeout: 10 };
  expect(await all(stack.traceroute(options))).toEqual([
    { ttl: 1, replies: [] },
    { ttl: 2, replies: [] },
  ]);
});

test.each(METHODS)('without a route it fails at once, by %s', async (method) => {
  const stack = await openStack();
  expect(await outcome(all(stack.traceroute({ host: '192.0.2.9', method })))).toBe('EHOSTUNREACH');
  expect(stack.statistics.sockets).toBe(0);
});

test('it ends with its signal and with its stack', async () => {
  const { stack } = await handHost();
  const abort = new AbortController();
  const options = { host: '192.0.2.9', timeout: 100_000 };
  const tracing = all(stack.traceroute({ ...options, signal: abort.signal }));
  setTimeout(() => abort.abort(new Error('enough')), 5);
  await expect(tracing).rejects.toThrow('enough');
  const other = outcome(all(stack.traceroute(options)));
  await new Promise((resolve) => setTimeout(resolve, 5));
  await stack.close();
  expect(await other).toBe('ESHUTDOWN');
});

test.each([
  ['EINVAL', { host: '1.2.3' }],
  ['EINVAL', { host: '::1', maxHops: 0 }],
  ['EINVAL', { host: '::1', probes: 11 }],
  ['EINVAL', { host: '::1', method: 'tcp' as never }],
  ['ENOTFOUND', { host: 'nobody.test' }],
])('it is refused with %s for %j', async (code, options) => {
  const stack = await openStack();
  expect(await outcome(all(stack.traceroute(options)))).toBe(code);
});
