// SPDX-License-Identifier: MIT
// through - one TCP flow between two stacks: by a wire, or through a bridge or a router between them
//
// params: via ('wire', 'bridge', 'router'), warm, timed. One thread, MTU 1500, no segment above it, ring level.

import { loadBuild } from '../lib/hosts.mjs';

const plug = (one, other) => {
  one.readable.pipeTo(other.writable).catch(() => {});
  other.readable.pipeTo(one.writable).catch(() => {});
};
const LARGE = { largeSend: false };

const WAYS = {
  async wire([a, b]) {
    const tap = await a.createTapInterface({ ip: '10.0.0.2/24', ...LARGE });
    plug(tap, await b.createTapInterface({ ip: '10.0.0.3/24', ...LARGE }));
    return '10.0.0.3';
  },
  async bridge([a, b, between]) {
    const bridge = await between.createBridgeInterface();
    await bridge.addPort(await a.createTapInterface({ ip: '10.0.0.2/24', ...LARGE }));
    await bridge.addPort(await b.createTapInterface({ ip: '10.0.0.3/24', ...LARGE }));
    return '10.0.0.3';
  },
  async router([a, b, between]) {
    for (const [n, stack] of [a, b].entries()) {
      const gateway = `10.0.${n}.1`;
      const near = await between.createTapInterface({ ip: `${gateway}/24`, ...LARGE });
      await near.setForwarding(true);
      plug(near, await stack.createTapInterface({ ip: `10.0.${n}.3/24`, gateway, ...LARGE }));
    }
    return '10.0.1.3';
  },
};

export default {
  async run({ via, dist, warm, timed }) {
    const { createArena, createStack } = await loadBuild(dist);
    const arena = await createArena();
    const stacks = [];
    for (let n = 0; n < 3; n++) stacks.push(await createStack({ engine: 'inline', arena }));
    const host = await WAYS[via](stacks);
    const listener = await stacks[1].listenTcp({ port: 5001 });
    const client = await stacks[0].connectTcp({ host, port: 5001 });
    const server = await listener.accept();
    const writer = client.getRingWriter();
    const reader = server.getRingReader();
    const content = new Uint8Array(64 * 1024).map((_, n) => n * 31);
    let bytes = 0;
    let isOver = false;
    const send = async () => {
      while (!isOver) {
        await writer.ready();
        const room = writer.reserve(content.length);
        room.set(content.subarray(0, room.length));
        writer.submit(room.length);
      }
    };
    const receive = async () => {
      while (!isOver && (await reader.ready())) {
        const { length } = reader.peek();
        bytes += length;
        reader.release(length);
      }
    };
    // Both end with their stack.
    const ends = Promise.allSettled([send(), receive()]);
    await new Promise((resolve) => setTimeout(resolve, warm));
    const [from, start, cpu] = [bytes, performance.now(), process.cpuUsage()];
    await new Promise((resolve) => setTimeout(resolve, timed));
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    const moved = bytes - from;
    isOver = true;
    for (const stack of stacks) await stack.close();
    await ends;
    return { gbps: (moved * 8) / ms / 1e6, cpuSPerGB: (user + system) / 1e6 / (moved / 1e9) };
  },
};
