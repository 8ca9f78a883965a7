// SPDX-License-Identifier: MIT
// attached - interfaces, connections and sockets of stacks of other threads: a file of its own, loaded by the first attach()
//
// A page that shares nothing does not download it.

import { AttachedChannel } from '../control/handover.ts';
import { NetError } from '../errors.ts';
import type { BaseInterface } from './interface.ts';
import { Names } from './names.ts';
import { type InterfaceHandle, RingInterface } from './ring_interface.ts';
import { Connection, type TcpHandle } from './tcp_connection.ts';
import type { UdpHandle } from './udp_handle.ts';
import type { Socket } from './udp_socket.ts';

/** An interface of a stack that another thread holds. */
class AttachedInterface extends RingInterface {
  readonly #attached: AttachedChannel;

  constructor(attached: AttachedChannel, handle: InterfaceHandle) {
    super(attached.channel, handle.made, handle.plan, async () => {
      const reason = 'only the thread of its stack can';
      throw new NetError('EBADF', 'Cannot change the interface', { reason });
    });
    this.#attached = attached;
    attached.hold.set(true);
    attached.onRecall(async (error) => {
      await this.detach(error);
      this.shared();
    });
  }

  /** Releases it: it goes to another thread, or its stack recalls it. */
  protected override shared(): void {
    this.freeze();
    this.channel.whenDone(() => this.#attached.leave());
  }
}

/**
 * Opens an interface that another thread has shared.
 *
 * @param handle - From share().
 * @returns The interface.
 * @throws {NetError} EBADF, EPROTO.
 */
export function attachInterface(handle: InterfaceHandle): RingInterface {
  return new AttachedInterface(new AttachedChannel(handle), handle);
}

/**
 * Opens a connection that another thread has shared.
 *
 * @param handle - From share().
 * @returns The connection, open; it may have failed before it is used.
 * @throws {NetError} EBADF, EPROTO.
 */
export async function attachConnection(handle: TcpHandle): Promise<Connection> {
  const attached = new AttachedChannel(handle);
  const { channel } = attached;
  const { made, noDelay, keepAlive } = handle;
  const connection = new Connection(channel, made, 'Cannot attach', noDelay, keepAlive);
  channel.whenDone(() => attached.leave());
  attached.onRecall((error) => channel.shutdown(error));
  await connection.opened;
  return connection;
}

/**
 * Opens a UDP socket that another thread has shared.
 *
 * @param handle - From share().
 * @returns The socket.
 * @throws {NetError} EBADF, EPROTO.
 */
export async function attachUdpSocket(handle: UdpHandle): Promise<Socket> {
  const { attachUdp } = await import('./datagrams.ts');
  const { interfaces, hosts } = handle.names;
  const names = new Names(
    new Set(interfaces as unknown as BaseInterface[]),
    hosts,
    async () => undefined,
  );
  return attachUdp(new AttachedChannel(handle), handle, names);
}
