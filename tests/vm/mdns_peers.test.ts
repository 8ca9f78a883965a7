// SPDX-License-Identifier: MIT
// mdns_peers.test - ringstack/mdns and the mDNS that everybody has: avahi, python-zeroconf, systemd-resolved, in network namespaces

import { hostname } from 'node:os';
import { createDns, createZone } from 'ringstack/dns';
import { createMdns, type Mdns, type MdnsOptions, type ServiceEvent } from 'ringstack/mdns';
import { beforeEach, describe, expect, test } from 'vitest';
import { ADDRESS, type Kernel, openKernel, whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { guestFile, lacksGuest, lacksProgram, needs, skipIf } from './lib/need.ts';
import type { Program } from './lib/process.ts';
import { type Scope, testScope } from './lib/scope.ts';

const BUS = 'unix:abstract=ringstack-bus';
const HTTP = '_http._tcp';

const DBUS = `<busconfig>
  <type>system</type>
  <listen>${BUS}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
`;

const AVAHI = `[server]
host-name=peer
use-ipv4=yes
use-ipv6=yes
allow-interfaces=tap0
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
`;

/** A file system of its own for what it writes below /run. */
const START = `mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon &&
exec avahi-daemon -f "$1/avahi" --no-drop-root --no-chroot --no-rlimits --debug
`;

beforeEach((context) => {
  needs(whyNoKernel(), context);
});

async function open(
  scope: Scope,
  options: MdnsOptions = {},
): Promise<{ kernel: Kernel; mdns: Mdns }> {
  const sysctls = { 'net.ipv6.conf.default.accept_dad': 0 };
  const kernel = await openKernel(scope, { sysctls });
  const mdns = await createMdns(kernel.stack, options);
  scope.defer(() => mdns.close());
  return { kernel, mdns };
}

async function next(events: AsyncIterator<ServiceEvent>): Promise<ServiceEvent> {
  const { value, done } = await events.next();
  if (done) throw new Error('the browser has ended');
  return value;
}

describe('avahi', () => {
  beforeEach((context) => {
    for (const name of ['avahi-daemon', 'avahi-browse', 'dbus-daemon']) {
      needs(lacksProgram(name), context);
    }
  });

  /** avahi-daemon with its bus; runs its tools. */
  async function avahi(scope: Scope, kernel: Kernel) {
    const dir = folder(scope, { dbus: DBUS, avahi: AVAHI, start: START });
    const env = [`DBUS_SYSTEM_BUS_ADDRESS=${BUS}`];
    const bus = ['--nofork', '--nopidfile', '--print-address'];
    await kernel.run('dbus-daemon', `--config-file=${dir}/dbus`, ...bus).printed(/abstract/);
    const daemon = kernel.run('env', ...env, 'sh', `${dir}/start`, dir);
    await daemon.printed(/Server startup complete/);
    const tool = (...command: string[]): Program => kernel.run('env', ...env, ...command);
    return { daemon, tool };
  }

  test('avahi-browse finds our service with its text, and sees it go', async () => {
    const scope = testScope();
    const { kernel, mdns } = await open(scope, { hostname: 'vm' });
    const { tool } = await avahi(scope, kernel);
    const name = 'My. Web';
    const service = await mdns.publish({ name, type: HTTP, port: 8080, txt: { path: '/a' } });
    const browse = tool('avahi-browse', '-r', '-p', HTTP);
    const [found] = await browse.printed(/^=;tap0;IPv4;.*\n/m);
    expect(found).toMatch(
      /;My\\\.\\032Web;(?:Web Site|_http\._tcp);local;vm\.local;10\.77\.0\.2;8080;"path=\/a"/,
    );
    await browse.printed(/^=;tap0;IPv6;.*;vm\.local;.*;8080/m);
    await service.close();
    await browse.printed(/^-;tap0;IPv4;My/m);
  });

  test('avahi-resolve finds our host by name and by address', async () => {
    const scope = testScope();
    const { kernel } = await open(scope, { hostname: 'vm' });
    const { tool } = await avahi(scope, kernel);
    expect(await tool('avahi-resolve', '-4', '-n', 'vm.local').succeeded()).toMatch(/10\.77\.0\.2/);
    expect(await tool('avahi-resolve', '-6', '-n', 'vm.local').succeeded()).toMatch(/fd77::2/);
    expect(await tool('avahi-resolve', '-a', '10.77.0.2').succeeded()).toMatch(/vm\.local/);
  });

  test('we find what avahi-publish offers, its host in both families, and its end', async () => {
    const scope = testScope();
    const { kernel, mdns } = await open(scope);
    const { tool } = await avahi(scope, kernel);
    const events = mdns.browse(HTTP);
    const subtype = mdns.browse(HTTP, { subtype: '_printer' });
    const args = ['-s', '--subtype=_printer._sub._http._tcp', 'Their Web', HTTP, '81', 'a=1', 'b'];
    const publish = tool('avahi-publish', ...args);
    const up = await next(events);
    expect(up).toMatchObject({
      kind: 'up',
      service: { name: 'Their Web', host: 'peer.local', port: 81, txt: { a: '1', b: true } },
    });
    expect((await next(subtype)).service.name).toBe('Their Web');
    expect(await mdns.lookup('peer.local')).toBe('10.77.0.1');
    expect(await mdns.lookup('peer.local', { family: 6 })).toMatch(/^f[de]/);
    publish.child.kill('SIGTERM');
    for (;;) if ((await next(events)).kind === 'down') break;
  });

  test('a conflict with avahi: the one that came later takes another name', async () => {
    const scope = testScope();
    const { kernel, mdns } = await open(scope, { hostname: 'peer' });
    const { daemon, tool } = await avahi(scope, kernel);
    expect(daemon.output).toMatch(/peer-2\.local/);
    const theirs = tool('avahi-publish', '-s', 'Web', HTTP, '81');
    await theirs.printed(/Established under name 'Web'/);
    const service = await mdns.publish({ name: 'Web', type: HTTP, port: 80 });
    expect(service.name).toBe('Web (2)');
    const third = tool('avahi-publish', '-s', 'Web (2)', HTTP, '82');
    await third.printed(/Established under name 'Web #?\(?[23]\)?/);
    expect(service.name).toBe('Web (2)');
  });
});

/** With a /run of its own; it needs its user, if the package is not installed. */
const RESOLVED = `mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/systemd/resolve /run/systemd/resolved.conf.d
id systemd-resolve >/dev/null 2>&1 || {
  cp /etc/passwd "$1/passwd" && echo 'systemd-resolve:x:0:0::/:/bin/false' >>"$1/passwd"
  mount --bind "$1/passwd" /etc/passwd
}
printf '[Resolve]\\nMulticastDNS=yes\\nLLMNR=no\\nDNSSEC=no\\nFallbackDNS=\\nDNS=${ADDRESS[4].ours}\\n' \\
  >/run/systemd/resolved.conf.d/ours.conf
SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console exec "$2"
`;

test('systemd-resolved: finds ours by mDNS, is found, and asks our DNS server', async (context) => {
  needs(lacksGuest('resolved', 'systemd-resolved') ?? lacksProgram('dbus-daemon'), context);
  const scope = testScope();
  const { kernel, mdns } = await open(scope, { hostname: 'ringstack' });
  await mdns.publish({ name: 'Web', type: HTTP, port: 80, txt: { path: '/a' } });
  const dns = await createDns(kernel.stack);
  const long = { type: 'TXT', value: 'x'.repeat(2000) } as const;
  const zone = createZone({ 'a.ring.test': ['10.0.0.1', 'fd00::1'], 'long.ring.test': long });
  const server = await dns.serve({ zones: [zone] });
  const dir = folder(scope, { dbus: DBUS, start: RESOLVED });
  const env = [`DBUS_SYSTEM_BUS_ADDRESS=${BUS}`];
  const bus = ['--nofork', '--nopidfile', '--print-address'];
  await kernel.run('dbus-daemon', `--config-file=${dir}/dbus`, ...bus).printed(/abstract/);
  const program = guestFile('resolved/systemd-resolved');
  const daemon = kernel.run('env', ...env, 'unshare', '-m', 'sh', `${dir}/start`, dir, program);
  const resolvectl = (...args: string[]): Promise<string> =>
    kernel.run('env', ...env, guestFile('resolved/resolvectl'), '--no-pager', ...args).succeeded();
  // It has its name on the bus soon after it started.
  while ((await resolvectl('mdns', 'tap0', 'yes').catch(() => undefined)) === undefined) {
    expect(daemon.child.exitCode).toBeNull();
  }
  expect(await resolvectl('query', 'ringstack.local')).toMatch(
    /10\.77\.0\.2 [\s\S]*via protocol mDNS/,
  );
  expect(await resolvectl('query', '-6', 'ringstack.local')).toMatch(/fd77::2/);
  expect(await resolvectl('query', ADDRESS[4].ours)).toMatch(/10\.77\.0\.2: ringstack\.local/);
  const service = await resolvectl('service', 'Web', HTTP, 'local');
  expect(service).toMatch(/ringstack\.local:80 [\s\S]*10\.77\.0\.2[\s\S]*path=\/a/);
  const theirs = `${hostname().split('.')[0]}.local`;
  expect(await mdns.lookup(theirs, { family: 4 })).toBe(ADDRESS[4].kernel);
  const both = await resolvectl('query', 'a.ring.test');
  expect(both).toMatch(/10\.0\.0\.1[\s\S]*fd00::1[\s\S]*via protocol DNS/);
  // Too long for a datagram.
  expect(await resolvectl('query', '--type=TXT', 'long.ring.test')).toMatch(/x{200}/);
  expect(server.statistics.connections).toBeGreaterThan(0);
  await expect(resolvectl('query', 'no.ring.test')).rejects.toThrow(/not found/);
});

/** Looks one service up, and prints it. */
const ZEROCONF = `
import sys, time
from zeroconf import Zeroconf, ServiceBrowser, ServiceInfo, IPVersion
zc = Zeroconf(ip_version=IPVersion.V4Only)
class Listener:
    def add_service(self, zc, type_, name):
        info = zc.get_service_info(type_, name, 5000)
        print('up', name, info and (info.parsed_addresses(), info.port, info.server, info.properties), flush=True)
    def update_service(self, zc, type_, name): print('update', name, flush=True)
    def remove_service(self, zc, type_, name): print('down', name, flush=True)
import socket
zc.register_service(ServiceInfo('_ssh._tcp.local.', 'Py._ssh._tcp.local.', port=22,
    addresses=[socket.inet_aton('10.77.0.1')], properties={'k': 'v'}, server='py.local.'))
print('registered', flush=True)
browser = ServiceBrowser(zc, '_http._tcp.local.', Listener())
sys.stdin.readline()
zc.close()
`;

test('python3 with zeroconf: finds ours, and is found', async (context) => {
  const scope = testScope();
  const { kernel, mdns } = await open(scope, { hostname: 'vm' });
  const service = await mdns.publish({ name: 'Web', type: HTTP, port: 80, txt: { path: '/' } });
  const events = mdns.browse('_ssh._tcp');
  const dir = folder(scope, { 'peer.py': ZEROCONF });
  const peer = kernel.run('/usr/bin/python3', `${dir}/peer.py`);
  await Promise.race([peer.printed(/registered/), peer.ended]);
  skipIf(/ModuleNotFound/.test(peer.output) ? 'needs python3-zeroconf' : undefined, context);
  const [found] = await peer.printed(/^up .*\n/m);
  expect(found).toMatch(
    /Web\._http\._tcp\.local\. \(\['10\.77\.0\.2', 'fd77::2'\], 80, 'vm\.local\.', .*path/,
  );
  const up = await next(events);
  expect(up.service).toMatchObject({ name: 'Py', port: 22, host: 'py.local', txt: { k: 'v' } });
  expect(up.service.addresses).toEqual(['10.77.0.1']);
  await service.close();
  await peer.printed(/^down Web/m);
  peer.child.stdin?.write('\n');
  expect((await next(events)).kind).toBe('down');
});
