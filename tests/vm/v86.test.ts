// SPDX-License-Identifier: MIT
// v86.test - Linux in v86 on the other end: both cards, both ways, bad networks, reboots, saved states

import { readFileSync } from 'node:fs';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { connectV86, createV86NetworkStream } from 'ringstack/v86';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hub } from '../../examples/hub.mjs';
import { buildState } from '../../tools/guest/v86_guest.mjs';
import { bytes, text } from '../helpers/net.ts';
import { getHttp, serveHttp } from './lib/http.ts';
import { digestOf } from './lib/payload.ts';
import { pingGuest } from './lib/ping.ts';
import { Scope, testScope } from './lib/scope.ts';
import { ADDRESS, BECOME_THE_OTHER, openLab, openStack, openV86 } from './lib/v86.ts';

const BOOT = 300_000;
/** One connection to port 7 is echoed; answers when it listens. */
const ECHO =
  'nc -l -p 7 -e cat >/dev/null 2>&1 & until netstat -ltn | grep -q ":7 "; do usleep 10000; done';
const VIRTIO = { type: 'virtio', mtu: 1500 } as const;

/** Writes a line and reads what comes back until it is as long. */
async function echo(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  line: string,
): Promise<string> {
  await writer.write(bytes(line));
  let answer = '';
  while (answer.length < line.length) {
    const { done, value } = await reader.read();
    if (done) break;
    answer += text(value);
  }
  return answer;
}

