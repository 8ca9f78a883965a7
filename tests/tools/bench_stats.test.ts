// SPDX-License-Identifier: MIT
// bench_stats.test - medians, spreads, percentiles and the formula of Mathis

import { expect, test } from 'vitest';
import { mathis, percentiles, quantile, spread, summarize } from '../../bench/lib/stats.mjs';

test.each([
  [[5], 0.5, 5],
  [[1, 2, 3], 0.5, 2],
  [[1, 2, 3, 4], 0.5, 2.5],
  [[0, 10], 0.99, 9.9],
  [[1, 2, 3], 1, 3],
])('quantile of %j at %d', (sorted, share, expected) => {
  expect(quantile(sorted, share)).toBeCloseTo(expected, 10);
});

test('quantile of nothing is not a number', () => expect(quantile([], 0.5)).toBeNaN());

test('summarize keeps the order of the rounds', () => {
  expect(summarize([3, 1, 2])).toEqual({ values: [3, 1, 2], median: 2, min: 1, max: 3 });
});

test('spread is half the distance from least to greatest, as a share', () => {
  expect(spread({ median: 10, min: 9, max: 13 })).toBeCloseTo(0.2, 10);
  expect(spread({ median: 0, min: 0, max: 0 })).toBe(0);
});

test('percentiles of samples in any order', () => {
  const samples = Float64Array.from({ length: 101 }, (_, i) => (i * 37) % 101);
  expect(percentiles(samples)).toEqual({ p50: 50, p99: 99, max: 100 });
});

test('Mathis: 1448 bytes, 10 ms, 1 % are 14.2 Mbit/s', () => {
  expect((mathis({ mss: 1448, rttMs: 10, loss: 0.01 }) * 8) / 1e6).toBeCloseTo(14.19, 2);
});
