// SPDX-License-Identifier: MIT
// udp_attach - opens UDP sockets that another thread has shared
//
// This thread has no objects for the interfaces of the stack, and not its hosts. The handle carries what the socket
// needs of both, as they were when it was shared.

import type { AttachedChannel } from '../control/handover.ts';
import { NetError } from '../errors.ts';
import { formatIp } from '../util/address.ts';
import { DatagramEnds } from './datagram_ends.ts';
import type { Names } from './names.ts';
import type { UdpHandle } from './udp_handle.ts';
import { Socket } from './udp_socket.ts';

/**
 * Opens a UDP socket that another thread has shared.
 *
 * @param attached - Its channel.
 * @param handle - From share().
 * @param names - Of the hosts and interfaces in the handle.
 * @returns The socket.
 * @throws Never.
 */
export function attachUdp(attached: AttachedChannel, handle: UdpHandle, names: Names): Socket {
  const { channel } = attached;
  // Handles and addresses are all that is known of the interfaces here.
  names.interfaceOf = () => undefined;
  names.isOwn = (address) => {
    const text = `${formatIp(address)}/`;
    return handle.names.interfaces.some(({ addresses }) =>
      addresses.some((cidr) => cidr.startsWith(text)),
    );
  };
  const ends = new DatagramEnds(channel, handle.made, handle.errors);
  const { failure } = handle;
  if (failure) ends.fail(new NetError(failure, 'Cannot reach the other end'));
  channel.whenDone(() => attached.leave());
  attached.onRecall((error) => channel.shutdown(error));
  return new Socket(ends, names, handle.settings);
}
