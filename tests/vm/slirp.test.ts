// SPDX-License-Identifier: MIT
// slirp.test - libslirp, a TCP stack that is not Linux's, on ringstack/qemu: to a service of this machine and from it

import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStack, type NetworkStack, type TapInterface } from 'ringstack';
import { requestLease } from 'ringstack/dhcp';
import { connect } from 'ringstack/link';
import { listenQemu } from 'ringstack/qemu';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { outcome } from '../helpers/net.ts';
import { freePort } from '../helpers/ports.ts';
import { QEMU } from './lib/guest.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { Digest, digestOf, payload, receiveDigest, sendPayload } from './lib/payload.ts';
import { Program } from './lib/process.ts';
import { Scope } from './lib/scope.ts';

const why = lacksProgram(QEMU);
/** Addresses that libslirp gives the guest, which is us, and the machine it runs on. */
const [OURS, MACHINE] = ['10.0.2.15', '10.0.2.2'];
const SIZE = 50_000_000;

beforeEach((context) => needs(why, context));

describe('libslirp', () => {
  const scope = new Scope();
  let stack: NetworkStack;
  let tap: TapInterface;
  let service: Server;
  let forwarded: number;

  beforeAll(async () => {
    if (why) return;
    const path = join(tmpdir(), `ringstack-slirp-${process.pid}`);
    const listener = await listenQemu({ path, mtu: 1500 });
    scope.defer(() => listener.close());
    stack = await createStack({ engine: 'inline' });
    scope.defer(() => stack.close());
    tap = await stack.createTapInterface({ ip: `${OURS}/24` });
    forwarded = await freePort('tcp');
    const forward = `hostfwd=tcp:127.0.0.1:${forwarded}-${OURS}:80`;
    new Program(scope, [
      ...[QEMU, '-M', 'none', '-nodefaults', '-nographic', '-monitor', 'none', '-serial', 'none'],
      ...['-netdev', `user,id=u,net=10.0.2.0/24,${forward}`],
      ...['-netdev', `stream,id=s,server=off,addr.type=unix,addr.path=${path}`],
      ...['-netdev', 'hubport,id=h0,hubid=0,netdev=u', '-netdev', 'hubport,id=h1,hubid=0,netdev=s'],
    ]);
    connect(tap, await listener.accept());
    // Takes all there is to its end, answers with the digest; sends a payload to a client that sends nothing.
    service = createServer({ allowHalfOpen: true }, (socket) => {
      const digest = new Digest();
      socket.on('error', () => {});
      socket.on('data', (chunk) => digest.update(chunk));
      socket.on('end', async () => {
        if (digest.length > 0) {
          socket.end(`${digest}`);
          return;
        }
        for (const piece of payload(2, SIZE)) {
          if (!socket.write(piece)) await once(socket, 'drain');
        }
        socket.end();
      });
    }).listen(0, '127.0.0.1');
    await once(service, 'listening');
    scope.defer(() => service.close());
  });
  afterAll(() => scope.close());

  const toService = () =>
    stack.connectTcp({ host: MACHINE, port: (service.address() as AddressInfo).port });

  test('its DHCP server gives our client an address, a router and a name server', async () => {
    const client = await requestLease(tap, { configure: false });
    expect(client.lease).toMatchObject({
      ...{ ip: OURS, prefix: 24, server: MACHINE, routers: [MACHINE], dnsServers: ['10.0.2.3'] },
    });
    await client.close();
  });

  test('50 MB to a service of the machine', async () => {
    const connection = await toService();
    const [answer] = await Promise.all([
      new Response(connection.readable).text(),
      sendPayload(connection.writable, 1, SIZE),
    ]);
    expect(answer).toBe(digestOf(1, SIZE));
  });

  test('50 MB from it, after we have closed our half', async () => {
    const connection = await toService();
    await connection.closeWrite();
    expect(await receiveDigest(connection.readable)).toBe(digestOf(2, SIZE));
  });

  test('a port where nobody listens refuses', async () => {
    const port = await freePort('tcp');
    expect(await outcome(stack.connectTcp({ host: MACHINE, port }))).toBe('ECONNREFUSED');
  });

  test('50 MB both ways for who connects from the machine to our listener', async () => {
    const listener = await stack.listenTcp({ port: 80 });
    // Its end is not to come with ours.
    const socket = connectSocket({ port: forwarded, host: '127.0.0.1', allowHalfOpen: true });
    const connection = await listener.accept();
    const digest = new Digest();
    socket.on('data', (chunk) => digest.update(chunk));
    const ended = once(socket, 'end');
    const writing = (async () => {
      for (const piece of payload(3, SIZE)) if (!socket.write(piece)) await once(socket, 'drain');
    })();
    const received = receiveDigest(connection.readable);
    await Promise.all([sendPayload(connection.writable, 4, SIZE), writing, ended]);
    socket.end();
    expect(await received).toBe(digestOf(3, SIZE));
    expect(`${digest}`).toBe(digestOf(4, SIZE));
    await connection.close();
    await listener.close();
  });
});
