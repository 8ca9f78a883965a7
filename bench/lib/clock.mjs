// SPDX-License-Identifier: MIT
// clock - how coarse performance.now() is, and what it can tell of latencies
//
// Browsers round their clock: to 5 µs or 20 µs in an isolated page, to 100 µs or 1 ms in others. A
// latency is told only if it is twenty steps of the clock or more; a shorter median is taken from groups of
// latencies, each group one difference of two looks at the clock and at least that long.

import { percentiles, quantile } from './stats.mjs';

/** Looks go on for so many changes, and so many ms: the first ones are slow, before they are compiled. */
const CHANGES = 10;
const LOOK = 3;
/** Steps that a time must have to be told. */
const STEPS = 20;

/**
 * The step of a clock: the least difference of two looks at it.
 *
 * @param {() => number} [now]
 * @returns {number} ms.
 */
export function clockStep(now = () => performance.now()) {
  let step = Number.POSITIVE_INFINITY;
  const start = now();
  for (let last = start, seen = 0; seen < CHANGES || last - start < LOOK; ) {
    const time = now();
    if (time === last) continue;
    step = Math.min(step, time - last);
    last = time;
    seen++;
  }
  return step;
}

/** Median of the means of so many latencies that follow each other. */
function medianOfGroups(latencies, group) {
  const means = new Float64Array(Math.max(1, Math.floor(latencies.length / group)));
  for (let i = 0; i < means.length; i++) {
    const part = latencies.subarray(i * group, (i + 1) * group);
    means[i] = part.reduce((sum, latency) => sum + latency, 0) / part.length;
  }
  return quantile(means.sort(), 0.5);
}

/**
 * Median and 99th percentile of latencies that follow each other without a gap.
 *
 * @param {Float64Array} latencies - ms, in the order measured; sorted in place.
 * @param {number} step - Of the clock.
 * @returns {{ p50: number, p99?: number, group: number }} `group`: how many latencies are one for the median;
 *   `p99` is not there if the clock cannot tell it.
 */
export function latencyFigures(latencies, step) {
  const mean = latencies.reduce((sum, latency) => sum + latency, 0) / latencies.length;
  const group = mean >= STEPS * step ? 1 : Math.ceil((STEPS * step) / mean);
  const grouped = medianOfGroups(latencies, group);
  const { p50, p99 } = percentiles(latencies);
  return { p50: group === 1 ? p50 : grouped, ...(p99 >= STEPS * step ? { p99 } : {}), group };
}
