// SPDX-License-Identifier: MIT
// tap.test - ringstack/tap itself: devices of both kinds, errors, ends

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { openTap } from 'ringstack/tap';
import { beforeEach, describe, expect, test } from 'vitest';
import { outcome } from '../helpers/net.ts';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { needs } from './lib/need.ts';
import { testScope } from './lib/scope.ts';

beforeEach((context) => needs(whyNoKernel(), context));

const devices = (namespace: string): string =>
  execFileSync('ip', ['-n', namespace, '-br', 'link'], { encoding: 'utf8' });

describe('ringstack/tap', () => {
  test('says what the device is, and close() settles when it is gone', async () => {
    const { namespace, device } = await openKernel(testScope(), { mtu: 9000 });
    const other = await openTap({ namespace, name: 'x%d', mac: '02:00:00:00:00:07' });
    expect(other).toMatchObject({ name: 'x0', mac: '02:00:00:00:00:07', mtu: 1500, type: 'tap' });
    expect(device).toMatchObject({ name: 'tap0', mtu: 9000, namespace });
    expect(devices(namespace)).toMatch(/^x0 +\S+ +02:00:00:00:00:07/m);
    await other.close();
    await other.closed;
    expect(devices(namespace)).not.toMatch(/x0/);
  });

  test('a tun device takes and gives IP packets', async () => {
    const scope = testScope();
    const { namespace } = await openKernel(scope);
    const device = await openTap({ namespace, type: 'tun' });
    scope.defer(() => device.close());
    expect(device).toMatchObject({ name: 'tun0', mac: undefined, type: 'tun' });
    const ip = ['ip', '-n', namespace];
    execFileSync('ip', [...ip.slice(1), 'addr', 'add', '10.78.0.1/24', 'dev', 'tun0']);
    const stack = await createStack();
    scope.defer(() => stack.close());
    connect(await stack.createTunInterface({ ip: '10.78.0.2/24' }), device);
    const refused = stack.connectTcp({ host: '10.78.0.1', port: 9 });
    expect(await outcome(refused)).toBe('ECONNREFUSED');
  });

  test('a device that somebody removes fails with ENODEV', async () => {
    const { namespace, device } = await openKernel(testScope());
    execFileSync('ip', ['-n', namespace, 'link', 'delete', 'tap0']);
    expect(await outcome(device.closed)).toBe('ENODEV');
  });

  test('errors have the codes of the system', async () => {
    const { namespace } = await openKernel(testScope());
    expect(await outcome(openTap({ namespace, name: 'tap0' }))).toBe('EBUSY');
    expect(await outcome(openTap({ namespace: 'ringstack-none' }))).toBe('ENOENT');
    expect(await outcome(openTap({ namespace, mac: 'nonsense' }))).toBe('EINVAL');
    expect(await outcome(openTap({ namespace, mtu: 70_000 }))).toBe('EINVAL');
    expect(await outcome(openTap({ helper: '/nonexistent' }))).toBe('ENOENT');
    expect(devices(namespace)).toMatch(/tap0/);
  });

  test('without a compiler it says so; with one it is built once', async () => {
    const scope = testScope();
    const { namespace } = await openKernel(scope);
    const cache = mkdtempSync(join(tmpdir(), 'ringstack-cache-'));
    const { env } = process;
    scope.defer(() => {
      process.env = env;
      rmSync(cache, { recursive: true });
    });
    const open = () => openTap({ namespace, name: 'x%d' });
    process.env = { ...env, XDG_CACHE_HOME: cache, CC: 'no-such-compiler' };
    expect(await outcome(open())).toBe('ENOENT');
    process.env = { ...env, XDG_CACHE_HOME: cache };
    for (const device of await Promise.all([open(), open()])) await device.close();
    expect(readdirSync(join(cache, 'ringstack'))).toHaveLength(1);
  });

  test('addresses of the kernel are reached, IPv4 and IPv6', async () => {
    const { stack } = await openKernel(testScope());
    for (const family of [4, 6] as const) {
      const refused = stack.connectTcp({ host: ADDRESS[family].kernel, port: 9 });
      expect(await outcome(refused)).toBe('ECONNREFUSED');
    }
  });
});
