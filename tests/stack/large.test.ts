// SPDX-License-Identifier: MIT
// large.test - a wire between two stacks carries segments above the MTU, and nobody else sees them

import { describe, expect, test } from 'vitest';
import { hashOf, StreamHash } from '../helpers/hash.ts';
import {
  connectEnds,
  ENDS,
  ignore,
  openPair,
  type Pair,
  readAll,
  readUpTo,
  send,
  settle,
  until,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { NO_PIPE_ABORT, testUnless } from '../helpers/runtime.ts';

const FRAME = 1514;

/** Joins two taps, through a transform that notes the longest frame or by a wire; returns how to part them. */
function join({ tapA, tapB }: Pair, seen?: (length: number) => void): () => Promise<void> {
  const keep = { preventAbort: true, preventCancel: true, preventClose: true };
  const pipe = (from: ReadableStream<Uint8Array>, to: WritableStream<Uint8Array>) => {
    const abort = new AbortController();
    const piping = from.pipeTo(to, { signal: abort.signal, ...keep }).catch(ignore);
    return async (): Promise<void> => {
      abort.abort();
      await piping;
    };
  };
  const lanes = [[tapA, tapB] as const, [tapB, tapA] as const].map(([from, to]) => {
    if (!seen) return [pipe(from.readable, to.writable)];
    const note = new TransformStream<Uint8Array, Uint8Array>({
      transform(frame, controller) {
        seen(frame.length);
        controller.enqueue(frame);
      },
    });
    return [pipe(from.readable, note.writable), pipe(note.readable, to.writable)];
  });
  return async () => {
    // The first pipe of a lane ends when the second has taken what it has written.
    for (const [first, second] of lanes) {
      await first?.();
      await second?.();
    }
  };
}

describe('large send', () => {
  test('is off with largeSend: false', async () => {
    const { a, b, tapA } = await wiredPair({ tap: { largeSend: false } });
    const { client, server } = await connectEnds(a, b);
    const reading = readUpTo(server.readable, 1_000_000);
    await send(client.writable, new Uint8Array(1_000_000));
    expect((await reading).length).toBe(1_000_000);
    const { txBytes, txPackets } = tapA.statistics;
    expect(txBytes / txPackets).toBeLessThanOrEqual(FRAME);
    expect(txPackets).toBeGreaterThan(1_000_000 / FRAME);
  });

  test.each([4, 6] as const)('IPv%i over a wire takes far fewer frames', async (family) => {
    const { a, b, tapA, tapB } = await wiredPair();
    const { client, server } = await connectEnds(a, b, { host: ENDS[family].b });
    const data = new Prng(family).bytes(4_000_000);
    const reading = readAll(server.readable);
    await send(client.writable, data);
    await client.closeWrite();
    expect(hashOf(await reading)).toBe(hashOf(data));
    expect(tapA.mtu).toBe(1500);
    expect(tapA.statistics.txBytes / tapA.statistics.txPackets).toBeGreaterThan(4 * FRAME);
    expect(tapB.statistics.rxBytes).toBe(tapA.statistics.txBytes);
    expect(tapB.statistics.invalid + tapA.statistics.lost).toBe(0);
    expect(a.statistics.tcpRetransmits).toBe(0);
    await server.close();
  });

  test.each([4, 6] as const)(
    'IPv%i through JavaScript takes none above the MTU',
    async (family) => {
      const pair = await openPair();
      let longest = 0;
      join(pair, (length) => {
        longest = Math.max(longest, length);
      });
      const { client, server } = await connectEnds(pair.a, pair.b, { host: ENDS[family].b });
      const data = new Prng(family).bytes(1_000_000);
      const reading = readAll(server.readable);
      await send(client.writable, data);
      await client.closeWrite();
      expect(hashOf(await reading)).toBe(hashOf(data));
      expect(longest).toBe(FRAME);
      await server.close();
    },
  );

  testUnless(NO_PIPE_ABORT)(
    'a connection whose wire is pulled goes on through JavaScript, and back',
    async () => {
      const pair = await openPair();
      const lengths: number[] = [];
      let part = join(pair);
      const { client, server } = await connectEnds(pair.a, pair.b);
      const data = new Prng(9).bytes(6_000_000);
      const sending = send(client.writable, data).then(() => client.closeWrite());
      const hash = new StreamHash();
      for (let n = 0; n < 6; n++) {
        const before = lengths.length;
        hash.update(await readUpTo(server.readable, 500_000));
        // These bytes were sent before; the room they leave lets more come this way.
        if (n % 2) await until(() => lengths.length > before + 40);
        await part();
        await settle(2);
        part = join(pair, n % 2 ? undefined : (length) => lengths.push(length));
      }
      hash.update(await readAll(server.readable));
      await sending;
      expect(hash.digest()).toBe(hashOf(data));
      expect(lengths.length).toBeGreaterThan(100);
      expect(Math.max(...lengths)).toBe(FRAME);
      expect(pair.tapA.statistics.txBytes / pair.tapA.statistics.txPackets).toBeGreaterThan(FRAME);
      await server.close();
    },
  );
});
