// SPDX-License-Identifier: MIT
// way_out - TCP to a server of node:net on the same thread: by node:net, or by a stack whose gateway goes out by node()
//
// params: via ('node', 'gateway'), connects (connections one after the other, else one stream), warm, timed (ms).

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { loadBuild } from '../lib/hosts.mjs';

const HOST = '127.0.0.1';
/** The address that the guest asks for; the way out goes to this computer. */
const FAR = '9.9.9.9';
const CHUNK = 64 * 1024;

/** A client by node:net. */
const byNode = (port) => ({
  async connect() {
    const socket = connect({ port, host: HOST, noDelay: true });
    await once(socket, 'connect');
    return {
      write: async (chunk) => {
        // 'drain' comes before the event loop has gone round: the server would never read.
        if (!socket.write(chunk)) await new Promise(setImmediate);
      },
      abort: () => socket.destroy(),
    };
  },
  close: async () => {},
});

/** A client on a stack behind a gateway. */
async function byGateway(port, dist) {
  const [{ createStack }, { createGateway, node }] = [
    await loadBuild(dist),
    await import('../../dist/gateway/gateway.js'),
  ];
  const [guest, inside] = [
    await createStack({ engine: 'inline' }),
    await createStack({ engine: 'inline' }),
  ];
  const lan = await inside.createTapInterface({ ip: '10.0.0.1/24' });
  const card = await guest.createTapInterface({ ip: '10.0.0.2/24', gateway: '10.0.0.1' });
  lan.readable.pipeTo(card.writable).catch(() => {});
  card.readable.pipeTo(lan.writable).catch(() => {});
  const out = node();
  const tcp = () => out.connect({ host: HOST, port });
  const gateway = await createGateway(lan, { tcp, limits: { flowsPerSource: 65_535 } });
  return {
    async connect() {
      const connection = await guest.connectTcp({ host: FAR, port: 80 });
      const writer = connection.writable.getWriter();
      writer.closed.catch(() => {});
      return {
        write: async (chunk) => {
          await writer.ready;
          writer.write(chunk.slice()).catch(() => {});
        },
        abort: () => connection.abort(),
      };
    },
    async close() {
      await gateway.close();
      for (const stack of [guest, inside]) await stack.close();
    },
  };
}

/** Connections that are opened and reset, one after the other. */
async function connects(client, { warm, timed }) {
  const start = performance.now();
  let [from, count] = [start, 0];
  for (let now = start; now < start + warm + timed || count === 0; ) {
    const connection = await client.connect();
    connection.abort();
    now = performance.now();
    if (now - start < warm) from = now;
    else count++;
  }
  return { perS: (count / (performance.now() - from)) * 1000 };
}

async function stream(client, received, { warm, timed }) {
  const connection = await client.connect();
  const chunk = new Uint8Array(CHUNK).map((_, n) => n * 31);
  let isOver = false;
  const sending = (async () => {
    while (!isOver) await connection.write(chunk);
  })().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, warm));
  const [from, start, cpu] = [received(), performance.now(), process.cpuUsage()];
  await new Promise((resolve) => setTimeout(resolve, timed));
  const [bytes, ms] = [received() - from, performance.now() - start];
  const { user, system } = process.cpuUsage(cpu);
  isOver = true;
  connection.abort();
  await sending;
  return { gbps: (bytes * 8) / ms / 1e6, cpuSPerGB: (user + system) / 1e6 / (bytes / 1e9) };
}

export default {
  async run({ via, dist, ...params }) {
    let bytes = 0;
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => {
        bytes += data.length;
      });
    });
    server.listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address();
    const client = via === 'node' ? byNode(port) : await byGateway(port, dist);
    try {
      return params.connects
        ? await connects(client, params)
        : await stream(client, () => bytes, params);
    } finally {
      await client.close();
      server.close();
    }
  },
};
