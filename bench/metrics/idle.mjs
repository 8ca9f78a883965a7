// SPDX-License-Identifier: MIT
// idle - what open connections cost: their memory, and the work for each packet beside them
//
// params: open (connections), warm, timed, tail; kind (of the stream). All but one are idle in the first
// part, a stream on the last. In the second part messages of 64 bytes and their answers go over
// connections chosen at random (seeded) among all, so that no lookup is spared by having found the
// same one just before.

import { seeded } from '../lib/link.mjs';
import { PHASE_WORDS } from '../lib/meter.mjs';
import { Skip } from '../lib/skip.mjs';
import { messages } from '../lib/workloads.mjs';
import stream from './stream.mjs';

const BATCH = 256;
const SIZE = 64;

/** Opens connections; returns both ends of each. */
async function openAll(fixture, listener, count) {
  const ends = [];
  while (ends.length < count) {
    const batch = Math.min(BATCH, count - ends.length);
    const clients = Array.from({ length: batch }, () => fixture.client.connect(listener.port));
    for (let i = 0; i < batch; i++) ends.push({ server: await listener.accept() });
    for (const [i, client] of (await Promise.all(clients)).entries()) {
      ends[ends.length - batch + i].client = client;
    }
  }
  return ends;
}

const answer = async (ends) => {
  const response = new Uint8Array(SIZE);
  while (await ends.read()) ends.write(response);
};

/** Nanoseconds a packet of requests and responses on connections chosen at random. */
async function randomNs(fixture, ends, { warm, timed }) {
  const packets = () => fixture.client.counters().packets + fixture.server.counters().packets;
  for (const end of ends) answer(messages('default', end.server, SIZE));
  const clients = ends.map((end) => messages('default', end.client, SIZE));
  const random = seeded(7);
  const request = new Uint8Array(SIZE);
  const run = async (limit) => {
    const start = performance.now();
    const before = packets();
    let count = 0;
    while (performance.now() - start < limit) {
      const client = clients[Math.floor(random() * clients.length)];
      client.write(request);
      await client.read();
      count++;
    }
    const ns = (performance.now() - start) * 1e6;
    return { packet: ns / (packets() - before), exchange: ns / count };
  };
  // Objects that a stream creates on first use are not part of the cost of a connection.
  for (const client of clients) {
    client.write(request);
    await client.read();
  }
  await run(warm);
  return run(timed);
}

/** A fixture whose server listens already. */
const listening = (server, listener) => ({ ...server, listen: async () => listener });

export default {
  async run(fixture, params) {
    if (!fixture.arena) throw new Skip('not in this build: createArena()');
    const listener = await fixture.server.listen();
    const before = fixture.arena.freeBytes;
    const ends = await openAll(fixture, listener, params.open);
    const bytes = (before - fixture.arena.freeBytes) / params.open;
    const phase = new Int32Array(new SharedArrayBuffer(4 * PHASE_WORDS));
    const flow = { ...params, flows: 1 };
    const server = stream.server(listening(fixture.server, listener), flow, { phase, ready() {} });
    const client = stream.client(fixture.client, flow, { phase, port: listener.port });
    const [clientResult, serverResult] = await Promise.all([client, server]);
    const { nsPerPacket } = stream.merge({ client: clientResult, server: serverResult }, flow);
    const random = await randomNs(fixture, ends, params);
    return {
      bytesPerConnection: bytes,
      nsPerPacket,
      randomNsPerPacket: random.packet,
      randomUsPerExchange: random.exchange / 1000,
    };
  },
};
