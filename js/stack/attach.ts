// SPDX-License-Identifier: MIT
// attach - opens in this thread what another thread has shared

import type { SharedHandle } from '../api/handle.ts';
import { NetError } from '../errors.ts';
import { Arena, type ArenaHandle } from '../memory/arena.ts';
import { show } from '../util/check.ts';
import type { InterfaceHandle } from './ring_interface.ts';
import type { TcpHandle } from './tcp_connection.ts';
import type { UdpHandle } from './udp_handle.ts';

const loadAttached = () => import('./attached.ts');

/**
 * Opens what `share()` gave in another thread: an arena, a tap or tun interface, a connection, or a UDP socket.
 * The handle came by postMessage() or workerData; it opens once.
 *
 * @param handle - From share().
 * @returns The arena, interface, connection or socket, which is this thread's from now on.
 * @throws {NetError} EBADF if the handle was opened before or its object is gone, EINVAL if it is no
 *   handle, EPROTO if it comes from another version.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { attach, createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const listener = await stack.listenTcp({ port: 80 });
 * const client = await stack.connectTcp({ host: '127.0.0.1', port: 80 });
 * // structuredClone() stands for worker.postMessage(handle).
 * const handle = structuredClone(await (await listener.accept()).share());
 * const server = await attach(handle);
 * await server.closeWrite();
 * assert.equal((await client.readable.getReader().read()).done, true);
 * await stack.close();
 * ```
 */
export async function attach<T>(handle: SharedHandle<T>): Promise<T> {
  const any = handle as unknown as ArenaHandle | InterfaceHandle | TcpHandle | UdpHandle;
  switch (any?.kind) {
    case 'arena':
      return new Arena(any) as T;
    case 'interface':
      return (await loadAttached()).attachInterface(any) as T;
    case 'connection':
      return (await (await loadAttached()).attachConnection(any)) as T;
    case 'udp':
      return (await (await loadAttached()).attachUdpSocket(any)) as T;
    default:
      throw new NetError('EINVAL', `Cannot attach ${show(handle)}`, {
        reason: 'must be a handle from share()',
      });
  }
}
