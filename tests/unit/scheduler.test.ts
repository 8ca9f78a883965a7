// SPDX-License-Identifier: MIT
// scheduler.test - schedule(): microtasks first, the event loop let in, order kept, an idle process ends

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { schedule } from '../../js/sched/scheduler.ts';
import { bundle } from '../helpers/built.ts';

/** Milliseconds after which a test stops by itself what would never end. */
const GIVE_UP = 5000;

const eventLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Lets so many microtasks pass. */
async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

/** Uses up time as a long turn does. */
function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end) {}
}

/**
 * Has a clock go on by so many ms whenever it is looked at, for a test: 0 stops it, so that no slice is used up. On a
 * busy machine 2 ms of the real one can pass between two lines. Returns a function that sets it forward by so many ms.
 */
function stepClock(step: number): (ms: number) => void {
  let time = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    time += step;
    return time;
  });
  onTestFinished(() => clock.mockRestore());
  return (ms) => {
    time += ms;
  };
}

// Each test begins with a slice of its own.
beforeEach(eventLoop);

describe('order', () => {
  test('a task runs in a microtask, not at once and not after the event loop', async () => {
    stepClock(0);
    const log: string[] = [];
    void eventLoop().then(() => log.push('event loop'));
    schedule(() => log.push('task'));
    log.push('caller');
    await undefined;
    log.push('next microtask');
    await eventLoop();
    expect(log).toEqual(['caller', 'task', 'next microtask', 'event loop']);
  });

  test('tasks run in the order they were scheduled', async () => {
    stepClock(0);
    const log: number[] = [];
    for (let i = 0; i < 100; i++) schedule(() => log.push(i));
    await microtasks(1);
    expect(log).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('what a task schedules runs in a later microtask, after those that wait', async () => {
    stepClock(0);
    const log: string[] = [];
    schedule(() => {
      log.push('first');
      void Promise.resolve().then(() => log.push('reader'));
      schedule(() => log.push('second'));
    });
    schedule(() => log.push('other'));
    await microtasks(4);
    expect(log).toEqual(['first', 'other', 'reader', 'second']);
  });

  test('a slice that is used up ends with the event loop; order is kept across it', async () => {
    const advance = stepClock(0);
    const log: string[] = [];
    schedule(() => {
      advance(20);
      schedule(() => log.push('a'));
      schedule(() => log.push('b'));
    });
    await microtasks(100);
    expect(log).toEqual([]);
    schedule(() => log.push('c'));
    await microtasks(100);
    expect(log).toEqual([]);
    for (let turns = 0; log.length < 3 && turns < 10; turns++) await eventLoop();
    expect(log).toEqual(['a', 'b', 'c']);
  });

  test('tasks of several slices keep their order', async () => {
    const log: number[] = [];
    for (let i = 0; i < 50; i++) {
      schedule(() => {
        log.push(i);
        spin(1);
      });
    }
    while (log.length < 50) await eventLoop();
    expect(log).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

describe('event loop', () => {
  /** Keeps `count` tasks going that schedule themselves; returns how often each ran. */
  function keepGoing(count: number, work: () => void, isDone: () => boolean): number[] {
    const runs = new Array<number>(count).fill(0);
    const end = Date.now() + GIVE_UP;
    const task = (i: number) => (): void => {
      runs[i] = (runs[i] ?? 0) + 1;
      work();
      if (!isDone() && Date.now() < end) schedule(task(i));
    };
    for (let i = 0; i < count; i++) schedule(task(i));
    return runs;
  }

  test('tasks that never end let immediates and timers through', async () => {
    // So a slice has eight turns, however long they take.
    stepClock(0.25);
    let [immediates, timers] = [0, 0];
    const isDone = (): boolean => immediates >= 50 && timers >= 10;
    const onImmediate = (): void => {
      immediates++;
      if (!isDone()) setImmediate(onImmediate);
    };
    const timer = setInterval(() => timers++, 1);
    const end = Date.now() + GIVE_UP;
    setImmediate(onImmediate);
    const runs = keepGoing(3, () => {}, isDone);
    while (!isDone() && Date.now() < end) await eventLoop();
    clearInterval(timer);
    expect(immediates).toBeGreaterThanOrEqual(50);
    expect(timers).toBeGreaterThanOrEqual(10);
    // Not one turn of the event loop for every task: that is what microtasks are for.
    expect(runs[0]).toBeGreaterThan(2 * immediates);
    await eventLoop();
    expect(Math.max(...runs) - Math.min(...runs)).toBeLessThanOrEqual(1);
  });

  test('long tasks let it in after each slice', async () => {
    let turns = 0;
    let [ran, most] = [0, 0];
    const onImmediate = (): void => {
      turns++;
      most = Math.max(most, ran);
      ran = 0;
      if (turns < 20) setImmediate(onImmediate);
    };
    setImmediate(onImmediate);
    const work = (): void => {
      ran++;
      spin(1);
    };
    keepGoing(2, work, () => turns >= 20);
    while (turns < 20) await eventLoop();
    // A slice of 2 ms, tasks of 1 ms, and both of those that wait run before it is looked at.
    expect(most).toBeLessThanOrEqual(8);
  });

  test('every task runs once', async () => {
    let runs = 0;
    for (let i = 0; i < 10_000; i++) schedule(() => runs++);
    while (runs < 10_000) await eventLoop();
    await eventLoop();
    expect(runs).toBe(10_000);
  });
});

describe('process', () => {
  /** Runs a program on js/sched/scheduler.ts in a process of its own; it must end by itself. */
  async function run(source: string): Promise<string> {
    const program = bundle(`import { schedule } from './js/sched/scheduler.ts';\n${source}`);
    const options = { timeout: 3 * GIVE_UP };
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], options);
    return stdout.trim();
  }

  test('one that has nothing left to do ends', async () => {
    const source = `
      let runs = 0;
      const task = () => { if (++runs < 1000) schedule(task); };
      schedule(task);
      process.on('exit', () => console.log(runs));`;
    expect(await run(source)).toBe('1000');
  });

  test('a task that throws takes no other task with it', async () => {
    const source = `
      // Or the slice may end between two of them, and the event loop tells of the error first.
      performance.now = () => 0;
      const log = [];
      process.on('uncaughtException', (error) => log.push(error.message));
      schedule(() => log.push('a'));
      schedule(() => { throw new Error('thrown'); });
      schedule(() => log.push('b'));
      setTimeout(() => schedule(() => log.push('c')), 20);
      process.on('exit', () => console.log(log.join()));`;
    expect(await run(source)).toBe('a,b,thrown,c');
  });

  // Node takes a thousand messages in a row before it looks at timers; browsers take one.
  test('without setImmediate slices end by messages', async () => {
    const source = `
      globalThis.setImmediate = undefined;
      let [runs, messages] = [0, 0];
      const channel = new MessageChannel();
      channel.port1.onmessage = () => messages++;
      for (let i = 0; i < 100; i++) channel.port2.postMessage(i);
      const task = () => {
        const end = performance.now() + 1;
        while (performance.now() < end);
        if (++runs < 100) schedule(task);
      };
      schedule(task);
      setInterval(() => {
        if (runs < 100) return;
        console.log(runs, messages);
        process.exit();
      }, 5);`;
    expect(await run(source)).toBe('100 100');
  });
});
