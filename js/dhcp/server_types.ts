// SPDX-License-Identifier: MIT
// server_types - public types of the DHCP server

import type { DhcpMessageType } from '../codec/dhcp.ts';
import type { DhcpOptionValues, DhcpRoute } from '../codec/dhcp_options.ts';
import type { DhcpLease } from './leases.ts';
import type { LeaseHosts } from './names.ts';
import type { DhcpInterface } from './transport.ts';

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Options by name, or by number as bytes or text. */
export type DhcpOptionsInit = DhcpOptionValues & Readonly<Record<number, Uint8Array | string>>;

/** A request, as functions of the program see it. */
export interface DhcpRequest {
  /** Kind of the message. */
  readonly type: DhcpMessageType;
  /** MAC of the client. */
  readonly mac: string;
  /** Its identifier, hex digits. */
  readonly clientId: string | undefined;
  /** Its name, made harmless. */
  readonly hostname: string | undefined;
  /** Its vendor class, such as `PXEClient:Arch:00007:UNDI:003016`. */
  readonly vendorClass: string | undefined;
  /** Its user class, such as `iPXE`. */
  readonly userClass: string | undefined;
  /** Architecture of a network boot: 0 BIOS, 7 and 9 x86-64 EFI, 11 ARM64 EFI (RFC 4578). */
  readonly architecture: number | undefined;
  /** The address that it asks for, or has. */
  readonly requestedIP: string | undefined;
  /** The address that it will get; undefined: none is free. */
  readonly ip: string | undefined;
  /** The relay that passed it on. */
  readonly relay: string | undefined;
  /** Interface that it came by. */
  readonly interface: unknown;
}

/** Changes to an answer. */
export interface DhcpDecision {
  /** Another address, of the range or not. */
  readonly ip?: string;
  /** Another duration, seconds. */
  readonly leaseDuration?: number;
  /** Another name. */
  readonly hostname?: string;
  /** Further options, in place of those of the server. */
  readonly options?: DhcpOptionsInit;
}

/**
 * Keeps leases when the program ends.
 *
 * @example
 * ```ts
 * import type { DhcpLease, DhcpStore } from 'ringstack/dhcp';
 *
 * let saved: DhcpLease[] = [];
 * const store: DhcpStore = {
 *   load: () => saved,
 *   save: (leases) => {
 *     saved = leases;
 *   },
 * };
 * void store;
 * ```
 */
export interface DhcpStore {
  /**
   * Called once, before the server listens.
   *
   * @returns The leases of the last save().
   * @throws Its error ends listen().
   */
  load(): MaybePromise<Iterable<DhcpLease> | undefined>;
  /**
   * Called when leases have changed, never twice at the same time. A lease is acknowledged when it is saved.
   *
   * @param leases - All of them.
   * @returns Nothing, or a promise that settles when they are saved.
   * @throws Its error becomes an event; the lease is acknowledged all the same.
   */
  save(leases: DhcpLease[]): MaybePromise<void>;
}

/** Options of a DHCP server. Those of tcpip.js mean the same; all but the range have defaults here. */
export interface DhcpServerOptions {
  /** First and last address to lease. */
  readonly leaseRange: {
    /** First. */
    readonly start: string;
    /** Last. */
    readonly end: string;
  };
  /** Duration of a lease, seconds, 60 to 4294967295 (no end). @default 86400 */
  readonly leaseDuration?: number;
  /** Address of the server. @default that of the interface */
  readonly serverIdentifier?: string;
  /** Netmask for clients. @default that of the interface */
  readonly netmask?: string;
  /** Router for clients; with clients behind a relay, whose network is another one, it must be given. @default the server */
  readonly router?: string;
  /** Name that every client gets. @default the one it asks for */
  readonly hostname?: string;
  /** Domain for clients. */
  readonly domainName?: string;
  /** Search list for clients. */
  readonly searchDomains?: readonly string[];
  /** Name servers for clients. */
  readonly dnsServers?: readonly string[];
  /** Serves this interface alone. @default all; defaults come from the one whose network holds the range */
  readonly interface?: DhcpInterface;
  /** Fixed addresses by MAC, of the range or not. */
  readonly reservations?: Readonly<Record<string, string>>;
  /** Tells clients apart by their identifier (option 61) where they send one, instead of by MAC. @default false */
  readonly clientId?: boolean;
  /** Further options. */
  readonly options?: DhcpOptionsInit;
  /** MTU for clients, 68 to 65535. @default that of the interface, if it is not 1500 */
  readonly mtu?: number;
  /** NTP servers for clients. */
  readonly ntpServers?: readonly string[];
  /** Routes for clients; the router is added as the default route if none is among them. */
  readonly routes?: readonly DhcpRoute[];
  /** Server of a network boot. @default the server, if there is a boot file */
  readonly nextServer?: string;
  /** Boot file, at most 127 bytes; a function chooses it. */
  readonly bootFile?: string | ((request: DhcpRequest) => string | undefined);
  /** URI of a captive portal's API. */
  readonly captivePortal?: string;
  /** Asks with a ping whether an address is in use before it offers it; a function asks in another way. @default false */
  readonly probe?: boolean | ((ip: string) => MaybePromise<boolean>);
  /** It is the only server of the network: it refuses addresses of clients that it does not know. @default true */
  readonly authoritative?: boolean;
  /** Leases and offers at the most, 1 to 1000000. @default 16384 */
  readonly maxLeases?: number;
  /** Messages that are answered, a second, 1 to 1000000; further ones are dropped and counted. @default 2000 */
  readonly maxRate?: number;
  /** Keeps leases. */
  readonly store?: DhcpStore;
  /** Takes the names of clients; false: none. @default the hosts of the stack */
  readonly hosts?: LeaseHosts | false;
  /**
   * Looks for the IPv6 addresses of clients with a name, in the networks of 64 bits of the interface, and adds them to
   * `hosts`. @default true, if the transport is a stack
   */
  readonly ipv6Names?: boolean;
  /** Decides about each request that would be answered. */
  readonly decide?: (
    request: DhcpRequest,
  ) => MaybePromise<DhcpDecision | 'ignore' | 'nak' | undefined>;
}

/** Something that happened. */
export interface DhcpEvent {
  /**
   * `lease`: a client has a new lease; `renew`: the same one for longer; `conflict`: a probe found the address in use;
   * `exhausted`: no address is free; `error`: the store or a function failed.
   */
  readonly kind:
    | 'offer'
    | 'lease'
    | 'renew'
    | 'nak'
    | 'release'
    | 'decline'
    | 'expire'
    | 'inform'
    | 'conflict'
    | 'exhausted'
    | 'error';
  /** MAC of the client; '' if it is about none. */
  readonly mac: string;
  /** The address. */
  readonly ip?: string | undefined;
  /** The lease. */
  readonly lease?: DhcpLease;
  /** The error. */
  readonly error?: unknown;
}

/** Counters of a DHCP server. */
export interface DhcpServerStatistics {
  /** Messages that came. */
  received: number;
  /** Answers that were sent. */
  sent: number;
  /** Messages that are malformed, not from a client, or not of Ethernet. */
  droppedMalformed: number;
  /** Messages of another network, or for another server. */
  droppedOther: number;
  /** Messages beyond `maxRate`, or beyond 256 that wait for a probe, a store or a function. */
  droppedLimit: number;
  /** Answers that the transport did not take. */
  droppedSend: number;
  /** Requests for which no address was free. */
  exhausted: number;
  /** Requests that a function or the store failed. */
  failed: number;
}
