// SPDX-License-Identifier: MIT
// slaac.test - solicitRouter() and routers made by hand: lifetimes, several routers, garbage, floods

import { type RouterMessage, type SlaacOptions, solicitRouter } from 'ringstack/dhcp';
import { expect, onTestFinished, test, vi } from 'vitest';
import { buildNdp, type NdpOptions } from '../../js/codec/ndp.ts';
import { NetError } from '../../js/errors.ts';
import { fakeTime } from '../helpers/dhcp_peer.ts';

const HOUR = 3_600_000;
const PREFIX = { prefix: 'fd00::', length: 64, validLifetime: 7200, preferredLifetime: 3600 };

interface Said extends Partial<RouterMessage> {
  readonly lifetime?: number;
  readonly preference?: 'low' | 'medium' | 'high';
  readonly options?: NdpOptions;
}

/** An interface and its stack, which note what they are told. */
class Bench {
  readonly log: string[] = [];
  readonly sent: Uint8Array[] = [];
  readonly statistics = { dropped: 0 };
  readonly taken = new Set<string>();
  readonly given = new Set<string>();
  isOpen = true;
  room = 3;
  #incoming: RouterMessage[] = [];
  #wake = (): void => {};
  #close = (): void => {};
  readonly iface = {
    mac: '02:00:00:00:00:07',
    addresses: [] as string[],
    mtu: 1500,
    statistics: this.statistics,
    addAddress: async (cidr: string, options: { deprecated?: boolean } = {}) => {
      if (cidr.startsWith('fe80')) return;
      if (this.given.has(cidr)) {
        this.log.push(`${options.deprecated ? 'deprecated' : 'preferred'} ${cidr}`);
        return;
      }
      if (this.taken.delete('next')) throw new NetError('EADDRINUSE', 'Cannot add it');
      if (this.room === 0) throw new NetError('ENOBUFS', 'Cannot add it');
      this.room--;
      this.given.add(cidr);
      this.log.push(`+${cidr}`);
    },
    removeAddress: async (cidr: string) => {
      if (cidr.startsWith('fe80')) return;
      this.room++;
      this.given.delete(cidr);
      this.log.push(`-${cidr}`);
    },
    setGateway: async (ip: string | null) => void this.log.push(`via ${ip}`),
    setMtu: async (mtu: number) => void this.log.push(`mtu ${mtu}`),
  };
  readonly stack = {
    openIcmp: async () => {
      const closed = new Promise<void>((resolve) => {
        this.#close = resolve;
      });
      const bench = this;
      return {
        closed,
        send: async (data: Uint8Array) => void this.sent.push(data),
        join: async () => {},
        close: async () => this.end(),
        async *[Symbol.asyncIterator]() {
          while (bench.isOpen) {
            const message = bench.#incoming.shift();
            if (message) yield message;
            else {
              await new Promise<void>((resolve) => {
                bench.#wake = resolve;
              });
            }
          }
        },
      };
    },
    routes: {
      add: async ({ destination }: { destination: string }) => {
        this.log.push(`route ${destination}`);
        return { remove: () => void this.log.push(`no route ${destination}`) };
      },
    },
  };

  end(): void {
    this.isOpen = false;
    this.#close();
    this.#wake();
  }

  /** An advertisement comes. */
  async say({ lifetime = 1800, preference, options = {}, ...more }: Said = {}): Promise<void> {
    const host = more.host ?? 'fe80::1';
    const data = buildNdp(
      { source: host.replace(/%.*/, ''), destination: 'ff02::1' },
      { kind: 'routerAdvertisement', lifetime, ...(preference && { preference }), options },
    );
    this.#incoming.push({ host, data, ttl: 255, ...more });
    this.#wake();
    await vi.advanceTimersByTimeAsync(0);
  }

  /** A client that has its first address. */
  async start(options: SlaacOptions = {}) {
    fakeTime();
    const asking = solicitRouter(this.iface, { stack: this.stack, information: false, ...options });
    asking.catch(() => {});
    await vi.advanceTimersByTimeAsync(0);
    await this.say({ options: { prefixes: [PREFIX] } });
    const client = await asking;
    onTestFinished(() => client.close());
    return client;
  }

  /** The log since the last time; addresses without their identifier. */
  told(): string[] {
    return this.log
      .splice(0)
      .map((line) => line.replace(/^((?:[+-]|\w+ed )fd\d\d::?).*(\/\d+)$/, '$1…$2'));
  }
}

