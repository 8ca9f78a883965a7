// SPDX-License-Identifier: MIT
// link.test - what tap and tun interfaces put on their link and take from it, with hand-made frames

import type { NetworkStack, TapInterface, TapInterfaceOptions } from 'ringstack';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  arp,
  ETHERTYPE,
  type EthernetFrame,
  ethernet,
  ipv4,
  ping,
  readArp,
  readEthernet,
  readIpv4,
  STRANGER,
  TCP_FLAG,
  tcpFlags,
} from '../helpers/frames.ts';
import { bytes, ENDS, ignore, openStack, outcome, settle, until } from '../helpers/net.ts';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const OUR_MAC = '02:00:00:00:00:01';

/** Whether a frame only says which address its sender has: gratuitous ARP, or an unsolicited advertisement. */
function isAnnouncement({ type, payload }: EthernetFrame): boolean {
  if (type === ETHERTYPE.ipv6) return payload[40] === 136 && payload[44] === 0x20;
  return type === ETHERTYPE.arp && readArp(payload).ip === readArp(payload).asked;
}

/** A stack with a tap whose other end is the test. */
async function openTap(options: TapInterfaceOptions = {}) {
  const stack = await openStack({ initializeLoopback: false });
  const tap = await stack.createTapInterface({ mac: OUR_MAC, ip: '10.0.0.1/24', ...options });
  return { stack, tap, ...handle(tap) };
}

/** Reading and writing frames by hand. */
function handle(tap: TapInterface) {
  const reader = tap.readable.getReader();
  const writer = tap.writable.getWriter();
  return {
    write: (frame: Uint8Array) => writer.write(frame),
    /** The next frame that a condition holds for, announcements left out. */
    async next(condition: (frame: EthernetFrame) => boolean): Promise<EthernetFrame> {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new Error('The interface is gone');
        const frame = readEthernet(value);
        if (condition(frame) && !isAnnouncement(frame)) return frame;
      }
    },
  };
}

const isArp = ({ type }: EthernetFrame): boolean => type === ETHERTYPE.arp;
const isIpv4 = ({ type }: EthernetFrame): boolean => type === ETHERTYPE.ipv4;

/** Starts to connect; the attempt is given up when the test ends. */
function startConnect(stack: NetworkStack, host: string): void {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  stack.connectTcp({ host, port: 80, signal: abort.signal }).catch(ignore);
}

describe('ARP', () => {
  test('a request for its address is answered', async () => {
    const { write, next } = await openTap();
    await write(arp(1, { mac: STRANGER, ip: '10.0.0.2' }, { mac: BROADCAST, ip: '10.0.0.1' }));
    const reply = await next(isArp);
    expect(reply).toMatchObject({ to: STRANGER, from: OUR_MAC });
    expect(readArp(reply.payload)).toEqual({ operation: 2, ip: '10.0.0.1', asked: '10.0.0.2' });
  });

  test('a request for another address is not', async () => {
    const { write, next, tap } = await openTap();
    await write(arp(1, { mac: STRANGER, ip: '10.0.0.2' }, { mac: BROADCAST, ip: '10.0.0.3' }));
    await write(arp(1, { mac: STRANGER, ip: '10.0.0.2' }, { mac: BROADCAST, ip: '10.0.0.1' }));
    expect(readArp((await next(isArp)).payload).ip).toBe('10.0.0.1');
    expect(tap.statistics.txPackets - tap.statistics.rxPackets).toBeLessThanOrEqual(0);
  });

  test('a tap without an ip answers nothing', async () => {
    const stack = await openStack({ initializeLoopback: false });
    const tap = await stack.createTapInterface({ mac: OUR_MAC });
    const { write } = handle(tap);
    await write(arp(1, { mac: STRANGER, ip: '10.0.0.2' }, { mac: BROADCAST, ip: '10.0.0.1' }));
    await write(arp(1, { mac: STRANGER, ip: '10.0.0.2' }, { mac: BROADCAST, ip: '0.0.0.0' }));
    await until(() => tap.statistics.rxPackets === 2);
    await settle();
    expect(tap.statistics.txPackets).toBe(0);
  });

  test('several connects to a host that is not known yet all send their SYNs at once', async () => {
    const { stack, write, next } = await openTap();
    for (let n = 0; n < 10; n++) startConnect(stack, ENDS[4].b);
    const request = await next(isArp);
    expect(readArp(request.payload)).toMatchObject({ operation: 1, asked: ENDS[4].b });
    await settle();
    await write(arp(2, { mac: STRANGER, ip: ENDS[4].b }, { mac: OUR_MAC, ip: ENDS[4].a }));
    for (let n = 0; n < 10; n++) {
      const { to, payload } = await next(isIpv4);
      expect(to).toBe(STRANGER);
      expect(tcpFlags(payload)).toBe(TCP_FLAG.syn);
    }
    expect(stack.statistics.tcpRetransmits).toBe(0);
  });
});

