// SPDX-License-Identifier: MIT
// block - how long the app's thread is kept from its other work during a bulk transfer
//
// params: as of stream; the client runs on the app's thread. A timer of 1 ms looks at how late it is:
// the longest lateness of the timed phase is what a frame of an animation would have waited.

import { TIMED } from '../lib/meter.mjs';
import { quantile } from '../lib/stats.mjs';
import stream from './stream.mjs';

const PERIOD = 1;

/** Watches the clock while the phase is the timed one. */
function probe(phase) {
  const late = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (Atomics.load(phase, 0) === TIMED) late.push(Math.max(0, now - last - PERIOD));
    last = now;
  }, PERIOD);
  return () => {
    clearInterval(timer);
    // It may have been blocked all the while.
    if (late.length === 0) late.push(performance.now() - last);
    return late.sort((a, b) => a - b);
  };
}

export default {
  server: stream.server,

  async client(host, params, context) {
    const stop = probe(context.phase);
    const result = await stream.client(host, params, context);
    const late = stop();
    return { ...result, longest: late.at(-1), p99: quantile(late, 0.99) };
  },

  merge(results, params) {
    const { gbps } = stream.merge(results, params);
    return { blockMs: results.client.longest, blockP99Ms: results.client.p99, gbps };
  },
};
