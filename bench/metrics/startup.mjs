// SPDX-License-Identifier: MIT
// startup - how long createStack() takes: the first of a process, and those after it
//
// params: engine, dist, count. The first one reads and compiles the module; importing the JavaScript is
// part of it.

import { loadBuild, makeStack } from '../lib/hosts.mjs';
import { quantile } from '../lib/stats.mjs';

export default {
  async run({ engine = 'inline', dist, count = 20 }) {
    const options = { engine };
    const start = performance.now();
    const build = await loadBuild(dist);
    // The arena that stacks share goes with the last of them: the first one stays.
    await makeStack(build, options);
    const firstMs = performance.now() - start;
    const times = [];
    for (let i = 0; i < count; i++) {
      const from = performance.now();
      const stack = await makeStack(build, options);
      times.push(performance.now() - from);
      await stack.close();
    }
    return {
      firstMs,
      nextMs: quantile(
        times.sort((a, b) => a - b),
        0.5,
      ),
    };
  },
};
