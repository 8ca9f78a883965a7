// SPDX-License-Identifier: MIT
// codec_packets.test - the packet codecs of js/codec: what is built is read, known bytes, malformed input

import { describe, expect, test } from 'vitest';
import { ARP_OPERATION, buildArp, parseArp } from '../../js/codec/arp.ts';
import { hasRightChecksum, internetChecksum } from '../../js/codec/checksum.ts';
import { buildEthernet, parseEthernet } from '../../js/codec/ethernet.ts';
import { ipBytes, ipText, macBytes } from '../../js/codec/fields.ts';
import {
  buildIcmpEcho,
  buildIcmpError,
  isIcmpChecksumRight,
  parseIcmp,
  parseIcmpEcho,
  parseIcmpError,
} from '../../js/codec/icmp.ts';
import { buildIp, buildIpv4, buildIpv6, parseIp, parseIpv4, parseIpv6 } from '../../js/codec/ip.ts';
import { buildTcp, parseTcp, parseTcpOptions, TCP_FLAG } from '../../js/codec/tcp.ts';
import { buildUdp, parseUdp } from '../../js/codec/udp.ts';
import { arp, checksum, ethernet, ping } from '../helpers/frames.ts';
import { Prng } from '../helpers/prng.ts';

const V4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const V6 = { source: 'fd00::1', destination: 'fd00::2' };
const DATA = Uint8Array.of(1, 2, 3, 4, 5);
const EINVAL = expect.objectContaining({ code: 'EINVAL' });

describe('addresses', () => {
  test('IPv6 as RFC 5952 wants it', () => {
    const show = (...words: number[]): string =>
      ipText(Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 255])));
    expect(show(0, 0, 0, 0, 0, 0, 0, 0)).toBe('::');
    expect(show(0, 0, 0, 0, 0, 0, 0, 1)).toBe('::1');
    expect(show(0xfd00, 0, 0, 0, 0, 0, 0, 0)).toBe('fd00::');
    expect(show(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1)).toBe('2001:db8::1:0:0:1');
    expect(show(1, 0, 2, 3, 4, 5, 6, 7)).toBe('1:0:2:3:4:5:6:7');
  });

  test.each([
    ['text that is none', () => ipBytes('10.0.0')],
    ['bytes of no length', () => ipBytes(new Uint8Array(5))],
    ['a MAC of five bytes', () => macBytes(new Uint8Array(5))],
    ['both versions', () => buildUdp({ ...V4, source: '::1', sourcePort: 1, destinationPort: 1 })],
  ])('refuses %s', (_, build) => expect(build).toThrow(EINVAL));
});

describe('the Internet checksum', () => {
  test('is that of an independent sum, at every length', () => {
    const random = new Prng(1);
    for (let length = 0; length < 300; length++) {
      const bytes = random.bytes(length);
      expect(internetChecksum(bytes)).toBe(checksum(bytes));
    }
    expect(internetChecksum(new Uint8Array(200_000).fill(255))).toBe(0);
  });

  test('of UDP that comes to 0 is sent as ffff, and none is right over IPv4 only', () => {
    const ports = { sourcePort: 0, destinationPort: 0 };
    const first = buildUdp({ ...V4, ...ports, payload: new Uint8Array(2) });
    const payload = first.slice(6, 8); // what is missing to 0
    const second = buildUdp({ ...V4, ...ports, payload });
    expect([second[6], second[7]]).toEqual([255, 255]);
    const none = buildUdp({ ...V6, ...ports, payload: DATA });
    none.fill(0, 6, 8);
    const v6 = { source: ipBytes(V6.source), destination: ipBytes(V6.destination) };
    expect(hasRightChecksum({ ...v6, protocol: 17, payload: none })).toBe(false);
    const v4 = { source: ipBytes(V4.source), destination: ipBytes(V4.destination) };
    expect(hasRightChecksum({ ...v4, protocol: 17, payload: none })).toBe(true);
  });
});

