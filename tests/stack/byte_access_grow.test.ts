// SPDX-License-Identifier: MIT
// byte_access_grow.test - zero-copy access while the buffer of a connection changes

import { expect, test } from 'vitest';
import { concat, readAll, settle, wiredEnds } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';

test('bytes that were reserved stay in place while the buffer grows', async () => {
  const { client, server } = await wiredEnds();
  const writer = client.getRingWriter();
  const received = readAll(server.readable);
  const sent: Uint8Array[] = [];
  // Less room than asked for: the stack offers a larger buffer before the bytes are submitted.
  for (let round = 0; round < 8; round++) {
    await writer.ready();
    const view = writer.reserve(1 << 20);
    await settle();
    const data = new Prng(round).bytes(view.length);
    view.set(data);
    writer.submit(view.length);
    sent.push(data);
  }
  await writer.close();
  expect(sameBytes(await received, concat(sent))).toBe(true);
});
