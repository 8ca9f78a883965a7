// SPDX-License-Identifier: MIT
// auto_types - public types of forwarded ports that follow a guest

import type { StreamTransport } from '../api/transport.ts';
import type { Forward } from './forward_types.ts';
import type { FlowEnd } from './types.ts';

/** A port at which a guest listens. */
export interface OpenPort {
  /** The guest and its port. */
  readonly guest: FlowEnd;
  /** The forwarded port; undefined if none was asked for, or no port could be had. */
  readonly forward?: Forward;
  /** Why there is none. */
  readonly error?: unknown;
}

/** Options of forward('auto'). */
export interface AutoForwardOptions {
  /** Ports of the guest, 1 to 65535: numbers, and ranges such as '8000-8090'. @default those of usual servers */
  readonly ports?: readonly (number | string)[];
  /** The guest: an IPv4 address or a name; '' is the only one. @default '' */
  readonly to?: string;
  /** Listens outside, at the same number, or at any if that cannot be had. @default nothing is forwarded, only told */
  readonly listen?: {
    /** Transport that listens: node(), another stack's `tcp`. */
    readonly transport: StreamTransport;
    /** Address to listen on. @default that of the transport */
    readonly host?: string;
  };
  /** Called when the guest begins to listen at a port. */
  readonly onOpen?: (port: OpenPort) => void;
  /** Called when it listens there no more. */
  readonly onClose?: (port: OpenPort) => void;
  /** Probes a second, 1 to 1000. @default 100 */
  readonly rate?: number;
  /** ms from one round of probes to the next, from 100. @default 1000 */
  readonly interval?: number;
}

/**
 * Forwarded ports that follow a guest.
 *
 * @example
 * ```ts
 * import type { AutoForward } from 'ringstack/gateway';
 *
 * const numbers = (auto: AutoForward): number[] => [...auto.ports()].map(({ guest }) => guest.port);
 * void numbers;
 * ```
 */
export interface AutoForward extends AsyncDisposable {
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  /**
   * Lists the ports at which the guest listens.
   *
   * @returns Them, at this moment.
   * @throws Never.
   */
  ports(): Iterable<OpenPort>;
  /**
   * Ends the probes and the forwarded ports.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
