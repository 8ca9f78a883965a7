// SPDX-License-Identifier: MIT
// codec_ndp.test - js/codec/ndp.ts: messages of neighbour discovery and their options

import { describe, expect, test } from 'vitest';
import { ipBytes } from '../../js/codec/fields.ts';
import { parseIcmp } from '../../js/codec/icmp.ts';
import { buildNdp, type NdpFields, type NdpMessage, parseNdp } from '../../js/codec/ndp.ts';

const ENDS = { source: 'fe80::1', destination: 'ff02::1' };
const EINVAL = expect.objectContaining({ code: 'EINVAL' });

/** The parsed form of a message that was built, with bytes changed in between. */
function through(fields: NdpFields, change = (_: Uint8Array): void => {}): NdpMessage | undefined {
  const bytes = buildNdp(ENDS, fields);
  change(bytes);
  const message = parseIcmp(bytes);
  return message && parseNdp(message);
}

const TARGET = ipBytes('fd00::2');

const FULL: readonly NdpFields[] = [
  {
    kind: 'routerAdvertisement',
    hopLimit: 64,
    isManaged: true,
    hasOtherConfig: true,
    preference: 'low',
    lifetime: 1800,
    reachableTime: 30_000,
    retransTimer: 0xffff_ffff,
    options: {
      sourceMac: '02:00:00:00:00:01',
      mtu: 9000,
      prefixes: [
        {
          prefix: 'fd00::',
          length: 64,
          isOnLink: true,
          isAutonomous: false,
          validLifetime: 0xffff_ffff,
          preferredLifetime: 5,
        },
        {
          prefix: 'fd01::',
          length: 48,
          isOnLink: false,
          isAutonomous: true,
          validLifetime: 1,
          preferredLifetime: 0,
        },
      ],
      dnsServers: { lifetime: 600, values: ['fd00::53', 'fd00::54'] },
      searchDomains: { lifetime: 0, values: ['lan', 'a-b.example.com'] },
    },
  },
  { kind: 'routerSolicitation', options: { sourceMac: '02:00:00:00:00:02' } },
  { kind: 'neighborSolicitation', target: TARGET, options: { sourceMac: '02:00:00:00:00:03' } },
  {
    kind: 'neighborAdvertisement',
    target: TARGET,
    isRouter: true,
    isSolicited: false,
    isOverride: true,
    options: { targetMac: '02:00:00:00:00:04' },
  },
  {
    kind: 'redirect',
    target: ipBytes('fe80::2'),
    destination: TARGET,
    options: { targetMac: '02:00:00:00:00:05', redirected: new Uint8Array(16).fill(7) },
  },
];

describe('a message', () => {
  test.each(FULL.map((fields) => [fields.kind, fields] as const))(
    '%s is read as it was built',
    (_, fields) => expect(through(fields)).toEqual(fields),
  );

  test('with defaults says nothing', () => {
    expect(through({ kind: 'routerAdvertisement' })).toEqual({
      kind: 'routerAdvertisement',
      hopLimit: 0,
      isManaged: false,
      hasOtherConfig: false,
      preference: 'medium',
      lifetime: 0,
      reachableTime: 0,
      retransTimer: 0,
      options: {},
    });
  });

  test('the reserved router preference counts as medium', () => {
    const said = through({ kind: 'routerAdvertisement' }, (bytes) => {
      bytes[5] = 2 << 3;
    });
    expect(said).toMatchObject({ preference: 'medium' });
  });

  test('cut anywhere is malformed, but not behind an option', () => {
    for (const fields of FULL) {
      const bytes = buildNdp(ENDS, fields);
      const head = { routerAdvertisement: 16, routerSolicitation: 8, redirect: 40 };
      const start = fields.kind in head ? head[fields.kind as keyof typeof head] : 24;
      const ends = new Set([start]);
      for (let at = start; at < bytes.length; ends.add(at)) at += (bytes[at + 1] ?? 0) * 8;
      for (let length = 8; length < bytes.length; length++) {
        const message = parseIcmp(bytes.subarray(0, length));
        expect(message && parseNdp(message) !== undefined).toBe(ends.has(length));
      }
    }
  });

  test('of another code, or about a multicast target, is malformed', () => {
    const fields = FULL[3] as NdpFields;
    expect(through(fields, (bytes) => void bytes.fill(1, 1, 2))).toBeUndefined();
    expect(through(fields, (bytes) => void bytes.fill(0xff, 8, 9))).toBeUndefined();
  });

  test('an option of length 0 makes it malformed, unknown and wrong ones are left out', () => {
    const fields = { kind: 'routerSolicitation', options: { mtu: 1280 } } as const;
    expect(through(fields, (bytes) => void bytes.fill(0, 9, 10))).toBeUndefined();
    expect(through(fields, (bytes) => void bytes.fill(200, 8, 9))).toMatchObject({ options: {} });
  });

  test('a search domain that is no host name ends the list', () => {
    const searchDomains = { lifetime: 1, values: ['good', 'bad'] };
    const said = through({ kind: 'routerSolicitation', options: { searchDomains } }, (bytes) => {
      bytes[bytes.indexOf(0x62)] = 0x0a; // a line feed in place of b
    });
    expect(said?.options.searchDomains).toEqual({ lifetime: 1, values: ['good'] });
  });
});

test.each<[string, NdpFields]>([
  ['lifetime', { kind: 'routerAdvertisement', lifetime: 65_536 }],
  ['mtu', { kind: 'routerSolicitation', options: { mtu: -1 } }],
  [
    'length',
    { kind: 'routerSolicitation', options: { prefixes: [{ prefix: '::', length: 129 }] } },
  ],
  [
    'IPv4',
    { kind: 'routerSolicitation', options: { dnsServers: { lifetime: 0, values: ['10.0.0.1'] } } },
  ],
  [
    'search domain',
    { kind: 'routerSolicitation', options: { searchDomains: { lifetime: 0, values: ['a..b'] } } },
  ],
])('refuses a wrong %s and names it', (name, fields) => {
  expect(() => buildNdp(ENDS, fields)).toThrow(EINVAL);
  expect(() => buildNdp(ENDS, fields)).toThrow(name);
});
