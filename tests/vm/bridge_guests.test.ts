// SPDX-License-Identifier: MIT
// bridge_guests.test - two guests in v86 and two in QEMU on one network: a bridge of a stack, then a switch
//
// The guests boot once, and have no addresses until DHCP gives them some. Those in v86 run in the thread of the bridge.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStack, type NetworkInterface, type NetworkStack } from 'ringstack';
import { createDhcp, type DhcpServer } from 'ringstack/dhcp';
import { createSwitch, type LinkEndpoint } from 'ringstack/link';
import { listenQemu } from 'ringstack/qemu';
import { createV86NetworkStream } from 'ringstack/v86';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildState } from '../../tools/guest/v86_guest.mjs';
import { QEMU, startQemu } from './lib/guest.ts';
import { getHttp, serveHttp } from './lib/http.ts';
import { lacksGuest, lacksProgram, needs } from './lib/need.ts';
import { digestOf } from './lib/payload.ts';
import { Scope } from './lib/scope.ts';
import { openV86 } from './lib/v86.ts';

const VIRTIO = { type: 'virtio', mtu: 1500 } as const;
const OURS = '10.79.0.1';
const BOOT = 300_000;

/** Takes the address of a lease, and nothing else. */
const LEASE =
  'printf \'#!/bin/sh\\n[ "$1" != bound ] || ip addr add $ip/24 dev eth0\\n\' >/tmp/lease; chmod 755 /tmp/lease';
/** Asks by broadcast, once a second, at most 60 times. */
const ASK = 'ip addr flush dev eth0; udhcpc -i eth0 -n -q -f -T 1 -t 60 -s /tmp/lease 2>&1';

interface LanGuest {
  readonly name: string;
  readonly card: LinkEndpoint;
  readonly mac: string;
  /** Runs a command of its shell. Fails unless its status is 0. */
  run(command: string): Promise<string>;
  /** Set when it has an address. */
  ip: string;
}

/** A guest in v86 with a MAC address of its own: all of them come from one state. */
async function openV86Guest(scope: Scope, n: number): Promise<LanGuest> {
  const { emulator, serial } = await openV86(scope, VIRTIO);
  const run = async (command: string): Promise<string> => {
    const { output, status } = await serial.run(command);
    if (status !== 0) throw new Error(`'${command}' of v86 ended with ${status}:\n${output}`);
    return output;
  };
  const mac = `02:00:00:00:86:0${n}`;
  await run(`ip link set eth0 down; ip link set eth0 address ${mac}; ip link set eth0 up`);
  return { name: `v86-${n}`, card: createV86NetworkStream(emulator), mac, run, ip: '' };
}

async function openQemuGuest(scope: Scope, n: number): Promise<LanGuest> {
  const path = join(tmpdir(), `ringstack-lan-${process.pid}-${n}`);
  const listener = await listenQemu({ path, mtu: 1500 });
  scope.defer(() => listener.close());
  const mac = `52:54:00:00:00:0${n}`;
  const netdev = `stream,id=n,server=off,addr.type=unix,addr.path=${path}`;
  const guest = startQemu(scope, 1500, netdev, mac);
  const card = await listener.accept();
  await guest.ready();
  await guest.run('ip link set eth0 up; mkdir -p /srv; httpd -h /srv');
  return { name: `qemu-${n}`, card, mac, run: (command) => guest.run(command), ip: '' };
}

/** A network with the stack on it. */
interface Lan {
  readonly iface: NetworkInterface;
  /** Its forwarding table: names of ports by MAC address. */
  table(): Record<string, string>;
  close(): Promise<void>;
}

const namesOf = (table: Iterable<{ mac: string; port: { name: string } }>) =>
  Object.fromEntries([...table].map(({ mac, port }) => [mac, port.name]));

const LANS = {
  async bridge(stack: NetworkStack, guests: readonly LanGuest[]): Promise<Lan> {
    const iface = await stack.createBridgeInterface({ ip: `${OURS}/24` });
    for (const { name, card } of guests) await iface.addPort(card, { name, guarded: false });
    const close = (): Promise<void> => stack.removeInterface(iface);
    return { iface, table: () => namesOf(iface.forwardingTable()), close };
  },
  async switch(stack: NetworkStack, guests: readonly LanGuest[]): Promise<Lan> {
    const network = await createSwitch();
    const iface = await stack.createTapInterface({ ip: `${OURS}/24` });
    network.plug(iface, { name: 'stack' });
    for (const { name, card } of guests) network.plug(card, { name });
    const close = async (): Promise<void> => {
      await network.close();
      await stack.removeInterface(iface);
    };
    return { iface, table: () => namesOf(network.forwardingTable()), close };
  },
};

const why = lacksProgram(QEMU) ?? lacksGuest('guest', 'the guest');
const scope = new Scope();
let guests: LanGuest[] = [];
let stack: NetworkStack;

beforeAll(async () => {
  if (why) return;
  await buildState(VIRTIO);
  stack = await createStack({ engine: 'inline' });
  scope.defer(() => stack.close());
  await serveHttp(stack);
  guests = await Promise.all([1, 2].map((n) => openQemuGuest(scope, n)));
  for (const n of [3, 4]) guests.push(await openV86Guest(scope, n));
  for (const { run } of guests) await run(LEASE);
}, BOOT);
afterAll(() => scope.close());
beforeEach((context) => needs(why, context));

/** Every guest with every other one. */
const pairs = (): [LanGuest, LanGuest][] =>
  guests.flatMap((one) => guests.filter((other) => other !== one).map((other) => [one, other])) as [
    LanGuest,
    LanGuest,
  ][];

