// SPDX-License-Identifier: MIT
// node_net - node:net over the kernel's loopback, TCP_NODELAY set on both ends
//
// threads: 1 has both ends on one thread, as our inline rows do; 2 the server on a worker thread.
// A connection has its socket for native use, and web streams by Duplex.toWeb() for the others. Those
// (web: true) must not be half open: toWeb() ends its readable only when both directions have ended. stack: true is
// ringstack-node, with the same calls, over the loopback interface of a stack.

import * as native from 'node:net';
import { Duplex } from 'node:stream';
import { localFixture } from '../lib/fixture.mjs';
import { LocalPeer, peerFixture, RemotePeer } from '../lib/peers.mjs';

const HOST = '127.0.0.1';

function connectionOf(socket) {
  let streams;
  const web = () => {
    streams ??= Duplex.toWeb(socket);
    return streams;
  };
  return {
    socket,
    get readable() {
      return web().readable;
    },
    get writable() {
      return web().writable;
    },
    abort: () => socket.destroy(),
  };
}

function netHost({ web = false }, { connect, createServer } = native) {
  const options = { noDelay: true, allowHalfOpen: !web };
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        const waiting = [];
        const arrived = [];
        const server = createServer(options, (socket) => {
          const next = waiting.shift();
          if (next) next(connectionOf(socket));
          else arrived.push(connectionOf(socket));
        });
        server.on('error', reject);
        const accept = () =>
          new Promise((taken) => {
            const first = arrived.shift();
            if (first) taken(first);
            else waiting.push(taken);
          });
        server.listen(0, HOST, 4096, () => resolve({ port: server.address().port, accept }));
      }),
    connect: (port) =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: HOST, ...options });
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.off('error', reject);
          resolve(connectionOf(socket));
        });
      }),
    counters: () => ({}),
  };
}

export const openPeer = (_side, options) => netHost(options);

/** ringstack-node on a new stack. */
async function onStack(options) {
  const [{ createStack }, { createNodeNet }] = await Promise.all([
    import('../../dist/index.js'),
    import('../../packages/node/dist/index.js'),
  ]);
  const stack = await createStack({ engine: 'inline' });
  const net = createNodeNet(stack);
  const fixture = localFixture(netHost(options, net), netHost(options, net));
  return { ...fixture, run: fixture.run.bind(fixture), close: () => stack.close() };
}

export async function open(options) {
  if (options.stack) return onStack(options);
  if (options.threads !== 2) return localFixture(netHost(options), netHost(options));
  const server = new RemotePeer('node_net', 'server', options);
  return peerFixture(new LocalPeer('client', netHost(options)), server);
}