describe('gateway', () => {
  test.each([
    ['a host of the network itself', '10.0.0.77', '10.0.0.77'],
    ['a host of a foreign network through the gateway', '192.0.2.7', '10.0.0.254'],
  ])('reaches %s', async (_, host, hop) => {
    const { stack, write, next } = await openTap({ gateway: '10.0.0.254' });
    startConnect(stack, host);
    expect(readArp((await next(isArp)).payload).asked).toBe(hop);
    await write(arp(2, { mac: STRANGER, ip: hop }, { mac: OUR_MAC, ip: '10.0.0.1' }));
    const { to, payload } = await next(isIpv4);
    expect(to).toBe(STRANGER);
    expect(readIpv4(payload)).toMatchObject({ from: '10.0.0.1', to: host, protocol: 6 });
  });

  test('an IPv6 gateway is asked for by neighbour discovery', async () => {
    const { stack, next } = await openTap({ ip: 'fd00::1/64', gateway: 'fd00::fe' });
    startConnect(stack, '2001:db8::7');
    const { payload } = await next(({ type }) => type === ETHERTYPE.ipv6);
    expect(payload[40]).toBe(135); // neighbour solicitation
    expect([...payload.subarray(48, 64)]).toEqual([0xfd, ...new Array(14).fill(0), 0xfe]);
  });

  test('a packet to a foreign network without one is refused with EHOSTUNREACH', async () => {
    const { stack } = await openTap();
    expect(await outcome(stack.connectTcp({ host: '192.0.2.7', port: 80 }))).toBe('EHOSTUNREACH');
  });

  test('the longest prefix decides between interfaces', async () => {
    const { stack, tap } = await openTap({ ip: '10.0.0.1/8', gateway: '10.0.0.254' });
    const near = await stack.createTunInterface({ ip: '10.9.9.1/24' });
    await settle();
    const before = tap.statistics.txPackets;
    const reader = near.readable.getReader();
    startConnect(stack, '10.9.9.9');
    const { value } = await reader.read();
    expect(value && readIpv4(value)).toMatchObject({ from: '10.9.9.1', to: '10.9.9.9' });
    expect(tap.statistics.txPackets).toBe(before);
  });
});

describe('ICMP echo', () => {
  const data = Uint8Array.from({ length: 1400 }, (_, i) => i);

  test('is answered on a tap, to who sent it', async () => {
    const { write, next } = await openTap();
    const packet = ping('10.0.0.2', '10.0.0.1', 7, data);
    await write(ethernet(OUR_MAC, STRANGER, ETHERTYPE.ipv4, packet));
    expect(readArp((await next(isArp)).payload).asked).toBe('10.0.0.2');
    await write(arp(2, { mac: STRANGER, ip: '10.0.0.2' }, { mac: OUR_MAC, ip: '10.0.0.1' }));
    const reply = await next(isIpv4);
    const { from, to, protocol, payload } = readIpv4(reply.payload);
    expect({ from, to, protocol }).toEqual({ from: '10.0.0.1', to: '10.0.0.2', protocol: 1 });
    expect(payload[0]).toBe(0);
    expect(payload.subarray(8)).toEqual(data);
  });

  test('is answered on a tun, as a bare IP packet', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const reader = tun.readable.getReader();
    const writer = tun.writable.getWriter();
    for (let sequence = 1; sequence <= 100; sequence++) {
      await writer.write(ping('10.0.0.2', '10.0.0.1', sequence, data.subarray(0, sequence)));
      const { value } = await reader.read();
      const { from, payload } = readIpv4(value as Uint8Array);
      expect(from).toBe('10.0.0.1');
      expect([payload[7], payload.length]).toEqual([sequence, 8 + sequence]);
    }
    expect(tun.statistics).toMatchObject({ rxPackets: 100, txPackets: 100, dropped: 0 });
  });

  test('for another MAC is not answered', async () => {
    const { stack, write, tap } = await openTap();
    const packet = ping('10.0.0.2', '10.0.0.1', 7, data);
    await settle();
    const before = tap.statistics.txPackets;
    await write(ethernet('02:00:00:00:00:55', STRANGER, ETHERTYPE.ipv4, packet));
    await until(() => tap.statistics.rxPackets === 1);
    await settle();
    expect(tap.statistics.txPackets).toBe(before);
    expect(stack.statistics.sockets).toBe(0);
  });

  test.each([
    ['zeros', () => 0],
    ['ones', () => 0xff],
    [
      'the largest and the smallest signed words',
      (i: number) => (i & 1 ? 0x7f + ((i >> 1) & 1) : 0),
    ],
    ['all values', (i: number) => (i * 167 + (i >> 3)) & 0xff],
  ])('of every length up to 300 bytes and of some larger ones, of %s', async (_, value) => {
    const { stack, tap, write } = await openTap({ mtu: 65520 });
    const lengths = [...Array.from({ length: 300 }, (__, n) => n), 1472, 8999, 65487, 65492];
    for (const [n, length] of lengths.entries()) {
      const packet = ping(
        '10.0.0.2',
        '10.0.0.1',
        n,
        Uint8Array.from({ length }, (__, i) => value(i)),
      );
      await write(ethernet(OUR_MAC, STRANGER, ETHERTYPE.ipv4, packet));
    }
    await until(() => tap.statistics.rxPackets === lengths.length);
    expect(stack.statistics.checksumErrors).toBe(0);
  });

  test('with a wrong checksum is dropped and counted', async () => {
    const { stack, write } = await openTap();
    const packet = ping('10.0.0.2', '10.0.0.1', 7, data);
    packet[10] = (packet[10] ?? 0) ^ 1;
    await write(ethernet(OUR_MAC, STRANGER, ETHERTYPE.ipv4, packet));
    await until(() => stack.statistics.checksumErrors === 1);
  });
});

