// SPDX-License-Identifier: MIT
// create - createDirectSockets(): the classes of Direct Sockets over a stack

import type { NetworkStack } from '../../api/stack.ts';
import type { TcpConnection } from '../../api/tcp.ts';
import { listenTcp, StackServerSocket } from './server.ts';
import { connectTcp, StackTcpSocket } from './tcp.ts';
import type {
  DirectSockets,
  TCPServerSocketOptions,
  TCPSocketOptions,
  UDPSocketOptions,
} from './types.ts';
import { openUdp, StackUdpSocket } from './udp.ts';

/** In place of the arguments of a TCPSocket: a connection that was accepted. */
class Accepted {
  readonly connection: TcpConnection;

  constructor(connection: TcpConnection) {
    this.connection = connection;
  }
}

/**
 * Makes the classes of Direct Sockets over a stack.
 *
 * @param stack - The stack.
 * @returns The classes.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createDirectSockets } from 'ringstack/direct-sockets';
 *
 * const stack = await createStack();
 * const { TCPSocket, TCPServerSocket } = createDirectSockets(stack);
 * const server = new TCPServerSocket('127.0.0.1', { localPort: 7 });
 * const { readable: connections } = await server.opened;
 * const client = new TCPSocket('127.0.0.1', 7);
 * const { value: accepted } = await connections.getReader().read();
 * assert.ok(accepted);
 * const { readable, writable } = await accepted.opened;
 * void readable.pipeTo(writable); // an echo
 *
 * const ours = await client.opened;
 * const writer = ours.writable.getWriter();
 * await writer.write(new TextEncoder().encode('hello'));
 * await writer.close();
 * assert.equal(await new Response(ours.readable).text(), 'hello');
 * await client.closed;
 * await stack.close();
 * ```
 */
export function createDirectSockets(stack: NetworkStack): DirectSockets {
  class TCPSocket extends StackTcpSocket {
    constructor(
      remoteAddress: string | Accepted,
      remotePort: number,
      options: TCPSocketOptions = {},
    ) {
      super(
        remoteAddress instanceof Accepted
          ? Promise.resolve(remoteAddress.connection)
          : connectTcp(stack, remoteAddress, remotePort, options),
      );
    }
  }
  class TCPServerSocket extends StackServerSocket {
    constructor(localAddress: string, options: TCPServerSocketOptions = {}) {
      const accepted = (connection: TcpConnection) => new TCPSocket(new Accepted(connection), 0);
      super(listenTcp(stack, localAddress, options), accepted);
    }
  }
  class UDPSocket extends StackUdpSocket {
    constructor(options: UDPSocketOptions = {}) {
      super(stack, openUdp(stack, options));
    }
  }
  return { TCPSocket, TCPServerSocket, UDPSocket };
}
