// SPDX-License-Identifier: MIT
// transfer.test - 64 MiB over TCP between two stacks, every byte checked, with and without isolation

import { expect, test } from 'vitest';
import { StreamHash } from '../helpers/hash.ts';
import { wiredEnds } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const MIB = 2 ** 20;
const TOTAL = 64 * MIB;

test.each([1500, 65520])('64 MiB arrive as they were sent, MTU %i', async (mtu) => {
  const { client, server } = await wiredEnds({ tap: { mtu } });
  const sent = new StreamHash();
  const writing = (async () => {
    const random = new Prng(64);
    const writer = client.writable.getWriter();
    for (let left = TOTAL; left > 0; left -= MIB) {
      const chunk = random.bytes(MIB);
      sent.update(chunk);
      await writer.write(chunk);
    }
    await writer.close();
  })();
  const got = new StreamHash();
  for await (const chunk of server) got.update(chunk);
  await writing;
  expect(got.length).toBe(TOTAL);
  expect(got.digest()).toBe(sent.digest());
});
