// SPDX-License-Identifier: MIT
// dhcp6_codec.test - messages of DHCPv6: written, read back, and read when they are garbage

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addressesOption,
  domainsOption,
  duidOf,
  parseDhcp6,
  readAddresses,
  readDomains,
  serializeDhcp6,
} from '../../js/codec/dhcp6.ts';
import { NetError } from '../../js/errors.ts';

test('what is written is read back', () => {
  const message = fc.record({
    type: fc.integer({ min: 0, max: 11 }),
    xid: fc.integer({ min: 0, max: 0xff_ffff }),
    options: fc
      .array(fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.uint8Array({ maxLength: 40 })))
      .map((entries) => new Map(entries)),
  });
  fc.assert(
    fc.property(message, (fields) => {
      expect(parseDhcp6(serializeDhcp6(fields))).toEqual(fields);
    }),
  );
});

test('garbage is a typed error, or a message no longer than it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        const { options } = parseDhcp6(bytes);
        let length = 4;
        for (const data of options.values()) length += 4 + data.length;
        expect(length).toBeLessThanOrEqual(bytes.length);
        for (const data of options.values()) {
          expect(readAddresses(data).length).toBeLessThanOrEqual(data.length / 16);
          expect(readDomains(data).join('').length).toBeLessThan(256 * (data.length + 1));
        }
      } catch (error) {
        expect(error).toBeInstanceOf(NetError);
        expect((error as NetError).code).toBe('EPROTO');
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['three bytes', [11, 0, 0]],
  ['an option whose head is cut', [11, 0, 0, 1, 0, 6, 0]],
  ['an option that is cut', [11, 0, 0, 1, 0, 6, 0, 4, 0, 23]],
  ['a message of a relay', [12, 0, 0, 0, 0, 0, 0, 0]],
])('refuses %s', (_, bytes) => {
  expect(() => parseDhcp6(Uint8Array.from(bytes))).toThrow(/Cannot parse a DHCPv6 message/);
});

test('the first of two options counts, addresses of a wrong length and cut domains do not', () => {
  const bytes = Uint8Array.of(7, 0, 0, 1, 0, 7, 0, 1, 5, 0, 7, 0, 1, 6);
  expect(parseDhcp6(bytes).options.get(7)).toEqual(Uint8Array.of(5));
  expect(readAddresses(addressesOption(['fd00::1', 'fe80::2']))).toEqual(['fd00::1', 'fe80::2']);
  expect(readAddresses(new Uint8Array(17))).toEqual([]);
  expect(readDomains(domainsOption(['eng.lan', 'lan']))).toEqual(['eng.lan', 'lan']);
  expect(readDomains(domainsOption(['eng.lan']).subarray(0, 5))).toEqual([]);
  expect(readDomains(Uint8Array.of(3, 97, 10, 98, 0))).toEqual([]);
  expect(() => addressesOption(['10.0.0.1'])).toThrow(/must be an IPv6 address/);
  expect([...duidOf('02:00:00:00:00:09')]).toEqual([0, 3, 0, 1, 2, 0, 0, 0, 0, 9]);
});
