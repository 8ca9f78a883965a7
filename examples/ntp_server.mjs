// SPDX-License-Identifier: MIT
// ntp_server - tells the time: a server of NTP (RFC 5905) on a stack, for clients such as chrony and ntpdate
//
// usage: node examples/ntp_server.mjs      (a client on another stack asks), or import { serveNtp } from it
// @ts-check
import { createStack } from 'ringstack';

/** Seconds from 1900, where NTP begins, to 1970. */
const EPOCH = 2_208_988_800;
const LENGTH = 48;
const CLIENT = 3;
const SERVER = 4;
const now = () => performance.timeOrigin + performance.now();

/**
 * Answers every client until the socket closes.
 *
 * @param {import('ringstack').UdpSocket} socket - On port 123.
 * @param {() => number} [clock] - The time, ms since 1970.
 */
export async function serveNtp(socket, clock = now) {
  for await (const datagram of socket) {
    const received = clock();
    const request = datagram.data;
    if (request.length < LENGTH || ((request[0] ?? 0) & 7) !== CLIENT) continue;
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    // The client's version; stratum 1, its poll interval, a precision of 2^-10 s, a clock of our own.
    data.set([((request[0] ?? 0) & 0x38) | SERVER, 1, request[2] ?? 0, 0xf6]);
    data.set(new TextEncoder().encode('LOCL'), 12);
    writeTime(view, 16, received);
    data.set(request.subarray(40, 48), 24); // when it asked, by its own clock
    writeTime(view, 32, received);
    writeTime(view, 40, clock());
    await socket.send(data, datagram);
  }
}

/**
 * @param {DataView} view
 * @param {number} at
 * @param {number} ms
 */
function writeTime(view, at, ms) {
  view.setUint32(at, Math.floor(ms / 1000) + EPOCH);
  view.setUint32(at + 4, ((ms % 1000) / 1000) * 2 ** 32);
}

/**
 * @param {DataView} view
 * @param {number} at
 */
const readTime = (view, at) =>
  (view.getUint32(at) - EPOCH + view.getUint32(at + 4) / 2 ** 32) * 1000;

/** One stack asks another, whose clock is an hour ahead. */
async function demo() {
  const stack = await createStack();
  void serveNtp(await stack.openUdp({ port: 123 }), () => now() + 3_600_000);
  const client = await stack.openUdp({ remote: { host: '127.0.0.1', port: 123 } });
  const request = new Uint8Array(LENGTH);
  const sent = now();
  request[0] = (4 << 3) | CLIENT;
  writeTime(new DataView(request.buffer), 40, sent);
  await client.send(request);
  const { data } = await client.receive();
  const view = new DataView(data.buffer, data.byteOffset);
  const offset = (readTime(view, 32) + readTime(view, 40) - sent - now()) / 2;
  console.log(`the server is ${Math.round(offset / 60_000)} minutes ahead`);
  await stack.close();
}

// Imported, it only has serveNtp().
if (globalThis.process?.argv[1]?.endsWith('ntp_server.mjs')) await demo();
