// SPDX-License-Identifier: MIT
// tcp - TCPSocket over a connection of a stack
//
// A stream that is over (ended, closed, cancelled, aborted, failed) leaves the other one as it is. When both are, the
// connection is closed in the background, and `closed` settles. A connection that fails settles it at once; bytes that came
// before are still in the readable.

import type { NetworkStack } from '../../api/stack.ts';
import type { TcpConnection } from '../../api/tcp.ts';
import { ByteEnds } from '../ends.ts';
import { SocketReadable, SocketWritable } from '../streams.ts';
import { buffersOf, checkQueryType, hostOf, numberOf, portOf } from './options.ts';
import { DirectSocket, networkErrorOf } from './socket.ts';
import type { TCPSocket, TCPSocketOpenInfo, TCPSocketOptions } from './types.ts';

const INT32_MAX = 0x7fff_ffff;
/** Smallest buffers of a connection. */
const LEAST_SEND = 4096;
const LEAST_RECEIVE = 65_536;

/**
 * Connects, for a TCPSocket.
 *
 * @param stack - The stack.
 * @param remoteAddress - A name or an address.
 * @param remotePort - 1 to 65535.
 * @param options - Of the constructor.
 * @returns The connection.
 * @throws {TypeError} At once, if an argument is out of range.
 */
export function connectTcp(
  stack: NetworkStack,
  remoteAddress: string,
  remotePort: number,
  options: TCPSocketOptions,
): Promise<TcpConnection> {
  const port = portOf('remotePort', remotePort);
  if (port === undefined) throw new TypeError('remotePort must be given');
  const delay = numberOf('keepAliveDelay', options.keepAliveDelay, 1000, 0xffff_ffff);
  const { noDelay = false, dnsQueryType } = options;
  checkQueryType(dnsQueryType);
  const settings = {
    port,
    noDelay: Boolean(noDelay),
    ...(delay !== undefined && { keepAlive: Math.min(delay, INT32_MAX) }),
    ...buffersOf(options, LEAST_SEND, LEAST_RECEIVE),
  };
  return hostOf(stack, String(remoteAddress), dnsQueryType).then((host) =>
    stack.connectTcp({ host, ...settings }),
  );
}

/** A TCPSocket, of a connection that opens. */
export class StackTcpSocket extends DirectSocket<TCPSocketOpenInfo> implements TCPSocket {
  #ends: ByteEnds | undefined;
  #readable: SocketReadable | undefined;
  #writable: SocketWritable | undefined;
  #error: unknown;

  constructor(connection: Promise<TcpConnection>) {
    super();
    connection.then(
      (open) => this.#open(open),
      (error) => this.setClosed(networkErrorOf(error)),
    );
  }

  #open(connection: TcpConnection): void {
    const ends = new ByteEnds(connection);
    this.#ends = ends;
    const failed = (error: unknown): unknown => {
      this.#error ??= networkErrorOf(error);
      queueMicrotask(() => this.#over());
      return this.#error;
    };
    const over = (): void => this.#over();
    const shut = (): void => {
      ends.end().catch(() => {});
      this.#over();
    };
    this.#readable = new SocketReadable(Promise.resolve(ends), {
      ended: over,
      cancelled: over,
      failed,
    });
    this.#writable = new SocketWritable(Promise.resolve(ends), {
      closed: shut,
      aborted: shut,
      failed,
    });
    connection.closed.catch((error) => {
      this.#error ??= networkErrorOf(error);
      this.#writable?.fail(this.#error);
      this.setClosed(this.#error);
    });
    const { remoteAddress, remotePort, localAddress, localPort } = connection;
    this.setOpen({
      ...{ readable: this.#readable.stream, writable: this.#writable.stream },
      ...{ remoteAddress, remotePort, localAddress, localPort },
    });
  }

  /** A stream is over. */
  #over(): void {
    if (!this.#readable?.isOver || !this.#writable?.isOver) return;
    void this.#ends?.close();
    this.setClosed(this.#error);
  }
}
