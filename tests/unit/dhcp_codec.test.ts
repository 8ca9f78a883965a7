// SPDX-License-Identifier: MIT
// dhcp_codec.test - messages and options of DHCP: what is written is read again, and garbage does no harm

import fc from 'fast-check';
import {
  type DhcpOptionName,
  type DhcpOptionsInit,
  dhcpOptions,
  parseDhcpMessage,
  readDhcpOption,
  serializeDhcpMessage,
} from 'ringstack/dhcp';
import { describe, expect, test } from 'vitest';

const MAC = '02:00:00:00:00:01';
const HEAD = 240;

/** A message whose options are these bytes. */
function withOptions(...bytes: number[]): Uint8Array {
  const message = serializeDhcpMessage({ op: 1, type: 'DISCOVER', mac: MAC }).slice(0, HEAD);
  return Uint8Array.from([...message, ...bytes]);
}

const ip = fc.ipV4();
const ips = fc.array(ip, { minLength: 1, maxLength: 20 });
const label = fc.stringMatching(/^[a-z0-9]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const route = fc.record({ bits: fc.integer({ min: 0, max: 32 }), via: ip }).map(({ bits, via }) => {
  const network = Array.from({ length: 4 }, (_, i) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    return 0xff & (0xff00 >> kept) & 0xab;
  });
  return { destination: `${network.join('.')}/${bits}`, via };
});
const values = fc.record(
  {
    subnetMask: ip,
    timeOffset: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    routers: ips,
    dnsServers: ips,
    hostName: label,
    mtu: fc.integer({ min: 0, max: 65_535 }),
    netbiosNodeType: fc.integer({ min: 0, max: 255 }),
    leaseTime: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    vendorOptions: fc.uint8Array({ minLength: 1, maxLength: 600 }),
    searchDomains: fc.array(name, { minLength: 1, maxLength: 8 }),
    routes: fc.array(route, { minLength: 1, maxLength: 8 }),
    captivePortal: fc.webUrl(),
  },
  { requiredKeys: [] },
);

