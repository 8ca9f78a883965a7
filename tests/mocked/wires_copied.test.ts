// SPDX-License-Identifier: MIT
// wires_copied.test - pipeTo() between interfaces where import() is refused, as in a service worker

import { expect, test, vi } from 'vitest';
import { connectEnds, readAll, send, wiredPair } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

vi.mock('../../js/stack/plug.ts', () => {
  throw new TypeError('import() is disallowed');
});

test('the built-in pipeTo() carries the frames', async () => {
  const copied = vi.spyOn(ReadableStreamDefaultController.prototype, 'enqueue');
  const { a, b } = await wiredPair();
  const { client, server } = await connectEnds(a, b);
  const data = new Prng(1).bytes(300_000);
  const reading = readAll(server.readable);
  await send(client.writable, data);
  await client.closeWrite();
  expect(await reading).toEqual(data);
  expect(copied).toHaveBeenCalled();
  copied.mockRestore();
});