/** The checksum in what `sha256sum` printed; a shell may have printed its prompt before it. */
const sumIn = (output: string): string | undefined => /[0-9a-f]{64}/.exec(output)?.[0];

/** A file of random bytes that a guest serves, and its checksum. */
async function makeFile({ run }: LanGuest, size: number): Promise<string | undefined> {
  await run(`dd if=/dev/urandom of=/tmp/file bs=${size} count=1 2>/dev/null`);
  await run('[ -e /srv/file ] || ln -s /tmp/file /srv/file');
  return sumIn(await run('sha256sum /tmp/file'));
}

describe.each(['bridge', 'switch'] as const)(
  'on a %s, two guests in v86 and two in QEMU',
  (kind) => {
    let lan: Lan;
    let server: DhcpServer;

    beforeAll(async () => {
      if (why) return;
      lan = await LANS[kind](stack, guests);
    });
    afterAll(async () => {
      await server?.close();
      await lan?.close();
    });

    test('get addresses of our DHCP server by broadcast', { timeout: 120_000 }, async () => {
      const { serve } = await createDhcp(stack);
      server = await serve({
        interface: lan.iface,
        leaseRange: { start: '10.79.0.10', end: '10.79.0.20' },
      });
      await Promise.all(
        guests.map(async (guest) => {
          const [, ip = ''] = /lease of (\S+) obtained/.exec(await guest.run(ASK)) ?? [];
          guest.ip = ip;
        }),
      );
      expect(new Set(guests.map(({ ip }) => ip)).size).toBe(4);
      for (const { ip, mac } of guests) expect(server.leases.get(mac)?.ip).toBe(ip);
      const expected = Object.fromEntries(guests.map(({ mac, name }) => [mac, name]));
      expect(lan.table()).toMatchObject(expected);
    });

    test('ping each other and the stack, and are pinged', { timeout: 120_000 }, async () => {
      for (const [one, other] of pairs()) {
        const ping = await one.run(`ping -c 3 -i 0.1 -W 10 -s 1400 ${other.ip}`);
        expect(ping).toContain(' 0% packet loss');
      }
      for (const { run, ip } of guests) {
        expect(await run(`ping -c 3 -i 0.1 -W 10 ${OURS}`)).toContain(' 0% packet loss');
        const session = await stack.createPingSession({ host: ip, timeout: 10_000 });
        await session.ping();
        await session.close();
      }
    });

    test('carry TCP between all of them, checked by its digest', { timeout: 240_000 }, async () => {
      const size = 1_000_000;
      const sums = new Map<LanGuest, string | undefined>();
      for (const guest of guests) sums.set(guest, await makeFile(guest, size));
      for (const [one, other] of pairs()) {
        const got = await one.run(`wget -q -O - http://${other.ip}/file | sha256sum`);
        expect(`${one.name} of ${other.name}: ${sumIn(got)}`).toBe(
          `${one.name} of ${other.name}: ${sums.get(other)}`,
        );
      }
    });

    test('all exchange TCP with the stack at a time', { timeout: 240_000 }, async () => {
      const size = 2_000_000;
      await Promise.all(
        guests.map(async ({ run, ip }, seed) => {
          const got = await run(`wget -q -O - http://${OURS}/${seed}/${size} | sha256sum`);
          expect(`${size}-${sumIn(got)}`).toBe(digestOf(seed, size));
          const sum = sumIn(await run('sha256sum /tmp/file'));
          expect((await getHttp(stack, ip, '/file')).digest).toBe(`1000000-${sum}`);
        }),
      );
    });

    test('those in QEMU run iperf3', { timeout: 120_000 }, async (context) => {
      const [one, other] = guests as [LanGuest, LanGuest];
      await one.run(
        '(iperf3 -s -1 -D >/dev/null 2>&1); until netstat -ltn | grep -q :5201; do :; done',
      );
      const result = await other.run(`iperf3 -c ${one.ip} -t 2 -J`);
      const { sum_received: received, sum_sent: sent } = JSON.parse(
        result.slice(result.indexOf('{')),
      ).end;
      expect(sent.bytes).toBeGreaterThan(1_000_000);
      expect(received.bytes).toBeGreaterThan(1_000_000);
      context.task.meta.figure = `${Math.round(received.bits_per_second / 1e6)} Mbit/s`;
    });

    test('get addresses of a DHCP server in one of them', { timeout: 120_000 }, async () => {
      await server.close();
      const [one, ...others] = guests as [LanGuest, ...LanGuest[]];
      await one.run('ip addr flush dev eth0; ip addr add 10.79.0.2/24 dev eth0');
      const lines = ['start 10.79.0.100', 'end 10.79.0.110', 'interface eth0', 'lease_file /tmp/l'];
      await one.run(
        `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} >/tmp/udhcpd.conf`,
      );
      await one.run(
        'touch /tmp/l; (udhcpd -f /tmp/udhcpd.conf >/dev/null 2>&1 & echo $! >/tmp/pid)',
      );
      for (const other of others) {
        const [, ip = ''] = /lease of (\S+) obtained/.exec(await other.run(ASK)) ?? [];
        expect(ip).toMatch(/^10\.79\.0\.1(0\d|10)$/);
        expect(await other.run('ping -c 2 -i 0.1 -W 10 10.79.0.2')).toContain(' 0% packet loss');
      }
      await one.run('kill $(cat /tmp/pid)');
    });
  },
);
