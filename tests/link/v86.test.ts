// SPDX-License-Identifier: MIT
// v86.test - connectV86() with the least an emulator has: events both ways
//
// tests/vm has the real one.

import { createCapture } from 'ringstack/pcap';
import { connectV86 } from 'ringstack/v86';
import { expect, test } from 'vitest';
import { arp } from '../helpers/frames.ts';
import { openStack, until } from '../helpers/net.ts';

test('what stands in front of the card sees its frames both ways', async () => {
  const listeners = new Map<string, (frame: Uint8Array) => void>();
  const received: Uint8Array[] = [];
  const emulator = {
    v86: { cpu: { devices: {} } },
    bus: { send: (_: string, frame: Uint8Array) => received.push(frame.slice()) },
    add_listener: (name: string, listener: () => void) => void listeners.set(name, listener),
    remove_listener: (name: string) => void listeners.delete(name),
  };
  const stack = await openStack();
  const capture = createCapture();
  await connectV86(stack, emulator, {
    ip: '10.0.0.1/24',
    wrap: (card) => capture.wrap(card, { name: 'card' }),
  });
  const guest = { mac: '02:00:00:00:00:02', ip: '10.0.0.2' };
  listeners.get('net0-send')?.(arp(1, guest, { mac: '00:00:00:00:00:00', ip: '10.0.0.1' }));
  await until(() => received.length > 0 && capture.statistics.captured === received.length + 1);
  expect(capture.statistics.dropped).toBe(0);
});