describe('Ethernet and ARP', () => {
  const [a, b] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];

  test('are what frames made by hand are', () => {
    const request = buildArp({
      operation: ARP_OPERATION.request,
      senderMac: a,
      senderIp: '10.0.0.1',
      targetMac: b,
      targetIp: '10.0.0.2',
    });
    const frame = buildEthernet({
      destination: 'ff:ff:ff:ff:ff:ff',
      source: macBytes(a),
      type: 0x0806,
      payload: request,
    });
    expect(frame).toEqual(arp(1, { mac: a, ip: '10.0.0.1' }, { mac: b, ip: '10.0.0.2' }));
    const packet = parseArp(parseEthernet(frame)?.payload ?? DATA);
    expect(packet?.senderMac).toEqual(macBytes(a));
    expect(packet && ipText(packet.targetIp)).toBe('10.0.0.2');
  });

  test('a tag is read and built, and a frame that ends within it is none', () => {
    const vlan = { id: 4095, priority: 7, isDropEligible: true };
    const frame = buildEthernet({ destination: a, source: b, vlan, type: 0x800, payload: DATA });
    expect(parseEthernet(frame)).toMatchObject({ vlan, type: 0x800, payload: DATA });
    expect(parseEthernet(frame.subarray(0, 17))).toBeUndefined();
    expect(parseEthernet(ethernet(a, b, 0x800, DATA))?.vlan).toBeUndefined();
  });

  test('ARP that is not for IPv4 over Ethernet is not read', () => {
    const bytes = buildArp({
      operation: 2,
      senderMac: a,
      senderIp: V4.source,
      targetIp: '0.0.0.0',
    });
    for (let at = 0; at < 6; at++) {
      const other = bytes.slice();
      other[at] = 99;
      expect(parseArp(other)).toBeUndefined();
    }
  });

  test.each([
    ['a type', () => buildEthernet({ destination: a, source: b, type: 65_536, payload: DATA })],
    [
      'a VLAN',
      () =>
        buildEthernet({ destination: a, source: b, type: 0, payload: DATA, vlan: { id: 4096 } }),
    ],
    ['an operation', () => buildArp({ operation: -1, senderMac: a, senderIp: '::', targetIp: '' })],
    [
      'an IPv6 address',
      () => buildArp({ operation: 1, senderMac: a, senderIp: '::', targetIp: '10.0.0.1' }),
    ],
  ])('refuse %s out of range', (_, build) => expect(build).toThrow(EINVAL));
});

