// SPDX-License-Identifier: MIT
// demo - streams data over TCP between two stacks on a wire, checks every byte, and says how fast
//
// Environment: SIZE (bytes, or 512M, 2G), FILE (send this instead), MTU, READER (default, byob),
// ENGINE (inline), CHECKSUM (on, off), CHUNK (bytes a write). `make demo` passes them on.
//
// What is sent is cut from a block of random bytes at places that a counter chooses, so that no two
// writes are alike; the sender and the receiver each keep a CRC-32 of their whole stream. Time runs
// from before the connect to after the last byte was read and the end of the stream was seen; the
// CRCs are part of it.

import { randomFillSync } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { Readable } from 'node:stream';
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
const engine = choose('ENGINE', ['inline']);
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

/** What is sent: the file, or random bytes. */
async function* content() {
  if (file) {
    yield* Readable.toWeb(createReadStream(file, { highWaterMark: chunkSize }));
    return;
  }
  const pool = new Uint8Array(POOL + chunkSize);
  randomFillSync(pool);
  for (let done = 0, turn = 1; done < size; done += chunkSize, turn++) {
    const at = (turn * 2654435761) % POOL & ~7;
    yield pool.subarray(at, at + Math.min(chunkSize, size - done));
  }
}

async function send(connection) {
  let crc = 0;
  const writer = connection.writable.getWriter();
  for await (const chunk of content()) {
    crc = crc32(chunk, crc);
    await writer.write(chunk);
  }
  await writer.close();
  return crc;
}

async function receive(connection, bar) {
  let crc = 0;
  let bytes = 0;
  const take = (chunk) => {
    crc = crc32(chunk, crc);
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
  return { crc, bytes };
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
const [sent, received] = await Promise.all([send(connection), receive(peer, bar)]);
const ms = performance.now() - start;
bar.clear();

const copied = arena.bytesCopied + a.statistics.bytesCopied + b.statistics.bytesCopied - copiedBefore;
const packets = tapA.statistics.txPackets + tapB.statistics.txPackets;
const drops = [tapA, tapB].map(({ statistics: s }) => s.dropped + s.lost + s.invalid);
const rexmit = a.statistics.tcpRetransmits + b.statistics.tcpRetransmits;
const peak = process.resourceUsage().maxRSS / 1024;
// Before the wire was plugged, each tap announced its address to nobody.
const announced = [tapA, tapB].map(({ statistics }) => statistics.dropped);
await peer.close();
await a.close();
await b.close();

const ok = received.bytes === size && received.crc === sent;
console.log(`${ok ? 'ok' : 'MISMATCH'}: ${received.bytes} of ${size} bytes, CRC-32 ${received.crc.toString(16)}, sent ${sent.toString(16)}

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
