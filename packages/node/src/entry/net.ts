// SPDX-License-Identifier: MIT
// net - ringstack-node/net: node:net over the stack of useStack(), for aliases

import { createNodeNet } from '../net/net.ts';
import { currentStack } from '../stack_source.ts';

const net = createNodeNet(currentStack());

export default net;
export const {
  BlockList,
  SocketAddress,
  Server,
  Socket,
  Stream,
  connect,
  createConnection,
  createServer,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
} = net as typeof net & { Stream: typeof net.Socket };
