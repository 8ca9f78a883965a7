// SPDX-License-Identifier: MIT
// timed - runs a step over and over on one thread: warm-up, then the timed part

/** Bytes between two looks at the clock. */
const GRAIN = 1024 * 1024;

/**
 * Repeats a step that returns the bytes it moved; `whole` tells it to check every byte.
 *
 * @param {(whole: boolean) => number} step
 * @param {{ warm: number, timed: number }} limits - ms.
 * @returns {{ bytes: number, steps: number, ms: number }} Of the timed part.
 */
export function repeat(step, { warm, timed }) {
  const run = (limit, whole) => {
    const start = performance.now();
    let bytes = 0;
    let steps = 0;
    let ms = 0;
    for (let next = GRAIN; ms < limit; next += GRAIN) {
      for (; bytes < next; steps++) bytes += step(whole);
      ms = performance.now() - start;
    }
    return { bytes, steps, ms };
  };
  run(warm, true);
  return run(timed, false);
}

/** Gbit/s of what repeat() returned. */
export const gbps = ({ bytes, ms }) => (bytes * 8) / ms / 1e6;
