// SPDX-License-Identifier: MIT
// client_types - public types of the DHCP client

import type { ClientLease } from '../api/configuration.ts';
import type { DhcpMessage } from '../codec/dhcp.ts';
import { readDhcpOption } from '../codec/dhcp_options.ts';
import type { DhcpInterface, DhcpStack } from './transport.ts';

export type { ClientLease, DhcpClientEvent } from '../api/configuration.ts';

/**
 * An interface that takes the settings of a lease.
 *
 * @example
 * ```ts
 * import type { ConfigurableInterface } from 'ringstack/dhcp';
 *
 * const iface: ConfigurableInterface = {
 *   mac: '02:00:00:00:00:01',
 *   addresses: [],
 *   addAddress: (cidr) => console.log(`the address is ${cidr}`),
 * };
 * void iface;
 * ```
 */
export interface ConfigurableInterface extends DhcpInterface {
  /** Counters; while `dropped` grows, nothing reads what it sends. */
  readonly statistics?: {
    /** Packets that nothing read. */
    readonly dropped: number;
  };
  /**
   * Gives it an address.
   *
   * @param cidr - Address and prefix.
   * @returns Nothing, or a promise.
   * @throws The interface's error.
   */
  addAddress?(cidr: string): unknown;
  /**
   * Takes an address from it.
   *
   * @param cidr - Address and prefix.
   * @returns Nothing, or a promise.
   * @throws The interface's error.
   */
  removeAddress?(cidr: string): unknown;
  /**
   * Sets its gateway.
   *
   * @param ip - Address of the router; null: none.
   * @returns Nothing, or a promise.
   * @throws The interface's error.
   */
  setGateway?(ip: string | null): unknown;
  /**
   * Sets its MTU.
   *
   * @param mtu - Largest IP packet, bytes.
   * @returns Nothing, or a promise.
   * @throws NetError EINVAL if it cannot have this one; it is then ignored.
   */
  setMtu?(mtu: number): unknown;
}

/** A stack, as far as a client needs it. */
export interface ClientStack extends DhcpStack {
  /** Routes; those of a lease are added. */
  readonly routes?: {
    /** Adds a route. */
    add(route: { destination: string; via: string; interface: never }): unknown;
  };
}

/** Options of requestLease(). */
export interface DhcpClientOptions {
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
  /** Sets address, gateway, routes and MTU of the interface. @default true */
  readonly configure?: boolean;
  /** Whether another host has the address: it is then declined. @default no address is asked after */
  readonly isInUse?: (ip: string) => boolean | Promise<boolean>;
  /** Stack of the interface. @default the one that made it */
  readonly stack?: ClientStack;
  /** Gives up and closes when aborted. */
  readonly signal?: AbortSignal;
}

/** Prefix length of a netmask; 24 if there is none, or one with holes. */
function prefixOf(mask: string | undefined): number {
  const bits = (mask ?? '')
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('');
  return /^1+0*$/.test(bits) && bits.length === 32 ? bits.replace(/0+$/, '').length : 24;
}

/** The lease of an acknowledgement, undefined if it has none that can be used. */
export function leaseOf(message: DhcpMessage, now: number): ClientLease | undefined {
  const { yiaddr: ip, serverIdentifier: server, options } = message;
  const seconds = readDhcpOption(options, 'leaseTime');
  if (server === undefined || seconds === undefined || seconds === 0 || !isUsable(ip))
    return undefined;
  const duration = seconds === 0xffff_ffff ? Number.POSITIVE_INFINITY : seconds;
  const rebinding = readDhcpOption(options, 'rebindingTime') ?? (duration * 7) / 8;
  const rebindingTime = Math.min(rebinding, duration);
  const renewal = readDhcpOption(options, 'renewalTime') ?? duration / 2;
  return {
    ip,
    prefix: prefixOf(readDhcpOption(options, 'subnetMask')),
    server,
    duration,
    expiresAt: now + duration * 1000,
    renewalTime: Math.min(renewal, rebindingTime),
    rebindingTime,
    routers: readDhcpOption(options, 'routers') ?? [],
    routes: readDhcpOption(options, 'routes') ?? [],
    dnsServers: readDhcpOption(options, 'dnsServers') ?? [],
    domainName: readDhcpOption(options, 'domainName'),
    searchDomains: readDhcpOption(options, 'searchDomains') ?? [],
    ntpServers: readDhcpOption(options, 'ntpServers') ?? [],
    mtu: readDhcpOption(options, 'mtu'),
    hostname: readDhcpOption(options, 'hostName'),
    options,
  };
}

/** Whether an address is one that a host can have. */
function isUsable(ip: string): boolean {
  const first = Number(ip.split('.')[0]);
  return first > 0 && first < 224 && first !== 127;
}
