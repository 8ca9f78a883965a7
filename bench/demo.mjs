// SPDX-License-Identifier: MIT
// demo - streams data over TCP between two stacks on a wire, checks every byte, and says how fast
//
// Environment: SIZE (bytes, or 512M, 2G), FILE (send this instead), MTU, READER (default, byob),
// ENGINE (inline, worker), CHECKSUM (on, off), CHUNK (bytes a write). `make demo` passes them on.
//
// The data is cut from a block of random bytes at offsets that a counter chooses, so that no two
// writes are alike; the receiver knows the same places and compares every byte. Of a file, sender and
// receiver keep a CRC-32 each. Time runs from before the connect to after the last byte was read and
// checked and the end of the stream was seen.

import { randomFillSync } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { crc32 } from 'node:zlib';
import { createArena, createStack } from '../dist/index.js';

const { version } = createRequire(import.meta.url)('../package.json');
const env = process.env;
const POOL = 4 * 1024 * 1024;

function fail(message) {
  console.error(`demo: ${message}`);
  process.exit(1);
}

function parseSize(text) {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  if (!match) fail(`SIZE=${text} is not a size such as 512M or 2G`);
  return Number(match[1]) * 1024 ** ' KMG'.indexOf(match[2].toUpperCase() || ' ');
}

function choose(name, values) {
  const value = env[name] || values[0];
  if (!values.includes(value)) fail(`${name}=${value} is none of ${values.join(', ')}`);
  return value;
}

if (!crc32) fail('needs Node 20.15 or newer (zlib.crc32)');
const reader = choose('READER', ['default', 'byob']);
const engine = choose('ENGINE', ['inline', 'worker']);
const checksum = choose('CHECKSUM', ['on', 'off']) === 'on';
const mtu = Number(env.MTU || 1500);
const chunkSize = parseSize(env.CHUNK || '64K');
const file = env.FILE || undefined;
const size = file ? statSync(file).size : parseSize(env.SIZE || '2G');

/** Shows how far the transfer is, on a terminal only. */
function progressBar() {
  if (!process.stderr.isTTY) return { update() {}, clear() {} };
  let last = 0;
  return {
    update(done) {
      const now = performance.now();
      if (now - last < 100) return;
      last = now;
      const part = size ? done / size : 1;
      const bar = '#'.repeat(Math.round(part * 40)).padEnd(40, '.');
      process.stderr.write(`\r[${bar}] ${Math.round(part * 100)} %`);
    },
    clear: () => process.stderr.write('\r\x1b[K'),
  };
}

/** Random bytes, the same for sender and receiver: write n is pool[place(n)] and what follows. */
const pool = file ? Buffer.alloc(0) : randomFillSync(Buffer.alloc(POOL + chunkSize));
const place = (n) => ((n * 2654435761) % POOL) & ~7;

/** The data to send. */
async function* content() {
  if (file) {
    yield* createReadStream(file, { highWaterMark: chunkSize });
    return;
  }
  for (let done = 0, n = 0; done < size; done += chunkSize, n++) {
    yield pool.subarray(place(n), place(n) + Math.min(chunkSize, size - done));
  }
}

/** Compares what arrives with what random bytes were sent. */
function randomCheck() {
  let bytes = 0;
  let same = true;
  return {
    take(chunk) {
      const got = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      for (let at = 0; at < got.length; ) {
        const inWrite = bytes % chunkSize;
        const length = Math.min(got.length - at, chunkSize - inWrite);
        const from = place((bytes - inWrite) / chunkSize) + inWrite;
        same &&= got.compare(pool, from, from + length, at, at + length) === 0;
        at += length;
        bytes += length;
      }
    },
    result: () => ({ bytes, same, how: 'every byte compared' }),
  };
}

