// SPDX-License-Identifier: MIT
// udp_attach - opens UDP sockets that another thread has shared
//
// This thread has no objects for the interfaces of the stack, and not its hosts. The handle carries what the socket
// needs of both, as they were when it was shared.

import type { NetworkInterface } from '../api/interface.ts';
import { AttachedChannel } from '../control/handover.ts';
import { NetError } from '../errors.ts';
import { formatIp, type IpAddress } from '../util/address.ts';
import { show } from '../util/check.ts';
import { DatagramEnds } from './datagram_ends.ts';
import { Names, type NamesHandle } from './names.ts';
import type { UdpHandle } from './udp_handle.ts';
import { Socket } from './udp_socket.ts';

/** Names and interfaces of a stack of another thread. */
class FarNames extends Names {
  readonly #far: NamesHandle;

  constructor(far: NamesHandle) {
    super(new Set(), far.hosts);
    this.#far = far;
  }

  override interfaceOf(): undefined {
    return undefined;
  }

  override zoneOf(handle: number): string {
    return String(this.#far.interfaces.findIndex((iface) => iface.handle === handle) + 1);
  }

  override handleOf(zone: string): number {
    return this.#far.interfaces[Number(zone) - 1]?.handle ?? super.handleOf(zone);
  }

  override handle(iface: NetworkInterface): number {
    throw new NetError('ENODEV', `Cannot use ${show(iface)}`, {
      reason: 'the interfaces of the socket are in the thread of its stack',
    });
  }

  override isOwn(address: IpAddress): boolean {
    const text = `${formatIp(address)}/`;
    return this.#far.interfaces.some(({ addresses }) =>
      addresses.some((cidr) => cidr.startsWith(text)),
    );
  }

  override toHandle(): NamesHandle {
    return this.#far;
  }
}

/**
 * Opens a UDP socket that another thread has shared.
 *
 * @param handle - From share().
 * @returns The socket.
 * @throws {NetError} EBADF, EPROTO.
 */
export function attachUdp(handle: UdpHandle): Socket {
  const attached = new AttachedChannel(handle);
  const { channel } = attached;
  const ends = new DatagramEnds(channel, handle.made, handle.errors);
  const { failure } = handle;
  if (failure) ends.fail(new NetError(failure, 'Cannot reach the other end'));
  channel.whenDone(() => attached.leave());
  attached.onRecall((error) => channel.shutdown(error));
  return new Socket(ends, new FarNames(handle.names), handle.settings);
}
