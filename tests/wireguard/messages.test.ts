// SPDX-License-Identifier: MIT
// messages.test - messages that come twice, from elsewhere, too often, or are none; and secrets in the memory

import { describe, expect, test, vi } from 'vitest';
import { type Device, numberOf, packet, World, wordsOf } from './world.ts';

const [INITIATION, COOKIE] = [1, 3];
const SECOND = 1000;

const numbers = (device: Device): number[] => device.packets.map(numberOf);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

describe('a message', () => {
  test('that comes twice counts once, whatever its type', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    const [initiation, response, data] = world.sent;
    if (!initiation || !response || !data) throw new Error('no handshake');
    world.run(SECOND);
    for (const message of [initiation, data]) {
      b.receive({ ...message, data: message.data.slice(), from: '9:9' });
    }
    a.receive({ ...response, data: response.data.slice(), from: '9:9' });
    expect(b.packets).toHaveLength(1);
    expect(b.core.drops.replay).toBe(2);
    expect(a.core.drops.index).toBe(1);
    expect(b.core.peer(0).endpoint).toEqual(wordsOf(a.place));
  });

  test('from another place moves the peer there, if it is authentic', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    a.place = '7:4000';
    a.core.send(packet(1, 2, 2));
    world.run(10);
    expect(b.core.peer(0).endpoint).toEqual(wordsOf('7:4000'));
    const last = world.sent.at(-1);
    const forged = last?.data.slice() ?? new Uint8Array();
    forged[20] = (forged[20] ?? 0) ^ 1;
    b.receive({ data: forged, from: '9:9', to: b.place });
    expect(b.core.peer(0).endpoint).toEqual(wordsOf('7:4000'));
    b.core.send(packet(2, 1, 3));
    world.run(10);
    expect(numbers(a)).toEqual([3]);
  });

  test('with a source address that its sender does not have is dropped', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    a.core.send(packet(3, 2, 2));
    a.core.send(packet(1, 9, 3));
    world.run(10);
    expect(numbers(b)).toEqual([1]);
    expect(b.core.drops.notAllowed).toBe(1);
    expect(a.core.drops.noPeer).toBe(1);
  });

  test('of a peer that is removed is dropped, and so is what waits for it', () => {
    const world = new World();
    const { a, b, toA } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    b.core.removePeer(toA);
    b.core.setAllowed([]);
    a.core.send(packet(1, 2, 2));
    world.run(10);
    expect(numbers(b)).toEqual([1]);
    expect(b.core.drops.index).toBe(1);
  });

  test('after the key of its sender changed is of nobody that is known', () => {
    const world = new World();
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    a.core.setKey(world.random.bytes(32));
    a.core.send(packet(1, 2, 2));
    world.run(10);
    expect(numbers(b)).toEqual([1]);
    expect(b.core.drops.unauthentic).toBe(1);
  });

  test('sealed between them arrives once at the most on a network that loses, repeats and reorders', () => {
    const world = new World(99);
    const { a, b } = world.pair();
    world.faults = { loss: 0.1, duplicate: 0.2, jitter: 300 };
    for (const i of range(0, 3000)) {
      a.core.send(packet(1, 2, i));
      b.core.send(packet(2, 1, i));
      world.run(100);
    }
    world.run(60 * SECOND);
    for (const device of [a, b]) {
      expect(new Set(numbers(device)).size).toBe(device.packets.length);
      expect(device.packets.length).toBeGreaterThan(2500);
      expect(device.core.drops.unauthentic).toBe(0);
    }
  });
});

describe('under load', () => {
  test('a handshake needs a cookie, with which it succeeds', () => {
    const world = new World();
    const { a, b } = world.pair({ rate: 1 });
    const stranger = world.device('3:1');
    const flood = (): void => {
      stranger.peer(b, 2, { endpoint: b.place });
      stranger.core.send(packet(3, 2));
    };
    flood();
    world.run(10); // of the one token
    a.core.send(packet(1, 2, 1));
    world.run(10);
    expect(world.ofType(COOKIE)).toHaveLength(1);
    expect(b.packets).toHaveLength(0);
    world.drops = ({ to, data }) => to === b.place && data[0] === INITIATION && false;
    // Still under load when it tries again, since handshakes go on coming.
    const probe = world.ofType(INITIATION)[0];
    for (let i = 0; i < 60; i++) {
      if (probe) b.receive({ ...probe, data: probe.data.slice() });
      world.run(100);
    }
    expect(numbers(b)).toEqual([1]);
    const second = world.ofType(INITIATION).filter(({ from }) => from === a.place)[1];
    expect(second?.data.subarray(132).some((byte) => byte !== 0)).toBe(true);
  });

  test('a source with a cookie gets five handshakes, and twenty a second', () => {
    const world = new World();
    const { a, b } = world.pair({ rate: 1 });
    const other = world.device('3:1');
    other.peer(b, 2, { endpoint: b.place });
    other.core.send(packet(3, 2));
    world.run(10);
    a.core.send(packet(1, 2, 1));
    world.run(5.5 * SECOND);
    const signed = world.ofType(INITIATION).findLast(({ from }) => from === a.place);
    if (!signed) throw new Error('no initiation');
    for (let i = 0; i < 40; i++) {
      const probe = world.ofType(INITIATION)[0];
      if (probe) b.receive({ ...probe, data: probe.data.slice() });
    }
    const { load } = b.core.drops;
    const isSigned = signed.data.subarray(132).some((byte) => byte !== 0);
    expect(isSigned).toBe(true);
    for (let i = 0; i < 25; i++) b.receive({ ...signed, data: signed.data.slice() });
    expect(b.core.drops.load - load).toBeGreaterThanOrEqual(19);
  });

  test('a message with a wrong mac1 costs no token', () => {
    const world = new World();
    const { a, b } = world.pair({ rate: 1 });
    for (let i = 0; i < 100; i++) {
      const data = world.random.bytes(148);
      data.set([1, 0, 0, 0]);
      b.receive({ data, from: '9:9', to: b.place });
    }
    expect(b.core.drops.mac).toBe(100);
    a.core.send(packet(1, 2, 1));
    world.run(10);
    expect(numbers(b)).toEqual([1]);
  });
});

