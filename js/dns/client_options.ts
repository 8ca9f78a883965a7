// SPDX-License-Identifier: MIT
// client_options - options of a DNS client, and of what it is asked

import type { StreamTransport } from '../api/transport.ts';
import type { HostsInit } from '../util/hosts.ts';
import type { AskOptions } from './asker.ts';
import type { Forwarder } from './exchange.ts';

/**
 * Looks up names of .local. A program can bring its own.
 *
 * @example
 * ```ts
 * import type { LocalNames } from 'ringstack/dns';
 *
 * const fixed: LocalNames = { lookup: () => Promise.resolve('192.168.1.9') };
 * ```
 */
export interface LocalNames {
  /**
   * Looks a name up.
   *
   * @param name - Ends in `.local`.
   * @param options - Family of the address, and what ends the search.
   * @returns An address.
   * @throws NetError ENOTFOUND if nobody answers.
   */
  lookup(name: string, options?: LookupOptions): Promise<string>;
}

/** Options of a DNS client. */
export interface DnsClientOptions extends AskOptions {
  /** Name server. @default 127.0.0.1:53, which may be one on the same stack */
  readonly nameServer?: Forwarder;
  /** Name servers, in the order in which they are tried; in place of `nameServer`. */
  readonly nameServers?: readonly Forwarder[];
  /** Domains that lookups of short names are tried in. @default none */
  readonly search?: readonly string[];
  /** Names with so many dots are tried as they are first, 0 to 15. @default 1 */
  readonly ndots?: number;
  /** Carries long answers, in place of the stack's own TCP. */
  readonly tcp?: StreamTransport;
  /** Names with fixed addresses; a Hosts is live. */
  readonly hosts?: HostsInit;
  /** Looks up names of .local. */
  readonly mdns?: LocalNames;
}

/** Options of resolve() and query(). */
export interface ResolveOptions {
  /** Ends the wait, with its reason. */
  readonly signal?: AbortSignal;
}

/** Options of lookup() and lookupAll(). */
export interface LookupOptions extends ResolveOptions {
  /** Only addresses of this IP version. @default both */
  readonly family?: 4 | 6;
}
