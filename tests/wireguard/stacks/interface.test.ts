// SPDX-License-Identifier: MIT
// interface.test - WireGuard interfaces of stacks: over UDP of other stacks, peers, routes, keys, closing

import type { UdpSocket } from 'ringstack';
import { createWireGuard, generateKey, generatePresharedKey, publicKey } from 'ringstack-wireguard';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { sentIntact } from '../../helpers/links.ts';
import { ENDS, openStack, wiredPair } from '../../helpers/net.ts';
import { directPair, inner, open, overUdp } from '../tunnel.ts';

describe('over UDP of a stack', () => {
  test.each([4, 6] as const)('of IPv%i, TCP of both families crosses intact', async (family) => {
    const { stackA, stackB, wgA, wgB } = await overUdp({ family });
    await sentIntact(stackA, stackB, 3_000_000, inner(2));
    await sentIntact(stackB, stackA, 300_000, 'fd09::1');
    const [peer] = wgA.peers();
    expect(peer?.endpoint).toEqual({ host: ENDS[family].b, port: 51820 });
    expect(wgB.peers()[0]?.endpoint).toEqual({ host: ENDS[family].a, port: 51820 });
    expect(Math.abs(Date.now() - (peer?.latestHandshake ?? 0))).toBeLessThan(60_000);
    expect(peer?.rxBytes).toBeGreaterThan(3_000_000);
    expect(wgB.peers()[0]?.txBytes).toBeGreaterThan(3_000_000);
    for (const { statistics } of [wgA, wgB]) {
      expect([statistics.rxDropped, statistics.txDropped]).toEqual([0, 0]);
      const { dropped } = statistics;
      expect(Object.entries(dropped).filter(([, count]) => count > 0)).toEqual([]);
    }
  });

  test('with a preshared key, and pings', async () => {
    const { stackA } = await overUdp({ presharedKey: generatePresharedKey() });
    await using session = await stackA.createPingSession({ host: inner(2) });
    for (const payload of [0, 56, 1300]) {
      const reply = await session.ping({ payload: new Uint8Array(payload).fill(7) });
      expect(reply.payload).toEqual(new Uint8Array(payload).fill(7));
    }
  });

  test('a peer that moves to another port is followed', async () => {
    const { outer, stackA, stackB, wgA, wgB, udpA } = await overUdp();
    await sentIntact(stackA, stackB, 10_000, inner(2));
    const key = generateKey();
    await wgA.close();
    await udpA.close();
    const socket = await outer.a.openUdp({ port: 40000 });
    const again = await open(stackA, {
      privateKey: key,
      ip: `${inner(1)}/24`,
      transport: socket,
      peers: [{ publicKey: wgB.publicKey, allowedIps: [inner(2)], endpoint: `${ENDS[4].b}:51820` }],
    });
    await wgB.setPeer({ publicKey: again.publicKey, allowedIps: [inner(1)] });
    await sentIntact(stackA, stackB, 10_000, inner(2));
    const moved = wgB.peers().find((peer) => peer.publicKey === again.publicKey);
    expect(moved?.endpoint).toEqual({ host: ENDS[4].a, port: 40000 });
    expect(wgB.peers().find((peer) => peer.publicKey !== again.publicKey)?.allowedIps).toEqual([
      'fd09::1/128',
    ]);
  });

  test('an interface goes through another one', async () => {
    const { stackA, stackB } = await overUdp();
    const transports: UdpSocket[] = [
      await stackA.openUdp({ port: 7 }),
      await stackB.openUdp({ port: 7 }),
    ];
    const [innerA, innerB] = [await openStack(), await openStack()];
    const [keyA, keyB] = [generateKey(), generateKey()];
    await open(innerA, {
      privateKey: keyA,
      ip: '10.8.0.1/24',
      mtu: 1340,
      transport: transports[0] as object,
      peers: [
        {
          publicKey: await publicKey(keyB),
          allowedIps: ['10.8.0.0/24'],
          endpoint: `${inner(2)}:7`,
        },
      ],
    });
    await open(innerB, {
      privateKey: keyB,
      ip: '10.8.0.2/24',
      mtu: 1340,
      transport: transports[1] as object,
      peers: [{ publicKey: await publicKey(keyA), allowedIps: ['10.8.0.1/32'] }],
    });
    await sentIntact(innerA, innerB, 500_000, '10.8.0.2');
  });
});

