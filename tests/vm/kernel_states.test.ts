// SPDX-License-Identifier: MIT
// kernel_states.test - Linux's TCP and ours at the edges of a connection: half close, closed windows, RST

import { beforeEach, describe, expect, test } from 'vitest';
import { outcome, send } from '../helpers/net.ts';
import type { Segment } from './lib/gate.ts';
import { type KernelOptions, openKernel, whyNoKernel } from './lib/kernel.ts';
import { openPeerEnds } from './lib/kernel_sockets.ts';
import { needs } from './lib/need.ts';
import { digestOf, receiveDigest, sendPayload } from './lib/payload.ts';
import { testScope } from './lib/scope.ts';

beforeEach((context) => needs(whyNoKernel(), context));

const RST = 4;
const ONE = new Uint8Array(1000);

/** A connection with everything passing the gate. */
async function gated(options: KernelOptions & { opener?: 'ours' | 'kernel' } = {}) {
  const scope = testScope();
  const kernel = await openKernel(scope, { gated: true, ...options });
  const ends = await openPeerEnds(scope, kernel, {
    opener: options.opener ?? 'ours',
    tcp: { receiveBuffer: 65_536 },
  });
  return { ...kernel.gate, ...ends, kernel };
}

describe('Linux kernel: half close', () => {
  for (const opener of ['ours', 'kernel'] as const) {
    test(`we end first, the kernel sends 5 MB on, opened by ${opener}`, async () => {
      const { connection, conn, peer } = await gated({ opener });
      const received = peer('receive', { conn });
      await sendPayload(connection.writable, 1, 100_000);
      expect(await received).toBe(digestOf(1, 100_000));
      void peer('send', { conn, seed: 2, size: 5_000_000 }).then(() => peer('end', { conn }));
      expect(await receiveDigest(connection.readable)).toBe(digestOf(2, 5_000_000));
      await connection.closed;
      expect(await peer('ended', { conn })).toBe('closed');
    });

    test(`the kernel ends first, we send 5 MB on, opened by ${opener}`, async () => {
      const { connection, conn, peer } = await gated({ opener });
      await peer('send', { conn, seed: 2, size: 100_000 });
      await peer('end', { conn });
      expect(await receiveDigest(connection.readable)).toBe(digestOf(2, 100_000));
      const received = peer('receive', { conn });
      await sendPayload(connection.writable, 1, 5_000_000);
      expect(await received).toBe(digestOf(1, 5_000_000));
      await connection.closed;
      expect(await peer('ended', { conn })).toBe('closed');
    });
  }

  test('both end at once', async () => {
    const { connection, conn, peer, toKernel, fromKernel } = await gated();
    toKernel.hold();
    fromKernel.hold();
    const finOut = toKernel.seen(1, ({ flags }) => (flags & 1) !== 0);
    const finIn = fromKernel.seen(1, ({ flags }) => (flags & 1) !== 0);
    const closing = connection.close();
    await peer('end', { conn });
    await Promise.all([finOut, finIn]);
    toKernel.release();
    fromKernel.release();
    await closing;
    expect(await peer('ended', { conn })).toBe('closed');
  });
});

const isClosed = ({ window, flags }: Segment): boolean => window === 0 && (flags & RST) === 0;
const SMALL = { 'net.ipv4.tcp_rmem': '4096 16384 16384' };

