// SPDX-License-Identifier: MIT
// ring_worker - one side of a ring in a thread of its own, for ring_threads.test.ts
//
// Contents, lengths and think times come from seeds that the other side knows too. A side that finds
// nothing to do sleeps on its doorbell by the protocol at the top of core/ring.h; a wait that does not end
// within the timeout is a lost wake-up.

import { parentPort, workerData } from 'node:worker_threads';
import { Prng } from '../helpers/prng.ts';
import { dumpRing, isSettled, offerStorage, ringBell, sleepOn } from '../helpers/rings.ts';
import type { ByteSink, ByteSource, FrameSink, FrameSource, Maker } from './ring_shim.ts';
import { CMaker, jsMaker } from './ring_shim.ts';

/** Message to a worker. All addresses are offsets in the memory. */
export interface Task {
  readonly memory: WebAssembly.Memory;
  readonly ring: number;
  readonly dataBell: number;
  readonly roomBell: number;
  readonly side: 'producer' | 'consumer';
  readonly kind: 'bytes' | 'frames';
  /** Of a zeroed region and the module for it: this side is in C. */
  readonly c?: { readonly module: WebAssembly.Module; readonly base: number };
  /** Bytes of the stream, all frames together. */
  readonly total: number;
  /** Bytes that are written or read in one go at the most, and the largest frame. */
  readonly chunk: number;
  /** Spins up to so many rounds, by chance, between two chunks. */
  readonly think: number;
  /** Two buffers that this side gives to the ring in turn, and their largest size. */
  readonly grow?: { readonly buffers: readonly number[]; readonly size: number };
  readonly seed: number;
  /** Milliseconds after which a wait counts as a lost wake-up. */
  readonly timeout: number;
}

/** Answer of a worker. */
export interface Outcome {
  readonly error?: string;
  /** Waits that a doorbell ended, and notifications sent. */
  readonly sleeps: number;
  readonly rings: number;
  readonly offers: number;
}

const task = workerData as Task;
const u8 = new Uint8Array(task.memory.buffer);
const i32 = new Int32Array(task.memory.buffer);
const js = jsMaker({ i32 });
const c = task.c && new CMaker(task.c.module, task.memory, task.c.base);
const maker: Maker = c ?? js;
/** The bytes of the stream; the other side has the same. */
const content = new Prng(task.seed);
/** Lengths of frames; the other side has the same. */
const lengths = new Prng(task.seed + 1);
/** This side's own chances. */
const rng = new Prng(task.seed + (task.side === 'producer' ? 2 : 3));
const [myBell, otherBell] =
  task.side === 'producer' ? [task.roomBell, task.dataBell] : [task.dataBell, task.roomBell];
let [sleeps, rings, offers] = [0, 0, 0];

function sleep(mayWait: () => boolean): void {
  const outcome = sleepOn(i32, myBell, mayWait, task.timeout);
  if (outcome === 'rung') sleeps++;
  if (outcome === 'timed-out') {
    throw new Error(`The ${task.side} was not woken: ${dumpRing(i32, task.ring)}`);
  }
}

/** Notifies the other side if it asked for that; in C the access function itself does. */
function notify(side: { mustNotify(): boolean }): void {
  if (!side.mustNotify()) return;
  rings++;
  if (!c) ringBell(i32, otherBell);
}

/** Spends some time, so that sometimes one side and sometimes the other is the slower one. */
function think(): void {
  if (task.think === 0 || rng.chance(0.5)) return;
  for (let rounds = rng.int(task.think); rounds > 0; rounds--) Atomics.load(i32, task.ring >>> 2);
}

/** Gives the ring another buffer from time to time, if the last one has been taken. */
function grow(): void {
  const { ring, grow: how } = task;
  if (!how || !rng.chance(0.05)) return;
  if (!(c ? c.settled(ring) : isSettled(i32, ring))) return;
  const size = 64 << rng.int(Math.log2(how.size / 64) + 1);
  const buf = how.buffers[(offers + 1) & 1] as number;
  if (c) c.offer(ring, buf, size);
  else offerStorage(i32, ring, buf, size);
  offers++;
}

/** Compares bytes in the ring with those of the stream. */
function check(offset: number, length: number): void {
  const expected = content.bytes(length);
  if (Buffer.compare(u8.subarray(offset, offset + length), expected) !== 0) {
    throw new Error(`Other bytes than were written: ${dumpRing(i32, task.ring)}`);
  }
}

function produceBytes(p: ByteSource): void {
  for (let left = task.total; left > 0; ) {
    grow();
    const room = p.reserve(Math.min(left, 1 + rng.int(task.chunk)));
    if (room === 0) {
      sleep(() => p.arm(1));
      continue;
    }
    content.fill(u8.subarray(p.offset, p.offset + room));
    p.submit(room);
    left -= room;
    notify(p);
    think();
  }
}

function consumeBytes(from: ByteSink): void {
  for (let left = task.total; left > 0; ) {
    grow();
    const found = Math.min(from.peek(), 1 + rng.int(task.chunk));
    if (found === 0) {
      sleep(() => from.arm());
      continue;
    }
    check(from.offset, found);
    from.release(found);
    left -= found;
    notify(from);
    think();
  }
}

/** Lengths of frames until their sum is the total; the same on both sides. */
function* frameLengths(): Generator<number> {
  for (let left = task.total; left > 0; ) {
    const length = Math.min(left, lengths.int(task.chunk + 1));
    yield length;
    left -= length;
  }
}

function produceFrames(p: FrameSource): void {
  for (const length of frameLengths()) {
    while (p.reserve(length) !== 1) sleep(() => p.arm(1));
    content.fill(u8.subarray(p.offset, p.offset + length));
    p.submit(length);
    notify(p);
    think();
  }
}

function consumeFrames(from: FrameSink): void {
  for (const length of frameLengths()) {
    let found = from.peek();
    for (; found < 0; found = from.peek()) {
      // Passing a skip may already have made the room that the producer waits for.
      notify(from);
      sleep(() => from.arm());
    }
    if (found !== length) throw new Error(`A frame of ${found} bytes in place of ${length}`);
    check(from.offset, length);
    from.release();
    notify(from);
    think();
  }
}

function run(): void {
  if (task.side === 'producer') {
    if (task.kind === 'bytes') produceBytes(maker.byteProducer(task.ring));
    else produceFrames(maker.frameProducer(task.ring));
  } else if (task.kind === 'bytes') {
    consumeBytes(maker.byteConsumer(task.ring));
  } else {
    consumeFrames(maker.frameConsumer(task.ring, task.chunk));
  }
}

function outcome(): Outcome {
  try {
    run();
  } catch (error) {
    return { error: String(error), sleeps, rings, offers };
  }
  return { sleeps, rings, offers };
}

parentPort?.postMessage(outcome());
