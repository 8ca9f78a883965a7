// SPDX-License-Identifier: MIT
// fault.test - what a bad link does to frames, from its seed alone

import { createFault, type FaultOptions } from 'ringstack/fault';
import { plugEndpoint } from 'ringstack/link';
import { describe, expect, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import { endpointPair } from '../helpers/links.ts';
import { outcome, until } from '../helpers/net.ts';

/** Frame number n: its number and its length are in it. */
const frameOf = (n: number): Uint8Array => new Uint8Array(60 + (n % 40)).fill(n & 0xff);

/** Sends frames through a fault to an endpoint; returns what arrived there. */
async function through(options: FaultOptions, count = 1000) {
  const fault = createFault(options);
  const { endpoint, port, sent } = endpointPair();
  const got: Uint8Array[] = [];
  const plug = plugEndpoint(fault.wrap(endpoint), {
    send: (frame) => got.push(frame.slice()) > 0,
    ready: async () => {},
  });
  for (let n = 0; n < count; n++) {
    while (!plug.sink.send(frameOf(n))) await plug.sink.ready();
    port.push(frameOf(n));
  }
  const { outgoing } = fault.statistics;
  const lost = outgoing.dropped + outgoing.overflowed;
  await until(
    () => sent.length === count - lost + outgoing.duplicated || options.rate !== undefined,
  );
  return { fault, sent, got, plug, statistics: fault.statistics };
}

describe('a fault', () => {
  test('that does nothing passes all frames, at once and in order', async () => {
    const { sent, got, statistics } = await through({ seed: 1 });
    const all = Array.from({ length: 1000 }, (_, n) => hashOf(frameOf(n)));
    expect([sent.map(hashOf), got.map(hashOf)]).toEqual([all, all]);
    expect(statistics.outgoing).toEqual({
      received: 1000,
      delivered: 1000,
      dropped: 0,
      duplicated: 0,
      corrupted: 0,
      reordered: 0,
      overflowed: 0,
    });
  });

  test.each<[keyof FaultOptions & string, string, FaultOptions]>([
    ['drop', 'dropped', { drop: 0.2 }],
    ['duplicate', 'duplicated', { duplicate: 0.2 }],
    ['corrupt', 'corrupted', { corrupt: 0.2 }],
    ['reorder', 'reordered', { reorder: 0.2 }],
  ])('does as often as it is told: %s', async (_, name, options) => {
    const { statistics, fault } = await through({ seed: 3, ...options });
    for (const counts of [statistics.outgoing, fault.statistics.incoming]) {
      const count = counts[name as keyof typeof counts];
      expect(count).toBeGreaterThan(150);
      expect(count).toBeLessThan(250);
    }
  });

  test('does the same for the same seed, and something else for another', async () => {
    const options = { drop: 0.1, duplicate: 0.1, corrupt: 0.1, reorder: 0.1 };
    const runs = [];
    for (const seed of [5, 5, 6]) {
      const { sent, statistics } = await through({ seed, ...options });
      runs.push({ frames: sent.map(hashOf).sort(), counts: statistics.outgoing });
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]).not.toEqual(runs[2]);
  });

  test('decides about each frame whatever else it is told to do', async () => {
    const plain = await through({ seed: 9, drop: 0.1 });
    const more = await through({ seed: 9, drop: 0.1, duplicate: 0.3, delay: 1, jitter: 1 });
    const kept = (sent: Uint8Array[]): string[] => [...new Set(sent.map(hashOf))];
    expect(kept(more.sent)).toEqual(kept(plain.sent));
  });

  test('flips one bit at the most if told so, and never another frame', async () => {
    const { sent } = await through({ seed: 2, corrupt: 1, corruptBits: 1 });
    for (const [n, frame] of sent.entries()) {
      let flipped = 0;
      for (const [i, byte] of frameOf(n).entries()) {
        for (let bits = byte ^ (frame[i] ?? 0); bits; bits &= bits - 1) flipped++;
      }
      expect([frame.length, flipped]).toEqual([frameOf(n).length, 1]);
    }
  });

  test('lets one to four frames overtake one that is reordered', async () => {
    const { sent } = await through({ seed: 4, reorder: 0.05 }, 200);
    const order = sent.map((frame) => frame[0] ?? 0);
    expect(order).not.toEqual([...order].sort((x, y) => x - y));
    for (const [at, n] of order.entries()) expect(Math.abs(at - n)).toBeLessThan(30);
  });

  test('lets a reordered frame go that nothing follows', async () => {
    const { sent } = await through({ seed: 3, reorder: 1 }, 1);
    expect(sent).toEqual([frameOf(0)]);
  });

  test('keeps the order of delayed frames, and delays them', async () => {
    const begin = performance.now();
    const { sent } = await through({ seed: 4, delay: 20, jitter: 20 }, 200);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(20);
    expect(sent.map((frame) => frame[0])).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  test('holds a source off at its rate, or drops what its queue cannot take', async () => {
    const held = await through({ seed: 1, rate: 5_000_000 }, 3000);
    await until(() => held.sent.length === 3000);
    const { sent, fault } = await through({ seed: 1, rate: 100_000, queue: 10 }, 3000);
    const { overflowed } = fault.statistics.outgoing;
    expect(overflowed).toBeGreaterThan(2000);
    await until(() => sent.length === 3000 - overflowed);
  });

  test('each direction has its own settings, which can be changed', async () => {
    const { fault, sent, got, plug } = await through({
      seed: 1,
      incoming: { drop: 1 },
      outgoing: { duplicate: 1 },
    });
    expect([got.length, sent.length]).toEqual([0, 2000]);
    fault.set({ duplicate: 0, drop: 1 }, 'outgoing');
    plug.sink.send(frameOf(0));
    fault.set({ drop: 0 });
    plug.sink.send(frameOf(0));
    expect(sent.length).toBe(2001);
  });

  test('unplugged passes nothing on any more', async () => {
    const fault = createFault({ delay: 5 });
    const { endpoint, sent } = endpointPair();
    const plug = plugEndpoint(fault.wrap(endpoint), { send: () => true, ready: async () => {} });
    plug.sink.send(frameOf(1));
    plug.unplug();
    const again = plugEndpoint(fault.wrap(endpoint), { send: () => true, ready: async () => {} });
    again.sink.send(frameOf(2));
    await until(() => sent.length > 0);
    expect(sent).toEqual([frameOf(2)]);
    again.unplug();
  });

  test.each([
    { drop: 1.1 },
    { reorder: -1 },
    { corrupt: Number.NaN },
    { delay: -1 },
    { queue: 0 },
    { corruptBits: 0 },
    { incoming: { duplicate: 2 } },
  ])('refuses %j', async (options) => {
    expect(await outcome(Promise.resolve().then(() => createFault(options)))).toBe('EINVAL');
    const fault = createFault();
    if (!('incoming' in options)) {
      expect(() => fault.set(options)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    }
  });
});
