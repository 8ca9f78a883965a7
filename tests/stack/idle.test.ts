// SPDX-License-Identifier: MIT
// idle.test - an idle stack does nothing, and a closed one keeps no process alive

import type { NetworkStack } from 'ringstack';
import { describe, expect, vi } from 'vitest';
import {
  bytes,
  connectEnds,
  openStack,
  passTime,
  readUpTo,
  send,
  settle,
  wiredPair,
} from '../helpers/net.ts';
import {
  ENGINE,
  NO_PROCESSES,
  NO_QUIET,
  NO_TIME,
  processorTime,
  runProgram,
  testUnless,
} from '../helpers/runtime.ts';

const HELLO = bytes('hello');

describe('idle', () => {
  /** Activity in a second in which no test calls anything. */
  async function observe(stacks: NetworkStack[]) {
    await passTime(25_000, stacks, 1000);
    await new Promise((resolve) => setTimeout(resolve, 1100)); // timers set before that
    const turns = stacks.map(({ statistics }) => statistics.turns);
    const before = processorTime();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const end = new Promise((resolve) => setTimeout(resolve, 1000));
    await end;
    const after = processorTime();
    const set = timers.mock.calls.length - 1;
    timers.mockRestore();
    return {
      turns: stacks.map(({ statistics }, n) => statistics.turns - (turns[n] ?? 0)),
      timers: set,
      ms: (after ?? 0) - (before ?? 0),
    };
  }

  testUnless(NO_QUIET)('a stack does nothing at all', async () => {
    const stack = await openStack();
    // One turn comes late, for a timer of the start.
    for (let before = -1; stack.statistics.turns !== before; await settle(100)) {
      before = stack.statistics.turns;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { ms, ...rest } = await observe([stack]);
    expect(rest).toEqual({ turns: [0], timers: 0 });
    expect(ms).toBeLessThan(200);
  });

  testUnless(NO_QUIET ?? NO_TIME)('connections and listeners do nothing either', async () => {
    const { a, b } = await wiredPair();
    for (let n = 0; n < 50; n++) {
      const { client, server } = await connectEnds(a, b);
      await send(client.writable, HELLO);
      if (n & 1) await readUpTo(server.readable, 5);
      if (n & 2) await client.closeWrite();
    }
    const { ms, ...rest } = await observe([a, b]);
    expect(rest).toEqual({ turns: [0, 0], timers: 0 });
    expect(ms).toBeLessThan(200);
  });

  testUnless(NO_PROCESSES)('a process whose stacks are closed exits by itself', async () => {
    const program = `
      import { createStack } from '${new URL('../../dist/index.js', import.meta.url)}';
      const engine = '${ENGINE}';
      const [a, b] = [await createStack({ engine }), await createStack({ engine })];
      const tapA = await a.createTapInterface({ ip: '10.0.0.1/24' });
      const tapB = await b.createTapInterface({ ip: '10.0.0.2/24' });
      tapA.readable.pipeTo(tapB.writable);
      tapB.readable.pipeTo(tapA.writable);
      const listener = await b.listenTcp({ port: 80 });
      const client = await a.connectTcp({ host: '10.0.0.2', port: 80, timeout: 60_000 });
      const server = await listener.accept();
      await client.writable.getWriter().write(new Uint8Array(100_000));
      await server.readable.getReader().read();
      const closing = performance.now();
      await Promise.all([a.close(), b.close()]);
      process.on('exit', () => console.log(performance.now() - closing));`;
    const stdout = await runProgram(program);
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).toBeLessThan(5000); // no timer of TCP's is waited for
  });
});
