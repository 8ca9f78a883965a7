// SPDX-License-Identifier: MIT
// gateway_v86.test - Linux in v86 whose HTTP goes out by fetch(): the commands of v86's own tests of its fetch network
//
// Those are: a lease, the route, a ping to any address, ARP, wget by name, headers that are malformed.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fetchHttp } from 'ringstack/gateway';
import { createNetwork, type VirtualNetwork } from 'ringstack/network';
import { createV86NetworkStream } from 'ringstack/v86';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildState } from '../../tools/guest/v86_guest.mjs';
import { Scope } from './lib/scope.ts';
import { openV86 } from './lib/v86.ts';

const BOOT = 300_000;
const LONG = 120_000;
const CARD = { type: 'virtio', mtu: 1500 } as const;
const NAME = 'mocked.example.org';
const ADDRESS = '93.184.216.34';
const BODY = 'This domain is for use in documentation';
const LEASE = [
  '#!/bin/sh',
  '[ "$1" = bound ] || exit 0',
  'ip addr add $ip/$mask dev $interface; ip route add default via $router',
  'echo "nameserver $dns" >/etc/resolv.conf',
];

describe('a guest in v86', () => {
  const scope = new Scope();
  let run: (command: string) => Promise<{ output: string; status: number }>;
  let net: VirtualNetwork;
  const asked: string[] = [];

  beforeAll(async () => {
    const server = createServer(({ url = '', headers }, response) => {
      response.end(`${BODY} at ${url} for ${headers['x-test']}\n`);
    }).listen(0, '127.0.0.1');
    scope.defer(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const tcp = fetchHttp({
      fetch: (url, init) => {
        asked.push(url);
        const { pathname, search } = new URL(url);
        return fetch(`http://127.0.0.1:${port}${pathname}${search}`, init);
      },
    });
    net = await createNetwork({ tcp, dns: { hosts: { [NAME]: ADDRESS } } });
    scope.defer(() => net.close());
    await buildState(CARD);
    const { emulator, serial } = await openV86(scope, CARD);
    net.plug(createV86NetworkStream(emulator), { name: 'v86' });
    run = (command) => serial.run(command);
    await run('ip addr flush dev eth0; mkdir -p /etc /tmp; rm -f /tmp/lease');
    for (const line of LEASE) await run(`echo '${line}' >>/tmp/lease`);
    await run('chmod 755 /tmp/lease');
  }, BOOT);
  afterAll(() => scope.close());

  test('has a lease and a route', { timeout: LONG }, async () => {
    const lease = await run('udhcpc -i eth0 -n -q -f -x hostname:v86 -s /tmp/lease');
    expect(lease.status).toBe(0);
    expect((await run('ifconfig eth0')).output).toContain(net.addressOf('v86'));
    expect((await run('route -n')).output).toMatch(/^0\.0\.0\.0 +10\.0\.0\.1/m);
  });

  test('pings any address, and knows the router by ARP', { timeout: LONG }, async () => {
    expect((await run('ping -c 2 1.2.3.4')).output).toContain('2 packets received');
    expect((await run('arp -n')).output).toMatch(/10\.0\.0\.1\b/);
  });

  test('wget: fetches by name, with a field of its own', { timeout: LONG }, async () => {
    // By its address: the resolver of a static busybox crashes in wget; its own nslookup does not.
    expect((await run(`nslookup ${NAME}`)).output).toContain(ADDRESS);
    const { output, status } = await run(
      `wget -q --header 'X-Test: 1' -O - 'http://${ADDRESS}/a?b' 2>&1`,
    );
    expect(output).toContain(`${BODY} at /a?b for 1`);
    expect(status).toBe(0);
    expect(asked).toContain(`http://${NAME}/a?b`);
  });

  test.for([
    ['a forbidden character in a name', 'test@x: a'],
    ['a name alone', 'testheader'],
    ['a colon alone', ': a'],
  ])('gets 400 for a field with %s', { timeout: LONG }, async ([, field]) => {
    const request = `GET / HTTP/1.1\\r\\nHost: ${NAME}\\r\\n${field}\\r\\n\\r\\n`;
    const { output } = await run(`printf '${request}' | nc -w 20 ${ADDRESS} 80`);
    expect(output).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a port that fetch() does not reach refuses', { timeout: LONG }, async () => {
    expect((await run(`nc -w 20 ${ADDRESS} 443 </dev/null 2>&1`)).output).toMatch(/refused/i);
  });
});