describe('frames that are none', () => {
  test('an empty one and one shorter than its header are dropped and counted', async () => {
    const { write, tap } = await openTap();
    await write(new Uint8Array(0));
    await write(new Uint8Array(13));
    await until(() => tap.statistics.invalid === 2);
    expect(tap.statistics.rxPackets).toBe(0);
    await write(new Uint8Array(14));
    await until(() => tap.statistics.rxPackets === 1);
    expect(tap.statistics.invalid).toBe(2);
  });

  test.each([
    ['tap', 18], // the header, and a tag of 802.1Q
    ['tun', 0],
  ] as const)('one longer than the MTU of a %s is dropped and counted', async (type, header) => {
    const stack = await openStack();
    const options = { ip: '10.0.0.1/24', mtu: 1500 };
    const iface = await (type === 'tap'
      ? stack.createTapInterface(options)
      : stack.createTunInterface(options));
    const writer = iface.writable.getWriter();
    await writer.write(new Uint8Array(1501 + header));
    await writer.write(new Uint8Array(100_000));
    await writer.write(new Uint8Array(2 ** 21));
    expect(iface.statistics.invalid).toBe(3);
    await writer.write(new Uint8Array(1500 + header));
    await until(() => iface.statistics.rxPackets === 1);
    expect(iface.statistics.invalid).toBe(3);
  });

  test('what is not bytes is refused with a TypeError', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface();
    const writer = tun.writable.getWriter();
    const writing = writer.write('frame' as unknown as Uint8Array);
    expect(await outcome(writing)).toBe('TypeError');
  });

  test('other views of bytes are as good', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const reader = tun.readable.getReader();
    const writer = tun.writable.getWriter();
    const packet = ping('10.0.0.2', '10.0.0.1', 1, bytes('0123'));
    const padded = new Uint8Array(packet.length + 4);
    padded.set(packet, 4);
    const view = new DataView(padded.buffer, 4, packet.length);
    await writer.write(view as unknown as Uint8Array);
    await writer.write(packet.slice().buffer as unknown as Uint8Array);
    expect((await reader.read()).value).toEqual((await reader.read()).value);
  });

  test('noise is dropped and the interface goes on', async () => {
    const { write, next, tap } = await openTap({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state >>> 8;
    };
    const types = Object.values(ETHERTYPE);
    for (let n = 0; n < 5000; n++) {
      const noise = Uint8Array.from({ length: random() % 120 }, random);
      if (n & 1) noise[0] = n & 2 ? 0x45 : 0x60;
      await write(ethernet(OUR_MAC, STRANGER, types[random() % 3] ?? 0, noise));
    }
    await until(() => tap.statistics.rxPackets === 5000);
    await write(arp(1, { mac: STRANGER, ip: '10.0.0.2' }, { mac: BROADCAST, ip: '10.0.0.1' }));
    await next((frame) => isArp(frame) && readArp(frame.payload).asked === '10.0.0.2');
  });

  test('fragments of a packet are put together', async () => {
    const { stack, write, next } = await openTap();
    await write(arp(1, { mac: STRANGER, ip: '10.0.0.2' }, { mac: OUR_MAC, ip: '10.0.0.1' }));
    const whole = ping('10.0.0.2', '10.0.0.1', 9, new Uint8Array(64).fill(7));
    const icmp = whole.subarray(20);
    for (const [from, to, flags] of [
      [40, icmp.length, 0x0005],
      [0, 40, 0x2000],
    ] as const) {
      const part = ipv4('10.0.0.2', '10.0.0.1', 1, icmp.subarray(from, to));
      part.set([flags >> 8, flags & 255, 64, 1, 0, 0], 6);
      const sum = sumOf(part.subarray(0, 20));
      part.set([sum >> 8, sum & 255], 10);
      await write(ethernet(OUR_MAC, STRANGER, ETHERTYPE.ipv4, part));
    }
    const { payload } = readIpv4((await next(isIpv4)).payload);
    expect([payload[0], payload[7], payload.length]).toEqual([0, 9, 72]);
    expect(stack.statistics.checksumErrors).toBe(0);
  });
});

function sumOf(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += ((header[i] ?? 0) << 8) | (header[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
