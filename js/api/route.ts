// SPDX-License-Identifier: MIT
// route - the public types of routes and neighbors

/// <reference lib="esnext.disposable" preserve="true" />

import type { NetworkInterface } from './interface.ts';

/** Options of `stack.routes.add()`: at least one of `via` and `interface`. */
export interface RouteOptions {
  /** The hosts it is for: a CIDR such as `10.1.0.0/16`, or `default`, which is that of the family of `via`. */
  readonly destination: string;
  /** The next hop: an address on the link. @default none: the hosts themselves are on the link */
  readonly via?: string;
  /** The interface that packets leave by. @default the one whose link has `via` */
  readonly interface?: NetworkInterface;
  /** Of routes to one destination the lowest is taken, 0 to 4294967295. @default 0 */
  readonly metric?: number;
}

/** A route of a stack, as it was at one moment. */
export interface RouteSnapshot {
  /** The hosts it is for, a CIDR; a default route has `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  /** The next hop, undefined: the hosts are on the link. */
  readonly via: string | undefined;
  /** The interface that packets leave by. */
  readonly interface: NetworkInterface;
  /** Of routes to one destination the lowest is taken. */
  readonly metric: number;
  /** `connected`: from an address of the interface; `gateway`: its gateway; `added`: by `routes.add()`. */
  readonly kind: 'connected' | 'gateway' | 'added';
}

/**
 * A route that was added.
 *
 * @example
 * ```ts
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * await using route = await stack.routes.add({ destination: '10.9.0.0/16', via: '10.0.0.2' });
 * await stack.close();
 * ```
 */
export interface RouteHandle extends AsyncDisposable {
  /** The hosts it is for, a CIDR. */
  readonly destination: string;
  /**
   * Removes the route. Does nothing if it is gone: removed, or with its interface or stack.
   *
   * @throws Never.
   */
  remove(): Promise<void>;
  /**
   * As remove().
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/**
 * The routes of a stack. To an address of its own it takes the loopback interface; else the route with the longest
 * prefix, of these that with the lowest metric, of these one whose interface has the source address.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack({ initializeLoopback: false });
 * const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * await stack.routes.add({ destination: 'default', via: '10.0.0.254' });
 * assert.equal((await stack.routes.lookup('192.0.2.1'))?.via, '10.0.0.254');
 * assert.equal((await stack.routes.lookup('10.0.0.9'))?.kind, 'connected');
 * assert.equal((await stack.routes.list()).every((route) => route.interface === tap), true);
 * await stack.close();
 * ```
 */
export interface Routes {
  /**
   * Adds a route. It stays when addresses change, and goes with its interface.
   *
   * @param options - Destination and way.
   * @returns Its handle.
   * @throws {NetError} EINVAL; EHOSTUNREACH if no link has the next hop; ENODEV, ENOMEM, ESHUTDOWN.
   */
  add(options: RouteOptions): Promise<RouteHandle>;
  /**
   * Lists the routes of all interfaces that are up.
   *
   * @returns Those of addresses, gateways, and added ones.
   * @throws {NetError} ENOMEM, ESHUTDOWN.
   */
  list(): Promise<RouteSnapshot[]>;
  /**
   * Finds the route to an address.
   *
   * @param address - IPv4 or IPv6.
   * @returns The route, null: there is none.
   * @throws {NetError} EINVAL, ENOMEM, ESHUTDOWN.
   */
  lookup(address: string): Promise<RouteSnapshot | null>;
}

/** A host on the link of a tap, as ARP (IPv4) or Neighbor Discovery (IPv6) knows it at one moment. */
export interface Neighbor {
  /** Its IP address. */
  readonly address: string;
  /** Its MAC address; undefined while it is asked for. */
  readonly mac: string | undefined;
  /** The interface it is reached by. */
  readonly interface: NetworkInterface;
  /**
   * As RFC 4861, 7.3.2 has them. Of IPv4, hosts that have answered are listed alone: `reachable`, for five minutes.
   */
  readonly state: 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe';
}
