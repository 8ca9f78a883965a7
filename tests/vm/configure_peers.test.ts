// SPDX-License-Identifier: MIT
// configure_peers.test - ip: 'dhcp' and ip: 'slaac' against the servers and routers that everybody has; DHCPv6 both ways

import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { TapInterface, TapInterfaceOptions } from 'ringstack';
import { advertiseRouter, serveInformation } from 'ringstack/dhcp';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Kernel, openKernel, whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

beforeEach((context) => {
  needs(whyNoKernel(), context);
  needs(lacksProgram(/^[\w-]+/.exec(context.task.name)?.[0] ?? ''), context);
});

/** A kernel with addresses, forwarding, and a tap of ours on the other end of its cable. */
async function open(scope: Scope): Promise<Kernel> {
  const sysctls = { 'net.ipv6.conf.default.accept_dad': 0, 'net.ipv6.conf.all.forwarding': 1 };
  const kernel = await openKernel(scope, { bare: 'ours', sysctls });
  await kernel.stack.removeInterface(kernel.tap);
  return kernel;
}

const join2 = (kernel: Kernel, options: TapInterfaceOptions): Promise<TapInterface> =>
  kernel.stack.createTapInterface({ link: kernel.device, ...options });

async function settled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe("ip: 'dhcp' and", () => {
  test('dnsmasq: address, MTU, routes, and names at its name server', async () => {
    const scope = testScope();
    const kernel = await open(scope);
    const dir = folder(scope, {});
    const server = kernel.run(
      ...[
        'dnsmasq',
        '-k',
        '--conf-file=/dev/null',
        '--no-resolv',
        '--no-hosts',
        '--interface=tap0',
      ],
      ...['--log-dhcp', '--log-facility=-', '--user=root', `--dhcp-leasefile=${dir}/leases`],
      ...['--domain=lan', '--dhcp-range=10.77.0.50,10.77.0.60,2h', '--pid-file='],
      ...['--dhcp-option=option:mtu,1400', '--address=/db.lan/10.77.0.1'],
    );
    await server.printed(/IP range 10\.77\.0\.50/);
    const tap = await join2(kernel, { ip: 'dhcp', dhcp: { hostname: 'ours' } });
    expect(tap.ip).toMatch(/^10\.77\.0\.(5\d|60)$/);
    expect(tap.mtu).toBe(1400);
    expect((await kernel.stack.routes.lookup('192.0.2.1'))?.via).toBe('10.77.0.1');
    const session = await kernel.stack.createPingSession({ host: 'db', timeout: 5000 });
    expect(session.host).toBe('10.77.0.1');
    await session.ping();
    await tap.dhcp?.renew();
    await tap.dhcp?.release();
    await server.printed(/DHCPRELEASE\(tap0\)/);
    expect([tap.addresses, tap.mtu]).toEqual([[], 1500]);
  });

  test('kea-dhcp4: a lease of two seconds is renewed again and again', async () => {
    const scope = testScope();
    const kernel = await open(scope);
    const config = {
      Dhcp4: {
        'interfaces-config': { interfaces: ['tap0'] },
        'lease-database': { type: 'memfile', persist: false },
        'valid-lifetime': 2,
        subnet4: [
          {
            ...{ subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.70 - 10.77.0.79' }] },
            'option-data': [{ name: 'routers', data: '10.77.0.1' }],
          },
        ],
        loggers: [{ name: 'kea-dhcp4', output_options: [{ output: 'stdout' }], severity: 'INFO' }],
      },
    };
    const dir = folder(scope, { conf: JSON.stringify(config) });
    const env = [`KEA_PIDFILE_DIR=${dir}`, `KEA_LOCKFILE_DIR=${dir}`];
    const server = kernel.run('env', ...env, 'kea-dhcp4', '-c', join(dir, 'conf'));
    await server.printed(/DHCP4_STARTED/);
    const tap = await join2(kernel, { ip: 'dhcp' });
    expect(tap.ip).toBe('10.77.0.70');
    const kinds: string[] = [];
    for await (const { kind } of tap.dhcp?.events ?? []) {
      kinds.push(kind);
      if (kinds.length === 3) break;
    }
    expect(kinds).toEqual(['renewed', 'renewed', 'renewed']);
    expect(tap.ip).toBe('10.77.0.70');
  });
});

const radvd = (more: string): string => `interface tap0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvLinkMTU 1420; ${more}
  prefix fd77::/64 { AdvValidLifetime 100; AdvPreferredLifetime 50; };
  RDNSS fd77::1 { AdvRDNSSLifetime 60; };
  DNSSL lan { };
};
`;

describe("ip: 'slaac' and", () => {
  test('radvd: address, router, MTU, names; and nothing of it when radvd says goodbye', async () => {
    const scope = testScope();
    const kernel = await open(scope);
    const dir = folder(scope, { conf: radvd('AdvDefaultPreference high;') });
    const files = ['-C', join(dir, 'conf'), '-p', join(dir, 'pid')];
    const router = kernel.run('radvd', '-n', '-m', 'stderr', '-u', 'root', ...files);
    const tap = await join2(kernel, { ip: 'slaac' });
    expect(tap.addresses).toEqual([expect.stringMatching(/^fd77::[\da-f:]+\/64$/)]);
    expect(tap.mtu).toBe(1420);
    const slaac = tap.slaac as NonNullable<TapInterface['slaac']>;
    expect(slaac).toMatchObject({ dnsServers: ['fd77::1'], searchDomains: ['lan'] });
    expect((await kernel.stack.routes.lookup('2001:db8::1'))?.via).toBe(slaac.router);
    const session = await kernel.stack.createPingSession({ host: 'fd77::1', timeout: 5000 });
    await session.ping();
    const address = tap.addresses[0]?.replace(/\/.*/, '') ?? '';
    await kernel.run('ping', '-c', '1', address).succeeded();
    router.child.kill('SIGTERM');
    await settled(() => slaac.router === undefined);
    expect(await kernel.stack.routes.lookup('2001:db8::1')).toBeNull();
    expect(tap.addresses).toHaveLength(1);
    expect(slaac.statistics).toMatchObject({ droppedMalformed: 0, failed: 0, conflicts: 0 });
  });

  test('dnsmasq: advertisements, and the rest by stateless DHCPv6', async () => {
    const scope = testScope();
    const kernel = await open(scope);
    const server = kernel.run(
      ...['dnsmasq', '-k', '--conf-file=/dev/null', '--port=0', '--interface=tap0', '--log-dhcp'],
      ...[
        '--log-facility=-',
        '--user=root',
        '--enable-ra',
        '--pid-file=',
        '--dhcp-leasefile=/dev/null',
      ],
      ...['--dhcp-range=fd77::,ra-stateless', '--dhcp-option=option6:domain-search,eng.lan'],
      ...[
        '--dhcp-option=option6:sntp-server,[fd77::9]',
        '--dhcp-option=option6:dns-server,[fd77::53]',
      ],
    );
    const tap = await join2(kernel, { ip: 'slaac' });
    expect(tap.addresses[0]).toMatch(/^fd77::/);
    await server.printed(/DHCPINFORMATION-REQUEST\(tap0\)/);
    await settled(() => tap.slaac?.searchDomains.includes('eng.lan') === true);
    expect(tap.slaac?.dnsServers).toContain('fd77::53');
  });

  test('rdisc6 and ping see the address that the kernel defends: duplicates are found', async () => {
    const scope = testScope();
    const kernel = await open(scope);
    const dir = folder(scope, { conf: radvd('') });
    const files = ['-C', join(dir, 'conf'), '-p', join(dir, 'pid')];
    kernel.run('radvd', '-n', '-m', 'stderr', '-u', 'root', ...files);
    const slaac = { secret: new Uint8Array(16).fill(9) };
    const mac = '02:00:00:00:00:99';
    const first = await join2(kernel, { ip: 'slaac', slaac, mac });
    const [taken = ''] = first.addresses;
    await kernel.stack.removeInterface(first);
    await kernel.run('ip', 'addr', 'add', taken, 'dev', 'tap0').succeeded();
    const second = await join2(kernel, { ip: 'slaac', slaac, mac });
    expect(second.addresses).toHaveLength(1);
    expect(second.addresses).not.toEqual([taken]);
    expect(second.slaac?.statistics.conflicts).toBe(1);
  });
});

const SCRIPT = `#!/bin/sh
env | grep -i 'dhcp6\\|reason'
`;

describe('our DHCPv6 and', () => {
  test('dhclient: asks for information', async () => {
    const scope = testScope();
    const kernel = await openKernel(scope, { sysctls: { 'net.ipv6.conf.default.accept_dad': 0 } });
    const server = await serveInformation(kernel.tap, {
      dnsServers: ['fd77::2'],
      searchDomains: ['eng.lan', 'lan'],
      sntpServers: ['fd77::2'],
    });
    scope.defer(() => server.close());
    const dir = folder(scope, { script: SCRIPT });
    chmodSync(join(dir, 'script'), 0o755);
    const files = ['-sf', join(dir, 'script'), '-lf', join(dir, 'leases'), '-pf', join(dir, 'pid')];
    const client = kernel.run('dhclient', '-6', '-S', '-d', '-v', ...files, 'tap0');
    await client.printed(/new_dhcp6_name_servers=fd77::2/);
    await client.printed(/new_dhcp6_domain_search=eng\.lan\.? lan\.?/);
    expect(server.statistics).toMatchObject({ droppedMalformed: 0, droppedOther: 0 });
  });

  test('dhcpcd: follows the flag of our advertisement', async () => {
    const scope = testScope();
    const kernel = await openKernel(scope, { sysctls: { 'net.ipv6.conf.default.accept_dad': 0 } });
    const server = await serveInformation(kernel.tap, { dnsServers: ['fd77::2'] });
    scope.defer(() => server.close());
    const router = await advertiseRouter(kernel.tap, { other: true });
    scope.defer(() => router.close());
    const dir = folder(scope, { script: SCRIPT });
    chmodSync(join(dir, 'script'), 0o755);
    const args = ['-6', '-1', '-B', '-d', '-c', join(dir, 'script'), '-A', 'tap0'];
    const client = kernel.run('dhcpcd', ...args);
    await client.printed(/new_dhcp6_name_servers=fd77::2/);
    await client.ended;
    expect(server.statistics.sent).toBeGreaterThan(0);
  });
});
