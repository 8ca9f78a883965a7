// SPDX-License-Identifier: MIT
// kernel_lan - network namespaces of Linux, each with a tap of its own for a port or an interface of ours

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Capture } from 'ringstack/pcap';
import { type KernelDevice, openTap } from 'ringstack/tap';
import { Program } from './process.ts';
import type { Scope } from './scope.ts';

/** A namespace and its tap. */
export interface KernelHost {
  readonly namespace: string;
  readonly device: KernelDevice;
  /** Changes its links, addresses and routes. */
  ip(...args: string[]): void;
  /** Runs a program in it. */
  run(...command: string[]): Program;
}

let count = 0;

/**
 * Makes a namespace with a tap `tap0`.
 *
 * @param scope - Ends it.
 * @param addresses - Of the tap, as CIDRs.
 * @param mtu - Of the tap.
 */
export async function openHost(
  scope: Scope,
  addresses: readonly string[],
  mtu = 1500,
): Promise<KernelHost> {
  const namespace = `ringstack-lan-${process.pid}-${count++}`;
  const exec = (...args: string[]): void => {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  exec('netns', 'add', namespace);
  scope.defer(() => {
    const pids = execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
    for (const pid of pids.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    exec('netns', 'delete', namespace);
  });
  const device = await openTap({ namespace, name: 'tap0', mtu });
  scope.defer(() => device.close());
  const ip = (...args: string[]): void => exec('-n', namespace, ...args);
  ip('link', 'set', 'lo', 'up');
  for (const address of addresses) {
    ip('addr', 'add', address, 'dev', 'tap0', ...(address.includes(':') ? ['nodad'] : []));
  }
  return {
    namespace,
    device,
    ip,
    run: (...command) => new Program(scope, ['ip', 'netns', 'exec', namespace, ...command]),
  };
}

/**
 * Closes a capture, and has tshark say something of each packet.
 *
 * @param args - Of tshark.
 * @returns Its lines.
 */
export async function dissected(
  scope: Scope,
  capture: Capture,
  ...args: string[]
): Promise<string[]> {
  await capture.close();
  const folder = mkdtempSync(join(tmpdir(), 'ringstack-capture-'));
  scope.defer(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'frames.pcapng');
  await writeFile(file, capture.readable);
  const tshark = new Program(scope, ['tshark', '-r', file, ...args]);
  return (await tshark.succeeded()).split('\n').filter((line) => line.trim());
}
