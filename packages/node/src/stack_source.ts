// SPDX-License-Identifier: MIT
// stack_source - useStack(): the stack of the modules that stand for Node's

import type { NetworkStack } from 'ringstack';
import type { StackSource } from './net/context.ts';

interface Later {
  readonly promise: Promise<NetworkStack>;
  readonly resolve: (stack: StackSource) => void;
}

function later(): Later {
  let resolve: Later['resolve'] = () => {};
  const promise = new Promise<NetworkStack>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

let source: StackSource | undefined;
let coming: Later | undefined;

/** Whether a program has said which stack to use. */
export const isStackSet = (): boolean => source !== undefined;

/**
 * The stack of the aliased modules.
 *
 * @returns The stack, or a promise of the one that useStack() will give.
 */
export function currentStack(): StackSource {
  if (source) return source;
  coming ??= later();
  return coming.promise;
}

/**
 * Says which stack the modules `ringstack-node/net`, `/dgram`, `/dns`, `/http`, … and `ringstack-node/register`
 * use. Sockets that connect or listen before wait for it. The first call counts.
 *
 * @param stack - A stack, or the promise of one.
 * @throws {Error} If another stack is in use already.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { useStack } from 'ringstack-node';
 * import net from 'ringstack-node/net';
 *
 * const server = net.createServer().listen(8080); // waits for the stack
 * const stack = await createStack();
 * useStack(stack);
 * await new Promise((resolve) => server.once('listening', resolve));
 * assert.ok(await stack.connectTcp({ host: '127.0.0.1', port: 8080 }));
 * server.close();
 * await stack.close();
 * ```
 */
export function useStack(stack: StackSource): void {
  if (source === stack) return;
  if (source) throw new Error('Cannot use another stack: one is in use already');
  source = stack;
  coming?.resolve(stack);
}
