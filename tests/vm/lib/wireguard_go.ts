// SPDX-License-Identifier: MIT
// wireguard_go - the peer that everybody has where the kernel has none: wireguard-go, in the namespace of a kernel

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveUapi, type WireGuardInterface } from 'ringstack-wireguard';
import type { Kernel } from './kernel.ts';
import { whyNoKernel } from './kernel.ts';
import { lacksProgram } from './need.ts';
import { Program } from './process.ts';
import type { Scope } from './scope.ts';

/** The folder in which wg of wireguard-tools looks for sockets. */
const SOCKETS = '/var/run/wireguard';

/** Addresses in the tunnel, by family. */
export const TUNNEL = {
  4: { theirs: '10.9.0.1', ours: '10.9.0.2' },
  6: { theirs: 'fd09::1', ours: 'fd09::2' },
} as const;

let count = 0;

/** A name for an interface that no other has. */
export const newName = (): string => `wgt${process.pid % 100_000}n${count++}`;

/** Why there can be no such peer here; undefined: there can. */
export const whyNoWireGuardGo = (): string | undefined =>
  whyNoKernel() ?? lacksProgram('wireguard-go') ?? lacksProgram('wg');

/** wireguard-go, up. */
export interface WireGuardGo {
  readonly name: string;
  /** Runs `wg` for it. Returns what it printed. */
  wg(command: string, ...args: string[]): Promise<string>;
}

/**
 * Starts it with a configuration of `wg setconf`.
 *
 * @param scope - Ends it.
 * @param kernel - Has its namespace.
 * @param config - [Interface] and [Peer].
 * @param mtu - Of its tun.
 */
export async function startWireGuardGo(
  scope: Scope,
  kernel: Kernel,
  config: string,
  mtu = 1420,
): Promise<WireGuardGo> {
  const name = newName();
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-wg-'));
  scope.defer(() => rmSync(dir, { recursive: true }));
  const command = ['ip', 'netns', 'exec', kernel.namespace, 'wireguard-go', '-f', name];
  const program = new Program(scope, command, { env: { ...process.env, LOG_LEVEL: 'verbose' } });
  scope.defer(() => rmSync(`${SOCKETS}/${name}.sock`, { force: true }));
  await program.printed(/UAPI listener started/);
  writeFileSync(join(dir, 'conf'), config);
  const wg = (action: string, ...args: string[]): Promise<string> =>
    kernel.run('wg', action, name, ...args).succeeded();
  await wg('setconf', join(dir, 'conf'));
  const ip = (...args: string[]): Promise<string> => kernel.run('ip', ...args).succeeded();
  await ip('addr', 'add', `${TUNNEL[4].theirs}/24`, 'dev', name);
  await ip('addr', 'add', `${TUNNEL[6].theirs}/64`, 'dev', name, 'nodad');
  await ip('link', 'set', name, 'mtu', `${mtu}`, 'up');
  return { name, wg };
}

/** Lets `wg` find one of ours. Returns its name. */
export async function showOurs(scope: Scope, wg: WireGuardInterface): Promise<string> {
  const name = newName();
  const path = `${SOCKETS}/${name}.sock`;
  if (!existsSync(SOCKETS)) mkdirSync(SOCKETS, { mode: 0o700 });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const stop = serveUapi(wg, server);
  scope.defer(() => {
    stop();
    server.close();
  });
  return name;
}
