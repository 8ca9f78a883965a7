// SPDX-License-Identifier: MIT
// gateway_peers.test - `ringstack net` with Linux as the guest, and programs that no one here wrote on both sides

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Gatewayed, OUTSIDE, openGatewayed } from './lib/gateway.ts';
import { whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

beforeEach((context) => {
  needs(whyNoKernel(), context);
  for (const program of ['udhcpc', 'busybox']) needs(lacksProgram(program), context);
  const [, program = ''] = /^(\w[\w-]*):/.exec(context.task.name) ?? [];
  if (program) needs(lacksProgram(program), context);
});

const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Files to serve: a large one, and its digest. */
function site(scope: Scope): { dir: string; data: Buffer } {
  const data = randomBytes(20_000_000);
  const dir = folder(scope, {});
  writeFileSync(join(dir, 'large'), data);
  writeFileSync(join(dir, 'index.html'), 'hello from outside\n');
  return { dir, data };
}

/** A web server beside the servers, or in the guest. */
async function serve(program: Gatewayed['server'], dir: string, port: number): Promise<void> {
  program('busybox', 'httpd', '-f', '-v', '-p', String(port), '-h', dir);
  const probe = ['curl', '-s', '-o', '/dev/null', `http://127.0.0.1:${port}/`];
  while ((await program(...probe).ended) !== 0);
}

describe('a guest', () => {
  test('curl: fetches a file of 20 MB by IPv4 and by name, and is refused elsewhere', async () => {
    const scope = testScope();
    const { dir, data } = site(scope);
    const net = await openGatewayed(scope, '--host', `web.example=${OUTSIDE.server}`);
    expect(net.address).toBe('10.0.0.2');
    await serve(net.server, dir, 8000);
    const file = join(dir, 'got');
    const url = `http://${OUTSIDE.server}:8000/large`;
    await net.guest('curl', '-sS', '-o', file, url).succeeded();
    expect(digest(readFileSync(file))).toBe(digest(data));
    const page = await net.guest('curl', '-sS', 'http://web.example:8000/').succeeded();
    expect(page).toBe('hello from outside\n');
    const refused = net.guest('curl', '-sS', '-m', '5', `http://${OUTSIDE.server}:81/`);
    expect(await refused.ended).toBe(7);
    expect(refused.output).toMatch(/after \d{1,3} ms/);
    // Private addresses are below the floor: an ICMP error, at once.
    const denied = net.guest('curl', '-sS', '-m', '5', 'http://192.168.1.1/');
    expect(await denied.ended).toBe(7);
    expect(net.net.output).toMatch(/deny +tcp vm:\d+ -> 192\.168\.1\.1:80 +\(floor: private\)/);
    // The loopback address of the gateway's computer is not reached by any way.
    const loopback = net.guest('curl', '-sS', '-m', '2', 'http://10.0.0.1:8000/');
    expect(await loopback.ended).toBe(7);
  });

  test('nmap: sees open, closed and filtered ports as they are', async () => {
    const scope = testScope();
    const { dir } = site(scope);
    const net = await openGatewayed(scope, '--deny', `${OUTSIDE.server}:8080`);
    await serve(net.server, dir, 8000);
    const scan = ['nmap', '-n', '-Pn', '-sT', '-p', '81,8000,8080', OUTSIDE.server];
    const report = await net.guest(...scan).succeeded();
    expect(report).toMatch(/81\/tcp +closed/);
    expect(report).toMatch(/8000\/tcp +open/);
    expect(report).toMatch(/8080\/tcp +filtered/);
  });

  test('dig: asks our server, and another one, which is ours all the same', async () => {
    const scope = testScope();
    const net = await openGatewayed(scope, '--host', 'a.example=9.9.9.9', '--allow', 'a.example');
    const ask = (...args: string[]) => net.guest('dig', '+short', '+tries=1', ...args).succeeded();
    expect(await ask('a.example')).toBe('9.9.9.9\n');
    expect(await ask('@8.8.8.8', 'a.example')).toBe('9.9.9.9\n');
    expect(await ask('+tcp', '@8.8.8.8', 'a.example')).toBe('9.9.9.9\n');
    expect(await ask('vm.internal')).toBe(`${net.address}\n`);
    const refused = await net.guest('dig', '@8.8.8.8', 'b.example').succeeded();
    expect(refused).toMatch(/status: REFUSED/);
  });

  test('ping: gets replies for public addresses only', async () => {
    const scope = testScope();
    const net = await openGatewayed(scope);
    await net.guest('ping', '-c', '1', '-W', '5', '9.9.9.9').succeeded();
    expect(await net.guest('ping', '-c', '1', '-W', '1', '192.168.1.1').ended).toBe(1);
  });

  test('iperf3: both ways at once, and UDP', async (context) => {
    const scope = testScope();
    const net = await openGatewayed(scope);
    const server = net.server('iperf3', '-s', '--forceflush');
    await server.printed(/listening/);
    const run = async (...args: string[]): Promise<number> => {
      const command = ['iperf3', '-J', '-t', '2', '-c', OUTSIDE.server, ...args];
      const report = JSON.parse(await net.guest(...command).succeeded()) as {
        end: { sum_received?: { bits_per_second: number }; sum?: { bits_per_second: number } };
      };
      return (report.end.sum_received ?? report.end.sum)?.bits_per_second ?? 0;
    };
    const [out, back] = [await run(), await run('-R')];
    const udp = await run('-u', '-b', '50M', '-l', '1200');
    expect(Math.min(out, back)).toBeGreaterThan(50e6);
    expect(udp).toBeGreaterThan(45e6);
    const show = (bits: number): string => (bits / 1e9).toFixed(2);
    context.task.meta.figure = `out ${show(out)}, back ${show(back)} Gbit/s`;
  });

  test('turnutils_natdiscovery: has a NAT that maps by endpoint', async () => {
    const scope = testScope();
    const net = await openGatewayed(scope);
    // RFC 5780 asks a server at two addresses.
    await net.server('ip', 'addr', 'add', '9.77.0.3/24', 'dev', 'in').succeeded();
    net.server(
      ...['turnserver', '-n', '-L', OUTSIDE.server, '-L', '9.77.0.3', '--no-tls', '--no-dtls'],
      ...['-a', '-u', 'a:b', '-r', 'x', '--no-cli', '--log-file', 'stdout', '--simple-log'],
    );
    const asked = ['timeout', '5', 'turnutils_natdiscovery', '-m', OUTSIDE.server];
    let report = '';
    while (!/NAT with|No NAT/.test(report)) {
      const one = net.guest(...asked);
      await one.ended;
      report = one.output;
    }
    expect(report).toMatch(/NAT with Endpoint Independent Mapping/);
  });
});

test('a server in the guest is reached by a forwarded port, TCP and UDP', async () => {
  const scope = testScope();
  const { dir, data } = site(scope);
  const net = await openGatewayed(
    scope,
    ...['--forward', `${OUTSIDE.host}:2080:80`, '--forward', `${OUTSIDE.host}:2053:5353/udp`],
  );
  await serve(net.guest, dir, 80);
  const file = join(dir, 'got');
  const url = `http://${OUTSIDE.host}:2080/large`;
  await net.server('busybox', 'wget', '-q', '-O', file, url).succeeded();
  expect(digest(readFileSync(file))).toBe(digest(data));
  net.guest('socat', 'UDP-RECVFROM:5353,fork', 'EXEC:cat');
  const echo = ['socat', '-t', '2', '-', `UDP:${OUTSIDE.host}:2053`];
  let answer = '';
  while (answer !== 'datagram') {
    const client = net.server(...echo);
    client.child.stdin?.end('datagram');
    await client.ended;
    answer = client.stdout;
  }
});

test('the program ends at a signal, with exit code 0, a whole capture, and nothing left', async () => {
  const scope = testScope();
  const file = join(folder(scope, {}), 'all.pcapng');
  const net = await openGatewayed(scope, '--json', '--pcap', file);
  net.net.child.kill('SIGTERM');
  expect(await net.net.ended).toBe(0);
  expect(existsSync(file)).toBe(true);
  expect(readFileSync(file).readUInt32LE(0)).toBe(0x0a0d0d0a);
  const events = net.net.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  expect(events.map(({ event }) => event)).toContain('ready');
  expect(events).toContainEqual(
    expect.objectContaining({ event: 'dhcp', kind: 'lease', name: 'vm' }),
  );
});
