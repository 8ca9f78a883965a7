// SPDX-License-Identifier: MIT
// token_bucket.test - limits, with times of the test

import { expect, test } from 'vitest';
import { TokenBucket } from '../../js/util/token_bucket.ts';

test('a bucket gives its rate, and a second of it at once', () => {
  const bucket = new TokenBucket(10, 0);
  const take = (count: number, now: number): number =>
    Array.from({ length: count }, () => bucket.take(now)).filter(Boolean).length;
  expect(take(100, 0)).toBe(10);
  expect(take(100, 500)).toBe(5);
  expect(take(100, 100_000)).toBe(10);
});

test('a clock that is set back takes no tokens away', () => {
  const bucket = new TokenBucket(2, 1000);
  expect(bucket.take(0)).toBe(true);
  expect(bucket.take(0)).toBe(true);
  expect(bucket.take(0)).toBe(false);
  expect(bucket.take(500)).toBe(true);
});
