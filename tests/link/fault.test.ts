// SPDX-License-Identifier: MIT
// fault.test - ringstack/fault between two stacks: what it does to frames, and that TCP mends it
//
// tests/stack/lossy.test.ts does this at length, in Node.

import { createFault } from 'ringstack/fault';
import { connect } from 'ringstack/link';
import { expect, test } from 'vitest';
import { connectEnds, openPair, readAll, send } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';

test('A stream arrives intact over a link that drops, doubles, reorders and delays, and all of it is counted.', async () => {
  const { a, b, tapA, tapB } = await openPair();
  const fault = createFault({ seed: 5, drop: 0.02, duplicate: 0.05, reorder: 0.05, delay: 1 });
  const link = connect(tapA, fault.wrap(tapB));
  const { client, server } = await connectEnds(a, b);
  const sent = new Prng(9).bytes(400_000);
  const writing = send(client.writable, sent).then(() => client.writable.close());
  const got = await readAll(server.readable);
  await writing;
  expect(sameBytes(got, sent)).toBe(true);
  const { incoming, outgoing } = fault.statistics;
  for (const key of ['dropped', 'duplicated', 'reordered'] as const) {
    expect([key, incoming[key] + outgoing[key] > 0]).toEqual([key, true]);
  }
  await link.close();
});
