// SPDX-License-Identifier: MIT
// lazy_refused.test - what needs no file of its own works where import() is refused, as in a service worker

import { expect, test, vi } from 'vitest';
import { openStack, outcome } from '../helpers/net.ts';

vi.mock('../../js/stack/datagrams.ts', () => {
  throw new TypeError('import() is disallowed');
});

test('an interface is created with its gateways', async () => {
  const stack = await openStack();
  const tap = await stack.createTapInterface({
    ip: ['10.0.0.1/24', 'fd00::1/64'],
    gateway: ['10.0.0.254', 'fd00::fe'],
  });
  const frames = tap.listen();
  const connecting = outcome(stack.connectTcp({ host: '192.0.2.1', port: 80 }));
  for (;;) {
    const { value: frame = new Uint8Array() } = await frames.next();
    // An ARP request, with the address that is asked for.
    if (frame[12] !== 8 || frame[13] !== 6) continue;
    const target = [...frame.subarray(38, 42)];
    if (`${target}` === '10,0,0,1') continue;
    expect(target).toEqual([10, 0, 0, 254]);
    break;
  }
  await expect(stack.openUdp()).rejects.toThrow(); // the file is refused
  await stack.close();
  expect(await connecting).toBe('ESHUTDOWN');
});

test('two gateways of one family are refused, and leave no interface', async () => {
  const stack = await openStack();
  const gateway = ['10.0.0.254', '10.0.0.253'];
  await expect(stack.createTapInterface({ ip: '10.0.0.1/24', gateway })).rejects.toMatchObject({
    code: 'EINVAL',
    message: expect.stringContaining('10.0.0.254, 10.0.0.253'),
  });
  expect(stack.interfaces.size).toBe(1);
});
