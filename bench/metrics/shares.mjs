// SPDX-License-Identifier: MIT
// shares - how much of a port each of many others gets, when all of them fill their rings with frames for it
//
// params: as those of the metric `frames`

import { loadBuild } from '../lib/hosts.mjs';
import { turn, WAYS } from './frames.mjs';

export default {
  async run({ via, size, ports, dist, warm, timed }) {
    const { createStack } = await loadBuild(dist);
    const stack = await createStack({ engine: 'inline', initializeLoopback: false });
    const { ifaces, make, senderOf } = await WAYS[via](stack, ports);
    const writers = ifaces.map((iface) => iface.getRingWriter());
    const readers = ifaces.map((iface) => iface.getRingReader());
    const give = (n, frame) => {
      const room = writers[n].reserve(size);
      if (!room) return false;
      room.set(frame);
      return writers[n].submit() || true;
    };
    const takeAll = (count) => {
      for (const reader of readers) {
        for (let data = reader.peek(); data; data = reader.peek()) {
          if (data.length === size) count(senderOf(data));
          reader.release();
        }
      }
    };
    for (let n = 0; n < ports; n++) give(n, make(n, (n + 1) % ports, size)); // addresses are learned
    await turn();
    takeAll(() => {});
    const frames = ifaces.map((_, n) => make(n, 0, size));
    // Whole rounds, so that each has been the first one as often as the others.
    const run = async (limit, rounds, count) => {
      const start = performance.now();
      while (performance.now() - start < limit || rounds > 0) {
        for (let left = ports - 1; left > 0; left--) {
          for (let n = 1; n < ports; n++) while (give(n, frames[n]));
          await turn();
          takeAll(count);
        }
        rounds--;
      }
      return performance.now() - start;
    };
    await run(warm, 1, () => {});
    const got = new Array(ports).fill(0);
    const ms = await run(timed, 4, (from) => {
      got[from]++;
    });
    const counts = got.slice(1);
    const all = counts.reduce((sum, count) => sum + count);
    await stack.close();
    return { perS: (all * 1000) / ms, fair: Math.min(...counts) / Math.max(...counts) };
  },
};
