// SPDX-License-Identifier: MIT
// information_types - public types of stateless DHCPv6

import type { DatagramSocket } from '../api/transport.ts';

/** A socket that can be a member of groups. */
export type GroupSocket = DatagramSocket & {
  /** Becomes a member of a group. */
  join?(group: string, options: { interface?: never }): Promise<void>;
  /** Settles when it is closed. */
  readonly closed?: Promise<void>;
};

/**
 * A stack that opens sockets on one interface.
 *
 * @example
 * ```ts
 * import type { InformationStack } from 'ringstack/dhcp';
 *
 * const told: InformationStack = stack;
 * void told;
 * ```
 */
export interface InformationStack {
  /**
   * Opens a UDP socket.
   *
   * @param options - Port, interface.
   * @returns The socket.
   * @throws The stack's error.
   */
  openUdp(options: { port: number; interface?: never }): Promise<GroupSocket>;
}

/** Settings that a server told. */
export interface Information {
  /** Name servers. */
  readonly dnsServers: readonly string[];
  /** Search list. */
  readonly searchDomains: readonly string[];
  /** Time servers. */
  readonly sntpServers: readonly string[];
  /** Seconds until it should be asked for again, at least 600. */
  readonly refreshTime: number;
  /** All options by code. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Options of requestInformation(). */
export interface InformationOptions {
  /** Time for an answer, ms, 1 to 2147483647. @default 10000 */
  readonly timeout?: number;
  /** Stack of the interface. @default the one that made it */
  readonly stack?: InformationStack;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

/** Options of serveInformation(). */
export interface InformationServerOptions {
  /** Name servers, IPv6. */
  readonly dnsServers?: readonly string[];
  /** Search list. */
  readonly searchDomains?: readonly string[];
  /** Time servers, IPv6. */
  readonly sntpServers?: readonly string[];
  /** Seconds until hosts ask again, 600 to 4294967295. @default 86400 */
  readonly refreshTime?: number;
  /** Answers a second at the most, 1 to 100000. @default 200 */
  readonly maxRate?: number;
  /** Stack of the interface. @default the one that made it */
  readonly stack?: InformationStack;
}

/** Counters of serveInformation(). */
export interface InformationServerStatistics {
  /** Requests that were answered. */
  sent: number;
  /** Messages that are malformed. */
  droppedMalformed: number;
  /** Messages that are no request for information, for another server, or from beyond the link. */
  droppedOther: number;
  /** Requests beyond the rate. */
  droppedLimit: number;
  /** Answers that the stack did not take. */
  droppedSend: number;
}