const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('solicits until a router answers: at once while unplugged, then after 4, 8, 16 s', async () => {
  const bench = new Bench();
  fakeTime();
  const asking = solicitRouter(bench.iface, { stack: bench.stack, timeout: 100_000 });
  asking.catch(() => {});
  await advance(0);
  for (let i = 0; i < 4; i++) {
    bench.statistics.dropped++; // nothing reads the frames of the tap
    await advance(250);
  }
  expect(bench.sent).toHaveLength(5);
  expect(bench.sent[0]?.[0]).toBe(133);
  await advance(35_000);
  expect(bench.sent).toHaveLength(8);
  await bench.say({ options: { prefixes: [PREFIX] } });
  const client = await asking;
  await advance(HOUR / 6);
  expect(bench.sent).toHaveLength(8);
  await client.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('an address lasts as long as its prefix, a router as long as it says', async () => {
  const bench = new Bench();
  const client = await bench.start();
  expect(bench.told()).toEqual(['via fe80::1', '+fd00::…/64']);
  await advance(1_801_000);
  expect(bench.told()).toEqual(['via null']);
  expect(client.router).toBeUndefined();
  expect(client.addresses).toHaveLength(1);
  const solicitations = bench.sent.length;
  await advance(5_000);
  expect(bench.sent.length).toBeGreaterThan(solicitations); // it asks for another router
  await advance(2 * HOUR);
  expect(bench.told()).toEqual(['deprecated fd00::…/64', '-fd00::…/64']);
  expect(client.addresses).toEqual([]);
});

test('an address is no source while its network is not preferred', async () => {
  const bench = new Bench();
  const client = await bench.start();
  bench.told();
  await advance(3_599_000);
  expect(bench.told()).toEqual(['via null']);
  await advance(2_000);
  expect(bench.told()).toEqual(['deprecated fd00::…/64']);
  expect(client.addresses).toHaveLength(1);
  // One check, not one after another.
  const timers = vi.getTimerCount();
  await advance(60_000);
  expect([vi.getTimerCount(), bench.told()]).toEqual([timers, []]);
  await bench.say({ options: { prefixes: [PREFIX] } });
  expect(bench.told()).toEqual(['via fe80::1', 'preferred fd00::…/64']);
  await bench.say({ options: { prefixes: [{ ...PREFIX, preferredLifetime: 0 }] } });
  expect(bench.told()).toEqual(['deprecated fd00::…/64']);
});

test('lifetimes of a second end after a second, again and again', async () => {
  const bench = new Bench();
  const client = await bench.start();
  bench.told();
  const short = { ...PREFIX, prefix: 'fd01::', validLifetime: 1, preferredLifetime: 1 };
  const dnsServers = { lifetime: 1, values: ['fd01::53'] };
  for (let i = 0; i < 3; i++) {
    await bench.say({ host: 'fe80::2', lifetime: 1, options: { prefixes: [short], dnsServers } });
    expect(client.dnsServers).toEqual(['fd01::53']);
    await advance(1_100);
    expect(client.dnsServers).toEqual([]);
  }
  expect(bench.told()).toEqual(Array(3).fill(['+fd01::…/64', '-fd01::…/64']).flat());
  expect(client.router).toBe('fe80::1');
});

test('an advertisement cannot end an address earlier than in two hours', async () => {
  const bench = new Bench();
  const client = await bench.start();
  const [address] = client.addresses;
  const long = { ...PREFIX, validLifetime: 86_400 };
  const short = { ...PREFIX, validLifetime: 1, preferredLifetime: 1 };
  await bench.say({ options: { prefixes: [long] } });
  await bench.say({ host: 'fe80::bad', options: { prefixes: [short] } });
  await advance(2 * HOUR - 2_000);
  expect(client.addresses).toEqual([address]);
  await advance(3_000);
  expect(client.addresses).toEqual([]);
});

test('of several routers the most preferred is used, and the next one when it goes', async () => {
  const bench = new Bench();
  const client = await bench.start();
  await bench.say({ host: 'fe80::2', preference: 'high' });
  await bench.say({ host: 'fe80::3', preference: 'low' });
  expect(client.router).toBe('fe80::2');
  await bench.say({ host: 'fe80::2', lifetime: 0 });
  expect(client.router).toBe('fe80::1');
  await bench.say({ host: 'fe80::1', lifetime: 0 });
  expect(client.router).toBe('fe80::3');
});

test('MTU, routes of the link, and addresses that are not on the link', async () => {
  const bench = new Bench();
  const client = await bench.start();
  bench.told();
  for (const mtu of [1279, 1501, 1280]) await bench.say({ options: { mtu } });
  const link = { ...PREFIX, prefix: 'fd02::', length: 48, isAutonomous: false };
  const off = { ...PREFIX, prefix: 'fd03::', isOnLink: false };
  const none = { ...PREFIX, prefix: 'fd04::', isOnLink: false, isAutonomous: false };
  const wrong = { ...PREFIX, prefix: 'fd05::', preferredLifetime: 7201 };
  const local = { ...PREFIX, prefix: 'fe80::' };
  const group = { ...PREFIX, prefix: 'ff02::' };
  await bench.say({ options: { prefixes: [link, off, none, wrong, local, group] } });
  expect(bench.told()).toEqual(['mtu 1280', 'route fd02::/48', '+fd03::…/128']);
  await client.close();
  const removed = ['-fd00::…/64', '-fd03::…/128', 'no route fd02::/48'];
  expect(bench.told().sort()).toEqual([...removed, 'via null', 'mtu 1500'].sort());
});

test('three addresses in use by others, and it gives up that network', async () => {
  const bench = new Bench();
  const client = await bench.start();
  const events: unknown[] = [];
  const loop = (async () => {
    for await (const { kind } of client.events) events.push(kind);
  })();
  bench.iface.addAddress = async () => {
    throw new NetError('EADDRINUSE', 'Cannot add it');
  };
  const prefixes = [{ ...PREFIX, prefix: 'fd09::' }];
  for (let i = 0; i < 3; i++) await bench.say({ options: { prefixes } });
  expect(client.statistics.conflicts).toBe(3);
  expect(client.addresses).toHaveLength(1);
  await client.close();
  await loop;
  expect(events).toEqual(['conflict', 'conflict', 'conflict']);
});

test('an address whose network is not preferred any more makes room for another', async () => {
  const bench = new Bench();
  const client = await bench.start();
  const many = ['fd01::', 'fd02::', 'fd03::'].map((prefix) => ({ ...PREFIX, prefix }));
  await bench.say({ options: { prefixes: many } });
  expect(client.addresses).toHaveLength(3);
  expect(client.statistics.droppedLimit).toBe(1);
  bench.told();
  const old = { ...PREFIX, preferredLifetime: 0 };
  await bench.say({ options: { prefixes: [old, { ...PREFIX, prefix: 'fd04::' }] } });
  expect(bench.told()).toEqual(['deprecated fd00::…/64', '-fd00::…/64', '+fd04::…/64']);
});

test.each<[string, Said]>([
  ['a router has passed on', { ttl: 254 }],
  ['comes from a global address', { host: 'fd00::1' }],
  ['is cut', { data: Uint8Array.of(134, 0, 0, 0, 64, 0) }],
  [
    'has an option of length 0',
    {
      data: Uint8Array.of(
        134,
        0,
        0,
        0,
        64,
        0,
        7,
        8,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        3,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
      ),
    },
  ],
])('an advertisement that %s is dropped and counted', async (_, said) => {
  const bench = new Bench();
  const client = await bench.start();
  bench.told();
  await bench.say({ ...said, options: { prefixes: [{ ...PREFIX, prefix: 'fd66::' }] } });
  expect(bench.told()).toEqual([]);
  expect(client.statistics).toMatchObject({ advertisements: 1, droppedMalformed: 1 });
});

test('a flood of routers, prefixes and servers fills lists of eight, and is counted', async () => {
  const bench = new Bench();
  const client = await bench.start();
  for (let i = 0; i < 200; i++) {
    const dnsServers = { lifetime: 600, values: [`fd00::${i + 1}`] };
    const prefixes = [{ ...PREFIX, prefix: `fd10:${i}::` }];
    await bench.say({ host: `fe80::${i + 10}`, options: { dnsServers, prefixes } });
    await advance(20);
  }
  expect(client.dnsServers).toHaveLength(8);
  expect(client.addresses).toHaveLength(3);
  expect(client.router).toBe('fe80::1');
  const { advertisements, droppedLimit } = client.statistics;
  expect(advertisements).toBeLessThan(110); // 20 at once and 20 a second, for 4 s
  expect(droppedLimit).toBeGreaterThan(300);
});

test('the end of the interface ends it', async () => {
  const bench = new Bench();
  const client = await bench.start();
  bench.end();
  await client.closed;
  expect(vi.getTimerCount()).toBe(0);
});

test('refuses what cannot work', async () => {
  const { iface, stack } = new Bench();
  const refused = (options: object) => solicitRouter(iface, { stack, ...options } as never);
  await expect(refused({ timeout: 0 })).rejects.toThrow(/timeout 0: must be a whole number/);
  await expect(refused({ secret: 'x' })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(solicitRouter(iface)).rejects.toThrow(/must be a tap of a stack/);
});
