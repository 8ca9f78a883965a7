// SPDX-License-Identifier: MIT
// dhcp_peers.test - ringstack/dhcp against the clients and servers that everybody has, in network namespaces

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  advertiseRouter,
  createDhcp,
  type DhcpServer,
  type DhcpServerOptions,
  requestLease,
} from 'ringstack/dhcp';
import { beforeEach, describe, expect, test } from 'vitest';
import { ADDRESS, type Kernel, openKernel, whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

/** Folder of systemd's own programs. */
const SYSTEMD = '/lib/systemd';
const RANGE = { start: '10.77.0.100', end: '10.77.0.150' };

/** Gives the interface its address, and prints what a client was told. */
const SCRIPT = `#!/bin/sh
case "$1$reason" in
  *bound*|*BOUND*|*renew*) ip addr add "\${ip:-$new_ip_address}/24" dev tap0
    echo "told ip=\${ip:-$new_ip_address} mask=\${subnet:-$new_subnet_mask}" \\
    "router=\${router:-$new_routers} dns=\${dns:-$new_domain_name_servers}" \\
    "domain=\${domain:-$new_domain_name} mtu=\${mtu:-$new_interface_mtu}" ;;
esac
`;

beforeEach((context) => {
  needs(whyNoKernel(), context);
  const program = /^[\w-]+/.exec(context.task.name)?.[0] ?? '';
  if (program !== 'the') needs(lacksProgram(program), context);
});

async function serve(
  scope: Scope,
  options: Partial<DhcpServerOptions> = {},
): Promise<{ kernel: Kernel; server: DhcpServer; script: string; dir: string }> {
  const sysctls = { 'net.ipv6.conf.default.accept_dad': 0 };
  const kernel = await openKernel(scope, { bare: 'kernel', sysctls });
  const { serve: listen } = await createDhcp(kernel.stack);
  const server = await listen({
    leaseRange: RANGE,
    domainName: 'lan',
    dnsServers: [ADDRESS[4].ours],
    mtu: 1400,
    ...options,
  });
  scope.defer(() => server.close());
  const dir = folder(scope, { script: SCRIPT });
  const script = join(dir, 'script');
  chmodSync(script, 0o755);
  return { kernel, server, script, dir };
}

const TOLD =
  /told ip=10\.77\.0\.100 mask=255\.255\.255\.0 router=10\.77\.0\.2 dns=10\.77\.0\.2 domain=lan/;

describe('our server and', () => {
  test('udhcpc: by unicast to its MAC, with the broadcast flag, and a release', async () => {
    const scope = testScope();
    const { kernel, server, script } = await serve(scope);
    const common = ['-i', 'tap0', '-n', '-f', '-s', script];
    const asked = ['-O', 'mtu', '-x', 'hostname:busy.box'];
    const client = kernel.run('udhcpc', ...common, ...asked, '-R');
    expect((await client.printed(TOLD)).input).toMatch(/mtu=1400/);
    expect([...server.leases.values()]).toMatchObject([{ ip: '10.77.0.100', hostname: 'busy' }]);
    // The guest can be reached at its address.
    const session = await kernel.stack.createPingSession({ host: '10.77.0.100' });
    await session.ping();
    expect(kernel.stack.hosts.lookup('busy.lan')).toMatchObject([{ address: '10.77.0.100' }]);
    client.child.kill('SIGUSR1'); // renew
    await client.printed(/lease of 10\.77\.0\.100 obtained/, client.output.length);
    const events = server.events[Symbol.asyncIterator]();
    client.child.kill('SIGTERM');
    while ((await events.next()).value.kind !== 'release');
    await client.ended;
    expect(server.leases.size).toBe(0);
    await kernel.run('ip', 'addr', 'flush', 'dev', 'tap0').succeeded();
    const other = kernel.run('udhcpc', ...common, '-B', '-q');
    await other.printed(TOLD);
  });

  test('dhclient: a lease, its identifier, and a release', async () => {
    const scope = testScope();
    const { kernel, server, script, dir } = await serve(scope);
    const files = ['-sf', script, '-lf', join(dir, 'leases'), '-pf', join(dir, 'pid')];
    const client = kernel.run('dhclient', '-d', '-v', '-1', ...files, 'tap0');
    await client.printed(TOLD);
    await client.printed(/bound to 10\.77\.0\.100/);
    const released = kernel.run('dhclient', '-d', '-v', '-r', ...files, 'tap0');
    await released.ended;
    expect(server.statistics.droppedMalformed).toBe(0);
  });

  test('dhcpcd: probes the address, sends its DUID', async () => {
    const scope = testScope();
    const { kernel, server, script } = await serve(scope);
    const client = kernel.run('dhcpcd', '-4', '-1', '-B', '-d', '-c', script, '-A', 'tap0');
    await client.printed(/leased 10\.77\.0\.100 for 86400 seconds/);
    await client.ended;
    expect([...server.leases.values()]).toMatchObject([{ ip: '10.77.0.100' }]);
  });

  test('nmap: broadcast-dhcp-discover reads our offer', async () => {
    const scope = testScope();
    const { kernel } = await serve(scope);
    await kernel.run('ip', 'addr', 'add', '10.77.0.9/24', 'dev', 'tap0').succeeded();
    const args = ['--script', 'broadcast-dhcp-discover', '-e', 'tap0'];
    const printed = await kernel.run('nmap', ...args).succeeded();
    expect(printed).toMatch(/DHCP Message Type: DHCPOFFER/);
    expect(printed).toMatch(/Server Identifier: 10\.77\.0\.2/);
    expect(printed).toMatch(/Domain Name: lan/);
  });

  test('nmap: dhcp-discover is told our options without a lease', async () => {
    const scope = testScope();
    const { kernel, server } = await serve(scope);
    await kernel.run('ip', 'addr', 'add', '10.77.0.9/24', 'dev', 'tap0').succeeded();
    const args = ['-sU', '-Pn', '-p', '67', '--script', 'dhcp-discover', ADDRESS[4].ours];
    const printed = await kernel.run('nmap', ...args).succeeded();
    expect(printed).toMatch(/DHCP Message Type: DHCPACK/);
    expect(printed).toMatch(/Domain Name Server: 10\.77\.0\.2/);
    expect(server.leases.size).toBe(0);
  });

  test('perfdhcp: a relay with 300 clients, none is lost', async (context) => {
    const scope = testScope();
    const leaseRange = { start: '10.77.0.100', end: '10.77.3.254' };
    const { kernel, server } = await serve(scope, { leaseRange, netmask: '255.255.0.0' });
    await kernel.run('ip', 'addr', 'add', '10.77.0.9/16', 'dev', 'tap0').succeeded();
    const load = ['-r', '100', '-R', '300', '-n', '300', '-W', '2000000'];
    const client = kernel.run('perfdhcp', '-4', '-l', '10.77.0.9', ...load, ADDRESS[4].ours);
    await client.ended;
    expect(client.output).toMatch(/drops: 0[\s\S]*drops: 0/);
    expect(server.leases.size).toBe(300);
    context.task.meta.figure = `${/Rate: ([\d.]+)/.exec(client.output)?.[1]} leases/s asked for 100`;
  });
});

/**
 * dhcpig as it was meant: it was written for Python 2, whose text was bytes, has flags of more than 16 bits, and takes
 * siaddr for the server's identifier.
 */
const PIG = `import re, shutil
source = open(shutil.which('dhcpig')).read()
for old, new in [
    (r'0xFFFFFF', '0x8000'),
    (r'\\[mac2str\\((\\w+)\\)\\]', r'mac2str(\\1)'),
    (r'"param_req_list",\\s*(chr\\(\\d+\\),?)+', '"param_req_list",[1,3,6,15]'),
    (r'"param_req_list","pad"', '"param_req_list",[1,3,6]'),
    (r'"client_id", chr\\(1\\), mac2str\\(m\\)', r'"client_id", b"\\\\x01" + mac2str(m)'),
    (r'\\("end",.0+.\\)', '"end"'),
    (r'xrange', 'range'),
    (r'hexlify\\(binmac\\)', 'hexlify(binmac).decode()'),
    (r'sip=pkt\\[BOOTP\\].siaddr', 'sip=pkt[IP].src'),
]:
    source, count = re.subn(old, new, source)
    assert count, old
exec(compile(source, 'dhcpig', 'exec'))
`;

test('dhcpig takes what is free; leases, reservations and the server outlast it', async () => {
  const scope = testScope();
  const leaseRange = { start: '10.77.0.100', end: '10.77.0.109' };
  const reservations = { '02:00:00:00:00:77': '10.77.0.50' };
  const { kernel, server, script } = await serve(scope, { leaseRange, reservations });
  const address = async (mac: string): Promise<void> => {
    await kernel.run('ip', 'link', 'set', 'tap0', 'address', mac).succeeded();
  };
  const ask = ['udhcpc', '-i', 'tap0', '-n', '-q', '-f', '-t', '20', '-T', '1', '-s', script];
  await address('02:00:00:00:00:01');
  await kernel.run(...ask).printed(/told ip=10\.77\.0\.100 /);
  const dir = folder(scope, { pig: PIG });
  const pig = kernel.run('/usr/bin/python3', '-u', `${dir}/pig`, '-x', '0.05', 'tap0');
  await pig.printed(/DHCP_Request/);
  while (server.statistics.exhausted === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(server.leases.size).toBe(10);
  // The first client gets its address again, one with a reservation its own.
  const renewed = kernel.run(...ask);
  await renewed.printed(/told ip=10\.77\.0\.100 /);
  await renewed.succeeded();
  await address('02:00:00:00:00:77');
  const reserved = kernel.run(...ask);
  await reserved.printed(/told ip=10\.77\.0\.50 /);
  await reserved.succeeded();
  expect(server.leases.size).toBe(11);
  await pig.stop();
}, 90_000);

/** networkd with a /run of its own; with a /sys that cannot be written it waits for no udev. */
const NETWORKD = `mount -t tmpfs -o mode=755 tmpfs /run && mount -o remount,ro /sys && mkdir -p /run/systemd/network
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network /run/systemd/netif
printf '[Match]\\nName=tap0\\n[Network]\\nDHCP=ipv4\\nIPv6AcceptRA=yes\\n[DHCPv4]\\nUseMTU=yes\\nHostname=networkd\\n' \\
  >/run/systemd/network/tap.network
SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console exec ${SYSTEMD}/systemd-networkd
`;

test('the systemd-networkd: a lease with our options, an address by advertisement', async (context) => {
  needs(existsSync(`${SYSTEMD}/systemd-networkd`) ? undefined : 'needs systemd-networkd', context);
  const scope = testScope();
  const { kernel, server } = await serve(scope);
  const router = await advertiseRouter(kernel.tap, { dnsServers: ['fd77::2'] });
  scope.defer(() => router.close());
  const dir = folder(scope, { start: NETWORKD });
  const networkd = kernel.run('sh', `${dir}/start`);
  await networkd.printed(
    /DHCPv4 address 10\.77\.0\.100\/24, gateway 10\.77\.0\.2 acquired from 10\.77\.0\.2/,
  );
  await networkd.printed(/SLAAC addresses and routes set/);
  const ip = (...args: string[]) => kernel.run('ip', ...args).succeeded();
  expect([...server.leases.values()]).toMatchObject([{ ip: '10.77.0.100', hostname: 'networkd' }]);
  expect(await ip('addr', 'show', 'dev', 'tap0')).toMatch(
    /mtu 1400 [\s\S]*inet 10\.77\.0\.100\/24 [\s\S]*inet6 fd77::\S+\/64 scope global/,
  );
  expect(await ip('route')).toMatch(/default via 10\.77\.0\.2 dev tap0 proto dhcp/);
});

test('the kernel keeps the route that we advertise when it asks whether we are there', async () => {
  const scope = testScope();
  const kernel = await openKernel(scope, { bare: 'kernel' });
  const router = await advertiseRouter(kernel.tap);
  scope.defer(() => router.close());
  const ip = (...args: string[]) => kernel.run('ip', '-6', ...args).succeeded();
  const via = kernel.tap.linkLocalAddress as string;
  const has = async (command: string, text: string): Promise<void> => {
    while (!(await ip(...command.split(' '))).includes(text)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await has('route show default', `default via ${via} dev tap0 proto ra`);
  // Its first answer is that of a router, too: only a change from router to host takes the route away (RFC 4861, 7.2.5).
  for (let i = 0; i < 2; i++) {
    await ip(
      'neigh',
      'replace',
      via,
      'dev',
      'tap0',
      'lladdr',
      kernel.tap.mac,
      'router',
      'nud',
      'probe',
    );
    await has(`neigh show ${via} dev tap0`, 'REACHABLE');
    expect(await ip('neigh', 'show', via, 'dev', 'tap0')).toMatch(/ router REACHABLE/);
    expect(await ip('route', 'show', 'default')).toContain(`default via ${via} dev tap0 proto ra`);
  }
});

test('dhcrelay: our server has no interface in the network of its client', async () => {
  const scope = testScope();
  const leaseRange = { start: '10.88.0.50', end: '10.88.0.59' };
  const serverIdentifier = ADDRESS[4].ours;
  const settings = { netmask: '255.255.255.0', router: '10.88.0.1', serverIdentifier };
  const { kernel, server, script } = await serve(scope, { leaseRange, ...settings });
  const ip = (...args: string[]) => kernel.run('ip', ...args).succeeded();
  await ip('addr', 'add', `${ADDRESS[4].kernel}/24`, 'dev', 'tap0');
  await ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
  await ip('addr', 'add', '10.88.0.1/24', 'dev', 'lan0');
  for (const name of ['lan0', 'lan1']) await ip('link', 'set', name, 'up');
  await kernel.stack.routes.add({ destination: '10.88.0.0/24', via: ADDRESS[4].kernel });
  const relay = kernel.run('dhcrelay', '-4', '-d', '-iu', 'tap0', '-id', 'lan0', serverIdentifier);
  await relay.printed(/Sending on\s+Socket\/fallback/);
  const client = kernel.run('udhcpc', '-i', 'lan1', '-n', '-q', '-f', '-s', script);
  await client.printed(/told ip=10\.88\.0\.50 .*router=10\.88\.0\.1 /);
  await client.succeeded();
  expect([...server.leases.values()]).toMatchObject([{ ip: '10.88.0.50' }]);
  expect(server.statistics).toMatchObject({ droppedMalformed: 0, droppedOther: 0 });
});

test('dhcpd as the server of our client', async () => {
  const scope = testScope();
  const kernel = await openKernel(scope, { bare: 'ours' });
  const conf = `authoritative; ddns-update-style none; default-lease-time 1200;
subnet 10.77.0.0 netmask 255.255.255.0 { range 10.77.0.50 10.77.0.60;
  option routers 10.77.0.1; option domain-name "lan"; option domain-name-servers 10.77.0.1, 10.77.0.3;
  option domain-search "eng.lan", "lan"; option interface-mtu 1400; option ntp-servers 10.77.0.4; }
`;
  const dir = folder(scope, { conf, leases: '' });
  const files = ['-cf', join(dir, 'conf'), '-lf', join(dir, 'leases'), '-pf', join(dir, 'pid')];
  const server = kernel.run('dhcpd', '-4', '-f', '-d', '--no-pid', ...files, 'tap0');
  await server.printed(/Sending on\s+Socket\/fallback/);
  const client = await requestLease(kernel.tap, { hostname: 'ours' });
  scope.defer(() => client.close());
  expect(client.lease).toMatchObject({
    prefix: 24,
    routers: [ADDRESS[4].kernel],
    ntpServers: ['10.77.0.4'],
    duration: 1200,
    mtu: 1400,
    domainName: 'lan',
    dnsServers: ['10.77.0.1', '10.77.0.3'],
    searchDomains: ['eng.lan', 'lan'],
  });
  await server.printed(/DHCPACK on 10\.77\.0\.\d+ to \S+ \(ours\) via tap0/);
  await client.renew();
  await client.release();
  await server.printed(/DHCPRELEASE of 10\.77\.0\.\d+ from \S+ \(ours\) via tap0/);
});

test('dnsmasq as the server of our client', async () => {
  const scope = testScope();
  const kernel = await openKernel(scope, { bare: 'ours' });
  const dir = folder(scope, {});
  const server = kernel.run(
    ...['dnsmasq', '-k', '--conf-file=/dev/null', '--port=0', '--interface=tap0', '--log-dhcp'],
    ...['--log-facility=-', '--user=root', `--dhcp-leasefile=${dir}/leases`, '--domain=lan'],
    ...['--dhcp-range=10.77.0.50,10.77.0.60,2h', '--dhcp-option=option:mtu,1400'],
    ...['--dhcp-option=119,eng.lan,lan', '--dhcp-option=121,10.9.0.0/16,10.77.0.1'],
    '--pid-file=',
  );
  await server.printed(/IP range 10\.77\.0\.50/);
  const client = await requestLease(kernel.tap, { hostname: 'ours', configure: false });
  scope.defer(() => client.close());
  expect(client.lease).toMatchObject({
    prefix: 24,
    server: ADDRESS[4].kernel,
    duration: 7200,
    mtu: 1400,
    domainName: 'lan',
    hostname: 'ours',
    searchDomains: ['eng.lan', 'lan'],
    routes: [{ destination: '10.9.0.0/16', via: '10.77.0.1' }],
  });
  await server.printed(/DHCPACK\(tap0\) 10\.77\.0\.\d+ \S+ ours/);
});

describe('our router and', () => {
  const options = { dnsServers: ['fd77::2'], searchDomains: ['lan'], mtu: 1400 };

  test('rdisc6: reads all options', async () => {
    const scope = testScope();
    const { kernel } = await serve(scope);
    const router = await advertiseRouter(kernel.tap, options);
    scope.defer(() => router.close());
    const printed = await kernel.run('rdisc6', '-1', 'tap0').succeeded();
    expect(printed).toMatch(/Hop limit\s+:\s+64/);
    expect(printed).toMatch(/Router lifetime\s+:\s+1800/);
    expect(printed).toMatch(/Prefix\s+: fd77::\/64/);
    expect(printed).toMatch(/MTU\s+:\s+1400/);
    expect(printed).toMatch(/Recursive DNS server\s+: fd77::2/);
    expect(printed).toMatch(/DNS search list\s+: lan/);
    expect(router.statistics.solicitations).toBeGreaterThan(0);
  });

  test('the kernel makes an address, takes us as its router, and drops us at the end', async () => {
    const scope = testScope();
    const { kernel } = await serve(scope);
    const ip = (...args: string[]) =>
      execFileSync('ip', ['-n', kernel.namespace, '-6', ...args], { encoding: 'utf8' });
    const seen = async (pattern: RegExp, ...args: string[]): Promise<void> => {
      while (!pattern.test(ip(...args))) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    const router = await advertiseRouter(kernel.tap, options);
    await seen(/inet6 fd77::[\da-f:]+\/64 scope global.*dynamic/, 'addr', 'show', 'dev', 'tap0');
    await seen(/default via fe80::\S+ proto ra/, 'route', 'show', 'dev', 'tap0');
    const [, guest = ''] = /inet6 (fd77::[\da-f:]+)/.exec(ip('addr', 'show', 'dev', 'tap0')) ?? [];
    const session = await kernel.stack.createPingSession({ host: guest, timeout: 5000 });
    await session.ping();
    await router.close();
    await seen(/^(?![\s\S]*default via)/, 'route', 'show', 'dev', 'tap0');
  });
});
