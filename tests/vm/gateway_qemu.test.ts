// SPDX-License-Identifier: MIT
// gateway_qemu.test - one command gives a stock Debian cloud kernel in QEMU a network: address, names, curl out, ssh in
//
// The guest is that of tests/vm/guests.sh, with curl and dropbear added.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { NET, OUTSIDE, openOutside, runIn, until } from './lib/gateway.ts';
import { QEMU, startQemu } from './lib/guest.ts';
import { initrdWith } from './lib/initrd.ts';
import { whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksGuest, lacksProgram, needs } from './lib/need.ts';
import { testScope } from './lib/scope.ts';

const BOOT = 300_000;
/** udhcpc runs it. */
const LEASE = [
  '#!/bin/sh',
  '[ "$1" = bound ] || exit 0',
  'ip addr add $ip/$mask dev $interface; ip route add default via $router',
  'echo "nameserver $dns" >/etc/resolv.conf; echo "search $domain" >>/etc/resolv.conf',
  '',
].join('\n');

beforeEach((context) => {
  needs(whyNoKernel() ?? lacksGuest('guest', 'the guest'), context);
  const programs = [QEMU, 'curl', 'dropbear', 'ssh', 'ssh-keygen', 'busybox', 'socat'];
  for (const program of programs) needs(lacksProgram(program), context);
});

test('ringstack net --qemu --forward', { timeout: BOOT }, async () => {
  const scope = testScope();
  const { host, outside } = await openOutside(scope);
  const dir = folder(scope, { lease: LEASE, 'index.html': 'hello from outside\n' });
  const key = join(dir, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  writeFileSync(join(dir, 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  runIn(scope, outside, ['busybox', 'httpd', '-f', '-p', '80', '-h', dir]);
  await until((...command) => runIn(scope, outside, command), OUTSIDE.server, 80);

  const socket = join(dir, 'vm.sock');
  const net = runIn(scope, host, [
    ...[...NET, '--qemu', `unix:${socket}`, '--forward', '127.0.0.1:2222:22'],
    ...['--host', `web.example=${OUTSIDE.server}`],
  ]);
  await net.printed(/^gateway 10\.0\.0\.1/m);
  const initrd = initrdWith(dir, ['curl', 'dropbear'], {
    'tmp/lease': { from: join(dir, 'lease'), mode: 0o755 },
    'etc/passwd': { from: join(dir, 'passwd'), mode: 0o644 },
    'root/.ssh/authorized_keys': { from: `${key}.pub`, mode: 0o600 },
  });
  const netdev = `stream,id=n,server=off,addr.type=unix,addr.path=${socket}`;
  const guest = startQemu(scope, 1500, netdev, '52:54:00:00:00:01', initrd);
  await guest.ready();
  await guest.run('ip link set eth0 up');
  await guest.run('udhcpc -i eth0 -n -q -f -T 1 -t 60 -x hostname:vm -s /tmp/lease');
  await net.printed(/dhcp +lease 10\.0\.0\.2 .* vm/);
  expect(await guest.run('ip -4 addr show dev eth0')).toContain('inet 10.0.0.2/24');
  expect(await guest.run('curl -sS http://web.example/')).toContain('hello from outside');
  await guest.run('chmod 700 /root /root/.ssh; mkdir -p /etc/dropbear; chown -R 0:0 /root');
  await guest.run('dropbear -R -s -E');
  const client = runIn(scope, host, [
    ...['ssh', '-p', '2222', '-i', key, '-o', 'BatchMode=yes'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
    ...['root@127.0.0.1', 'cat /etc/resolv.conf'],
  ]);
  expect(await client.succeeded()).toContain('search internal\n');
  net.child.kill('SIGINT');
  expect(await net.ended).toBe(0);
});
