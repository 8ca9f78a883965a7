// SPDX-License-Identifier: MIT
// kernel_udp.test - Linux's UDP and ICMP, and programs that use them, against a stack

import { createDns, createZone } from 'ringstack/dns';
import { beforeEach, describe, expect, test } from 'vitest';
import { bytes, concat, text } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { testScope } from './lib/scope.ts';

const SIZE = 65_000;

beforeEach((context) => {
  const program = /^[\w-]+/.exec(context.task.name)?.[0] ?? '';
  needs(whyNoKernel() ?? lacksProgram(program), context);
});

describe.each([4, 6] as const)('Linux kernel, IPv%i', (family) => {
  const { kernel: kernelAddress, ours } = ADDRESS[family];
  const socatHost = (host: string): string => (family === 4 ? host : `[${host}]`);

  test('socat gets back what it sends to us', async () => {
    const scope = testScope();
    const { stack, run } = await openKernel(scope);
    const socket = await stack.openUdp({ port: 7 });
    void socket.readable.pipeTo(socket.writable);
    const target = `UDP${family}-DATAGRAM:${socatHost(ours)}:7`;
    const socat = run('socat', '-b', '70000', '-t', '20', '-', target);
    for (const word of ['one', 'two', 'three']) {
      socat.child.stdin?.write(word);
      await socat.printed(new RegExp(word));
    }
    expect(socat.stdout).toBe('onetwothree');
  });

  test('socat sends back what we send to it, of every size', async () => {
    const scope = testScope();
    const { stack, run } = await openKernel(scope);
    const listen = `UDP${family}-RECVFROM:7,fork`;
    const socat = run('socat', '-d', '-d', '-b', '70000', listen, 'PIPE');
    await socat.printed(/receiving on|starting data transfer|listening on/);
    const socket = await stack.openUdp({ remote: { host: kernelAddress, port: 7 } });
    const random = new Prng(family);
    for (const size of [1, 1472, 1473, 8192, SIZE]) {
      const data = random.bytes(size);
      await socket.send(data);
      expect(sameBytes((await socket.receive()).data, data)).toBe(true);
    }
  });

  test('ping of 65,000 bytes is answered', async () => {
    const scope = testScope();
    const { run } = await openKernel(scope);
    // Neighbor discovery holds a few packets back, and not 45 fragments.
    await run('ping', '-c', '1', ours).succeeded();
    const report = await run('ping', '-c', '3', '-i', '0.2', '-s', `${SIZE}`, ours).succeeded();
    expect(report).toContain(' 0% packet loss');
  });

  test('ip: the kernel answers our ping of 65,000 bytes, and refuses our datagram', async () => {
    const scope = testScope();
    const { stack } = await openKernel(scope);
    const session = await stack.createPingSession({ host: kernelAddress, timeout: 10_000 });
    const payload = new Prng(family).bytes(SIZE);
    for (const sequenceNumber of [0, 1, 2]) {
      const reply = await session.ping({ payload });
      expect(sameBytes(reply.payload, payload)).toBe(true);
      expect(reply.sequenceNumber).toBe(sequenceNumber);
      expect(reply.ttl).toBe(64);
    }
    const socket = await stack.openUdp({ remote: { host: kernelAddress, port: 9 } });
    await socket.send(bytes('x'));
    await expect(socket.receive()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    for (const method of ['icmp', 'udp'] as const) {
      const hops = [];
      for await (const hop of stack.traceroute({ host: kernelAddress, method })) hops.push(hop);
      expect(hops.map(({ replies }) => replies.map(({ host, kind }) => [host, kind]))).toEqual([
        Array(3).fill([kernelAddress, 'reply']),
      ]);
    }
  });

  test.each(['-U', '-I'])('traceroute %s finds us', async (method) => {
    const scope = testScope();
    const { run } = await openKernel(scope);
    const report = await run('traceroute', `-${family}`, '-n', method, ours).succeeded();
    expect(report).toMatch(new RegExp(`^ 1 +${ours}(?: +[\\d.]+ ms){3}$`, 'm'));
  });

  test('dig asks a DNS server over our UDP and TCP', async () => {
    const scope = testScope();
    const { stack, run } = await openKernel(scope);
    const many = Array.from({ length: 200 }, (_, n) => `10.1.0.${n + 1}`);
    const zone = createZone({ 'db.internal': ['10.0.0.2', 'fd00::2'], 'many.internal': many });
    const dns = await createDns(stack);
    const server = await dns.serve({ zones: [zone] });
    scope.defer(async () => {
      await server.close();
      await dns.close();
    });
    const dig = (...args: string[]) =>
      run('dig', `@${ours}`, '+short', '+tries=1', '+time=10', ...args).succeeded();
    expect((await dig('db.internal')).trim()).toBe('10.0.0.2');
    expect((await dig('db.internal', 'AAAA')).trim()).toBe('fd00::2');
    const answers = (await dig('many.internal')).trim().split('\n');
    expect(answers.length).toBe(many.length);
  });
});

test('socat reaches a member of a group, and what it sends to all', async () => {
  const scope = testScope();
  const { stack, tap, run } = await openKernel(scope);
  const socket = await stack.openUdp({ port: 5000 });
  await socket.join('239.1.2.3', { interface: tap });
  const send = async (word: string, target: string): Promise<void> => {
    const socat = run('socat', '-u', '-', target);
    socat.child.stdin?.end(word);
    await socat.succeeded();
  };
  await send('group', `UDP4-DATAGRAM:239.1.2.3:5000,ip-multicast-if=${ADDRESS[4].kernel}`);
  const group = await socket.receive();
  await send('all', 'UDP4-DATAGRAM:10.77.0.255:5000,broadcast');
  const all = await socket.receive();
  expect(text(concat([group.data, all.data]))).toBe('groupall');
  expect(group.local?.address).toBe('239.1.2.3');
  expect(all.local?.address).toBe('10.77.0.255');
});
