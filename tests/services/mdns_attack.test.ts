// SPDX-License-Identifier: MIT
// mdns_attack.test - mDNS and hosts that claim every name, flood, forge their address, fill the cache, send garbage

import fc from 'fast-check';
import { serializeDnsMessage } from 'ringstack/dns';
import { expect, test } from 'vitest';
import {
  address,
  advance,
  HTTP,
  MdnsPeer,
  place,
  pointer,
  question,
  text,
} from '../helpers/mdns_peer.ts';
import { outcome } from '../helpers/net.ts';

test('a host that claims every name is given up after thirty tries, in bounded time and traffic', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open();
  const publishing = mdns.publish({ name: 'Web', type: HTTP, port: 80, host: 'x.local' });
  publishing.catch(() => {});
  const start = performance.now();
  let seen = 0;
  for (let i = 0; i < 4000 && mdns.statistics.conflicts <= 30; i++) {
    for (const { message } of peer.sent.slice(seen)) {
      const [asked] = message.questions;
      if (asked) await peer.answer([place(asked.name, 'evil.local', 666)]);
    }
    seen = peer.sent.length;
    await advance(50);
  }
  await advance(10_000);
  expect(await outcome(publishing)).toBe('EADDRINUSE');
  expect(mdns.statistics.conflicts).toBe(31);
  expect(performance.now() - start).toBeGreaterThan(20_000);
  expect(peer.sent.length).toBeLessThan(150);
});

test('a flood of conflicting answers and of questions costs a bounded number of messages', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  peer.sent.length = 0;
  const alone = { host: '10.0.0.7', port: 40_000 };
  for (let i = 0; i < 3000; i++) {
    peer.raw(new Uint8Array(20).fill(i));
    const answers = [address('vm.local', `10.0.0.${i % 250}`)];
    peer.raw(serializeDnsMessage({ isResponse: true, answers }));
    peer.raw(serializeDnsMessage({ id: i, ...question('vm.local') }), alone);
    if (i % 60 === 0) await advance(60);
  }
  await advance(60);
  // 100 at once, and 100 a second for 3 s.
  expect(peer.sent.length).toBeLessThan(500);
  expect(mdns.statistics.droppedLimit).toBeGreaterThan(4000);
  expect(mdns.statistics.droppedMalformed).toBeGreaterThan(100);
});

test('from beyond the link nothing counts, and answers from other ports do not', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  const forged = [address('vm.local', '10.0.0.9')];
  await peer.answer(forged, { host: '192.0.2.1', ttl: 64 });
  await peer.answer(forged, { host: '10.0.0.9', port: 40_000 });
  expect(await peer.ask(question('vm.local'), { host: '192.0.2.1', ttl: 254 })).toEqual([]);
  await advance(3000);
  expect(mdns.statistics).toMatchObject({ conflicts: 0, droppedForeign: 3 });
  // A host of our network counts with any time to live: some send less than 255.
  expect(await peer.ask(question('vm.local'), { ttl: 1 }, 0)).toHaveLength(1);
});

test('a host with endless services fills the cache and no more', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ cache: 64, maxRate: 100_000 });
  const events = mdns.browse(HTTP);
  await advance(200);
  for (let i = 0; i < 150; i++) {
    const name = `${i}._http._tcp.local`;
    await peer.answer([pointer(name), place(name, `${i}.local`), text(name)]);
    await peer.answer([address(`${i}.local`, '10.0.0.5'), pointer(`${i}._ssh._tcp.local`)]);
  }
  await advance(1000);
  expect(mdns.statistics.droppedLimit).toBeGreaterThan(300);
  await events.return?.();
  const found = mdns.lookup('db.local', { family: 4 });
  await advance(10);
  await peer.answer([address('db.local', '10.0.0.9')]);
  await advance(50);
  expect(await found).toBe('10.0.0.9'); // nobody waits for the others any more
});

test('garbage never throws, and is counted', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm', maxRate: 100_000 });
  const valid = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0x76, 0x6d, 5];
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), fc.boolean(), async (bytes, isAnswer) => {
      const head = isAnswer ? [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0] : valid;
      peer.raw(Uint8Array.from([...head, ...bytes]));
      peer.raw(bytes);
      await advance(0);
    }),
    { numRuns: 200 },
  );
  await advance(3000);
  const { received, droppedMalformed } = mdns.statistics;
  expect(received).toBeGreaterThanOrEqual(400);
  expect(droppedMalformed).toBeGreaterThan(300);
  expect(peer.isOpen).toBe(true);
});
