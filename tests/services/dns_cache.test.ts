// SPDX-License-Identifier: MIT
// dns_cache.test - what a client keeps, and what it asks for at the same time

import type { DnsClientOptions } from 'ringstack/dns';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { clientOf, record, type Say, soa, withPeer } from '../helpers/dns_peer.ts';

describe('cache', () => {
  /** A client on a clock, and how often its server was asked. */
  async function counted(say: Say, options: DnsClientOptions = {}) {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const count = { queries: 0 };
    const network = await withPeer((...asked) => {
      count.queries++;
      return say(...asked);
    });
    const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000);
    return { client: clientOf(network, options), count, pass };
  }
  const found: Say = () => ({ answers: [record('a.test', { type: 'A', ip: '10.0.0.2' })] });

  test('answers are kept for their TTL, which counts down', async () => {
    const { client, count, pass } = await counted(found);
    await client.lookup('a.test');
    pass(59);
    expect((await client.resolve('A.test', 'A'))[0]?.ttl).toBe(1);
    expect(count.queries).toBe(1);
    pass(1);
    await client.lookup('a.test');
    expect(count.queries).toBe(2);
    expect(client.statistics.cached).toBe(1);
  });

  test('that there is none is kept as long as the SOA says, and without one not at all', async () => {
    const none = await counted(() => ({ rcode: 'NXDOMAIN', authorities: [soa('test', 30)] }));
    for (const seconds of [0, 29, 1]) {
      none.pass(seconds);
      await expect(none.client.resolve('a.test', 'A')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    }
    expect(none.count.queries).toBe(2);
    const bare = await counted(() => ({ rcode: 'NXDOMAIN' }));
    for (let i = 0; i < 2; i++) await bare.client.resolve('a.test', 'A').catch(() => {});
    expect(bare.count.queries).toBe(2);
  });

  test('failures, TTL 0 and large answers are not kept', async () => {
    const said: Say[] = [
      () => ({ rcode: 'SERVFAIL', authorities: [soa('test')] }),
      () => ({ answers: [record('a.test', { type: 'A', ip: '10.0.0.2', ttl: 0 })] }),
      (_, over) =>
        over === 'udp'
          ? { truncated: true }
          : {
              answers: [
                record('a.test', { type: 'A', ip: '10.0.0.2' }),
                record('a.test', { type: 'NULL', data: new Uint8Array(5000) }),
              ],
            },
    ];
    for (const say of said) {
      const { client, count } = await counted(say);
      for (let i = 0; i < 2; i++) await client.resolve('a.test', 'A').catch(() => {});
      expect(count.queries).toBeGreaterThanOrEqual(2);
      expect(client.statistics.cached).toBe(0);
    }
  });

  test('an absurd TTL is kept for a day', async () => {
    const { client, count, pass } = await counted(() => ({
      answers: [record('a.test', { type: 'A', ip: '10.0.0.2', ttl: 2 ** 31 - 1 })],
    }));
    await client.lookup('a.test');
    pass(86_400);
    await client.lookup('a.test');
    expect(count.queries).toBe(2);
  });

  test('the least recently used one makes room', async () => {
    const { client, count } = await counted(
      ({ questions: [question] }) => ({
        answers: [record(question?.name ?? '', { type: 'A', ip: '10.0.0.2' })],
      }),
      { cache: 2 },
    );
    for (const name of ['a.test', 'b.test', 'a.test', 'c.test', 'a.test'])
      await client.lookup(name);
    expect(count.queries).toBe(3);
    await client.lookup('b.test');
    expect(count.queries).toBe(4);
  });

  test('false: nothing is kept', async () => {
    const { client, count } = await counted(found, { cache: false });
    for (let i = 0; i < 2; i++) await client.lookup('a.test');
    expect(count.queries).toBe(2);
  });
});

describe('at the same time', () => {
  test('equal questions are one query, and each signal ends its own wait', async () => {
    let queries = 0;
    let answer = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const network = await withPeer(async () => {
      queries++;
      await waiting;
      return { answers: [record('a.test', { type: 'A', ip: '10.0.0.2' })] };
    });
    const client = clientOf(network);
    const controller = new AbortController();
    const ended = client.lookup('a.test', { signal: controller.signal });
    const others = Array.from({ length: 10 }, () => client.lookup('a.test'));
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    answer();
    expect(new Set(await Promise.all(others))).toEqual(new Set(['10.0.0.2']));
    expect(queries).toBe(1);
  });

  test('what nobody waits for any longer is given up', async () => {
    const network = await withPeer(() => undefined);
    const client = clientOf(network);
    const controller = new AbortController();
    const ended = client.lookup('a.test', { signal: controller.signal });
    await vi.waitFor(() => expect(network.datagrams).toBe(1));
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await vi.waitFor(() => expect(network.open).toBe(1));
    await expect(client.lookup('a.test', { signal: controller.signal })).rejects.toThrow('enough');
  });

  test('a thousand questions never have more than 128 sockets', async () => {
    let most = 0;
    const network = await withPeer(({ questions: [question] }) => {
      most = Math.max(most, network.open);
      return { answers: [record(question?.name ?? '', { type: 'A', ip: '10.0.0.2' })] };
    });
    const client = clientOf(network);
    await Promise.all(Array.from({ length: 1000 }, (_, i) => client.lookup(`n${i}.test`)));
    // The peer's own socket is one more.
    expect(most).toBeLessThanOrEqual(129);
    expect(network.open).toBe(1);
  });

  test('close() ends what waits, and what comes after', async () => {
    const network = await withPeer(() => undefined);
    const client = clientOf(network);
    const waiting = [client.lookup('a.test'), client.query({ name: 'b.test', type: 'A' })];
    await vi.waitFor(() => expect(network.datagrams).toBe(2));
    client.close();
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'ESHUTDOWN' });
    await expect(client.lookup('c.test')).rejects.toMatchObject({ code: 'ESHUTDOWN' });
    expect(network.open).toBe(1);
  });
});
