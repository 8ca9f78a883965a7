// SPDX-License-Identifier: MIT
// bridge_attack.test - attack programs in a namespace at our bridge, while others exchange honest traffic
//
// In each, honest hosts lose nothing, the table is bounded, and every frame of the attacker is counted at its port, as
// passed or by the reason for which it was dropped.

import { type CapturedFrame, createCapture } from 'ringstack/pcap';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../helpers/net.ts';
import { whyNoKernel } from './lib/kernel.ts';
import {
  captured,
  dissected,
  isTransferred,
  type KernelBridge,
  lostPings,
  openBridge,
  openHost,
  type PortHost,
} from './lib/kernel_lan.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import type { Program } from './lib/process.ts';
import { testScope } from './lib/scope.ts';

const STORM = 5000;
const ENTRIES = 1024;

/** By name of the test. */
const PROGRAMS = ['trafgen', 'tcpreplay', 'yersinia', 'macof', 'arping'];

beforeEach((context) => {
  needs(whyNoKernel() ?? lacksProgram('fping') ?? lacksProgram('socat'), context);
  for (const program of PROGRAMS) {
    if (context.task.name.startsWith(program)) needs(lacksProgram(program), context);
  }
});

interface Attacked extends KernelBridge {
  readonly one: PortHost;
  readonly other: PortHost;
  readonly attacker: PortHost;
  /** ms when it began. */
  readonly began: number;
}

const now = (): number => performance.now();

/** Two honest hosts that know each other, and one that is not. */
async function open(): Promise<Attacked> {
  const began = now();
  const options = { maxEntries: ENTRIES, stormLimit: STORM };
  const opened = await openBridge(testScope(), 3, options);
  const [one, other, attacker] = opened.hosts as [PortHost, PortHost, PortHost];
  expect(await lostPings(one, '10.88.0.3')).toBe(0);
  return { ...opened, one, other, attacker, began };
}

/** Honest hosts exchange pings and 10 MB of TCP. */
async function expectHonest({ one, other }: Attacked): Promise<void> {
  const transfer = isTransferred(testScope(), one, other, '10.88.0.3', 10e6);
  const lost = lostPings(one, '10.88.0.3');
  expect(await Promise.all([transfer, lost])).toEqual([true, 0]);
}

/** Waits until so many frames have come in at a port, or the program has ended. */
async function received({ port }: PortHost, count: number, program: Program): Promise<void> {
  let isOver = false;
  void program.ended.then(() => {
    isOver = true;
  });
  await until(() => isOver || port.statistics.rxFrames >= count);
  if (isOver) throw new Error(`it has ended too early:\n${program.output}`);
}

/** The table is bounded, and honest hosts are in it; floods were limited. */
function expectBounds({ bridge, attacker, began }: Attacked): void {
  const table = [...bridge.forwardingTable()];
  expect(table.length).toBeLessThanOrEqual(ENTRIES);
  const names = table.map(({ port }) => port.name);
  expect(names).toContain('port2');
  expect(names).toContain('port3');
  const { rxFrames, storm, reserved, malformed, filtered } = attacker.port.statistics;
  // One second's worth at once, and then by the clock.
  const passed = rxFrames - storm - reserved - malformed - filtered;
  expect(passed).toBeLessThanOrEqual(STORM * (2 + (now() - began) / 1000));
}

/** Pieces of frames in the language of trafgen. */
const TO_ATTACKED = '0x88, 0xb6, fill(0x55, 46)';
const RANDOM = '0x02, drnd(5)';

/** trafgen at the rate of the link, until the end of the test. */
const flood = ({ runGroup }: PortHost, frame: string): Program =>
  runGroup('trafgen', '--dev', 'tap0', '--cpus', '1', '--no-sock-mem', `{ ${frame} }`);

/** yersinia until the end of the test. It writes a log to its working folder, whatever it is told. */
const yersiniaAt = ({ runGroup }: PortHost, protocol: string, attack: string): Program => {
  const command = ['yersinia', protocol, '-attack', attack, '-interface', 'tap0'];
  return runGroup('env', '-C', folder(testScope(), {}), ...command);
};

