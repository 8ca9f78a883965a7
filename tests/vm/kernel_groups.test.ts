// SPDX-License-Identifier: MIT
// kernel_groups.test - Linux's bridge as a switch that snoops: its table shows our groups, by every version

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { text } from '../helpers/net.ts';
import { ADDRESS, type Kernel, openKernel, whyNoKernel } from './lib/kernel.ts';
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
