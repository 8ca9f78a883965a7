// SPDX-License-Identifier: MIT
// network - what createDns() is given, in one shape: a stack of either spelling, or transports

import type {
  DatagramSocket,
  DatagramTransport,
  StreamConnection,
  StreamListener,
  StreamTransport,
} from '../api/transport.ts';
import { NetError } from '../errors.ts';

/**
 * A stack in the spelling of tcpip.js 0.3.
 *
 * @example
 * ```ts
 * import type { UdpStack } from 'ringstack/dns';
 *
 * const closed: UdpStack = { openUdp: () => Promise.reject(new Error('there is no network')) };
 * ```
 */
export interface UdpStack {
  /**
   * Opens a UDP socket.
   *
   * @param options - Address and port to bind; without a port, a random free one.
   * @returns The socket.
   * @throws The stack's error.
   */
  openUdp(options?: { host?: string; port?: number }): Promise<DatagramSocket>;
  /**
   * Opens a TCP connection.
   *
   * @param options - The peer.
   * @returns The connection.
   * @throws The stack's error.
   */
  connectTcp?(options: { host: string; port: number }): Promise<StreamConnection>;
  /**
   * Listens for TCP connections.
   *
   * @param options - Where.
   * @returns The listener.
   * @throws The stack's error.
   */
  listenTcp?(options: { host?: string; port: number }): Promise<StreamListener>;
}

/** A stack in the spelling of tcpip.js 0.4. */
export interface TransportStack {
  /** Its datagrams. */
  readonly udp: DatagramTransport;
  /** Its streams, which long answers need. */
  readonly tcp?: StreamTransport;
}

/**
 * The network below DNS: a stack, its `udp`, or any datagram transport. Null: none, for a client whose name
 * servers are all functions or DNS over HTTPS.
 */
export type DnsTransport = UdpStack | TransportStack | DatagramTransport | null;

/** The one shape. */
export interface Network {
  open(options?: { host?: string; port?: number }): Promise<DatagramSocket>;
  readonly tcp: StreamTransport | undefined;
}

function tcpOf(stack: UdpStack): StreamTransport | undefined {
  if (!stack.connectTcp) return undefined;
  return {
    connect: (options) => (stack.connectTcp as NonNullable<UdpStack['connectTcp']>)(options),
    ...(stack.listenTcp && { listen: stack.listenTcp.bind(stack) }),
  };
}

/**
 * Brings what createDns() was given into one shape.
 *
 * @param transport - See DnsTransport.
 * @param tcp - Used for streams in place of the stack's own.
 * @returns The shape.
 * @throws NetError EINVAL if it is none of them.
 */
export function networkOf(transport: DnsTransport, tcp?: StreamTransport): Network {
  if (transport === null) {
    const refuse = (): Promise<never> =>
      Promise.reject(
        new NetError('ENOTSUP', 'Cannot open a socket', { reason: 'no transport was given' }),
      );
    return { open: refuse, tcp };
  }
  if (typeof transport === 'object' || typeof transport === 'function') {
    if ('openUdp' in transport) {
      return { open: (options) => transport.openUdp(options), tcp: tcp ?? tcpOf(transport) };
    }
    if ('udp' in transport) {
      return { open: (options) => transport.udp.open(options), tcp: tcp ?? transport.tcp };
    }
    if ('open' in transport) return { open: (options) => transport.open(options), tcp };
  }
  throw new NetError('EINVAL', 'Cannot use this transport for DNS', {
    reason: 'it is a stack, a datagram transport, or null',
  });
}
