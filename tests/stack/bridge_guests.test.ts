// SPDX-License-Identifier: MIT
// bridge_guests.test - bridges and guests that mean harm; loops, and ends

import type { BridgePort, NetworkStack } from 'ringstack';
import { createSwitch } from 'ringstack/link';
import { describe, expect, test } from 'vitest';
import { EVERYONE, frame, lan, mac, ours, played } from '../helpers/bridge.ts';
import { ethernet, macBytes } from '../helpers/frames.ts';
import { endpointPair, sentIntact } from '../helpers/links.ts';
import { openStack, outcome, plug, settle, until, within } from '../helpers/net.ts';

describe('untrusted guests', () => {
  test('isolated ports reach the bridge and not each other', async () => {
    const stack = await openStack();
    const ends = [endpointPair(), endpointPair(), endpointPair()] as const;
    const endpoints = ends.map(({ endpoint }) => endpoint);
    const bridge = await stack.createBridgeInterface({
      ports: endpoints,
      isolated: endpoints.slice(0, 2),
    });
    ends[0].port.push(frame(EVERYONE, mac(0)));
    await until(() => ours(ends[2].sent).length === 1);
    expect(ours(ends[1].sent)).toHaveLength(0);
    const [one] = [...bridge.ports] as [BridgePort];
    expect(one.isolated).toBe(true);
    expect(one.statistics.isolated).toBe(1);
  });

  test('a guarded port sends no answers of DHCP servers and no router advertisements', async () => {
    const { bridge, host, hosts } = await played(2);
    await bridge.removePort(host(0).endpoint);
    const port = await bridge.addPort(host(0).endpoint, { guarded: true });
    const dhcp = new Uint8Array(60);
    dhcp.set([0x45], 0);
    dhcp.set([17], 9);
    dhcp.set([0, 67, 0, 68], 20);
    host(0).port.push(ethernet(EVERYONE, mac(0), 0x0800, dhcp));
    host(0).send(EVERYONE);
    await until(() => host(1).got().length === 1);
    expect(port.statistics.guarded).toBe(1);
    expect(hosts[1]?.sent.some((one) => one[12] === 8 && one[13] === 0)).toBe(false);
  });

  test('addresses that are given are at their port alone', async () => {
    const { bridge, host } = await played(2);
    await bridge.removePort(host(0).endpoint);
    const port = await bridge.addPort(host(0).endpoint, { macs: [mac(0)] });
    host(0).send(EVERYONE, 1, mac(9));
    host(1).send(EVERYONE, 2, mac(0));
    host(0).send(EVERYONE, 3);
    await until(() => host(1).got().length === 1);
    expect(host(1).got()[0]?.[14]).toBe(3);
    expect(port.statistics.spoofed).toBe(1);
    const { endpoint } = endpointPair();
    expect(await outcome(bridge.addPort(endpoint, { macs: [mac(0)] }))).toBe('EADDRINUSE');
    expect([...bridge.ports]).toHaveLength(2);
    expect([...bridge.forwardingTable()].map(({ kind }) => kind)).toContain('static');
  });

  test('a flood is limited, and addresses at random replace only those of their port', async () => {
    const { bridge, host } = await played(3, { maxEntries: 64, stormLimit: 100 });
    host(1).send(mac(7));
    await until(() => host(2).got().length === 1);
    for (let n = 0; n < 500; n++) {
      host(0).send(
        EVERYONE,
        0,
        `02:00:00:02:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
      );
    }
    const [port] = [...bridge.ports] as [BridgePort];
    await until(() => port.statistics.storm + host(2).got().length >= 401);
    await until(() => port.statistics.rxFrames === 500);
    expect(host(2).got().length).toBeLessThan(130);
    const table = [...bridge.forwardingTable()];
    expect(table.length).toBeLessThanOrEqual(64);
    expect(table.some((one) => one.mac === mac(1))).toBe(true);
  });

  test('a port that nobody reads holds up no other', async () => {
    const { host, bridge, guests } = await lan(2);
    const [a, b] = guests as [NetworkStack, NetworkStack];
    const deaf = await host.createTapInterface({ ringSize: 1 });
    deaf.readable.getReader();
    const port = await bridge.addPort(deaf);
    const { endpoint, port: flooder } = endpointPair();
    await bridge.addPort(endpoint);
    for (let n = 0; n < 1000; n++) flooder.push(frame(EVERYONE, mac(9), n));
    await sentIntact(a, b, 300_000, '10.0.0.3');
    await until(() => port.statistics.full > 0);
  });
});

describe('loops', () => {
  test('a cable between two ports is found, said and blocked', async () => {
    const looped: BridgePort[] = [];
    const stack = await openStack();
    const bridge = await stack.createBridgeInterface({ onLoop: (port) => looped.push(port) });
    const [one, other] = [await stack.createTapInterface(), await stack.createTapInterface()];
    plug(one, other);
    await settle();
    await bridge.addPort(one);
    await bridge.addPort(other);
    await until(() => looped.length > 0);
    expect([...bridge.ports].filter((port) => port.isBlocked)).toEqual(looped);
    expect(looped).toHaveLength(1);
  });

  test('two bridges in a ring find it when frames go round, and one blocks', async () => {
    const looped: BridgePort[] = [];
    const onLoop = (port: BridgePort): void => void looped.push(port);
    const [a, b] = [await openStack(), await openStack()];
    const bridges = [
      await a.createBridgeInterface({ onLoop, ip: '10.0.0.1/24' }),
      await b.createBridgeInterface({ onLoop, ip: '10.0.0.2/24' }),
    ] as const;
    for (let n = 0; n < 2; n++) {
      const [one, other] = [await a.createTapInterface(), await b.createTapInterface()];
      plug(one, other);
      await bridges[0].addPort(one);
      await bridges[1].addPort(other);
    }
    await until(() => looped.length > 0);
    // The loop is gone, and the ring carries what it did.
    await sentIntact(a, b, 100_000, '10.0.0.2');
    const blocked = bridges.flatMap(({ ports }) => [...ports]).filter((port) => port.isBlocked);
    expect(blocked.length).toBeGreaterThanOrEqual(1);
    const sent = bridges[0].statistics.txPackets;
    await settle();
    expect(bridges[0].statistics.txPackets - sent).toBeLessThan(100);
  });

  test('a bridge and a switch in a ring find it as well', async () => {
    let looped = 0;
    const onLoop = (): void => void looped++;
    const stack = await openStack();
    const bridge = await stack.createBridgeInterface({ onLoop });
    const network = await createSwitch({ onLoop });
    const taps = [await stack.createTapInterface(), await stack.createTapInterface()];
    for (const tap of taps) {
      network.plug(tap);
      await bridge.addPort(tap);
    }
    await until(() => looped > 0);
    await network.close();
  });
});

describe('an end', () => {
  test('leaves no memory: bridges come and go', async () => {
    const stack = await openStack({ initializeLoopback: false });
    const make = async (): Promise<void> => {
      const tap = await stack.createTapInterface();
      const bridge = await stack.createBridgeInterface({ ports: [tap, endpointPair().endpoint] });
      await stack.removeInterface(bridge);
      await stack.removeInterface(tap);
    };
    await make();
    await settle();
    const { heapBytes } = stack.statistics;
    for (let n = 0; n < 20; n++) await make();
    await settle();
    expect(stack.interfaces.size).toBe(0);
    expect(stack.statistics.heapBytes).toBe(heapBytes);
  });

  test('of the stack ends its bridges and their ports', async () => {
    const { stack, bridge, host } = await played(2);
    const ports = [...bridge.ports];
    await stack.close();
    await within(5000, 'the ports', Promise.all(ports.map(({ closed }) => closed)));
    expect(host(0).endpoint.readable.locked).toBe(false);
    expect(await outcome(bridge.addPort(host(0).endpoint))).toBe('ESHUTDOWN');
    expect(ports[0]?.statistics.rxFrames).toBe(0);
    expect(bridge.mtu).toBe(1500);
    expect(macBytes(bridge.mac)).toHaveLength(6);
  });
});
