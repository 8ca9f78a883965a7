// SPDX-License-Identifier: MIT
// http - ringstack-node/http: Node's own http over a stack, as a module for aliases, and its parts

import http from 'node:http';
import type * as Net from 'node:net';
import { StackAgent } from '../http/agent.ts';
import { type AttachOptions, attachServer, listenOnStack } from '../http/attach.ts';
import type { StackSource } from '../net/context.ts';
import { createNodeNet } from '../net/net.ts';
import { currentStack } from '../stack_source.ts';
import net from './net.ts';

export {
  StackAgent,
  StackSecureAgent,
  type UndiciConnectOptions,
  undiciConnector,
} from '../http/agent.ts';
export type { AttachOptions } from '../http/attach.ts';

/**
 * Lets a server of http, https, tls or http2 listen on a stack.
 *
 * @param server - A server that does not listen yet.
 * @param stack - A stack, or the promise of one.
 * @param options - Port and host.
 * @returns The server, when it listens; its close() frees the port.
 * @throws {Error} Node's error of listen(): EADDRINUSE, EADDRNOTAVAIL.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import http from 'node:http';
 * import { createStack } from 'ringstack';
 * import { attachHttpServer } from 'ringstack-node/http';
 *
 * const stack = await createStack();
 * const server = http.createServer((_request, response) => response.end());
 * await attachHttpServer(server, stack, { port: 80 });
 * assert.equal((server.address() as { port: number }).port, 80);
 * server.close();
 * await stack.close();
 * ```
 */
export function attachHttpServer<T extends Net.Server>(
  server: T,
  stack: StackSource,
  options: AttachOptions,
): Promise<T> {
  return attachServer(server, createNodeNet(stack), options);
}

export const globalAgent: http.Agent = new StackAgent(currentStack(), { keepAlive: true });

/** http.Agent of the stack in use. */
export class Agent extends StackAgent {
  constructor(options?: http.AgentOptions) {
    super(currentStack(), options);
  }
}

type Call = Parameters<typeof http.request>;

/** The arguments of request() with our agent, unless they name one. */
function withAgent(args: readonly unknown[]): Call {
  const at = args.findIndex(
    (one, index) => index < 2 && typeof one === 'object' && one !== null && !(one instanceof URL),
  );
  const given = (at < 0 ? {} : args[at]) as http.RequestOptions;
  const agent =
    given.agent === undefined ? globalAgent : given.agent === false ? new Agent() : given.agent;
  const options = { ...given, agent };
  if (at >= 0) return args.map((one, index) => (index === at ? options : one)) as unknown as Call;
  return [args[0], options, ...args.slice(1)] as unknown as Call;
}

export const request = ((...args: unknown[]) =>
  http.request(...withAgent(args))) as typeof http.request;
export const get = ((...args: unknown[]) => http.get(...withAgent(args))) as typeof http.get;
export const createServer = ((...args: Parameters<typeof http.createServer>) =>
  listenOnStack(http.createServer(...args), net)) as typeof http.createServer;

export const {
  METHODS,
  STATUS_CODES,
  ClientRequest,
  IncomingMessage,
  OutgoingMessage,
  Server,
  ServerResponse,
} = http;

const module = { ...http, Agent, globalAgent, request, get, createServer } as typeof http;
export default module;
