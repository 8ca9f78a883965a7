// SPDX-License-Identifier: MIT
// qemu.test - Linux guests in QEMU on ringstack/qemu: unix and TCP sockets, either side listening, datagrams

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'ringstack/link';
import { connectQemu, listenQemu, openQemuDatagram, type SessionEndpoint } from 'ringstack/qemu';
import { expect, test } from 'vitest';
import { until } from '../helpers/net.ts';
import { freePort } from '../helpers/ports.ts';
import { GUEST, QEMU, startQemu } from './lib/guest.ts';
import { serveHttp } from './lib/http.ts';
import { digestIn, expectEcho, openEcho, testLinuxGuest } from './lib/linux_guest.ts';
import { lacksGuest, lacksProgram } from './lib/need.ts';
import { digestOf } from './lib/payload.ts';
import { openRelay, type Relay } from './lib/relay.ts';

const why = lacksProgram(QEMU) ?? lacksGuest('guest', 'the guest');

const inet = (name: string, port: number): string =>
  `${name}type=inet,${name}host=127.0.0.1,${name}port=${port}`;

for (const mtu of [1500, 9000, 65_520]) {
  testLinuxGuest(`QEMU guest, unix socket, MTU ${mtu}`, {
    why,
    mtu,
    async open(scope) {
      const path = join(tmpdir(), `ringstack-qemu-${process.pid}-${mtu}`);
      const listener = await listenQemu({ path, mtu });
      scope.defer(() => listener.close());
      const netdev = `stream,id=n,server=off,addr.type=unix,addr.path=${path}`;
      const guest = startQemu(scope, mtu, netdev);
      return { guest, card: await listener.accept() };
    },
  });
}

testLinuxGuest('QEMU guest, datagrams', {
  why,
  mtu: 1500,
  async open(scope) {
    const port = await freePort('udp');
    const card = await openQemuDatagram({ port, mtu: 1500 });
    scope.defer(() => card.close());
    const ends = `${inet('local.', port)},${inet('remote.', card.localPort)}`;
    return { guest: startQemu(scope, 1500, `dgram,id=n,${ends}`), card };
  },
});

let relay: Relay;
let card: SessionEndpoint;

testLinuxGuest(
  'QEMU guest, TCP socket on which QEMU listens',
  {
    why,
    mtu: 1500,
    async open(scope) {
      const port = await freePort('tcp');
      const guest = startQemu(scope, 1500, `stream,id=n,server=on,${inet('addr.', port)}`);
      relay = await openRelay(scope, port);
      const reconnect = { least: 10, most: 100 };
      card = await connectQemu({ port: relay.port, mtu: 1500, reconnect });
      scope.defer(() => card.close());
      return { guest, card };
    },
  },
  (lab) => {
    test('connects again by itself: 50 MB arrive though the cable is cut five times', async () => {
      const { guest, stack } = lab();
      const size = 50e6;
      const listener = await serveHttp(stack);
      const sum = guest.run(`wget -q -O - http://${GUEST.ours}/5/${size} | sha256sum`);
      for (let cuts = 0; cuts < 5; cuts++) {
        const { sessions } = card;
        await relay.passed(2000); // acknowledgements
        relay.cut();
        await until(() => card.sessions > sessions);
      }
      expect(digestIn(await sum, size)).toBe(digestOf(5, size));
      await listener.close();
    });

    test('we go, and come back by another endpoint: the same connection goes on', async () => {
      const echo = await openEcho(lab());
      await card.close();
      await lab().link.closed;
      card = await connectQemu({ port: relay.port, mtu: 1500 });
      connect(lab().tap, card);
      await expectEcho(echo, 'here again');
      await echo.close();
    });
  },
);
