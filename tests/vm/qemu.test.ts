// SPDX-License-Identifier: MIT
// qemu.test - a Linux guest in QEMU on ringstack/qemu

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStack, type NetworkStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { listenQemu } from 'ringstack/qemu';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { outcome, readUpTo, send, text } from '../helpers/net.ts';
import { GUEST, Guest } from './lib/guest.ts';
import { getHttp, serveHttp } from './lib/http.ts';
import { skipIf } from './lib/need.ts';
import { digestOf } from './lib/payload.ts';
import { findProgram } from './lib/process.ts';
import { Scope } from './lib/scope.ts';

const FOLDER = fileURLToPath(new URL('../../build/vm/guest/', import.meta.url));
const QEMU = 'qemu-system-x86_64';

const why = !findProgram(QEMU)
  ? `needs ${QEMU}`
  : existsSync(`${FOLDER}initrd`)
    ? undefined
    : 'needs the guest of tests/vm/guests.sh';

beforeEach((context) => skipIf(why, context));

const SIZE = 50_000_000;

for (const mtu of [1500, 9000]) {
  describe(`QEMU guest, MTU ${mtu}`, () => {
    const scope = new Scope();
    let guest: Guest;
    let stack: NetworkStack;

    beforeAll(async () => {
      if (why) return;
      const path = join(tmpdir(), `ringstack-qemu-${process.pid}-${mtu}`);
      const listener = await listenQemu({ path, mtu });
      scope.defer(() => listener.close());
      stack = await createStack({ engine: 'inline' });
      scope.defer(() => stack.close());
      const tap = await stack.createTapInterface({ ip: `${GUEST.ours}/24`, mtu });
      guest = new Guest(scope, [
        ...[QEMU, '-nodefaults', '-no-user-config', '-nographic', '-m', '384', '-serial', 'stdio'],
        ...['-kernel', `${FOLDER}vmlinuz`, '-initrd', `${FOLDER}initrd`],
        ...['-append', 'console=ttyS0 quiet panic=-1'],
        ...['-netdev', `stream,id=n,server=off,addr.type=unix,addr.path=${path}`],
        ...['-device', `virtio-net-pci,netdev=n,mac=${GUEST.mac},host_mtu=${mtu},romfile=`],
      ]);
      connect(tap, await listener.accept());
      await guest.boot(mtu);
      await guest.run('mkdir -p /www && httpd -h /www');
    });

    afterAll(() => scope.close());

    test('ping: the guest pings us', async () => {
      expect(await guest.run(`ping -c 3 -i 0.2 -s ${mtu - 28} ${GUEST.ours}`)).toMatch(
        / 0% packet loss/,
      );
    });

    test('HTTP: 50 MB of ours to the wget of the guest', async () => {
      const listener = await serveHttp(stack);
      const url = `http://${GUEST.ours}/3/${SIZE}`;
      const sum = await guest.run(`wget -q -O - ${url} | sha256sum`);
      expect(`${SIZE}-${/[0-9a-f]{64}/.exec(sum)?.[0]}`).toBe(digestOf(3, SIZE));
      await listener.close();
    });

    test('HTTP: 50 MB of the httpd of the guest to us', async () => {
      await guest.run(
        `dd if=/dev/urandom of=/www/f.bin bs=1000000 count=${SIZE / 1e6} 2>/dev/null`,
      );
      const sum = await guest.run('sha256sum /www/f.bin');
      const { status, digest } = await getHttp(stack, GUEST.ip, '/f.bin');
      expect(status).toBe(200);
      expect(digest).toBe(`${SIZE}-${/[0-9a-f]{64}/.exec(sum)?.[0]}`);
    });

    for (const netem of ['delay 25ms', 'loss 2%', 'delay 5ms reorder 25%', 'duplicate 5%']) {
      test(`5 MB both ways, netem ${netem} in the guest`, async () => {
        const size = 5_000_000;
        await guest.run(`/usr/sbin/tc qdisc add dev eth0 root netem ${netem}`);
        const listener = await serveHttp(stack);
        const url = `http://${GUEST.ours}/4/${size}`;
        const sum = await guest.run(`wget -q -O /www/g.bin ${url} && sha256sum /www/g.bin`);
        expect(`${size}-${/[0-9a-f]{64}/.exec(sum)?.[0]}`).toBe(digestOf(4, size));
        expect((await getHttp(stack, GUEST.ip, '/g.bin')).digest).toBe(digestOf(4, size));
        await listener.close();
        await guest.run('/usr/sbin/tc qdisc del dev eth0 root');
      });
    }

    test('the guest reboots while connected: the old connection is reset, new ones work', async () => {
      await guest.run('(nc -l -p 9 -e cat &)');
      await guest.run("until grep -q ':0009 ' /proc/net/tcp*; do usleep 10000; done");
      const connection = await stack.connectTcp({ host: GUEST.ip, port: 9 });
      await send(connection.writable, new TextEncoder().encode('hello'));
      expect(text(await readUpTo(connection.readable, 5))).toBe('hello');
      const from = guest.program.output.length;
      guest.program.child.stdin?.write('reboot -f\n');
      await guest.boot(mtu, from);
      await guest.run('mkdir -p /www && httpd -h /www && echo again >/www/again');
      const read = outcome(readUpTo(connection.readable, 1));
      await send(connection.writable, new TextEncoder().encode('still there?')).catch(() => {});
      expect(await read).toBe('ECONNRESET');
      expect(await getHttp(stack, GUEST.ip, '/again')).toMatchObject({ status: 200 });
    });
  });
}
