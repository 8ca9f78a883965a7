// SPDX-License-Identifier: MIT
// address.test - every text form, what is refused, and that formatting and parsing are inverse

import { isIPv4, isIPv6 } from 'node:net';
import { describe, expect, test } from 'vitest';
import { NetError } from '../../js/errors.ts';
import {
  checkPort,
  formatCidr,
  formatEndpoint,
  formatIp,
  formatMac,
  type IpAddress,
  netmask,
  parseCidr,
  parseCidrs,
  parseIp,
  parseIpv4,
  parseIpv6,
  parseMac,
  randomMac,
} from '../../js/util/address.ts';
import { Prng } from '../helpers/prng.ts';

/** Expects EINVAL with a message that shows the value and reads like a sentence. */
function refuses(run: () => unknown, value: unknown): void {
  let error: unknown;
  try {
    run();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(NetError);
  const { code, message } = error as NetError;
  expect(code).toBe('EINVAL');
  expect(message).toMatch(/^Cannot .+: .+[^.]$/);
  if (typeof value === 'string') expect(message).toContain(JSON.stringify(value).slice(1, -1));
}

function accepts(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

function hex(address: IpAddress): string {
  return Buffer.from(address.bytes).toString('hex');
}

/** A random address in which runs of zero groups, mapped addresses and small groups are common. */
function randomIp(random: Prng): IpAddress {
  const bytes = new Uint8Array(16);
  if (random.chance(0.3)) {
    random.fill(bytes.subarray(0, 4));
    return { family: 4, bytes };
  }
  for (let i = 0; i < 16; i += 2) {
    if (random.chance(0.5)) random.fill(bytes.subarray(i + random.int(2), i + 2));
  }
  if (random.chance(0.2)) bytes.fill(0, 0, 10).fill(0xff, 10, 12);
  return random.chance(0.2)
    ? { family: 6, bytes, zone: `tap${random.int(9)}` }
    : { family: 6, bytes };
}

const notStrings = [undefined, null, 0, 1.5, {}, [], Object.create(null), Symbol('x'), 10n];

// biome-ignore format: a table
const notIpv4 = [
  '', ' ', '1', '1.2', '1.2.3', '1.2.3.', '.1.2.3', '1.2.3.4.', '1.2.3.4.5', '1..2.3', '256.0.0.1',
  '1.2.3.256', '1.2.3.999', '1.2.3.1000', '01.2.3.4', '1.2.3.04', '00.0.0.0', '0x1.2.3.4', '1.2.3.-4',
  '1.2.3.+4', '1.2.3.4 ', ' 1.2.3.4', '1.2.3.4\n', '1.2.3.4\0', '1.2.3.a', '1.2.3.4/24', '1.2.3.4%1',
  '1e1.2.3.4', '١.2.3.4', '1,2,3,4', 'localhost',
];
// biome-ignore format: a table
const notIpv6 = [
  '', ':', ':::', '::1::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:', ':2:3:4:5:6:7:8',
  '1:2:3:4::5:6:7:8', '::1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8::', '12345::', '::12345', '::g', '::-1', '::0x1',
  ':: 1', ' ::1', '::1 ', '::1\n', '[::1]', '::1/64', '::1.2.3', '::1.2.3.4.5', '::1.2.3.256', '::01.2.3.4',
  '1.2.3.4::', '::1.2.3.4:5', '1:2:3:4:5:6:7:1.2.3.4', '1:2:3:4:5:1.2.3.4', '1.2.3.4', '1:2:3:4:5:6:1.2.3.4::',
];
// biome-ignore format: a table
const notCidr = [
  '', '/', '10.0.0.1', '10.0.0.1/', '/24', '10.0.0.1/33', '10.0.0.1/-1', '10.0.0.1/08', '10.0.0.1/00',
  '10.0.0.1/2 4', '10.0.0.1/24 ', ' 10.0.0.1/24', '10.0.0.1/24/8', '10.0.0.1//24', '10.0.0.1/1.5', '10.0.0.1/0x8',
  '10.0.0.1/+8', '10.0.0.1/1e1', '10.0.0.1/255.0.0.0', '10.0.0/24', '010.0.0.1/24', '10.0.0.1/4294967304',
  'fd00::1', 'fd00::1/', 'fd00::1/129', 'fd00::1/999', 'fd00::1/1000', 'fd00:::1/64', 'fe80::1%tap0/64',
  '10.0.0.1/24,10.0.0.2/24', '10.0.0.1/24\n',
];
// biome-ignore format: a table
const notMac = [
  '', '01:23:45:67:89', '01:23:45:67:89:ab:cd', '01:23:45:67:89:a', '1:23:45:67:89:ab', '01:23:45:67:89:abc',
  '01-23:45:67:89:ab', '01:23:45-67:89:ab', '0123.4567.89ab', '0123456789ab', '01 23 45 67 89 ab', '01:23:45:67:89:ag',
  '01:23:45:67:89:ab ', ' 01:23:45:67:89:ab', '01:23:45:67:89:ab\n', '01::45:67:89:ab', '01:23:45:67:89:+1',
];

describe('IPv4', () => {
  test.each([
    ['0.0.0.0', '00000000'],
    ['127.0.0.1', '7f000001'],
    ['192.168.1.1', 'c0a80101'],
    ['255.255.255.255', 'ffffffff'],
  ])('%s', (text, bytes) => {
    const address = parseIpv4(text);
    expect(address.family).toBe(4);
    expect(hex(address)).toBe(bytes.padEnd(32, '0'));
    expect(formatIp(address)).toBe(text);
  });

  test.each(notIpv4)('refuses %j', (text) => {
    refuses(() => parseIpv4(text), text);
    refuses(() => parseIp(text), text);
  });
});

describe('IPv6', () => {
  test.each([
    ['::', '::', ''],
    ['0:0:0:0:0:0:0:0', '::', ''],
    ['::1', '::1', '00000000000000000000000000000001'],
    ['1::', '1::', '0001'],
    ['FD00::1', 'fd00::1', 'fd000000000000000000000000000001'],
    [
      '2001:DB8:0:0:8:800:200C:417A',
      '2001:db8::8:800:200c:417a',
      '20010db80000000000080800200c417a',
    ],
    ['2001:0db8::0001', '2001:db8::1', '20010db8000000000000000000000001'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '20010000000000010000000000000001'],
    ['0:0:0:1:2:3:4:5', '::1:2:3:4:5', '00000000000000010002000300040005'],
    ['1:2:3:4:5:0:0:0', '1:2:3:4:5::', '00010002000300040005000000000000'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['::13.1.68.3', '::d01:4403', '0000000000000000000000000d014403'],
    ['::FFFF:129.144.52.38', '::ffff:129.144.52.38', '00000000000000000000ffff81903426'],
    ['0:0:0:0:0:ffff:8190:3426', '::ffff:129.144.52.38', '00000000000000000000ffff81903426'],
    ['::ffff:0.0.0.0', '::ffff:0.0.0.0', '00000000000000000000ffff00000000'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221', '0064ff9b0000000000000000c0000221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304', '00010002000300040005000601020304'],
  ])('%s is %s', (text, canonical, bytes) => {
    const address = parseIpv6(text);
    expect(address.family).toBe(6);
    expect(hex(address)).toBe(bytes.padEnd(32, '0'));
    expect(formatIp(address)).toBe(canonical);
    expect(parseIp(text)).toEqual(address);
  });

  test.each(notIpv6)('refuses %j', (text) => {
    refuses(() => parseIpv6(text), text);
    if (text.includes(':')) refuses(() => parseIp(text), text);
  });

  test.each(['tap0', '3', 'eth0.1', 'my-if_2'])('keeps the zone %s where asked', (zone) => {
    const text = `fe80::1%${zone}`;
    const address = parseIp(text, { zone: true });
    expect(address.zone).toBe(zone);
    expect(formatIp(address)).toBe(text);
    refuses(() => parseIp(text), text);
  });

  test.each([
    'fe80::1%',
    'fe80::1%a b',
    'fe80::1%a%b',
    'fe80::1%a/64',
    '%tap0',
    'fe80::g%tap0',
    '1.2.3.4%tap0',
  ])('refuses %j even with zones accepted', (text) =>
    refuses(() => parseIp(text, { zone: true }), text),
  );

  test('an address without a zone has no such property', () => {
    expect('zone' in parseIp('fe80::1', { zone: true })).toBe(false);
  });
});

describe('properties', () => {
  test('parsing what was formatted gives the same address, and Node agrees on the family', () => {
    const random = new Prng(1);
    for (let i = 0; i < 5000; i++) {
      const address = randomIp(random);
      const text = formatIp(address);
      expect(parseIp(text, { zone: true })).toEqual(address);
      expect(address.family === 4 ? isIPv4(text) : isIPv6(text)).toBe(true);
      if (address.zone !== undefined) continue;
      const prefix = random.int(address.family === 4 ? 33 : 129);
      expect(parseCidr(formatCidr({ address, prefix }))).toEqual({ address, prefix });
    }
  });

  test('a text is accepted exactly when Node accepts it', () => {
    const random = new Prng(2);
    const pieces = '0 1 ff FFFF 12 : : :: . . 255 256 1.2.3.4 g 00'.split(' ');
    for (let i = 0; i < 50_000; i++) {
      const text = Array.from({ length: 1 + random.int(16) }, () => random.pick(pieces)).join('');
      if (accepts(parseIpv4, text) !== isIPv4(text)) expect.fail(`IPv4 ${text}`);
      if (accepts(parseIpv6, text) !== isIPv6(text)) expect.fail(`IPv6 ${text}`);
    }
  });

  test('MAC addresses too', () => {
    const random = new Prng(3);
    for (let i = 0; i < 1000; i++) {
      const mac = random.bytes(6);
      expect(parseMac(formatMac(mac))).toEqual(mac);
      expect(parseMac(formatMac(mac).replaceAll(':', '-').toUpperCase())).toEqual(mac);
    }
  });
});

describe('CIDR', () => {
  test.each([
    ['192.168.1.1/24', 4, 24],
    ['127.0.0.1/8', 4, 8],
    ['0.0.0.0/0', 4, 0],
    ['10.0.0.1/32', 4, 32],
    ['fd00::1/64', 6, 64],
    ['::/0', 6, 0],
    ['::1/128', 6, 128],
  ])('%s', (text, family, prefix) => {
    const cidr = parseCidr(text);
    expect([cidr.address.family, cidr.prefix]).toEqual([family, prefix]);
    expect(formatCidr(cidr)).toBe(text);
  });

  test.each(notCidr)('refuses %j', (text) => refuses(() => parseCidr(text), text));

  test('a list keeps its order, one is a list of one, none is none', () => {
    expect(parseCidrs(['fd00::1/64', '10.0.0.1/8']).map(formatCidr)).toEqual([
      'fd00::1/64',
      '10.0.0.1/8',
    ]);
    expect(parseCidrs('10.0.0.1/8').map(formatCidr)).toEqual(['10.0.0.1/8']);
    expect(parseCidrs([])).toEqual([]);
  });

  test('one bad entry of a list is named', () => {
    refuses(() => parseCidrs(['10.0.0.1/8', '10.0.0.1/99']), '10.0.0.1/99');
  });

  test.each([
    [4, 0, '0.0.0.0'],
    [4, 1, '128.0.0.0'],
    [4, 8, '255.0.0.0'],
    [4, 22, '255.255.252.0'],
    [4, 24, '255.255.255.0'],
    [4, 31, '255.255.255.254'],
    [4, 32, '255.255.255.255'],
    [6, 0, '::'],
    [6, 10, 'ffc0::'],
    [6, 64, 'ffff:ffff:ffff:ffff::'],
    [6, 128, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const)('the netmask of IPv%d /%d is %s', (family, prefix, text) => {
    expect(netmask(family, prefix)).toBe(text);
  });

  test.each([-1, 33, 1.5, Number.NaN])('refuses a netmask of %d bits', (prefix) => {
    refuses(() => netmask(4, prefix), prefix);
  });
});

describe('MAC', () => {
  test.each(['01:23:45:67:89:ab', '01-23-45-67-89-ab', '01:23:45:67:89:AB'])('%s', (text) => {
    expect(formatMac(parseMac(text))).toBe('01:23:45:67:89:ab');
  });

  test.each(notMac)('refuses %j', (text) => refuses(() => parseMac(text), text));

  test('random ones are unicast, locally administered and different', () => {
    const all = Array.from({ length: 200 }, () => randomMac());
    expect(all.every((mac) => mac.length === 6 && ((mac[0] ?? 0) & 3) === 2)).toBe(true);
    expect(new Set(all.map(formatMac)).size).toBe(200);
  });
});

describe('ports and endpoints', () => {
  test.each([0, 1, 80, 65535])('%d is a port', (port) => expect(checkPort(port)).toBe(port));

  test.each([-1, 65536, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '80', null, undefined, {}, 80n])(
    'refuses %s',
    (port) => refuses(() => checkPort(port), undefined),
  );

  test('0 is refused where a port must be named', () => {
    expect(() => checkPort(0, 1)).toThrow(
      'Cannot use port 0: a port is an integer from 1 to 65535',
    );
  });

  test('IPv6 stands in brackets', () => {
    expect(formatEndpoint(parseIp('10.0.0.2'), 80)).toBe('10.0.0.2:80');
    expect(formatEndpoint(parseIp('fe80::1%3', { zone: true }), 0)).toBe('[fe80::1%3]:0');
  });
});

describe('what is no string', () => {
  test.each(notStrings.map((value) => [typeof value, value]))('%s', (_, value) => {
    for (const parse of [parseIpv4, parseIpv6, parseIp, parseCidr, parseMac]) {
      refuses(() => parse(value as string), value);
    }
  });

  test('a very long text is cut in the message', () => {
    const text = '1'.repeat(1e6);
    expect(() => parseCidr(text)).toThrow(/^.{60,150}$/u);
  });
});
