// SPDX-License-Identifier: MIT
// accept_queue.test - items go to their waiters in order, and every wait ends

import { expect, test } from 'vitest';
import { AcceptQueue } from '../../js/util/accept_queue.ts';

test('items that come first wait, in order', async () => {
  const queue = new AcceptQueue<string>();
  queue.push('a');
  queue.push('b');
  expect(queue.size).toBe(2);
  expect([await queue.take(), await queue.take()]).toEqual(['a', 'b']);
  expect(queue.size).toBe(0);
});

test('calls that come first wait, in order', async () => {
  const queue = new AcceptQueue<string>();
  const calls = [queue.take(), queue.take()];
  queue.push('a');
  queue.push('b');
  expect(await Promise.all(calls)).toEqual(['a', 'b']);
});

test('whoever made it hears of an item before the caller has it', async () => {
  const heard: string[] = [];
  const queue = new AcceptQueue<string>((item) => heard.push(item));
  const call = queue.take().then((item) => heard.push(`${item} taken`));
  queue.push('a');
  queue.push('b');
  await call;
  expect(heard).toEqual(['a', 'a taken']);
  await queue.take();
  expect(heard).toEqual(['a', 'a taken', 'b']);
});

test('an item that waits can be removed once', async () => {
  const queue = new AcceptQueue<string>();
  queue.push('a');
  queue.push('b');
  expect([queue.remove('a'), queue.remove('a')]).toEqual([true, false]);
  expect(await queue.take()).toBe('b');
});

test('its end fails all calls and returns what nobody took, once', async () => {
  const queue = new AcceptQueue<string>();
  const calls = Promise.allSettled([queue.take(), queue.take()]);
  const error = new Error('over');
  expect(queue.end(error)).toEqual([]);
  expect(await calls).toEqual([
    { status: 'rejected', reason: error },
    { status: 'rejected', reason: error },
  ]);
  await expect(queue.take()).rejects.toBe(error);
  queue.end(new Error('again'));
  expect(queue.error).toBe(error);

  const other = new AcceptQueue<string>();
  other.push('a');
  expect(other.end(error)).toEqual(['a']);
  expect(other.size).toBe(0);
});

test('a loop over it ends with the errors that are an end, and fails with others', async () => {
  for (const isEnd of [true, false]) {
    const queue = new AcceptQueue<string>();
    queue.push('a');
    const seen: string[] = [];
    const error = new Error('over');
    const loop = (async () => {
      for await (const item of queue.items(() => isEnd)) {
        seen.push(item);
        queue.end(error);
      }
    })();
    if (isEnd) await loop;
    else await expect(loop).rejects.toBe(error);
    expect(seen).toEqual(['a']);
  }
});
