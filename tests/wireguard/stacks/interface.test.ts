// SPDX-License-Identifier: MIT
// interface.test - WireGuard interfaces of stacks, over UDP of other stacks and over whatever carries datagrams

import { createSocket } from 'node:dgram';
import type { NetworkStack, UdpSocket } from 'ringstack';
import {
  createWireGuard,
  generateKey,
  generatePresharedKey,
  publicKey,
  type WireGuardInterface,
  type WireGuardOptions,
  type WireGuardSink,
  type WireGuardTransport,
} from 'ringstack-wireguard';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { sentIntact } from '../../helpers/links.ts';
import { ENDS, openStack, wiredPair } from '../../helpers/net.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Our address in the tunnel, on side 1 or 2. */
const inner = (side: number): string => `10.9.0.${side}`;

/** An interface that is closed when the running test ends. */
async function open(stack: NetworkStack, options: WireGuardOptions): Promise<WireGuardInterface> {
  const wg = await createWireGuard(stack, options);
  onTestFinished(() => wg.close());
  return wg;
}

interface TunnelOptions {
  readonly a?: Partial<WireGuardOptions>;
  readonly b?: Partial<WireGuardOptions>;
  readonly presharedKey?: string;
  readonly endpoint?: string | undefined;
}

/** Two stacks with an interface each over the transports that are given. */
async function tunnel(a: object, b: object, options: TunnelOptions = {}) {
  const [stackA, stackB] = [await openStack(), await openStack()];
  const [keyA, keyB] = [generateKey(), generateKey()];
  const { presharedKey, endpoint } = options;
  const secret = presharedKey === undefined ? {} : { presharedKey };
  const ip = (side: number): string[] => [`${inner(side)}/24`, `fd09::${side}/64`];
  const allowedIps = (side: number): string[] => [`${inner(side)}/32`, `fd09::${side}/128`];
  const wgA = await open(stackA, {
    privateKey: keyA,
    ip: ip(1),
    transport: a,
    peers: [
      {
        publicKey: await publicKey(keyB),
        allowedIps: allowedIps(2),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...secret,
      },
    ],
    ...options.a,
  });
  const wgB = await open(stackB, {
    privateKey: keyB,
    ip: ip(2),
    transport: b,
    peers: [{ publicKey: wgA.publicKey, allowedIps: allowedIps(1), ...secret }],
    ...options.b,
  });
  return { stackA, stackB, wgA, wgB };
}

/** Over UDP of two more stacks on a wire. */
async function overUdp(options: TunnelOptions & { family?: 4 | 6 } = {}) {
  const outer = await wiredPair();
  const host = ENDS[options.family ?? 4].b;
  const udpA = await outer.a.openUdp({ port: 51820 });
  const udpB = await outer.b.openUdp({ port: 51820 });
  const endpoint = host.includes(':') ? `[${host}]:51820` : `${host}:51820`;
  return { outer, udpA, udpB, ...(await tunnel(udpA, udpB, { endpoint, ...options })) };
}

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

/** Two ends that pass datagrams on from inside send(). */
function directPair(): [WireGuardTransport, WireGuardTransport] {
  const sinks: (WireGuardSink | undefined)[] = [];
  const end = (own: number): WireGuardTransport => ({
    isSession: true,
    start: (sink) => void (sinks[own] = sink),
    send(data) {
      sinks[1 - own]?.receive(data);
      return true;
    },
    room: () => undefined,
    stop: () => void (sinks[own] = undefined),
  });
  return [end(0), end(1)];
}

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

describe('the key', () => {
  test('that is in use by two interfaces is warned of, where there are Web Locks', async () => {
    const held = new Set<string>();
    vi.stubGlobal('navigator', {
      locks: {
        async request(name: string, _: object, callback: (lock: unknown) => Promise<void>) {
          const isFree = !held.has(name);
          if (isFree) held.add(name);
          await callback(isFree ? {} : null);
          if (isFree) held.delete(name);
        },
      },
    });
    onTestFinished(() => void vi.unstubAllGlobals());
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
    vi.spyOn(Date, 'now').mockImplementation(() => behind);
    await once();
    expect(BigInt([...kept.values()][0] ?? 0)).toBeGreaterThan(first);
  });
});
