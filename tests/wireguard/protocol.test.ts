// SPDX-License-Identifier: MIT
// protocol.test - handshakes, sessions and timers of wireguard.wasm, on a clock and a network of their own

import { describe, expect, test } from 'vitest';
import { type Device, numberOf, packet, World } from './world.ts';

const [INITIATION, RESPONSE, DATA] = [1, 2, 4];
const SECOND = 1000;

const counterOf = (data: Uint8Array): number =>
  Number(new DataView(data.buffer, data.byteOffset).getBigUint64(8, true));
const numbers = (device: Device): number[] => device.packets.map(numberOf);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

describe('a session', () => {
  test('is agreed on by the first packet, and carries packets both ways unchanged', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 7));
    world.run(10);
    b.core.send(packet(2, 1, 8, 333));
    world.run(10);
    expect(b.packets).toEqual([packet(1, 2, 7)]);
    expect(a.packets).toEqual([packet(2, 1, 8, 333)]);
    expect(world.sent.map(({ data }) => data[0])).toEqual([INITIATION, RESPONSE, DATA, DATA]);
    expect(world.ofType(DATA).map(({ data }) => counterOf(data))).toEqual([0, 0]);
  });

  test('pads to 16 bytes, and never above the MTU', () => {
    const world = new World();
    const { a, b } = world.pair({ mtu: 1300 });
    const lengths = [28, 32, 33, 1287, 1289, 1299, 1300];
    for (const length of lengths) a.core.send(packet(1, 2, length, length));
    world.run(10);
    const sizes = world.ofType(DATA).map(({ data }) => data.length - 32);
    expect(sizes).toEqual([32, 32, 48, 1296, 1296, 1300, 1300]);
    expect(b.packets.map(({ length }) => length)).toEqual(lengths);
  });

  test('keeps the latest 128 packets while it is agreed on', () => {
    const world = new World();
    const { a, b, toB } = world.pair();
    for (const i of range(0, 200)) a.core.send(packet(1, 2, i));
    expect(a.core.peer(toB).staged).toBe(128);
    expect(a.core.drops.noSession).toBe(72);
    world.run(10);
    expect(numbers(b)).toEqual(range(72, 200));
  });

  test('needs the same preshared key on both sides', () => {
    const world = new World();
    const [a, b] = [world.device('1:1'), world.device('2:1')];
    a.peer(b, 2, { endpoint: b.place, presharedKey: new Uint8Array(32).fill(1) });
    b.peer(a, 1, { presharedKey: new Uint8Array(32).fill(2) });
    a.core.send(packet(1, 2));
    world.run(10);
    expect(b.packets).toHaveLength(0);
    expect(a.core.drops.unauthentic).toBe(1);
    const { b: other } = ((): { b: Device } => {
      const second = new World();
      const pair = second.pair({ presharedKey: new Uint8Array(32).fill(3) });
      pair.a.core.send(packet(1, 2));
      second.run(10);
      return pair;
    })();
    expect(other.packets).toHaveLength(1);
  });

  test('is agreed on when both begin at the same moment', () => {
    const world = new World();
    const [a, b] = [world.device('1:1'), world.device('2:1')];
    a.peer(b, 2, { endpoint: b.place });
    b.peer(a, 1, { endpoint: a.place });
    for (const i of range(0, 5)) {
      a.core.send(packet(1, 2, i));
      b.core.send(packet(2, 1, i));
    }
    world.run(30 * SECOND);
    expect([numbers(a), numbers(b)]).toEqual([range(0, 5), range(0, 5)]);
  });

  test('works with four thousand peers, and refuses one more', () => {
    const world = new World();
    const a = world.device('1:1');
    const key = (i: number): Uint8Array => world.random.bytes(32).fill(i & 0xff, 0, 1);
    for (const i of range(0, 4096)) expect(a.core.addPeer(key(i))).toBe(i);
    expect(a.core.addPeer(key(1))).toBe(-1);
    a.core.removePeer(77);
    expect(a.core.addPeer(key(1))).toBe(77);
  });
});

