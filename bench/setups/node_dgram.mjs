// SPDX-License-Identifier: MIT
// node_dgram - node:dgram over the kernel's loopback
//
// threads: 1 has both ends on one thread, as our inline rows do; 2 the receiver on a worker thread.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { localFixture } from '../lib/fixture.mjs';
import { LocalPeer, peerFixture, RemotePeer } from '../lib/peers.mjs';

const HOST = '127.0.0.1';
/** Of the kernel, which takes no more than net.core.rmem_max. */
const BUFFER = 4 * 1024 * 1024;

const dgramHost = () => ({
  /** A socket that is connected to a port, or receives. */
  async openUdp(to) {
    const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER, sendBufferSize: BUFFER });
    if (to === undefined) socket.bind(0, HOST);
    else socket.connect(to, HOST);
    await once(socket, to === undefined ? 'listening' : 'connect');
    return {
      socket,
      to: { host: HOST, port: to },
      port: socket.address().port,
      close: async () => void socket.close(),
    };
  },
});

export const openPeer = () => dgramHost();

export async function open(options) {
  if (options.threads !== 2) return localFixture(dgramHost(), dgramHost());
  const server = new RemotePeer('node_dgram', 'server', options);
  return peerFixture(new LocalPeer('client', dgramHost()), server);
}
