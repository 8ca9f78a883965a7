// SPDX-License-Identifier: MIT
// loopback - one stack talks to itself
//
// Options: mtu, dist, engine; seedApi: only what tcpip.js has, for --peer.

import { localFixture } from '../lib/fixture.mjs';
import { loadBuild, makeStack, stackHost } from '../lib/hosts.mjs';

export async function open({ dist, mtu = 65520, engine = 'inline', seedApi }) {
  const build = await loadBuild(dist);
  const arena = seedApi ? undefined : await build.createArena?.();
  const stack = await makeStack(build, {
    initializeLoopback: false,
    ...(arena ? { arena } : {}),
    ...(seedApi ? {} : { engine }),
  });
  const loopback = await stack.createLoopbackInterface({
    ip: '127.0.0.1/8',
    ...(mtu === 65520 ? {} : { mtu }),
  });
  const host = stackHost(stack, {
    peer: '127.0.0.1',
    interfaces: [loopback],
    arena,
    copies: arena !== undefined,
  });
  // It is one stack: what it counts is counted once.
  return { ...localFixture(host, { ...host, counters: () => ({}) }), arena };
}
