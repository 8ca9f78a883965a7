// SPDX-License-Identifier: MIT
// forward_types - public types of forwarded ports

import type {
  DatagramSocket,
  DatagramTransport,
  StreamListener,
  StreamTransport,
} from '../api/transport.ts';

/** A transport, and the address and port to listen on. */
export interface ForwardListen {
  /** Transport that listens: node(), another stack's `tcp` or `udp`. */
  readonly transport: StreamTransport | DatagramTransport;
  /** Address to listen on. @default that of the transport */
  readonly host?: string;
  /** Port, 0: any. */
  readonly port: number;
  /** Protocol. @default 'tcp' */
  readonly protocol?: 'tcp' | 'udp';
}

/** A guest and its port. */
export interface ForwardTarget {
  /** Address or name. */
  readonly host: string;
  /** Port, 1 to 65535. */
  readonly port: number;
}

/** Options of forward(). */
export interface ForwardOptions {
  /** A listener, a datagram socket, or where to listen. The forwarded port closes it. */
  readonly listen: StreamListener | DatagramSocket | ForwardListen;
  /** The guest: an address or a name, and the port. */
  readonly to: ForwardTarget;
  /** Tells the guest the address of the client, by the PROXY protocol of that version. TCP only. @default it is not told */
  readonly proxyProtocol?: 1 | 2;
}

/** A forwarded port as parseForward() reads it. */
export interface ForwardPlan {
  /** Protocol. */
  readonly protocol: 'tcp' | 'udp';
  /** Address to listen on. */
  readonly host: string;
  /** Port to listen on, 0: any. */
  readonly port: number;
  /** The guest, `''`: the only one; and its port. */
  readonly to: ForwardTarget;
}

/**
 * A forwarded port.
 *
 * @example
 * ```ts
 * import type { Forward } from 'ringstack/gateway';
 *
 * const show = ({ protocol, port }: Forward): string => `${protocol} ${port}`;
 * void show;
 * ```
 */
export interface Forward extends AsyncDisposable {
  /** Protocol. */
  readonly protocol: 'tcp' | 'udp';
  /** Port it listens on, where the transport knows it. */
  readonly port: number | undefined;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  /**
   * Stops listening and ends its flows.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
