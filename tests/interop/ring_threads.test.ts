// SPDX-License-Identifier: MIT
// ring_threads.test - core/ring.c and js/ring.ts on two threads: the stream arrives, nobody oversleeps

import { Worker } from 'node:worker_threads';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { Arena } from '../../js/memory/arena.ts';
import { bundle, shimModule, stackModule } from '../helpers/built.ts';
import { ringWord, TestRing } from '../helpers/rings.ts';
import { SHIM_REGION } from './ring_shim.ts';
import type { Outcome, Task } from './ring_worker.ts';

const PAIRINGS = ['C to JS', 'JS to C', 'JS to JS', 'C to C'] as const;
/** Milliseconds; the other side has long gone on by then, however busy the machine is. */
const LOST = 10_000;

/** Milliseconds that a slow machine may take. */
const SLOW = 60_000;

const arena = new Arena(stackModule(), 16 << 20);
let program = '';

beforeAll(() => {
  program = bundle("import './tests/interop/ring_worker.ts';");
});

/** Takes zeroed memory until the running test ends. */
function take(size: number): number {
  const place = arena.alloc(size, 0);
  arena.u8.fill(0, place, place + size);
  onTestFinished(() => arena.free(place));
  return place;
}

/** Runs a side to its end. */
function runSide(task: Omit<Task, 'memory' | 'timeout'>): Promise<Outcome> {
  const workerData: Task = { ...task, memory: arena.memory, timeout: LOST };
  const worker = new Worker(program, { eval: true, workerData });
  onTestFinished(() => void worker.terminate());
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`A worker ended with ${code}`)));
  });
}

type Options = Pick<Task, 'kind' | 'total' | 'chunk' | 'think' | 'seed'> & {
  readonly size: number;
  /** The side that changes the storage, and up to which size. */
  readonly grow?: { readonly by: Task['side']; readonly size: number };
};

/** Moves a stream through a new ring; returns what both sides say. */
async function runPair(
  pairing: (typeof PAIRINGS)[number],
  options: Options,
): Promise<Record<Task['side'], Outcome>> {
  const { size, grow, ...common } = options;
  const [from, to] = pairing.split(' to ');
  const ring = new TestRing(arena, size);
  const [dataBell, roomBell] = [take(8), take(8)];
  ring.set('data_bell', dataBell);
  ring.set('room_bell', roomBell);
  const sideTask = (side: Task['side'], language: string | undefined) => ({
    ...common,
    ...{ side, ring: ring.place, dataBell, roomBell },
    ...(language === 'C' && { c: { module: shimModule(), base: take(SHIM_REGION) } }),
    ...(grow?.by === side && {
      grow: { size: grow.size, buffers: [take(grow.size), take(grow.size)] },
    }),
  });
  const [producer, consumer] = await Promise.all([
    runSide(sideTask('producer', from)),
    runSide(sideTask('consumer', to)),
  ]);
  expect([producer.error, consumer.error]).toEqual([undefined, undefined]);
  expect(ringWord(arena.i32, ring.place, 'bad')).toBe(0);
  expect(ring.held).toBe(0);
  expect(ring.guardsIntact).toBe(true);
  ring.free();
  return { producer, consumer };
}

test.each(PAIRINGS)(
  'bytes, %s',
  async (pairing) => {
    const bulk = { total: 96 << 20, chunk: 65536, think: 0, seed: 1 };
    await runPair(pairing, { kind: 'bytes', size: 1 << 18, ...bulk });
  },
  SLOW,
);

test.each(PAIRINGS)(
  'frames, %s',
  async (pairing) => {
    const bulk = { total: 96 << 20, chunk: 1514, think: 0, seed: 2 };
    await runPair(pairing, { kind: 'frames', size: 1 << 16, ...bulk });
  },
  SLOW,
);

// C gives storage: as the consumer of what is sent, as the producer of what is received.
test.each([
  ['JS to C', 'consumer'],
  ['C to JS', 'producer'],
  ['JS to JS', 'consumer'],
  ['C to C', 'producer'],
] as const)(
  'bytes while the storage changes, %s, by the %s',
  async (pairing, by) => {
    const options = { total: 24 << 20, chunk: 3000, think: 0, seed: 3 };
    const grow = { by, size: 1 << 15 };
    const { producer, consumer } = await runPair(pairing, {
      kind: 'bytes',
      size: 64,
      grow,
      ...options,
    });
    expect(producer.offers + consumer.offers).toBeGreaterThan(200);
  },
  SLOW,
);

test.each(PAIRINGS)(
  'both sides sleep tens of thousands of times, bytes, %s',
  async (pairing) => {
    const options = { total: 2 << 20, chunk: 64, think: 200, seed: 4 };
    const { producer, consumer } = await runPair(pairing, { kind: 'bytes', size: 64, ...options });
    expect(producer.sleeps).toBeGreaterThan(10_000);
    expect(consumer.sleeps).toBeGreaterThan(10_000);
  },
  SLOW,
);

test.each(PAIRINGS)(
  'both sides sleep tens of thousands of times, frames, %s',
  async (pairing) => {
    const options = { total: 2 << 20, chunk: 56, think: 200, seed: 5 };
    const { producer, consumer } = await runPair(pairing, {
      kind: 'frames',
      size: 128,
      ...options,
    });
    expect(producer.sleeps).toBeGreaterThan(10_000);
    expect(consumer.sleeps).toBeGreaterThan(10_000);
  },
  SLOW,
);
