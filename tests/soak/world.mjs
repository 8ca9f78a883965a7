// SPDX-License-Identifier: MIT
// world - two stacks, a link with faults between them, and the services that operations use
//
// Services of the server: 80 answers the hash of what it gets, once it has got the end; 81 sends as many bytes as it is
// asked for, then the end; 82 sends back what it gets; UDP port 7 sends datagrams back. Content comes from a seed, so
// each end knows what must arrive.

import { createHash } from 'node:crypto';
import { createArena, createStack } from 'ringstack';
import { createFault } from 'ringstack/fault';
import { connect } from 'ringstack/link';

/** Idle time, ms, after which a side asks whether the other is still there: a reset may be lost. */
export const KEEP_ALIVE = 10_000;

export const SERVER = { 4: '10.0.0.1', 6: 'fd00::1' };

/** Pseudo-random numbers from a seed (mulberry32). */
export function random(from) {
  let state = from >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A stream of bytes that depends on a seed and a position alone. */
export function content(seed, length) {
  const r = random(seed);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 4) {
    const word = r(2 ** 32);
    for (let j = 0; j < 4 && i + j < length; j++) bytes[i + j] = word >>> (8 * j);
  }
  return bytes;
}

export const hashOf = (bytes) => createHash('sha256').update(bytes).digest();

/** All bytes until the end. */
export async function readAll(connection) {
  const chunks = [];
  for await (const chunk of connection.readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const SERVICES = {
  async 80(connection) {
    const writer = connection.writable.getWriter();
    await writer.write(hashOf(await readAll(connection)));
    await writer.close();
  },
  async 81(connection) {
    const reader = connection.readable.getReader();
    const asked = [];
    while (asked.length < 8) {
      const { done, value } = await reader.read();
      if (done) return connection.close();
      asked.push(...value);
    }
    const request = new DataView(Uint8Array.from(asked).buffer);
    const writer = connection.writable.getWriter();
    await writer.write(content(request.getUint32(0), request.getUint32(4)));
    await writer.close();
    reader.releaseLock();
    return connection.readable.pipeTo(new WritableStream());
  },
  82: (connection) => connection.readable.pipeTo(connection.writable),
};

/** Serves a port: clients may end a connection as they like, and the reset may be lost. */
async function serve(stack, port) {
  const listener = await stack.listenTcp({ port: Number(port), keepAlive: KEEP_ALIVE });
  (async () => {
    for await (const connection of listener) {
      SERVICES[port](connection).catch(() => connection.abort());
    }
  })().catch(() => {});
}

async function echoDatagrams(stack) {
  const socket = await stack.openUdp({ port: 7 });
  (async () => {
    for await (const { data, host, port } of socket.readable) {
      await socket.send(data, { host, port }).catch(() => {});
    }
  })().catch(() => {});
}

/** Two stacks of an engine on an arena of their own. */
export async function createWorld(engine, seed) {
  const arena = await createArena({ size: 64 << 20 });
  const options = { arena, engine };
  const [server, client] = [await createStack(options), await createStack(options)];
  const near = await server.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
  const far = await client.createTapInterface({ ip: ['10.0.0.2/24', 'fd00::2/64'] });
  const fault = createFault({ seed });
  const link = connect(near, fault.wrap(far));
  link.closed.catch(() => {});
  await Promise.all(Object.keys(SERVICES).map((port) => serve(server, port)));
  await echoDatagrams(server);
  return { engine, arena, server, client, fault, link };
}
