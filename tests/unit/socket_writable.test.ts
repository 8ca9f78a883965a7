// SPDX-License-Identifier: MIT
// socket_writable.test - what a socket that closes still sends of the chunks in its writable

import { expect, test } from 'vitest';
import { SocketWritable } from '../../js/shapes/streams.ts';

const OWNER = { closed: async () => {}, aborted: () => {}, failed: (error: unknown) => error };
const nextRound = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

test('flush() waits for writes that settle one a round', async () => {
  const taken: number[] = [];
  const write = async (bytes: Uint8Array): Promise<void> => {
    await nextRound();
    taken.push(bytes.length);
  };
  const writable = new SocketWritable(Promise.resolve({ write }), OWNER);
  const writer = writable.stream.getWriter();
  for (let length = 1; length <= 5; length++) void writer.write(new Uint8Array(length));
  await writable.flush();
  expect(taken).toEqual([1, 2, 3, 4, 5]);
});

test('flush() waits for no peer that reads nothing', async () => {
  const write = (): Promise<void> => new Promise(() => {});
  const writable = new SocketWritable(Promise.resolve({ write }), OWNER);
  const writing = writable.stream.getWriter().write(new Uint8Array(1));
  await writable.flush();
  writable.fail(new Error('closed'));
  await expect(writing).rejects.toThrow('closed');
});
