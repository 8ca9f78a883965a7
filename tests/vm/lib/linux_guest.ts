// SPDX-License-Identifier: MIT
// linux_guest - what every Linux guest is asked to do, however it runs and however its frames come to us

import { createStack, type NetworkStack, type TapInterface, type TcpConnection } from 'ringstack';
import { connect, type Link, type LinkEndpoint } from 'ringstack/link';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bytes, outcome, readUpTo, send, text } from '../../helpers/net.ts';
import { GUEST, type Guest } from './guest.ts';
import { getHttp, serveHttp } from './http.ts';
import { needs, skipIf } from './need.ts';
import { digestOf } from './payload.ts';
import { pingGuest } from './ping.ts';
import { Scope } from './scope.ts';

const SIZE = 50_000_000;

/** Impairments that the guest puts on what it sends. */
const NETEMS = ['delay 25ms', 'loss 2%', 'delay 5ms reorder 25%', 'duplicate 5%'];

/** A kind of guest. */
export interface LinuxGuestKind {
  /** Why it cannot be had; undefined: it can. */
  readonly why: string | undefined;
  /** Its output when it cannot boot on this machine through a fault of its own. */
  readonly ownFault?: RegExp;
  readonly mtu: number;
  /** Command that reboots it at once. @default 'reboot -f' */
  readonly reboot?: string;
  /** Starts it. `card` is the other end of its network card. */
  open(scope: Scope): Promise<{ guest: Guest; card: LinkEndpoint }>;
}

/** A guest that has booted, and a stack on its network. */
export interface LinuxLab {
  readonly guest: Guest;
  readonly stack: NetworkStack;
  readonly tap: TapInterface;
  readonly card: LinkEndpoint;
  /** Between the two. */
  link: Link;
}

/** Boots a guest. */
export async function openLab(scope: Scope, { mtu, open }: LinuxGuestKind): Promise<LinuxLab> {
  const stack = await createStack({ engine: 'inline' });
  scope.defer(() => stack.close());
  const tap = await stack.createTapInterface({ ip: `${GUEST.ours}/24`, mtu });
  const { guest, card } = await open(scope);
  const link = connect(tap, card);
  await guest.boot(mtu);
  await guest.run('mkdir -p /www && httpd -h /www');
  return { guest, stack, tap, card, link };
}

/** The checksum in what `sha256sum` printed, as a digest of a payload. */
export const digestIn = (output: string, size: number): string =>
  `${size}-${/[0-9a-f]{64}/.exec(output)?.[0]}`;

/** One connection to port 9 is echoed; done when something listens there. */
const ECHO = "(nc -l -p 9 -e cat &); until grep -q ':0009 ' /proc/net/tcp*; do usleep 10000; done";

/** Gets a lab that has been opened. */
type ToLab = () => LinuxLab;

function testReach(lab: ToLab, { mtu }: LinuxGuestKind): void {
  test('ping: the guest pings us', async () => {
    expect(await lab().guest.run(`ping -c 3 -i 0.2 -s ${mtu - 28} ${GUEST.ours}`)).toMatch(
      / 0% packet loss/,
    );
  });

  test('ping: the guest answers pings', async () => {
    const { link, tap, card } = lab();
    await link.close();
    await pingGuest(card, GUEST.ip, '10.79.0.77', mtu - 28);
    lab().link = connect(tap, card);
  });

  test('we reach the guest: its ARP answers, a port where nobody listens refuses', async () => {
    const connecting = lab().stack.connectTcp({ host: GUEST.ip, port: 4 });
    expect(await outcome(connecting)).toBe('ECONNREFUSED');
  });
}

