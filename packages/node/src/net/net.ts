// SPDX-License-Identifier: MIT
// net - createNodeNet(): node:net over a stack

import { checkBoolean, checkInteger } from '../checks.ts';
import { createLookup, type LookupOptions } from '../dns/lookup.ts';
import { normalizeArgs } from './arguments.ts';
import { type NativeNet, NetContext, type StackSource } from './context.ts';
import { autoSelect } from './defaults.ts';
import { isIP, isIPv4, isIPv6 } from './ip.ts';
import { makeServer } from './server.ts';
import { makeSocket } from './socket.ts';
import type { SocketInit } from './socket_types.ts';

/** Options of createNodeNet(). */
export interface NodeNetOptions extends LookupOptions {
  /** Node's own `net`: pipes and file descriptors are left to it, and BlockList is its. @default the runtime's, if it has one */
  readonly native?: typeof import('node:net') | undefined;
}

/** Node's own net, if this runtime has one. */
export function nativeNet(): typeof import('node:net') | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): typeof import('node:net') | undefined };
  };
  return process?.getBuiltinModule?.('node:net');
}

/** The module over a context. */
export function makeNet(
  context: NetContext,
  native: typeof import('node:net') | undefined,
): typeof import('node:net') {
  const Socket = makeSocket(context);
  const Server = makeServer(context, Socket);
  const connect = (...args: unknown[]): unknown => {
    const normalized = normalizeArgs(args);
    const [options] = normalized;
    if (options['path'] != null && native) {
      return Reflect.apply(native.connect, native, args);
    }
    const socket = new Socket(options as SocketInit) as unknown as {
      setTimeout(ms: number): void;
      connect(args: unknown): unknown;
    };
    if (options['timeout']) socket.setTimeout(options['timeout'] as number);
    return socket.connect(normalized);
  };
  const { BlockList, SocketAddress } = native ?? {};
  const net = {
    ...(BlockList && { BlockList }),
    ...(SocketAddress && { SocketAddress }),
    Server,
    Socket,
    Stream: Socket,
    _normalizeArgs: normalizeArgs,
    connect,
    createConnection: connect,
    createServer: (options?: unknown, listener?: unknown) => new Server(options, listener),
    getDefaultAutoSelectFamily: () => autoSelect.isDefault,
    setDefaultAutoSelectFamily: (value: unknown) => {
      checkBoolean(value, 'value');
      autoSelect.isDefault = value;
    },
    getDefaultAutoSelectFamilyAttemptTimeout: () => autoSelect.timeout,
    setDefaultAutoSelectFamilyAttemptTimeout: (value: unknown) => {
      checkInteger(value, 'value', 1, 2 ** 31 - 1);
      autoSelect.timeout = Math.max(10, value);
    },
    isIP,
    isIPv4,
    isIPv6,
  };
  return net as unknown as typeof import('node:net');
}

/**
 * Makes a module with the face of node:net whose sockets are those of a stack.
 *
 * @param stack - A stack, or the promise of one: sockets wait for it.
 * @param options - Names, and Node's own module.
 * @returns The module.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { once } from 'node:events';
 * import { createStack } from 'ringstack';
 * import { createNodeNet } from 'ringstack-node';
 *
 * const stack = await createStack();
 * const net = createNodeNet(stack);
 * const server = net.createServer((socket) => socket.end('hello')).listen(0);
 * const { port } = server.address() as { port: number };
 * const socket = net.connect(port).setEncoding('utf8');
 * const [text] = await once(socket, 'data');
 * assert.equal(text, 'hello');
 * server.close();
 * await stack.close();
 * ```
 */
export function createNodeNet(
  stack: StackSource,
  options: NodeNetOptions = {},
): typeof import('node:net') {
  const native = 'native' in options ? options.native : nativeNet();
  const kept: NativeNet | undefined = native && { Socket: native.Socket, Server: native.Server };
  return makeNet(new NetContext(stack, createLookup(stack, options), kept), native);
}
