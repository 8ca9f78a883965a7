// SPDX-License-Identifier: MIT
// lazy_refused.test - what needs no file of its own works where import() is refused, as in a service worker

import { expect, test, vi } from 'vitest';
import { openStack } from '../helpers/net.ts';

vi.mock('../../js/stack/datagrams.ts', () => {
  throw new TypeError('import() is disallowed');
});

test('TCP works, and what needs the file leaves nothing behind', async () => {
  const stack = await openStack();
  const listener = await stack.listenTcp({ port: 80 });
  const client = await stack.connectTcp({ host: '127.0.0.1', port: 80 });
  expect((await listener.accept()).remotePort).toBe(client.localPort);
  await expect(stack.openUdp()).rejects.toThrow(); // the file is refused
  const ends = { ip: '10.0.0.1/24', gateway: '10.0.0.254' };
  await expect(stack.createTapInterface(ends)).rejects.toThrow();
  expect(stack.interfaces.size).toBe(1);
});