describe('peers', () => {
  test('have routes of their allowed IPs, which come and go with them', async () => {
    const stack = await openStack();
    const outer = await openStack();
    const wg = await open(stack, {
      privateKey: generateKey(),
      ip: '10.9.0.1/32',
      transport: await outer.openUdp(),
    });
    const [one, other] = [await publicKey(generateKey()), await publicKey(generateKey())];
    const routes = async (): Promise<string[]> =>
      (await stack.routes.list())
        .filter((route) => route.interface === wg.tun && route.kind === 'added')
        .map(({ destination }) => destination)
        .sort();
    await wg.setPeer({ publicKey: one, allowedIps: ['10.1.2.3/16', 'fd01::5/64', '10.9.0.9'] });
    expect(await routes()).toEqual(['10.1.0.0/16', '10.9.0.9/32', 'fd01::/64']);
    await wg.setPeer({ publicKey: other, allowedIps: ['10.1.0.0/16', '0.0.0.0/0'] });
    expect(wg.peers().map(({ allowedIps }) => allowedIps)).toEqual([
      ['fd01::/64', '10.9.0.9/32'],
      ['10.1.0.0/16', '0.0.0.0/0'],
    ]);
    expect(await routes()).toEqual(['0.0.0.0/0', '10.1.0.0/16', '10.9.0.9/32', 'fd01::/64']);
    await wg.setPeer({ publicKey: other, persistentKeepalive: 25 });
    expect(wg.peers()[1]).toMatchObject({ persistentKeepalive: 25, hasPresharedKey: false });
    await wg.setPeer({ publicKey: other, presharedKey: generatePresharedKey() });
    expect(wg.peers()[1]?.hasPresharedKey).toBe(true);
    await wg.setPeer({ publicKey: other, presharedKey: null });
    expect(wg.peers()[1]?.hasPresharedKey).toBe(false);
    await wg.removePeer(one);
    expect(await routes()).toEqual(['0.0.0.0/0', '10.1.0.0/16']);
    await wg.removePeer(one);
    expect(wg.peers()).toHaveLength(1);
  });

  test('that cannot be are refused with a reason', async () => {
    const key = generateKey();
    const wg = await open(await openStack(), { privateKey: key, transport: directPair()[0] });
    const other = await publicKey(generateKey());
    const refused = async (peer: object, message: RegExp): Promise<void> => {
      const setting = wg.setPeer({ publicKey: other, ...peer });
      await expect(setting).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(setting).rejects.toThrow(message);
    };
    await refused({ publicKey: wg.publicKey }, /our own key/);
    await refused({ publicKey: `${'A'.repeat(43)}=` }, /none that anybody has/);
    await refused({ publicKey: 'short' }, /32 bytes/);
    await refused({ presharedKey: '' }, /32 bytes/);
    await refused({ allowedIps: ['10.0.0.0/33'] }, /prefix/);
    await refused({ endpoint: '10.0.0.1' }, /address and a port/);
    await refused({ endpoint: 'host.example:80' }, /resolve/);
    await refused({ endpoint: { host: '10.0.0.1', port: 0 } }, /port/);
    await refused({ persistentKeepalive: -1 }, /0 to 65535/);
    await refused({ transport: 1 }, /transport/);
    await refused({ color: 'red' }, /color/);
    expect(wg.peers()).toEqual([]);
  });

  test('are found by name where that is told', async () => {
    const wg = await open(await openStack(), {
      privateKey: generateKey(),
      transport: directPair()[0],
      resolve: async (host) => (host === 'peer.example' ? '192.0.2.7' : ''),
    });
    await wg.setPeer({ publicKey: await publicKey(generateKey()), endpoint: 'peer.example:51820' });
    expect(wg.peers()[0]?.endpoint).toEqual({ host: '192.0.2.7', port: 51820 });
  });

  test('shake hands again after our key changed, if they know the new one', async () => {
    const { stackA, stackB, wgA, wgB } = await overUdp();
    await sentIntact(stackA, stackB, 1000, inner(2));
    const old = wgA.publicKey;
    await wgA.setPrivateKey(generateKey());
    expect(wgA.publicKey).not.toBe(old);
    await wgB.setPeer({ publicKey: wgA.publicKey, allowedIps: [`${inner(1)}/32`] });
    await sentIntact(stackA, stackB, 1000, inner(2));
  });
});

