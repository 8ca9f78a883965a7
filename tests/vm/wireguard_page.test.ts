// SPDX-License-Identifier: MIT
// wireguard_page.test - a page in Chromium: its v86 guest reaches a server behind wireguard-go through a relay; data channels

import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startRelay } from '../../examples/wireguard_relay.mjs';
import { buildGuest, buildState, GUEST, guestOptions } from '../../tools/guest/v86_guest.mjs';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { type Kernel, ADDRESS as OUTER, openKernel } from './lib/kernel.ts';
import { needs } from './lib/need.ts';
import { Scope } from './lib/scope.ts';
import { ADDRESS } from './lib/v86.ts';
import {
  startWireGuardGo,
  TUNNEL,
  type WireGuardGo,
  whyNoWireGuardGo,
} from './lib/wireguard_go.ts';

const whyNot = findBrowser('chromium') ? whyNoWireGuardGo() : 'needs Chromium';
beforeEach((context) => needs(whyNot, context));
const CARD = { type: 'virtio', mtu: 1500 } as const;
const SIZE = 2_000_000;
/** For two peer connections of a page: mDNS, which hides addresses, has nobody to ask here. */
const MEET_ON_LOOPBACK = [
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

/** A web server in the namespace: GET /SIZE gives bytes, POST tells the hash of what came. */
const SERVER = `
  const { createHash } = require('node:crypto');
  require('node:http').createServer((request, response) => {
    if (request.method === 'GET') return void response.end(Buffer.alloc(Number(request.url.slice(1)), 'WireGuard'));
    const hash = createHash('sha256');
    request.on('data', (chunk) => hash.update(chunk)).on('end', () => response.end(hash.digest('hex')));
  }).listen(80, () => console.log('serves'));`;

/** Passes datagrams of a port of this machine on to wireguard-go, which only a stack of ours reaches. */
async function openPort(scope: Scope, kernel: Kernel): Promise<number> {
  const outside = createSocket('udp4').bind(0, '127.0.0.1');
  await once(outside, 'listening');
  scope.defer(() => void outside.close());
  const inside = await kernel.stack.openUdp({ remote: { host: OUTER[4].kernel, port: 51820 } });
  let member = { address: '', port: 0 };
  outside.on('message', (data, from) => {
    member = from;
    inside.trySend(data);
  });
  void (async () => {
    for await (const { data } of inside.readable) outside.send(data, member.port, member.address);
  })().catch(() => {});
  return outside.address().port;
}

describe('a page in Chromium', () => {
  const scope = new Scope();
  let call: (expression: string) => Promise<unknown>;
  let guest: object;
  beforeAll(async () => {
    if (whyNot !== undefined) return;
    const { bios, vgaBios } = buildGuest();
    const url = (path: string): string => `/guest/${relative(GUEST, path)}`;
    guest = {
      module: '/v86/libv86.mjs',
      wasm: '/v86/v86.wasm',
      options: guestOptions(CARD),
      bios: url(bios),
      vgaBios: url(vgaBios),
      state: url(await buildState(CARD)),
    };
    const mounts = {
      '/dist/': 'dist',
      '/wireguard/': 'packages/wireguard/dist',
      '/tests/vm/lib/': 'tests/vm/lib',
      '/tools/': 'tools',
      '/guest/': GUEST,
      '/v86/': 'node_modules/v86/build',
    };
    const server = await serve({ mounts, isolated: true });
    scope.defer(() => server.close());
    const browser = await launch('chromium', MEET_ON_LOOPBACK);
    scope.defer(() => browser.close());
    const { page } = await browser.open(
      new URL('/tests/vm/lib/wireguard_page.html', server.url).href,
    );
    page.setDefaultTimeout(120_000);
    call = (expression) => page.evaluate(expression) as Promise<unknown>;
  }, 300_000);
  afterAll(() => scope.close());

  test('a guest of it reaches a server behind wireguard-go, both ways intact', {
    timeout: 300_000,
  }, async () => {
    const kernel = await openKernel(scope);
    const ours = (await call('page.makeKeys()')) as { privateKey: string; publicKey: string };
    const theirs = (await call('page.makeKeys()')) as typeof ours;
    const go: WireGuardGo = await startWireGuardGo(
      scope,
      kernel,
      `[Interface]
      PrivateKey = ${theirs.privateKey}
      ListenPort = 51820
      [Peer]
      PublicKey = ${ours.publicKey}
      AllowedIPs = ${TUNNEL[4].ours}/32\n`,
    );
    await kernel.run(process.execPath, '-e', SERVER).printed(/serves/);
    const { server, url } = await startRelay(await openPort(scope, kernel));
    scope.defer(() => server.close());
    const setting = {
      guest,
      relay: url,
      privateKey: ours.privateKey,
      ip: `${TUNNEL[4].ours}/24`,
      peer: { publicKey: theirs.publicKey, allowedIps: ['0.0.0.0/0'] },
      gateway: `${ADDRESS.ours}/24`,
    };
    await call(
      `page.openGuestBehindTunnel(${JSON.stringify(setting)}).then((lab) => void (globalThis.lab = lab))`,
    );
    const run = async (command: string): Promise<string> => {
      const ran = await call(`lab.run(${JSON.stringify(command)})`);
      const { output, status } = ran as { output: string; status: number };
      expect(status, output).toBe(0);
      return output;
    };
    await run(`ip route add default via ${ADDRESS.ours}`);
    const host = TUNNEL[4].theirs;
    const down = await run(`wget -q -O - http://${host}/${SIZE} | sha256sum`);
    const bytes = Buffer.alloc(SIZE, 'WireGuard');
    expect(down).toContain(createHash('sha256').update(bytes).digest('hex'));
    // busybox sends a file up to its first zero.
    await run(`for n in 1 2; do base64 /tmp/random; done | head -c ${SIZE} >/tmp/up`);
    expect(await run('wc -c </tmp/up')).toContain(`${SIZE}`);
    const up = await run(`wget -q -O - --post-file=/tmp/up http://${host}/`);
    expect(up).toContain((await run('sha256sum /tmp/up')).split(' ')[0]);
    expect(await go.wg('show', 'latest-handshakes')).not.toMatch(/\t0\s*$/);
    const { statistics } = (await call('lab.state()')) as {
      statistics: { initiations: number; dropped: Record<string, number> };
    };
    expect(statistics.initiations).toBeGreaterThan(0);
    expect(statistics.dropped['unauthentic']).toBe(0);
  });

  test('two tunnels meet over a data channel, unordered and without retransmission', {
    timeout: 120_000,
  }, async () => {
    const result = (await call('page.crossDataChannel(1000000)')) as Record<string, unknown>;
    expect(result['received']).toBe(result['sent']);
    expect(result).toMatchObject({ endpoint: null, ordered: false, dropped: [0, 0] });
  });
});
