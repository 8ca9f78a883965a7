// SPDX-License-Identifier: MIT
// intact.test - streams cut in any way, with any buffers, arrive byte for byte, both ways at once

import type { TcpConnection } from 'ringstack';
import { expect, test } from 'vitest';
import { StreamHash } from '../helpers/hash.ts';
import { connectEnds, ENDS, openStack, settle, until, wiredPair } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { NO_BYOB } from '../helpers/runtime.ts';

/** Writes a stream of chunks of any size and alignment. */
async function write(connection: TcpConnection, seed: number, total: number): Promise<string> {
  const [data, sizes] = [new Prng(seed), new Prng(seed + 1)];
  const hash = new StreamHash();
  const writer = connection.writable.getWriter();
  while (hash.length < total) {
    const most = sizes.pick([3, 100, 1460, 5000, 70_000, 300_000]);
    const length = Math.min(sizes.between(1, most), total - hash.length);
    const offset = sizes.int(16);
    const chunk = data.fill(new Uint8Array(new ArrayBuffer(offset + length), offset));
    hash.update(chunk);
    const writing = writer.write(chunk);
    if (sizes.chance(0.8)) await writing;
  }
  await writer.close();
  return hash.digest();
}

/** Reads it with readers of any kind and views of any size and alignment. */
async function read(connection: TcpConnection, seed: number): Promise<string> {
  const sizes = new Prng(seed);
  const hash = new StreamHash();
  for (;;) {
    const isByob = sizes.chance(0.5) && !NO_BYOB;
    const offset = sizes.int(16);
    const length = sizes.between(1, sizes.pick([2, 100, 5000, 200_000]));
    const reader = connection.readable.getReader(isByob ? { mode: 'byob' } : undefined);
    const view = new Uint8Array(new ArrayBuffer(offset + length + 3), offset, length);
    const { done, value } = await (reader as ReadableStreamBYOBReader).read(view);
    if (value) hash.update(value);
    reader.releaseLock();
    if (done) return hash.digest();
    if (sizes.chance(0.02)) await settle(sizes.between(1, 5));
  }
}

const SEEDS = Array.from({ length: 12 }, (_, n) => n * 10 + 1);

test.each(SEEDS)('seed %d', async (seed) => {
  const random = new Prng(seed);
  const mtu = random.pick([576, 1280, 1500, 9000, 65520]);
  const family = random.pick([4, 6] as const);
  const buffers = {
    receiveBuffer: random.pick([65_536, 131_072, 524_288]),
    sendBuffer: random.pick([4096, 65_536, 524_288]),
  };
  const { a, b } = await wiredPair({ tap: { mtu: Math.max(mtu, family === 6 ? 1280 : 0) } });
  const options = { host: ENDS[family].b, connect: buffers, listen: buffers };
  const { client, server } = await connectEnds(a, b, options);
  const total = buffers.sendBuffer === 4096 ? 200_000 : 2_000_000;
  const [there, here, sent, answered] = await Promise.all([
    read(server, seed + 2),
    read(client, seed + 3),
    write(client, seed + 4, total),
    write(server, seed + 5, total),
  ]);
  expect([there, here]).toEqual([sent, answered]);
  await Promise.all([client.closed, server.closed]);
  for (const { statistics } of [a, b]) {
    expect(statistics).toMatchObject({ checksumErrors: 0, noMemoryDrops: 0, inputDrops: 0 });
  }
  await until(() => a.statistics.sockets === 0);
});

test('over loopback', async () => {
  const stack = await openStack();
  const { client, server } = await connectEnds(stack, stack, { host: '::1' });
  const [there, sent] = await Promise.all([read(server, 1), write(client, 2, 5_000_000)]);
  expect(there).toBe(sent);
});
