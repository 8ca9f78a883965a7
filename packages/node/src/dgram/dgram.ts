// SPDX-License-Identifier: MIT
// dgram - createNodeDgram(): node:dgram over a stack

import { createLookup, type LookupOptions } from '../dns/lookup.ts';
import { NetContext, type StackSource } from '../net/context.ts';
import type { DgramInit } from './bound_socket.ts';
import { DgramSocket } from './socket.ts';

/** The module over a context. */
export function makeDgram(context: NetContext): typeof import('node:dgram') {
  const Socket = function (this: unknown, init: DgramInit | string, listener?: unknown): unknown {
    const made = [context, init, listener] as ConstructorParameters<typeof DgramSocket>;
    return Reflect.construct(DgramSocket, made, new.target ?? Socket);
  };
  Socket.prototype = DgramSocket.prototype;
  Object.setPrototypeOf(Socket, DgramSocket);
  const dgram = {
    Socket,
    createSocket: (init: DgramInit | string, listener?: unknown) =>
      new (Socket as unknown as new (...args: unknown[]) => DgramSocket)(init, listener),
  };
  return dgram as unknown as typeof import('node:dgram');
}

/**
 * Makes a module with the face of node:dgram whose sockets are those of a stack.
 *
 * @param stack - A stack, or the promise of one: sockets wait for it.
 * @param options - Names.
 * @returns The module.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { once } from 'node:events';
 * import { createStack } from 'ringstack';
 * import { createNodeDgram } from 'ringstack-node';
 *
 * const stack = await createStack();
 * const dgram = createNodeDgram(stack);
 * const server = dgram.createSocket('udp4').bind(9999);
 * await once(server, 'listening');
 * const client = dgram.createSocket('udp4');
 * client.send('hello', 9999, '127.0.0.1');
 * const [message] = await once(server, 'message');
 * assert.equal(String(message), 'hello');
 * server.close();
 * client.close();
 * await stack.close();
 * ```
 */
export function createNodeDgram(
  stack: StackSource,
  options: LookupOptions = {},
): typeof import('node:dgram') {
  return makeDgram(new NetContext(stack, createLookup(stack, options)));
}
