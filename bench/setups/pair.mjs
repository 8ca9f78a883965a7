// SPDX-License-Identifier: MIT
// pair - two stacks in one arena, their interfaces joined by pipeTo() or what is asked for between
//
// Options: kind (tap, tun), mtu, checksum, engine, dist; through: 'transform' puts an identity
// TransformStream between (no wire: every frame is a chunk), 'link' a seeded delay and loss; seedApi:
// only what tcpip.js has, for --peer.

import { localFixture } from '../lib/fixture.mjs';
import { interfaceOptions, loadBuild, makeStack, stackHost } from '../lib/hosts.mjs';
import { join, roundLink } from '../lib/link.mjs';

const CREATE = { tap: 'createTapInterface', tun: 'createTunInterface' };
const ADDRESSES = ['10.0.0.1', '10.0.0.2'];

function connect(from, to, through) {
  const readable =
    through === 'transform' ? from.readable.pipeThrough(new TransformStream()) : from.readable;
  // Ends only with the process.
  readable.pipeTo(to.writable).catch(() => {});
}

export async function open(options) {
  const { dist, kind = 'tap', through, seedApi, window, link, round } = options;
  // Not whatever a build has for its default.
  const engine = seedApi ? undefined : (options.engine ?? 'inline');
  const build = await loadBuild(dist);
  const arena = seedApi ? undefined : await build.createArena?.();
  const buffers = window ? { receiveBuffer: window, sendBuffer: window } : {};
  const stacks = [];
  const ends = [];
  for (const [i, address] of ADDRESSES.entries()) {
    stacks[i] = await makeStack(build, {
      ...(arena ? { arena } : {}),
      ...(engine ? { engine } : {}),
    });
    const mac = kind === 'tap' ? { mac: `02:00:00:00:00:0${i + 1}` } : {};
    const settings = { ip: `${address}/24`, ...mac, ...interfaceOptions(options) };
    ends[i] = await stacks[i][CREATE[kind]](settings);
  }
  if (through === 'link') join(ends[0], ends[1], roundLink(link, round));
  else {
    connect(ends[0], ends[1], through);
    connect(ends[1], ends[0], through);
  }
  const host = (i) =>
    stackHost(stacks[i], {
      peer: ADDRESSES[1 - i],
      interfaces: [ends[i]],
      copies: arena !== undefined,
      connect: buffers,
      listen: buffers,
      ...(i === 0 && arena ? { arena } : {}),
    });
  return { ...localFixture(host(0), host(1)), arena };
}
