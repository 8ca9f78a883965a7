// SPDX-License-Identifier: MIT
// wireguard.test - our WireGuard interfaces and wireguard-go: both begin, both families, secrets, loss, new keys

import type { NetworkStack } from 'ringstack';
import { createStack } from 'ringstack';
import {
  createWireGuard,
  generateKey,
  generatePresharedKey,
  publicKey,
  type WireGuardInterface,
  type WireGuardOptions,
} from 'ringstack-wireguard';
import { beforeEach, describe, expect, test } from 'vitest';
import { ADDRESS, type Kernel, type KernelOptions, openKernel } from './lib/kernel.ts';
import { startPeer } from './lib/kernel_sockets.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { digestOf, receiveDigest, sendPayload } from './lib/payload.ts';
import { Program } from './lib/process.ts';
import { type Scope, testScope } from './lib/scope.ts';
import {
  showOurs,
  startWireGuardGo,
  TUNNEL,
  type WireGuardGo,
  whyNoWireGuardGo,
} from './lib/wireguard_go.ts';

beforeEach((context) => needs(whyNoWireGuardGo() ?? lacksProgram('ping'), context));

interface TunnelOptions {
  /** The side that knows where the other is. */
  readonly opener?: 'ours' | 'theirs';
  /** Of the network between them. */
  readonly outer?: 4 | 6;
  readonly presharedKey?: string;
  readonly kernel?: KernelOptions;
  readonly ours?: Partial<WireGuardOptions>;
  readonly engine?: 'inline' | 'worker';
}

interface Tunnel {
  readonly scope: Scope;
  readonly kernel: Kernel;
  readonly stack: NetworkStack;
  readonly wg: WireGuardInterface;
  readonly theirs: WireGuardGo;
  readonly theirKey: string;
}

/** A stack of ours with a tunnel to wireguard-go, over UDP of another stack on a tap of the kernel. */
async function open(options: TunnelOptions = {}): Promise<Tunnel> {
  const { opener = 'ours', outer = 4, presharedKey, engine = 'inline' } = options;
  const scope = testScope();
  const kernel = await openKernel(scope, options.kernel);
  const [ourKey, theirKey] = [generateKey(), generateKey()];
  const at = (host: string): string => (outer === 6 ? `[${host}]:51820` : `${host}:51820`);
  const secret = presharedKey === undefined ? '' : `PresharedKey = ${presharedKey}`;
  const theirs = await startWireGuardGo(
    scope,
    kernel,
    `[Interface]
    PrivateKey = ${theirKey}
    ListenPort = 51820
    [Peer]
    PublicKey = ${await publicKey(ourKey)}
    AllowedIPs = ${TUNNEL[4].ours}/32, ${TUNNEL[6].ours}/128
    ${opener === 'theirs' ? `Endpoint = ${at(ADDRESS[outer].ours)}` : ''}
    ${secret}\n`,
  );
  const stack = await createStack({ engine });
  scope.defer(() => stack.close());
  const wg = await createWireGuard(stack, {
    privateKey: ourKey,
    ip: [`${TUNNEL[4].ours}/24`, `${TUNNEL[6].ours}/64`],
    transport: await kernel.stack.openUdp({ port: 51820 }),
    peers: [
      {
        publicKey: await publicKey(theirKey),
        allowedIps: [`${TUNNEL[4].theirs}/32`, `${TUNNEL[6].theirs}/128`],
        ...(opener === 'ours' ? { endpoint: at(ADDRESS[outer].kernel) } : {}),
        ...(presharedKey === undefined ? {} : { presharedKey }),
      },
    ],
    ...options.ours,
  });
  scope.defer(() => wg.close());
  return { scope, kernel, stack, wg, theirs, theirKey: await publicKey(theirKey) };
}

/** Bytes both ways at once through the tunnel, both hashes compared. */
async function transfer({ scope, kernel, stack }: Tunnel, size: number, family: 4 | 6 = 4) {
  const peer = startPeer(scope, kernel);
  const { listener, port } = await peer('listen', { host: TUNNEL[family].theirs, port: 0 });
  const [connection, conn] = await Promise.all([
    stack.connectTcp({ host: TUNNEL[family].theirs, port }),
    peer('accept', { listener }),
  ]);
  const [ours, theirs] = await Promise.all([
    receiveDigest(connection.readable),
    peer('receive', { conn }),
    sendPayload(connection.writable, 1, size),
    peer('send', { conn, seed: 2, size }).then(() => peer('end', { conn })),
  ]);
  expect([ours, theirs]).toEqual([digestOf(2, size), digestOf(1, size)]);
  await connection.closed;
}

/** The kernel pings us through the tunnel. */
async function ping({ kernel }: Tunnel, host: string, ...options: string[]): Promise<void> {
  const args = ['-c', '3', '-i', '0.2', '-W', '10', ...options, host];
  expect(await kernel.run('ping', ...args).succeeded()).toContain(' 0% packet loss');
}

/** Nothing was dropped for a reason that only a defect has. */
function isClean({ wg }: Tunnel): void {
  const { malformed, mac, unauthentic, notAllowed, noPeer, load } = wg.statistics.dropped;
  const counts = { malformed, mac, unauthentic, notAllowed, noPeer, load };
  expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([]);
}