describe('time', () => {
  test('a session is replaced after 120 s, and nothing is lost', () => {
    const world = new World();
    const { a, b } = world.pair();
    for (const i of range(0, 600)) {
      a.core.send(packet(1, 2, i));
      world.run(10);
      b.core.send(packet(2, 1, i));
      world.run(SECOND - 10);
    }
    expect(numbers(b)).toEqual(range(0, 600));
    expect(numbers(a)).toEqual(range(0, 600));
    // Every 121 s, by the side that began.
    expect(world.ofType(INITIATION).every(({ from }) => from === a.place)).toBe(true);
    expect(world.ofType(INITIATION)).toHaveLength(5);
  });

  test('a session that only receives is replaced before it expires', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2));
    world.run(10);
    for (const i of range(0, 400)) {
      b.core.send(packet(2, 1, i));
      world.run(SECOND);
    }
    expect(numbers(a)).toEqual(range(0, 400));
    expect(b.core.drops.noSession).toBe(0);
  });

  test('a session of 180 s opens and seals nothing more', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    a.core.send(packet(1, 2, 2));
    const held = world.sent.at(-1);
    world.run(20 * SECOND);
    world.now += 161 * SECOND; // no timer ran: as in a page that was hidden
    if (held) b.receive({ ...held, data: held.data.slice() });
    expect(b.core.drops.expired + b.core.drops.replay).toBe(1);
    const before = world.ofType(INITIATION).length;
    a.core.send(packet(1, 2, 3));
    expect(world.ofType(INITIATION)).toHaveLength(before + 1);
    world.run(10);
    expect(numbers(b).at(-1)).toBe(3);
  });

  test('keys are forgotten 540 s after they were agreed on', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    const data = world.ofType(DATA)[0];
    world.run(600 * SECOND);
    const { index } = b.core.drops;
    if (data) b.receive({ ...data, data: data.data.slice() });
    expect(b.core.drops.index).toBe(index + 1);
  });

  test('an initiation without an answer is sent again every 5 s, and given up after 90 s', () => {
    const world = new World();
    const { a, toB } = world.pair();
    world.drops = () => true;
    a.core.send(packet(1, 2, 1));
    world.run(50 * SECOND);
    expect(world.ofType(INITIATION).length).toBeGreaterThanOrEqual(9);
    expect(world.ofType(INITIATION).length).toBeLessThanOrEqual(10);
    world.run(600 * SECOND);
    expect(world.ofType(INITIATION)).toHaveLength(19);
    expect(a.core.drops.noSession).toBe(1);
    expect(a.core.peer(toB).staged).toBe(0);
    world.drops = () => false;
    a.core.send(packet(1, 2, 2));
    world.run(10);
    expect(world.devices[1]?.packets.map(numberOf)).toEqual([2]);
  });

  test('a side that only receives answers with an empty packet after 10 s', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(9 * SECOND);
    expect(world.ofType(DATA)).toHaveLength(1);
    world.run(2 * SECOND);
    expect(world.ofType(DATA).map(({ data, from }) => [data.length, from])).toEqual([
      [16 + 112 + 16, a.place],
      [32, b.place],
    ]);
    world.run(60 * SECOND);
    expect(world.ofType(DATA)).toHaveLength(2);
    expect(b.packets).toHaveLength(1);
  });

  test('a side whose packets have no answer shakes hands again after 15 s', () => {
    const world = new World();
    const { a } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    world.drops = ({ from }) => from === '2:51820';
    a.core.send(packet(1, 2, 2));
    world.run(14 * SECOND);
    expect(world.ofType(INITIATION)).toHaveLength(1);
    world.run(2 * SECOND);
    expect(world.ofType(INITIATION)).toHaveLength(2);
  });

  test('a persistent keepalive is sent at its interval, from the start', () => {
    const world = new World();
    const [a, b] = [world.device('1:1'), world.device('2:1')];
    a.peer(b, 2, { endpoint: b.place, persistentKeepalive: 25 });
    b.peer(a, 1);
    world.run(101 * SECOND);
    expect(world.ofType(DATA)).toHaveLength(5);
    expect(b.packets).toHaveLength(0);
  });

  test('what is due while no timer runs is done once, at the next packet', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    world.now += 3_600 * SECOND;
    b.core.send(packet(2, 1, 5));
    expect(world.ofType(INITIATION)).toHaveLength(2);
    world.run(12 * SECOND); // both sides begin at this moment, and one again
    expect(numbers(a)).toEqual([5]);
    expect(world.ofType(INITIATION).length).toBeLessThanOrEqual(5);
  });
});