describe('closing', () => {
  test('frees the tun, its routes, the locks of sockets, and settles', async () => {
    const { outer, stackA, wgA, udpA } = await overUdp();
    const size = stackA.interfaces.size;
    await Promise.all([wgA.close(), wgA.close()]);
    await wgA.closed;
    expect(stackA.interfaces.size).toBe(size - 1);
    expect(await stackA.routes.lookup(inner(2))).toBeNull();
    udpA.getRingReader().releaseLock();
    udpA.getRingWriter().releaseLock();
    expect(wgA.peers()).toEqual([]);
    await expect(wgA.setPeer({ publicKey: wgA.publicKey })).rejects.toMatchObject({
      code: 'EBADF',
    });
    expect(outer.a.interfaces.size).toBe(1);
  });

  test('happens by itself with the stack, and with the tun', async () => {
    const [one, other] = [await overUdp(), await overUdp()];
    await one.stackA.close();
    await one.wgA.closed;
    await other.stackA.removeInterface(other.wgA.tun);
    await other.wgA.closed;
  });

  test('frees the arena however often interfaces are made', async () => {
    const stack = await openStack();
    const make = async (): Promise<void> => {
      const wg = await createWireGuard(stack, {
        privateKey: generateKey(),
        ip: '10.9.0.1/24',
        transport: directPair()[0],
        peers: [{ publicKey: await publicKey(generateKey()), allowedIps: ['10.9.0.0/24'] }],
      });
      await wg.close();
    };
    await make();
    const { heapBytes } = stack.statistics;
    for (let i = 0; i < 20; i++) await make();
    expect(stack.statistics.heapBytes).toBe(heapBytes);
  });

  test('what cannot be created leaves nothing behind', async () => {
    const stack = await openStack();
    const { size } = stack.interfaces;
    const privateKey = generateKey();
    const refused = async (options: object, message: RegExp): Promise<void> => {
      const creating = createWireGuard(stack, {
        privateKey,
        transport: directPair()[0],
        ...options,
      });
      await expect(creating).rejects.toThrow(message);
      expect(stack.interfaces.size).toBe(size);
    };
    await refused(
      { privateKey: 'secret' },
      /^Cannot create a WireGuard interface with this private/,
    );
    await refused({ transport: {} }, /transport/);
    await refused({ transport: 7 }, /transport/);
    await refused({ mtu: 100 }, /576 to 65455/);
    await refused({ peers: [{ publicKey: 'x' }] }, /public key/);
    await refused({ wasm: new Uint8Array(8) }, /wireguard.wasm/);
    await refused({ ip: '10.0.0.1/99' }, /prefix/);
  });
});

/** Puts something in the place of `navigator` until the running test ends. */
function setNavigator(value: object): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
  onTestFinished(() => {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  });
}

describe('the key', () => {
  test('that is in use by two interfaces is warned of, where there are Web Locks', async () => {
    const held = new Set<string>();
    setNavigator({
      locks: {
        async request(name: string, _: object, callback: (lock: unknown) => Promise<void>) {
          const isFree = !held.has(name);
          if (isFree) held.add(name);
          await callback(isFree ? {} : null);
          if (isFree) held.delete(name);
        },
      },
    });
    const privateKey = generateKey();
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const make = async () =>
      open(await openStack(), { privateKey, warn, transport: directPair()[0] });
    const first = await make();
    expect(warnings).toEqual([]);
    const second = await make();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(await publicKey(privateKey));
    expect(warnings[0]).not.toContain(privateKey);
    await second.close();
    await first.close();
    await make();
    expect(warnings).toHaveLength(1);
  });

  test('has times of handshakes that only go forward, kept where the program says', async () => {
    const kept = new Map<string, string>();
    const timestamps = {
      get: async (key: string) => kept.get(key),
      set: (key: string, time: string) => void kept.set(key, time),
    };
    const outer = await wiredPair();
    const transport = await outer.a.openUdp({ port: 1 });
    const udpB = await outer.b.openUdp({ port: 2 });
    const privateKey = generateKey();
    const stackB = await openStack();
    const wgB = await open(stackB, {
      privateKey: generateKey(),
      ip: '10.9.0.2/24',
      transport: udpB,
    });
    await wgB.setPeer({ publicKey: await publicKey(privateKey), allowedIps: ['10.9.0.1'] });
    const once = async (): Promise<void> => {
      const stack = await openStack();
      const wg = await createWireGuard(stack, {
        privateKey,
        timestamps,
        ip: '10.9.0.1/24',
        transport,
        peers: [{ publicKey: wgB.publicKey, allowedIps: ['10.9.0.2'], endpoint: `${ENDS[4].b}:2` }],
      });
      await sentIntact(stack, stackB, 1000, '10.9.0.2');
      await wg.close();
    };
    await once();
    const first = BigInt([...kept.values()][0] ?? 0);
    // The clock of the next page is behind: an hour ago.
    const behind = Date.now() - 3_600_000;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => behind);
    onTestFinished(() => clock.mockRestore());
    await once();
    expect(BigInt([...kept.values()][0] ?? 0)).toBeGreaterThan(first);
  });
});
