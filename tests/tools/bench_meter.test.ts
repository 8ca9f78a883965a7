// SPDX-License-Identifier: MIT
// bench_meter.test - the phases of a transfer, on a clock that the test moves

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Follower, Meter, PHASE_WORDS, STOP, TAIL, TIMED, WARM } from '../../bench/lib/meter.mjs';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const limits = { warm: 100, timed: 200, tail: 5000, grain: 1000 };

function newMeter(): { meter: Meter; follow(): Follower; count: { n: number } } {
  const words = new Int32Array(new SharedArrayBuffer(4 * PHASE_WORDS));
  const count = { n: 0 };
  const counters = (): { n: number } => ({ n: count.n });
  return {
    meter: new Meter(words, counters, limits),
    follow: () => new Follower(words, counters),
    count,
  };
}

/** Counts so many bytes when so much time has passed. */
function receive(meter: Meter, ms: number, bytes: number): number {
  vi.advanceTimersByTime(ms);
  meter.add(bytes);
  return meter.phase();
}

test('counts between the ends of warm-up and timed part only', () => {
  const { meter, count } = newMeter();
  expect(receive(meter, 99, 1000)).toBe(WARM);
  count.n = 3;
  expect(receive(meter, 1, 1000)).toBe(TIMED);
  expect(receive(meter, 150, 7000)).toBe(TIMED);
  count.n = 10;
  expect(receive(meter, 50, 1000)).toBe(TAIL);
  expect(receive(meter, 500, 4999)).toBe(TAIL);
  expect(receive(meter, 0, 1000)).toBe(STOP);
  expect(meter.result()).toEqual({ ms: 200, bytes: 8000, n: 7 });
});

test('looks at the clock once a grain', () => {
  const { meter } = newMeter();
  expect(receive(meter, 500, 999)).toBe(WARM);
  expect(receive(meter, 0, 1)).toBe(TIMED);
});

test('a follower counts its own in the same part', () => {
  const { meter, follow } = newMeter();
  const follower = follow();
  follower.add(1);
  receive(meter, 100, 1000);
  follower.phase();
  follower.add(500);
  receive(meter, 200, 1000);
  follower.phase();
  follower.add(70);
  expect(follower.result()).toEqual({ ms: 200, bytes: 500, n: 0 });
});

test('The timed part goes on until the sender has seen it.', () => {
  const { meter, follow } = newMeter();
  const follower = follow();
  receive(meter, 100, 1000);
  expect(receive(meter, 500, 1000)).toBe(TIMED);
  follower.phase();
  expect(receive(meter, 0, 1000)).toBe(TAIL);
  expect(follower.result()).toEqual({ ms: 0, bytes: 0, n: 0 });
});

test('no result of a transfer that ended while it warmed up', () => {
  const { meter } = newMeter();
  receive(meter, 50, 1000);
  expect(() => meter.result()).toThrow('the transfer ended before it was timed');
});
