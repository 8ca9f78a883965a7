// SPDX-License-Identifier: MIT
// rings - the rings alone (js/ring.ts), producer and consumer on one thread, copies in and out
//
// params: frame (bytes of a frame; 0: the byte ring, 64 KiB at a time), dist, warm, timed. A build exports no
// rings: they are bundled from the source that lies beside it.

import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle } from 'esbuild';
import { Check, Content } from '../lib/content.mjs';
import { loadBuild } from '../lib/hosts.mjs';
import { Skip } from '../lib/skip.mjs';
import { gbps, repeat } from '../lib/timed.mjs';

const SIZE = 512 * 1024;
const BLOCK = 64 * 1024;
const SEED = 0x5eed;
const OURS = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** The access functions of the rings, and the layout that both sides agree on. */
async function loadRings(dist = OURS) {
  const resolveDir = resolve(dirname(dist), '../js');
  if (!existsSync(`${resolveDir}/ring.ts`)) throw new Skip('no js/ring.ts beside this build');
  const contents = "export * from './ring.ts'; export * from './abi.ts';";
  const { outputFiles } = await bundle({
    stdin: { contents, resolveDir, loader: 'ts' },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  return import(`data:text/javascript;base64,${code}`);
}

/** A header laid out as core/ring.c does, over zeroed storage. */
function layOut(arena, abi) {
  const ring = arena.alloc(abi.RING_LAYOUT_SIZE, 0);
  arena.u8.fill(0, ring, ring + abi.RING_LAYOUT_SIZE);
  arena.view.setUint32(ring + abi.RING_BUF, arena.alloc(SIZE, 0), true);
  arena.view.setUint32(ring + abi.RING_SIZE, SIZE, true);
  return ring;
}

/** Eight blocks into the ring, then all out. */
function byteStep(arena, { ByteProducer, ByteConsumer }, ring) {
  const producer = new ByteProducer(arena, ring);
  const consumer = new ByteConsumer(arena, ring);
  const content = new Content(SEED, BLOCK);
  const next = content.writes();
  const check = new Check(content);
  const target = new Uint8Array(BLOCK);
  return (whole) => {
    for (let free = producer.reserve(BLOCK); free === BLOCK; free = producer.reserve(BLOCK)) {
      arena.copyIn(producer.offset, next(), 0, BLOCK);
      producer.submit(BLOCK);
    }
    let bytes = 0;
    for (let length = consumer.peek(); length > 0; length = consumer.peek()) {
      const step = Math.min(length, BLOCK);
      arena.copyOut(consumer.offset, target, 0, step);
      consumer.release(step);
      check.take(step === BLOCK ? target : target.subarray(0, step), whole);
      bytes += step;
    }
    if (!check.ok) throw new Error('what came out of the ring is not what was put in');
    return bytes;
  };
}

/** As many frames as fit into the ring, then all out. */
function frameStep(arena, { FrameProducer, FrameConsumer }, ring, size) {
  const producer = new FrameProducer(arena, ring);
  const consumer = new FrameConsumer(arena, ring, size);
  const content = new Content(SEED, size);
  const next = content.writes();
  const check = new Check(content);
  const target = new Uint8Array(size);
  return (whole) => {
    while (producer.reserve(size) > 0) {
      arena.copyIn(producer.offset, next(), 0, size);
      producer.submit(size);
    }
    let bytes = 0;
    for (let length = consumer.peek(); length >= 0; length = consumer.peek()) {
      arena.copyOut(consumer.offset, target, 0, length);
      consumer.release();
      check.take(target, whole);
      bytes += length;
    }
    if (!check.ok) throw new Error('what came out of the ring is not what was put in');
    return bytes;
  };
}

export default {
  async run({ frame, dist, warm, timed }) {
    const rings = await loadRings(dist);
    const arena = await (await loadBuild(dist)).createArena();
    const ring = layOut(arena, rings);
    const step = frame ? frameStep(arena, rings, ring, frame) : byteStep(arena, rings, ring);
    const result = repeat(step, { warm, timed });
    const nsPerFrame = frame ? { nsPerPacket: (result.ms * 1e6) / (result.bytes / frame) } : {};
    return { gbps: gbps(result), ...nsPerFrame };
  },
};
