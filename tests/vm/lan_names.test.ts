// SPDX-License-Identifier: MIT
// lan_names.test - guests in QEMU, User-mode Linux and v86 on one network of ours: addresses of both families, names
//
// Nothing is set up in the guests: their kernels take router advertisements, and busybox's udhcpc takes a lease.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinkEndpoint } from 'ringstack/link';
import { createNetwork, type VirtualNetwork } from 'ringstack/network';
import { listenQemu } from 'ringstack/qemu';
import { createV86NetworkStream } from 'ringstack/v86';
import { afterAll, beforeAll, beforeEach, describe, expect, type TestContext, test } from 'vitest';
import { buildState } from '../../tools/guest/v86_guest.mjs';
import { QEMU, startQemu } from './lib/guest.ts';
import { lacksGuest, lacksProgram, needs, skipIf } from './lib/need.ts';
import { Scope } from './lib/scope.ts';
import { openUml, UML_FAULT } from './lib/uml.ts';
import { openV86 } from './lib/v86.ts';

const BOOT = 300_000;
const LONG = 120_000;
const V86_CARD = { type: 'virtio', mtu: 1500 } as const;
const NAMES = ['qemu', 'uml', 'v86'] as const;
type Name = (typeof NAMES)[number];

/** udhcpc runs it: address, router and name server of the lease. */
const SCRIPT = [
  '#!/bin/sh',
  '[ "$1" = bound ] || exit 0',
  'ip addr add $ip/$mask dev $interface; ip route add default via $router',
  'echo "search $search" >/etc/resolv.conf; echo "nameserver $dns" >>/etc/resolv.conf',
];

/** A guest that has booted. */
interface Member {
  readonly device: string;
  readonly card: LinkEndpoint;
  /** Runs a command of its shell; fails unless its status is 0. */
  run(command: string): Promise<string>;
}

async function openQemu(scope: Scope): Promise<Member> {
  const path = join(tmpdir(), `ringstack-names-${process.pid}`);
  const listener = await listenQemu({ path, mtu: 1500 });
  scope.defer(() => listener.close());
  const netdev = `stream,id=n,server=off,addr.type=unix,addr.path=${path}`;
  const guest = startQemu(scope, 1500, netdev, '52:54:00:00:00:01');
  const card = await listener.accept();
  await guest.ready();
  return { device: guest.device, card, run: (command) => guest.run(command) };
}

async function openUmlGuest(scope: Scope): Promise<Member> {
  const { guest, card } = await openUml(scope, 1500, '52:54:00:00:00:02');
  await guest.ready();
  return { device: guest.device, card, run: (command) => guest.run(command) };
}

async function openV86Guest(scope: Scope): Promise<Member> {
  await buildState(V86_CARD);
  const { emulator, serial } = await openV86(scope, V86_CARD);
  const run = async (command: string): Promise<string> => {
    const { output, status } = await serial.run(command);
    if (status !== 0) throw new Error(`v86's '${command}' ended with ${status}:\n${output}`);
    return output;
  };
  await run('ip addr flush dev eth0; ip link set eth0 down');
  return { device: 'eth0', card: createV86NetworkStream(emulator), run };
}

const KINDS: Record<Name, { why?: string | undefined; open(scope: Scope): Promise<Member> }> = {
  qemu: { why: lacksProgram(QEMU) ?? lacksGuest('guest', 'the guest'), open: openQemu },
  uml: { why: lacksGuest('uml', 'User-mode Linux'), open: openUmlGuest },
  v86: { open: openV86Guest },
};

