// SPDX-License-Identifier: MIT
// host_addresses.test - addresses that an interface can have, and that can be connected to

import { describe, expect, test } from 'vitest';
import { connectEnds, openStack, outcome, plug } from '../helpers/net.ts';

describe('an interface', () => {
  test.each([
    ['::/0'],
    ['ff02::1/64'],
    ['10.0.0.0/24'],
    ['10.0.0.255/24'],
    ['0.0.0.0/8'],
    ['255.255.255.255/32'],
    ['224.0.0.1/4'],
    ['240.0.0.1/4'],
  ])('is refused the address %s, and told why', async (ip) => {
    const stack = await openStack();
    const created = stack.createTapInterface({ ip });
    await expect(created).rejects.toThrow(`${ip} must be the address of one host`);
    expect(await outcome(created)).toBe('EINVAL');
    const tap = await stack.createTapInterface();
    expect(await outcome(tap.addAddress(ip))).toBe('EINVAL');
    expect([...stack.interfaces]).toHaveLength(2);
  });

  test('is refused the address of another interface, except one of its link', async () => {
    const stack = await openStack();
    await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fe80::1/64'] });
    const twice = stack.createTunInterface({ ip: '10.0.0.1/8' });
    await expect(twice).rejects.toThrow('another interface has 10.0.0.1/8');
    expect(await outcome(twice)).toBe('EADDRINUSE');
    await stack.createTapInterface({ ip: 'fe80::1/64' });
  });

  test('on a network of two hosts reaches the other one', async () => {
    const [a, b] = [await openStack(), await openStack()];
    const tapA = await a.createTapInterface({ ip: '10.0.0.0/31' });
    const tapB = await b.createTapInterface({ ip: '10.0.0.1/31' });
    plug(tapA, tapB);
    await connectEnds(a, b, { host: '10.0.0.1' });
    await connectEnds(b, a, { host: '10.0.0.0' });
  });

  test.each(['10.0.0.255', '255.255.255.255', '224.0.0.1', 'ff02::1'])(
    'connects to no group: %s fails at once',
    async (host) => {
      const stack = await openStack();
      await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
      expect(await outcome(stack.connectTcp({ host, port: 80 }))).toBe('EHOSTUNREACH');
    },
  );

  test.each(['0.0.0.0', '::', '::ffff:127.0.0.1'])('of ourselves is %s', async (host) => {
    const stack = await openStack();
    const listener = await stack.listenTcp({ port: 0 });
    await stack.connectTcp({ host, port: listener.port });
    const { remoteAddress } = await listener.accept();
    expect(['127.0.0.1', '::1']).toContain(remoteAddress);
  });
});
