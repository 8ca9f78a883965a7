// SPDX-License-Identifier: MIT
// path.test - what the way to a peer says of packets: no peer, too large, congestion

import { describe, expect, test } from 'vitest';
import { type Device, packet, World } from './world.ts';

const DATA = 4;

const word = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint16(at);

/** The Internet checksum over bytes and a sum before them: 0 if it is right. */
function checksum(bytes: Uint8Array, before = 0): number {
  let sum = before;
  for (let i = 0; i < bytes.length; i++) sum += (bytes[i] ?? 0) << (i % 2 ? 0 : 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum ^ 0xffff;
}

/** An IPv6 UDP packet from fd00::FROM to fd00::TO. */
function packet6(from: number, to: number, length = 100): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([0x60, 0, 0, 0, (length - 40) >> 8, (length - 40) & 0xff, 17, 64]);
  bytes.set([0xfd], 8);
  bytes.set([from], 23);
  bytes.set([0xfd], 24);
  bytes.set([to], 39);
  return bytes;
}

/** A device with one peer that has 10.0.2.0/24 and fd00::2. */
function world() {
  const made = new World();
  const pair = made.pair();
  const v6 = { peer: pair.toB, address: packet6(1, 2).slice(24, 40), isV6: true, length: 128 };
  const v4 = { peer: pair.toB, address: Uint8Array.of(10, 0, 2, 0), isV6: false, length: 24 };
  pair.a.core.setAllowed([v4, v6]);
  return { world: made, ...pair };
}

/** The answer to a packet, whose headers are checked. */
function answerTo(device: Device, sent: Uint8Array) {
  device.packets.length = 0;
  device.core.send(sent);
  const [answer, ...others] = device.packets;
  expect(others).toEqual([]);
  if (!answer) return undefined;
  const isV6 = answer[0] === 0x60;
  const header = isV6 ? 40 : 20;
  const [from, to] = isV6 ? [8, 24] : [12, 16];
  const size = to - from;
  expect(answer.slice(from, from + size)).toEqual(sent.slice(to, to + size));
  expect(answer.slice(to, to + size)).toEqual(sent.slice(from, from + size));
  expect(word(answer, isV6 ? 4 : 2) + (isV6 ? 40 : 0)).toBe(answer.length);
  if (!isV6) expect(checksum(answer.subarray(0, 20))).toBe(0);
  const message = answer.subarray(header);
  const pseudo = isV6 ? checksum(answer.subarray(8, 40), message.length + 58) ^ 0xffff : 0;
  expect(checksum(message, pseudo)).toBe(0);
  const most = (isV6 ? 1280 : 576) - header - 8;
  expect(message.subarray(8)).toEqual(sent.subarray(0, Math.min(sent.length, most)));
  return { type: message[0], code: message[1], mtu: word(message, 6) };
}

describe('a packet that no peer takes', () => {
  test('is answered at once, host or address unreachable, over both families', () => {
    const { a } = world();
    for (const length of [28, 100, 1419, 1420]) {
      expect(answerTo(a, packet(1, 9, 0, length))).toEqual({ type: 3, code: 1, mtu: 0 });
    }
    for (const length of [48, 101, 1420]) {
      expect(answerTo(a, packet6(1, 9, length))).toEqual({ type: 1, code: 3, mtu: 0 });
    }
    expect(a.core.drops.noPeer).toBe(7);
  });

  test('is answered if the place of its peer is not known, and sent when it is', () => {
    const { world: made, a, b } = world();
    expect(answerTo(b, packet(2, 1))).toEqual({ type: 3, code: 1, mtu: 0 });
    a.core.send(packet(1, 2));
    made.run(10);
    expect(answerTo(b, packet(2, 1))).toBeUndefined();
  });

  test.each([
    ['an error itself', (bytes: Uint8Array) => bytes.set([1], 9) ?? bytes.set([3], 20)],
    ['a later fragment', (bytes: Uint8Array) => bytes.set([0, 7], 6)],
    ['to a group', (bytes: Uint8Array) => bytes.set([224, 0, 0, 5], 16)],
    ['to everybody', (bytes: Uint8Array) => bytes.set([255, 255, 255, 255], 16)],
    ['from a group', (bytes: Uint8Array) => bytes.set([224, 0, 0, 5], 12)],
    ['from nobody', (bytes: Uint8Array) => bytes.set([0, 0, 0, 0], 12)],
    ['from a loopback address', (bytes: Uint8Array) => bytes.set([127, 0, 0, 1], 12)],
  ])('has no answer if it is %s', (_, spoil) => {
    const { a } = world();
    const bytes = packet(1, 9);
    spoil(bytes);
    expect(answerTo(a, bytes)).toBeUndefined();
    expect(a.core.drops.noPeer).toBe(1);
  });

  test.each([
    ['an error itself', (bytes: Uint8Array) => bytes.set([58], 6) ?? bytes.set([1], 40)],
    ['to a group', (bytes: Uint8Array) => bytes.set([0xff, 2], 24)],
    ['from a group', (bytes: Uint8Array) => bytes.set([0xff, 2], 8)],
    ['from nobody', (bytes: Uint8Array) => bytes.fill(0, 8, 24)],
  ])('has no answer over IPv6 if it is %s', (_, spoil) => {
    const { a } = world();
    const bytes = packet6(1, 9);
    spoil(bytes);
    expect(answerTo(a, bytes)).toBeUndefined();
    expect(a.core.drops.noPeer).toBe(1);
  });

  test('is answered fifty times at once, and a thousand times a second', () => {
    const { world: made, a } = world();
    const answers = (packets: number): number => {
      a.packets.length = 0;
      for (let i = 0; i < packets; i++) a.core.send(packet(1, 9));
      return a.packets.length;
    };
    expect(answers(500)).toBe(50);
    made.run(20);
    expect(answers(500)).toBe(20);
    made.run(10_000);
    expect(answers(500)).toBe(50);
  });
});