describe('Linux kernel: zero window', () => {
  test('we do not read: the kernel probes, then all arrives', async () => {
    const { connection, conn, peer, toKernel } = await gated();
    const probed = toKernel.seen(4, isClosed);
    void peer('send', { conn, seed: 3, size: 8_000_000 }).then(() => peer('end', { conn }));
    await probed;
    expect(await receiveDigest(connection.readable)).toBe(digestOf(3, 8_000_000));
  });

  test('the kernel does not read: we probe, then all arrives', async () => {
    const { connection, conn, peer, fromKernel } = await gated({ sysctls: SMALL });
    const probed = fromKernel.seen(4, isClosed);
    const sent = sendPayload(connection.writable, 4, 2_000_000);
    await probed;
    expect(await peer('receive', { conn })).toBe(digestOf(4, 2_000_000));
    await sent;
  });

  test('our window update is lost: the kernel finds out by a probe', async () => {
    const { connection, conn, peer, toKernel } = await gated();
    const probed = toKernel.seen(2, isClosed);
    void peer('send', { conn, seed: 5, size: 2_000_000 }).then(() => peer('end', { conn }));
    await probed;
    let lost = 0;
    toKernel.dropIf = ({ window, length }) => window > 0 && length === 0 && lost++ < 1;
    expect(await receiveDigest(connection.readable)).toBe(digestOf(5, 2_000_000));
    expect(lost).toBeGreaterThan(0);
  });

  test("the kernel's window update is lost: we find out by a probe", async () => {
    const { connection, conn, peer, fromKernel } = await gated({ sysctls: SMALL });
    const probed = fromKernel.seen(2, isClosed);
    const sent = sendPayload(connection.writable, 6, 500_000);
    await probed;
    let lost = 0;
    fromKernel.dropIf = ({ window, length }) => window > 0 && length === 0 && lost++ < 1;
    expect(await peer('receive', { conn })).toBe(digestOf(6, 500_000));
    expect(lost).toBeGreaterThan(0);
    await sent;
  });

  test('half close behind a closed window, ours and theirs', async () => {
    const { connection, conn, peer, toKernel, fromKernel } = await gated({ sysctls: SMALL });
    const probed = Promise.all([toKernel.seen(2, isClosed), fromKernel.seen(2, isClosed)]);
    const sent = sendPayload(connection.writable, 7, 300_000);
    void peer('send', { conn, seed: 8, size: 3_000_000 }).then(() => peer('end', { conn }));
    await probed;
    const theirs = peer('receive', { conn });
    expect(await receiveDigest(connection.readable)).toBe(digestOf(8, 3_000_000));
    expect(await theirs).toBe(digestOf(7, 300_000));
    await sent;
    await connection.closed;
  });

  test('SACK off, timestamps off, no scaling: the same', async () => {
    const { connection, conn, peer, toKernel } = await gated({
      sysctls: {
        'net.ipv4.tcp_sack': 0,
        'net.ipv4.tcp_timestamps': 0,
        'net.ipv4.tcp_window_scaling': 0,
      },
    });
    const probed = toKernel.seen(3, isClosed);
    void peer('send', { conn, seed: 9, size: 1_000_000 }).then(() => peer('end', { conn }));
    await probed;
    expect(await receiveDigest(connection.readable)).toBe(digestOf(9, 1_000_000));
  });
});

/** Everything of a connection that was reset. */
async function expectReset(connection: Awaited<ReturnType<typeof gated>>['connection']) {
  expect(await outcome(connection.closed)).toBe('ECONNRESET');
}

