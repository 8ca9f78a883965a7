// SPDX-License-Identifier: MIT
// wireguard_kernel.test - our WireGuard interfaces and that of the Linux kernel, in a QEMU guest

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStack, type NetworkStack, type TapInterface, type UdpSocket } from 'ringstack';
import { connect, type Link } from 'ringstack/link';
import { listenQemu, type SessionEndpoint } from 'ringstack/qemu';
import {
  createWireGuard,
  generateKey,
  generatePresharedKey,
  publicKey,
  type WireGuardInterface,
  type WireGuardOptions,
} from 'ringstack-wireguard';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { serveIperf3 } from '../../bench/lib/iperf3_server.mjs';
import { buildIcmp } from '../../js/codec/icmp.ts';
import { buildIpv4, IP_PROTOCOL, parseIpv4 } from '../../js/codec/ip.ts';
import { GUEST, type Guest, QEMU, startQemu } from './lib/guest.ts';
import { getHttp, serveHttp } from './lib/http.ts';
import { digestIn } from './lib/linux_guest.ts';
import { lacksGuest, lacksProgram, needs } from './lib/need.ts';
import { digestOf } from './lib/payload.ts';
import { RawTransport } from './lib/raw_transport.ts';
import { Scope } from './lib/scope.ts';

const why = lacksProgram(QEMU) ?? lacksProgram('wg') ?? lacksGuest('guest', 'the guest of QEMU');

/** Outside of the tunnel and in it, by family. */
const OUTER = {
  4: { guest: GUEST.ip, ours: GUEST.ours },
  6: { guest: 'fd79::1', ours: 'fd79::2' },
} as const;
const TUNNEL = {
  4: { guest: '10.9.0.1', ours: '10.9.0.2' },
  6: { guest: 'fd09::1', ours: 'fd09::2' },
} as const;
/** Bytes of a transfer: the processor of the guest is emulated, 10 to 20 Mbit/s pass. */
const SIZE = 3_000_000;

interface Lab {
  readonly guest: Guest;
  readonly outer: NetworkStack;
  readonly tap: TapInterface;
  readonly card: SessionEndpoint;
  link: Link;
}

const scope = new Scope();
let lab: Lab;
const run = (...commands: string[]): Promise<string> => lab.guest.run(commands.join(' && '));

beforeEach((context) => needs(why, context));
beforeAll(async () => {
  if (why !== undefined) return;
  const outer = await createStack({ engine: 'inline' });
  scope.defer(() => outer.close());
  const ip = [`${OUTER[4].ours}/24`, `${OUTER[6].ours}/64`];
  const tap = await outer.createTapInterface({ ip, mtu: 1500 });
  const path = join(tmpdir(), `ringstack-wg-${process.pid}`);
  const listener = await listenQemu({ path, mtu: 1500 });
  scope.defer(() => listener.close());
  const netdev = `stream,id=n,server=off,addr.type=unix,addr.path=${path}`;
  const guest = startQemu(scope, 1500, netdev);
  const card = await listener.accept();
  lab = { guest, outer, tap, card, link: connect(tap, card) };
  await guest.boot(1500);
  await run(
    'load-wireguard',
    `ip addr add ${OUTER[6].guest}/64 dev eth0`,
    'mkdir -p /www && httpd -h /www',
    `dd if=/dev/urandom of=/www/f.bin bs=${SIZE} count=1 2>/dev/null`,
    'sysctl -qw net.ipv4.tcp_ecn=1',
  );
}, 180_000);
afterAll(() => scope.close());

interface TunnelOptions {
  readonly opener?: 'ours' | 'theirs';
  readonly outer?: 4 | 6;
  readonly presharedKey?: string;
  readonly transport?: object;
  readonly ours?: Partial<WireGuardOptions>;
  readonly engine?: 'inline' | 'worker';
}

interface Tunnel {
  readonly stack: NetworkStack;
  readonly wg: WireGuardInterface;
  /** Public key of the guest. */
  readonly theirKey: string;
}

