// SPDX-License-Identifier: MIT
// queue.test - the queue against an array

import { expect, test } from 'vitest';
import { Queue } from '../../js/util/queue.ts';
import { Random } from '../../js/util/random.ts';

test.each([1, 2, 3])('any order of calls gives what an array gives (seed %i)', (seed) => {
  const random = new Random(seed);
  const queue = new Queue<number>();
  const model: number[] = [];
  for (let n = 0; n < 20_000; n++) {
    // Long runs of one kind: the queue shall also be long, and empty.
    const grows = Math.floor(n / 2000) % 2 === 0;
    if (random.chance(grows ? 0.7 : 0.3)) {
      queue.push(n);
      model.push(n);
    } else {
      expect(queue.shift()).toBe(model.shift());
    }
    expect(queue.length).toBe(model.length);
    expect(queue.first).toBe(model[0]);
  }
  queue.clear();
  expect([queue.length, queue.first, queue.shift()]).toEqual([0, undefined, undefined]);
});

test('only the newest item can be taken back', () => {
  const queue = new Queue<string>();
  queue.push('a');
  queue.push('b');
  expect([queue.takeBack('a'), queue.takeBack('b'), queue.takeBack('b')]).toEqual([
    false,
    true,
    false,
  ]);
  expect([queue.shift(), queue.shift(), queue.takeBack('a')]).toEqual(['a', undefined, false]);
});
