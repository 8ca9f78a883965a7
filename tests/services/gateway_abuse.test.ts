// SPDX-License-Identifier: MIT
// gateway_abuse.test - guests, and hosts outside, that take more than is good, or do nothing at all
//
// The clock of idle flows is performance.now() and one timer, which these tests move by hand.

import type { NetworkStack, TcpConnection, UdpSocket } from 'ringstack';
import type { DatagramSocket, StreamConnection, TcpFlow } from 'ringstack/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FAR, gatewayNetwork, letKnow } from '../helpers/gateway.ts';
import { bytes, outcome, readAll, text, until } from '../helpers/net.ts';

/** Moves performance.now() ahead by so many ms, until the test ends; timers go as they did. */
function leap(ms: number): void {
  const { now } = performance;
  performance.now = () => now.call(performance) + ms;
  onTestFinished(() => {
    performance.now = now;
  });
}

/** Connections that a stack accepts. */
async function accepting(stack: NetworkStack, port: number): Promise<TcpConnection[]> {
  const held: TcpConnection[] = [];
  const listener = await stack.listenTcp({ port });
  void (async () => {
    for await (const connection of listener) held.push(connection);
  })();
  return held;
}

describe('half-closed connections', () => {
  async function halfClosed(side: 'guest' | 'far') {
    const net = await gatewayNetwork({ limits: { tcpIdle: 7_440_000 } });
    const held = await accepting(net.outside, 80);
    const near = await Promise.all(
      Array.from({ length: 5 }, () => net.guest.connectTcp({ host: FAR[4], port: 80 })),
    );
    await until(() => held.length === 5);
    const [closing, other] = side === 'guest' ? [near, held] : [held, near];
    for (const connection of closing) await connection.closeWrite();
    for (const connection of other) expect((await readAll(connection.readable)).length).toBe(0);
    return { ...net, closing, other };
  }

  test.each(['guest', 'far'] as const)(
    'by the %s work after an hour, and end after two without data',
    async (side) => {
      const { gateway, closing, other, inside } = await halfClosed(side);
      leap(3_600_000);
      // A look at idle flows comes every 5 s.
      await new Promise((resolve) => setTimeout(resolve, 6000));
      expect(gateway.statistics.tcpFlows).toBe(5);
      const [one, peer] = [closing[0], other[0]] as [TcpConnection, TcpConnection];
      const writer = peer.writable.getWriter();
      await writer.write(bytes('late'));
      await writer.close();
      expect(text(await readAll(one.readable))).toBe('late');
      await until(() => gateway.statistics.tcpFlows === 4);
      leap(7_440_000);
      await until(() => gateway.statistics.tcpFlows === 0);
      expect([...gateway.flows()]).toEqual([]);
      await until(() => inside.statistics.sockets === 5);
    },
    120_000,
  );
});

test('a far side that never answers takes a place, and no more than there are', async () => {
  let [begun, aborted] = [0, 0];
  const tcp = ({ signal }: TcpFlow): Promise<StreamConnection> => {
    begun++;
    signal.addEventListener('abort', () => aborted++);
    return new Promise(() => {});
  };
  const { guest, gateway, inside } = await gatewayNetwork({
    tcp,
    limits: { flows: 50, flowsPerSource: 30, connectTimeout: 1500 },
  });
  const giveUp = new AbortController();
  const opening = Array.from({ length: 300 }, () =>
    outcome(guest.connectTcp({ host: FAR[4], port: 80, timeout: 60_000, signal: giveUp.signal })),
  );
  await until(() => begun >= 30 && gateway.statistics.limited > 0);
  expect(gateway.statistics.tcpFlows).toBeLessThanOrEqual(30);
  giveUp.abort();
  expect(await Promise.all(opening)).not.toContain('ok');
  await until(() => gateway.statistics.tcpFlows === 0 && aborted === begun);
  await until(() => inside.statistics.sockets === 5);
});

