// SPDX-License-Identifier: MIT
// operations - what programs do: each gives nothing if all went as it must, and throws otherwise

import assert from 'node:assert/strict';
import { content, hashOf, KEEP_ALIVE, readAll, SERVER } from './world.mjs';

const largest = 400_000;
/** Under faults TCP goes on: after so many ms it does not. */
const PATIENCE = 120_000;

const host = (r) => SERVER[r(2) ? 4 : 6];

/** Connects; what is not done in time fails. */
async function open({ client }, r, port) {
  const signal = AbortSignal.timeout(PATIENCE);
  const connection = await client.connectTcp({
    host: host(r),
    port,
    signal,
    keepAlive: KEEP_ALIVE,
  });
  const abort = () => connection.abort(signal.reason);
  signal.addEventListener('abort', abort);
  connection.closed.catch(() => {}).finally(() => signal.removeEventListener('abort', abort));
  return connection;
}

/** Writes in pieces of random sizes. */
async function write(connection, bytes, r) {
  const writer = connection.writable.getWriter();
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + r(2 ** (1 + r(17)));
    await writer.write(bytes.subarray(at, end));
    at = end;
  }
  return writer;
}

/** The peer resets, or we do: any code may come, and nothing else. */
const CODES = [
  'ECONNRESET',
  'ECONNABORTED',
  'ESHUTDOWN',
  'ETIMEDOUT',
  'EPIPE',
  'ABORT_ERR',
  'EBADF',
];
function mayEnd(error) {
  const isKnown =
    CODES.includes(error?.code) || error?.name === 'AbortError' || error?.message === 'soak';
  if (!isKnown) throw error;
}

export const OPERATIONS = {
  /** Sends, ends its side, and reads the hash after that: a half close. */
  async upload(world, r) {
    const bytes = content(r(2 ** 32), r(largest));
    const connection = await open(world, r, 80);
    const writer = await write(connection, bytes, r);
    await writer.close();
    assert.ok((await readAll(connection)).equals(hashOf(bytes)));
    await connection.closed;
  },
  async download(world, r) {
    const [seed, length] = [r(2 ** 32), r(largest)];
    const request = new DataView(new ArrayBuffer(8));
    request.setUint32(0, seed);
    request.setUint32(4, length);
    const connection = await open(world, r, 81);
    const writer = connection.writable.getWriter();
    await writer.write(new Uint8Array(request.buffer));
    assert.ok(hashOf(await readAll(connection)).equals(hashOf(content(seed, length))));
    await writer.close();
    await connection.closed;
  },
  async echo(world, r) {
    const bytes = content(r(2 ** 32), r(largest));
    const connection = await open(world, r, 82);
    const [writer, back] = [write(connection, bytes, r), readAll(connection)];
    await (await writer).close();
    assert.ok(hashOf(await back).equals(hashOf(bytes)));
    await connection.closed;
  },
  /** Ends in the middle, by one of the ways there are. */
  async abort(world, r) {
    const connection = await open(world, r, 82);
    connection.closed.catch(() => {});
    const reader = connection.readable.getReader();
    const writing = write(connection, content(1, 1 + r(largest)), r).catch(mayEnd);
    if (r(2)) await reader.read().catch(mayEnd);
    const ways = [
      () => connection.abort(new Error('soak')),
      () => reader.cancel(new Error('soak')),
      () => connection.close(),
    ];
    await Promise.resolve(ways[r(3)]()).catch(mayEnd);
    await writing;
    connection.abort();
  },
  async refused({ client }, r) {
    await assert.rejects(client.connectTcp({ host: host(r), port: 9 }), { code: 'ECONNREFUSED' });
  },
  async givenUp(world, r) {
    const signal = AbortSignal.timeout(r(5));
    const opening = world.client.connectTcp({ host: host(r), port: 80, signal });
    const connection = await opening.catch((error) => {
      assert.match(error.name, /TimeoutError|NetError|AbortError/);
    });
    connection?.abort();
  },
  /** Each datagram that comes back is one that was sent; some may be lost. */
  async datagrams(world, r) {
    const socket = await world.client.openUdp();
    const sent = new Map();
    const [to, count] = [host(r), 1 + r(40)];
    const reading = (async () => {
      for await (const { data } of socket.readable) {
        const number = new DataView(data.buffer, data.byteOffset).getUint32(0);
        assert.deepEqual(Buffer.from(data), Buffer.from(sent.get(number)), `datagram ${number}`);
      }
    })();
    for (let i = 0; i < count; i++) {
      const bytes = content(r(2 ** 32), 4 + r(3000));
      new DataView(bytes.buffer).setUint32(0, i);
      sent.set(i, bytes);
      await socket.send(bytes, { host: to, port: 7 });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    await socket.close();
    await reading;
  },
  async interfaces({ server }, r, number) {
    const base = 16 + (number % 200);
    const tun = await server.createTunInterface({
      ip: [`10.1.${base}.1/24`, `fd01::${base}:1/120`],
    });
    const listener = await server.listenTcp({ host: `10.1.${base}.1`, port: 90 });
    const connecting = server.connectTcp({ host: `10.1.${base}.1`, port: 90 });
    const [near, far] = await Promise.all([connecting, listener.accept()]);
    near.closed.catch(() => {});
    far.closed.catch(() => {});
    if (r(2)) await tun.addAddress(`fd02::${base}:2/120`);
    await server.removeInterface(tun);
    near.abort();
    far.abort();
    await listener.close();
  },
  async listeners({ server, client }, r, number) {
    const port = 20_000 + (number % 1000);
    const listener = await server.listenTcp({ port });
    const accepting = listener.accept();
    accepting.catch(() => {});
    const signal = AbortSignal.timeout(PATIENCE);
    const near = await client.connectTcp({ host: host(r), port, signal, keepAlive: KEEP_ALIVE });
    // A corrupt answer of ARP may cut off the server for so long that it gives the handshake up; near learns by its probes.
    const gone = near.closed.then(
      () => undefined,
      () => undefined,
    );
    const far = await Promise.race([accepting, gone]);
    if (far) await Promise.all([near.close(), far.close()]);
    await listener.close();
  },
};
