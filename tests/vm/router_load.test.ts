// SPDX-License-Identifier: MIT
// router_load.test - Linux through our router under load: checksums of all that passes, captures, hosts that are not there

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCapture } from 'ringstack/pcap';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../helpers/net.ts';
import { whyNoKernel } from './lib/kernel.ts';
import { captured, isTransferred, lostPings, openPath } from './lib/kernel_lan.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { digestOf, payload } from './lib/payload.ts';
import { findProgram, Program } from './lib/process.ts';
import { type Scope, testScope } from './lib/scope.ts';

beforeEach((context) => {
  const lacks = ['fping', 'socat', 'tshark', 'curl'].map(lacksProgram).find(Boolean);
  needs(whyNoKernel() ?? lacks, context);
});

const SIZE = 3_000_000;
const FAR = { 4: '10.92.0.2', 6: 'fd92::2' } as const;

/** Has tshark verify every checksum in a capture. Returns the frames in which one is not right. */
async function badIn(scope: Scope, file: string): Promise<string[]> {
  const protocols = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6'];
  const checks = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
  // 0 is "bad", of a checksum that could be verified.
  const bad = protocols.map((name) => `${name}.checksum.status == 0`).join(' || ');
  const show = new Program(scope, ['tshark', '-r', file, ...checks, '-Y', bad]);
  return (await show.succeeded()).split('\n').filter((line) => line.trim());
}

describe.each([4, 6] as const)('IPv%i through our router', (family) => {
  test('every checksum of TCP, UDP, ICMP and fragments is right on both sides', async () => {
    const scope = testScope();
    const near = createCapture({ queue: 2 ** 26 });
    const path = await openPath(scope, { farMtu: 1300, nearCapture: near });
    const to = FAR[family];
    expect(await isTransferred(scope, path.near, path.far, to, SIZE)).toBe(true);
    const back = to.replace('92', '91');
    expect(await isTransferred(scope, path.far, path.near, back, SIZE)).toBe(true);
    for (const size of ['100', '5000']) {
      // The first one of IPv6 that is too big for the far cable is answered with its MTU.
      const fping = path.near.run('fping', '-c', '4', '-p', '50', '-t', '10000', '-b', size, to);
      await fping.ended;
      expect(fping.stdout.match(/bytes/g)?.length).toBeGreaterThanOrEqual(3);
    }
    const sockets = `UDP${family}-LISTEN:7,fork`;
    const echo = path.far.runGroup('socat', '-dd', sockets, 'PIPE');
    await echo.printed(/listening|starting|receiving/i);
    const host = family === 6 ? `[${to}]` : to;
    const ask = `head -c 4000 /dev/zero | socat -t 2 -b 4000 - UDP${family}:${host}:7 | wc -c`;
    expect(Number(await path.near.runGroup('sh', '-c', ask).succeeded())).toBe(4000);

    const files = [await captured(scope, near), await captured(scope, path.capture)];
    for (const file of files) {
      expect(await badIn(scope, file)).toEqual([]);
      const seen = new Program(scope, ['tshark', '-r', file, '-q', '-z', 'io,phs']);
      const tree = await seen.succeeded();
      const ofIcmp = family === 6 ? 'icmpv6' : 'icmp';
      for (const name of [ofIcmp, 'tcp', 'udp', 'data']) expect(tree).toContain(`${name} `);
    }
  });
});

test('curl gets a file of nginx behind our router, each frame within the MTU', async (context) => {
  needs(lacksProgram('nginx'), context);
  const scope = testScope();
  const path = await openPath(scope, { farMtu: 1400 });
  const dir = folder(scope, {});
  await writeFile(join(dir, 'file.bin'), payload(6, SIZE));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const config = `daemon off; master_process off; pid ${dir}/pid; error_log stderr notice;
    events { worker_connections 64; }
    http { access_log off; ${temporary.map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')}
      server { listen 80; root ${dir}; } }`;
  const file = join(dir, 'nginx.conf');
  await writeFile(file, config);
  const nginx = findProgram('nginx') ?? 'nginx';
  const server = path.far.run(nginx, '-p', dir, '-e', 'stderr', '-c', file);
  await server.printed(/start worker|using the "epoll"|OS: Linux/);
  const curl = `curl -sS --fail http://${FAR[4]}/file.bin | sha256sum`;
  const sum = await path.near.runGroup('sh', '-c', curl).succeeded();
  expect(`${SIZE}-${sum.split(' ')[0]}`).toBe(digestOf(6, SIZE));
  const seen = await captured(scope, path.capture);
  const long = new Program(scope, ['tshark', '-r', seen, '-Y', 'frame.len > 1414']);
  expect(await long.succeeded()).toBe('');
});

