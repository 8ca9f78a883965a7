// SPDX-License-Identifier: MIT
// window.test - what the receive buffer promises and the peer may rely on

import { describe, expect, test } from 'vitest';
import { ignore, settle, until, wiredEnds } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { NO_BYOB, nextRound, skipAll } from '../helpers/runtime.ts';

const MIB = 1024 * 1024;

/** Reads to the end, at most `most` bytes at a time, with a turn of the event loop after each. */
async function readSlowly(readable: ReadableStream<Uint8Array>, most: number): Promise<number> {
  const reader = readable.getReader({ mode: 'byob' });
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(most));
    if (done) return bytes;
    bytes += value.length;
    await nextRound();
  }
}

describe.each([1500, 9000, 65520])('an MTU of %i', (mtu) => {
  skipAll(NO_BYOB);

  test.each([
    [64 * 1024, 1000],
    [64 * 1024, 30_000],
    [128 * 1024, 5000],
    [512 * 1024, 32_768],
    [4 * MIB, 100_000],
  ])('a receive buffer of %i read by %i: nothing is sent twice', async (receiveBuffer, most) => {
    const { a, client, server } = await wiredEnds({ tap: { mtu }, stack: { receiveBuffer } });
    const size = 3 * MIB;
    const writer = client.writable.getWriter();
    const sent = (async () => {
      const chunk = new Uint8Array(50_000);
      new Prng(mtu).fill(chunk);
      for (let left = size; left > 0; left -= chunk.length) {
        await writer.write(chunk.subarray(0, Math.min(left, chunk.length)));
      }
      await writer.close();
    })();
    expect(await readSlowly(server.readable, most)).toBe(size);
    await sent;
    expect(a.statistics.tcpRetransmits).toBe(0);
  });
});

test('two ends that do not read say nothing but window probes', async () => {
  const receiveBuffer = 128 * 1024;
  const { a, b, client, server } = await wiredEnds({ stack: { receiveBuffer } });
  const writers = [client, server].map(({ writable }) => writable.getWriter());
  const write = (length: number): void => {
    for (const writer of writers) writer.write(new Uint8Array(length)).catch(ignore);
  };
  // Windows are announced in units: by steps of whole ones, both are filled to the last byte.
  for (let filled = 0; filled < receiveBuffer; filled += 16 * 1024) {
    write(16 * 1024);
    await settle();
  }
  write(1);
  const segments = (): number => a.statistics.tcpTxSegments + b.statistics.tcpTxSegments;
  await settle();
  const before = segments();
  await until(() => segments() > before); // a probe, and what answers it
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(segments() - before).toBeLessThan(10);
});
