// SPDX-License-Identifier: MIT
// bridge.test - bridge interfaces: their addresses, ports, table and counters

import type { BridgePort, NetworkStack, TapInterface } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { EVERYONE, frame, lan, mac, played } from '../helpers/bridge.ts';
import { sentIntact } from '../helpers/links.ts';
import { openStack, outcome, plug, settle, until, within } from '../helpers/net.ts';

describe('a bridge', () => {
  test('carries TCP between stacks at its ports and to itself, both families', async () => {
    const { host, guests } = await lan(3);
    const [a, b, c] = guests as [NetworkStack, NetworkStack, NetworkStack];
    await Promise.all([
      sentIntact(a, b, 300_000, '10.0.0.3'),
      sentIntact(b, c, 300_000, 'fd00::4'),
      sentIntact(c, host, 300_000, '10.0.0.1'),
    ]);
  });

  test('carries UDP and pings to its own address', async () => {
    const { host, guests } = await lan(1);
    const [guest] = guests as [NetworkStack];
    const socket = await host.openUdp({ port: 5000 });
    const client = await guest.openUdp();
    await client.send(Uint8Array.of(1, 2, 3), { host: '10.0.0.1', port: 5000 });
    expect((await socket.receive()).host).toBe('10.0.0.2');
    const session = await host.createPingSession({ host: '10.0.0.2' });
    expect((await session.ping()).host).toBe('10.0.0.2');
  });

  test('copies each frame between its ports once', async () => {
    const { host, guests } = await lan(2);
    const [a, b] = guests as [NetworkStack, NetworkStack];
    await sentIntact(a, b, 1000, '10.0.0.3');
    const before = host.statistics.bytesCopied;
    const size = await sentIntact(a, b, 1_000_000, '10.0.0.3');
    const copied = host.statistics.bytesCopied - before;
    expect(copied).toBeGreaterThan(2 * size);
    expect(copied).toBeLessThan(2.4 * size);
  });

  test('may have no ports, one, and taps with addresses of their own', async () => {
    const stack = await openStack();
    const empty = await stack.createBridgeInterface({ ports: [] });
    expect([...empty.ports]).toEqual([]);
    expect(empty).toMatchObject({ type: 'bridge', ip: undefined, mtu: 1500, isUp: true });
    const tap = await stack.createTapInterface({ ip: '10.1.0.1/24' });
    const one = await stack.createBridgeInterface({ ports: [tap], ip: '10.2.0.1/24' });
    expect([...one.ports].map((port) => port.interface)).toEqual([tap]);
    expect(one.netmask).toBe('255.255.255.0');
    const peer = await openStack();
    const end = await peer.createTapInterface({ ip: ['10.1.0.2/24'] });
    plug(tap, end);
    await sentIntact(peer, stack, 50_000, '10.1.0.1');
    await end.addAddress('10.2.0.2/24');
    await sentIntact(peer, stack, 50_000, '10.2.0.1');
  });

  test('carries broadcasts both ways', async () => {
    const { host, guests } = await lan(1);
    const [guest] = guests as [NetworkStack];
    const ends = [await host.openUdp({ port: 67 }), await guest.openUdp({ port: 68 })] as const;
    await ends[0].send(Uint8Array.of(1), { host: '255.255.255.255', port: 68 });
    expect(await ends[1].receive()).toMatchObject({ host: '10.0.0.1', port: 67 });
    await ends[1].send(Uint8Array.of(2), { host: '255.255.255.255', port: 67 });
    expect(await ends[0].receive()).toMatchObject({ host: '10.0.0.2', port: 68 });
  });

  test('takes taps with addresses of its own subnet', async () => {
    const stack = await openStack();
    const one = await stack.createTapInterface({ ip: '10.0.0.2/24' });
    const other = await stack.createTapInterface({ ip: '10.0.0.3/24' });
    const bridge = await stack.createBridgeInterface({ ports: [one, other], ip: '10.0.0.1/24' });
    expect([bridge.ip, one.ip, other.ip]).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  });

  test('is among the interfaces of its stack, under the name of tcpip.js 0.4 as well', async () => {
    const stack = await openStack({ initializeLoopback: false });
    const bridge = await stack.interfaces.createBridge({ mac: '02:00:00:00:00:77' });
    expect([...stack.interfaces]).toEqual([bridge]);
    expect(bridge.mac).toBe('02:00:00:00:00:77');
    expect(JSON.parse(JSON.stringify(bridge))).toMatchObject({ type: 'bridge', mac: bridge.mac });
    await stack.removeInterface(bridge);
    expect(stack.interfaces.size).toBe(0);
  });

  test('changes its addresses as other interfaces do', async () => {
    const { host, bridge, guests } = await lan(1, { ip: [] });
    const [guest] = guests as [NetworkStack];
    await expect(bridge.addAddress('10.0.0.2/24', { detect: true })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await bridge.addAddress('10.0.0.1/24');
    await sentIntact(guest, host, 50_000, '10.0.0.1');
    await bridge.removeAddress('10.0.0.1');
    expect(bridge.addresses).toEqual([]);
  });
});

describe('ports', () => {
  test('any endpoint is one, and what is sent to it comes out', async () => {
    const { bridge, host } = await played(3);
    host(0).send(mac(1));
    await until(() => host(1).got().length === 1 && host(2).got().length === 1);
    host(1).send(mac(0), 1);
    await until(() => host(0).got().length === 1);
    host(0).send(mac(1), 7);
    await until(() => host(1).got().length === 2);
    await settle();
    expect(host(2).got()).toHaveLength(1);
    expect(host(1).got()[1]).toEqual(frame(mac(1), mac(0), 7));
    const table = [...bridge.forwardingTable()].map((one) => [one.mac, one.port.name, one.kind]);
    expect(table.sort()).toEqual([
      [mac(0), 'port0', 'dynamic'],
      [mac(1), 'port1', 'dynamic'],
    ]);
  });

  test('come and go while frames pass', async () => {
    const { host, bridge, guests, taps, ports } = await lan(2);
    const [a, b] = guests as [NetworkStack, NetworkStack];
    await bridge.removePort(ports[1] as BridgePort);
    expect([...bridge.ports]).toEqual([ports[0]]);
    expect(host.interfaces.size).toBe(3); // loopback, bridge, the tap made for guest 0
    await expect(a.connectTcp({ host: '10.0.0.3', port: 1, timeout: 200 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
    });
    await bridge.addPort(taps[1] as TapInterface);
    await sentIntact(a, b, 50_000, '10.0.0.3');
  });

  test('end with their endpoint, with their tap, and with the bridge', async () => {
    const { stack, bridge, host } = await played(2);
    const [one] = [...bridge.ports] as [BridgePort];
    host(0).port.end();
    await within(5000, 'the port of an endpoint that has ended', one.closed);
    await until(() => stack.interfaces.size === 3);
    const tap = await stack.createTapInterface();
    const port = await bridge.addPort(tap);
    await stack.removeInterface(tap);
    await within(5000, 'the port of a tap that was removed', port.closed);
    expect(port.statistics.rxFrames).toBe(0);
    const [left] = [...bridge.ports] as [BridgePort];
    await stack.removeInterface(bridge);
    await within(5000, 'the port of a bridge that was removed', left.closed);
    expect(stack.interfaces.size).toBe(1);
    expect(host(1).endpoint.readable.locked).toBe(false);
    expect([...bridge.forwardingTable()]).toEqual([]);
    expect(await outcome(bridge.addPort(host(1).endpoint))).toBe('ENODEV');
  });

  test('that fail reject', async () => {
    const { bridge, host } = await played(1);
    const [port] = [...bridge.ports] as [BridgePort];
    host(0).port.end(new Error('cut'));
    await expect(within(5000, 'the port', port.closed)).rejects.toThrow('cut');
    expect([...bridge.ports]).toEqual([]);
  });

  test('keep their counters when they are gone', async () => {
    const { bridge, host } = await played(2);
    const [port] = [...bridge.ports] as [BridgePort];
    for (let n = 0; n < 10; n++) host(0).send(EVERYONE);
    await until(() => host(1).got().length === 10);
    await port.close();
    expect(port.statistics).toMatchObject({ rxFrames: 10, malformed: 0 });
    await port.close();
  });

  test.each([
    ['a tun', 'EINVAL', (stack: NetworkStack) => stack.createTunInterface()],
    ['no endpoint', 'EINVAL', async () => ({})],
    ['a loopback', 'EINVAL', (stack: NetworkStack) => stack.createLoopbackInterface()],
  ])('%s is none', async (_, code, make) => {
    const stack = await openStack();
    const bridge = await stack.createBridgeInterface();
    expect(await outcome(bridge.addPort((await make(stack)) as unknown as TapInterface))).toBe(
      code,
    );
  });

  test('a tap is one once, and options are checked', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    const bridge = await stack.createBridgeInterface({ ports: [tap] });
    expect(await outcome(bridge.addPort(tap))).toBe('EINVAL');
    const other = await stack.createBridgeInterface();
    expect(await outcome(other.addPort(tap))).toBe('EINVAL');
    const free = await stack.createTapInterface();
    for (const options of [
      { stormLimit: 0 },
      { stormLimit: 1_000_001 },
      { maxAddresses: 0 },
      { macs: ['ff:ff:ff:ff:ff:ff'] },
      { macs: ['02:00'] },
      { what: 1 },
    ]) {
      expect(await outcome(bridge.addPort(free, options as object))).toBe('EINVAL');
    }
    expect([...bridge.ports]).toHaveLength(1);
    expect(await outcome(bridge.removePort(free))).toBe('ENODEV');
    for (const options of [{ maxEntries: 4 }, { ageing: 0 }, { isolated: [free] }, { port: [] }]) {
      expect(await outcome(stack.createBridgeInterface(options as object))).toBe('EINVAL');
    }
    expect(stack.interfaces.size).toBe(5);
  });

  test('the bridge has the least of their MTUs', async () => {
    const stack = await openStack();
    const small = await stack.createTapInterface({ mtu: 1400 });
    const large = await stack.createTapInterface({ mtu: 9000 });
    const bridge = await stack.createBridgeInterface({ ports: [large] });
    expect(bridge.mtu).toBe(9000);
    const port = await bridge.addPort(small);
    expect(bridge.mtu).toBe(1400);
    await small.setMtu(1300);
    expect(bridge.mtu).toBe(1300);
    await port.close();
    expect(bridge.mtu).toBe(9000);
    await bridge.setMtu(8000);
    expect(bridge.mtu).toBe(8000);
  });
});
