// SPDX-License-Identifier: MIT
// gateway - `ringstack net` as a program: a guest's namespace on its tap, and a namespace of servers behind it
//
//   guest namespace (tap0, DHCP)  <->  ringstack net in the namespace "host"  <-veth->  namespace of servers

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../rules/files.ts';
import { folder } from './name_servers.ts';
import { Program } from './process.ts';
import type { Scope } from './scope.ts';

/** Addresses of the veth: public ones, so that the policy's default allows them. */
export const OUTSIDE = {
  host: '9.77.0.1',
  server: '9.77.0.2',
  host6: '2600:77::1',
  server6: '2600:77::2',
};

/** The three namespaces. */
export interface Gatewayed {
  readonly net: Program;
  /** Address of the guest. */
  readonly address: string;
  /** Runs a program of the guest. */
  guest(...command: string[]): Program;
  /** Runs a program beside the servers. */
  server(...command: string[]): Program;
  /** Runs a program where the gateway runs. */
  host(...command: string[]): Program;
}

let count = 0;

const ip = (...args: string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
};

async function namespace(scope: Scope, name: string): Promise<string> {
  const full = `rs-${name}-${process.pid}-${count++}`;
  ip('netns', 'add', full);
  scope.defer(() => {
    const pids = execFileSync('ip', ['netns', 'pids', full], { encoding: 'utf8' });
    for (const pid of pids.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    ip('netns', 'delete', full);
  });
  ip('-n', full, 'link', 'set', 'lo', 'up');
  return full;
}

const SCRIPT = `#!/bin/sh
case "$1" in bound|renew)
  ip addr add "$ip/$mask" dev "$interface"; ip route add default via "$router"
  echo "nameserver $dns" >/etc/resolv.conf; echo "search $domain" >>/etc/resolv.conf
  echo "told $ip" ;;
esac
`;

/** The namespaces of the gateway and of the servers, joined by a veth. */
export async function openOutside(scope: Scope): Promise<{ host: string; outside: string }> {
  const [host, outside] = [await namespace(scope, 'host'), await namespace(scope, 'server')];
  ip('-n', host, 'link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'in', 'netns', outside);
  for (const [at, device, four, six] of [
    [host, 'out', OUTSIDE.host, OUTSIDE.host6],
    [outside, 'in', OUTSIDE.server, OUTSIDE.server6],
  ] as const) {
    ip('-n', at, 'addr', 'add', `${four}/24`, 'dev', device);
    ip('-n', at, 'addr', 'add', `${six}/64`, 'dev', device, 'nodad');
    ip('-n', at, 'link', 'set', device, 'up');
  }
  return { host, outside };
}

/** Runs a program in a namespace, and with it its children, such as those of nginx and of git. */
export const runIn = (scope: Scope, name: string, command: readonly string[]): Program =>
  new Program(scope, ['ip', 'netns', 'exec', name, ...command], { detached: true });

/** The command that runs a gateway. */
export const NET = [process.execPath, join(ROOT, 'dist/cli/ringstack.js'), 'net'];

/** Runs the gateway with a guest that has a lease. */
export async function openGatewayed(scope: Scope, ...args: string[]): Promise<Gatewayed> {
  const inside = await namespace(scope, 'guest');
  const { host, outside } = await openOutside(scope);
  // `ip netns exec` binds it over the system's.
  const etc = `/etc/netns/${inside}`;
  mkdirSync(etc, { recursive: true });
  writeFileSync(join(etc, 'resolv.conf'), '');
  scope.defer(() => rmSync(etc, { recursive: true }));
  const run = (name: string, command: string[]): Program => runIn(scope, name, command);
  const net = run(host, [...NET, '--tap', `tap0@${inside}`, ...args]);
  await net.printed(/^gateway 10\.0\.0\.1|"event":"ready"/m);
  const dir = folder(scope, { script: SCRIPT });
  execFileSync('chmod', ['755', join(dir, 'script')]);
  const options = ['-i', 'tap0', '-n', '-f', '-q', '-s', join(dir, 'script'), '-x', 'hostname:vm'];
  const client = run(inside, ['udhcpc', ...options]);
  const [, address = ''] = await client.printed(/told (\S+)/);
  return {
    net,
    address,
    guest: (...command) => run(inside, command),
    server: (...command) => run(outside, command),
    host: (...command) => run(host, command),
  };
}

/** Waits until something listens, as seen by a side of the network. */
export async function until(side: Gatewayed['guest'], host: string, port: number): Promise<void> {
  while ((await side('socat', '-u', 'OPEN:/dev/null', `TCP:${host}:${port}`).ended) !== 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