/** A WireGuard interface of the guest and one of ours, until the running test ends. */
async function open(options: TunnelOptions = {}): Promise<Tunnel> {
  const { opener = 'ours', outer = 4, presharedKey, engine = 'inline' } = options;
  const [ourKey, theirKey] = [generateKey(), generateKey()];
  const at = (host: string): string => (outer === 6 ? `[${host}]:51820` : `${host}:51820`);
  const allowed = `${TUNNEL[4].ours}/32,${TUNNEL[6].ours}/128`;
  const secret = presharedKey === undefined ? '' : 'preshared-key /tmp/psk';
  const endpoint = opener === 'theirs' ? `endpoint ${at(OUTER[outer].ours)}` : '';
  await run(
    `echo ${theirKey} >/tmp/key`,
    `echo ${presharedKey ?? ''} >/tmp/psk`,
    'ip link add wg0 type wireguard',
    'wg set wg0 private-key /tmp/key listen-port 51820',
    `wg set wg0 peer ${await publicKey(ourKey)} allowed-ips ${allowed} ${secret} ${endpoint}`,
    `ip addr add ${TUNNEL[4].guest}/24 dev wg0`,
    `ip addr add ${TUNNEL[6].guest}/64 dev wg0`,
    'ip link set wg0 mtu 1420 up',
  );
  const stack = await createStack({ engine, forwarding: true });
  const socket: UdpSocket | undefined = options.transport
    ? undefined
    : await lab.outer.openUdp({ port: 51820 });
  const wg = await createWireGuard(stack, {
    privateKey: ourKey,
    ip: [`${TUNNEL[4].ours}/24`, `${TUNNEL[6].ours}/64`],
    transport: (options.transport ?? socket) as object,
    peers: [
      {
        publicKey: await publicKey(theirKey),
        allowedIps: [`${TUNNEL[4].guest}/32`, `${TUNNEL[6].guest}/128`],
        ...(opener === 'ours' ? { endpoint: at(OUTER[outer].guest) } : {}),
        ...(presharedKey === undefined ? {} : { presharedKey }),
      },
    ],
    ...options.ours,
  });
  onTestFinished(async () => {
    await stack.close();
    await wg.closed;
    await socket?.close();
    await run('ip link del wg0');
  });
  return { stack, wg, theirKey: await publicKey(theirKey) };
}

/** A document each way, hashes compared; the first packet is ours. */
async function transfer({ stack }: Tunnel, family: 4 | 6 = 4, size = SIZE): Promise<void> {
  const { guest, ours } = TUNNEL[family];
  const theirs = await run(`head -c ${size} /www/f.bin >/www/g.bin`, 'sha256sum /www/g.bin');
  expect((await getHttp(stack, guest, '/g.bin')).digest).toBe(digestIn(theirs, size));
  const listener = await serveHttp(stack);
  const url = `http://${family === 6 ? `[${ours}]` : ours}/3/${size}`;
  const sum = await run(`wget -q -O - ${url} | sha256sum`);
  expect(digestIn(sum, size)).toBe(digestOf(3, size));
  await listener.close();
}

/** The guest pings us. */
const ping = async (host: string, ...options: string[]): Promise<void> =>
  expect(await run(`ping -c 3 -i 0.2 -W 10 ${options.join(' ')} ${host}`)).toContain(
    ' 0% packet loss',
  );

/** Nothing was dropped for a reason that only a defect has. */
function isClean({ wg }: Tunnel): void {
  const { malformed, mac, unauthentic, notAllowed, noPeer, load } = wg.statistics.dropped;
  const counts = { malformed, mac, unauthentic, notAllowed, noPeer, load };
  expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([]);
}

const SLOW = 120_000;

