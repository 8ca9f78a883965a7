// SPDX-License-Identifier: MIT
// switch.test - createSwitch(): forwarding, isolation, slow ports, ends; and attacks of guests

import {
  createSwitch,
  type EndpointController,
  FrameEndpoint,
  type Switch,
  type SwitchOptions,
  type SwitchPortOptions,
} from 'ringstack/link';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ethernet } from '../helpers/frames.ts';
import { endpointPair, sentIntact } from '../helpers/links.ts';
import { openPair, openStack, outcome, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const mac = (n: number): string => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;
const TYPE = 0x88b6;
/** Frames of the loop guard that a port is sent when it is plugged in. */
const PROBES = 1;

/** A frame with a number in its payload. */
const frame = (destination: string, source: string, n = 0): Uint8Array =>
  ethernet(destination, source, TYPE, new Uint8Array(46).fill(n));

/** Frames of this test, without those of the loop guard. */
const ours = (sent: readonly Uint8Array[]): Uint8Array[] =>
  sent.filter((one) => one[12] === 0x88 && one[13] === 0xb6);

async function makeSwitch(options?: SwitchOptions): Promise<Switch> {
  const made = await createSwitch(options);
  onTestFinished(() => made.close());
  return made;
}

/** A switch with so many hosts: host n has the address mac(n). */
async function network(count: number, options?: SwitchOptions, ports: SwitchPortOptions[] = []) {
  const made = await makeSwitch(options);
  const hosts = Array.from({ length: count }, (_, n) => {
    const { endpoint, port: controller, sent } = endpointPair();
    const port = made.plug(endpoint, ports[n]);
    const send = (to: string, mark = 0, from = mac(n)): void =>
      controller.push(frame(to, from, mark));
    return { endpoint, controller, port, send, sent, got: () => ours(sent) };
  });
  type Host = (typeof hosts)[number];
  return { made, hosts, host: (n: number): Host => hosts[n] as Host };
}

describe('forwarding', () => {
  test('floods what it does not know, then sends to one port alone', async () => {
    const { host } = await network(3);
    host(0).send(mac(1));
    expect([host(1).got().length, host(2).got().length]).toEqual([1, 1]);
    host(1).send(mac(0));
    host(0).send(mac(1), 7);
    expect([host(0).got().length, host(1).got().length, host(2).got().length]).toEqual([1, 2, 1]);
    expect(host(1).got()[1]).toEqual(frame(mac(1), mac(0), 7));
    host(2).send(BROADCAST);
    expect([host(0).got().length, host(1).got().length, host(2).got().length]).toEqual([2, 3, 1]);
    const { rxFrames, rxBytes, txFrames } = host(0).port.statistics;
    expect([rxFrames, rxBytes, txFrames]).toEqual([2, 120, 2 + PROBES]);
  });

  test('lists addresses, and forgets those of a port that is unplugged', async () => {
    const { made, host } = await network(2, {}, [{ name: 'a', macs: [mac(9), mac(0)] }]);
    host(0).send(BROADCAST);
    host(1).send(BROADCAST);
    const rows = (): string[] =>
      [...made.forwardingTable()].map((row) => `${row.mac} ${row.port.name} ${row.kind}`).sort();
    expect(rows()).toEqual([`${mac(0)} a static`, `${mac(1)} port1 dynamic`, `${mac(9)} a static`]);
    for (const { age } of made.forwardingTable()) expect(age).toBeGreaterThanOrEqual(0);
    await host(0).port.close();
    expect(rows()).toEqual([`${mac(1)} port1 dynamic`]);
    expect(made.ports.map(({ name }) => name)).toEqual(['port1']);
    expect(await outcome(host(0).port.closed)).toBe('ok');
  });

  test('a station that moves is found at its new port', async () => {
    const { host } = await network(3);
    host(0).send(BROADCAST, 0, mac(5));
    host(1).send(BROADCAST, 0, mac(5));
    expect(host(1).port.statistics.moves).toBe(1);
    const before = host(0).got().length;
    host(2).send(mac(5));
    expect([host(0).got().length - before, host(1).got().at(-1)?.[5]]).toEqual([0, 5]);
  });

  test('drops what bridges do not forward, and what is for the same port', async () => {
    const { host } = await network(2);
    for (const last of ['00', '01', '0f']) host(0).send(`01:80:c2:00:00:${last}`);
    host(0).send('01:80:c2:00:00:10');
    host(0).send(mac(0));
    host(0).controller.push(frame(BROADCAST, '01:00:00:00:00:01'));
    host(0).controller.push(frame(BROADCAST, '00:00:00:00:00:00'));
    host(0).controller.push(new Uint8Array(13));
    expect(
      host(1)
        .got()
        .map((one) => one[5]),
    ).toEqual([0x10]);
    expect(host(0).port.statistics).toMatchObject({ reserved: 3, filtered: 1, malformed: 3 });
  });

  test('isolated ports reach the others and not each other', async () => {
    const isolated = { isolated: true };
    const { host } = await network(3, {}, [isolated, isolated]);
    for (const n of [0, 1, 2]) host(n).send(BROADCAST);
    expect(
      [0, 1, 2].map((n) =>
        host(n)
          .got()
          .map((one) => one[11]),
      ),
    ).toEqual([[2], [2], [0, 1]]);
    host(0).send(mac(1));
    expect(host(0).port.statistics.isolated).toBe(1);
    expect(host(1).got().length).toBe(1);
  });

  test('TCP between three stacks, and another one that is plugged in later', async () => {
    const { a, b, tapA, tapB } = await openPair();
    const made = await makeSwitch();
    for (const tap of [tapA, tapB]) made.plug(tap);
    await sentIntact(a, b, 1_000_000);
    const c = await openStack();
    made.plug(await c.createTapInterface({ ip: '10.0.0.3/24' }));
    await expect(c.connectTcp({ host: '10.0.0.1', port: 9 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    await expect(b.connectTcp({ host: '10.0.0.3', port: 9 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });
});

describe('plugging', () => {
  test('refuses a tun, another MTU, locked streams, wrong options and addresses', async () => {
    const made = await makeSwitch();
    const stack = await openStack();
    const tap = await stack.createTapInterface({ mtu: 1500 });
    const port = made.plug(tap, { macs: [mac(1)] });
    const einval = expect.objectContaining({ code: 'EINVAL' });
    const small = await stack.createTapInterface({ mtu: 1400 });
    expect(() => made.plug(small)).toThrow('its MTU is 1400, and that of port0 is 1500');
    const tun = await stack.createTunInterface();
    expect(() => made.plug(tun)).toThrow(einval);
    expect(() => made.plug(tap)).toThrow(TypeError);
    expect(() => made.plug({} as never)).toThrow(einval);
    const { endpoint } = endpointPair();
    expect(() => made.plug(endpoint, { macs: [mac(1)] })).toThrow(/an address of another port$/);
    expect(() => made.plug(endpoint, { macs: ['x'] })).toThrow(einval);
    expect(() => made.plug(endpoint, { vlan: 1 } as never)).toThrow(einval);
    expect(await outcome(createSwitch({ ageing: 0 }))).toBe('EINVAL');
    expect([endpoint.readable.locked, made.ports.length]).toEqual([false, 1]);
    await port.close();
    made.plug(endpoint, { macs: [mac(1)] });
  });

  test('an endpoint that ends or fails takes its port away', async () => {
    const { made, host } = await network(3);
    host(0).controller.end();
    expect(await outcome(host(0).port.closed)).toBe('ok');
    host(1).controller.end(new RangeError('broken'));
    expect(await outcome(host(1).port.closed)).toBe('RangeError');
    expect(made.ports).toEqual([host(2).port]);
    host(2).send(BROADCAST);
  });

  test('close() gives all endpoints back, and takes no more', async () => {
    const { made, hosts } = await network(3);
    await made.close();
    expect(hosts.map(({ endpoint }) => endpoint.readable.locked)).toEqual([false, false, false]);
    expect(() => made.plug(endpointPair().endpoint)).toThrow(
      expect.objectContaining({ code: 'EBADF' }),
    );
    expect([...made.forwardingTable()]).toEqual([]);
  });

  test('different MTUs where they are allowed: what is too long for a port is dropped there', async () => {
    const made = await makeSwitch({ allowMtuMismatch: true });
    const big = endpointPair({ mtu: 9000 });
    const small = endpointPair({ mtu: 1500 });
    made.plug(big.endpoint);
    const port = made.plug(small.endpoint);
    big.port.push(ethernet(BROADCAST, mac(1), TYPE, new Uint8Array(2000)));
    expect(ours(small.sent)).toEqual([]);
    expect(port.statistics.tooLong).toBe(1);
  });
});

/** An endpoint that takes nothing until it is freed. */
function slowEndpoint() {
  let isFree = false;
  let free = (): void => {};
  const freed = new Promise<void>((resolve) => {
    free = resolve;
  });
  const sent: Uint8Array[] = [];
  const endpoint = new FrameEndpoint({
    send: (one) => isFree && sent.push(one.slice()) > 0,
    ready: () => freed,
  });
  return {
    endpoint,
    sent,
    free: () => {
      isFree = true;
      free();
    },
  };
}

test('a slow port drops and counts past its queue, and holds nobody up', async () => {
  const { made, host } = await network(2, { queue: 600, stormLimit: 1e6 });
  const slow = slowEndpoint();
  const port = made.plug(slow.endpoint);
  for (let n = 0; n < 1000; n++) host(0).send(BROADCAST, n);
  expect(host(1).got().length).toBe(1000);
  const { full, txFrames } = port.statistics;
  expect([full > 985, txFrames]).toEqual([true, 0]);
  slow.free();
  await until(() => port.statistics.txFrames === 1001 - full);
  expect(ours(slow.sent).map((one) => one[14])).toEqual(
    Array.from({ length: ours(slow.sent).length }, (_, n) => n),
  );
});

/** Two endpoints, each sending what the other one is given, without a queue between. */
function cable(): [FrameEndpoint, FrameEndpoint] {
  const ends: EndpointController[] = [];
  const make = (n: number): FrameEndpoint =>
    new FrameEndpoint({
      start: (controller) => {
        ends[n] = controller;
      },
      send: (one) => {
        ends[1 - n]?.push(one);
        return true;
      },
      ready: async () => {},
    });
  return [make(0), make(1)];
}

describe('attacks', () => {
  test('random source addresses (macof) make nobody else be forgotten', async () => {
    const { made, host } = await network(3, { maxEntries: 64, stormLimit: 1e6 });
    host(1).send(BROADCAST);
    const random = new Prng(1);
    for (let n = 0; n < 20_000; n++) {
      const one = frame(BROADCAST, mac(0));
      random.fill(one.subarray(7, 12));
      host(0).controller.push(one);
    }
    expect([...made.forwardingTable()].length).toBe(64);
    const before = host(0).got().length;
    host(2).send(mac(1), 3);
    expect([host(1).got().at(-1)?.[14], host(0).got().length - before]).toEqual([3, 0]);
  });

  test('a storm is cut at the limit of its port, and unicast goes on', async () => {
    const { host } = await network(3, {}, [{ stormLimit: 100 }]);
    host(1).send(BROADCAST);
    for (let n = 0; n < 5000; n++) host(0).send(BROADCAST);
    const { storm } = host(0).port.statistics;
    expect(storm).toBeGreaterThan(4000);
    expect(host(2).got().length).toBe(1 + 5000 - storm);
    host(0).send(mac(1), 9);
    expect(host(1).got().at(-1)?.[14]).toBe(9);
    expect(host(2).port.statistics.storm).toBe(0);
  });

  test('addresses that are fixed at a port cannot be used from another one', async () => {
    const { host } = await network(3, {}, [{ macs: [mac(0)] }]);
    host(1).send(BROADCAST, 0, mac(0));
    host(0).send(BROADCAST, 0, mac(7));
    expect([host(0), host(1)].map(({ port }) => port.statistics.spoofed)).toEqual([1, 1]);
    expect(host(2).got()).toEqual([]);
    host(2).send(mac(0), 4);
    expect(host(0).got().at(-1)?.[14]).toBe(4);
    expect(host(1).got()).toEqual([]);
  });

  test('a port that leads back to itself is blocked, and said', async () => {
    const found: string[] = [];
    const { made, host } = await network(2, { onLoop: ({ name }) => found.push(name) });
    let controller: EndpointController | undefined;
    const mirror = new FrameEndpoint({
      start: (given) => {
        controller = given;
      },
      send: (one) => {
        controller?.push(one);
        return true;
      },
      ready: async () => {},
    });
    const port = made.plug(mirror, { name: 'mirror' });
    expect(port.isBlocked).toBe(true);
    host(0).send(BROADCAST);
    await until(() => found.length > 0);
    expect(found).toEqual(['mirror']);
    expect(host(1).got().length).toBe(1);
    expect(port.statistics.looped).toBe(1);
    expect(made.ports.length).toBe(3);
  });

  test.each([
    ['the same order', 1],
    ['different orders', -1],
  ])(
    'two switches in a ring, plugged in %s: one way is blocked, the other stays',
    async (_, step) => {
      const { made: one, host } = await network(1);
      const { made: other, host: far } = await network(1);
      const cables = [cable(), cable()];
      for (const [near] of cables) one.plug(near);
      for (const [, end] of step > 0 ? cables : cables.toReversed()) other.plug(end);
      const blocked = () => [...one.ports, ...other.ports].filter(({ isBlocked }) => isBlocked);
      for (let n = 0; n < 200; n++) host(0).send(BROADCAST, 1);
      await until(() => blocked().length > 0);
      await new Promise((resolve) => setTimeout(resolve, 300));
      // One port, or both ends of one cable.
      const ends = blocked().map(({ endpoint }) =>
        cables.findIndex((two) => two.includes(endpoint as FrameEndpoint)),
      );
      expect(new Set(ends).size).toBe(1);
      // The storm limit may still drop some.
      let sent = 0;
      const arrived = (): number =>
        far(0)
          .got()
          .filter((got) => got[14] === 2).length;
      await until(() => {
        host(0).send(BROADCAST, 2);
        sent++;
        return arrived() > 0;
      });
      expect(arrived()).toBeLessThanOrEqual(sent);
      far(0).send(mac(0), 3, mac(0x77));
      await until(() => host(0).got().at(-1)?.[14] === 3);
    },
  );

  test('forged probes block no port but that of their sender', async () => {
    const { hosts, host } = await network(4);
    const blocked = (): boolean[] => hosts.map(({ port }) => port.isBlocked);
    const probe = host(2).sent.find((one) => one[0] === 3) as Uint8Array;
    const random = new Prng(3);
    for (const number of [0, 1, 2, 3, 9]) {
      const forged = probe.slice();
      forged[17] = number;
      if (number === 2) random.fill(forged.subarray(18, 34));
      host(2).controller.push(forged);
    }
    expect(blocked()).toEqual([false, false, false, false]);
    host(2).controller.push(probe);
    expect(blocked()).toEqual([false, false, true, false]);
  });

  test('garbage of every length harms nothing', async () => {
    const { host } = await network(3, { stormLimit: 1e6 });
    const random = new Prng(2);
    for (let n = 0; n < 5000; n++) host(0).controller.push(random.bytes(random.between(1, 1518)));
    const { rxFrames } = host(0).port.statistics;
    expect(rxFrames).toBe(5000);
    host(1).send(mac(2), 5);
    expect(host(2).got().at(-1)?.[14]).toBe(5);
  });
});
