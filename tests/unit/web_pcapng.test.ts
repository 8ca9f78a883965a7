// SPDX-License-Identifier: MIT
// web_pcapng.test - the bytes of captures that the page saves

import { expect, test } from 'vitest';
import { writePcapng } from '../../web/packets/pcapng.ts';
import { readPcapng } from '../helpers/pcapng.ts';

const bytes = Uint8Array.from([1, 2, 3, 4, 5]);

test('interfaces and frames, cut ones and those with a comment', () => {
  const time = 1_700_000_000_123.456;
  const file = writePcapng(
    ['A', 'B'],
    [
      { bytes, length: 5, time, interface: 0 },
      { bytes, length: 1514, time: time + 1, interface: 1, comment: 'lost on the cable' },
    ],
    128,
  );
  expect(readPcapng(file)).toEqual({
    interfaces: [
      { linkType: 1, snapLength: 128, name: 'A' },
      { linkType: 1, snapLength: 128, name: 'B' },
    ],
    packets: [
      { interface: 0, micros: 1_700_000_000_123_456n, length: 5, bytes, comment: undefined },
      {
        interface: 1,
        micros: 1_700_000_000_124_456n,
        length: 1514,
        bytes,
        comment: 'lost on the cable',
      },
    ],
  });
});

test('an empty capture', () => {
  expect(readPcapng(writePcapng(['A'], [], 64)).packets).toEqual([]);
});

test('the first block, byte by byte', () => {
  const file = writePcapng([], [], 64);
  expect(Array.from(file, (byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(
    `0a0d0d0a30000000${'4d3c2b1a01000000'}${'ffffffffffffffff'}${'04000900'}${'72696e67737461636b000000'}${'00000000'}30000000`,
  );
});
