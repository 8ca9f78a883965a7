// SPDX-License-Identifier: MIT
// udp - UDPSocket over a UDP socket of a stack
//
// A stream that is over leaves the other one as it is; when both are, the socket is closed and `closed` settles.

import type { NetworkStack } from '../../api/stack.ts';
import type { UdpSocket } from '../../api/udp.ts';
import { bytesOf } from '../../util/bytes.ts';
import type { Bytes } from '../ends.ts';
import { buffersOf, checkIp, checkQueryType, hostOf, portOf } from './options.ts';
import { DirectSocket, networkErrorOf } from './socket.ts';
import type {
  ReceivedUDPMessage,
  UDPMessage,
  UDPSocket,
  UDPSocketOpenInfo,
  UDPSocketOptions,
} from './types.ts';

/** Smallest buffer of a UDP socket. */
const LEAST = 2048;

function refuseIf(isWrong: boolean, why: string): void {
  if (isWrong) throw new TypeError(why);
}

/** Checks how options go together; returns whether the socket is connected. */
function isConnected(options: UDPSocketOptions): boolean {
  const { remoteAddress, remotePort, localAddress, localPort, dnsQueryType, ipv6Only } = options;
  const connects = remoteAddress !== undefined;
  const isBound = localAddress !== undefined;
  refuseIf(connects !== (remotePort !== undefined), 'remoteAddress and remotePort go together');
  refuseIf(localPort !== undefined && !isBound, 'localPort goes with localAddress');
  refuseIf(connects && isBound, 'remoteAddress and localAddress exclude each other');
  refuseIf(!connects && !isBound, 'remoteAddress or localAddress must be given');
  if (isBound) checkIp('localAddress', localAddress);
  checkQueryType(dnsQueryType);
  refuseIf(dnsQueryType !== undefined && isBound, 'dnsQueryType is for connected sockets');
  refuseIf(ipv6Only !== undefined && localAddress !== '::', 'ipv6Only is for :: alone');
  return connects;
}

/**
 * Opens a UDP socket, for a UDPSocket.
 *
 * @param stack - The stack.
 * @param options - Of the constructor.
 * @returns The socket.
 * @throws {TypeError} At once, if an option is out of range, or does not go with the others.
 */
export function openUdp(stack: NetworkStack, options: UDPSocketOptions): Promise<UdpSocket> {
  const connects = isConnected(options);
  const buffers = buffersOf(options, LEAST, LEAST);
  const local = portOf('localPort', options.localPort) ?? 0;
  const remote = portOf('remotePort', options.remotePort) ?? 0;
  const { remoteAddress = '', localAddress = '', dnsQueryType, ipv6Only = false } = options;
  if (!connects) {
    return stack.openUdp({
      host: localAddress,
      port: local,
      ipv6Only: Boolean(ipv6Only),
      ...buffers,
    });
  }
  return hostOf(stack, remoteAddress, dnsQueryType).then((host) =>
    stack.openUdp({ remote: { host, port: remote }, ...buffers }),
  );
}

/** A UDPSocket, of a socket that opens. */
export class StackUdpSocket extends DirectSocket<UDPSocketOpenInfo> implements UDPSocket {
  readonly #stack: NetworkStack;
  #isReadOver = false;
  #isWriteOver = false;
  #error: unknown;
  #socket: UdpSocket | undefined;

  constructor(stack: NetworkStack, socket: Promise<UdpSocket>) {
    super();
    this.#stack = stack;
    socket.then(
      (open) => this.#open(open),
      (error) => this.setClosed(networkErrorOf(error)),
    );
  }

  #open(socket: UdpSocket): void {
    this.#socket = socket;
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    const isConnected = remoteAddress !== undefined && remotePort !== undefined;
    this.setOpen({
      readable: this.#openReadable(socket, isConnected),
      writable: this.#openWritable(socket, isConnected),
      ...{ localAddress, localPort },
      ...(isConnected && { remoteAddress, remotePort }),
    });
  }

  #openReadable(socket: UdpSocket, isConnected: boolean): ReadableStream<ReceivedUDPMessage> {
    return new ReadableStream<ReceivedUDPMessage>(
      {
        pull: async (controller) => {
          try {
            const { data, host, port } = await socket.receive();
            if (this.#isReadOver) return;
            const from = isConnected ? {} : { remoteAddress: host, remotePort: port };
            controller.enqueue({ data: data as Bytes, ...from });
          } catch (error) {
            if (!this.#isReadOver) throw this.#failed(error, 'read');
          }
        },
        cancel: () => this.#over('read'),
      },
      { highWaterMark: 0 },
    );
  }

  #openWritable(socket: UdpSocket, isConnected: boolean): WritableStream<UDPMessage> {
    return new WritableStream<UDPMessage>({
      write: async (message) => {
        try {
          await this.#send(socket, isConnected, message);
        } catch (error) {
          throw this.#failed(error, 'write');
        }
      },
      close: () => this.#over('write'),
      abort: () => this.#over('write'),
    });
  }

  async #send(socket: UdpSocket, isConnected: boolean, message: UDPMessage): Promise<void> {
    const { data, remoteAddress, remotePort, dnsQueryType } = message ?? {};
    const bytes = bytesOf(data);
    if (isConnected) {
      const isAddressed = remoteAddress ?? remotePort ?? dnsQueryType;
      refuseIf(isAddressed !== undefined, 'A message of a connected socket has no address');
      return socket.send(bytes);
    }
    if (remoteAddress === undefined || remotePort === undefined) {
      throw new TypeError('A message of a bound socket needs remoteAddress and remotePort');
    }
    checkQueryType(dnsQueryType);
    const port = portOf('remotePort', remotePort) as number;
    return socket.send(bytes, {
      host: await hostOf(this.#stack, remoteAddress, dnsQueryType),
      port,
    });
  }

  /** A stream has failed; returns its error. */
  #failed(error: unknown, side: 'read' | 'write'): unknown {
    const what = networkErrorOf(error);
    this.#error ??= what;
    this.#over(side);
    return what;
  }

  /** A stream is over. */
  #over(side: 'read' | 'write'): void {
    if (side === 'read') this.#isReadOver = true;
    else this.#isWriteOver = true;
    if (!this.#isReadOver || !this.#isWriteOver) return;
    void this.#socket?.close();
    this.setClosed(this.#error);
  }
}
