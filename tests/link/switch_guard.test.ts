// SPDX-License-Identifier: MIT
// switch_guard.test - what a guarded port of a switch drops; the table is that of tests/c/test_bridge.c

import { createSwitch } from 'ringstack/link';
import { expect, onTestFinished, test } from 'vitest';
import { ethernet } from '../helpers/frames.ts';
import { endpointPair } from '../helpers/links.ts';

const EVERYONE = 'ff:ff:ff:ff:ff:ff';

/** A packet of so many bytes, with some at offsets. */
function packet(length: number, ...parts: readonly [at: number, ...bytes: number[]][]): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const [at, ...some] of parts) bytes.set(some, at);
  return bytes;
}

const V4 = [0, 0x45] as const;
const V6 = [0, 0x60] as const;

const request = (client: [number, ...number[]]): Uint8Array =>
  packet(62, [...V4], [9, 17], [20, 0, 68, 0, 67], client);

test.each([
  ['a DHCP answer', 0x0800, packet(28, [...V4], [9, 17], [20, 0, 67, 0, 68]), 1],
  [
    'a DHCP answer with a tag',
    0x8100,
    packet(32, [2, 8, 0, 0x45], [13, 17], [24, 0, 67, 0, 68]),
    1,
  ],
  [
    'a DHCP answer with two tags',
    0x88a8,
    packet(36, [2, 0x81, 0], [6, 8, 0, 0x45], [17, 17], [28, 0, 67, 0, 68]),
    1,
  ],
  ['a tag cut off', 0x8100, packet(3, [2, 8]), 0],
  ['a DHCP answer behind options', 0x0800, packet(32, [0, 0x46], [9, 17], [24, 0, 67, 0, 68]), 1],
  ['a DHCP request', 0x0800, request([56, 2, 0, 0, 0, 0, 1]), 0],
  ['a DHCP request for another host', 0x0800, request([56, 2, 0, 0, 0, 0, 2]), 1],
  ['a DHCP request cut off', 0x0800, request([56, 2, 0, 0, 0, 0, 1]).subarray(0, 61), 1],
  ['TCP from port 67', 0x0800, packet(40, [...V4], [9, 6], [20, 0, 67]), 0],
  ['a later fragment', 0x0800, packet(28, [...V4], [7, 1], [9, 17], [20, 0, 67]), 0],
  ['UDP cut off', 0x0800, packet(21, [...V4], [9, 17]), 1],
  ['a DHCPv6 answer', 0x86dd, packet(48, [...V6], [6, 17], [40, 2, 35, 2, 34]), 1],
  ['a DHCPv6 request', 0x86dd, packet(48, [...V6], [6, 17], [40, 2, 34, 2, 35]), 0],
  ['a router advertisement', 0x86dd, packet(56, [...V6], [6, 58], [40, 134]), 1],
  ['a redirect', 0x86dd, packet(56, [...V6], [6, 58], [40, 137]), 1],
  ['a router solicitation', 0x86dd, packet(56, [...V6], [6, 58], [40, 133]), 0],
  ['an advertisement behind options', 0x86dd, packet(64, [...V6], [6, 60], [40, 58], [48, 134]), 1],
  ['one behind a fragment header', 0x86dd, packet(64, [...V6], [6, 44], [40, 58], [48, 134]), 1],
  ['one behind two', 0x86dd, packet(72, [...V6], [6, 0], [40, 44], [48, 58], [56, 134]), 1],
  [
    'a first fragment cut in its options',
    0x86dd,
    packet(56, [...V6], [6, 44], [40, 60], [48, 58, 2]),
    1,
  ],
  [
    'a later fragment of IPv6',
    0x86dd,
    packet(64, [...V6], [6, 44], [40, 58, 0, 0, 8], [48, 134]),
    0,
  ],
  ['TCP over IPv6', 0x86dd, packet(60, [...V6], [6, 6], [40, 134]), 0],
  ['an IPv6 header cut off', 0x86dd, packet(20, [...V6], [6, 58]), 0],
  ['ARP', 0x0806, packet(28, [0, 0, 1]), 0],
] as const)('%s', async (_, type, payload, dropped) => {
  const network = await createSwitch();
  onTestFinished(() => network.close());
  const [one, other] = [endpointPair(), endpointPair()];
  const port = network.plug(one.endpoint, { guarded: true });
  network.plug(other.endpoint);
  const seen = other.sent.length;
  one.port.push(ethernet(EVERYONE, '02:00:00:00:00:01', type, payload));
  expect(port.statistics.guarded).toBe(dropped);
  expect(other.sent.length - seen).toBe(1 - dropped);
  expect(port.guarded).toBe(true);
  other.port.push(ethernet(EVERYONE, '02:00:00:00:00:02', type, payload));
  expect(one.sent.at(-1)?.[11]).toBe(2);
});
