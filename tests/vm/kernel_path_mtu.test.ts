// SPDX-License-Identifier: MIT
// kernel_path_mtu.test - Linux as a router into a network with a smaller MTU, and Linux behind it

import { execFileSync } from 'node:child_process';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { openTap } from 'ringstack/tap';
import { beforeEach, describe, expect, test } from 'vitest';
import { Prng } from '../helpers/prng.ts';
import { whyNoKernel } from './lib/kernel.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { Program } from './lib/process.ts';
import { type Scope, testScope } from './lib/scope.ts';

const MTU = 1300;
const NETS = {
  4: { ours: '10.77.0.2/24', router: '10.77.0.1/24', near: '10.78.0.1/24', far: '10.78.0.2/24' },
  6: { ours: 'fd77::2/64', router: 'fd77::1/64', near: 'fd78::1/64', far: 'fd78::2/64' },
} as const;
const bare = (cidr: string): string => cidr.replace(/\/.*/, '');

let count = 0;

beforeEach((context) => {
  needs(whyNoKernel() ?? lacksProgram('socat'), context);
});

/** A stack of ours, a router, and behind it a host whose link has the smaller MTU. */
async function openPath(scope: Scope) {
  const [router, host] = ['router', 'host'].map(
    (n) => `ringstack-${n}-${process.pid}-${count}`,
  ) as [string, string];
  count++;
  const ip = (...args: string[]): void => void execFileSync('ip', args);
  for (const name of [router, host]) {
    ip('netns', 'add', name);
    scope.defer(() => ip('netns', 'delete', name));
  }
  const forward = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
  execFileSync('ip', ['netns', 'exec', router, 'sysctl', '-qw', ...forward]);
  const device = await openTap({ namespace: router, name: 'tap0', mtu: 1500 });
  scope.defer(() => device.close());
  ip('-n', router, 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far', 'netns', host);
  for (const net of [NETS[4], NETS[6]]) {
    ip(
      '-n',
      router,
      'addr',
      'add',
      net.router,
      'dev',
      'tap0',
      ...(net === NETS[6] ? ['nodad'] : []),
    );
    ip('-n', router, 'addr', 'add', net.near, 'dev', 'near', ...(net === NETS[6] ? ['nodad'] : []));
    ip('-n', host, 'addr', 'add', net.far, 'dev', 'far', ...(net === NETS[6] ? ['nodad'] : []));
  }
  ip('-n', router, 'link', 'set', 'near', 'mtu', String(MTU), 'up');
  ip('-n', host, 'link', 'set', 'far', 'mtu', '1500', 'up');
  ip('-n', host, 'route', 'add', 'default', 'via', bare(NETS[4].near));
  ip('-n', host, '-6', 'route', 'add', 'default', 'via', bare(NETS[6].near));
  const stack = await createStack({ engine: 'inline' });
  scope.defer(() => stack.close());
  const tap = await stack.createTapInterface({
    ip: [NETS[4].ours, NETS[6].ours],
    gateway: [bare(NETS[4].router), bare(NETS[6].router)],
  });
  connect(tap, device);
  const run = (...command: string[]): Program =>
    new Program(scope, ['ip', 'netns', 'exec', host, ...command]);
  return { stack, run };
}

describe.each([4, 6] as const)('a router says that the path is smaller, IPv%i', (family) => {
  const far = bare(NETS[family].far);

  test('and TCP goes on at once', async () => {
    const scope = testScope();
    const { stack, run } = await openPath(scope);
    const server = run('sh', '-c', `socat -d -d -u TCP${family}-LISTEN:80 - | sha256sum`);
    await server.printed(/listening on/);
    const connection = await stack.connectTcp({ host: far, port: 80 });
    const data = new Prng(family).bytes(1_000_000);
    const writer = connection.writable.getWriter();
    await writer.write(data);
    await writer.close();
    await connection.close();
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', data)).toString('hex');
    await server.printed(new RegExp(digest));
    expect(stack.statistics.icmpIgnored).toBe(0);
    // It was in flight, and no more.
    expect(stack.statistics.tcpRetransmits).toBeGreaterThan(0);
    expect(stack.statistics.tcpRetransmits).toBeLessThan(200);
  });

  test('and a datagram that may not be fragmented is refused', async () => {
    const scope = testScope();
    const { stack, run } = await openPath(scope);
    const echo = run('socat', '-d', '-d', '-b', '70000', `UDP${family}-RECVFROM:7,fork`, 'PIPE');
    await echo.printed(/receiving on|starting data transfer|listening on/);
    const socket = await stack.openUdp({ remote: { host: far, port: 7 }, dontFragment: true });
    await socket.send(new Uint8Array(1400));
    await expect(socket.receive()).rejects.toMatchObject({ code: 'EMSGSIZE' });
    expect(socket.pathMtu).toBe(MTU);
    await socket.send(new Uint8Array(MTU - (family === 4 ? 28 : 48)));
    expect((await socket.receive()).data).toHaveLength(MTU - (family === 4 ? 28 : 48));
    const sink = run('sh', '-c', `socat -d -d -u -b 70000 UDP${family}-RECVFROM:8 - | wc -c`);
    await sink.printed(/receiving on|starting data transfer|listening on/);
    const other = await stack.openUdp({ remote: { host: far, port: 8 } });
    await other.send(new Uint8Array(5000));
    await sink.printed(/^5000$/m);
    expect(other.pathMtu).toBe(MTU);
  });
});
