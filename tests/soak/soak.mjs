// SPDX-License-Identifier: MIT
// soak - random operations under random faults for a long time, on both engines (make soak)
//
// usage: node --expose-gc tests/soak/soak.mjs [--minutes N] [--seed N]
//
// Rounds go on until the time is over. In each, a world (world.mjs) of each engine gets new faults and some operations
// (operations.mjs) at once; between rounds the faults are off, all is quiet, and sockets, memory of the arena, and of the
// process are looked at. Whatever a round used must be back: sockets after each, memory within a bound of what it was when
// the first quarter was over. The seed of a run is printed and chooses operations and faults; their timing is that of
// the machine.
//
// The last line is "N passed, N failed": operations and looks at memory. The process has to end by itself.

import { parseArgs } from 'node:util';
import { OPERATIONS } from './operations.mjs';
import { createWorld, random } from './world.mjs';

const MIB = 1 << 20;
const OPERATIONS_A_ROUND = 12;
/** Growth that is allowed after the first quarter: fragmentation, caches of the runtime. */
const MORE = { rss: 96 * MIB, arena: 8 * MIB };

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const seed = Number(values.seed);
const until = performance.now() + Number(values.minutes) * 60_000;
const warmUntil = performance.now() + Number(values.minutes) * 15_000;
const r = random(seed);
const names = Object.keys(OPERATIONS);
const counts = { passed: 0, failed: 0, rounds: 0 };
const done = Object.fromEntries(names.map((name) => [name, 0]));

function fail(what, error) {
  counts.failed++;
  console.log(`failed: ${what} (seed ${seed}, round ${counts.rounds}): ${error?.stack ?? error}`);
}

process.on('unhandledRejection', (error) => fail('a rejection that nobody handles', error));

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A link that is good, slow, lossy, or bad in every way. */
function faults() {
  const some = (most) => (r(2) ? r(1000) / (1000 / most) : 0);
  return [
    { drop: 0, duplicate: 0, corrupt: 0, reorder: 0, delay: 0, jitter: 0 },
    { drop: some(0.05), duplicate: 0, corrupt: 0, reorder: 0, delay: r(20), jitter: 0 },
    {
      drop: some(0.03),
      duplicate: some(0.05),
      corrupt: some(0.01),
      corruptBits: 1, // a checksum finds any single one, but not all pairs
      reorder: some(0.1),
      delay: r(10),
      jitter: r(5),
    },
  ][r(3)];
}

const GOOD = { drop: 0, duplicate: 0, corrupt: 0, reorder: 0, delay: 0, jitter: 0 };

async function round(world) {
  world.fault.set(faults());
  const operations = Array.from({ length: OPERATIONS_A_ROUND }, () => [
    names[r(names.length)],
    r(2 ** 31),
  ]);
  await Promise.all(
    operations.map(async ([name, number], i) => {
      try {
        await OPERATIONS[name](world, random(number), counts.rounds * OPERATIONS_A_ROUND + i);
        counts.passed++;
        done[name]++;
      } catch (error) {
        fail(`${world.engine}: ${name} ${number}`, error);
      }
    }),
  );
  world.fault.set(GOOD);
}

/** Waits until each stack has its sockets of the beginning alone. */
async function quiet(world) {
  const end = performance.now() + 200_000;
  const isQuiet = () =>
    [world.server, world.client].every((stack, i) => stack.statistics.sockets === world.sockets[i]);
  while (!isQuiet() && performance.now() < end) await wait(20);
  if (!isQuiet()) {
    const are = [world.server, world.client].map((stack) => stack.statistics.sockets);
    fail(`${world.engine}: sockets`, `${are} in use, ${world.sockets} expected`);
  }
}

const memory = (worlds) => {
  globalThis.gc?.();
  const rss = process.memoryUsage().rss;
  return { rss, arena: Math.max(...worlds.map(({ arena }) => arena.size - arena.freeBytes)) };
};

const text = ({ rss, arena }) =>
  `${(rss / MIB).toFixed(0)} MiB of the process, ${(arena / MIB).toFixed(1)} of an arena`;

console.log(`soak: seed ${seed}, ${values.minutes} minutes`);
const worlds = [await createWorld('inline', seed), await createWorld('worker', seed + 1)];
for (const world of worlds) {
  world.sockets = [world.server, world.client].map((stack) => stack.statistics.sockets);
}
const warm = { rss: 0, arena: 0 };
const after = { rss: 0, arena: 0 };
while (performance.now() < until) {
  await Promise.all(worlds.map(round));
  await Promise.all(worlds.map(quiet));
  counts.rounds++;
  const now = memory(worlds);
  const most = performance.now() < warmUntil ? warm : after;
  for (const name of Object.keys(most)) most[name] = Math.max(most[name], now[name]);
  if (counts.rounds % 50 === 0)
    console.log(`round ${counts.rounds}: ${counts.passed} operations; ${text(now)}`);
}
console.log(names.map((name) => `${name} ${done[name]}`).join(', '));
console.log(`at most, in the first quarter: ${text(warm)}; later: ${text(after)}`);
for (const name of Object.keys(MORE)) {
  if (after[name] <= warm[name] + MORE[name]) counts.passed++;
  else fail(`memory of ${name}`, `${after[name]} bytes, ${warm[name]} after the first quarter`);
}
await Promise.all(worlds.flatMap(({ server, client }) => [server.close(), client.close()]));
for (const { arena, engine } of worlds) {
  if (arena.freeBytes >= arena.size - MIB) counts.passed++;
  else
    fail(
      `${engine}: memory of closed stacks`,
      `${arena.freeBytes} of ${arena.size} bytes are free`,
    );
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
setTimeout(() => {
  console.log('failed: the process does not end by itself');
  process.exit(2);
}, 30_000).unref();
