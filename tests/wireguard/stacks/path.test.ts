// SPDX-License-Identifier: MIT
// path.test - what the way to a peer tells the stack behind it: no peer, a path with a smaller MTU

import { generateKey, publicKey, type WireGuardTransport } from 'ringstack-wireguard';
import { describe, expect, test } from 'vitest';
import { sentIntact } from '../../helpers/links.ts';
import { ENDS, openStack, until, wiredPair } from '../../helpers/net.ts';
import { directPair, inner, open, tunnel } from '../tunnel.ts';

/** Transports in memory with room for so many bytes. */
function narrow(most: number): { ends: WireGuardTransport[]; largest: () => number } {
  let largest = 0;
  const ends = directPair().map((end) => ({
    ...end,
    get maxDatagram() {
      return most;
    },
    send(data: Uint8Array<ArrayBuffer>, to: undefined) {
      largest = Math.max(largest, data.length);
      return end.send(data, to, 0);
    },
  }));
  return { ends, largest: () => largest };
}

const tcpMtu = async (a: object, b: object, mtu?: number) => {
  const options = mtu === undefined ? {} : { mtu };
  return tunnel(a, b, { a: options, b: options });
};

describe('an address that no peer has', () => {
  test('is unreachable at once, for TCP, UDP and pings of both families', async () => {
    const stack = await openStack();
    const wg = await open(stack, {
      privateKey: generateKey(),
      ip: ['10.9.0.1/24', 'fd09::1/64'],
      transport: directPair()[0],
    });
    for (const host of ['10.9.0.77', 'fd09::77']) {
      const code = 'EHOSTUNREACH';
      await expect(stack.connectTcp({ host, port: 1 })).rejects.toMatchObject({ code });
      const socket = await stack.openUdp({ remote: { host, port: 1 } });
      await socket.send(new Uint8Array(1));
      await expect(socket.receive()).rejects.toMatchObject({ code });
      await using session = await stack.createPingSession({ host });
      await expect(session.ping()).rejects.toMatchObject({ code });
    }
    expect(wg.statistics.dropped.noPeer).toBeGreaterThanOrEqual(6);
  });

  test('is unreachable if its peer has not said where it is', async () => {
    const stack = await openStack();
    const outer = await openStack();
    const wg = await open(stack, {
      privateKey: generateKey(),
      ip: '10.9.0.1/24',
      transport: await outer.openUdp(),
      peers: [{ publicKey: await publicKey(generateKey()), allowedIps: ['10.9.0.2'] }],
    });
    const connecting = stack.connectTcp({ host: '10.9.0.2', port: 1 });
    await expect(connecting).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    expect(wg.peers()[0]?.waiting).toBe(0);
  });
});

describe('a socket that is routed into its own tunnel', () => {
  test('sends nothing, and nothing goes round', async () => {
    const { a: stack } = await wiredPair();
    const wg = await open(stack, {
      privateKey: generateKey(),
      ip: '10.9.0.1/24',
      transport: await stack.openUdp({ port: 51820 }),
      peers: [
        {
          publicKey: await publicKey(generateKey()),
          allowedIps: ['0.0.0.0/0'],
          endpoint: '192.0.2.1:51820',
        },
      ],
    });
    const connecting = stack.connectTcp({ host: '10.9.0.2', port: 1, timeout: 300 });
    await expect(connecting).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await until(() => wg.statistics.dropped.noPeer > 0);
    expect(wg.statistics.dropped.noPeer).toBeLessThanOrEqual(wg.statistics.initiations);
  });
});

describe('a transport with room for 1232 bytes', () => {
  test('has an MTU of 1200 in the tunnel by default', async () => {
    const { ends, largest } = narrow(1232);
    const { stackA, stackB, wgA } = await tcpMtu(ends[0] as object, ends[1] as object);
    expect(wgA.tun.mtu).toBe(1200);
    await sentIntact(stackA, stackB, 200_000, inner(2));
    expect(largest()).toBe(1232);
    expect(wgA.statistics.dropped.tooLarge).toBe(0);
  });

  test('has TCP of an MTU of 1420 learn what fits, over both families', async () => {
    const { ends, largest } = narrow(1332);
    const { stackA, stackB, wgA } = await tcpMtu(ends[0] as object, ends[1] as object, 1420);
    await sentIntact(stackA, stackB, 200_000, inner(2));
    await sentIntact(stackA, stackB, 200_000, 'fd09::2');
    expect(largest()).toBe(1332);
    expect(wgA.statistics.dropped.tooLarge).toBeGreaterThan(0);
  });
});

describe('a path whose MTU gets smaller', () => {
  test.each([
    [4, 1400, true],
    [4, 1400, false],
    [6, 1400, true],
    [4, 1300, false], // too small for IPv6 in the tunnel: its packets are fragmented outside
  ] as const)(
    'of IPv%i to %i is followed by a connected socket, dontFragment: %s',
    async (family, mtu, dontFragment) => {
      const outer = await wiredPair();
      const ends = ENDS[family];
      const connected = (stack: typeof outer.a, host: string) =>
        stack.openUdp({ port: 51820, remote: { host, port: 51820 }, dontFragment });
      const [udpA, udpB] = [await connected(outer.a, ends.b), await connected(outer.b, ends.a)];
      const host = family === 6 ? `[${ends.b}]` : ends.b;
      const { stackA, stackB, wgA } = await tunnel(udpA, udpB, { endpoint: `${host}:51820` });
      await sentIntact(stackA, stackB, 100_000, inner(2));
      expect(wgA.statistics.dropped.tooLarge).toBe(0);
      await Promise.all([outer.tapA.setMtu(mtu), outer.tapB.setMtu(mtu)]);
      await sentIntact(stackA, stackB, 100_000, inner(2));
      await sentIntact(stackA, stackB, 100_000, 'fd09::2');
      expect(udpA.pathMtu).toBe(mtu);
      expect(wgA.statistics.dropped.tooLarge).toBeGreaterThan(0);
    },
  );
});
