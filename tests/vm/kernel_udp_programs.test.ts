// SPDX-License-Identifier: MIT
// kernel_udp_programs.test - programs of Debian that use UDP and ICMP, as clients and servers of a stack

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NetworkStack } from 'ringstack';
import { beforeEach, describe, expect, test } from 'vitest';
import { serveNtp } from '../../examples/ntp_server.mjs';
import { concat, text } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { findProgram } from './lib/process.ts';
import { type Scope, testScope } from './lib/scope.ts';
import { relayTcp, relayUdp } from './lib/stack_relay.ts';

beforeEach((context) => {
  const program = /^[\w-]+/.exec(context.task.name)?.[0] ?? '';
  needs(whyNoKernel() ?? lacksProgram(program), context);
});

/** A folder that is removed with the test. */
function openFolder(scope: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringstack-'));
  scope.defer(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A server of TFTP (RFC 1350) with one file in memory, which WRQ replaces and RRQ gives. */
async function serveTftp(stack: NetworkStack, file: { bytes: Uint8Array }): Promise<void> {
  const BLOCK = 512;
  const listener = await stack.openUdp({ port: 69 });
  const head = (op: number, block: number): Uint8Array =>
    Uint8Array.of(0, op, block >> 8, block & 255);
  for await (const { data, host, port } of listener) {
    const socket = await stack.openUdp({ remote: { host, port } });
    if (data[1] === 1) {
      for (let at = 0, n = 1; at <= file.bytes.length; at += BLOCK, n++) {
        await socket.send(concat([head(3, n), file.bytes.subarray(at, at + BLOCK)]));
        expect((await socket.receive()).data).toEqual(head(4, n));
      }
    } else {
      const parts: Uint8Array[] = [];
      do {
        await socket.send(head(4, parts.length));
        parts.push((await socket.receive()).data.subarray(4));
      } while (parts.at(-1)?.length === BLOCK);
      await socket.send(head(4, parts.length));
      file.bytes = concat(parts);
    }
    await socket.close();
  }
}

describe.each([4, 6] as const)('IPv%i', (family) => {
  const { kernel: kernelAddress, ours } = ADDRESS[family];

  test('fping gets every answer', async () => {
    const scope = testScope();
    const { run } = await openKernel(scope);
    // Neighbor discovery holds a few packets back, and not all that come before it is done.
    await run('fping', '-q', '-c', '1', '-t', '10000', ours).succeeded();
    const args = ['-c', '20', '-p', '10', '-t', '10000', '-b', '1400'];
    const fping = run('fping', '-q', ...args, ours);
    expect(await fping.ended).toBe(0);
    expect(fping.output).toContain('= 20/20/0%');
  });

  test.each(['icmp', 'udp'])('mtr --%s loses nothing', async (method) => {
    const scope = testScope();
    const { run } = await openKernel(scope);
    const args = [
      '-n',
      '-r',
      '-c',
      '3',
      '-i',
      '0.2',
      '-G',
      '0.5',
      ...(method === 'udp' ? ['-u'] : []),
    ];
    const report = await run('mtr', ...args, ours).succeeded();
    expect(report).toMatch(new RegExp(`1\\.\\S+ ${ours} +0\\.0%`));
  });

  test('tracepath reaches us, and finds the MTU', async () => {
    const scope = testScope();
    const { run } = await openKernel(scope);
    const report = await run('tracepath', `-${family}`, '-n', ours).succeeded();
    expect(report).toMatch(new RegExp(`1: +${ours} .*reached`));
    expect(report).toContain('Resume: pmtu 1500 hops 1');
  });

  test('nmap sees which ports are open', async () => {
    const scope = testScope();
    const { run, stack } = await openKernel(scope);
    const socket = await stack.openUdp({ port: 7 });
    void socket.readable.pipeTo(socket.writable);
    const args = ['-n', '-sU', '-PE', '-p', '7,9', '--reason', '--data-string', 'probe'];
    const report = await run('nmap', ...args, ...(family === 6 ? ['-6'] : []), ours).succeeded();
    expect(report).toMatch(/^7\/udp +open +echo +udp-response/m);
    expect(report).toMatch(/^9\/udp +closed +discard +port-unreach/m);
    expect(report).toContain('1 host up');
  });

  test('tftp gets a file of us, and puts one', async () => {
    const scope = testScope();
    const { run, stack } = await openKernel(scope);
    const folder = openFolder(scope);
    const random = new Prng(family);
    const file = { bytes: random.bytes(100_000) };
    void serveTftp(stack, file);
    const tftp = (...args: string[]) => run('tftp', '-m', 'binary', ours, '-c', ...args);
    await tftp('get', 'any', join(folder, 'got')).succeeded();
    expect(sameBytes(readFileSync(join(folder, 'got')), file.bytes)).toBe(true);
    const mine = random.bytes(51_200);
    writeFileSync(join(folder, 'mine'), mine);
    await tftp('put', join(folder, 'mine'), 'any').succeeded();
    expect(sameBytes(file.bytes, mine)).toBe(true);
  });

  test('snmpd answers our question', async () => {
    const scope = testScope();
    const { run, stack } = await openKernel(scope);
    const folder = openFolder(scope);
    const config = join(folder, 'snmpd.conf');
    writeFileSync(config, 'rocommunity public\nrocommunity6 public\nsysContact nobody@here.test\n');
    const listen = family === 4 ? `udp:${kernelAddress}:161` : `udp6:[${kernelAddress}]:161`;
    const snmpd = run('snmpd', '-f', '-Lo', '-C', '-c', config, '-I', 'system_mib', listen);
    await snmpd.printed(/NET-SNMP version/);
    const socket = await stack.openUdp({ remote: { host: kernelAddress, port: 161 } });
    // A GetRequest of SNMPv2c with id 7 for sysContact.0, 1.3.6.1.2.1.1.4.0, in BER.
    const oid = [0x06, 8, 0x2b, 6, 1, 2, 1, 1, 4, 0];
    const binding = [0x30, oid.length + 4, 0x30, oid.length + 2, ...oid, 5, 0];
    const request = [0xa0, binding.length + 9, 2, 1, 7, 2, 1, 0, 2, 1, 0, ...binding];
    const community = [...'public'].map((letter) => letter.charCodeAt(0));
    const body = [2, 1, 1, 4, community.length, ...community, ...request];
    await socket.send(Uint8Array.from([0x30, body.length, ...body]));
    const { data } = await socket.receive();
    expect(text(data)).toContain('nobody@here.test');
  });

  test('chronyd asks our example what time it is', async () => {
    const scope = testScope();
    const { run, stack } = await openKernel(scope);
    const ahead = 3_600_000;
    const clock = (): number => performance.timeOrigin + performance.now() + ahead;
    void serveNtp(await stack.openUdp({ port: 123 }), clock);
    // -Q only says what it would do to the clock; without a file of its own it reads none.
    const args = ['-Q', '-f', '/dev/null', '-t', '30', '-x', '-U', '-u', 'root'];
    const settings = [
      `server ${ours} iburst maxsamples 4`,
      `pidfile ${join(openFolder(scope), 'pid')}`,
      'cmdport 0',
    ];
    const chronyd = run('chronyd', ...args, ...settings);
    const [, wrong] = await chronyd.printed(/System clock wrong by (-?[\d.]+) seconds/);
    expect(Math.round(Number(wrong))).toBe(ahead / 1000);
  });

  test('dig asks a socket of our own', async () => {
    const scope = testScope();
    const { run, stack } = await openKernel(scope);
    const socket = await stack.openUdp({ port: 53 });
    const serve = async (): Promise<void> => {
      for await (const datagram of socket) {
        // The question as it came, without the OPT record behind it; one answer, 192.0.2.7.
        const query = datagram.data;
        const end = query.indexOf(0, 12) + 5;
        const answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7];
        const data = Uint8Array.from([...query.subarray(0, end), ...answer]);
        data.set([0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
        await socket.send(data, datagram);
      }
    };
    void serve();
    const dig = run('dig', `@${ours}`, '+short', '+tries=1', '+time=10', 'a.test');
    expect(await dig.succeeded()).toBe('192.0.2.7\n');
  });

  test('iperf3 -u through our sockets loses nothing', async ({ task }) => {
    const scope = testScope();
    const { run, stack } = await openKernel(scope);
    await relayTcp(stack, 5201, { host: kernelAddress, port: 5201 });
    const relay = await relayUdp(stack, 5201, { host: kernelAddress, port: 5201 });
    // A busy machine does not run the programs in time: the kernel's buffers overflow at any rate it does not hold.
    for (const rate of [100, 20, 5, 1]) {
      const server = run('iperf3', '-s', '-1', '-B', kernelAddress, '--forceflush');
      await server.printed(/Server listening/);
      const before = relay.datagrams;
      const args = ['-u', '-b', `${rate}M`, '-l', '1350', '-t', '1', '-J', '-c', ours];
      const { end } = JSON.parse(await run('iperf3', ...args).succeeded());
      await server.succeeded();
      expect(relay.dropped()).toBe(0);
      const { lost_packets: lost, packets } = end.sum;
      expect(relay.datagrams - before).toBeGreaterThanOrEqual(packets - lost);
      expect(packets).toBeGreaterThan(25 * rate);
      task.meta.figure = `${rate} Mbit/s`;
      if (lost === 0) return;
    }
    throw new Error('datagrams were lost at every rate');
  });

  test('gtlsclient and gtlsserver speak QUIC through our sockets', async (context) => {
    needs(lacksProgram('gtlsserver') ?? lacksProgram('openssl'), context);
    const scope = testScope();
    const { run, stack } = await openKernel(scope);
    const folder = openFolder(scope);
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
    ];
    const files = ['-keyout', key, '-out', certificate, '-subj', '/CN=here.test', '-days', '2'];
    execFileSync(findProgram('openssl') ?? 'openssl', [...request, ...files], { stdio: 'ignore' });
    for (const name of ['www', 'got']) mkdirSync(join(folder, name));
    const content = new Prng(family).bytes(2_000_000);
    writeFileSync(join(folder, 'www', 'file.bin'), content);
    const relay = await relayUdp(stack, 4433, { host: kernelAddress, port: 4433 });
    const size = '--max-udp-payload-size=1350';
    const options = ['-q', size, '--no-pmtud', '-d', join(folder, 'www')];
    const server = run('gtlsserver', ...options, kernelAddress, '4433', key, certificate);
    const url = `https://here.test:4433/file.bin`;
    const download = `--download=${join(folder, 'got')}`;
    const wanted = ['-q', size, '--no-pmtud', '--exit-on-all-streams-close', download];
    await run('gtlsclient', ...wanted, ours, '4433', url).succeeded();
    await server.stop();
    expect(sameBytes(readFileSync(join(folder, 'got', 'file.bin')), content)).toBe(true);
    expect(relay.longest).toBe(1350);
    expect(relay.datagrams).toBeGreaterThan(1500);
    context.task.meta.figure = `${relay.datagrams} datagrams`;
  });
});