describe('guests of one network', () => {
  const scope = new Scope();
  const members = new Map<Name, Member>();
  /** Why a guest cannot boot on this machine. */
  const faults = new Map<Name, string>();
  let net: VirtualNetwork;

  beforeAll(async () => {
    net = await createNetwork({ cidr: '10.79.0.0/24', domain: 'lan' });
    scope.defer(() => net.close());
    for (const name of NAMES) {
      if (KINDS[name].why) continue;
      try {
        const member = await KINDS[name].open(scope);
        members.set(name, member);
        net.plug(member.card, { name });
      } catch (error) {
        const found = UML_FAULT.exec((error as Error).message);
        if (name !== 'uml' || !found) throw error;
        faults.set(name, `cannot boot on this processor: ${found[0]}`);
      }
    }
  }, BOOT);
  beforeEach((context) => {
    for (const { why } of Object.values(KINDS)) needs(why, context);
  });
  afterAll(() => scope.close());

  /** A guest; skips the test without it. */
  function memberOf(name: Name, context: TestContext): Member {
    skipIf(faults.get(name), context);
    return members.get(name) as Member;
  }
  const others = (name: Name): Name[] => [...members.keys()].filter((other) => other !== name);

  /** The address that the kernel of a guest made of our advertisement; waits for it. */
  async function slaacOf({ device, run }: Member): Promise<string> {
    const show = `ip -6 addr show dev ${device} scope global`;
    const ready = `${show} | grep -v tentative | grep fd00`;
    const out = await run(`for i in $(seq 120); do ${ready} && break; usleep 250000; done`);
    return /inet6 (fd00:5253:[\da-f:]+)\/64/.exec(out)?.[1] ?? out;
  }

  test.for(NAMES)('%s: a lease, with its name', { timeout: LONG }, async (name, context) => {
    const { device, run } = memberOf(name, context);
    await run('mkdir -p /etc /tmp');
    for (const line of SCRIPT) await run(`echo '${line}' >>/tmp/lease`);
    await run('chmod 755 /tmp/lease');
    // Without frames before that: the kernel's solicitations follow when the interface is up.
    await run(`ip link set ${device} up`);
    await run(
      `udhcpc -i ${device} -n -q -f -T 1 -t 60 -O search -x hostname:${name} -s /tmp/lease`,
    );
    const ip = net.addressOf(name);
    expect(ip).toMatch(/^10\.79\.0\.\d+$/);
    expect(await run(`ip -4 addr show dev ${device}`)).toContain(`inet ${ip}/24`);
    expect(await run('cat /etc/resolv.conf')).toContain('search lan\nnameserver 10.79.0.1\n');
  });

  test.for(NAMES)(
    '%s: an address and a router by advertisement',
    { timeout: LONG },
    async (name, context) => {
      const member = memberOf(name, context);
      expect(await slaacOf(member)).toMatch(/^fd00:5253:/);
      const routes = await member.run('ip -6 route show default');
      expect(routes).toMatch(new RegExp(`default via fe80:\\S+ dev ${member.device}`));
    },
  );

  test.for(NAMES)(
    '%s: finds the others by name, and pings them',
    { timeout: LONG },
    async (name, context) => {
      const { run } = memberOf(name, context);
      for (const other of others(name)) {
        const ip = net.addressOf(other);
        // A short name along the search list, and the whole one.
        for (const host of [other, `${other}.lan`]) {
          const printed = await run(`ping -4 -c 1 -w 20 ${host}`);
          expect(printed).toContain(`PING ${host} (${ip})`);
          expect(printed).toContain(' 0% packet loss');
        }
        const answer = await run(`nslookup ${other}.lan`);
        expect(answer).toMatch(new RegExp(`Name:\\s+${other}\\.lan\\s+Address`));
        expect(answer).toContain(`: ${ip}`);
      }
      for (const [family, ip] of Object.entries({ 4: '10.79.0.1', 6: 'fd00:5253::1' })) {
        const printed = await run(`ping -${family} -c 1 -w 20 gateway`);
        expect(printed).toContain(`PING gateway (${ip})`);
      }
    },
  );

  /** The IPv6 addresses that a guest was found to have; waits for them. */
  async function foundOf(name: Name): Promise<readonly string[]> {
    for (;;) {
      const guest = [...net.guests()].find((one) => one.name === name);
      if (guest?.ipv6Addresses.length) return guest.ipv6Addresses;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  test.for(NAMES)(
    '%s: finds the others by name over IPv6, and pings them',
    { timeout: LONG },
    async (name, context) => {
      const { run } = memberOf(name, context);
      for (const other of others(name)) {
        const address = await slaacOf(members.get(other) as Member);
        expect(await foundOf(other)).toEqual([address]);
        for (const host of [other, `${other}.lan`]) {
          const printed = await run(`ping -6 -c 1 -w 20 ${host}`);
          expect(printed).toContain(`PING ${host} (${address})`);
          expect(printed).toContain(' 0% packet loss');
        }
        expect(await run(`nslookup ${other}.lan`)).toContain(address);
      }
    },
  );

  test.for(NAMES)('%s: we find it by name', async (name, context) => {
    memberOf(name, context);
    for (const host of [name, `${name}.lan`]) {
      const session = await net.stack.createPingSession({ host, timeout: 20_000 });
      expect(session.host).toBe(net.addressOf(name));
      await session.ping();
      await session.close();
    }
  });
});
