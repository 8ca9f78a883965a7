// SPDX-License-Identifier: MIT
// hosts - a stack as one end of a metric: it listens, connects, and reports its counters
//
// Only what the API of tcpip.js has is needed, so that a package compatible with it can be measured;
// what more there is (statistics, an arena) gives more columns.

import { Skip } from './skip.mjs';

const PORT = 5001;
const DIST = new URL('../../dist/index.js', import.meta.url).href;

/** Loads a build: the path of its index.js (not in browsers), by default ours. */
export async function loadBuild(path) {
  if (!path) return import(DIST);
  const { pathToFileURL } = await import('node:url');
  return import(pathToFileURL(path).href);
}

/** The counters of a stack, its interfaces and an arena; those that they do not have are left out. */
function counters(stack, interfaces, arena, copies) {
  const counts = {};
  const add = (key, value) => {
    if (value !== undefined) counts[key] = (counts[key] ?? 0) + value;
  };
  if (copies) {
    add('copied', stack.statistics?.bytesCopied);
    add('copied', arena?.bytesCopied);
  }
  add('retransmits', stack.statistics?.tcpRetransmits);
  for (const iface of interfaces) {
    add('packets', iface.statistics?.txPackets);
  }
  return counts;
}

/**
 * A stack as an end.
 *
 * @param {object} stack
 * @param {object} how
 * @param {string} how.peer - Address to connect to.
 * @param {object[]} [how.interfaces] - Whose packets count.
 * @param {object} [how.arena] - Whose copies count; give it to one of two stacks that share it.
 * @param {boolean} [how.copies] - Whether copies are known at all: not without an arena.
 * @param {object} [how.connect] - More options for connectTcp().
 * @param {object} [how.listen] - More options for listenTcp().
 */
export function stackHost(
  stack,
  { peer, interfaces = [], arena, copies = true, connect = {}, listen = {} },
) {
  return {
    stack,
    async listen() {
      const listener = await stack.listenTcp({ port: PORT, ...listen });
      const accepted = listener[Symbol.asyncIterator]();
      return { port: PORT, accept: async () => (await accepted.next()).value };
    },
    connect: (port) => stack.connectTcp({ host: peer, port, ...connect }),
    peer,
    /** A UDP socket that is connected to a port, or receives. */
    async openUdp(port) {
      if (typeof stack.openUdp !== 'function') throw new Skip('not in this build: UDP');
      const to = { host: peer, port };
      const socket = await stack.openUdp(port === undefined ? {} : { remote: to });
      return { socket, to, port: socket.localPort, close: () => socket.close() };
    },
    counters: () => counters(stack, interfaces, arena, copies),
  };
}

/** Options of an interface: only those that differ from its defaults, for peers that know no others. */
export function interfaceOptions({ mtu = 1500, checksum = true, largeSend = true }) {
  return {
    ...(mtu === 1500 ? {} : { mtu }),
    ...(checksum ? {} : { checksum }),
    ...(largeSend ? {} : { largeSend }),
  };
}

/** createStack(), or why there is none of that kind. */
export async function makeStack(build, options) {
  try {
    return await build.createStack(options);
  } catch (error) {
    if (error.code === 'ENOTSUP') throw new Skip(`not in this build: engine '${options.engine}'`);
    throw error;
  }
}

/** Whether a build can hand its parts to other threads. */
export function needShare(build) {
  if (typeof build.attach !== 'function') throw new Skip('not in this build: attach()');
}
