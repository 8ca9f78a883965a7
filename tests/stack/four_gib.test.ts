// SPDX-License-Identifier: MIT
// four_gib.test - a connection that carries more bytes than its sequence numbers and ring counters have values

import { expect } from 'vitest';
import { ignore, wiredEnds } from '../helpers/net.ts';
import { NO_BYOB, sameBytes, testUnless } from '../helpers/runtime.ts';

const MIB = 2 ** 20;

testUnless(NO_BYOB)(
  'More than 4 GiB pass through one connection.',
  async () => {
    const { client, server, tapA } = await wiredEnds({ tap: { mtu: 65520 } });
    const total = 2 ** 32 + 64 * MIB;
    const pattern = new Uint8Array(2 * MIB);
    const words = new Uint32Array(pattern.buffer);
    for (let i = 0; i < words.length; i++) words[i] = ((4 * i) % MIB) * 2654435761;
    const writing = (async () => {
      const writer = client.writable.getWriter();
      for (let left = total; left > 0; left -= MIB) await writer.write(pattern.subarray(0, MIB));
      await writer.close();
    })();
    const reader = server.readable.getReader({ mode: 'byob' });
    let view = new Uint8Array(MIB);
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read(view);
      if (done) break;
      const at = length % MIB;
      if (!sameBytes(value, pattern.subarray(at, at + value.length))) {
        throw new Error(`Altered between ${length} and ${length + value.length}`);
      }
      length += value.length;
      view = new Uint8Array(value.buffer);
    }
    await writing;
    expect(length).toBe(total);
    expect(tapA.statistics.txBytes).toBeGreaterThan(total);
    server.close().catch(ignore);
  },
  120_000,
);
