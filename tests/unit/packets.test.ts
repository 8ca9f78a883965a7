// SPDX-License-Identifier: MIT
// packets.test - the decoder of web/packets/: every header, cut anywhere, and garbage

import { describe, expect, test } from 'vitest';
import { type Decoded, decode } from '../../web/packets/decode.ts';
import { hexRows } from '../../web/packets/hexdump.ts';
import { arp, ETHERTYPE, ethernet, ipv4, ping, STRANGER } from '../helpers/frames.ts';
import { Prng } from '../helpers/prng.ts';

const A = '02:00:00:00:00:01';
const B = '02:00:00:00:00:02';
const list = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const join = (...parts: Uint8Array[]): Uint8Array =>
  list(...parts.flatMap((part) => Array.from(part)));

const inIpv4 = (protocol: number, payload: Uint8Array): Uint8Array =>
  ethernet(B, A, ETHERTYPE.ipv4, ipv4('10.0.0.1', '10.0.0.2', protocol, payload));

/** An IPv6 packet from fd00::1 to fd00::2. */
function inIpv6(next: number, payload: Uint8Array): Uint8Array {
  const head = list(0x60, 0, 0, 0, payload.length >>> 8, payload.length & 255, next, 64);
  const address = (last: number): Uint8Array => list(0xfd, ...Array(14).fill(0), last);
  return ethernet(B, A, ETHERTYPE.ipv6, join(head, address(1), address(2), payload));
}

/** A TCP header, 1000 to 7, with flags and options, before data. */
function tcp(flags: number, options: Uint8Array, data = ''): Uint8Array {
  const offset = ((20 + options.length) / 4) << 4;
  const ports = list(3, 232, 0, 7, 0, 0, 0, 5, 0, 0, 0, 9);
  return join(ports, list(offset, flags, 0x20, 0, 0xab, 0xcd, 0, 0), options, text(data));
}

/** A UDP datagram without a checksum. */
function udp(from: number, to: number, payload: Uint8Array): Uint8Array {
  const words = [from, to, 8 + payload.length, 0];
  return join(list(...words.flatMap((word) => [word >>> 8, word & 255])), payload);
}

const names = ({ layers }: Decoded): string[] => layers.map(({ name }) => name);
const field = (decoded: Decoded, layer: string, name: string): string | undefined =>
  decoded.layers.find((one) => one.name === layer)?.fields.find((one) => one.name === name)?.value;

/** SYN with MSS 1460, SACK permitted, NOP, window scale 7. */
const SYN_OPTIONS = list(2, 4, 5, 180, 4, 2, 1, 1, 3, 3, 7, 0);

