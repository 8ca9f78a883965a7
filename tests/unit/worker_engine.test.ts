// SPDX-License-Identifier: MIT
// worker_engine.test - turns that the app runs: its half of a worker engine beside a thread that sleeps

import { expect, onTestFinished, test, vi } from 'vitest';
import {
  CONFIG_MAX_SOCKETS,
  CONFIG_OWNER,
  CONFIG_SIZE,
  DOORBELL_AWAKE,
  DOORBELL_SEQ,
  DOORBELL_SLEEPING,
  DOORBELL_WAIT,
  STACK_ALARM,
  STACK_APP,
  STACK_CLOCK,
  STACK_DOORBELL,
  STACK_LOCK,
  STACK_STATS,
  STATS_TURNS,
} from '../../js/abi.ts';
import { Channel } from '../../js/control/channel.ts';
import type { EngineStart } from '../../js/engine/engine.ts';
import { WorkerEngine } from '../../js/engine/worker.ts';
import { Arena } from '../../js/memory/arena.ts';
import { instantiate } from '../../js/memory/instance.ts';
import { lock, tryLock, unlock } from '../../js/sched/turn_lock.ts';
import { stackModule } from '../helpers/built.ts';

/** A thread that sets the stack up and turns it never. */
function sleepyThread() {
  let answer: (reply: unknown) => void = () => {};
  let die: (error: Error) => void = () => {};
  const thread = {
    post: (message: unknown) => {
      const start = message as EngineStart;
      const exports = instantiate(start.module, start.memory, start.region);
      const ctl = exports.rs_stack_init(start.config, 1000) >>> 0;
      queueMicrotask(() => answer({ ctl, now: 1000 }));
    },
    onMessage: (callback: (data: unknown) => void) => {
      answer = callback;
    },
    ended: new Promise<Error>((resolve) => {
      die = resolve;
    }),
    terminate: async () => {},
  };
  return { thread, answer: (reply: unknown) => answer(reply), die: (error: Error) => die(error) };
}

/** A stack whose thread is this test: it turns when the test says so. */
async function sleepyStack() {
  const arena = new Arena(stackModule());
  const { i32, view } = arena;
  const owner = arena.newOwner();
  const region = arena.newRegion(owner);
  const config = arena.alloc(CONFIG_SIZE, owner);
  view.setUint32(config + CONFIG_OWNER, owner, true);
  view.setUint32(config + CONFIG_MAX_SOCKETS, 100, true);
  const { thread, answer, die } = sleepyThread();
  const options = { thread, region, owner, config, startTimeout: 1000 };
  const engine = await WorkerEngine.start(arena, options);
  const { ctl } = engine;
  const bell = ctl + STACK_DOORBELL;
  const sleeping = (bell + DOORBELL_SLEEPING) >>> 2;
  i32[sleeping] = DOORBELL_WAIT;
  view.setFloat64(ctl + STACK_ALARM, 0, true); // before all timers
  // In a slice of time that is never used up (js/sched/scheduler.ts).
  await new Promise((resolve) => setTimeout(resolve, 5));
  const time = vi.spyOn(performance, 'now').mockReturnValue(performance.now());
  const channel = new Channel(arena, ctl + STACK_APP, engine.wake, true);
  engine.onTurn(() => channel.drain());
  onTestFinished(async () => {
    time.mockRestore();
    answer({ ended: true });
    await engine.close();
  });
  return {
    arena,
    engine,
    channel,
    ctl,
    die,
    time,
    sleeping,
    turnLock: (ctl + STACK_LOCK) >>> 2,
    /** How often the thread was rung. */
    rings: () => i32[(bell + DOORBELL_SEQ) >>> 2],
    turns: () => view.getUint32(ctl + STACK_STATS + STATS_TURNS, true),
    clock: () => view.getFloat64(ctl + STACK_CLOCK, true),
  };
}

test('the app turns a stack whose engine sleeps, and does not wake it', async () => {
  const { channel, rings, turns } = await sleepyStack();
  const before = rings();
  for (let n = 0; n < 10; n++) await channel.sync();
  expect(turns()).toBeGreaterThanOrEqual(10);
  expect(rings()).toBe(before);
});

test('an engine that is awake is rung, and does the turn', async () => {
  const { arena, engine, sleeping, rings, turns } = await sleepyStack();
  arena.i32[sleeping] = DOORBELL_AWAKE;
  const [before, done] = [rings() ?? 0, turns()];
  engine.wake();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(rings()).toBe(before + 1);
  expect(turns()).toBe(done);
});

test('while the engine is in a turn it is rung, and the app does not wait', async () => {
  const { arena, channel, turnLock, rings, turns } = await sleepyStack();
  expect(tryLock(arena.i32, turnLock)).toBe(true);
  const [before, done] = [rings() ?? 0, turns()];
  const answer = channel.sync();
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(rings()).toBe(before + 1);
  expect(turns()).toBe(done);
  unlock(arena.i32, turnLock);
  // The next reason for a turn finds both.
  await channel.sync();
  await answer;
});

test('the engine is woken for a timer that is due before its own', async () => {
  const { arena, channel, ctl, clock, rings } = await sleepyStack();
  await channel.sync();
  const before = rings() ?? 0;
  // A stack that has just begun has a timer.
  arena.view.setFloat64(ctl + STACK_ALARM, clock() + 1, true);
  await channel.sync();
  expect(rings()).toBe(before);
  arena.view.setFloat64(ctl + STACK_ALARM, clock() + 1e9, true);
  await channel.sync();
  expect(rings()).toBe(before + 1);
});

test('time does not go back when another thread was ahead, and goes on from there', async () => {
  const { arena, channel, ctl, clock, time } = await sleepyStack();
  await channel.sync();
  const ahead = clock() + 5000;
  arena.view.setFloat64(ctl + STACK_CLOCK, ahead, true);
  await channel.sync();
  expect(clock()).toBe(ahead);
  time.mockReturnValue(performance.now() + 5);
  await channel.sync();
  expect(clock()).toBe(ahead + 5);
});

test('when the slice of time is used up the engine is rung, too', async () => {
  const { channel, rings, time } = await sleepyStack();
  await channel.sync();
  const before = rings() ?? 0;
  time.mockReturnValue(performance.now() + 3);
  await channel.sync();
  expect(rings()).toBe(before + 1);
});

test('a dead engine is not stood in for', async () => {
  const { engine, turns, die } = await sleepyStack();
  const failed = vi.fn();
  engine.onFailure(failed);
  die(new Error('killed'));
  await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce());
  const done = turns();
  engine.wake();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(turns()).toBe(done);
});

test('the lock: one has it, a thread that may block waits for it and is woken', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  expect(tryLock(words, 1)).toBe(true);
  expect(tryLock(words, 1)).toBe(false);
  const notify = vi.spyOn(Atomics, 'notify');
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation((_words, _word, value) => {
    expect(words[1]).toBe(value);
    unlock(words, 1); // the other thread
    return 'ok';
  });
  lock(words, 1);
  expect(wait).toHaveBeenCalledOnce();
  expect(notify).toHaveBeenCalledExactlyOnceWith(words, 1, 1);
  expect(tryLock(words, 1)).toBe(false);
  vi.restoreAllMocks();
});
