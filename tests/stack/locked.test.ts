// SPDX-License-Identifier: MIT
// locked.test - an interface listens while its readable is locked, by whatever locks it

import type { TunInterface } from 'ringstack';
import { expect, test } from 'vitest';
import { ignore, openStack, turn, until } from '../helpers/net.ts';
import { testUnless } from '../helpers/runtime.ts';

/** TCP, in the protocol field of an IPv4 header. */
const TCP = 6;

/** A tun interface, and a way to have its stack send packets. */
async function openTun() {
  const stack = await openStack();
  const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
  const send = (): void => {
    stack.connectTcp({ host: '10.0.0.2', port: 80 }).catch(ignore);
  };
  return { stack, tun, send };
}

/** Reads a packet and says of which protocol it is. */
async function protocolOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<unknown> {
  return (await reader.read()).value?.[9];
}

test('a reader made by its constructor gets the packets', async () => {
  const { tun, send } = await openTun();
  const reader = new ReadableStreamDefaultReader(tun.readable);
  send();
  expect(await protocolOf(reader)).toBe(TCP);
});

test('it listens no more when that reader releases the lock', async () => {
  const { stack, tun, send } = await openTun();
  const reader = new ReadableStreamDefaultReader(tun.readable);
  send();
  expect(await protocolOf(reader)).toBe(TCP);
  reader.releaseLock();
  // Seen after a turn of which this thread hears.
  await turn(stack);
  const { dropped } = tun.statistics;
  send();
  await until(() => tun.statistics.dropped > dropped);
});

/** Whether readables can be transferred: WebKit's cannot. */
function whyNoTransfer(): string | undefined {
  try {
    const stream = new ReadableStream();
    structuredClone(stream, { transfer: [stream as never] });
    return undefined;
  } catch {
    return 'the runtime does not transfer streams';
  }
}

testUnless(whyNoTransfer())('a readable that is transferred gives the packets', async () => {
  const { tun, send } = await openTun();
  const transfer = [tun.readable as never];
  const reader = structuredClone(tun.readable, { transfer }).getReader();
  send();
  expect(await protocolOf(reader)).toBe(TCP);
  expect(tun.readable.locked).toBe(true);
});

test.each([
  ['tee()', (tun) => tun.readable.tee()[0].getReader()],
  ['pipeThrough()', (tun) => tun.readable.pipeThrough(new TransformStream()).getReader()],
  ['getReader()', (tun) => tun.readable.getReader()],
] as [string, (tun: TunInterface) => ReadableStreamDefaultReader<Uint8Array>][])(
  '%s gets the packets',
  async (_, lock) => {
    const { tun, send } = await openTun();
    const reader = lock(tun);
    send();
    expect(await protocolOf(reader)).toBe(TCP);
  },
);
