// SPDX-License-Identifier: MIT
// netsim.test - how TCP fares on links with loss, delay, short queues, jitter; on a virtual clock
//
// The table is a snapshot: whatever changes it has changed how TCP behaves, and shall be looked at.
// `vitest run tests/interop/netsim.test.ts -u` writes it anew. Beside it stand what a sender must reach.

import { expect, test } from 'vitest';
import { Arena } from '../../js/memory/arena.ts';
import { stackModule } from '../helpers/built.ts';
import { type SimOptions, type SimResult, simulate } from '../helpers/netsim.ts';

/** ms of real time for one table: it may share the processor. */
const PATIENCE = 120_000;
const KIB = 1024;
const MIB = 1024 * KIB;
const ARENA = 128 * MIB;
const GIGABIT = 1e9;
const LOSSES = [0, 0.001, 0.01, 0.05];
const RTTS = [0, 1, 10, 20, 100, 200];
const BUFFERS = [64 * KIB, 512 * KIB, 4 * MIB];
const HEAD =
  'loss %  RTT ms  buffer KiB |  Mbit/s  2nd half  sent again  timeouts  came twice |  besides\n';

function run(options: Omit<SimOptions, 'seed' | 'size' | 'limit'>): SimResult {
  const size = Math.max(8 * MIB, 4 * options.buffer);
  return simulate(new Arena(stackModule(), ARENA), { seed: 1, size, limit: 60_000, ...options });
}

/** A line of the table; a second half that did not come within the time limit is a dash. */
function line(options: Omit<SimOptions, 'seed' | 'size'>, result: SimResult, besides = ''): string {
  const cells = [
    ((options.loss ?? 0) * 100).toFixed(1).padStart(6),
    String(options.rtt).padStart(8),
    String(options.buffer / KIB).padStart(12),
    ' |',
    result.mean.toFixed(2).padStart(8),
    (result.steady > 0 ? result.steady.toFixed(2) : '-').padStart(10),
    String(result.retransmits).padStart(12),
    String(result.timeouts).padStart(10),
    String(result.duplicates).padStart(12),
    ` |  ${besides}`,
  ];
  return `${cells.join('').trimEnd()}\n`;
}

test('loss, round-trip time and buffers, at 1 Gbit/s', { timeout: PATIENCE }, async () => {
  let table = HEAD;
  for (const loss of LOSSES) {
    for (const rtt of RTTS) {
      for (const buffer of BUFFERS) {
        const options = { loss, rtt, buffer, rate: GIGABIT };
        const result = run(options);
        table += line(options, result);
        if (loss > 0) continue;
        // Without loss: the link, or a window each round trip, and nothing is sent twice.
        const most = Math.min(GIGABIT / 1e6, (buffer * 8) / (rtt * 1000));
        expect(result.steady, table).toBeGreaterThan(0.9 * most);
        expect([result.retransmits, result.timeouts], table).toEqual([0, 0]);
      }
    }
  }
  await expect(table).toMatchFileSnapshot('snapshots/netsim_loss.txt');
});

test('one percent of loss at 10 ms: at least half of what Reno can reach', () => {
  // Mathis et al. 1997: MSS / RTT * sqrt(3/2) / sqrt(p).
  const reno = (((1460 * 8) / 0.01) * Math.sqrt(1.5)) / Math.sqrt(0.01) / 1e6;
  for (const seed of [1, 2, 3]) {
    const options = { seed, loss: 0.01, rtt: 10, buffer: 512 * KIB, rate: GIGABIT, size: 16 * MIB };
    const result = simulate(new Arena(stackModule(), ARENA), options);
    expect(result.mean).toBeGreaterThan(reno / 2);
  }
});

test('short queues, jitter and pauses, at 100 Mbit/s', { timeout: PATIENCE }, async () => {
  let table = HEAD;
  const add = (besides: string, options: Omit<SimOptions, 'seed' | 'size' | 'rate'>): SimResult => {
    const result = run({ ...options, rate: GIGABIT / 10 });
    table += line({ ...options, rate: GIGABIT / 10 }, result, besides);
    return result;
  };
  for (const queue of [30_000, 250_000, 1_000_000]) {
    for (const rtt of [1, 20, 100]) {
      for (const buffer of [512 * KIB, 4 * MIB]) {
        // However far slow start runs over the queue's end: no timeout, and only what was lost.
        const result = add(`queue of ${queue} bytes`, { rtt, buffer, queue });
        expect([result.retransmits, result.timeouts, result.duplicates], table).toEqual([
          result.lost,
          0,
          0,
        ]);
      }
    }
  }
  for (const rtt of [0, 1, 50, 200]) {
    for (const jitter of [5, 50, 200]) {
      const result = add(`up to ${jitter} ms of jitter`, { rtt, buffer: 512 * KIB, jitter });
      expect(result.retransmits, table).toBe(0);
    }
  }
  for (const pause of [100, 250, 1000]) {
    const result = add(`sender held up for ${pause} ms`, { rtt: 20, buffer: 512 * KIB, pause });
    expect(result.retransmits, table).toBe(0);
  }
  await expect(table).toMatchFileSnapshot('snapshots/netsim_queue.txt');
});