describe('messages', () => {
  test('what is written is read again, long options in parts and in other fields', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (given, xid) => {
        const options = dhcpOptions(given as DhcpOptionsInit);
        const bytes = serializeDhcpMessage({ op: 2, type: 'ACK', mac: MAC, xid, options }, 3000);
        const message = parseDhcpMessage(bytes);
        expect(message).toMatchObject({ op: 2, type: 'ACK', mac: MAC, xid });
        for (const [key, value] of Object.entries(given)) {
          expect(readDhcpOption(message.options, key as DhcpOptionName)).toEqual(value);
        }
      }),
    );
  });

  test('none is longer than its limit; options that fit nowhere are left out', () => {
    const options = dhcpOptions({
      mtu: 1400,
      bootFile: 'b'.repeat(100),
      rootPath: 'r'.repeat(50),
      vendorOptions: new Uint8Array(400),
    });
    const bytes = serializeDhcpMessage({ op: 2, type: 'OFFER', mac: MAC, options }, 300);
    expect(bytes).toHaveLength(300);
    const message = parseDhcpMessage(bytes);
    expect(readDhcpOption(message.options, 'bootFile')).toHaveLength(100); // in `file`
    expect(readDhcpOption(message.options, 'rootPath')).toHaveLength(50); // in `sname`
    expect(message).toMatchObject({ file: '', sname: '' });
    expect(message.options.has(43)).toBe(false);
  });

  test.each([
    ['short', new Uint8Array(239), /dhcp message too short/],
    ['no magic number', new Uint8Array(300).fill(1), /no magic number/],
    ['neither request nor reply', withOptions().map((byte, i) => (i === 0 ? 3 : byte)), /neither/],
    ['an option without its length', withOptions(53), /truncated dhcp option 53/],
    ['an option that is cut', withOptions(53, 4, 1), /truncated dhcp option 53/],
    ['a cut option in file', withOptions(52, 1, 1, 255).fill(9, 108, 236), /truncated/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseDhcpMessage(bytes)).toThrow(message);
    expect(() => parseDhcpMessage(bytes)).toThrow(expect.objectContaining({ code: 'EPROTO' }));
  });

  test('padding, a missing end, and options behind the end', () => {
    expect(parseDhcpMessage(withOptions(0, 0, 53, 1, 3)).type).toBe('REQUEST');
    expect(parseDhcpMessage(withOptions(53, 1, 1, 255, 53)).type).toBe('DISCOVER');
    expect(parseDhcpMessage(withOptions(53, 1, 99)).type).toBeUndefined();
    expect(parseDhcpMessage(withOptions(53, 2, 1, 1)).type).toBeUndefined();
  });

  test('any bytes give a message or EPROTO', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 700 }),
      fc.uint8Array({ maxLength: 700 }).map((tail) => withOptions(...tail)),
    );
    fc.assert(
      fc.property(bytes, (data) => {
        try {
          const { options } = parseDhcpMessage(data);
          for (const key of ['searchDomains', 'routes', 'hostName', 'dnsServers'] as const) {
            readDhcpOption(options, key);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'EPROTO' });
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('an option in 20,000 parts costs no more than its length', () => {
    const parts = new Uint8Array(60_000);
    for (let at = 0; at < parts.length; at += 3) parts.set([43, 1, 7], at);
    const message = new Uint8Array(HEAD + parts.length);
    message.set(withOptions());
    message.set(parts, HEAD);
    expect(parseDhcpMessage(message).options.get(43)).toHaveLength(20_000);
  });
});

describe('options', () => {
  test.each([
    [1, [255, 255, 255], 'subnetMask'],
    [3, [10, 0, 0, 1, 10], 'routers'],
    [6, [], 'dnsServers'],
    [26, [5], 'mtu'],
    [51, [0, 0, 1], 'leaseTime'],
    [12, [0x61, 10, 0x62], 'hostName'],
    [12, [0xff], 'hostName'],
    [119, [0xc0, 0], 'searchDomains'],
    [119, [3, 97, 98], 'searchDomains'],
    [119, [1, 10, 0], 'searchDomains'],
    [121, [33, 10, 0, 0, 0, 1, 1, 1, 1, 1], 'routes'],
    [121, [8, 10, 1, 1, 1], 'routes'],
  ] as const)('%d of %j is as if it were not there', (code, bytes, key) => {
    expect(readDhcpOption(new Map([[code, Uint8Array.from(bytes)]]), key)).toBeUndefined();
  });

  test('text loses the zeros at its end', () => {
    const options = new Map([[12, new TextEncoder().encode('host\0\0')]]);
    expect(readDhcpOption(options, 'hostName')).toBe('host');
  });

  test('the example of RFC 3442, and of RFC 3397', () => {
    const routes = dhcpOptions({
      routes: [
        { destination: '10.17.0.0/16', via: '10.0.0.1' },
        { destination: 'default', via: '10.0.0.2' },
      ],
    });
    expect([...(routes.get(121) ?? [])]).toEqual([16, 10, 17, 10, 0, 0, 1, 0, 10, 0, 0, 2]);
    const search = dhcpOptions({ searchDomains: ['eng.apple.com', 'marketing.apple.com'] });
    expect(String.fromCharCode(...(search.get(119) ?? []))).toBe(
      '\x03eng\x05apple\x03com\0\x09marketing\xc0\x04',
    );
  });

  test.each([
    { mtu: -1 },
    { hostName: 'a\nb' },
    { routers: '10.0.0.1' },
    { routes: [{ destination: 'fd00::/64', via: '10.0.0.1' }] },
    { routes: [null] },
    { searchDomains: ['a..b'] },
    { vendorOptions: 'x' },
    { 0: 'x' },
    { 255: 'x' },
    { 224: '' },
  ])('refuses to write %j', (wrong) => {
    expect(() => dhcpOptions(wrong as never)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});