describe('decode', () => {
  test('an ARP request and its reply', () => {
    const request = decode(arp(1, { mac: A, ip: '10.0.0.1' }, { mac: STRANGER, ip: '10.0.0.2' }));
    expect(request.info).toBe('Who has 10.0.0.2? Tell 10.0.0.1');
    expect([request.source, request.destination]).toEqual([A, 'broadcast']);
    const reply = decode(arp(2, { mac: B, ip: '10.0.0.2' }, { mac: A, ip: '10.0.0.1' }));
    expect(reply.info).toBe(`10.0.0.2 is at ${B}`);
    expect(field(reply, 'ARP', 'Operation')).toBe('2 (reply)');
  });

  test('a DNS query and its answer, by the first question', () => {
    const question = join(list(4), text('beta'), list(8), text('internal'), list(0, 0, 1, 0, 1));
    const message = (flags: number[], answers: number): Uint8Array =>
      udp(1000, 53, join(list(0, 7, ...flags, 0, 1, 0, answers, 0, 0, 0, 0), question));
    const query = decode(inIpv4(17, message([1, 0], 0)));
    expect(names(query)).toEqual(['Ethernet', 'IPv4', 'UDP', 'DNS']);
    expect(query.info).toBe('Query A beta.internal');
    expect(field(query, 'DNS', 'Identifier')).toBe('0x0007');
    const infos = [decode(inIpv4(17, message([0x81, 0x80], 1))).info];
    infos.push(decode(inIpv4(17, message([0x81, 0x83], 0))).info);
    infos.push(decode(inIpv4(17, message([0x81, 0x85], 0))).info);
    expect(infos).toEqual([
      'Answer A beta.internal: 1 record',
      'Answer A beta.internal: no such name',
      'Answer A beta.internal: refused',
    ]);
    // Cut within the name, it is a datagram.
    const cut = inIpv4(17, message([1, 0], 0)).subarray(0, 60);
    expect(decode(cut).protocol).toBe('UDP');
  });

  test('a DHCP request and a reply, by client and address', () => {
    const message = (operation: number, address: number[]): Uint8Array =>
      join(
        list(operation, 1, 6, 0),
        new Uint8Array(12),
        list(...address),
        new Uint8Array(8),
        list(2, 0, 0, 0, 0, 1),
      );
    const request = decode(inIpv4(17, udp(68, 67, message(1, [0, 0, 0, 0]))));
    expect([request.protocol, request.info]).toEqual(['DHCP', `Request from ${A}`]);
    const reply = decode(inIpv4(17, udp(67, 68, message(2, [10, 0, 0, 2]))));
    expect(reply.info).toBe(`Reply: 10.0.0.2 for ${A}`);
    expect(field(reply, 'DHCP', 'Address for the client')).toBe('10.0.0.2');
  });

  test('a SYN with options', () => {
    const decoded = decode(inIpv4(6, tcp(2, SYN_OPTIONS)));
    expect(names(decoded)).toEqual(['Ethernet', 'IPv4', 'TCP']);
    expect(decoded.info).toBe('1000 → 7 [SYN] Len=0 MSS=1460 WS=128 Seq=5 Win=8192');
    expect(field(decoded, 'TCP', 'SACK permitted')).toBe('yes');
    expect(field(decoded, 'TCP', 'Destination port')).toBe('7 (echo)');
    expect(field(decoded, 'IPv4', 'Header checksum')).toMatch(/correct/);
    expect([decoded.source, decoded.destination]).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  test('data over IPv6, with its payload', () => {
    const decoded = decode(inIpv6(6, tcp(0x18, list(), 'hello\n')));
    expect(names(decoded)).toEqual(['Ethernet', 'IPv6', 'TCP', 'Payload']);
    expect(decoded.info).toBe('1000 → 7 [ACK, PSH] Len=6 Seq=5 Ack=9 Win=8192');
    expect(field(decoded, 'Payload', 'Text')).toBe('hello·');
    expect(decoded.source).toBe('fd00::1');
  });

  test('a wrong header checksum', () => {
    const frame = inIpv4(6, tcp(2, list()));
    frame[24] = (frame[24] ?? 0) ^ 1;
    expect(field(decode(frame), 'IPv4', 'Header checksum')).toMatch(/wrong/);
  });

  test('SACK blocks, timestamps and what it does not know', () => {
    const sack = list(5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1);
    expect(decode(inIpv4(6, tcp(0x10, sack))).info).toMatch(/ SACK=1-2 /);
    const stamps = decode(inIpv4(6, tcp(0x10, list(8, 10, 0, 0, 0, 3, 0, 0, 0, 4, 99, 2))));
    expect(field(stamps, 'TCP', 'Timestamps')).toBe('3, echo 4');
    expect(field(stamps, 'TCP', 'Option 99')).toBe('0 bytes');
  });

  test.each([0, 1, 40])('an option of length %i ends the options', (length) => {
    const decoded = decode(inIpv4(6, tcp(2, list(2, length, 5, 180))));
    expect(field(decoded, 'TCP', 'Bad option')).toBe('kind 2');
    expect(decoded.info).toBe('1000 → 7 [SYN] Len=0 Seq=5 Win=8192');
  });

  test('a ping, UDP, a fragment, a tag, what it does not know', () => {
    const echo = ethernet(B, A, ETHERTYPE.ipv4, ping('10.0.0.1', '10.0.0.2', 3, text('x')));
    expect(decode(echo).info).toBe('Echo request id=0x1234 seq=3');
    expect(decode(inIpv4(17, list(0, 53, 4, 0, 0, 12, 0, 0, 1, 2, 3, 4))).info).toBe(
      '53 → 1024 Len=4',
    );
    const later = inIpv4(6, tcp(2, list()));
    later[21] = 2;
    expect(decode(later).info).toBe('fragment at 16, 20 bytes of 6 (TCP)');
    const tagged = ethernet(
      B,
      A,
      0x8100,
      join(list(0, 5, 8, 0), inIpv4(6, tcp(2, list())).subarray(14)),
    );
    expect(field(decode(tagged), 'Ethernet', 'VLAN')).toBe('5, priority 0');
    expect(decode(tagged).protocol).toBe('TCP');
    expect(decode(inIpv4(89, list(1))).info).toBe('protocol 89 (other), 1 bytes');
    expect(decode(ethernet(B, A, 0x88cc, list(1))).info).toBe('type 0x88cc');
    expect(decode(ethernet(B, A, 3, list(1))).info).toBe('IEEE 802.3, 3 bytes');
  });

  test('neighbour discovery, also behind an extension header', () => {
    const target = list(0xfd, ...Array(14).fill(0), 2);
    const solicitation = join(list(135, 0, 0, 0, 0, 0, 0, 0), target, list(1, 1, 2, 0, 0, 0, 0, 1));
    const plain = decode(inIpv6(58, solicitation));
    expect(plain.info).toBe('Neighbor solicitation for fd00::2');
    expect(field(plain, 'ICMPv6', 'Source MAC')).toBe(A);
    const behind = decode(inIpv6(0, join(list(58, 0, 0, 0, 0, 0, 0, 0), solicitation)));
    expect(names(behind)).toEqual(['Ethernet', 'IPv6', 'Hop-by-hop options', 'ICMPv6']);
  });
});

const WHOLE = [
  arp(1, { mac: A, ip: '10.0.0.1' }, { mac: STRANGER, ip: '10.0.0.2' }),
  inIpv4(6, tcp(2, SYN_OPTIONS, 'data')),
  inIpv6(6, tcp(0x18, SYN_OPTIONS, 'data')),
  inIpv6(0, join(list(44, 0, 0, 0, 0, 0, 0, 0), list(6, 0, 0, 1, 0, 0, 0, 1), tcp(2, list()))),
  inIpv6(58, join(list(136, 0, 0, 0, 0, 0, 0, 0), list(...Array(16).fill(1)), list(2, 1, 1, 2))),
];

/** Fields that are outside the packet, or before the layer they are in. */
function unsound({ layers }: Decoded, length: number): string[] {
  const parts = layers.flatMap((layer) => [layer, ...layer.fields]);
  const outside = parts.filter((one) => one.start < 0 || one.start + one.length > length);
  const early = layers.filter((layer, i) => layer.start < (layers[i - 1]?.start ?? 0));
  return [...outside, ...early].map(({ name }) => name);
}

describe('input that is not whole', () => {
  test('cut at every byte: fields stay within, and it says so', () => {
    for (const frame of WHOLE) {
      const headers = decode(frame).layers.filter(({ name }) => name !== 'Payload');
      const end = Math.max(...headers.map(({ start, length }) => start + length));
      for (let length = 0; length < frame.length; length++) {
        const decoded = decode(frame.subarray(0, length));
        expect(unsound(decoded, length)).toEqual([]);
        expect(decoded.layers.some(({ isCut }) => isCut)).toBe(length < end);
      }
    }
    expect(decode(new Uint8Array(0)).info).toBe('cut short');
    expect(decode((WHOLE[1] as Uint8Array).subarray(0, 30)).info).toBe('cut short');
  });

  test('bytes changed at random, and nothing but random bytes', () => {
    const random = new Prng(4);
    const types = [ETHERTYPE.arp, ETHERTYPE.ipv4, ETHERTYPE.ipv6, 0x8100];
    const bad: string[] = [];
    for (let round = 0; round < 5000; round++) {
      const frame = Uint8Array.from(random.pick(WHOLE));
      for (let n = random.between(1, 6); n > 0; n--) {
        frame[random.int(frame.length)] = random.int(256);
      }
      const garbage = ethernet(B, A, random.pick(types), random.bytes(random.int(130)));
      bad.push(...unsound(decode(frame), frame.length));
      bad.push(...unsound(decode(garbage), garbage.length));
    }
    expect(bad).toEqual([]);
  });
});

test('rows of a hex dump', () => {
  const rows = hexRows(join(text('ringstack, sixteen'), list(0, 255)));
  expect(rows.map(({ offset, text: shown }) => `${offset} ${shown}`)).toEqual([
    '0000 ringstack, sixte',
    '0010 en..',
  ]);
  expect(rows[1]?.bytes).toEqual(['65', '6e', '00', 'ff']);
});