function testHttp(lab: ToLab): void {
  test('HTTP: 50 MB of ours to the wget of the guest', { timeout: 180_000 }, async () => {
    const listener = await serveHttp(lab().stack);
    const url = `http://${GUEST.ours}/3/${SIZE}`;
    const sum = await lab().guest.run(`wget -q -O - ${url} | sha256sum`);
    expect(digestIn(sum, SIZE)).toBe(digestOf(3, SIZE));
    await listener.close();
  });

  test('HTTP: 50 MB of the httpd of the guest to us', { timeout: 180_000 }, async () => {
    const { guest, stack } = lab();
    await guest.run(`dd if=/dev/urandom of=/www/f.bin bs=1000000 count=${SIZE / 1e6} 2>/dev/null`);
    const sum = await guest.run('sha256sum /www/f.bin');
    const { status, digest } = await getHttp(stack, GUEST.ip, '/f.bin');
    expect(status).toBe(200);
    expect(digest).toBe(digestIn(sum, SIZE));
    await guest.run('rm /www/f.bin');
  });
}

function testNetem(lab: ToLab): void {
  test.for(NETEMS)('5 MB both ways, netem %s in the guest', { timeout: 120_000 }, async (netem) => {
    const { guest, stack } = lab();
    const size = 5_000_000;
    const qdisc = `dev ${guest.device} root`;
    await guest.run(`/usr/sbin/tc qdisc add ${qdisc} netem ${netem}`);
    const listener = await serveHttp(stack);
    const url = `http://${GUEST.ours}/4/${size}`;
    const sum = await guest.run(`wget -q -O /www/g.bin ${url} && sha256sum /www/g.bin`);
    expect(digestIn(sum, size)).toBe(digestOf(4, size));
    expect((await getHttp(stack, GUEST.ip, '/g.bin')).digest).toBe(digestOf(4, size));
    await listener.close();
    await guest.run(`/usr/sbin/tc qdisc del ${qdisc}`);
  });
}

/** A connection to a program of the guest that echoes, and has done so once. */
export async function openEcho({ guest, stack }: LinuxLab): Promise<TcpConnection> {
  await guest.run(ECHO);
  const connection = await stack.connectTcp({ host: GUEST.ip, port: 9 });
  await expectEcho(connection, 'hello');
  return connection;
}

/** Sends a line that comes back. */
export async function expectEcho(connection: TcpConnection, line: string): Promise<void> {
  await send(connection.writable, bytes(line));
  expect(text(await readUpTo(connection.readable, line.length))).toBe(line);
}

function testReboot(lab: ToLab, { mtu, reboot = 'reboot -f' }: LinuxGuestKind): void {
  test('the guest reboots while connected: the old connection is reset, new ones work', async () => {
    const { guest, stack } = lab();
    const connection = await openEcho(lab());
    const from = guest.program.output.length;
    guest.program.child.stdin?.write(`${reboot}\n`);
    await guest.boot(mtu, from);
    await guest.run('mkdir -p /www && httpd -h /www && echo again >/www/again');
    const read = outcome(readUpTo(connection.readable, 1));
    await send(connection.writable, bytes('still there?')).catch(() => {});
    expect(await read).toBe('ECONNRESET');
    expect(await getHttp(stack, GUEST.ip, '/again')).toMatchObject({ status: 200 });
  });
}

/** Declares the tests of a kind of guest. `more` adds some that only this kind can pass. */
export function testLinuxGuest(
  title: string,
  kind: LinuxGuestKind,
  more: (lab: ToLab) => void = () => {},
): void {
  describe(title, () => {
    const scope = new Scope();
    let opened: LinuxLab;
    const lab = (): LinuxLab => opened;

    /** How the guest failed by itself. */
    let fault: string | undefined;

    beforeAll(async () => {
      if (kind.why) return;
      try {
        opened = await openLab(scope, kind);
      } catch (error) {
        const found = kind.ownFault?.exec((error as Error).message);
        if (!found) throw error;
        fault = `cannot boot on this processor: ${found[0]}`;
      }
    }, 120_000);
    beforeEach((context) => {
      needs(kind.why, context);
      skipIf(fault, context);
    });
    afterAll(() => scope.close());

    testReach(lab, kind);
    testHttp(lab);
    testNetem(lab);
    more(lab);
    testReboot(lab, kind);
  });
}
