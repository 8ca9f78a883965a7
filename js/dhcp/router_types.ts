// SPDX-License-Identifier: MIT
// router_types - public types of router advertisements

/** A prefix that hosts make addresses of. */
export interface AdvertisedPrefix {
  /** Prefix, such as `fd00::/64`. */
  readonly prefix: string;
  /** Hosts make addresses of it. @default true */
  readonly autonomous?: boolean;
  /** Its addresses are on this link. @default true */
  readonly onLink?: boolean;
  /** Time for which addresses are valid, seconds. @default 2592000 */
  readonly validLifetime?: number;
  /** Time for which hosts use them for new connections, seconds. @default 604800 */
  readonly preferredLifetime?: number;
}

/** Options of advertiseRouter(). */
export interface RouterOptions {
  /** Prefixes. @default the networks of 64 bits of the interface, without link-local ones */
  readonly prefix?: string | AdvertisedPrefix | readonly (string | AdvertisedPrefix)[];
  /** Time for which we are a default router, seconds, 0 to 9000; 0: we are none. @default 1800 */
  readonly lifetime?: number;
  /** MTU for hosts, bytes, 1280 to 65535. @default that of the interface, if it is not 1500 */
  readonly mtu?: number;
  /** Name servers, IPv6. */
  readonly dnsServers?: readonly string[];
  /** Search list. */
  readonly searchDomains?: readonly string[];
  /** Hosts have their addresses from DHCPv6. @default false */
  readonly managed?: boolean;
  /** Hosts have other settings from DHCPv6. @default false */
  readonly other?: boolean;
  /** Whether hosts take us before other routers. @default 'medium' */
  readonly preference?: 'low' | 'medium' | 'high';
  /** Hop limit for hosts, 0 (not said) to 255. @default 64 */
  readonly hopLimit?: number;
  /** Longest time between two advertisements, seconds, 4 to 1800. @default 600 */
  readonly interval?: number;
  /** Stack of the interface. @default the one that made it */
  readonly stack?: RouterStack;
}

/** A message of ICMPv6, as far as it is needed here. */
export interface RouterMessage {
  /** Sender. */
  readonly host: string;
  /** The whole message. */
  readonly data: Uint8Array;
  /** Hop limit. */
  readonly ttl?: number;
}

/**
 * A socket for ICMPv6, as far as it is needed here.
 *
 * @example
 * ```ts
 * import type { RouterSocket } from 'ringstack/dhcp';
 *
 * const open = async (): Promise<RouterSocket> => stack.openIcmp({ family: 6, ttl: 255 });
 * void open;
 * ```
 */
export interface RouterSocket {
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  /**
   * Sends a message.
   *
   * @param data - The message.
   * @param host - Its destination.
   * @throws The stack's error.
   */
  send(data: Uint8Array, host: string): Promise<void>;
  /**
   * Becomes a member of a group.
   *
   * @param group - The group.
   * @param options - The interface.
   * @throws The stack's error.
   */
  join(group: string, options: { interface?: never }): Promise<void>;
  /**
   * Closes it.
   *
   * @throws Never.
   */
  close(): Promise<void>;
  /**
   * Iterates over the messages that come.
   *
   * @returns The iterator.
   * @throws The stack's error.
   */
  [Symbol.asyncIterator](): AsyncIterator<RouterMessage>;
}

/**
 * A stack that can send ICMPv6.
 *
 * @example
 * ```ts
 * import type { RouterStack } from 'ringstack/dhcp';
 *
 * const router: RouterStack = stack;
 * void router;
 * ```
 */
export interface RouterStack {
  /**
   * Opens a socket for ICMPv6.
   *
   * @param options - Family, interface and hop limit.
   * @returns The socket.
   * @throws The stack's error.
   */
  openIcmp(options: { family: 6; interface?: never; ttl: number }): Promise<RouterSocket>;
}

/** Counters of a router. */
export interface RouterStatistics {
  /** Advertisements sent, answers included. */
  sent: number;
  /** Solicitations that came. */
  solicitations: number;
  /** Solicitations that are malformed or from elsewhere. */
  droppedMalformed: number;
  /** Solicitations beyond the limit. */
  droppedLimit: number;
  /** Advertisements that the stack did not take. */
  droppedSend: number;
}
