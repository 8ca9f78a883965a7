// SPDX-License-Identifier: MIT
// pcap_file.test - frames that are already there, as a capture file

import { writePcapng } from 'ringstack/pcap';
import { expect, test } from 'vitest';
import { readPcapng } from '../helpers/pcapng.ts';

const bytes = Uint8Array.from([1, 2, 3, 4, 5]);

test('interfaces and frames, cut ones and those with a comment', () => {
  const time = 1_700_000_000_123.5;
  const file = writePcapng(
    ['A', 'B'],
    [
      { bytes, time, interface: 0 },
      { bytes, length: 1514, time: time + 1, interface: 1, comment: 'lost on the cable' },
    ],
    { snapLength: 128 },
  );
  expect(readPcapng(file)).toEqual({
    interfaces: [
      { linkType: 1, snapLength: 128, name: 'A' },
      { linkType: 1, snapLength: 128, name: 'B' },
    ],
    packets: [
      { interface: 0, micros: 1_700_000_000_123_500_000n, length: 5, bytes, comment: undefined },
      {
        interface: 1,
        micros: 1_700_000_000_124_500_000n,
        length: 1514,
        bytes,
        comment: 'lost on the cable',
      },
    ],
  });
});

test('an empty capture of raw IP packets', () => {
  const { interfaces, packets } = readPcapng(writePcapng(['A'], [], { type: 'tun' }));
  expect(packets).toEqual([]);
  expect(interfaces).toEqual([{ linkType: 101, snapLength: 0, name: 'A' }]);
});

test('a frame of an interface that is not there is refused', () => {
  const frame = { bytes, time: 0, interface: 1 };
  expect(() => writePcapng(['A'], [frame])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});
