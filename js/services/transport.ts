// SPDX-License-Identifier: MIT
// transport - what a small service is given, in one shape: a stack of either spelling, or transports

import type {
  DatagramSocket,
  DatagramTransport,
  StreamListener,
  StreamTransport,
} from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { show } from '../util/check.ts';

/** Options with which a service opens a socket. */
export interface ServiceSocketOptions {
  /** Address to bind to. */
  readonly host?: string;
  /** Port; without it a random free one. */
  readonly port?: number;
}

/**
 * A stack, as far as small services need it.
 *
 * @example
 * ```ts
 * import type { ServiceStack } from 'ringstack/services';
 *
 * const ours: ServiceStack = stack;
 * void ours;
 * ```
 */
export interface ServiceStack {
  /**
   * Opens a UDP socket.
   *
   * @param options - Address and port.
   * @returns The socket.
   * @throws The stack's error.
   */
  openUdp(options?: ServiceSocketOptions): Promise<DatagramSocket>;
  /**
   * Listens for TCP connections.
   *
   * @param options - Address and port.
   * @returns The listener.
   * @throws The stack's error.
   */
  listenTcp?(options: { host?: string; port: number }): Promise<StreamListener>;
}

/** The network below a service: a stack, one with `udp` and `tcp`, or a datagram transport. */
export type ServiceTransport = ServiceStack | ServiceTransports | DatagramTransport;

/** A stack in the spelling of tcpip.js 0.4. */
export interface ServiceTransports {
  /** Its datagrams. */
  readonly udp: DatagramTransport;
  /** Its streams. */
  readonly tcp?: StreamTransport;
}

/** The one shape. */
export interface ServiceNetwork {
  /** Opens a socket for datagrams. */
  readonly open: (options: ServiceSocketOptions) => Promise<DatagramSocket>;
  /** Listens for connections; undefined: there are none. */
  readonly listen:
    | ((options: { host?: string; port: number }) => Promise<StreamListener>)
    | undefined;
}

/**
 * Brings what a service was given into one shape.
 *
 * @param action - First half of the message.
 * @param transport - See ServiceTransport.
 * @returns The shape.
 * @throws {NetError} EINVAL if it is none of them.
 */
export function networkOf(action: string, transport: ServiceTransport): ServiceNetwork {
  if (typeof transport === 'object' && transport !== null) {
    if ('openUdp' in transport) {
      const listen = transport.listenTcp?.bind(transport);
      return { open: (options) => transport.openUdp(options), listen };
    }
    if ('udp' in transport) {
      const { udp, tcp } = transport;
      return { open: (options) => udp.open(options), listen: tcp?.listen?.bind(tcp) };
    }
    if ('open' in transport)
      return { open: (options) => transport.open(options), listen: undefined };
  }
  throw new NetError('EINVAL', `${action} on ${show(transport)}`, {
    reason: 'must be a stack or a datagram transport',
  });
}
