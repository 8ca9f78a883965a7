// SPDX-License-Identifier: MIT
// kernel - Linux's own TCP as the peer of a stack: a tap in a network namespace of its own

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { NetworkStack, StackOptions, TapInterface } from 'ringstack';
import { createStack } from 'ringstack';
import { createFault, type Fault, type FaultOptions } from 'ringstack/fault';
import { connect } from 'ringstack/link';
import { type KernelDevice, openTap } from 'ringstack/tap';
import { Gate } from './gate.ts';
import { findProgram, Program } from './process.ts';
import type { Scope } from './scope.ts';

/** Addresses of the two ends, by family. */
export const ADDRESS = {
  4: { kernel: '10.77.0.1', ours: '10.77.0.2' },
  6: { kernel: 'fd77::1', ours: 'fd77::2' },
} as const;

/** Why there can be no such peer here; undefined: there can. */
export function whyNoKernel(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  return findProgram('ip') ? undefined : 'needs iproute2';
}

/** The link in between and the settings of the kernel. */
export interface KernelOptions {
  readonly mtu?: number;
  readonly stack?: StackOptions;
  /** Of the namespace, such as `net.ipv4.tcp_sack`. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  readonly impairment?: FaultOptions;
  /** Has every frame pass the gate. */
  readonly gated?: boolean;
  /** The end that has no addresses. */
  readonly bare?: 'kernel' | 'ours';
}

/** A stack of ours on one cable with the kernel. */
export interface Kernel {
  readonly namespace: string;
  readonly stack: NetworkStack;
  readonly tap: TapInterface;
  readonly device: KernelDevice;
  readonly fault: Fault;
  /** Between the two, where nothing is impaired. */
  readonly gate: Gate;
  /** Runs a program in the namespace. */
  run(...command: string[]): Program;
}

let count = 0;

const ip = (...args: string[]): void => {
  execFileSync(findProgram('ip') ?? 'ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
};

/** Waits until no process is left in a namespace, and removes it. */
async function removeNamespace(name: string): Promise<void> {
  const pids = execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of pids.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
  ip('netns', 'delete', name);
}

/** Makes a namespace with a tap, and a stack on its other end. */
export async function openKernel(scope: Scope, options: KernelOptions = {}): Promise<Kernel> {
  const { mtu = 1500, sysctls = {}, impairment, gated, bare } = options;
  const namespace = `ringstack-${process.pid}-${count++}`;
  ip('netns', 'add', namespace);
  scope.defer(() => removeNamespace(namespace));
  const settings = Object.entries({
    'net.ipv4.tcp_no_metrics_save': 1,
    ...sysctls,
  }).map(([name, value]) => `${name}=${value}`);
  execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', ...settings]);
  const device = await openTap({ namespace, name: 'tap0', mtu });
  scope.defer(() => device.close());
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
  if (bare !== 'kernel') {
    ip('-n', namespace, 'addr', 'add', `${ADDRESS[4].kernel}/24`, 'dev', 'tap0');
    ip('-n', namespace, 'addr', 'add', `${ADDRESS[6].kernel}/64`, 'dev', 'tap0', 'nodad');
  }
  const stack = await createStack({ engine: 'inline', ...options.stack });
  scope.defer(() => stack.close());
  const tap = await stack.createTapInterface({
    ip: bare === 'ours' ? [] : [`${ADDRESS[4].ours}/24`, `${ADDRESS[6].ours}/64`],
    mtu,
  });
  const fault = createFault(impairment);
  const gate = new Gate();
  if (impairment) connect(tap, fault.wrap(device));
  else connect(tap, gated ? gate.wrap(device) : device);
  return {
    namespace,
    stack,
    tap,
    device,
    fault,
    gate,
    run: (...command) => new Program(scope, ['ip', 'netns', 'exec', namespace, ...command]),
  };
}
