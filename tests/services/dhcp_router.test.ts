// SPDX-License-Identifier: MIT
// dhcp_router.test - router advertisements: their contents, their times, and answers to hosts

import { advertiseRouter, type RouterMessage, type RouterOptions } from 'ringstack/dhcp';
import { connect } from 'ringstack/link';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseIcmp } from '../../js/codec/icmp.ts';
import { buildNdp, parseNdp } from '../../js/codec/ndp.ts';
import { fakeTime } from '../helpers/dhcp_peer.ts';
import { openStack } from '../helpers/net.ts';

const MAC = '02:00:00:00:00:01';
const ALL = 'ff02::1';

/** A stack that notes what is sent. */
class HandStack {
  readonly sent: { data: Uint8Array; host: string }[] = [];
  readonly joined: string[] = [];
  readonly iface = { mac: MAC, addresses: ['10.0.0.1/24', 'fd00::1/64', 'fe80::1/64'], mtu: 1400 };
  isOpen = false;
  opened: unknown;
  #close = (): void => {};
  readonly #queue: RouterMessage[] = [];
  #wake = (): void => {};

  async openIcmp(options: unknown) {
    this.opened = options;
    this.isOpen = true;
    const closed = new Promise<void>((resolve) => {
      this.#close = resolve;
    });
    const stack = this;
    return {
      closed,
      send: async (data: Uint8Array, host: string) => void this.sent.push({ data, host }),
      join: async (group: string) => void this.joined.push(group),
      close: async () => this.end(),
      async *[Symbol.asyncIterator]() {
        while (stack.isOpen) {
          const message = stack.#queue.shift();
          if (message) yield message;
          else {
            await new Promise<void>((resolve) => {
              stack.#wake = resolve;
            });
          }
        }
      },
    };
  }

  /** The socket is closed, as when the stack goes. */
  end(): void {
    this.isOpen = false;
    this.#close();
    this.#wake();
  }

  async solicit(host: string, more: Partial<RouterMessage> = {}): Promise<void> {
    const sourceMac = host === '::' ? undefined : '02:00:00:00:00:02';
    const fields = { kind: 'routerSolicitation' as const, options: sourceMac ? { sourceMac } : {} };
    const data = buildNdp({ source: host, destination: 'ff02::2' }, fields);
    this.#queue.push({ host, data, ttl: 255, ...more });
    this.#wake();
    await vi.advanceTimersByTimeAsync(0);
  }

  async start(options: RouterOptions = {}) {
    fakeTime();
    const router = await advertiseRouter(this.iface, { stack: this, ...options });
    onTestFinished(() => router.close());
    return router;
  }

  said(i: number) {
    const message = parseIcmp(this.sent.at(i)?.data ?? new Uint8Array());
    const read = message && parseNdp(message);
    if (read?.kind !== 'routerAdvertisement') throw new Error('it is no advertisement');
    return read;
  }
}

test('an advertisement says what its options say; the last one takes it back', async () => {
  const stack = new HandStack();
  const router = await stack.start({
    dnsServers: ['fd00::53'],
    searchDomains: ['lan'],
    managed: true,
    other: true,
    preference: 'high',
    interval: 100,
  });
  expect(stack.opened).toEqual({ family: 6, ttl: 255, interface: stack.iface });
  expect(stack.joined).toEqual(['ff02::2']);
  expect(stack.sent.map(({ host }) => host)).toEqual([ALL]);
  expect(stack.said(0)).toMatchObject({
    hopLimit: 64,
    isManaged: true,
    hasOtherConfig: true,
    preference: 'high',
    lifetime: 1800,
    options: {
      sourceMac: MAC,
      mtu: 1400,
      prefixes: [{ prefix: 'fd00::', length: 64, isOnLink: true, isAutonomous: true }],
      dnsServers: { lifetime: 300, values: ['fd00::53'] },
      searchDomains: { lifetime: 300, values: ['lan'] },
    },
  });
  await router.close();
  await router.closed;
  expect(stack.said(-1)).toMatchObject({ lifetime: 0, options: { dnsServers: { lifetime: 0 } } });
  expect(stack.isOpen).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
  expect(() => router.update({})).toThrow(expect.objectContaining({ code: 'ESHUTDOWN' }));
});

test('three at first, then at random times within the interval', async () => {
  const stack = new HandStack();
  await stack.start({ interval: 600 });
  await vi.advanceTimersByTimeAsync(32_000);
  expect(stack.sent).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(199_000);
  expect(stack.sent).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(401_000);
  expect(stack.sent.length).toBeGreaterThanOrEqual(4);
});

