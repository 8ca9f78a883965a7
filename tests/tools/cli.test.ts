// SPDX-License-Identifier: MIT
// cli.test - the command `ringstack` as a program: help, exit codes, a network for a card of QEMU's protocol, dig

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requestLease } from 'ringstack/dhcp';
import { DnsServer } from 'ringstack/dns';
import { node } from 'ringstack/gateway';
import { connect } from 'ringstack/link';
import { connectQemu } from 'ringstack/qemu';
import { describe, expect, onTestFinished, test } from 'vitest';
import { age, amount, table } from '../../js/cli/status.ts';
import { bytes, openStack, text } from '../helpers/net.ts';
import { ROOT } from '../rules/files.ts';

const PROGRAM = join(ROOT, 'dist/cli/ringstack.js');

/** Runs the program; printed() waits for a line. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  let wake = (): void => {};
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    wake();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  const ended = once(child, 'close').then(([code]) => {
    wake();
    return code as number;
  });
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(output);
      if (found) return found;
      if (child.exitCode !== null)
        throw new Error(`it did not print ${pattern}:\n${output}${errors}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { child, ended, printed, output: () => output, errors: () => errors };
}

async function run(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const program = start(...args);
  const code = await program.ended;
  return { code, output: program.output(), errors: program.errors() };
}

describe('the program', () => {
  test.each([
    [['--help'], /^Usage: ringstack COMMAND/],
    [['net', '--help'], /--forward PORTS/],
    [['ping', '-h'], /--gateway IP/],
    [['help', 'dig'], /@SERVER/],
    [['bridge', '--help'], /learning switch/],
    [['bench', '-h'], /--seconds N/],
    [['--version'], /^\d+\.\d+\.\d+\n$/],
  ])('prints its help: %j', async (args, pattern) => {
    const { code, output } = await run(...args);
    expect(output).toMatch(pattern);
    expect(code).toBe(0);
  });

  test.each([
    [[], 'a command must be given'],
    [['nat'], "unknown command 'nat'"],
    [['net'], 'no guests'],
    [['net', '--qemu', 'vm.sock'], 'must be unix:PATH'],
    [['net', '--qemu', '0', '--mtu', '5'], 'from 576 to 65520'],
    [['net', '--qemu', '0', '--nope'], 'nope'],
    [['net', '--qemu', '0', 'more'], "unknown argument 'more'"],
    [['net', '--qemu', '0', '--allow', '10.0.0'], "'10.0.0'"],
    [['net', '--qemu', '0', '--forward', '80'], "'80'"],
    [['net', '--qemu', '0', '--host', 'a'], 'NAME=IP'],
    [['net', '--qemu', '0', '--forward', 'auto:99999'], "'99999'"],
    [['bridge'], 'no links'],
    [['bridge', '--qemu', '0', '--mtu', '9'], 'from 576 to 65520'],
    [['bench', '--seconds', '0'], 'from 1 to 3600'],
    [['bench', 'more'], "unknown argument 'more'"],
    [['ping', 'a'], 'the link is missing'],
    [['dig'], 'a name must be given'],
  ])('refuses %j with exit code 2', async (args, message) => {
    const { code, errors } = await run(...args);
    expect(errors).toContain(message);
    expect(code).toBe(2);
  });

  test('fails with exit code 1', async () => {
    const { code, errors } = await run('dig', '--timeout', '50', '@127.0.0.1:1', 'a.example');
    expect(errors).toMatch(/^ringstack: /);
    expect(code).toBe(1);
  });
});

test('net gives a card a network, and writes what happens as JSON', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [path, pcap] = [join(dir, 'vm.sock'), join(dir, 'all.pcapng')];
  const net = start(
    ...['net', '--qemu', `unix:${path}`, '--forward', '127.0.0.1:0:22', '--json', '--pcap', pcap],
    ...['--host', 'db.example=9.9.9.9', '--cidr', '10.1.2.0/24', '--offline'],
  );
  await net.printed(/"event":"ready"/);
  const [, port] = await net.printed(/"event":"forward".*"port":(\d+)/);
  const stack = await openStack({ initializeLoopback: false });
  const tap = await stack.createTapInterface();
  const card = await connectQemu({ path });
  connect(tap, card);
  const { lease } = await requestLease(tap, { hostname: 'vm' });
  expect(lease?.ip).toBe('10.1.2.2');
  const listener = await stack.listenTcp({ port: 22 });
  const client = await node().connect({ host: '127.0.0.1', port: Number(port) });
  const peer = await listener.accept();
  await client.writable.getWriter().write(bytes('ssh'));
  const { value } = await peer.readable.getReader().read();
  expect(text(value as Uint8Array)).toBe('ssh');
  await net.printed(/"event":"open"/);
  net.child.kill('SIGINT');
  expect(await net.ended).toBe(0);
  const events = net
    .output()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event: string; name?: string });
  expect(events.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['listen', 'forward', 'ready', 'plug', 'dhcp', 'open']),
  );
  expect(existsSync(pcap)).toBe(true);
  expect(readFileSync(pcap).length).toBeGreaterThan(500);
  await card.close();
});

test('net --forward auto follows what the guest listens at', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'vm.sock');
  const net = start('net', '--qemu', `unix:${path}`, '--forward', 'auto:9000-9001', '--json');
  await net.printed(/"event":"ready"/);
  const stack = await openStack({ initializeLoopback: false });
  const tap = await stack.createTapInterface();
  const card = await connectQemu({ path });
  connect(tap, card);
  await requestLease(tap, { hostname: 'vm' });
  const listener = await stack.listenTcp({ port: 9001 });
  const [, at] = await net.printed(/"event":"listen","guest":"10.0.0.2","port":9001,"at":(\d+)/);
  await node().connect({ host: '127.0.0.1', port: Number(at) });
  await listener.accept();
  net.child.kill('SIGTERM');
  expect(await net.ended).toBe(0);
  await card.close();
});

test('bridge joins two cards, shows them, and captures', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [path, pcap] = [join(dir, 'lan.sock'), join(dir, 'all.pcapng')];
  const bridge = start('bridge', '--qemu', `unix:${path}`, '--pcap', pcap, '--status');
  await bridge.printed(/frames out/);
  const stacks = [];
  for (const ip of ['10.9.0.1/24', '10.9.0.2/24']) {
    const stack = await openStack({ initializeLoopback: false });
    const tap = await stack.createTapInterface({ ip });
    connect(tap, await connectQemu({ path }));
    stacks.push(stack);
  }
  const session = await stacks[0]?.createPingSession({ host: '10.9.0.2', timeout: 20_000 });
  await session?.ping();
  await bridge.printed(/qemu1 +\d+s/);
  bridge.child.kill('SIGINT');
  expect(await bridge.ended).toBe(0);
  expect(readFileSync(pcap).length).toBeGreaterThan(500);
});

test('bench measures, and writes JSON', async () => {
  const { code, output } = await run('bench', '--seconds', '1', '--json');
  expect(code).toBe(0);
  const { mtu, bitsPerSecond, roundTripsPerSecond, connectsPerSecond } = JSON.parse(output);
  expect(mtu).toBe(1500);
  for (const rate of [bitsPerSecond, roundTripsPerSecond, connectsPerSecond]) {
    expect(rate).toBeGreaterThan(0);
  }
});

test('dig prints answers, short, whole and as JSON', async () => {
  const server = new DnsServer(null, { hosts: { 'db.example': ['10.0.0.2', '10.0.0.3'] } });
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  socket.on('message', (query, { port, address }) => {
    void server
      .answer(query, { remote: { host: address, port }, transport: 'udp' })
      .then((answer) => {
        socket.send(answer, port, address);
      });
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const at = `@127.0.0.1:${socket.address().port}`;
  const short = await run('dig', '--short', at, 'db.example');
  expect(short).toMatchObject({ code: 0, output: '10.0.0.2\n10.0.0.3\n' });
  const whole = await run('dig', at, 'db.example', 'a');
  expect(whole.output).toMatch(
    /^;; NOERROR, 2 answers[\s\S]*db\.example\t\d+\tIN\tA\t10\.0\.0\.2\n/,
  );
  const json = await run('dig', '--json', at, 'db.example', 'A');
  expect(JSON.parse(json.output)).toMatchObject({ rcode: 'NOERROR', answers: [{}, {}] });
  const none = await run('dig', at, 'db.example', 'MX');
  expect(none.code).toBe(1);
});

test('the table has columns, three digits, and ages', () => {
  expect([0, 999, 1000, 12_345, 123_456, 9_999_999].map((n) => amount(n, 'B'))).toEqual([
    ...['0 B', '999 B', '1.00 kB', '12.3 kB', '123 kB', '10.0 MB'],
  ]);
  expect([0, 99_000, 100_000, 7_200_000].map(age)).toEqual(['0s', '99s', '1m', '2h']);
  expect(
    table([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toEqual(['a    bb', 'ccc  d']);
});
