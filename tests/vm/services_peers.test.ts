// SPDX-License-Identifier: MIT
// services_peers.test - ringstack/services and the clients that everybody has, in network namespaces

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveDaytime, serveEcho, serveNtp, serveTftp } from 'ringstack/services';
import { beforeEach, expect, test } from 'vitest';
import { Prng } from '../helpers/prng.ts';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

beforeEach((context) => {
  needs(whyNoKernel(), context);
  needs(lacksProgram(/^[\w-]+/.exec(context.task.name)?.[0] ?? ''), context);
});

const open = (scope: Scope) =>
  openKernel(scope, { sysctls: { 'net.ipv6.conf.default.accept_dad': 0 } });

test('chronyd: sets its clock by ours, an hour ahead', async (context) => {
  const scope = testScope();
  const { stack, run } = await open(scope);
  const server = await serveNtp(stack, { clock: () => Date.now() + 3_600_000 });
  scope.defer(() => server.close());
  const line = `server ${ADDRESS[4].ours} iburst maxsamples 4`;
  const printed = run('chronyd', '-Q', '-u', 'root', '-f', '/dev/null', '-t', '20', line);
  const [, seconds] = await printed.printed(/System clock wrong by ([-\d.]+) seconds/);
  expect(Math.abs(Number(seconds) - 3600)).toBeLessThan(1);
  expect(server.statistics.droppedMalformed).toBe(0);
  context.task.meta.figure = `off by ${((Number(seconds) - 3600) * 1000).toFixed(2)} ms`;
});

test('ntpdig: reads stratum and time over IPv6', async () => {
  const scope = testScope();
  const { stack, run } = await open(scope);
  const server = await serveNtp(stack, { stratum: 3 });
  scope.defer(() => server.close());
  const printed = await run('ntpdig', '-6', ADDRESS[6].ours).succeeded();
  expect(printed).toMatch(/fd77::2 .*s3 no-leap/);
});

const CONTENT = new Prng(5).bytes(3_000_000);
const HASH = createHash('sha256').update(CONTENT).digest('hex');
const hashOf = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex');

test('tftp: gets a file of 3 MB', async () => {
  const scope = testScope();
  const { stack, run } = await open(scope);
  const server = await serveTftp(stack, { files: { 'boot/kernel': CONTENT } });
  scope.defer(() => server.close());
  const file = join(folder(scope, {}), 'kernel');
  await run('tftp', '-m', 'binary', ADDRESS[4].ours, '-c', 'get', 'boot/kernel', file).ended;
  expect(hashOf(file)).toBe(HASH);
  const missing = run('tftp', ADDRESS[4].ours, '-c', 'get', 'missing', `${file}2`);
  await missing.printed(/no such file/i);
  const write = run('tftp', ADDRESS[4].ours, '-c', 'put', file, 'x');
  await write.printed(/only be read/);
  expect(server.statistics).toMatchObject({ completed: 1, retransmitted: 0 });
});

test('curl: gets a file in blocks of 1428 bytes, over both versions of IP', async () => {
  const scope = testScope();
  const { stack, run } = await open(scope);
  const server = await serveTftp(stack, { files: () => CONTENT });
  scope.defer(() => server.close());
  const file = join(folder(scope, {}), 'kernel');
  for (const host of [ADDRESS[4].ours, `[${ADDRESS[6].ours}]`]) {
    const url = `tftp://${host}/kernel`;
    await run('curl', '-sS', '-g', '--tftp-blksize', '1428', '-o', file, url).succeeded();
    expect(hashOf(file)).toBe(HASH);
  }
  expect(server.statistics).toMatchObject({ completed: 2, failed: 0 });
});

test('socat: echo over TCP and UDP, and the time of day', async () => {
  const scope = testScope();
  const { stack, run } = await open(scope);
  const echo = await serveEcho(stack);
  const daytime = await serveDaytime(stack);
  scope.defer(() => Promise.all([echo.close(), daytime.close()]));
  for (const kind of ['TCP', 'UDP']) {
    const client = run('socat', '-t', '1', '-', `${kind}:${ADDRESS[4].ours}:7`);
    client.child.stdin?.end(`over ${kind}`);
    await client.printed(new RegExp(`over ${kind}`));
  }
  const time = await run('socat', '-u', `TCP:${ADDRESS[4].ours}:13`, '-').succeeded();
  expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(5000);
});