/** Keeps the CRC of a file that arrives, to be compared with the sender's. */
function fileCheck() {
  let bytes = 0;
  let crc = 0;
  return {
    take(chunk) {
      crc = crc32(chunk, crc);
      bytes += chunk.length;
    },
    result: (sent) => ({ bytes, same: crc === sent, how: `CRC-32 ${crc.toString(16)}` }),
  };
}

/** Sends everything; returns the CRC of a file. */
async function send(connection) {
  let crc = 0;
  const writer = connection.writable.getWriter();
  for await (const chunk of content()) {
    if (file) crc = crc32(chunk, crc);
    await writer.write(chunk);
  }
  await writer.close();
  return crc;
}

/** Reads to the end. */
async function receive(connection, bar, check) {
  let bytes = 0;
  const take = (chunk) => {
    check.take(chunk);
    bytes += chunk.length;
    bar.update(bytes);
  };
  if (reader === 'byob') {
    const byob = connection.readable.getReader({ mode: 'byob' });
    for (let buffer = new ArrayBuffer(256 * 1024); ; ) {
      const { done, value } = await byob.read(new Uint8Array(buffer));
      if (done) break;
      take(value);
      buffer = value.buffer;
    }
  } else {
    const plain = connection.readable.getReader();
    for (;;) {
      const { done, value } = await plain.read();
      if (done) break;
      take(value);
    }
  }
}

const arena = await createArena();
const [a, b] = await Promise.all([createStack({ arena, engine }), createStack({ arena, engine })]);
const tapA = await a.createTapInterface({ ip: '10.0.0.1/24', mtu, checksum });
const tapB = await b.createTapInterface({ ip: '10.0.0.2/24', mtu, checksum });
tapA.readable.pipeTo(tapB.writable);
tapB.readable.pipeTo(tapA.writable);
const listener = await b.listenTcp({ port: 80 });

const bar = progressBar();
const copiedBefore = arena.bytesCopied + a.statistics.bytesCopied + b.statistics.bytesCopied;
const start = performance.now();
const connection = await a.connectTcp({ host: '10.0.0.2', port: 80 });
const peer = await listener.accept();
const check = file ? fileCheck() : randomCheck();
const [crc] = await Promise.all([send(connection), receive(peer, bar, check)]);
const ms = performance.now() - start;
const { bytes, same, how } = check.result(crc);
bar.clear();

const copied =
  arena.bytesCopied + a.statistics.bytesCopied + b.statistics.bytesCopied - copiedBefore;
const packets = tapA.statistics.txPackets + tapB.statistics.txPackets;
const drops = [tapA, tapB].map(({ statistics: s }) => s.dropped + s.lost + s.invalid);
const rexmit = a.statistics.tcpRetransmits + b.statistics.tcpRetransmits;
const peak = process.resourceUsage().maxRSS / 1024;
// Before the wire was plugged, each tap announced its address to nobody.
const announced = [tapA, tapB].map(({ statistics }) => statistics.dropped);
await peer.close();
await a.close();
await b.close();

const ok = bytes === size && same;
console.log(`${ok ? 'ok' : 'MISMATCH'}: ${bytes} of ${size} bytes, ${how}

throughput       ${((size * 8) / ms / 1e6).toFixed(2)} Gbit/s (${(ms / 1000).toFixed(2)} s)
packets          ${packets} (${((ms * 1e6) / packets).toFixed(0)} ns each, both stacks and both streams together)
copies per byte  ${(copied / size).toFixed(2)}
drops            ${drops[0] + drops[1] - announced[0] - announced[1]}
retransmissions  ${rexmit}
peak memory      ${peak.toFixed(0)} MiB
MTU              ${mtu}
checksums        ${checksum ? 'computed and verified' : 'off'}
streams          ${chunkSize} B a write, ${reader} reader
engine           ${engine}
versions         ringstack ${version}, lwIP 2.2.1, Node ${process.versions.node}, V8 ${process.versions.v8}
CPU              ${cpus()[0]?.model ?? 'unknown'}`);
process.exitCode = ok ? 0 : 1;