describe('garbage', () => {
  test('of any length and type is dropped, and sessions go on', () => {
    const world = new World(5);
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    const { random } = world;
    const messages = world.sent.map(({ data }) => data);
    for (let i = 0; i < 20_000; i++) {
      const model = messages[random.int(messages.length)] ?? new Uint8Array(1);
      const data =
        i % 4 === 0
          ? random.bytes(random.int(2000))
          : i % 4 === 1
            ? model.slice(0, random.int(model.length + 1))
            : model.slice();
      if (i % 4 > 1 && data.length > 0) {
        const at = random.int(data.length);
        data[at] = (data[at] ?? 0) ^ (1 + random.int(255));
      }
      if (data.length > 0 && i % 8 === 0) data.set([1 + random.int(4)]);
      if (data.length > 4 && i % 8 === 0) data.set([0, 0, 0], 1);
      (i % 2 ? a : b).receive({ data, from: '9:9', to: '0:0' });
      if (i % 100 === 0) world.run(1);
    }
    const got = b.packets.length;
    for (const i of range(0, 20)) {
      a.core.send(packet(1, 2, 1000 + i));
      world.run(10 * SECOND);
    }
    expect(numbers(b).slice(got)).toEqual(range(1000, 1020));
    expect([numbers(a), got]).toEqual([[], 1]);
  });

  test('inside a session that is no IP packet is dropped', () => {
    const world = new World(6);
    const { a, b } = world.pair();
    a.core.send(packet(1, 2, 1));
    world.run(10);
    const bad: [string, Uint8Array][] = [];
    const make = (name: string, change: (bytes: Uint8Array) => void): void => {
      const bytes = packet(1, 2, 2);
      change(bytes);
      bad.push([name, bytes]);
    };
    make('a total length beyond its end', (bytes) => bytes.set([1], 2));
    make('a total length below its header', (bytes) => bytes.set([0, 10], 2));
    make('a header of four words', (bytes) => bytes.set([0x44], 0));
    for (const [name, bytes] of bad) {
      const before = b.core.drops.malformed;
      a.core.send(bytes);
      world.run(10);
      expect(b.core.drops.malformed, name).toBe(before + 1);
    }
    for (const first of [0, 0x15, 0x55, 0xff]) {
      a.core.send(Uint8Array.of(first, ...packet(1, 2, 2).subarray(1)));
    }
    expect(a.core.drops.malformed).toBe(4);
    expect(numbers(b)).toEqual([1]);
  });
});

test('secrets are in the memory until it is wiped, and not afterwards', () => {
  const memories: WebAssembly.Memory[] = [];
  const Memory = WebAssembly.Memory;
  vi.stubGlobal('WebAssembly', {
    ...WebAssembly,
    Instance: WebAssembly.Instance,
    Module: WebAssembly.Module,
    Global: WebAssembly.Global,
    Table: WebAssembly.Table,
    Memory: class extends Memory {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        super(descriptor);
        memories.push(this);
      }
    },
  });
  const world = new World();
  const key = world.random.bytes(32);
  key[0] = (key[0] ?? 0) & 248;
  key[31] = ((key[31] ?? 0) & 127) | 64;
  const [a, b] = [world.device('1:1'), world.device('2:1')];
  vi.unstubAllGlobals();
  a.core.setKey(key);
  const secret = world.random.bytes(32);
  a.peer(b, 2, { endpoint: b.place, presharedKey: secret });
  const holds = (bytes: Uint8Array): number => {
    const all = Buffer.from(memories[0]?.buffer ?? new ArrayBuffer(0));
    let count = 0;
    for (let at = all.indexOf(bytes); at >= 0; at = all.indexOf(bytes, at + 1)) count++;
    return count;
  };
  expect([holds(key), holds(secret)]).toEqual([1, 1]); // no copies where arguments are
  a.core.wipe();
  expect([holds(key), holds(secret)]).toEqual([0, 0]);
  expect(
    new Uint8Array(memories[0]?.buffer ?? new ArrayBuffer(1)).every((byte) => byte === 0),
  ).toBe(true);
});
