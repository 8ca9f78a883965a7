// SPDX-License-Identifier: MIT
// transports.test - WireGuard over everything that carries datagrams

import { createSocket } from 'node:dgram';
import type { NetworkStack } from 'ringstack';
import { createDeno } from 'ringstack/deno';
import { createDirectSockets } from 'ringstack/direct-sockets';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sentIntact } from '../../helpers/links.ts';
import { ENDS, wiredPair } from '../../helpers/net.ts';
import { directPair, inner, tunnel } from '../tunnel.ts';

describe('over', () => {
  test('a transport that calls back from inside send(), TCP crosses intact', async () => {
    const [a, b] = directPair();
    const { stackA, stackB } = await tunnel(a, b);
    await sentIntact(stackA, stackB, 300_000, inner(2));
  });

  test('message ports shaped like data channels, TCP crosses intact', async () => {
    const { port1, port2 } = new MessageChannel();
    const channel = (port: MessagePort) => ({
      readyState: 'open',
      bufferedAmount: 0,
      binaryType: 'blob',
      send: (data: Uint8Array) => port.postMessage(data.buffer),
      addEventListener(type: string, listener: (event: never) => void) {
        port.addEventListener(type, listener as never);
        port.start();
      },
      removeEventListener: (type: string, listener: (event: never) => void) =>
        port.removeEventListener(type, listener as never),
    });
    onTestFinished(() => port1.close());
    const { stackA, stackB } = await tunnel(channel(port1), channel(port2));
    await sentIntact(stackA, stackB, 300_000, inner(2));
  });

  test('a full data channel, datagrams are dropped and counted', async () => {
    const sent: Uint8Array[] = [];
    const channel = {
      readyState: 'open',
      bufferedAmount: 1e9,
      binaryType: '',
      send: (data: Uint8Array) => void sent.push(data),
      addEventListener: () => {},
      removeEventListener: () => {},
    };
    const [a] = directPair();
    const { stackA, wgA } = await tunnel(channel, a);
    await expect(stackA.connectTcp({ host: inner(2), port: 1, timeout: 50 })).rejects.toThrow();
    expect(sent).toEqual([]);
    expect(wgA.statistics.txDropped).toBeGreaterThan(0);
  });

  test('pairs of streams, TCP crosses intact', async () => {
    const [ab, ba] = [new TransformStream(), new TransformStream()];
    const direct = { readable: ab.readable, writable: ba.writable };
    const { stackA, stackB } = await tunnel(
      { readable: ba.readable, writable: ab.writable },
      direct,
      { endpoint: '192.0.2.2:9' },
    );
    await sentIntact(stackA, stackB, 300_000, inner(2));
  });

  test('sockets of Direct Sockets, TCP crosses intact, whoever begins', async () => {
    const outer = await wiredPair();
    const bound = (stack: NetworkStack, localPort: number) => {
      const { UDPSocket } = createDirectSockets(stack);
      return new UDPSocket({ localAddress: '0.0.0.0', localPort }).opened;
    };
    const { stackA, stackB } = await tunnel(
      await bound(outer.a, 6000),
      await bound(outer.b, 5000),
      {
        endpoint: `${ENDS[4].b}:5000`,
      },
    );
    await sentIntact(stackA, stackB, 300_000, inner(2));
  });

  test('sockets of Deno.listenDatagram(), TCP crosses intact', async () => {
    const outer = await wiredPair();
    const bound = (stack: NetworkStack, port: number) => {
      const options = { transport: 'udp', hostname: '0.0.0.0', port } as const;
      const conn = createDeno(stack).listenDatagram(options);
      onTestFinished(() => conn.close());
      return conn;
    };
    const { stackA, stackB, wgB } = await tunnel(bound(outer.a, 6000), bound(outer.b, 5000), {
      endpoint: `${ENDS[4].b}:5000`,
    });
    await sentIntact(stackA, stackB, 300_000, inner(2));
    expect(wgB.listenPort).toBe(5000);
  });

  test('node:dgram, TCP crosses intact', async () => {
    const bound = async () => {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      onTestFinished(() => void socket.close());
      return socket;
    };
    const [a, b] = [await bound(), await bound()];
    const { stackA, stackB, wgB } = await tunnel(a, b, {
      endpoint: `127.0.0.1:${b.address().port}`,
    });
    await sentIntact(stackA, stackB, 300_000, inner(2));
    expect(wgB.listenPort).toBe(b.address().port);
  });

  test('stack.udp, which is opened at the port and closed in the end', async () => {
    const outer = await wiredPair();
    const { stackA, stackB, wgA } = await tunnel(outer.a.udp, outer.b.udp, {
      endpoint: `${ENDS[4].b}:5000`,
      a: { listenPort: 6000 },
      b: { listenPort: 5000 },
    });
    await sentIntact(stackA, stackB, 30_000, inner(2));
    expect(wgA.listenPort).toBe(6000);
    await wgA.close();
    await (await outer.a.openUdp({ port: 6000 })).close();
  });
});
