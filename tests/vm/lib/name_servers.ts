// SPDX-License-Identifier: MIT
// name_servers - the name servers that everybody has, each with one zone or in front of another server

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DnsClient, type NameServer } from 'ringstack/dns';
import { vi } from 'vitest';
import { nodeNetwork } from '../../helpers/node_network.ts';
import { freePort } from '../../helpers/ports.ts';
import { findProgram, Program } from './process.ts';
import type { Scope } from './scope.ts';

export const HOST = '127.0.0.1';
export const MANY = Array.from({ length: 100 }, (_, i) => `10.1.0.${i}`);

/** Records of each name server of a peer. */
const RECORDS = [
  'a A 10.0.0.1',
  'a AAAA fd00::1',
  'b CNAME c.ring.test.',
  'c CNAME a.ring.test.',
  'mx MX 10 a.ring.test.',
  'srv SRV 1 2 5060 a.ring.test.',
  `txt TXT "${'x'.repeat(255)}" "${'y'.repeat(200)}"`,
  'caa CAA 0 issue "ca.test"',
  'naptr NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:a@ring.test!" .',
  'sshfp SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789',
  'odd TYPE65400 \\# 3 010203',
  ...MANY.map((ip) => `many A ${ip}`),
];

const line = (record: string): string => record.replace(/^(\S+) /, '$1.ring.test. 300 IN ');
export const ZONE = [
  'ring.test. 300 IN SOA ns.ring.test. hostmaster.ring.test. 1 3600 600 86400 30',
  'ring.test. 300 IN NS ns.ring.test.',
  'ns.ring.test. 300 IN A 127.0.0.1',
  ...RECORDS.map(line),
  '',
].join('\n');

export function folder(scope: Scope, files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'ringstack-dns-'));
  scope.defer(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

/** A client of a peer, which answers by now. */
export async function clientOf(port: number): Promise<DnsClient> {
  const nameServer = { ip: HOST, port };
  const probe = new DnsClient(nodeNetwork, { nameServer, timeout: 500, attempts: 1 });
  await vi.waitFor(() => probe.lookup('a.ring.test'), { timeout: 15_000, interval: 100 });
  return new DnsClient(nodeNetwork, { nameServer, timeout: 5000, cache: false });
}

const sbin = (name: string): string => findProgram(name) ?? name;

export async function unbound(scope: Scope, upstream?: NameServer): Promise<number> {
  const port = await freePort('tcp');
  const dir = folder(scope, { 'ring.zone': ZONE });
  const from = upstream
    ? `forward-zone: { name: "." forward-addr: ${upstream.ip}@${upstream.port} }`
    : 'auth-zone: { name: "ring.test" zonefile: "ring.zone" for-upstream: no for-downstream: yes fallback-enabled: no }';
  const config = `server: { interface: ${HOST}@${port} do-daemonize: no username: "" chroot: ""
    directory: "${dir}" pidfile: "" use-syslog: no log-time-ascii: no verbosity: 1 num-threads: 1
    module-config: "iterator" do-not-query-localhost: no local-zone: "test." nodefault minimal-responses: no
    access-control: 127.0.0.0/8 allow }
    remote-control: { control-enable: no }
    ${from}`;
  writeFileSync(
    join(dir, 'unbound.conf'),
    config.replace(/([{}])/g, '\n').replace(/ (?=[\w-]+: )/g, '\n'),
  );
  new Program(scope, [sbin('unbound'), '-d', '-c', join(dir, 'unbound.conf')]);
  return port;
}

export async function named(scope: Scope, options = '', zone = ZONE): Promise<number> {
  const port = await freePort('tcp');
  const dir = folder(scope, { 'ring.zone': zone });
  const config = `options { directory "${dir}"; listen-on port ${port} { ${HOST}; }; listen-on-v6 { none; };
    pid-file none; session-keyfile none; recursion no; dnssec-validation no; minimal-responses no; ${options} };
    controls { };
    zone "ring.test" { type primary; file "${dir}/ring.zone"; };`;
  writeFileSync(join(dir, 'named.conf'), config);
  new Program(scope, [sbin('named'), '-g', '-n', '1', '-c', join(dir, 'named.conf')]);
  return port;
}

export async function nsd(scope: Scope): Promise<number> {
  const port = await freePort('tcp');
  const dir = folder(scope, { 'ring.zone': ZONE });
  const config = `server:\n ip-address: ${HOST}@${port}\n username: ""\n zonesdir: "${dir}"\n database: ""
 pidfile: "${dir}/pid"\n xfrdfile: "${dir}/xfrd"\n xfrdir: "${dir}"\n zonelistfile: "${dir}/list"
remote-control:\n control-enable: no\nzone:\n name: ring.test\n zonefile: ring.zone\n`;
  writeFileSync(join(dir, 'nsd.conf'), config);
  new Program(scope, [sbin('nsd'), '-d', '-c', join(dir, 'nsd.conf')]);
  return port;
}

export async function knotd(scope: Scope): Promise<number> {
  const port = await freePort('tcp');
  const dir = folder(scope, { 'ring.zone': ZONE });
  const config = `server:
  rundir: ${dir}\n  listen: ${HOST}@${port}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1
database:\n  storage: ${dir}
log:\n  - target: stderr\n    any: info
zone:\n  - domain: ring.test\n    storage: ${dir}\n    file: ring.zone\n`;
  writeFileSync(join(dir, 'knot.conf'), config);
  new Program(scope, [sbin('knotd'), '-c', join(dir, 'knot.conf')]);
  return port;
}

/** The recursor of PowerDNS, in front of another server. */
export async function recursor(scope: Scope, upstream: NameServer): Promise<number> {
  const port = await freePort('tcp');
  const dir = folder(scope, {});
  const settings = {
    'config-dir': dir,
    'socket-dir': dir,
    'local-address': HOST,
    'local-port': port,
    'forward-zones': `ring.test=${upstream.ip}:${upstream.port}`,
    dnssec: 'off',
    daemon: 'no',
    threads: 1,
    'any-to-tcp': 'no',
  };
  const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  new Program(scope, [sbin('pdns_recursor'), ...args]);
  return port;
}

export async function dnsmasq(scope: Scope, upstream?: NameServer): Promise<number> {
  const port = await freePort('tcp');
  const hosts = [
    ...MANY.map((ip) => `--host-record=many.ring.test,${ip}`),
    '--host-record=a.ring.test,10.0.0.1,fd00::1',
  ];
  const here = [
    '--no-hosts',
    '--local=/ring.test/',
    '--cname=c.ring.test,a.ring.test',
    '--mx-host=mx.ring.test,a.ring.test,10',
  ];
  const from = upstream
    ? [`--server=${upstream.ip}#${upstream.port}`, '--no-hosts']
    : [...here, ...hosts];
  new Program(scope, [
    sbin('dnsmasq'),
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--bind-interfaces',
    `--listen-address=${HOST}`,
    `--port=${port}`,
    '--pid-file',
    '--user=root',
    ...from,
  ]);
  return port;
}
