// SPDX-License-Identifier: MIT
// configuration - the public types of interfaces that get their addresses from the network: leases and router advertisements

/** A lease of DHCP, as its client has it. */
export interface ClientLease {
  /** Our address. */
  readonly ip: string;
  /** Bits of its network, 0 to 32. */
  readonly prefix: number;
  /** The server. */
  readonly server: string;
  /** Duration, seconds; Infinity: it has no end. */
  readonly duration: number;
  /** End, ms since 1970. */
  readonly expiresAt: number;
  /** Time until it is renewed, seconds. */
  readonly renewalTime: number;
  /** Time until any server is asked, seconds. */
  readonly rebindingTime: number;
  /** Routers, the first one preferred. */
  readonly routers: readonly string[];
  /** Routes; if there are any, routers do not count. */
  readonly routes: readonly {
    /** Destination, such as `10.1.0.0/16`. */
    readonly destination: string;
    /** Address of the router. */
    readonly via: string;
  }[];
  /** Name servers. */
  readonly dnsServers: readonly string[];
  /** Domain. */
  readonly domainName: string | undefined;
  /** Search list. */
  readonly searchDomains: readonly string[];
  /** NTP servers. */
  readonly ntpServers: readonly string[];
  /** MTU of the network. */
  readonly mtu: number | undefined;
  /** Our name, as the server has it. */
  readonly hostname: string | undefined;
  /** All options by number. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Something that happened to a DHCP client. */
export interface DhcpClientEvent {
  /** `declined`: another host has the address; `lost`: the lease ended or was refused. */
  readonly kind: 'bound' | 'renewed' | 'rebound' | 'declined' | 'lost' | 'released';
  /** The lease. */
  readonly lease: ClientLease;
}

/** Settings of `ip: 'dhcp'`. */
export interface TapDhcpOptions {
  /** Name that we give ourselves. */
  readonly hostname?: string;
  /** Our identifier, 2 to 255 bytes. @default the MAC */
  readonly clientId?: Uint8Array;
  /** Address to ask for, such as that of an earlier run. */
  readonly requestedIP?: string;
  /** Vendor class. */
  readonly vendorClass?: string;
  /** Time for the first lease, ms, 1 to 2147483647. @default 30000 */
  readonly timeout?: number;
  /** Asks whether another host has the address (RFC 5227, 5 s), and declines it then. @default false */
  readonly detect?: boolean;
  /** Names are looked up at the name servers of the lease, if `stack.resolver` is not set. @default true */
  readonly resolver?: boolean;
  /** Gives up when aborted; afterwards it ends the client. */
  readonly signal?: AbortSignal;
}

/**
 * The DHCP client of an interface with `ip: 'dhcp'`.
 *
 * @example
 * ```ts
 * import type { InterfaceDhcp } from 'ringstack';
 *
 * async function watch(dhcp: InterfaceDhcp): Promise<void> {
 *   for await (const { kind, lease } of dhcp.events) console.log(kind, lease.ip);
 * }
 * void watch;
 * ```
 */
export interface InterfaceDhcp {
  /** The lease; the last one if it is lost, or was released. */
  readonly lease: ClientLease;
  /** Whether the lease counts now. */
  readonly isBound: boolean;
  /** Events, from the start of each loop on. */
  readonly events: AsyncIterable<DhcpClientEvent>;
  /** Settles when the client is closed. */
  readonly closed: Promise<void>;
  /**
   * Renews the lease now.
   *
   * @returns The lease, longer.
   * @throws {NetError} ESHUTDOWN if the client is closed or has no lease, ETIMEDOUT if no server answers, ECONNREFUSED
   *   if it refuses.
   */
  renew(): Promise<ClientLease>;
  /**
   * Gives the address back, takes it from the interface, and ends the client.
   *
   * @throws Never.
   */
  release(): Promise<void>;
}

/** Settings of `ip: 'slaac'`, and of solicitRouter(). */
export interface SlaacOptions {
  /**
   * At least 16 random bytes from which addresses are made (RFC 7217): with the same ones, and the same MAC, a tap has
   * the same address in the same network. @default new ones
   */
  readonly secret?: Uint8Array;
  /** Asks whether another host has an address before it is used (RFC 4862, 2 s). @default true */
  readonly detect?: boolean;
  /** Time for the first address, ms, 1 to 2147483647. @default 30000 */
  readonly timeout?: number;
  /** Asks for name servers by DHCPv6 when routers say that there are some. @default true */
  readonly information?: boolean;
  /** Gives up when aborted; afterwards it ends the client. */
  readonly signal?: AbortSignal;
}

/** Settings of `ip: 'slaac'`. */
export interface TapSlaacOptions extends SlaacOptions {
  /** Names are looked up at the name servers of routers, if `stack.resolver` is not set. @default true */
  readonly resolver?: boolean;
}

/** Something that routers have changed. */
export interface SlaacEvent {
  /**
   * `address` is there, `expired` (an address is gone), `conflict` (another host has an address), `router` (another one,
   * or none), `names` (name servers or domains), `mtu`.
   */
  readonly kind: 'address' | 'expired' | 'conflict' | 'router' | 'names' | 'mtu';
  /** The address, the router or the MTU. */
  readonly value?: string | number | undefined;
}

/** Counters of what routers say. */
export interface SlaacStatistics {
  /** Solicitations sent. */
  solicitations: number;
  /** Advertisements that count. */
  advertisements: number;
  /** Advertisements that are malformed, or come from elsewhere than the link. */
  droppedMalformed: number;
  /** Advertisements beyond 20 a second; prefixes, routers, servers beyond 8; addresses beyond 3. */
  droppedLimit: number;
  /** Addresses that another host had. */
  conflicts: number;
  /** Advertised values that the interface does not take. */
  failed: number;
}

/**
 * The client of routers of an interface with `ip: 'slaac'`.
 *
 * @example
 * ```ts
 * import type { InterfaceSlaac } from 'ringstack';
 *
 * async function watch(slaac: InterfaceSlaac): Promise<void> {
 *   for await (const { kind, value } of slaac.events) console.log(kind, value);
 * }
 * void watch;
 * ```
 */
export interface InterfaceSlaac {
  /** Addresses that were made of prefixes, as CIDRs. */
  readonly addresses: readonly string[];
  /** The router in use. */
  readonly router: string | undefined;
  /** Name servers that are valid now, of advertisements and of DHCPv6. */
  readonly dnsServers: readonly string[];
  /** Search list, the same way. */
  readonly searchDomains: readonly string[];
  /** MTU that a router told. */
  readonly mtu: number | undefined;
  /** Counters. */
  readonly statistics: Readonly<SlaacStatistics>;
  /** Events, from the start of each loop on. */
  readonly events: AsyncIterable<SlaacEvent>;
  /** Settles when the client is closed. */
  readonly closed: Promise<void>;
  /**
   * Takes addresses, routes and MTU back, and ends the client.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