describe('Linux kernel: RST', () => {
  test('ESTABLISHED: the kernel resets', async () => {
    const { connection, conn, peer } = await gated();
    const read = outcome(receiveDigest(connection.readable));
    await peer('reset', { conn });
    await expectReset(connection);
    expect(await read).toBe('ECONNRESET');
    expect(await outcome(send(connection.writable, ONE))).toBe('ECONNRESET');
  });

  test('ESTABLISHED: we reset', async () => {
    const { connection, conn, peer } = await gated();
    connection.abort();
    expect(await peer('ended', { conn })).toBe('ECONNRESET');
  });

  test('ESTABLISHED: we reset while megabytes are on the way both ways', async () => {
    const { connection, conn, peer } = await gated();
    const sending = peer('send', { conn, seed: 1, size: 50_000_000 });
    const sent = outcome(sendPayload(connection.writable, 1, 50_000_000));
    const reader = connection.readable.getReader();
    await reader.read();
    connection.abort();
    await expect(sending).rejects.toMatchObject({ code: /ECONNRESET|EPIPE/ });
    expect(await sent).toBe('ECONNABORTED');
    expect(await outcome(reader.read())).toBe('ECONNABORTED');
  });

  test('FIN_WAIT_1: the kernel resets before it gets our FIN', async () => {
    const { connection, conn, peer, toKernel } = await gated();
    toKernel.hold();
    const closing = outcome(connection.closeWrite());
    await peer('reset', { conn });
    await expectReset(connection);
    expect(await closing).toBe('ECONNRESET');
  });

  test('FIN_WAIT_2: the kernel resets after our FIN', async () => {
    const { connection, conn, peer } = await gated();
    await connection.closeWrite();
    const read = outcome(receiveDigest(connection.readable));
    await peer('reset', { conn });
    await expectReset(connection);
    expect(await read).toBe('ECONNRESET');
  });

  test('CLOSE_WAIT: the kernel is gone, and our data meets nobody', async () => {
    const { connection, conn, peer } = await gated();
    await peer('end', { conn });
    await receiveDigest(connection.readable);
    await peer('destroy', { conn });
    await send(connection.writable, ONE);
    await expectReset(connection);
  });

  test('LAST_ACK: the same, with our FIN behind the data', async () => {
    const { connection, conn, peer, toKernel } = await gated();
    await peer('end', { conn });
    await receiveDigest(connection.readable);
    toKernel.hold();
    await peer('destroy', { conn });
    const fin = toKernel.seen(1, ({ flags }) => (flags & 1) !== 0);
    const sent = outcome(sendPayload(connection.writable, 1, 1000));
    await fin;
    toKernel.release();
    expect(await sent).toBe('ECONNRESET');
    await expectReset(connection);
  });

  test('CLOSING: both have sent FIN, and our data meets nobody', async () => {
    const { connection, conn, peer, toKernel, fromKernel } = await gated();
    toKernel.hold();
    const sent = outcome(sendPayload(connection.writable, 1, 1000));
    const theirFin = fromKernel.seen(1, ({ flags }) => (flags & 1) !== 0);
    await peer('destroy', { conn });
    await theirFin;
    await receiveDigest(connection.readable);
    toKernel.release();
    expect(await sent).toBe('ECONNRESET');
  });

  test('SYN_SENT: nobody listens there', async () => {
    const scope = testScope();
    const { stack } = await openKernel(scope);
    const connecting = stack.connectTcp({ host: '10.77.0.1', port: 9 });
    await expect(connecting).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('LISTEN: nobody listens here', async () => {
    const { peer } = await gated();
    const connecting = peer('connect', { host: '10.77.0.2', port: 9 });
    await expect(connecting).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('SYN_RCVD: the kernel has given up before our SYN-ACK', async () => {
    const { kernel, peer, toKernel, fromKernel } = await gated();
    const listener = await kernel.stack.listenTcp({ port: 80 });
    const before = kernel.stack.statistics.sockets;
    toKernel.hold();
    const answered = toKernel.seen(1, ({ flags }) => (flags & 2) !== 0);
    const reset = fromKernel.seen(1, ({ flags }) => (flags & RST) !== 0);
    const connecting = outcome(peer('connect', { host: '10.77.0.2', port: 80 }));
    await answered;
    await peer('destroy', { conn: 1 });
    toKernel.release();
    await reset;
    expect(await connecting).not.toBe('ok');
    await expect.poll(() => kernel.stack.statistics.sockets, { interval: 5 }).toBe(before);
    // And the listener goes on.
    const [, conn] = await Promise.all([
      listener.accept(),
      peer('connect', { host: '10.77.0.2', port: 80 }),
    ]);
    expect(conn).toBe(2);
  });

  test('TIME_WAIT, ours: the port pair can be opened again by the kernel', async () => {
    const { kernel, peer } = await gated();
    const listener = await kernel.stack.listenTcp({ port: 80 });
    // The kernel's socket may still wait for the ACK of its FIN when the peer hears that it is closed.
    const connect = async (): Promise<number> => {
      for (;;) {
        const host = { host: '10.77.0.2', port: 80, localPort: 40_000 };
        const made = await peer('connect', host).catch((error: { code?: string }) => {
          if (error.code !== 'EADDRNOTAVAIL') throw error;
        });
        if (made !== undefined) return made;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    for (let n = 0; n < 3; n++) {
      const [connection, conn] = await Promise.all([listener.accept(), connect()]);
      await connection.closeWrite(); // first, so that TIME_WAIT is ours
      await peer('end', { conn });
      await receiveDigest(connection.readable);
      expect(await peer('ended', { conn })).toBe('closed');
    }
  });

  test("TIME_WAIT, the kernel's: we open the port pair again", async () => {
    const { kernel, peer } = await gated();
    const { listener, port } = await peer('listen', { host: '10.77.0.1', port: 0 });
    for (let n = 0; n < 3; n++) {
      const [connection, conn] = await Promise.all([
        kernel.stack.connectTcp({ host: '10.77.0.1', port, localPort: 40_000 }),
        peer('accept', { listener }),
      ]);
      await peer('end', { conn });
      await receiveDigest(connection.readable);
      await connection.close();
      expect(await peer('ended', { conn })).toBe('closed');
    }
  });
});