describe('ten times the mappings of UDP', () => {
  test('by a guest: those beyond are dropped and counted, and all end when they are idle', async () => {
    let [opened, closed] = [0, 0];
    const udp = (): DatagramSocket => {
      opened++;
      let end = (): void => {};
      const over = new Promise<void>((resolve) => (end = resolve));
      return {
        writable: new WritableStream(),
        close: async () => {
          closed++;
          end();
        },
        [Symbol.asyncIterator]: () => ({
          next: () => over.then(() => ({ done: true, value: undefined })),
        }),
      };
    };
    const limits = { mappings: 40, mappingsPerSource: 30 };
    const { guest, gateway, inside } = await gatewayNetwork({ udp, limits });
    const sockets: UdpSocket[] = [];
    for (let n = 0; n < 400; n++) {
      const socket = await guest.openUdp();
      await socket.send(bytes('x'), { host: FAR[4], port: 1000 + n });
      sockets.push(socket);
    }
    await until(() => gateway.statistics.limited >= 370);
    expect(opened).toBe(30);
    expect(gateway.statistics.udpMappings).toBe(30);
    leap(300_000);
    await until(() => gateway.statistics.udpMappings === 0);
    expect(closed).toBe(30);
    // There is room again.
    await sockets[0]?.send(bytes('y'), { host: FAR[4], port: 1 });
    await until(() => gateway.statistics.udpMappings === 1);
    await gateway.close();
    expect(closed).toBe(31);
    await until(() => inside.statistics.sockets === 0);
  }, 120_000);

  test('by clients of a forwarded port', async () => {
    const limits = { mappings: 40, mappingsPerSource: 30 };
    const { guest, gateway, outside, inside } = await gatewayNetwork({ limits });
    const server = await guest.openUdp({ port: 53 });
    let heard = 0;
    void (async () => {
      for await (const _ of server) heard++;
    })();
    const to = { host: '10.0.0.2', port: 53 };
    await gateway.forward({
      listen: { transport: outside.udp, port: 5300, protocol: 'udp' },
      to,
    });
    for (let n = 0; n < 400; n++) {
      const client = await outside.openUdp({ remote: { host: '127.0.0.1', port: 5300 } });
      await client.send(bytes('x'));
    }
    await until(() => gateway.statistics.limited >= 370);
    await until(() => heard === 30);
    expect(gateway.statistics.udpMappings).toBe(30);
    await gateway.close();
    await until(() => inside.statistics.sockets === 0);
  });
});

test('clients of a forwarded port, ten times as many as flows may be', async () => {
  const { guest, gateway, outside, inside } = await gatewayNetwork({
    limits: { flows: 30, flowsPerSource: 20 },
  });
  const held = await accepting(guest, 22);
  await gateway.forward({
    listen: { transport: outside.tcp, port: 2222 },
    to: { host: '10.0.0.2', port: 22 },
  });
  const clients = await Promise.all(
    Array.from({ length: 200 }, () => outside.connectTcp({ host: '127.0.0.1', port: 2222 })),
  );
  await until(() => gateway.statistics.limited === 180);
  await until(() => held.length === 20);
  expect(gateway.statistics.tcpFlows).toBe(20);
  for (const client of clients) client.abort();
  await until(() => gateway.statistics.tcpFlows === 0);
  const again = await outside.connectTcp({ host: '127.0.0.1', port: 2222 });
  await until(() => gateway.statistics.tcpFlows === 1);
  again.abort();
  await gateway.close();
  await until(() => inside.statistics.sockets === 0);
});

describe('a name that is rebound', () => {
  test('to a private address leads nowhere: the address that is asked about decides', async () => {
    const net = await gatewayNetwork({ policy: { allow: ['*.example'], override: ['reserved'] } });
    await accepting(net.outside, 80);
    letKnow(net, 'a.example');
    await net.guest.connectTcp({ host: FAR[4], port: 80 });
    for (const address of ['192.168.1.1', '127.0.0.2', '169.254.169.254', '10.9.9.9']) {
      letKnow(net, 'a.example', address);
      const ends = outcome(net.guest.connectTcp({ host: address, port: 80, timeout: 1000 }));
      expect(await ends).not.toBe('ok');
    }
    expect(net.gateway.statistics.tcpOpened).toBe(1);
  });

  test('to an address of another name gives no right to that', async () => {
    const net = await gatewayNetwork({
      policy: { allow: ['a.example'], override: ['reserved'] },
    });
    await accepting(net.outside, 80);
    letKnow(net, 'evil.example');
    const ends = outcome(net.guest.connectTcp({ host: FAR[4], port: 80, timeout: 5000 }));
    expect(await ends).toBe('EHOSTUNREACH');
    letKnow(net, 'a.example');
    await net.guest.connectTcp({ host: FAR[4], port: 80 });
    // The name holds as long as the answer did, and no longer.
    leap(301_000);
    const late = outcome(net.guest.connectTcp({ host: FAR[4], port: 80, timeout: 5000 }));
    expect(await late).toBe('EHOSTUNREACH');
  });
});
