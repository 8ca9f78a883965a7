// SPDX-License-Identifier: MIT
// datagram_sockets - what many sockets, or many peers of one, cost: a datagram beside them, and their memory
//
// params: sockets (at the receiver), peers (sockets that send), warm, timed (ms), least (datagrams, see datagrams). Datagrams of 64 bytes go from a peer to a
// socket one at a time, both chosen at random (seeded), so that no lookup is spared by having found the same one just before. All are
// read by zero-copy access. `bytesEach` is of sockets with the least buffers, with the first datagram received.

import { cpuCounter } from '../lib/cpu.mjs';
import { Datagrams } from '../lib/datagrams.mjs';
import { seeded } from '../lib/link.mjs';
import { Skip } from '../lib/skip.mjs';

const SIZE = 64;
/** Sockets that are opened at a time. */
const BATCH = 64;
const BUFFER = 2048;

async function openAll(count, stack) {
  const open = () => stack.openUdp({ receiveBuffer: BUFFER, sendBuffer: BUFFER });
  const all = [];
  while (all.length < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - all.length) }, open);
    all.push(...(await Promise.all(batch)));
  }
  return all;
}

/** Reads all that is there; calls `took` for each. */
async function drain(socket, took) {
  const reader = socket.getRingReader();
  while (await reader.ready()) {
    for (let data = reader.peek(); data; data = reader.peek()) {
      took(data);
      reader.release();
    }
  }
}

export default {
  async run({ server, client, arena }, params) {
    if (!arena) throw new Skip('not in this build: createArena()');
    const before = arena.freeBytes;
    const sockets = await openAll(params.sockets, server.stack);
    const opened = before - arena.freeBytes;
    const peers = await openAll(params.peers, client.stack);
    const idle = arena.freeBytes;
    const content = new Datagrams(SIZE);
    const write = content.writes();
    let arrived = () => {};
    for (const socket of sockets) {
      drain(socket, (data) => {
        if (!content.has(data, false)) throw new Error('what arrived is not what was sent');
        arrived();
      }).catch(() => {});
    }
    const writers = peers.map((peer) => peer.getRingWriter());
    const to = sockets.map(({ localPort }) => ({ host: client.peer, port: localPort }));
    const pass = (writer, where) =>
      new Promise((resolve) => {
        arrived = resolve;
        writer.to(where);
        writer.reserve(SIZE)?.set(write());
        writer.submit();
      });
    const random = seeded(7);
    const any = (list) => list[Math.floor(random() * list.length)];
    const run = async (limit) => {
      const start = performance.now();
      const { cpu } = cpuCounter();
      let count = 0;
      for (; count < params.least || performance.now() - start < limit; count++) {
        await pass(any(writers), any(to));
      }
      return {
        nsEach: ((performance.now() - start) * 1e6) / count,
        cpuNsEach: ((cpuCounter().cpu - cpu) * 1e9) / count,
      };
    };
    // The first datagram of each socket makes its ring.
    for (const where of to) await pass(any(writers), where);
    const bytesEach = (opened + idle - arena.freeBytes) / sockets.length;
    await run(params.warm);
    return { ...(await run(params.timed)), bytesEach };
  },
};
