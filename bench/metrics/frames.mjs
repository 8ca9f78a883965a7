// SPDX-License-Identifier: MIT
// frames - frames from port to port of a bridge, or packets from interface to interface of a router, at the ring level
//
// params: via ('bridge', 'router'), size (bytes of a frame), ports, warm, timed. One thread: in turns, every port is given
// its share of frames for the next port, and all are read. A router's interfaces are tuns.

import { loadBuild } from '../lib/hosts.mjs';

/** Frames that are given in a turn, all ports together. */
const TURN = 128;

export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A frame from one port to another. */
function frameOf(from, to, size) {
  const frame = new Uint8Array(size).fill(from + 1);
  frame.set([2, 0, 0, 0, 1, to, 2, 0, 0, 0, 1, from, 0x88, 0xb6]);
  return frame;
}

/** An IPv4 packet from the host of one interface to that of another. */
function packetOf(from, to, size) {
  const packet = new Uint8Array(size);
  packet.set([0x45, 0, size >>> 8, size & 255, 0, 0, 0, 0, 64, 17, 0, 0]);
  packet.set([10, 0, from, 2, 10, 0, to, 2], 12);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (packet[at] << 8) | packet[at + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.set([(~sum >>> 8) & 255, ~sum & 255], 10);
  return packet;
}

/** Makes ports or interfaces; `make` gives a frame from one to another, `senderOf` says which one a frame is from. */
export const WAYS = {
  async bridge(stack, count) {
    const taps = [];
    for (let n = 0; n < count; n++) taps.push(await stack.createTapInterface());
    await stack.createBridgeInterface({ ports: taps, stormLimit: 1_000_000 });
    return { ifaces: taps, make: frameOf, senderOf: (frame) => frame[11] };
  },
  async router(stack, count) {
    const tuns = [];
    for (let n = 0; n < count; n++) {
      const tun = await stack.createTunInterface({ ip: `10.0.${n}.1/24` });
      await tun.setForwarding(true);
      tuns.push(tun);
    }
    return { ifaces: tuns, make: packetOf, senderOf: (packet) => packet[14] };
  },
};

export default {
  async run({ via, size, ports, dist, warm, timed }) {
    const { createArena, createStack } = await loadBuild(dist);
    const arena = await createArena();
    const stack = await createStack({ engine: 'inline', arena, initializeLoopback: false });
    const before = arena.freeBytes;
    const { ifaces, make } = await WAYS[via](stack, ports);
    const bytesEach = (before - arena.freeBytes) / ports;
    const ends = ifaces.map((iface, n) => ({
      writer: iface.getRingWriter(),
      reader: iface.getRingReader(),
      frame: make(n, (n + 1) % ports, size),
      got: 0,
    }));
    const give = (end) => {
      const room = end.writer.reserve(size);
      if (!room) return;
      room.set(end.frame);
      end.writer.submit();
    };
    const take = (end) => {
      for (let data = end.reader.peek(); data; data = end.reader.peek()) {
        if (data.length === size) end.got++;
        end.reader.release();
      }
    };
    const run = async (limit) => {
      for (const end of ends) end.got = 0;
      const start = performance.now();
      while (performance.now() - start < limit) {
        for (const end of ends) for (let n = 0; n < TURN / ports; n++) give(end);
        await turn();
        for (const end of ends) take(end);
      }
      return performance.now() - start;
    };
    for (const end of ends) give(end); // addresses are learned
    await turn();
    await run(warm);
    const cpu = process.cpuUsage();
    const ms = await run(timed);
    const { user, system } = process.cpuUsage(cpu);
    const counts = ends.map(({ got }) => got);
    const all = counts.reduce((sum, got) => sum + got);
    await stack.close();
    return {
      perS: (all * 1000) / ms,
      gbps: (all * size * 8) / ms / 1e6,
      cpuNsEach: ((user + system) * 1000) / all,
      fair: Math.min(...counts) / Math.max(...counts),
      bytesEach,
    };
  },
};