describe.each([
  { type: 'virtio', mtu: 1500, size: 50e6 },
  { type: 'virtio', mtu: 65_520, size: 50e6 },
  // Its driver moves every two bytes by an instruction of the guest: 50 MB would take minutes.
  { type: 'ne2k', mtu: 1500, size: 5e6 },
] as const)('$type, MTU $mtu', ({ size, ...card }) => {
  const scope = new Scope();
  let lab: Awaited<ReturnType<typeof openLab>>;
  beforeAll(async () => {
    await buildState(card);
    lab = await openLab(scope, card);
    await serveHttp(lab.stack);
  }, BOOT);
  afterAll(() => scope.close());
  const run = async (command: string): Promise<string> => (await lab.serial.run(command)).output;

  test('the interface and the guest have the MTU of the card', async () => {
    expect(lab.tap.mtu).toBe(card.mtu);
    expect(await run('cat /sys/class/net/eth0/mtu')).toBe(`${card.mtu}\n`);
  });

  test('the guest pings the stack', async () => {
    const { output, status } = await lab.serial.run(`ping -c 5 -i 0.1 -s 1400 ${ADDRESS.ours}`);
    expect(output).toContain(' 0% packet loss');
    expect(status).toBe(0);
  });

  test('the stack pings the guest, and each traces the way to the other', async () => {
    const session = await lab.stack.createPingSession({ host: ADDRESS.guest, timeout: 10_000 });
    const payload = new Uint8Array(1400).fill(7);
    expect((await session.ping({ payload })).payload).toEqual(payload);
    await session.close();
    for (const method of ['icmp', 'udp'] as const) {
      const hops = [];
      for await (const hop of lab.stack.traceroute({ host: ADDRESS.guest, method })) hops.push(hop);
      expect(hops.map(({ replies }) => replies[0]?.host)).toEqual([ADDRESS.guest]);
    }
    for (const how of ['', '-I']) {
      const { output, status } = await lab.serial.run(`traceroute -n ${how} ${ADDRESS.ours}`);
      expect(output).toMatch(new RegExp(`^ 1 +${ADDRESS.ours}(?: +[\\d.]+ ms){3}`, 'm'));
      expect(status).toBe(0);
    }
  });

  test('the guest pings a host behind the stack, and traces the way to it', async () => {
    const far = await openStack(scope);
    const farTap = await far.createTapInterface({ ip: '10.9.0.2/24', gateway: '10.9.0.1' });
    const tap = await lab.stack.createTapInterface({ ip: '10.9.0.1/24' });
    connect(tap, farTap);
    for (const one of [tap, lab.tap]) await one.setForwarding(true);
    await run(`ip route add 10.9.0.0/24 via ${ADDRESS.ours}`);
    const ping = await lab.serial.run('ping -c 3 -i 0.1 -W 10 -s 1400 10.9.0.2');
    expect(ping.output).toContain(' 0% packet loss');
    for (const how of ['', '-I']) {
      const { output } = await lab.serial.run(`traceroute -n ${how} 10.9.0.2`);
      expect(output).toMatch(new RegExp(`^ 1 +${ADDRESS.ours}(?: +[\\d.]+ ms){3}`, 'm'));
      expect(output).toMatch(/^ 2 +10\.9\.0\.2(?: +[\d.]+ ms){3}/m);
    }
    await lab.stack.removeInterface(tap);
    await lab.tap.setForwarding(false);
  });

  test('the stack gets a page of the guest', async () => {
    const { status, digest } = await getHttp(lab.stack, ADDRESS.guest, '/index.html');
    expect(status).toBe(200);
    const sum = (await run('sha256sum /srv/index.html')).split(' ')[0];
    expect(digest.endsWith(`-${sum}`)).toBe(true);
  });

  test(`${size} bytes from the guest`, { timeout: 120_000 }, async () => {
    await run(
      `mount -o remount,size=72m /tmp; for n in $(seq ${Math.ceil(size / 2 ** 20)}); do echo $n; cat /tmp/random; done >/tmp/big`,
    );
    await run(`truncate -s ${size} /tmp/big; ln -s /tmp/big /srv/big`);
    const sum = (await run('sha256sum /tmp/big')).split(' ')[0];
    const begin = performance.now();
    const { digest } = await getHttp(lab.stack, ADDRESS.guest, '/big');
    report(card, 'guest to stack', begin, size);
    await run('rm /tmp/big');
    expect(digest).toBe(`${size}-${sum}`);
  });

  test(`${size} bytes to the guest`, { timeout: 120_000 }, async () => {
    const url = `http://${ADDRESS.ours}/86/${size}`;
    const begin = performance.now();
    expect((await lab.serial.run(`wget -q -O /dev/null ${url}`)).status).toBe(0);
    report(card, 'stack to guest', begin, size);
    const sum = (await run(`wget -q -O - ${url} | sha256sum`)).split(' ')[0];
    expect(`${size}-${sum}`).toBe(digestOf(86, size));
  });

  test('the guest loses, delays and reorders what it sends', { timeout: 120_000 }, async () => {
    await run(
      'dd if=/tmp/random of=/tmp/small bs=64k count=8 2>/dev/null; ln -s /tmp/small /srv/small',
    );
    const sum = (await run('sha256sum /tmp/small')).split(' ')[0];
    const netem = '/sbin/tc qdisc add dev eth0 root netem delay 5ms loss 2% reorder 25% 50%';
    expect((await lab.serial.run(netem)).status).toBe(0);
    const { digest } = await getHttp(lab.stack, ADDRESS.guest, '/small');
    const back = await run(`wget -q -O - http://${ADDRESS.ours}/7/1000000 | sha256sum`);
    await run('/sbin/tc qdisc del dev eth0 root');
    expect(digest).toBe(`${8 * 65_536}-${sum}`);
    expect(`1000000-${back.split(' ')[0]}`).toBe(digestOf(7, 1e6));
  });
});

/** A figure for readers of the log; rough, since the machine may be busy. */
function report(
  { type, mtu }: { type: string; mtu: number },
  what: string,
  begin: number,
  size: number,
): void {
  const ms = performance.now() - begin;
  console.log(`${type}, MTU ${mtu}, ${what}: ${(size / ms / 125).toFixed(0)} Mbit/s (rough)`);
}

test('the walk-through of the README', { timeout: BOOT }, async () => {
  const { emulator, serial } = await openV86(testScope(), VIRTIO);
  const stack = await createStack();
  const tapInterface = await stack.createTapInterface({
    mac: '02:23:45:67:89:ab',
    ip: '192.168.1.1/24',
  });
  const vmNic = createV86NetworkStream(emulator);

  // Forward frames between the tap interface and the VM's NIC
  const pipes = [
    tapInterface.readable.pipeTo(vmNic.writable),
    vmNic.readable.pipeTo(tapInterface.writable),
  ];

  const connection = await stack.connectTcp({
    host: '192.168.1.2',
    port: 80,
  });
  const writer = connection.writable.getWriter();
  await writer.write(bytes('GET / HTTP/1.0\r\n\r\n'));
  let page = '';
  for await (const chunk of connection) page += text(chunk);
  expect(page).toContain('Hello from Linux in v86');

  const listener = await stack.listenTcp({
    port: 80,
  });
  const got = serial.run('echo hello | nc 192.168.1.1 80');
  const accepted = await listener.accept();
  let sent = '';
  const reader = accepted.readable.getReader();
  while (!sent.endsWith('\n')) sent += text((await reader.read()).value ?? new Uint8Array());
  expect(sent).toBe('hello\n');
  await accepted.close();
  expect((await got).status).toBe(0);
  await stack.close();
  await vmNic.close();
  await Promise.allSettled(pipes);
});