describe('while an attacker runs', () => {
  test.each([
    ['to random addresses', RANDOM],
    ['to everybody', 'fill(0xff, 6)'],
    ['to a group', '0x01, 0x00, 0x5e, 0x00, 0x00, 0x09'],
  ])('trafgen from random addresses %s at the rate of the link', async (_, to) => {
    const lan = await open();
    const before = lan.other.port.statistics.txFrames;
    const trafgen = flood(lan.attacker, `${to}, ${RANDOM}, ${TO_ATTACKED}`);
    await received(lan.attacker, 20_000, trafgen);
    await expectHonest(lan);
    const { rxFrames } = lan.attacker.port.statistics;
    await received(lan.attacker, rxFrames + 1, trafgen); // all the while
    await trafgen.stop();
    expectBounds(lan);
    expect(lan.attacker.port.statistics.storm).toBeGreaterThan(0);
    expect(lan.other.port.statistics.txFrames).toBeGreaterThan(before);
  });

  test('trafgen to one host at the rate of the link', async () => {
    const lan = await open();
    // A fourth host: what is sent to it must not cost the others anything.
    const victim = await lan.add(5);
    expect(await lostPings(lan.one, '10.88.0.5')).toBe(0);
    const [entry] = [...lan.bridge.forwardingTable()].filter(({ port }) => port === victim.port);
    const bytes = (entry?.mac ?? '').split(':').map((byte) => `0x${byte}`);
    const trafgen = flood(lan.attacker, `${bytes}, 0x02, 0, 0, 0, 0, 0x66, ${TO_ATTACKED}`);
    await received(lan.attacker, 20_000, trafgen);
    await expectHonest(lan);
    await trafgen.stop();
    const { rxFrames, storm } = lan.attacker.port.statistics;
    expect(storm).toBe(0);
    const { txFrames, full } = victim.port.statistics;
    await until(() => {
      const { txFrames: passed, full: dropped } = victim.port.statistics;
      return passed + dropped >= 20_000;
    });
    expect(txFrames + full).toBeLessThanOrEqual(rxFrames + 1000);
    expect(lan.other.port.statistics.full + lan.one.port.statistics.full).toBe(0);
  });

  test('tcpreplay of what the honest hosts have sent, faster than they did', async () => {
    const scope = testScope();
    const lan = await open();
    const capture = createCapture({ queue: 2 ** 25 });
    const spied = await openHost(scope, ['10.88.0.9/24']);
    const port = await lan.bridge.addPort(capture.wrap(spied.device), { name: 'spied' });
    expect(await lostPings(spied, '10.88.0.3', 50)).toBe(0);
    const file = await captured(scope, capture);
    const replay = ['tcpreplay', '-i', 'tap0', '--topspeed', '--loop', '20', file];

    // Each frame takes the addresses of honest hosts to the attacker; the next one of theirs takes them back.
    const sent = /Successful packets: +(\d+)/;
    const first = await lan.attacker.run(...replay).succeeded();
    const count = Number(sent.exec(first)?.[1]);
    expect(count).toBeGreaterThanOrEqual(20 * 100);
    await until(() => lan.attacker.port.statistics.rxFrames >= 1000);
    expect(lan.attacker.port.statistics.moves).toBeGreaterThan(0);
    expect(await lostPings(spied, '10.88.0.3')).toBe(0);
    expect(port.statistics.moves + lan.other.port.statistics.moves).toBeGreaterThan(0);
    expectBounds(lan);
  });

  test('tcpreplay of frames with addresses that are fixed at the ports of others', async () => {
    const scope = testScope();
    const lan = await open();
    const macs = [...lan.bridge.forwardingTable()];
    for (const { port, mac } of macs) {
      const host = [lan.one, lan.other].find((one) => one.port === port);
      if (!host) continue;
      await port.close();
      // The same endpoint again, with its address.
      await lan.bridge.addPort(host.device, { name: port.name, macs: [mac] });
    }
    const isArp = ({ frame }: CapturedFrame): boolean => frame[12] === 8 && frame[13] === 6;
    const capture = createCapture({ filter: isArp });
    const spied = await openHost(scope, []);
    await lan.bridge.addPort(capture.wrap(spied.device), { name: 'spied' });
    // Broadcasts of an honest host are seen by all.
    const arping = lan.one.run('arping', '-c', '3', '-w', '1', '-I', 'tap0', '10.88.0.77');
    await arping.ended;
    const file = await captured(scope, capture);
    const before = lan.attacker.port.statistics;
    const replay = ['tcpreplay', '-i', 'tap0', '--topspeed', '--loop', '500', file];
    const running = lan.attacker.run(...replay);
    await expectHonest(lan);
    await running.succeeded();
    const { spoofed, moves } = lan.attacker.port.statistics;
    expect(spoofed - before.spoofed).toBeGreaterThanOrEqual(500);
    expect(moves).toBe(0);
    expectBounds(lan);
  });

  test('yersinia floods with BPDUs: they stay on their link, and trees of others are not touched', async () => {
    const scope = testScope();
    const lan = await open();
    const capture = createCapture({ queue: 2 ** 25 });
    // A bridge of Linux that speaks STP is at another port, and remains the root of its tree.
    const kernel = await openHost(scope, []);
    const bridge = ['type', 'bridge', 'stp_state', '1', 'forward_delay', '200'];
    kernel.ip('link', 'add', 'br0', ...bridge);
    kernel.ip('link', 'set', 'tap0', 'master', 'br0');
    kernel.ip('link', 'set', 'br0', 'up');
    await lan.bridge.addPort(capture.wrap(kernel.device), { name: 'kernel' });
    const yersinia = yersiniaAt(lan.attacker, 'stp', '2');
    await received(lan.attacker, 20_000, yersinia);
    await expectHonest(lan);
    await yersinia.stop();
    const { reserved, malformed, rxFrames } = lan.attacker.port.statistics;
    // Half of its made up addresses are those of groups.
    expect(reserved).toBeGreaterThan(5000);
    expect(rxFrames - reserved - malformed).toBeLessThan(200);
    expectBounds(lan);
    const state = kernel.run('ip', '-details', 'link', 'show', 'br0');
    const told = await state.succeeded();
    const id = (name: string): string | undefined => new RegExp(`${name} (\\S+)`).exec(told)?.[1];
    expect(id('designated_root')).toBe(id('bridge_id'));
    // The bridge of Linux sends some, and hears none.
    const incoming = ['-Y', 'stp && frame.packet_flags_direction == 2'];
    expect(await dissected(scope, capture, ...incoming)).toEqual([]);
  });

  test('yersinia asks for addresses of DHCP from made up hosts', async () => {
    const lan = await open();
    const yersinia = yersiniaAt(lan.attacker, 'dhcp', '1');
    await received(lan.attacker, 20_000, yersinia);
    await expectHonest(lan);
    await yersinia.stop();
    expect(lan.attacker.port.statistics.storm).toBeGreaterThan(0);
    expectBounds(lan);
  });

  test('macof sends from random addresses', async () => {
    const lan = await open();
    const macof = lan.attacker.run('macof', '-i', 'tap0');
    await received(lan.attacker, 20_000, macof);
    const before = lan.attacker.port.statistics.txFrames;
    await expectHonest(lan);
    // It sees nothing of what honest hosts send each other.
    expect(lan.attacker.port.statistics.txFrames - before).toBeLessThan(50);
    await macof.stop();
    expectBounds(lan);
  });

  test('arping claims the address of another host, which remains reachable', async () => {
    const lan = await open();
    const session = await lan.stack.createPingSession({ host: '10.88.0.3', timeout: 10_000 });
    await session.ping();
    const known = async (): Promise<string | undefined> => {
      for await (const { address, mac } of lan.stack.neighbors) {
        if (address === '10.88.0.3') return mac;
      }
      return undefined;
    };
    const mac = await known();
    const table = [...lan.bridge.forwardingTable()];
    expect(table.find(({ port }) => port === lan.other.port)?.mac).toBe(mac);
    const claim = ['-U', '-c', '2', '-i', 'tap0', '-S', '10.88.0.3', '10.88.0.3'];
    const before = lan.attacker.port.statistics.rxFrames;
    await lan.attacker.run('arping', ...claim).ended;
    expect(lan.attacker.port.statistics.rxFrames).toBeGreaterThan(before);
    for (let n = 0; n < 5; n++) await session.ping();
    expect(await known()).toBe(mac);
  });

  test('trafgen with the address of the bridge', async () => {
    const lan = await open();
    const forged = lan.bridge.mac.split(':').map((byte) => `0x${byte}`);
    const trafgen = lan.attacker.runGroup(
      ...['trafgen', '--dev', 'tap0', '--cpus', '1', '--num', '500', '--no-sock-mem'],
      `{ fill(0xff, 6), ${forged}, ${TO_ATTACKED} }`,
    );
    await trafgen.succeeded();
    await until(() => lan.attacker.port.statistics.spoofed >= 500);
    expect(await lostPings(lan.one, '10.88.0.1')).toBe(0);
    expectBounds(lan);
  });
});