test('a host with an address is answered alone, one without with all, at most every 3 s', async () => {
  const stack = new HandStack();
  const router = await stack.start();
  await stack.solicit('fe80::2');
  expect(stack.sent.map(({ host }) => host)).toEqual([ALL, 'fe80::2']);
  for (let i = 0; i < 10; i++) await stack.solicit('::');
  await vi.advanceTimersByTimeAsync(2_900);
  expect(stack.sent).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(700);
  expect(stack.sent.map(({ host }) => host)).toEqual([ALL, 'fe80::2', ALL]);
  for (let i = 0; i < 100; i++) await stack.solicit('fe80::2');
  expect(router.statistics.droppedLimit).toBeGreaterThan(30);
  expect(router.statistics.sent).toBeLessThan(70);
});

test.each([
  ['from behind a router', 'fe80::2', { ttl: 254 }],
  ['cut', 'fe80::2', { data: Uint8Array.of(133, 0, 0, 0) }],
  [
    'with an option of length 0',
    'fe80::2',
    { data: Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0, 1, 0) },
  ],
  ['from a group', 'ff02::9', {}],
])('a solicitation %s is dropped and counted', async (_, host, more) => {
  const stack = new HandStack();
  const router = await stack.start();
  await stack.solicit(host, more);
  expect(stack.sent).toHaveLength(1);
  expect(router.statistics.droppedMalformed).toBe(1);
});

test('update() tells all hosts at once, and the end of the stack ends it', async () => {
  const stack = new HandStack();
  const router = await stack.start();
  await vi.advanceTimersByTimeAsync(5_000);
  router.update({ lifetime: 0, prefix: [{ prefix: 'fd01::7/48', autonomous: false }] });
  await vi.advanceTimersByTimeAsync(0);
  expect(stack.said(-1)).toMatchObject({
    lifetime: 0,
    options: { prefixes: [{ prefix: 'fd01::', length: 48, isAutonomous: false }] },
  });
  stack.end();
  await router.closed;
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  [{ prefix: '10.0.0.0/24' }, /must be an IPv6 network/],
  [{ prefix: 'x' }, /x/],
  [{ lifetime: 9001 }, /lifetime 9001: must be a whole number from 0 to 9000 s/],
  [{ interval: 3 }, /interval 3: must be a whole number from 4 to 1800 s/],
  [{ dnsServers: ['10.0.0.1'] }, /10\.0\.0\.1/],
  [{ searchDomains: ['a b'] }, /a b/],
  [{ preference: 'best' }, /one of 'low', 'medium', 'high'/],
])('refuses %j', async (wrong, message) => {
  const stack = new HandStack();
  await expect(advertiseRouter(stack.iface, { stack, ...wrong } as never)).rejects.toThrow(message);
  expect(stack.isOpen).toBe(false);
});

test('over two stacks: the other one hears it', async () => {
  const a = await openStack();
  const b = await openStack();
  const tap = await a.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
  const other = await b.createTapInterface({ ip: 'fd00::2/64' });
  connect(tap, other);
  const socket = await b.openIcmp({ family: 6 });
  const router = await advertiseRouter(tap, { dnsServers: ['fd00::1'] });
  for await (const { data, ttl, host } of socket) {
    const message = parseIcmp(data);
    const said = message && parseNdp(message);
    if (said?.kind !== 'routerAdvertisement') continue;
    expect(ttl).toBe(255);
    expect(host).toMatch(/^fe80::/);
    expect(said.options.dnsServers?.values).toEqual(['fd00::1']);
    if (said.lifetime === 0) break;
    void router.close();
  }
  await router.closed;
  await expect(advertiseRouter({ addresses: [] })).rejects.toMatchObject({ code: 'EINVAL' });
});

test('an interface that advertises a router says so to its neighbors', async () => {
  const a = await openStack();
  const b = await openStack();
  const router = await a.createTapInterface({ ip: 'fd00::1/64' });
  const host = await b.createTapInterface({ ip: 'fd00::2/64' });
  connect(router, host);
  const socket = await b.openIcmp({ family: 6, interface: host });
  /** Asks for an address, and reads the flags of the answer (RFC 4861, section 4.4). */
  const flagsOf = async (target: string): Promise<number | undefined> => {
    const ask = { kind: 'neighborSolicitation', target, options: { sourceMac: host.mac } } as const;
    const sent = socket.writable.getWriter();
    const data = buildNdp({ source: 'fd00::2', destination: target }, ask);
    await sent.write({ data, host: target, ttl: 255 });
    sent.releaseLock();
    for (;;) {
      const answer = await socket.receive();
      const [type, , , , flags = 0] = answer.data;
      // Not the announcement of a new address.
      const isAnswer = type === 136 && (flags & 0x40) !== 0;
      if (isAnswer && answer.host.replace(/%.*/, '') === target) return flags;
    }
  };
  expect(await flagsOf('fd00::1')).toBe(0x60);
  await advertiseRouter(router);
  // Answers from before may still be on their way.
  for (const target of ['fd00::1', router.linkLocalAddress as string]) {
    while ((await flagsOf(target)) !== 0xe0);
  }
});
