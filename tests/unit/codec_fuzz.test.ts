// SPDX-License-Identifier: MIT
// codec_fuzz.test - the packet codecs of js/codec with bytes from a seed: nothing throws, views stay within

import { expect, test } from 'vitest';
import { buildArp, parseArp } from '../../js/codec/arp.ts';
import { hasRightChecksum } from '../../js/codec/checksum.ts';
import { buildEthernet, parseEthernet } from '../../js/codec/ethernet.ts';
import {
  buildIcmpEcho,
  buildIcmpError,
  parseIcmp,
  parseIcmpEcho,
  parseIcmpError,
} from '../../js/codec/icmp.ts';
import { buildIp, buildIpv4, buildIpv6, parseIp } from '../../js/codec/ip.ts';
import { buildNdp, parseNdp } from '../../js/codec/ndp.ts';
import { buildTcp, parseTcp, parseTcpOptions, walkTcpOptions } from '../../js/codec/tcp.ts';
import { buildUdp, parseUdp } from '../../js/codec/udp.ts';
import { Prng } from '../helpers/prng.ts';

const ROUNDS = 20_000;
const V4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const V6 = { source: 'fd00::1', destination: 'fd00::2' };
const MACS = { destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' };

/** Frames that are right, to be damaged. */
function corpus(): Uint8Array[] {
  const ports = { sourcePort: 1000, destinationPort: 7 };
  const options = { maximumSegmentSize: 1460, windowScale: 7, sack: [[1, 2]] as const };
  const payload = Uint8Array.of(1, 2, 3);
  const carried = [V4, V6].flatMap((ends) => [
    buildIp({ ...ends, protocol: 17, payload: buildUdp({ ...ends, ...ports, payload }) }),
    buildIp({
      ...ends,
      protocol: 6,
      payload: buildTcp({ ...ends, ...ports, sequence: 1, flags: 2, options, payload }),
    }),
    buildIp({
      ...ends,
      protocol: ends === V4 ? 1 : 58,
      payload: buildIcmpEcho({ ...ends, identifier: 1, sequence: 2 }),
    }),
    buildIp({
      ...ends,
      protocol: ends === V4 ? 1 : 58,
      payload: buildIcmpError({ ...ends, kind: 'unreachable', packet: payload }),
    }),
  ]);
  const advertisement = buildNdp(V6, {
    kind: 'routerAdvertisement',
    options: {
      prefixes: [{ prefix: 'fd00::', length: 64 }],
      dnsServers: { lifetime: 1, values: ['fd00::1'] },
      searchDomains: { lifetime: 1, values: ['a.b'] },
    },
  });
  const extended = Uint8Array.from([44, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 1]);
  const behind = Uint8Array.from([...extended, ...advertisement]);
  const fragment = { protocol: 17, fragmentOffset: 8, moreFragments: true };
  carried.push(
    buildIpv6({ ...V6, protocol: 58, payload: advertisement }),
    buildIpv6({ ...V6, protocol: 0, payload: behind }),
    buildIpv4({ ...V4, ...fragment, options: new Uint8Array(8), payload }),
  );
  const arp = buildArp({
    operation: 1,
    senderMac: MACS.source,
    senderIp: '10.0.0.1',
    targetIp: '10.0.0.2',
  });
  return [
    ...carried.map((packet) => {
      const type = (packet[0] ?? 0) >>> 4 === 4 ? 0x0800 : 0x86dd;
      return buildEthernet({ ...MACS, type, payload: packet });
    }),
    buildEthernet({ ...MACS, type: 0x0806, payload: arp }),
    buildEthernet({ ...MACS, vlan: { id: 1 }, type: 0x0806, payload: arp }),
  ];
}

/** All byte fields of a result, at any depth. */
function viewsIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(viewsIn);
}

/** Reads a frame as whatever it may be; returns all results. */
function readAll(frame: Uint8Array, allowCut: boolean): unknown[] {
  const ethernet = parseEthernet(frame);
  const packet = ethernet && parseIp(ethernet.payload, { allowCut });
  const arp = ethernet && parseArp(ethernet.payload);
  if (!packet) return [ethernet, arp];
  const { payload, version } = packet;
  const message = parseIcmp(payload);
  const segment = parseTcp(payload);
  hasRightChecksum(packet);
  return [
    ethernet,
    arp,
    packet,
    parseUdp(payload, { allowCut }),
    segment,
    segment && parseTcpOptions(segment.options),
    segment && [...walkTcpOptions(segment.options)],
    message && parseIcmpEcho(message, version),
    message && parseIcmpError(message, version),
    message && parseNdp(message),
  ];
}

/** Views that are not on the frame. */
function strays(frame: Uint8Array, results: readonly unknown[]): Uint8Array[] {
  const end = frame.byteOffset + frame.length;
  return viewsIn(results).filter(
    ({ buffer, byteOffset, length }) =>
      buffer !== frame.buffer || byteOffset < frame.byteOffset || byteOffset + length > end,
  );
}

test('frames cut at every byte', () => {
  for (const frame of corpus()) {
    for (let length = 0; length <= frame.length; length++) {
      const cut = frame.subarray(0, length);
      for (const allowCut of [false, true]) expect(strays(cut, readAll(cut, allowCut))).toEqual([]);
    }
  }
});

test('frames with bytes changed at random, and random bytes behind headers that are right', () => {
  const random = new Prng(11);
  const frames = corpus();
  let bad = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const frame = Uint8Array.from(random.pick(frames));
    if (random.chance(0.5)) {
      for (let n = random.between(1, 8); n > 0; n--) {
        frame[random.int(frame.length)] = random.int(256);
      }
    } else random.fill(frame.subarray(random.pick([14, 34, 54, 58])));
    const part = frame.subarray(0, random.between(0, frame.length));
    for (const one of [frame, part]) bad += strays(one, readAll(one, random.chance(0.5))).length;
  }
  expect(bad).toBe(0);
});

test('what was read and is whole can be built again, and is the same', () => {
  const random = new Prng(12);
  for (let round = 0; round < 2000; round++) {
    const ends = random.chance(0.5) ? V4 : V6;
    const payload = random.bytes(random.int(100));
    const [sourcePort, destinationPort] = [random.int(65_536), random.int(65_536)];
    const udp = buildUdp({ ...ends, sourcePort, destinationPort, payload });
    const tcp = buildTcp({
      ...ends,
      ...{ sourcePort, destinationPort, payload },
      sequence: random.u32(),
      acknowledgment: random.u32(),
      flags: random.int(256),
      options: { timestamps: { value: random.u32(), echo: random.u32() } },
    });
    const read = parseTcp(tcp);
    expect(parseUdp(udp)).toMatchObject({ sourcePort, destinationPort, payload });
    expect(read && buildTcp({ ...ends, ...read })).toEqual(tcp);
    const packet = buildIp({ ...ends, protocol: 6, payload: tcp });
    const back = parseIp(packet);
    expect(back && hasRightChecksum(back)).toBe(true);
    expect(back && buildIp(back)).toEqual(packet);
  }
});
