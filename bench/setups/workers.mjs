// SPDX-License-Identifier: MIT
// workers - two threads, each with a stack (inline there) and a tap, in one arena or two
//
// The second thread shares its tap; the first attaches it and pipes both ways. In one arena that is a
// wire with no JavaScript in it, between two arenas runs of frames are copied.

import { interfaceOptions, loadBuild, makeStack, needShare, stackHost } from '../lib/hosts.mjs';
import { peerFixture, RemotePeer } from '../lib/peers.mjs';

const ADDRESSES = { client: '10.0.0.1', server: '10.0.0.2' };

/** One of the threads. */
export async function openPeer(side, options) {
  const build = await loadBuild(options.dist);
  const arena = options.arena ? await build.attach(options.arena) : await build.createArena();
  const stack = await makeStack(build, { arena, engine: 'inline' });
  const tap = await stack.createTapInterface({
    ip: `${ADDRESSES[side]}/24`,
    ...interfaceOptions(options),
  });
  const peer = ADDRESSES[side === 'client' ? 'server' : 'client'];
  return {
    ...stackHost(stack, { peer, interfaces: [tap], arena }),
    share: () => tap.share(),
    async plug(handle) {
      const other = await build.attach(handle);
      tap.readable.pipeTo(other.writable).catch(() => {});
      other.readable.pipeTo(tap.writable).catch(() => {});
    },
  };
}

export async function open(options) {
  const build = await loadBuild(options.dist);
  needShare(build);
  const { arenas = 1 } = options;
  const arena = arenas === 1 ? await build.createArena() : undefined;
  const shared = arena ? await arena.share() : undefined;
  const openSide = (side) => new RemotePeer('workers', side, { ...options, arena: shared });
  const client = openSide('client');
  const server = openSide('server');
  await client.call('plug', await server.call('share'));
  return peerFixture(client, server);
}
