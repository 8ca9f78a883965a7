// SPDX-License-Identifier: MIT
// bench_clock.test - how coarse a clock is, and that it is not asked for more than it can tell

import { describe, expect, test } from 'vitest';
import { clockStep, latencyFigures } from '../../bench/lib/clock.mjs';

/** A clock that shows whole steps only, of a time that goes on by a little at every look. */
function coarse(step: number, look: number): () => number {
  let time = 0;
  return () => {
    time += look;
    return Math.floor(time / step) * step;
  };
}

describe('the step of a clock', () => {
  test.each([1, 0.125, 0.0078125])('of %d ms', (step) => {
    expect(clockStep(coarse(step, step / 16))).toBe(step);
  });

  test('that is finer than the looks is what they are apart', () => {
    expect(clockStep(coarse(2 ** -20, 2 ** -10))).toBe(2 ** -10);
  });
});

/** Latencies by a coarse clock: differences of its readings. */
function seen(latencies: readonly number[], step: number): Float64Array {
  let time = 0;
  return Float64Array.from(latencies, (latency) => {
    const then = Math.floor(time / step) * step;
    time += latency;
    return Math.floor(time / step) * step - then;
  });
}

describe('latencies', () => {
  /** Nine of ten take 1, the last one 3: 1.2 in the mean. */
  const latencies = Array.from({ length: 10_000 }, (_, i) => (i % 10 === 9 ? 3 : 1));

  test('that a clock can tell are told one by one', () => {
    expect(latencyFigures(seen(latencies, 2 ** -10), 2 ** -10)).toEqual({
      p50: 1,
      p99: 3,
      group: 1,
    });
  });

  test('shorter than its steps: the median is of groups, and there is no 99th percentile', () => {
    const step = 2;
    const figures = latencyFigures(seen(latencies, step), step);
    expect(figures.group).toBe(Math.ceil((20 * step) / 1.2));
    expect(Math.abs(figures.p50 - 1.2)).toBeLessThan(0.1);
    expect(figures).not.toHaveProperty('p99');
  });

  test('fewer than a group has: their mean', () => {
    expect(latencyFigures(Float64Array.of(0, 0, 2, 0), 2).p50).toBe(0.5);
  });
});