describe("the kernel's WireGuard", () => {
  for (const opener of ['ours', 'theirs'] as const) {
    for (const outer of [4, 6] as const) {
      test(`TCP both ways and pings, over IPv${outer}, handshake by ${opener}`, {
        timeout: SLOW,
      }, async () => {
        const tunnel = await open({ opener, outer });
        if (opener === 'theirs') await ping(TUNNEL[4].ours);
        await transfer(tunnel, 4);
        await transfer(tunnel, 6, 500_000);
        await ping(TUNNEL[4].ours, '-s', '1392');
        await ping(TUNNEL[6].ours, '-s', '1372');
        isClean(tunnel);
        expect(tunnel.wg.peers()[0]?.endpoint).toEqual({ host: OUTER[outer].guest, port: 51820 });
        expect(await run('wg show wg0 endpoints')).toContain(OUTER[outer].ours);
        const { initiations, responses } = tunnel.wg.statistics;
        expect([initiations, responses]).toEqual(opener === 'ours' ? [1, 0] : [0, 1]);
      });
    }
  }

  test('iperf3 to us and from us', { timeout: SLOW }, async () => {
    const tunnel = await open();
    await transfer(tunnel, 4, 10_000);
    const listener = await tunnel.stack.listenTcp({ port: 5201 });
    const serving = serveIperf3(listener);
    for (const way of ['', '-R']) {
      const result = await run(`iperf3 -J -t 2 -c ${TUNNEL[4].ours} ${way}`);
      const { error, end } = JSON.parse(result.slice(result.indexOf('{')));
      expect(error).toBeUndefined();
      expect(end.sum_received.bytes).toBeGreaterThan(100_000);
    }
    await listener.close();
    await serving;
    isClean(tunnel);
  });

  test('a preshared key on both sides, a stack in a thread of its own', {
    timeout: SLOW,
  }, async () => {
    const presharedKey = generatePresharedKey();
    const tunnel = await open({ presharedKey, engine: 'worker' });
    await transfer(tunnel, 4, 500_000);
    expect(await run('wg show wg0 preshared-keys')).toContain(presharedKey);
    isClean(tunnel);
  });

  test('another preshared key: no session', { timeout: SLOW }, async () => {
    const tunnel = await open({ presharedKey: generatePresharedKey() });
    await run(`wg set wg0 peer ${tunnel.wg.publicKey} preshared-key /dev/null`);
    const connecting = tunnel.stack.connectTcp({ host: TUNNEL[4].guest, port: 80, timeout: 1000 });
    await expect(connecting).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(tunnel.wg.statistics.dropped.unauthentic).toBeGreaterThan(0);
  });

  test('it moves to another port and address, and we follow; then we move', {
    timeout: SLOW,
  }, async () => {
    const tunnel = await open();
    await transfer(tunnel, 4, 50_000);
    await run('wg set wg0 listen-port 4444');
    await ping(TUNNEL[4].ours);
    expect(tunnel.wg.peers()[0]?.endpoint).toEqual({ host: OUTER[4].guest, port: 4444 });
    // To another family: it is told where we are there, and sends from there.
    await run(`wg set wg0 peer ${tunnel.wg.publicKey} endpoint [${OUTER[6].ours}]:51820`);
    await ping(TUNNEL[4].ours);
    expect(tunnel.wg.peers()[0]?.endpoint).toEqual({ host: OUTER[6].guest, port: 4444 });
    await transfer(tunnel, 4, 50_000);
    // We move: the same socket sends from another address.
    await tunnel.wg.setPeer({ publicKey: tunnel.theirKey, endpoint: `${OUTER[4].guest}:4444` });
    await lab.tap.addAddress('10.79.0.3/24'); // in the place of the other one
    onTestFinished(() => lab.tap.addAddress(`${OUTER[4].ours}/24`));
    await transfer(tunnel, 4, 50_000);
    expect(await run('wg show wg0 endpoints')).toContain('10.79.0.3:51820');
  });

  test('new keys every 3 s of a clock that runs forty times as fast, while TCP goes on', {
    timeout: SLOW,
  }, async () => {
    const tunnel = await open({ ours: { now: () => performance.now() * 40 } });
    const start = performance.now();
    while (performance.now() - start < 12_000) await transfer(tunnel, 4, 400_000);
    expect(tunnel.wg.statistics.initiations).toBeGreaterThanOrEqual(3);
    isClean(tunnel);
  });

  test('its key changes, and we know the new one: a new session', { timeout: SLOW }, async () => {
    const tunnel = await open();
    await transfer(tunnel, 4, 10_000);
    const key = generateKey();
    await run(`echo ${key} >/tmp/key`, 'wg set wg0 private-key /tmp/key');
    await tunnel.wg.removePeer(tunnel.theirKey);
    await tunnel.wg.setPeer({
      publicKey: await publicKey(key),
      allowedIps: [TUNNEL[4].guest],
      endpoint: `${OUTER[4].guest}:51820`,
    });
    await transfer(tunnel, 4, 10_000);
  });

  test('marks of congestion pass both ways, for a host that is routed behind us', {
    timeout: SLOW,
  }, async () => {
    await lab.link.close();
    onTestFinished(() => {
      lab.link = connect(lab.tap, lab.card);
    });
    const mac = '02:00:00:00:00:79';
    const transport = new RawTransport(
      lab.card,
      { mac, ip: OUTER[4].ours, port: 51820 },
      { mac: GUEST.mac, ip: OUTER[4].guest, port: 51820 },
    );
    await run(`arp -s ${OUTER[4].ours} ${mac}`);
    onTestFinished(async () => void (await run(`arp -d ${OUTER[4].ours}`)));
    const { stack, wg } = await open({ transport });
    const host = await stack.createTunInterface({ ip: '10.8.0.1/24' });
    const [reader, writer] = [host.readable.getReader(), host.writable.getWriter()];
    const both = `${TUNNEL[4].ours}/32,10.8.0.0/24`;
    await run(
      `wg set wg0 peer ${wg.publicKey} allowed-ips ${both}`,
      'ip route add 10.8.0.0/24 dev wg0',
    );

    /** The bits of a ping of the host, and of the answer, which has them from the ping. */
    async function ping(trafficClass: number): Promise<{ outside: number[]; answer: number }> {
      transport.sent.length = transport.received.length = 0;
      const ends = { source: '10.8.0.2', destination: TUNNEL[4].guest };
      const payload = buildIcmp({ ...ends, type: 8, body: new Uint8Array(60) });
      await writer.write(buildIpv4({ ...ends, protocol: IP_PROTOCOL.icmp, trafficClass, payload }));
      const { value } = await reader.read();
      const answer = parseIpv4(value ?? new Uint8Array());
      expect(answer?.isChecksumRight).toBe(true);
      const outside = [transport.sent.at(-1) ?? -1, transport.received.at(-1) ?? -1];
      return { outside, answer: (answer?.trafficClass ?? -1) & 3 };
    }
    const [NONE, ECT1, ECT0, CE] = [0, 1, 2, 3];
    await ping(NONE); // the handshake
    for (const ecn of [NONE, ECT1, ECT0]) {
      expect(await ping(ecn)).toEqual({ outside: [ecn, ecn], answer: ecn });
    }
    transport.markReceived = () => CE;
    expect(await ping(NONE)).toEqual({ outside: [NONE, NONE], answer: NONE });
    expect(await ping(ECT0)).toEqual({ outside: [ECT0, ECT0], answer: CE });
    expect(await ping(ECT1)).toEqual({ outside: [ECT1, ECT1], answer: CE });
    transport.markReceived = (ecn) => ecn;
    transport.markSent = () => CE;
    expect(await ping(NONE)).toEqual({ outside: [NONE, NONE], answer: NONE });
    // Linux sends a packet that has the mark as ECT(0).
    expect(await ping(ECT0)).toEqual({ outside: [ECT0, ECT0], answer: CE });
  });
});