describe('wireguard-go', () => {
  for (const opener of ['ours', 'theirs'] as const) {
    for (const outer of [4, 6] as const) {
      test(`TCP both ways and pings, over IPv${outer}, handshake by ${opener}`, async () => {
        const tunnel = await open({ opener, outer });
        if (opener === 'theirs') await ping(tunnel, TUNNEL[4].ours);
        await transfer(tunnel, 8_000_000, 4);
        await transfer(tunnel, 4_000_000, 6);
        await ping(tunnel, TUNNEL[4].ours, '-s', '1392', '-M', 'do');
        await ping(tunnel, TUNNEL[6].ours, '-s', '1372');
        isClean(tunnel);
        const [peer] = tunnel.wg.peers();
        expect(peer?.endpoint).toEqual({ host: ADDRESS[outer].kernel, port: 51820 });
        expect((await tunnel.theirs.wg('show', 'endpoints')).trim()).toContain(ADDRESS[outer].ours);
        const { initiations, responses } = tunnel.wg.statistics;
        expect([initiations, responses]).toEqual(opener === 'ours' ? [1, 0] : [0, 1]);
      });
    }
  }

  test('a preshared key on both sides, and a stack in a thread of its own', async () => {
    const tunnel = await open({ presharedKey: generatePresharedKey(), engine: 'worker' });
    await transfer(tunnel, 8_000_000);
    isClean(tunnel);
  });

  test('another preshared key: no session', async () => {
    const tunnel = await open({ presharedKey: generatePresharedKey() });
    await tunnel.theirs.wg('set', 'peer', await ourKey(tunnel), 'preshared-key', '/dev/null');
    const connecting = tunnel.stack.connectTcp({ host: TUNNEL[4].theirs, port: 9, timeout: 1000 });
    await expect(connecting).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(tunnel.wg.statistics.dropped.unauthentic).toBeGreaterThan(0);
  });

  test('loss and reordering: what arrives is whole', async () => {
    const impairment = { seed: 5, drop: 0.02, duplicate: 0.02, reorder: 0.05, delay: 2 };
    const tunnel = await open({ kernel: { impairment } });
    await transfer(tunnel, 2_000_000);
    isClean(tunnel);
  });

  test('new keys every 3 s of a clock that runs forty times as fast, while TCP goes on', async () => {
    const tunnel = await open({ ours: { now: () => performance.now() * 40 } });
    const start = performance.now();
    while (performance.now() - start < 10_000) await transfer(tunnel, 3_000_000);
    expect(tunnel.wg.statistics.initiations).toBeGreaterThanOrEqual(3);
    isClean(tunnel);
  });

  test('it moves to another port, and we follow', async () => {
    const tunnel = await open();
    await transfer(tunnel, 10_000);
    await tunnel.theirs.wg('set', 'listen-port', '4444');
    await ping(tunnel, TUNNEL[4].ours);
    expect(tunnel.wg.peers()[0]?.endpoint).toEqual({ host: ADDRESS[4].kernel, port: 4444 });
    await transfer(tunnel, 10_000);
  });

  test('our key changes, and the new one is known: a new session', async () => {
    const tunnel = await open();
    await transfer(tunnel, 10_000);
    const old = await ourKey(tunnel);
    await tunnel.wg.setPrivateKey(generateKey());
    const ips = `${TUNNEL[4].ours}/32,${TUNNEL[6].ours}/128`;
    await tunnel.theirs.wg('set', 'peer', old, 'remove');
    await tunnel.theirs.wg('set', 'peer', await ourKey(tunnel), 'allowed-ips', ips);
    await transfer(tunnel, 10_000);
  });
});

const ourKey = async ({ wg }: Tunnel): Promise<string> => wg.publicKey;

describe('wg of wireguard-tools', () => {
  test('shows ours, and sets it', async () => {
    const tunnel = await open({ presharedKey: generatePresharedKey() });
    const { scope, wg } = tunnel;
    await transfer(tunnel, 100_000);
    const name = await showOurs(scope, wg);
    const run = (...args: string[]): Promise<string> =>
      new Program(scope, ['wg', ...args]).succeeded();
    const text = await run('show', name);
    expect(text).toContain(`public key: ${wg.publicKey}`);
    expect(text).toContain('listening port: 51820');
    expect(text).toContain(`peer: ${tunnel.theirKey}`);
    expect(text).toContain('preshared key: (hidden)');
    expect(text).toContain(`endpoint: ${ADDRESS[4].kernel}:51820`);
    expect(text).toMatch(/latest handshake: (?:\d+ seconds? ago|Now)/);
    expect(text).toMatch(/transfer: [\d.]+ [KM]iB received, [\d.]+ [KM]iB sent/);
    expect(text).toContain(`allowed ips: ${TUNNEL[4].theirs}/32, ${TUNNEL[6].theirs}/128`);

    const other = await publicKey(generateKey());
    const peer = ['peer', other, 'allowed-ips', '10.7.0.0/16', 'persistent-keepalive', '25'];
    await run('set', name, ...peer, 'endpoint', '[fd77::1]:9');
    expect(wg.peers()[1]).toMatchObject({
      publicKey: other,
      allowedIps: ['10.7.0.0/16'],
      endpoint: { host: 'fd77::1', port: 9 },
      persistentKeepalive: 25,
    });
    await run('set', name, 'peer', other, 'remove');
    expect(wg.peers()).toHaveLength(1);
    expect(await run('showconf', name)).toMatch(/^PrivateKey = [\w+/]{43}=$/m);
    await transfer(tunnel, 100_000);
  });
});