describe('an attacker behind our router', () => {
  test('sends to hosts that are not there: memory is bounded, and others are served', async () => {
    const scope = testScope();
    const path = await openPath(scope);
    expect(await lostPings(path.near, FAR[4])).toBe(0);
    const before = path.stack.statistics;
    // All of 10.92.0.0/24 but the one that is there, with packets as large as may be.
    const scan = [
      '-g',
      '10.92.0.3',
      '10.92.0.254',
      '-c',
      '40',
      '-p',
      '30',
      '-i',
      '1',
      '-b',
      '1400',
    ];
    const fping = path.near.run('fping', '-q', ...scan);
    const counts = (): Promise<number> =>
      path.near.tap.forwardingStatistics().then(({ full, forwarded }) => full + forwarded);
    const start = await counts();
    await until(() => path.stack.statistics.neighborDrops > before.neighborDrops);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, path.stack.statistics.heapBytes);
    }, 5);
    scope.defer(() => clearInterval(watch));
    // A host that is known, one that is not yet, and a flow of TCP.
    const late = path.far;
    late.ip('addr', 'add', '10.92.0.77/24', 'dev', 'tap0');
    expect(await isTransferred(scope, path.near, path.far, FAR[4], SIZE)).toBe(true);
    expect(await lostPings(path.near, FAR[4])).toBe(0);
    const asked = path.near.run('fping', '-q', '-r', '10', '-t', '500', '10.92.0.77');
    expect(await asked.ended).toBe(0);
    await fping.ended;
    clearInterval(watch);
    expect((await counts()) - start).toBeGreaterThan(1000);
    // Packets that wait for their neighbors take a quarter of the queues of an interface (1 MiB).
    expect(most - before.heapBytes).toBeLessThan(450_000);
    await until(() => path.stack.statistics.heapBytes - before.heapBytes < 100_000);
    expect(path.stack.statistics.neighborDrops).toBeGreaterThan(before.neighborDrops);
  });

  test('sends to networks that are not there: it is told, within the limit, and others are served', async () => {
    const scope = testScope();
    const path = await openPath(scope);
    expect(await lostPings(path.near, FAR[4])).toBe(0);
    const scan = ['-g', '192.0.2.1', '192.0.2.200', '-c', '20', '-p', '20', '-i', '1'];
    const fping = path.near.run('fping', ...scan);
    await fping.printed(/ICMP Network Unreachable from 10\.91\.0\.1/);
    expect(await isTransferred(scope, path.near, path.far, FAR[4], SIZE)).toBe(true);
    expect(await lostPings(path.near, FAR[4])).toBe(0);
    await fping.ended;
    const { noRoute } = await path.near.tap.forwardingStatistics();
    expect(noRoute).toBeGreaterThan(1000);
    const { icmpErrors, icmpLimited } = path.stack.statistics;
    expect(icmpErrors + icmpLimited).toBe(noRoute);
  });

  test('trafgen from one network to another at the rate of the link: others are served', async (context) => {
    needs(lacksProgram('trafgen'), context);
    const scope = testScope();
    const path = await openPath(scope);
    const third = await path.add(93);
    await path.add(94);
    expect(await lostPings(third, '10.94.0.2')).toBe(0);
    const mac = /ether (\S+)/.exec(await third.run('ip', 'link', 'show', 'tap0').succeeded())?.[1];
    const headers = [
      `eth(da=${third.tap.mac}, sa=${mac})`,
      'ipv4(sa=10.93.0.2, da=10.94.0.2, ttl=64)',
      'udp(sp=9, dp=9)',
    ];
    const trafgen = third.runGroup(
      ...['trafgen', '--dev', 'tap0', '--cpus', '1', '--no-sock-mem'],
      `{ ${headers.join(', ')}, fill(0x55, 40) }`,
    );
    const rx = async (): Promise<number> => (await third.tap.forwardingStatistics()).forwarded;
    while ((await rx()) < 5000) {
      if (trafgen.child.exitCode !== null) throw new Error(trafgen.output);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await isTransferred(scope, path.near, path.far, FAR[4], SIZE)).toBe(true);
    expect(await lostPings(path.near, FAR[4])).toBe(0);
    const { forwarded, expired, noRoute, tooBig } = await path.near.tap.forwardingStatistics();
    expect(forwarded).toBeGreaterThan(1000);
    expect({ expired, noRoute, tooBig }).toEqual({ expired: 0, noRoute: 0, tooBig: 0 });
    // All the while; each packet was passed on, or dropped where the other ring was full.
    const before = await rx();
    while ((await rx()) === before) await new Promise((resolve) => setTimeout(resolve, 5));
    await trafgen.stop();
  });
});
