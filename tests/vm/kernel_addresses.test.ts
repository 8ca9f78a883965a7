// SPDX-License-Identifier: MIT
// kernel_addresses.test - Linux as neighbor and gateway of a stack whose addresses and routes change

import { execFileSync } from 'node:child_process';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { openTap } from 'ringstack/tap';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../helpers/net.ts';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { needs } from './lib/need.ts';
import { testScope } from './lib/scope.ts';

beforeEach((context) => needs(whyNoKernel(), context));

/** A MAC address that an entry of the kernel has before ours is announced. */
const STALE = '02:00:00:00:0b:ad';

describe.each([4, 6] as const)('Linux kernel, IPv%i', (family) => {
  const { kernel: kernelAddress, ours } = ADDRESS[family];
  const prefix = family === 4 ? 24 : 64;
  const other = family === 4 ? '10.77.0.9' : 'fd77::9';

  test('follows an address that comes to us, by what announces it', async () => {
    const { stack, tap, run, namespace } = await openKernel(testScope());
    const entry = (): string =>
      execFileSync('ip', ['-n', namespace, 'neigh', 'show', other], { encoding: 'utf8' });
    await run('ping', '-c', '1', ours).succeeded();
    // As if another host had the address until now.
    execFileSync('ip', [
      ...['-n', namespace, 'neigh', 'replace', other],
      ...['lladdr', STALE, 'dev', 'tap0', 'nud', 'stale'],
    ]);
    await tap.addAddress(`${other}/${prefix}`);
    await until(() => entry().includes(tap.mac));
    expect(entry()).not.toContain(STALE);
    await run('ping', '-c', '1', '-W', '5', other).succeeded();
    if (family === 4) expect(tap.addresses).not.toContain(`${ours}/24`);
    expect((await stack.routes.lookup(kernelAddress))?.kind).toBe('connected');
  });

  test('is named when it has the address we ask for, and a free one is taken', async () => {
    const { tap, device, namespace } = await openKernel(testScope());
    const [link] = JSON.parse(
      execFileSync('ip', ['-n', namespace, '-j', 'link', 'show', device.name], {
        encoding: 'utf8',
      }),
    );
    await expect(
      tap.addAddress(`${kernelAddress}/${prefix}`, { detect: true }),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining(`${link.address} has it`),
    });
    await tap.addAddress(`${other}/${prefix}`, { detect: true });
    expect(tap.addresses).toContain(`${other}/${prefix}`);
  });

  test('is the gateway to a stack behind it, by a route and by the gateway of the tap', async () => {
    const scope = testScope();
    const forwarding = { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 };
    const { stack, tap, namespace, run } = await openKernel(scope, { sysctls: forwarding });
    const far = family === 4 ? '10.88.0.2' : 'fd88::2';
    const router = family === 4 ? '10.88.0.1' : 'fd88::1';
    const network = family === 4 ? '10.88.0.0/16' : 'fd88::/32';
    const device = await openTap({ namespace, name: 'tap1' });
    scope.defer(() => device.close());
    const add = ['-n', namespace, 'addr', 'add', `${router}/${prefix}`, 'dev', 'tap1'];
    execFileSync('ip', family === 4 ? add : [...add, 'nodad']);
    const behind = await createStack({ engine: 'inline' });
    scope.defer(() => behind.close());
    connect(await behind.createTapInterface({ ip: `${far}/${prefix}`, gateway: router }), device);
    await run('ping', '-c', '1', far).succeeded();
    const session = await stack.createPingSession({ host: far, timeout: 10_000 });
    await expect(session.ping()).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    const route = await stack.routes.add({ destination: network, via: kernelAddress });
    // Sent with 255, and one hop on the way.
    expect((await session.ping()).ttl).toBe(254);
    await route.remove();
    await expect(session.ping()).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    await tap.setGateway(kernelAddress);
    expect((await session.ping()).ttl).toBe(254);
    const seen = [];
    for await (const { address, mac } of stack.neighbors) if (mac) seen.push(address);
    expect(seen).toContain(kernelAddress);
    expect(seen).not.toContain(far);
  });
});
