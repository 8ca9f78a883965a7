// SPDX-License-Identifier: MIT
// kernel_bridge.test - namespaces of Linux at the ports of our bridge, and Linux's own bridge as its neighbour

import { createCapture } from 'ringstack/pcap';
import { openTap } from 'ringstack/tap';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../helpers/net.ts';
import { whyNoKernel } from './lib/kernel.ts';
import { dissected, type KernelHost, lostPings, openBridge, openHost } from './lib/kernel_lan.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { testScope } from './lib/scope.ts';

beforeEach((context) => {
  needs(whyNoKernel() ?? lacksProgram('ping') ?? lacksProgram('fping'), context);
});

describe('three namespaces at our bridge', () => {
  test('ping each other and the bridge, both families', async () => {
    const scope = testScope();
    const { hosts, bridge } = await openBridge(scope, 3);
    const runs = hosts.flatMap((host) =>
      [1, 2, 3, 4].flatMap((n) => [
        lostPings(host, `10.88.0.${n}`, 3),
        lostPings(host, `fd88::${n}`, 3),
      ]),
    );
    expect(await Promise.all(runs)).toEqual(runs.map(() => 0));
    const names = [...bridge.forwardingTable()].map(({ port }) => port.name);
    expect(names.sort()).toEqual(['port2', 'port3', 'port4']);
  });

  test('find a host by ARP where it is', async (context) => {
    needs(lacksProgram('arping'), context);
    const scope = testScope();
    const { hosts, bridge } = await openBridge(scope, 2);
    const arping = hosts[0]?.run('arping', '-c', '2', '-I', 'tap0', '10.88.0.3');
    await arping?.succeeded();
    const own = hosts[0]?.run('arping', '-c', '2', '-I', 'tap0', '10.88.0.1');
    expect((await own?.succeeded())?.toLowerCase()).toContain(bridge.mac);
  });

  test('carry iperf3 from one to another', async (context) => {
    needs(lacksProgram('iperf3'), context);
    const scope = testScope();
    const { hosts } = await openBridge(scope, 2);
    const server = hosts[1]?.run('iperf3', '-s', '-1', '--forceflush');
    await server?.printed(/listening/);
    const client = hosts[0]?.run('iperf3', '-c', '10.88.0.3', '-t', '2', '-J');
    const result = JSON.parse((await client?.succeeded()) ?? '{}');
    const rate = result.end.sum_received.bits_per_second / 1e6;
    context.task.meta.figure = `${Math.round(rate)} Mbit/s`;
    expect(rate).toBeGreaterThan(50);
  });

  test('a capture at a port has what passes there', async (context) => {
    needs(lacksProgram('tshark'), context);
    const scope = testScope();
    const { hosts, bridge } = await openBridge(scope, 1);
    const host = await openHost(scope, ['10.88.0.9/24']);
    const capture = createCapture();
    await bridge.addPort(capture.wrap(host.device));
    expect(await lostPings(hosts[0] as KernelHost, '10.88.0.9', 3)).toBe(0);
    const fields = ['-Y', 'icmp', '-T', 'fields', '-e', 'icmp.type'];
    const types = await dissected(scope, capture, ...fields);
    expect(types).toEqual(['8', '0', '8', '0', '8', '0']);
  });
});

describe.each([
  ['off', '0'],
  ['on', '1'],
])("Linux's bridge beside ours, STP %s", (_, stp) => {
  test('carries frames, and a second cable between them is found and blocked', async (context) => {
    needs(lacksProgram('arping'), context);
    const scope = testScope();
    const { hosts, bridge } = await openBridge(scope, 1);
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
    // BPDUs are for this link alone: they reach no other port.
    if (stp === '1') await until(() => first.statistics.reserved > 0);
    // A cable from the kernel's bridge to itself through ours: a veth would be one, a second tap is.
    const device = await openTap({ namespace: kernel.namespace, name: 'tap1', mtu: 1500 });
    scope.defer(() => device.close());
    kernel.ip('link', 'set', 'tap1', 'master', 'br0');
    const second = await bridge.addPort(device, { name: 'second' });
    const isFound = (): boolean => first.isBlocked || second.isBlocked;
    // With STP the second cable is used only after twice the delay; then a broadcast goes round.
    while (!isFound()) {
      await hosts[0]?.run('arping', '-c', '1', '-w', '1', '-I', 'tap0', '10.88.0.77').ended;
    }
    expect(isFound()).toBe(true);
    const again = await hosts[0]?.run('ping', '-c', '10', '-i', '0.1', '10.88.0.9').ended;
    expect(again).toBe(0);
    expect(first.statistics.txFrames + second.statistics.txFrames).toBeLessThan(30_000);
  });
});
