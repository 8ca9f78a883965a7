// SPDX-License-Identifier: MIT
// server - TCPServerSocket over a listener of a stack
//
// Connections wait in the listener until they are read: that is its backlog.

import type { NetworkStack } from '../../api/stack.ts';
import type { TcpConnection, TcpListener } from '../../api/tcp.ts';
import { checkIp, numberOf, portOf } from './options.ts';
import { DirectSocket, networkErrorOf } from './socket.ts';
import type {
  TCPServerSocket,
  TCPServerSocketOpenInfo,
  TCPServerSocketOptions,
  TCPSocket,
} from './types.ts';

/**
 * Listens, for a TCPServerSocket.
 *
 * @param stack - The stack.
 * @param localAddress - An address of the stack, `0.0.0.0` or `::`.
 * @param options - Of the constructor.
 * @returns The listener.
 * @throws {TypeError} At once, if an argument is out of range.
 */
export function listenTcp(
  stack: NetworkStack,
  localAddress: string,
  options: TCPServerSocketOptions,
): Promise<TcpListener> {
  checkIp('localAddress', localAddress);
  const port = portOf('localPort', options.localPort) ?? 0;
  const backlog = numberOf('backlog', options.backlog, 1, 0xffff_ffff);
  if (options.ipv6Only) {
    if (localAddress !== '::') throw new TypeError('ipv6Only is for the local address :: alone');
    const why = 'A listener for :: also takes IPv4';
    return Promise.reject(new DOMException(why, 'NotSupportedError'));
  }
  return stack.listenTcp({
    host: localAddress,
    port,
    ...(backlog !== undefined && { backlog: Math.min(backlog, 65_535) }),
  });
}

/** A TCPServerSocket, of a listener that opens. */
export class StackServerSocket
  extends DirectSocket<TCPServerSocketOpenInfo>
  implements TCPServerSocket
{
  #isCancelled = false;

  /** accepted: makes a TCPSocket of a connection. */
  constructor(listener: Promise<TcpListener>, accepted: (connection: TcpConnection) => TCPSocket) {
    super();
    listener.then(
      (open) => this.#open(open, accepted),
      (error) => this.setClosed(networkErrorOf(error)),
    );
  }

  #open(listener: TcpListener, accepted: (connection: TcpConnection) => TCPSocket): void {
    const readable = new ReadableStream<TCPSocket>(
      {
        pull: async (controller) => {
          try {
            const connection = await listener.accept();
            if (this.#isCancelled) connection.abort();
            else controller.enqueue(accepted(connection));
          } catch (error) {
            if (this.#isCancelled) return;
            const what = networkErrorOf(error);
            this.setClosed(what);
            throw what;
          }
        },
        cancel: async () => {
          this.#isCancelled = true;
          await listener.close();
          this.setClosed();
        },
      },
      { highWaterMark: 0 },
    );
    this.setOpen({ readable, localAddress: listener.host, localPort: listener.port });
  }
}
