// SPDX-License-Identifier: MIT
// kernel_bridge.test - namespaces of Linux at the ports of our bridge, and Linux's own bridge as its neighbour

import { createStack } from 'ringstack';
import { createCapture } from 'ringstack/pcap';
import { openTap } from 'ringstack/tap';
import { beforeEach, describe, expect, test } from 'vitest';
import { whyNoKernel } from './lib/kernel.ts';
import { dissected, openHost } from './lib/kernel_lan.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

beforeEach((context) => {
  needs(whyNoKernel() ?? lacksProgram('ping'), context);
});

/** A bridge 10.88.0.1 with so many namespaces: that of number n is 10.88.0.(n + 2). */
async function lan(scope: Scope, count: number) {
  const stack = await createStack({ engine: 'inline' });
  scope.defer(() => stack.close());
  const bridge = await stack.createBridgeInterface({ ip: ['10.88.0.1/24', 'fd88::1/64'] });
  const hosts = [];
  for (let n = 2; n < count + 2; n++) {
    const host = await openHost(scope, [`10.88.0.${n}/24`, `fd88::${n}/64`]);
    const port = await bridge.addPort(host.device, { name: `port${n}` });
    hosts.push({ ...host, port });
  }
  return { stack, bridge, hosts };
}

const PING = ['ping', '-c', '3', '-i', '0.05', '-W', '2'];

describe('three namespaces at our bridge', () => {
  test('ping each other and the bridge, both families', async () => {
    const scope = testScope();
    const { hosts, bridge } = await lan(scope, 3);
    const runs = hosts.flatMap((host) =>
      [1, 2, 3, 4].flatMap((n) => [
        host.run(...PING, `10.88.0.${n}`).succeeded(),
        host.run(...PING, `fd88::${n}`).succeeded(),
      ]),
    );
    for (const output of await Promise.all(runs)) expect(output).toContain(' 0% packet loss');
    const names = [...bridge.forwardingTable()].map(({ port }) => port.name);
    expect(names.sort()).toEqual(['port2', 'port3', 'port4']);
  });

  test('find a host by ARP where it is', async (context) => {
    needs(lacksProgram('arping'), context);
    const scope = testScope();
    const { hosts, bridge } = await lan(scope, 2);
    const arping = hosts[0]?.run('arping', '-c', '2', '-I', 'tap0', '10.88.0.3');
    await arping?.succeeded();
    const own = hosts[0]?.run('arping', '-c', '2', '-I', 'tap0', '10.88.0.1');
    expect((await own?.succeeded())?.toLowerCase()).toContain(bridge.mac);
  });

  test('carry iperf3 from one to another', async (context) => {
    needs(lacksProgram('iperf3'), context);
    const scope = testScope();
    const { hosts } = await lan(scope, 2);
    const server = hosts[1]?.run('iperf3', '-s', '-1', '--forceflush');
    await server?.printed(/listening/);
    const client = hosts[0]?.run('iperf3', '-c', '10.88.0.3', '-t', '2', '-J');
    const result = JSON.parse((await client?.succeeded()) ?? '{}');
    const rate = result.end.sum_received.bits_per_second / 1e6;
    context.task.meta.figure = `${Math.round(rate)} Mbit/s`;
    expect(rate).toBeGreaterThan(50);
  });

  test('an attacker with random addresses (macof) makes no frames of others seen by it', async (context) => {
    needs(lacksProgram('macof'), context);
    const scope = testScope();
    const { hosts, bridge } = await lan(scope, 3);
    const [one, , attacker] = hosts;
    await one?.run(...PING, '10.88.0.3').succeeded();
    const macof = attacker?.run('macof', '-i', 'tap0', '-n', '20000');
    await macof?.ended;
    const before = attacker?.port.statistics.txFrames ?? 0;
    const output = await one?.run('ping', '-c', '50', '-i', '0.01', '10.88.0.3').succeeded();
    expect(output).toContain(' 0% packet loss');
    expect((attacker?.port.statistics.txFrames ?? 0) - before).toBeLessThan(20);
    const table = [...bridge.forwardingTable()];
    expect(table.length).toBeLessThanOrEqual(4096);
    expect(table.filter(({ port }) => port.name !== 'port4').length).toBeGreaterThanOrEqual(2);
  });

  test('a capture at a port has what passes there', async (context) => {
    needs(lacksProgram('tshark'), context);
    const scope = testScope();
    const { hosts, bridge } = await lan(scope, 1);
    const host = await openHost(scope, ['10.88.0.9/24']);
    const capture = createCapture();
    await bridge.addPort(capture.wrap(host.device));
    await hosts[0]?.run(...PING, '10.88.0.9').succeeded();
    const fields = ['-Y', 'icmp', '-T', 'fields', '-e', 'icmp.type'];
    const types = await dissected(scope, capture, ...fields);
    expect(types).toEqual(['8', '0', '8', '0', '8', '0']);
  });
});

describe.each([
  ['off', '0'],
  ['on', '1'],
])("Linux's bridge beside ours, STP %s", (_, stp) => {
  test('carries frames, and a second cable between them is found and blocked', async () => {
    const scope = testScope();
    const { hosts, bridge } = await lan(scope, 1);
    // The kernel's bridge has both taps as ports, and an address.
    const kernel = await openHost(scope, []);
    kernel.ip('link', 'add', 'br0', 'type', 'bridge', 'stp_state', stp, 'forward_delay', '200');
    kernel.ip('link', 'set', 'tap0', 'master', 'br0');
    kernel.ip('addr', 'add', '10.88.0.9/24', 'dev', 'br0');
    kernel.ip('link', 'set', 'br0', 'up');
    const first = await bridge.addPort(kernel.device, { name: 'first' });
    const ping = ['ping', '-c', '30', '-i', '0.2', '-W', '5', '10.88.0.9'];
    const output = await hosts[0]?.run(...ping).printed(/bytes from 10\.88\.0\.9/);
    expect(output).toBeDefined();
    if (stp === '1') {
      // BPDUs are for this link alone: they reach no other port.
      expect(first.statistics.reserved).toBeGreaterThan(0);
      return;
    }
    // A cable from the kernel's bridge to itself through ours: a veth would be one, a second tap is.
    const device = await openTap({ namespace: kernel.namespace, name: 'tap1', mtu: 1500 });
    scope.defer(() => device.close());
    kernel.ip('link', 'set', 'tap1', 'master', 'br0');
    const second = await bridge.addPort(device, { name: 'second' });
    const isFound = (): boolean => first.isBlocked || second.isBlocked;
    for (let n = 0; n < 1000 && !isFound(); n++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(isFound()).toBe(true);
    const again = await hosts[0]?.run('ping', '-c', '10', '-i', '0.1', '10.88.0.9').ended;
    expect(again).toBe(0);
    expect(first.statistics.txFrames + second.statistics.txFrames).toBeLessThan(30_000);
  });
});
