// SPDX-License-Identifier: MIT
// solicit_types - an interface and a stack as solicitRouter() needs them

import type { RouterStack } from './router_types.ts';
import type { DhcpInterface } from './transport.ts';

/**
 * A tap that takes addresses.
 *
 * @example
 * ```ts
 * import type { SlaacInterface } from 'ringstack/dhcp';
 *
 * const iface: SlaacInterface = tap;
 * void iface;
 * ```
 */
export interface SlaacInterface extends DhcpInterface {
  /** Its MAC address. */
  readonly mac: string;
  /** Counters; while `dropped` grows, nothing reads what it sends. */
  readonly statistics?: {
    /** Packets that nothing read. */
    readonly dropped: number;
  };
  /**
   * Gives it an address.
   *
   * @param cidr - Address and prefix.
   * @param options - Whether other hosts are asked first; `deprecated`: it is no source any more.
   * @returns Nothing, or a promise.
   * @throws NetError EADDRINUSE if another host has it, or the interface's error.
   */
  addAddress(cidr: string, options?: { detect?: boolean; deprecated?: boolean }): unknown;
  /**
   * Takes an address from it.
   *
   * @param cidr - Address and prefix.
   * @returns Nothing, or a promise.
   * @throws The interface's error.
   */
  removeAddress(cidr: string): unknown;
  /**
   * Sets its gateway.
   *
   * @param ip - Address of the router; null: none.
   * @param family - With null: of this family.
   * @returns Nothing, or a promise.
   * @throws The interface's error.
   */
  setGateway(ip: string | null, family?: 6): unknown;
  /**
   * Sets its MTU.
   *
   * @param mtu - Largest IP packet, bytes.
   * @returns Nothing, or a promise.
   * @throws The interface's error.
   */
  setMtu?(mtu: number): unknown;
}

/** A stack with sockets for ICMPv6, and routes. */
export interface SlaacStack extends RouterStack {
  /** Routes; prefixes that are on the link are added. */
  readonly routes?: {
    /** Adds a route. */
    add(route: { destination: string; interface: never }): unknown;
  };
}