describe('IP', () => {
  test('IPv4: every field is read as it was built', () => {
    const fields = {
      protocol: 200,
      ttl: 3,
      trafficClass: 0xb8,
      identification: 0xabcd,
      dontFragment: true,
      moreFragments: true,
      fragmentOffset: 65_528,
      options: Uint8Array.of(1, 1, 1, 0),
      payload: DATA,
    };
    const bytes = buildIpv4({ ...V4, ...fields });
    expect(parseIpv4(bytes)).toMatchObject({ ...fields, isChecksumRight: true, totalLength: 29 });
    expect(checksum(bytes.subarray(0, 24))).toBe(0);
    bytes[8] = 4;
    expect(parseIpv4(bytes)?.isChecksumRight).toBe(false);
  });

  test('IPv6: every field is read as it was built', () => {
    const fields = {
      protocol: 200,
      hopLimit: 3,
      trafficClass: 0xb8,
      flowLabel: 0xabcde,
      payload: DATA,
    };
    const packet = parseIpv6(buildIpv6({ ...V6, ...fields }));
    expect(packet).toMatchObject({ ...fields, payloadLength: 5, extensions: [] });
    expect(packet?.fragment).toBeUndefined();
  });

  test('padding of the link is no part of the payload, and a cut packet is malformed', () => {
    for (const ends of [V4, V6]) {
      const bytes = buildIp({ ...ends, protocol: 17, payload: DATA });
      const padded = new Uint8Array(100);
      padded.set(bytes);
      expect(parseIp(padded)?.payload).toEqual(DATA);
      const cut = bytes.subarray(0, bytes.length - 2);
      expect(parseIp(cut)).toBeUndefined();
      expect(parseIp(cut, { allowCut: true })?.payload).toEqual(DATA.subarray(0, 3));
    }
  });

  test('IPv6 extension headers are stepped over, a later fragment is not read further', () => {
    const hop = [44, 0, 0, 0, 0, 0, 0, 0];
    const fragment = (offset: number): number[] => [51, 0, 0, offset, 0, 0, 0, 9];
    const authentication = [17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    const build = (offset: number) =>
      parseIpv6(
        buildIpv6({
          ...V6,
          protocol: 0,
          payload: Uint8Array.from([...hop, ...fragment(offset), ...authentication, ...DATA]),
        }),
      );
    const first = build(1);
    expect(first).toMatchObject({ protocol: 17, payload: DATA });
    expect(first?.fragment).toEqual({ identification: 9, offset: 0, more: true });
    expect(first?.extensions.map(({ type, offset }) => [type, offset])).toEqual([
      [0, 40],
      [44, 48],
      [51, 56],
    ]);
    const later = build(8);
    expect(later).toMatchObject({ protocol: 51, fragment: { offset: 8, more: false } });
    expect(later?.payload.length).toBe(authentication.length + DATA.length);
  });

  test.each([
    ['version 5', [0x55]],
    ['an IPv4 header of 16 bytes', [0x44, 0, 0, 30]],
    ['a total length within the header', [0x45, 0, 0, 19]],
    ['an IPv6 packet that says more than there is', [0x60, 0, 0, 0, 0, 100]],
    ['an extension header beyond the packet', [0x60, 0, 0, 0, 0, 8, 0, 64]],
  ])('%s is malformed', (_, head) => {
    const bytes = new Uint8Array(60);
    bytes.set(head);
    if (head[6] === 0) bytes[41] = 200;
    expect(parseIp(bytes)).toBeUndefined();
  });

  test.each([
    ['protocol', () => buildIpv4({ ...V4, protocol: 256, payload: DATA })],
    ['ttl', () => buildIpv4({ ...V4, protocol: 1, ttl: 1.5, payload: DATA })],
    ['fragmentOffset', () => buildIpv4({ ...V4, protocol: 1, fragmentOffset: 4, payload: DATA })],
    ['options', () => buildIpv4({ ...V4, protocol: 1, options: DATA, payload: DATA })],
    ['payload', () => buildIpv4({ ...V4, protocol: 1, payload: new Uint8Array(65_516) })],
    ['IPv4 packet', () => buildIpv4({ ...V6, protocol: 1, payload: DATA })],
    ['flowLabel', () => buildIpv6({ ...V6, protocol: 1, flowLabel: 2 ** 20, payload: DATA })],
    ['payload', () => buildIpv6({ ...V6, protocol: 1, payload: new Uint8Array(65_536) })],
    ['IPv6 packet', () => buildIpv6({ ...V4, protocol: 1, payload: DATA })],
  ])('refuses a wrong %s and names it', (name, build) => {
    expect(build).toThrow(EINVAL);
    if (name !== 'payload') expect(build).toThrow(name);
  });
});

describe.each([
  ['IPv4', V4],
  ['IPv6', V6],
])('what %s carries', (_, ends) => {
  const version = ends === V4 ? 4 : 6;
  /** Whether the checksum is right as IP carries it, and wrong with any bit changed. */
  const isSealed = (protocol: number, payload: Uint8Array): boolean => {
    const packet = parseIp(buildIp({ ...ends, protocol, payload }));
    if (!packet || !hasRightChecksum(packet)) return false;
    packet.payload[payload.length - 1] = (packet.payload[payload.length - 1] ?? 0) ^ 1;
    return !hasRightChecksum(packet);
  };

  test('UDP', () => {
    const bytes = buildUdp({ ...ends, sourcePort: 68, destinationPort: 67, payload: DATA });
    expect(parseUdp(bytes)).toMatchObject({ sourcePort: 68, destinationPort: 67, payload: DATA });
    expect(isSealed(17, bytes)).toBe(true);
    bytes[5] = 7;
    expect(parseUdp(bytes)).toBeUndefined();
    bytes[5] = 14;
    expect(parseUdp(bytes)).toBeUndefined();
  });

  test('TCP with every option', () => {
    const options = {
      maximumSegmentSize: 1460,
      windowScale: 14,
      isSackPermitted: true,
      timestamps: { value: 0xffff_ffff, echo: 1 },
      sack: [[0xffff_fff0, 16]] as const,
    };
    const fields = {
      sourcePort: 1,
      destinationPort: 65_535,
      sequence: 0xffff_ffff,
      acknowledgment: 0x8000_0000,
      flags: TCP_FLAG.ack | TCP_FLAG.cwr,
      window: 1,
      urgent: 2,
      payload: DATA,
    };
    const bytes = buildTcp({ ...ends, ...fields, options });
    const segment = parseTcp(bytes);
    expect(segment).toMatchObject(fields);
    expect(segment && parseTcpOptions(segment.options)).toEqual(options);
    expect(isSealed(6, bytes)).toBe(true);
    bytes[12] = 0x40;
    expect(parseTcp(bytes)).toBeUndefined();
  });

  test('echo and errors', () => {
    const echo = buildIcmpEcho({ ...ends, identifier: 5, sequence: 6, data: DATA, isReply: true });
    const message = parseIcmp(echo);
    expect(message && parseIcmpEcho(message, version)).toEqual({
      isReply: true,
      identifier: 5,
      sequence: 6,
      data: DATA,
    });
    const isRight = (bytes: Uint8Array): boolean =>
      version === 4 ? isIcmpChecksumRight(bytes) : isSealed(58, bytes);
    expect(isRight(echo)).toBe(true);
    const kinds = ['unreachable', 'packetTooBig', 'timeExceeded', 'parameterProblem'] as const;
    for (const kind of kinds) {
      const packet = buildIp({ ...ends, protocol: 6, payload: new Uint8Array(3000) });
      const bytes = buildIcmpError({ ...ends, kind, mtu: 1400, pointer: 9, packet });
      const error = parseIcmpError(parseIcmp(bytes) as NonNullable<typeof message>, version);
      expect(error?.kind).toBe(kind);
      expect(error?.mtu).toBe(kind === 'packetTooBig' ? 1400 : 0);
      expect(error?.pointer).toBe(kind === 'parameterProblem' ? 9 : 0);
      expect(buildIp({ ...ends, protocol: 1, payload: bytes }).length).toBe(
        version === 4 ? 576 : 1280,
      );
      expect(error && parseIp(error.packet, { allowCut: true })?.protocol).toBe(6);
      expect(isRight(bytes)).toBe(true);
    }
  });
});

test('a ping made by hand is what buildIcmpEcho() makes', () => {
  const data = new TextEncoder().encode('x');
  const payload = buildIcmpEcho({ ...V4, identifier: 0x1234, sequence: 3, data });
  const packet = buildIpv4({ ...V4, protocol: 1, identification: 1, payload });
  expect(packet).toEqual(ping(V4.source, V4.destination, 3, data));
});

describe('TCP options', () => {
  test.each([0, 1, 40])('a length of %i ends them', (length) => {
    const bytes = Uint8Array.of(3, 3, 7, 2, length, 5, 180);
    expect(parseTcpOptions(bytes)).toEqual({ windowScale: 7 });
  });

  test('known kinds of a wrong length are ignored, a scale above 14 counts as 14', () => {
    expect(parseTcpOptions(Uint8Array.of(2, 3, 5, 4, 3, 0, 3, 3, 200, 8, 4, 0, 0))).toEqual({
      windowScale: 14,
    });
  });

  test('more than a header has room for, and raw ones of an odd length, are refused', () => {
    const sack = Array.from({ length: 5 }, () => [1, 2] as const);
    const fields = { ...V4, sourcePort: 1, destinationPort: 2, sequence: 0, flags: 0 };
    expect(() => buildTcp({ ...fields, options: { sack } })).toThrow(EINVAL);
    expect(() => buildTcp({ ...fields, options: new Uint8Array(3) })).toThrow(EINVAL);
    expect(() => buildTcp({ ...fields, options: new Uint8Array(44) })).toThrow(EINVAL);
    expect(() => buildTcp({ ...fields, sequence: 2 ** 32 })).toThrow(EINVAL);
  });
});
