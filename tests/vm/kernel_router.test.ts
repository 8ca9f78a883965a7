// SPDX-License-Identifier: MIT
// kernel_router.test - two namespaces of Linux with our router between them, and tshark on the far side

import { beforeEach, describe, expect, test } from 'vitest';
import { whyNoKernel } from './lib/kernel.ts';
import { dissected, openPath } from './lib/kernel_lan.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { testScope } from './lib/scope.ts';

beforeEach((context) => {
  needs(whyNoKernel() ?? lacksProgram('ping'), context);
});

const FAR = { 4: '10.92.0.2', 6: 'fd92::2' } as const;
const US = { 4: '10.91.0.1', 6: 'fd91::1' } as const;

describe.each([4, 6] as const)('Linux through our router, IPv%i', (family) => {
  test('pings, whole and in fragments', async () => {
    const scope = testScope();
    const { near } = await openPath(scope);
    for (const size of ['56', '8000']) {
      const ping = near.run('ping', '-c', '3', '-i', '0.1', '-s', size, FAR[family]);
      expect(await ping.succeeded()).toMatch(/ttl=63[\s\S]* 0% packet loss/);
    }
  });

  test('sees us as a hop', async (context) => {
    needs(lacksProgram('traceroute'), context);
    const scope = testScope();
    const { near } = await openPath(scope);
    for (const method of ['-U', '-I', '-T']) {
      const run = near.run('traceroute', `-${family}`, '-n', '-q', '1', method, FAR[family]);
      const hops = (await run.succeeded()).split('\n').slice(1, 3);
      expect(hops[0]).toContain(US[family]);
      expect(hops[1]).toContain(FAR[family]);
    }
  });

  test('is told the MTU behind us', async (context) => {
    needs(lacksProgram('tracepath'), context);
    const scope = testScope();
    const { near } = await openPath(scope, { farMtu: 1300 });
    const ping = near.run('ping', '-c', '3', '-i', '0.1', '-M', 'do', '-s', '1400', FAR[family]);
    await ping.ended;
    expect(ping.output).toMatch(/mtu ?[=:] ?1300/i);
    const trace = await near.run('tracepath', `-${family}`, '-n', FAR[family]).succeeded();
    expect(trace).toContain('pmtu 1300');
    expect(trace).toMatch(/reached/);
  });

  test('is told that there is no route', async () => {
    const scope = testScope();
    const { near } = await openPath(scope);
    const ping = near.run('ping', '-c', '1', family === 4 ? '192.0.2.1' : '2001:db8::1');
    await ping.ended;
    expect(ping.output).toMatch(/Destination Net Unreachable|Destination unreachable: No route/);
  });

  test('carries iperf3, every checksum right on the far side', async (context) => {
    needs(lacksProgram('iperf3') ?? lacksProgram('tshark'), context);
    const scope = testScope();
    const { near, far, capture } = await openPath(scope);
    const server = far.run('iperf3', '-s', '-1', '--forceflush');
    await server.printed(/listening/);
    const client = near.run('iperf3', '-c', FAR[family], '-n', '6M', '-J');
    const result = JSON.parse(await client.succeeded());
    const rate = result.end.sum_received.bits_per_second / 1e6;
    context.task.meta.figure = `${Math.round(rate)} Mbit/s`;
    const checks = ['-o', 'ip.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'];
    const from = `ip${family === 6 ? 'v6' : ''}.src == ${FAR[family].replace('92', '91')}`;
    const lines = await dissected(
      scope,
      capture,
      ...checks,
      ...['-Y', from, '-T', 'fields', '-e', 'tcp.checksum.status', '-e', 'ip.checksum.status'],
    );
    expect(lines.length).toBeGreaterThan(2000);
    // 1 is "good"; IPv6 has no checksum of its own.
    const expected = family === 4 ? '1\t1' : '1\t';
    expect(lines.filter((line) => line.trimEnd() !== expected.trimEnd())).toEqual([]);
  });
});