describe('a message of ours that is routed into the tunnel', () => {
  test('is dropped and answered, and other packets to its place are sent', () => {
    const { world: made, a, b, toB } = world();
    const place = Uint8Array.of(2, 0, 0, 0); // of b.place
    a.core.setAllowed([{ peer: toB, address: place, isV6: false, length: 8 }]);
    const loop = packet(1, 2);
    loop.set(place, 16);
    loop.set([0xca, 0x6c], 22); // port 51820
    expect(answerTo(a, loop)).toEqual({ type: 3, code: 1, mtu: 0 });
    expect(a.core.drops.noPeer).toBe(1);
    loop[23] = 0x6d;
    expect(answerTo(a, loop)).toBeUndefined();
    made.run(10);
    expect(b.packets).toHaveLength(1);
  });
});

describe('a packet that is too large for its transport', () => {
  test('is answered with the size that fits, which then gets through', () => {
    const { world: made, a, b } = world();
    a.limit = 1332;
    expect(answerTo(a, packet(1, 2, 0, 1301))).toEqual({ type: 3, code: 4, mtu: 1300 });
    expect(answerTo(a, packet6(1, 2, 1400))).toEqual({ type: 2, code: 0, mtu: 1300 });
    expect(a.core.drops.tooLarge).toBe(2);
    a.core.send(packet(1, 2, 5, 1300));
    made.run(10);
    expect(b.packets).toEqual([packet(1, 2, 5, 1300)]);
  });

  test('is not made so by padding', () => {
    const { world: made, a } = world();
    a.limit = 1332;
    for (const length of [1281, 1299, 1300]) a.core.send(packet(1, 2, 0, length));
    made.run(10);
    expect(made.ofType(DATA).map(({ data }) => data.length)).toEqual([1328, 1332, 1332]);
  });

  test('of IPv6 is sent up to 1280 bytes, whatever the transport says', () => {
    const { world: made, a } = world();
    a.limit = 1000;
    expect(answerTo(a, packet6(1, 2, 1281))).toEqual({ type: 2, code: 0, mtu: 1280 });
    expect(answerTo(a, packet6(1, 2, 1280))).toBeUndefined();
    expect(answerTo(a, packet(1, 2, 0, 969))).toEqual({ type: 3, code: 4, mtu: 968 });
    made.run(10);
    expect(made.ofType(DATA).map(({ data }) => data.length)).toEqual([1312]);
  });

  test('is answered even where nothing fits at all', () => {
    const { a } = world();
    a.limit = 0;
    expect(answerTo(a, packet(1, 2))).toEqual({ type: 3, code: 4, mtu: 1 });
  });
});

describe('congestion (ECN)', () => {
  const [NONE, ECT1, ECT0, CE] = [0, 1, 2, 3];

  /** A packet with ECN bits and other bits beside them, checksum right. */
  function marked(ecn: number, isV6: boolean): Uint8Array {
    const bytes = isV6 ? packet6(1, 2) : packet(1, 2);
    if (isV6) bytes.set([0x6b, (0x8 << 4) | (ecn << 4) | 0x5], 0);
    else {
      bytes[1] = 0xb8 | ecn;
      bytes.set([0, 0], 10);
      const sum = checksum(bytes.subarray(0, 20));
      bytes.set([sum >> 8, sum & 0xff], 10);
    }
    return bytes;
  }

  describe.each([false, true])('over IPv6: %s', (isV6) => {
    test.each([NONE, ECT1, ECT0, CE])('bits %i go into the header of the message', (ecn) => {
      const { world: made, a } = world();
      a.core.send(marked(ecn, isV6)); // waits for the session
      made.run(10);
      a.core.send(marked(ecn, isV6));
      a.core.send(packet(1, 2));
      made.run(10);
      expect(made.ofType(DATA).map((message) => message.ecn)).toEqual([ecn, ecn, NONE]);
      const handshake = made.sent.filter(({ data }) => data[0] !== DATA);
      expect(handshake.map((message) => message.ecn)).toEqual([NONE, NONE]);
    });

    // RFC 6040, figure 4; a packet without ECN is not dropped, as in Linux.
    test.each([
      [NONE, [NONE, NONE, NONE, NONE]],
      [ECT0, [ECT0, ECT1, ECT0, CE]],
      [ECT1, [ECT1, ECT1, ECT1, CE]],
      [CE, [CE, CE, CE, CE]],
    ])('bits %i come out as %j for none, ECT(1), ECT(0), CE outside', (inner, expected) => {
      const { world: made, a, b } = world();
      b.core.setAllowed([
        { peer: 0, address: Uint8Array.of(10, 0, 1, 0), isV6: false, length: 24 },
        { peer: 0, address: new Uint8Array(16), isV6: true, length: 0 },
      ]);
      made.marks = (message, i) => ({ ...message, ecn: i % 4 });
      a.core.send(packet(1, 2));
      made.run(10);
      const begin = made.sent.length;
      made.marks = (message, i) => ({ ...message, ecn: i - begin });
      b.packets.length = 0;
      for (let outer = 0; outer < 4; outer++) {
        a.core.send(marked(inner, isV6));
        made.run(10);
      }
      expect(b.packets).toEqual(expected.map((ecn) => marked(ecn, isV6)));
    });
  });
});
