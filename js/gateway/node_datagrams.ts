// SPDX-License-Identifier: MIT
// node_datagrams - sockets of UDP of node:dgram

import type { DatagramSocket } from '../api/transport.ts';
import { builtin } from '../runtime/builtin.ts';
import { netErrorOf } from '../util/system_error.ts';
import { type BoundOptions, missing, openAction, openFamilies } from './datagrams.ts';

type Rinfo = import('node:dgram').RemoteInfo;

/** Opens a socket of datagrams. */
export async function openNode(
  options: BoundOptions,
  localAddress: string | undefined,
): Promise<DatagramSocket> {
  const dgram = builtin('node:dgram');
  const action = openAction(options);
  if (!dgram) throw missing(action);
  return openFamilies(options, localAddress, async (family, address, port, received) => {
    const socket = dgram.createSocket(
      family === 4 ? { type: 'udp4' } : { type: 'udp6', ipv6Only: true },
    );
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => reject(netErrorOf(error, action)));
      socket.bind({ port, address }, resolve);
    });
    socket.on('message', (data: Uint8Array, from: Rinfo) => {
      received({ host: from.address, port: from.port, data });
    });
    // The failure of one datagram.
    socket.on('error', () => {});
    return {
      port: socket.address().port,
      send: (data, host, to) =>
        new Promise<void>((resolve) => socket.send(data, to, host, () => resolve())),
      close: () => socket.close(),
    };
  });
}
