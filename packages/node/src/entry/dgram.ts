// SPDX-License-Identifier: MIT
// dgram - ringstack-node/dgram: node:dgram over the stack of useStack(), for aliases

import { createNodeDgram } from '../dgram/dgram.ts';
import { currentStack } from '../stack_source.ts';

const dgram = createNodeDgram(currentStack());

export default dgram;
export const { Socket, createSocket } = dgram;
