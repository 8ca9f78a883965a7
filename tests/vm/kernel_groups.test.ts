// SPDX-License-Identifier: MIT
// kernel_groups.test - Linux's bridge as a switch that snoops: its table shows our groups, by every version

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { bytes, text } from '../helpers/net.ts';
import { ADDRESS, type Kernel, openKernel, whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { testScope } from './lib/scope.ts';

const GROUP = { 4: '239.1.2.3', 6: 'ff05::1:3' } as const;

beforeEach((context) => {
  needs(whyNoKernel() ?? lacksProgram('bridge') ?? lacksProgram('socat'), context);
});

/** Makes the tap a port of a bridge that snoops and asks for members each second. */
function makeBridge({ namespace }: Kernel, igmp: number, mld: number): void {
  const ip = (...args: string[]): void => void execFileSync('ip', ['-n', namespace, ...args]);
  const querier = ['mcast_snooping', 1, 'mcast_querier', 1, 'mcast_query_use_ifaddr', 1];
  const versions = ['mcast_igmp_version', igmp, 'mcast_mld_version', mld];
  // In hundredths of a second.
  const times = ['mcast_query_interval', 200, 'mcast_query_response_interval', 100];
  const startup = ['mcast_startup_query_interval', 100, 'mcast_last_member_interval', 50];
  const options = [...querier, ...versions, ...times, ...startup].map(String);
  ip('link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', ...options);
  ip('addr', 'flush', 'dev', 'tap0');
  ip('link', 'set', 'tap0', 'master', 'br0');
  ip('addr', 'add', `${ADDRESS[4].kernel}/24`, 'dev', 'br0');
  ip('addr', 'add', `${ADDRESS[6].kernel}/64`, 'dev', 'br0', 'nodad');
  ip('link', 'set', 'br0', 'up');
  ip('route', 'add', '239.0.0.0/8', 'dev', 'br0');
}

/** The bridge's entries of a group. */
function entry({ namespace }: Kernel, family: 4 | 6): string {
  const table = execFileSync('bridge', ['-n', namespace, '-d', 'mdb', 'show', 'dev', 'br0'], {
    encoding: 'utf8',
  });
  return table
    .split('\n')
    .filter((line) => line.includes(`port tap0 grp ${GROUP[family]}`))
    .join('\n');
}

/** Waits until the bridge's table says so. */
async function shows(kernel: Kernel, family: 4 | 6, what: (table: string) => boolean) {
  while (!what(entry(kernel, family))) await sleep(20);
}

const send = async (kernel: Kernel, family: 4 | 6, word: string): Promise<void> => {
  const [group, ours] = family === 4 ? [GROUP[4], ADDRESS[4].kernel] : [`[${GROUP[6]}]`, 'br0'];
  const option = family === 4 ? `ip-multicast-if=${ours}` : 'so-bindtodevice=br0';
  const to = `UDP${family}-DATAGRAM:${group}:7,${option}`;
  const socat = kernel.run('sh', '-c', `printf ${word} | socat -u - '${to}'`);
  await socat.succeeded();
};

test.each([
  [4, 2, 1],
  [4, 3, 2],
  [6, 2, 1],
  [6, 3, 2],
] as const)(
  'bridge: IPv%i, with IGMPv%i and MLDv%i, a group from join to leave',
  async (family, igmp, mld) => {
    const scope = testScope();
    const kernel = await openKernel(scope);
    makeBridge(kernel, igmp, mld);
    const socket = await kernel.stack.openUdp({ port: 7 });
    await socket.join(GROUP[family]);
    await shows(kernel, family, (table) => table !== '');
    await send(kernel, family, 'hello');
    expect(text((await socket.receive()).data)).toBe('hello');
    // It stays for as long as we answer queries: several of them.
    await sleep(7000);
    expect(entry(kernel, family)).not.toBe('');
    await socket.leave(GROUP[family]);
    await shows(kernel, family, (table) => table === '');
  },
  60_000,
);

test.each([4, 6] as const)(
  'bridge: IPv%i, the sources of a group',
  async (family) => {
    const scope = testScope();
    const kernel = await openKernel(scope);
    makeBridge(kernel, 3, 2);
    const source = ADDRESS[family].kernel;
    const other = family === 4 ? '10.77.0.9' : 'fd77::9';
    const socket = await kernel.stack.openUdp({ port: 7 });
    await socket.join(GROUP[family], { source });
    await shows(kernel, family, (table) => table.includes(source));
    await send(kernel, family, 'hello');
    expect(text((await socket.receive()).data)).toBe('hello');
    await socket.join(GROUP[family], { source: other });
    await shows(kernel, family, (table) => table.includes(other));
    await socket.leave(GROUP[family], { source });
    await shows(kernel, family, (table) => !table.includes(source) && table.includes(other));
    await socket.leave(GROUP[family], { source: other });
    await shows(kernel, family, (table) => table === '');
  },
  60_000,
);

/** Makes the namespace a router with a second link, on whose other end a host in a namespace of its own sends. */
function makeRouter({ namespace }: Kernel): (...command: string[]) => void {
  const ip = (...args: string[]): void => void execFileSync('ip', ['-n', namespace, ...args]);
  const sender = `${namespace}-s`;
  execFileSync('ip', ['netns', 'add', sender]);
  ip('link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', sender);
  ip('addr', 'add', '10.78.0.1/24', 'dev', 'up0');
  ip('link', 'set', 'up0', 'up');
  const inSender = (...command: string[]): void =>
    void execFileSync('ip', ['netns', 'exec', sender, ...command]);
  inSender('ip', 'addr', 'add', '10.78.0.2/24', 'dev', 'eth0');
  inSender('ip', 'link', 'set', 'eth0', 'up');
  inSender('ip', 'route', 'add', 'default', 'via', '10.78.0.1');
  return inSender;
}

const SAY = `printf hello | socat -u - UDP4-DATAGRAM:${GROUP[4]}:7,ip-multicast-if=10.78.0.2,ip-multicast-ttl=8`;

test('igmpproxy forwards a group to us from our report on, and no longer than to our leave', async (context) => {
  needs(lacksProgram('igmpproxy'), context);
  const scope = testScope();
  const sysctls = { 'net.ipv4.ip_forward': 1 };
  const kernel = await openKernel(scope, { sysctls });
  const inSender = makeRouter(kernel);
  scope.defer(() => void execFileSync('ip', ['netns', 'delete', `${kernel.namespace}-s`]));
  const dir = folder(scope, {
    conf: `quickleave
phyint up0 upstream ratelimit 0 threshold 1
  altnet 10.78.0.0/24
phyint tap0 downstream ratelimit 0 threshold 1
`,
  });
  const proxy = kernel.run('igmpproxy', '-n', '-d', '-vv', join(dir, 'conf'));
  await proxy.printed(/Joining group 224\.0\.0\.2 on interface tap0/);
  const socket = await kernel.stack.openUdp({ port: 7 });
  await socket.join(GROUP[4]);
  const routes = (): string =>
    execFileSync('ip', ['-n', kernel.namespace, 'mroute', 'show'], { encoding: 'utf8' });
  const isForwarded = (): boolean => new RegExp(`${GROUP[4]}.*Oifs:.*tap0`).test(routes());
  for (; !isForwarded(); await sleep(200)) inSender('sh', '-c', SAY);
  inSender('sh', '-c', SAY);
  expect(text((await socket.receive()).data)).toBe('hello');
  await socket.leave(GROUP[4]);
  while (isForwarded()) await sleep(100);
}, 90_000);

test('smcroute forwards a group to us and from us', async (context) => {
  needs(lacksProgram('smcrouted'), context);
  const scope = testScope();
  const sysctls = { 'net.ipv4.ip_forward': 1 };
  const kernel = await openKernel(scope, { sysctls });
  const inSender = makeRouter(kernel);
  scope.defer(() => void execFileSync('ip', ['netns', 'delete', `${kernel.namespace}-s`]));
  const dir = folder(scope, {
    conf: `mgroup from tap0 group 239.9.9.9
mroute from tap0 group 239.9.9.9 to up0
mroute from up0 group ${GROUP[4]} to tap0
`,
  });
  const control = join(dir, 'socket');
  const daemon = kernel.run(
    'smcrouted',
    '-n',
    '-f',
    join(dir, 'conf'),
    '-u',
    control,
    '-P',
    join(dir, 'pid'),
  );
  const show = async (): Promise<string> =>
    kernel.run('smcroutectl', '-u', control, 'show', 'routes').succeeded();
  while (!/239\.9\.9\.9/.test(await show().catch(() => ''))) await sleep(100);
  expect(daemon.child.exitCode).toBeNull();
  const socket = await kernel.stack.openUdp({ port: 7 });
  const writer = socket.writable.getWriter();
  await socket.join(GROUP[4]);
  inSender('sh', '-c', SAY);
  expect(text((await socket.receive()).data)).toBe('hello');
  // The other way: what we send to a group reaches a member behind the router.
  const member = kernel.run(
    ...['ip', 'netns', 'exec', `${kernel.namespace}-s`, 'socat', '-u', '-T', '60'],
    'UDP4-RECV:9,ip-add-membership=239.9.9.9:10.78.0.2',
    '-',
  );
  for (let came = false; !came; ) {
    await writer.write({ data: bytes('ours'), host: '239.9.9.9', port: 9, ttl: 8 });
    await sleep(100);
    came = member.output.includes('ours');
  }
}, 90_000);