test('the guest answers pings', { timeout: BOOT }, async () => {
  const { emulator } = await openV86(testScope(), VIRTIO);
  const card = createV86NetworkStream(emulator);
  await pingGuest(card, ADDRESS.guest, '192.168.1.77', 1472);
  await card.close();
});

test('a state that is saved goes on in another emulator with its connections', {
  timeout: BOOT,
}, async () => {
  const scope = testScope();
  const first = await openV86(scope, VIRTIO);
  const stack = await openStack(scope);
  const tap = await stack.createTapInterface({ ip: `${ADDRESS.ours}/24` });
  const card = createV86NetworkStream(first.emulator);
  const link = connect(tap, card);
  await first.serial.run(ECHO);
  const connection = await stack.connectTcp({ host: ADDRESS.guest, port: 7 });
  const writer = connection.writable.getWriter();
  const reader = connection.readable.getReader();
  expect(await echo(writer, reader, 'before')).toBe('before');
  await first.emulator.stop();
  const state = await first.emulator.save_state();
  await card.close();
  await link.closed;

  const second = await openV86(scope, { ...VIRTIO, state });
  connect(tap, createV86NetworkStream(second.emulator));
  expect(await echo(writer, reader, 'after')).toBe('after');
  await connection.close();
});

test('two guests and a stack on one network', { timeout: BOOT }, async () => {
  const scope = testScope();
  const one = await openV86(scope, VIRTIO);
  const other = await openV86(scope, VIRTIO);
  expect((await other.serial.run(BECOME_THE_OTHER)).status).toBe(0);
  const stack = await openStack(scope);
  const tap = await stack.createTapInterface({ ip: `${ADDRESS.ours}/24` });
  const network = hub(
    tap,
    createV86NetworkStream(one.emulator),
    createV86NetworkStream(other.emulator),
  );
  scope.defer(() => network.close());
  const from = await one.serial.run(`wget -q -O - http://${ADDRESS.other}/`);
  expect(from.output).toContain('Hello from Linux in v86');
  for (const host of [ADDRESS.guest, ADDRESS.other]) {
    expect((await getHttp(stack, host, '/')).status).toBe(200);
  }
  await serveHttp(stack);
  const results = await Promise.all(
    [one, other].map(({ serial }) =>
      serial.run(`wget -q -O - http://${ADDRESS.ours}/5/1000000 | sha256sum`),
    ),
  );
  for (const { output } of results) {
    expect(`1000000-${output.split(' ')[0]}`).toBe(digestOf(5, 1e6));
  }
});

// v86 panics when Debian's SeaBIOS starts a second time in it, so a state of the boot stands for one.
test('the guest begins anew while it is connected', { timeout: BOOT }, async () => {
  const scope = testScope();
  const { emulator, serial } = await openV86(scope, VIRTIO);
  const stack = await openStack(scope);
  await connectV86(stack, emulator, { ip: `${ADDRESS.ours}/24` });
  await serial.run(ECHO);
  const connection = await stack.connectTcp({ host: ADDRESS.guest, port: 7 });
  const writer = connection.writable.getWriter();
  const reader = connection.readable.getReader();
  expect(await echo(writer, reader, 'before')).toBe('before');
  await emulator.stop();
  const { buffer } = new Uint8Array(readFileSync(await buildState(VIRTIO)));
  await emulator.restore_state(buffer);
  await emulator.run();
  // The guest knows nothing of the connection any more, and says so.
  writer.write(bytes('anybody?')).catch(() => {});
  await expect(reader.read()).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect((await getHttp(stack, ADDRESS.guest, '/')).status).toBe(200);
});
