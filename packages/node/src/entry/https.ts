// SPDX-License-Identifier: MIT
// https - ringstack-node/https: Node's own https over the stack of useStack(), for aliases

import https from 'node:https';
import { StackSecureAgent } from '../http/agent.ts';
import { listenOnStack } from '../http/attach.ts';
import { currentStack } from '../stack_source.ts';
import net from './net.ts';

/** https.Agent of the stack in use. */
export class Agent extends StackSecureAgent {
  constructor(options?: https.AgentOptions) {
    super(currentStack(), options);
  }
}

export const globalAgent: https.Agent = new Agent({ keepAlive: true });

type Call = Parameters<typeof https.request>;

/** The arguments of request() with our agent, unless they name one. */
function withAgent(args: readonly unknown[]): Call {
  const at = args.findIndex(
    (one, index) => index < 2 && typeof one === 'object' && one !== null && !(one instanceof URL),
  );
  const given = (at < 0 ? {} : args[at]) as https.RequestOptions;
  const options = { ...given, agent: given.agent || globalAgent };
  if (at >= 0) return args.map((one, index) => (index === at ? options : one)) as unknown as Call;
  return [args[0], options, ...args.slice(1)] as unknown as Call;
}

export const request = ((...args: unknown[]) =>
  https.request(...withAgent(args))) as typeof https.request;
export const get = ((...args: unknown[]) => https.get(...withAgent(args))) as typeof https.get;
export const createServer = ((...args: Parameters<typeof https.createServer>) =>
  listenOnStack(https.createServer(...args), net)) as typeof https.createServer;
export const { Server } = https;

const module = { ...https, Agent, globalAgent, request, get, createServer } as typeof https;
export default module;
