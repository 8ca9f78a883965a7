// SPDX-License-Identifier: MIT
// register - `node --import ringstack-node/register app.js`: runs a program of Node on a stack
//
// The stack is, in this order: the one that a module of `--import` before has given to useStack(); what the
// module named by RINGSTACK_NODE_STACK exports as default (a stack, a promise, or a function that returns one);
// a new one with a loopback interface.

import { syncBuiltinESMExports } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createStack, type NetworkStack } from 'ringstack';
import { patchNet } from './register/patch_net.ts';
import { patchUdp } from './register/patch_udp.ts';
import { currentStack, isStackSet, useStack } from './stack_source.ts';

async function openStack(): Promise<NetworkStack> {
  const { RINGSTACK_NODE_STACK: path } = process.env;
  if (!path) return createStack({ engine: 'inline' });
  const { default: made } = await import(pathToFileURL(resolve(path)).href);
  return await (typeof made === 'function' ? made() : made);
}

if (!isStackSet()) useStack(await openStack());
const stack = await currentStack();
patchNet(stack);
patchUdp(stack);
syncBuiltinESMExports();
