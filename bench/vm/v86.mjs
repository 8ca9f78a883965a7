// SPDX-License-Identifier: MIT
// v86 - Linux in v86 and a stack on one cable: a file by HTTP each way, with its hash, both cards

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createStack } from 'ringstack';
import { connectV86, createV86NetworkStream } from 'ringstack/v86';
import { openGuest } from '../../tools/guest/v86_guest.mjs';

export const title = 'v86: Linux in the emulator, HTTP over one TCP connection, in Node';

/** The ne2k's driver moves two bytes an instruction. */
const CARDS = [
  { type: 'virtio', mtu: 1500, size: 50e6 },
  { type: 'virtio', mtu: 65_520, size: 50e6 },
  { type: 'ne2k', mtu: 1500, size: 5e6 },
];
const [OURS, GUEST] = ['192.168.1.1', '192.168.1.2'];
const MIB = 2 ** 20;
const hashOf = (chunk) => createHash('sha256').update(chunk).digest('hex');

/** A tap on a cable with the guest's card, in one of the two ways. */
async function join(stack, emulator, way) {
  const ip = `${OURS}/24`;
  if (way === 'connectV86') return connectV86(stack, emulator, { ip });
  const card = createV86NetworkStream(emulator);
  const tap = await stack.createTapInterface({ ip, mtu: card.mtu });
  tap.readable.pipeTo(card.writable).catch(() => {});
  card.readable.pipeTo(tap.writable).catch(() => {});
  return tap;
}

/** Answers one request with a chunk, over and over, to `size` bytes. */
async function serve(listener, chunk, size) {
  const connection = await listener.accept();
  const writer = connection.writable.getWriter();
  await writer.write(
    new TextEncoder().encode(`HTTP/1.0 200 OK\r\nContent-Length: ${size}\r\n\r\n`),
  );
  for (let left = size; left > 0; left -= chunk.length) {
    await writer.write(chunk.subarray(0, Math.min(left, chunk.length)));
  }
  await writer.close();
  await connection.close();
}

/** Mbit/s and frames/s of what a transfer has put through the tap. */
async function timed(tap, count, size, transfer) {
  const before = tap.statistics[count];
  const begin = performance.now();
  await transfer();
  const seconds = (performance.now() - begin) / 1000;
  return {
    'Mbit/s': (size * 8) / 1e6 / seconds,
    'frames/s': (tap.statistics[count] - before) / seconds,
  };
}

/** Takes the body of GET /big of the guest; its hash must be the guest's own. */
async function fetchBig(stack, size, wanted) {
  const connection = await stack.connectTcp({ host: GUEST, port: 80 });
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode('GET /big HTTP/1.0\r\n\r\n'));
  const all = new Uint8Array(size + 4096);
  let length = 0;
  for await (const chunk of connection) {
    all.set(chunk, length);
    length += chunk.length;
  }
  await connection.close();
  if (hashOf(all.subarray(length - size, length)) !== wanted) throw new Error('the bytes differ');
}

async function run(serial, command) {
  const { output, status } = await serial.run(command);
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${output}`);
  return output;
}

/** Both directions for one card and one way. */
async function* measure({ type, mtu, size }, way) {
  const { emulator, serial } = await openGuest({ type, mtu });
  const stack = await createStack({ engine: 'inline' });
  try {
    const tap = await join(stack, emulator, way);
    const label = `${type}, MTU ${mtu}, ${way}`;
    await run(
      serial,
      `mount -o remount,size=72m /tmp; for n in $(seq ${Math.ceil(size / MIB)}); do cat /tmp/random; done >/tmp/big;` +
        ` truncate -s ${size} /tmp/big; ln -s /tmp/big /srv/big`,
    );
    const sum = (await run(serial, 'sha256sum /tmp/big')).split(' ')[0];
    const get = () => fetchBig(stack, size, sum);
    yield { label: `${label}, guest to stack`, columns: await timed(tap, 'rxPackets', size, get) };
    await run(serial, 'rm /tmp/big');
    const chunk = Uint8Array.from({ length: MIB }, (_, n) => (n * 31) ^ (n >>> 8));
    const listener = await stack.listenTcp({ port: 80 });
    const put = async () => {
      const serving = serve(listener, chunk, size);
      await run(serial, `wget -q -O /tmp/got http://${OURS}/`);
      await serving;
    };
    yield { label: `${label}, stack to guest`, columns: await timed(tap, 'txPackets', size, put) };
    const sent = new Uint8Array(size);
    for (let at = 0; at < size; at += MIB)
      sent.set(chunk.subarray(0, Math.min(MIB, size - at)), at);
    const got = (await run(serial, 'sha256sum /tmp/got')).split(' ')[0];
    if (got !== hashOf(sent)) throw new Error('the bytes differ');
  } finally {
    await stack.close();
    await emulator.destroy();
  }
}

/** The rows of the table; v86's own figures are beside them, from its project's documentation. */
export async function* rows() {
  yield { label: 'published by v86: guest downloads', columns: { 'Mbit/s': 528 } };
  yield { label: 'published by v86: guest uploads', columns: { 'Mbit/s': 360 } };
  for (const card of CARDS) {
    for (const way of ['connectV86', 'two streams']) yield* measure(card, way);
  }
}

/** Programs that take part, with versions. */
export function versions() {
  const { version } = JSON.parse(
    readFileSync(new URL('../../node_modules/v86/package.json', import.meta.url), 'utf8'),
  );
  return [`v86 ${version}`];
}
