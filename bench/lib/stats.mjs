// SPDX-License-Identifier: MIT
// stats - medians, spreads and percentiles of what was measured

/** Value below which a share of sorted numbers lies, interpolated. */
export function quantile(sorted, share) {
  if (sorted.length === 0) return Number.NaN;
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/**
 * Median and spread of some rounds.
 *
 * @param {number[]} values - In the order measured.
 */
export function summarize(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    values,
    median: quantile(sorted, 0.5),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/** Half the distance between least and greatest, as a share of the median. */
export function spread({ median, min, max }) {
  return median === 0 ? 0 : (max - min) / 2 / median;
}

/**
 * Percentiles of many latencies.
 *
 * @param {Float64Array} samples - Sorted in place.
 */
export function percentiles(samples) {
  samples.sort();
  return {
    p50: quantile(samples, 0.5),
    p99: quantile(samples, 0.99),
    max: samples.at(-1) ?? Number.NaN,
  };
}

/**
 * The goodput that TCP Reno reaches at random loss, by Mathis et al. (1997), bytes per second.
 *
 * @param {{ mss: number, rttMs: number, loss: number }} link
 */
export function mathis({ mss, rttMs, loss }) {
  return ((mss / (rttMs / 1000)) * Math.sqrt(3 / 2)) / Math.sqrt(loss);
}
