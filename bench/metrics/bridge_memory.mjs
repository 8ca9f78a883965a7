// SPDX-License-Identifier: MIT
// bridge_memory - what an entry of the table of a bridge takes of the arena, and a port of the heap
//
// params: ports, entries. The rings of a port are counted by the metric `frames`.

import { loadBuild } from '../lib/hosts.mjs';

export default {
  async run({ ports, entries, dist }) {
    const { createArena, createStack } = await loadBuild(dist);
    const arena = await createArena();
    const stack = await createStack({ engine: 'inline', arena, initializeLoopback: false });
    const bytesOf = async (maxEntries) => {
      const before = arena.freeBytes;
      const bridge = await stack.createBridgeInterface({ maxEntries });
      const bytes = before - arena.freeBytes;
      await stack.removeInterface(bridge);
      return bytes;
    };
    await bytesOf(entries); // the heap has grown
    const entryBytes = ((await bytesOf(entries)) - (await bytesOf(8))) / (entries - 8);
    const bridge = await stack.createBridgeInterface();
    const before = stack.statistics.heapBytes;
    for (let n = 0; n < ports; n++) await bridge.addPort(await stack.createTapInterface());
    const heapEach = (stack.statistics.heapBytes - before) / ports;
    await stack.close();
    return { entryBytes, heapEach };
  },
};
