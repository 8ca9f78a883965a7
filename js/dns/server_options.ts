// SPDX-License-Identifier: MIT
// server_options - options and statistics of a DNS server

import type { StreamTransport } from '../api/transport.ts';
import type { DnsRcode, DnsType } from '../codec/dns_numbers.ts';
import type { HostsInit } from '../util/hosts.ts';
import type { DnsClientAddress, RequestFn } from './answer.ts';
import type { Forwarder } from './exchange.ts';
import type { Zone } from './zone.ts';

/** One question and its answer, for a log. */
export interface DnsLogEntry {
  /** Name that was asked for. */
  readonly name: string;
  /** Type that was asked for. */
  readonly type: DnsType;
  /** The client that asked. */
  readonly remote: DnsClientAddress;
  /** How it came. */
  readonly transport: 'udp' | 'tcp';
  /** Result. */
  readonly rcode: DnsRcode;
  /** Time it took, in ms. */
  readonly duration: number;
  /** The failure, if the result is SERVFAIL. */
  readonly error?: unknown;
}

/** Options of a DNS server. */
export interface DnsServerOptions {
  /** Address to listen on. @default all of the transport's */
  readonly host?: string;
  /** Port to listen on, 0 to 65535. @default 53 */
  readonly port?: number;
  /** Listens for TCP too, which long answers need. @default true, if the transport can listen */
  readonly tcp?: boolean | StreamTransport;
  /** Answers questions; returns undefined for what it does not know. */
  readonly request?: RequestFn;
  /** Zones to answer for. */
  readonly zones?: readonly Zone[];
  /** Names with fixed addresses; a Hosts is live. */
  readonly hosts?: HostsInit;
  /** Servers to ask for all other names, tried in this order. */
  readonly forward?: Forwarder | readonly Forwarder[];
  /** Answers of those that are kept, 0 to 1000000; false: none. @default 1000 */
  readonly cache?: number | false;
  /**
   * Addresses that are not public, in answers of other servers. 'deny' takes them out. Names below internal,
   * home.arpa, local, localhost and test may have them; a list adds names to these. @default 'deny'
   */
  readonly rebind?: 'deny' | 'allow' | readonly string[];
  /** Time for an answer, in ms, 1 to 2147483647; then it is SERVFAIL. @default 5000 */
  readonly timeout?: number;
  /** Most that clients may use. */
  readonly limits?: DnsServerLimits;
  /** Called for each question that was answered. Its exceptions are ignored. */
  readonly log?: (entry: DnsLogEntry) => void;
}

/** Most that clients may use, 1 to 1000000 each; anything beyond is dropped and counted. */
export interface DnsServerLimits {
  /** Questions being answered, of all clients. @default 4096 */
  readonly pending?: number;
  /** Questions being answered, of one address. @default 256 */
  readonly pendingPerClient?: number;
  /** TCP connections, of all clients. @default 256 */
  readonly connections?: number;
  /** TCP connections, of one address. @default 32 */
  readonly connectionsPerClient?: number;
  /** Time that a TCP connection may be without a whole message, or one may take to be sent, in ms. @default 10000 */
  readonly idle?: number;
}

/** Counters of a server. */
export interface DnsServerStatistics {
  /** Questions that came. */
  queries: number;
  /** Answers that were sent. */
  answers: number;
  /** Answers that were truncated. */
  truncated: number;
  /** Answers that say SERVFAIL because something here failed. */
  failed: number;
  /** Messages dropped because they are no query. */
  droppedMalformed: number;
  /** Questions and connections dropped because of a limit. */
  droppedLimit: number;
  /** Answers that the transport did not take. */
  droppedSend: number;
  /** TCP connections that were accepted. */
  connections: number;
}

/** The limits that are not given. */
export const LIMITS: Required<DnsServerLimits> = {
  pending: 4096,
  pendingPerClient: 256,
  connections: 256,
  connectionsPerClient: 32,
  idle: 10_000,
};

/** Counts what each client uses, and all together. */
export class Shares {
  readonly #most: number;
  readonly #each: number;
  readonly #used = new Map<string, number>();
  #all = 0;

  constructor(most: number, each: number) {
    this.#most = most;
    this.#each = each;
  }

  /** Takes one, if the client may have another. */
  take(client: string): boolean {
    const used = this.#used.get(client) ?? 0;
    if (used >= this.#each || this.#all >= this.#most) return false;
    this.#used.set(client, used + 1);
    this.#all++;
    return true;
  }

  /** Gives one back. */
  give(client: string): void {
    const used = (this.#used.get(client) as number) - 1;
    if (used === 0) this.#used.delete(client);
    else this.#used.set(client, used);
    this.#all--;
  }
}
