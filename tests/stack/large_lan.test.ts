// SPDX-License-Identifier: MIT
// large_lan.test - segments above the MTU end where an interface becomes a port of a bridge, or forwards

import type { NetworkStack, TapInterface } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { sentIntact } from '../helpers/links.ts';
import { openStack, plug, until } from '../helpers/net.ts';

const FRAME = 1514;
const SIZE = 4_000_000;

/** Mean bytes of a frame that a tap sends while something is done. */
async function meanFrame(tap: TapInterface, work: () => Promise<unknown>): Promise<number> {
  const { txBytes, txPackets } = tap.statistics;
  await work();
  const after = tap.statistics;
  return (after.txBytes - txBytes) / (after.txPackets - txPackets);
}

/** A stack in the middle, and two others on wires to taps of it: 10.0.NET.2 and .1. */
async function wires(nets: readonly [number, number]) {
  const middle = await openStack();
  const make = async (net: number, host: number) => {
    const [near, stack] = [
      await middle.createTapInterface({ ip: `10.0.${net}.1/24` }),
      await openStack(),
    ];
    const options = { ip: `10.0.${net}.${host}/24`, gateway: `10.0.${net}.1` };
    const tap = await stack.createTapInterface(options);
    plug(near, tap);
    return { stack, tap, near };
  };
  return { middle, a: await make(nets[0], 2), b: await make(nets[1], 3) };
}

/** Sends to the stack in the middle, where something changes on the way. */
async function sentWhile(
  from: { stack: NetworkStack; tap: TapInterface },
  middle: NetworkStack,
  change: () => Promise<unknown>,
): Promise<void> {
  const { txBytes } = from.tap.statistics;
  const sending = sentIntact(from.stack, middle, SIZE, '10.0.0.1');
  await until(() => from.tap.statistics.txBytes - txBytes > SIZE / 8);
  await change();
  await sending;
}

describe('large send', () => {
  test('ends when the other tap becomes a port of a bridge, and the flow goes on', async () => {
    const { middle, a, b } = await wires([0, 1]);
    const large = await meanFrame(a.tap, () => sentIntact(a.stack, middle, SIZE, '10.0.0.1'));
    expect(large).toBeGreaterThan(FRAME);
    await sentWhile(a, middle, () =>
      middle.createBridgeInterface({ ports: [a.near, b.near], ip: '10.9.0.1/24' }),
    );
    await a.tap.addAddress('10.9.0.2/24');
    await b.tap.addAddress('10.9.0.3/24');
    const small = await meanFrame(a.tap, async () => {
      await sentIntact(a.stack, b.stack, SIZE, '10.9.0.3');
      await sentIntact(a.stack, middle, SIZE, '10.9.0.1');
    });
    expect(small).toBeLessThanOrEqual(FRAME);
    expect(small).toBeGreaterThan(FRAME / 2);
  });

  test('ends when the other tap forwards, and the flow goes on', async () => {
    const { middle, a, b } = await wires([0, 1]);
    await sentWhile(a, middle, async () => {
      await a.near.setForwarding(true);
      await b.near.setForwarding(true);
    });
    const small = await meanFrame(a.tap, () => sentIntact(a.stack, b.stack, SIZE, '10.0.1.3'));
    expect(small).toBeLessThanOrEqual(FRAME);
    expect(small).toBeGreaterThan(FRAME / 2);
    const { forwarded, tooBig } = await a.near.forwardingStatistics();
    expect(forwarded).toBeGreaterThan(SIZE / FRAME);
    expect(tooBig).toBe(0);
    await a.near.setForwarding(false);
    const large = await meanFrame(a.tap, () => sentIntact(a.stack, middle, SIZE, '10.0.0.1'));
    expect(large).toBeGreaterThan(FRAME);
  });
});
