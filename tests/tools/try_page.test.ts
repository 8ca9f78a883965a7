// SPDX-License-Identifier: MIT
// try_page.test - the parts of web/ that need no browser: settings in the address, numbers, sampling

import { describe, expect, test } from 'vitest';
import { Sampler, SHARES } from '../../web/packets/sampler.ts';
import { DEFAULTS, formatHash, parseHash } from '../../web/settings.ts';
import { bitRate, byteCount, niceCeiling } from '../../web/units.ts';
import { ETHERTYPE, ethernet, ipv4 } from '../helpers/frames.ts';

describe('settings in the address', () => {
  test('what differs from the beginning comes back', () => {
    const settings = { ...DEFAULTS, mtu: 9000, engine: 'worker', loss: 7, ip: 6 } as const;
    expect(formatHash(settings)).toBe('#engine=worker&ip=6&mtu=9000&loss=7');
    expect(parseHash(formatHash(settings))).toEqual(settings);
    expect(formatHash(DEFAULTS)).toBe('');
  });

  test.each([
    '',
    '#',
    '#mtu=1501&engine=x&loss=21',
    '#loss=-1',
    '#loss=1e1',
    '#%',
    '#mtu',
    '#ip=5',
  ])('%j is the beginning', (hash) => expect(parseHash(hash)).toEqual(DEFAULTS));

  test('IPv6 has a least MTU', () => {
    expect(parseHash('#ip=6&mtu=576').mtu).toBe(1280);
    expect(parseHash('#mtu=576').mtu).toBe(576);
  });
});

test('numbers', () => {
  expect([0, 999, 1234, 999_600, 2.5e9].map(bitRate)).toEqual([
    '0 bit/s',
    '999 bit/s',
    '1.23 kbit/s',
    '1.00 Mbit/s',
    '2.50 Gbit/s',
  ]);
  expect([0, 3, 999, 1090, 64 * 2 ** 20].map(byteCount)).toEqual([
    '0 B',
    '3 B',
    '999 B',
    '1.09 kB',
    '67.1 MB',
  ]);
  expect([0, 1, 3, 5.1, 1000].map((value) => niceCeiling(value, 1))).toEqual([1, 1, 5, 10, 1000]);
});

describe('Sampler', () => {
  const segment = (flags: number): Uint8Array => {
    const tcp = Uint8Array.from([
      0,
      7,
      0,
      9,
      ...Array(8).fill(0),
      0x50,
      flags,
      ...Array(200).fill(0),
    ]);
    const packet = ipv4('10.0.0.1', '10.0.0.2', 6, tcp);
    return ethernet('02:00:00:00:00:02', '02:00:00:00:00:01', ETHERTYPE.ipv4, packet);
  };

  test('keeps so many plain frames of an interval, and counts the others', () => {
    const sampler = new Sampler(() => 5);
    for (let n = 0; n < 100; n++) sampler.see('A', segment(0x10), false);
    const { frames, counters } = sampler.take();
    expect(frames.length).toBe(SHARES.plain);
    expect(counters).toEqual({ lost: 0, unseen: 100 - SHARES.plain });
    expect(frames[0]).toMatchObject({ from: 'A', time: 5, length: 14 + 20 + 214, isLost: false });
    expect(frames[0]?.bytes.length).toBe(128);
    sampler.see('B', segment(0x10), false);
    expect(sampler.take().frames.length).toBe(1);
  });

  test('has room for a SYN and for what is lost when plain frames have none', () => {
    const sampler = new Sampler(() => 0);
    for (let n = 0; n < 100; n++) sampler.see('A', segment(0x10), false);
    sampler.see('A', segment(2), false);
    sampler.see('B', segment(0x10), true);
    sampler.see('A', new Uint8Array(3), false);
    const { frames, counters } = sampler.take();
    expect(frames.slice(SHARES.plain).map(({ from, isLost }) => [from, isLost])).toEqual([
      ['A', false],
      ['B', true],
      ['A', false],
    ]);
    expect(counters.lost).toBe(1);
  });

  test('keeps none while it is off', () => {
    const sampler = new Sampler(() => 0);
    sampler.isOn = false;
    sampler.see('A', segment(2), true);
    expect(sampler.take()).toEqual({ frames: [], counters: { lost: 1, unseen: 1 } });
  });
});
