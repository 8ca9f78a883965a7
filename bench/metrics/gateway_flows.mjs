// SPDX-License-Identifier: MIT
// gateway_flows - flows of a gateway that are open at once: what each takes, and what is left behind them
//
// params: count. The way out is a stack as well, in an arena of its own: the flows' memory is that of the gateway's stack.

import { loadBuild } from '../lib/hosts.mjs';

const FAR = '9.9.9.9';
const ARENA = 512 * 2 ** 20;

const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

async function settled(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

export default {
  async run({ count, dist }) {
    const { createArena, createStack } = await loadBuild(dist);
    const { createGateway } = await import('../../dist/gateway/gateway.js');
    const options = { size: ARENA };
    const arenas = [
      await createArena(options),
      await createArena(options),
      await createArena(options),
    ];
    const stacks = [];
    // The far stack has both ends of its connections.
    const maxSockets = 2 * count + 64;
    for (const arena of arenas)
      stacks.push(await createStack({ engine: 'inline', arena, maxSockets }));
    const [guest, inside, outside] = stacks;
    const lan = await inside.createTapInterface({ ip: '10.0.0.1/24' });
    const card = await guest.createTapInterface({ ip: '10.0.0.2/24', gateway: '10.0.0.1' });
    lan.readable.pipeTo(card.writable).catch(() => {});
    card.readable.pipeTo(lan.writable).catch(() => {});
    const listener = await outside.listenTcp({ port: 80 });
    const far = [];
    const accepting = (async () => {
      for await (const connection of listener) far.push(connection);
    })();
    const gateway = await createGateway(lan, {
      tcp: () => outside.connectTcp({ host: '127.0.0.1', port: 80 }),
      limits: { flows: count, flowsPerSource: count },
    });
    const used = () => ARENA - arenas[1].freeBytes;
    const [arenaBefore, heapBefore, start] = [used(), heap(), performance.now()];
    const near = [];
    while (near.length < count) {
      const open = Array.from({ length: Math.min(100, count - near.length) }, () =>
        guest.connectTcp({ host: FAR, port: 80 }),
      );
      near.push(...(await Promise.all(open)));
    }
    await settled(() => gateway.statistics.tcpFlows === count && far.length === count);
    const perS = (count / (performance.now() - start)) * 1000;
    const arenaEach = (used() - arenaBefore) / count;
    // Of all three stacks, and of the program's own lists.
    const heapEach = (heap() - heapBefore) / count;
    for (const connection of near) connection.abort();
    await settled(() => gateway.statistics.tcpFlows === 0);
    const left = gateway.statistics.tcpFlows + [...gateway.flows()].length;
    await gateway.close();
    for (const stack of stacks) await stack.close();
    await accepting.catch(() => {});
    return { perS, arenaEach, heapEach, left };
  },
};
